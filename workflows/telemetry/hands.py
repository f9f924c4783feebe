"""Hands at a desk whose calls are counted and traced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.bench import Hands
from tools.toolbox.using import ALL, Used
from workflows.telemetry.figures import Figures
from workflows.telemetry.tracing import failed, span

_TOOLS = frozenset(tool.name for tool in ALL)


@dataclass(frozen=True)
class WatchedHands:
    """Implements the protocol."""

    within: Hands
    figures: Figures

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        """See the protocol. A tool that the model made up has no name here."""
        tool = name if name in _TOOLS else "unknown"
        named = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        with span(f"execute_tool {tool}", attributes=named) as made:
            used = await self.within.use(number, name, arguments)
            self.figures.used(tool, ok=used.ok)
            if not used.ok:
                failed(made, "tool_error")
            return used

    async def diff(self) -> str:
        """See the protocol."""
        return await self.within.diff()
