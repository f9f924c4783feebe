"""Standard input and output as the server's wire: lines are bounded, and the end of the server never waits for input.

The SDK reads in a thread, which neither a bound nor a signal can end; so the wire is moved to descriptors of our own,
and what would be printed by accident goes to standard error.
"""

from __future__ import annotations

import asyncio
import os
import stat
from typing import Any, cast

import anyio
from mcp.server.mcpserver import MCPServer
from mcp.server.stdio import stdio_server

from workflows.exits import Refused
from workflows.observing.pipes import Lines

MOST_LINE = 16 << 20


async def serve(server: MCPServer[Any]) -> None:
    """Answer until standard input ends. Raises Refused where it is no pipe."""
    kind = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)):
        raise Refused("standard input must be a pipe: an editor or an assistant starts this command")
    wire_in, wire_out = _moved()
    reader = asyncio.StreamReader(limit=MOST_LINE)
    with os.fdopen(wire_in, "rb", buffering=0) as pipe, os.fdopen(wire_out, "w", encoding="utf-8") as out:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            lines = cast("anyio.AsyncFile[str]", Lines(reader))
            async with stdio_server(lines, anyio.wrap_file(out)) as (read, write):
                inner = server._lowlevel_server  # noqa: SLF001 - as the SDK's own `run_stdio_async`, which takes no streams
                await inner.run(read, write, inner.create_initialization_options())
        finally:
            transport.close()


def _moved() -> tuple[int, int]:
    """The wire on descriptors of our own; 0 is empty from now on, and 1 is standard error."""
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return wire_in, wire_out
