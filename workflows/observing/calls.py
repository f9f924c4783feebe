"""Servers of the Model Context Protocol, asked: nothing that they say is an instruction, and none of it is executed.

A server that is started gets no variables but PATH, HOME and those that its entry names. What it says is bounded; it
ends with the questions. A tool is called only when it is allowed by name and its description is the pinned one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio
import httpx2
from mcp import Client, MCPError
from mcp.client._transport import TransportStreams
from mcp.server.stdio import stdio_server
from mcp_types import CallToolResult, TextContent, Tool

from tools.oplogs.masking import mask
from tools.tool import ToolError
from tools.triage.observed import Seen
from workflows.observing.pipes import Lines
from workflows.observing.remote import over_http
from workflows.observing.servers import Argument, Server, Servers
from workflows.references import ReferenceBroken, secret
from workflows.settings import host_variables
from workflows.text import line

MOST_TOOLS = 500
SHOWN = 300
UNTRUSTED = "untrusted answer"


@dataclass(frozen=True)
class Offered:
    """A tool that a server offers. sha256: of its description and schema; allowed: "yes", "no", or "changed"."""

    server: str
    tool: str
    sha256: str
    allowed: str
    description: str


def offered(servers: Servers) -> tuple[Offered, ...]:
    """What all of them offer. Raises ToolError for one that does not answer."""
    return asyncio.run(_offered(servers))


def answers(servers: Servers, places: Mapping[str, str], notes: list[str]) -> tuple[Seen, ...]:
    """What the queries of the file bring; what one of them cannot say is noted. places: placeholder -> text."""
    return asyncio.run(_answers(servers, places, notes))


async def _offered(servers: Servers) -> tuple[Offered, ...]:
    found: list[Offered] = []
    for name, server in servers.servers.items():
        async with _limited(name, server), _client(server) as client:
            for tool in await _tools(client):
                pin = digest(tool)
                found.append(Offered(name, line(tool.name, 128), pin, _allowed(server, tool.name, pin),
                                     line(tool.description or "", 200)))  # fmt: skip
    return tuple(found)


async def _answers(servers: Servers, places: Mapping[str, str], notes: list[str]) -> tuple[Seen, ...]:
    found: list[Seen] = []
    for query in servers.queries:
        arguments = {name: _filled(value, places) for name, value in query.arguments.items()}
        try:
            text = await ask(query.server, servers.servers[query.server], query.tool, arguments)
            found.append(seen(query.name, (query.server, query.tool), arguments, text))
        except ToolError as error:
            notes.append(f"mcp {query.name}: {error}")
    return tuple(found)


async def ask(name: str, server: Server, tool: str, arguments: Mapping[str, Any]) -> str:
    """What a tool answers. Its description is looked at on the connection that is then asked: it cannot change in
    between. Raises ToolError.
    """
    async with _limited(name, server), _client(server) as client:
        known = next((each for each in await _tools(client) if each.name == tool), None)
        if known is None:
            raise ToolError(f"{name} has no tool {tool}")
        if _allowed(server, known.name, digest(known)) != "yes":
            raise ToolError(f"the description of {tool} is not the pinned one: look at it (patchwright mcp tools)")
        answer = await client.call_tool(tool, dict(arguments))
        text = _text(answer)
        if answer.is_error:
            raise ToolError(f"{tool} says: {line(mask(text[:2000]), 200)}")
        return text


def seen(title: str, asked: tuple[str, str], arguments: Mapping[str, Any], text: str) -> Seen:
    """An answer as evidence. asked: server and tool."""
    server, tool = asked
    again = json.dumps({"server": server, "tool": tool, "arguments": dict(arguments)})
    said = f"{title} ({UNTRUSTED} of {server}, {len(text)} characters): {line(mask(text[:4000]), SHOWN)}"
    return Seen(kind="answer", summary=said, time=int(time.time()), where=server, query=f"mcp {again}")


async def tools_of(name: str, server: Server) -> list[Tool]:
    """What a server offers and may be asked for, with the description that was pinned. Raises ToolError."""
    async with _limited(name, server), _client(server) as client:
        return [tool for tool in await _tools(client) if _allowed(server, tool.name, digest(tool)) == "yes"]


def digest(tool: Tool) -> str:
    """Of all that a tool says of itself."""
    shown = tool.model_dump(mode="json", by_alias=True, exclude_none=True)
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _allowed(server: Server, name: str, pin: str) -> str:
    entry = server.tools.get(name)
    return "no" if entry is None else "yes" if entry.sha256 in ("", pin) else "changed"


def _filled(value: Argument, places: Mapping[str, str]) -> Argument:
    if isinstance(value, str):
        for name, text in places.items():
            value = value.replace(f"{{{name}}}", text)
    return value


def _text(answer: CallToolResult) -> str:
    texts = [block.text for block in answer.content if isinstance(block, TextContent)]
    return "\n".join(texts) or json.dumps(answer.structured_content)


async def _tools(client: Client) -> list[Tool]:
    found: list[Tool] = []
    cursor: str | None = None
    while len(found) < MOST_TOOLS:
        page = await client.list_tools(cursor=cursor)
        found += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return found


@asynccontextmanager
async def _limited(name: str, server: Server) -> AsyncIterator[None]:
    """What a server does wrong, as ToolError; it has its time-out for connecting, listing and answering together."""
    try:
        async with asyncio.timeout(server.timeout_s):
            yield
    except TimeoutError:
        raise ToolError(f"{name} did not answer within {server.timeout_s:g} s, or with too much") from None
    except ToolError:
        raise
    except Exception as error:  # noqa: BLE001 - the SDK's tasks wrap what happened in groups
        raise _told(name, error) from None


def _told(name: str, error: BaseException) -> ToolError:
    """The first error inside groups, as a user reads it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ToolError):
        return error
    known = isinstance(error, MCPError | OSError | ValueError | httpx2.TransportError)
    said = line(str(error), 200)
    return ToolError(f"{name}: {said}" if known and said else f"{name} broke off ({type(error).__name__})")


def _client(server: Server) -> AbstractAsyncContextManager[Client]:
    return over_http(server) if server.url else _started(server)


@asynccontextmanager
async def _started(server: Server) -> AsyncIterator[Client]:
    try:
        given = {name: secret(reference) for name, reference in server.env.items()}
    except ReferenceBroken as error:
        raise ToolError(str(error)) from error
    kept = {name: value for name, value in host_variables().items() if name in ("PATH", "HOME", "LANG")}
    process = await asyncio.create_subprocess_exec(
        *server.command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env=kept | given, start_new_session=True, limit=server.most_bytes,
    )  # fmt: skip
    try:
        async with Client(_wire(process), mode="legacy") as client:
            yield client
    finally:
        _kill(process)
        await asyncio.shield(process.wait())


@asynccontextmanager
async def _wire(process: asyncio.subprocess.Process) -> AsyncIterator[TransportStreams]:
    assert process.stdout is not None  # noqa: S101 - both are pipes
    assert process.stdin is not None  # noqa: S101
    lines = cast("anyio.AsyncFile[str]", Lines(process.stdout))
    async with stdio_server(lines, cast("anyio.AsyncFile[str]", Sink(process.stdin))) as streams:
        try:
            yield streams
        finally:
            _kill(process)


@dataclass(frozen=True)
class Sink:
    """Where lines to a server go, as the SDK writes them."""

    writer: asyncio.StreamWriter

    async def write(self, text: str) -> None:
        """Handed to the pipe."""
        self.writer.write(text.encode())

    async def flush(self) -> None:
        """Until the pipe has it; a server that is gone is told by its silence."""
        with suppress(ConnectionError):
            await self.writer.drain()


def _kill(process: asyncio.subprocess.Process) -> None:
    """The server and all that it began."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
