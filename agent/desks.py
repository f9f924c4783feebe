"""Desks of a real run: the toolbox over a site's base, with the run's logs and history at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.artifacts import Artifacts
from agent.bench import DeskOrder, Hands, Sights
from agent.site import Site
from tools.history import History
from tools.patches import diff_of
from tools.toolbox.desk import Desk
from tools.toolbox.using import Used, use

LOG = 2_000_000


@dataclass(frozen=True)
class _Hands:
    desk: Desk

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        return await use(self.desk, number, name, arguments)

    async def diff(self) -> str:
        return diff_of(self.desk.changes())


@dataclass(frozen=True)
class Farther:
    """A desk from which other systems can be asked too. names: of their tools."""

    hands: Hands
    sights: Sights
    names: frozenset[str]

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        return await (self.sights if name in self.names else self.hands).use(number, name, arguments)

    async def diff(self) -> str:
        return await self.hands.diff()


@asynccontextmanager
async def open_desk(
    site: Site,
    order: DeskOrder,
    *,
    artifacts: Artifacts,
    outputs: Path,
    history: History | None,
    commit: str | None,
    bisect: Callable[[str], Awaitable[str]] | None = None,
) -> AsyncIterator[Hands]:
    """A desk for a branch; its sandbox is opened when a tool first needs it, and ended with the context."""
    desk = Desk(
        base=site.base, open_sandbox=site.open, test=site.environment.recipe.test, quota=site.quota,
        test_s=order.test_s, outputs=outputs, suspects=order.suspects, failing=order.failing,
        protected=frozenset(order.protected),
        logs={name: artifacts.text(digest)[-LOG:] for name, digest in order.logs},
        history=history, commit=commit, writes=order.writes, bisect=bisect,
    )  # fmt: skip
    async with desk:
        yield _Hands(desk)
