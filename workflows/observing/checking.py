"""What keeps a file of servers from being used, as far as can be told without asking any of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.tool import ToolError
from workflows.observing.servers import MOST_FILE, Server, read_servers
from workflows.references import ReferenceBroken, secret


def lacking(file: Path) -> tuple[str, ...]:
    """Sentences; empty for a file with which a model can ask something. Raises OSError."""
    with file.open("rb") as opened:
        data = opened.read(MOST_FILE + 1)
    try:
        servers = read_servers(data.decode("utf-8", "replace")).servers
    except ToolError as error:
        return (str(error),)
    lacks = [f"servers.{name}: {each}" for name, server in servers.items() for each in _lacks(server)]
    if not any(tool.model for server in servers.values() for tool in server.tools.values()):
        lacks.append("servers: none has a tool with `model: true`, so a model may ask nothing")
    return tuple(lacks)


def _lacks(server: Server) -> Iterator[str]:
    if server.command and shutil.which(server.command[0]) is None:
        yield f"command: there is no program {server.command[0]}"
    for name, reference in {**server.env, **server.headers}.items():
        try:
            secret(reference)
        except ReferenceBroken as error:
            yield f"{'env' if server.command else 'headers'}.{name}: {error}"
