"""The hub as one value: its world, its post, what goes wrong, who asked what, and what it still has to do."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from workflows.github.hub.faults import Fault, Limits
from workflows.github.hub.post import Post
from workflows.github.hub.runner import Runner
from workflows.github.hub.world import World


@dataclass(frozen=True)
class Heard:
    """A request as the audit keeps it. who: "app", a token's label, a person, or nobody (""); holds no secret."""

    method: str
    path: str
    who: str
    status: int
    process: str = ""


@dataclass(frozen=True)
class Link:
    """What lies behind an address until `ends` (monotonic seconds)."""

    data: bytes
    kind: str
    ends: float


@dataclass
class Hub:
    """One per process. automatic: pushes and pulls start the workflows of their commits; word: what those say who steer
    it; troubles: faults of its own.
    """

    world: World
    post: Post
    runner: Runner
    limits: Limits = field(default_factory=Limits)
    faults: list[Fault] = field(default_factory=list)
    audit: list[Heard] = field(default_factory=list)
    automatic: bool = True
    word: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    troubles: list[str] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it besides."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.troubles.append(repr(error))

    async def settled(self) -> None:
        """Wait until nothing runs and everything is delivered."""
        while self.tasks:
            await asyncio.wait(set(self.tasks))
            await self.post.waiting.join()
        await self.post.waiting.join()
