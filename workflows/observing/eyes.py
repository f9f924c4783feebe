"""Tools of servers that a model may call, in a triage or a diagnosis: those that the user's file gives to it.

What a model asks for goes to the server and nowhere near the repository or a sandbox; what comes back is a stranger's
text: masked, bounded, fenced, and evidence with the question that brings it again.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_types import Tool

from agent.model import ToolSpec
from agent.nodes.case import data
from tools.oplogs.masking import mask
from tools.tool import ToolError
from tools.toolbox.using import Answer, Used
from tools.triage.observed import Seen
from workflows.observing.calls import ask, seen, tools_of
from workflows.observing.servers import Server, Servers, read_servers
from workflows.text import line

MOST_CALLS = 12
MOST_SHOWN = 6000  # characters of an answer
MOST_SCHEMA, MOST_ARGUMENTS = 6000, 8000
_NAME = re.compile(r"[^A-Za-z0-9_-]")


@dataclass
class ServerEyes:
    """tools: by the names that a model calls them, the server and the tool; seen: what was answered; notes: why not."""

    servers: Servers
    specs: tuple[ToolSpec, ...] = ()
    tools: dict[str, tuple[str, str]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _calls: int = 0

    @classmethod
    async def opened(cls, servers: Servers) -> ServerEyes:
        """With what the servers offer now; one that does not answer is noted."""
        eyes = cls(servers)
        for name, server in servers.servers.items():
            if any(each.model for each in server.tools.values()):
                await eyes._offer(name, server)
        return eyes

    async def _offer(self, name: str, server: Server) -> None:
        try:
            known = {tool.name: tool for tool in await tools_of(name, server)}
        except ToolError as error:
            self.notes.append(f"mcp {name}: {error}")
            return
        for tool in (tool for tool, allowed in server.tools.items() if allowed.model):
            why = _unfit(known.get(tool))
            if why:
                self.notes.append(f"mcp {name} {tool}: not offered to the model: {why}")
                continue
            called = _NAME.sub("_", f"{name}__{tool}")[:64]
            if called not in self.tools:
                self.tools[called] = (name, tool)
                self.specs += (_spec(called, known[tool]),)

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        """One question. Never raises for what a model or a server says."""
        del number
        try:
            server, tool = self._known(name, arguments)
            text = await ask(server, self.servers.servers[server], tool, arguments)
        except ToolError as error:
            return Used(text=f"ERROR: {data(str(error), 600)}", ok=False)
        found = seen(f"{tool}, asked by the model", (server, tool), arguments, text)
        self.seen.append(found)
        whole = mask(text[: 4 * MOST_SHOWN])
        cut = len(text) > MOST_SHOWN
        left = f"\n[{len(text):,} characters, of which the first are shown: ask for less]" if cut else ""
        answer = Answer(summary=found.summary, time=found.time, where=found.where, query=found.query)
        return Used(
            text=f"<<<DATA\n{data(whole, MOST_SHOWN)}\nDATA>>>{left}", full=len(text) if cut else 0, answer=answer
        )

    async def diff(self) -> str:
        """Nothing is edited here."""
        return ""

    def _known(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
        self._calls += 1
        if self._calls > MOST_CALLS:
            raise ToolError(f"{MOST_CALLS} questions were asked: no more can be")
        if name not in self.tools:
            raise ToolError(f"there is no tool {line(name, 80)}; there are {', '.join(self.tools)}")
        if len(json.dumps(dict(arguments))) > MOST_ARGUMENTS:
            raise ToolError(f"the arguments have more than {MOST_ARGUMENTS} characters")
        return self.tools[name]


def _unfit(tool: Tool | None) -> str:
    """Why a tool is not for a model, "" where it is."""
    if tool is None:
        return "the server does not have it, or its description is not the pinned one"
    said = tool.annotations
    if said is not None and (said.read_only_hint is False or said.destructive_hint is True):
        return "it says of itself that it changes something"
    return "its schema is too long" if len(json.dumps(tool.input_schema)) > MOST_SCHEMA else ""


def _spec(called: str, tool: Tool) -> ToolSpec:
    return ToolSpec(name=called, description=line(tool.description or "", 1000), parameters=tool.input_schema)


def looking(file: Path) -> Callable[[], Awaitable[ServerEyes]]:
    """What opens the servers of a file for a model, when it first needs them; what is wrong with it is noted."""

    async def look() -> ServerEyes:
        try:
            text = await asyncio.to_thread(file.read_text, encoding="utf-8", errors="replace")
            return await ServerEyes.opened(read_servers(text))
        except (OSError, ToolError) as error:
            return ServerEyes(Servers(servers={}), notes=[f"mcp: {line(str(error), 300)}"])

    return look
