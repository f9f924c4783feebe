"""One question to the database for all who ask the same at the same moment, as watchers of one run do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Callers share an answer only when its question was put after they asked: none hears what was true before."""

    def __init__(self) -> None:
        self._gathering: dict[Hashable, asyncio.Task[T]] = {}

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[T]]) -> T:
        """The answer to `question`, which is the same for all callers with this key."""
        task = self._gathering.get(key)
        if task is None:
            task = asyncio.create_task(self._put(key, question))
            self._gathering[key] = task
        return await asyncio.shield(task)  # one caller that goes away takes nothing from the others

    async def _put(self, key: Hashable, question: Callable[[], Awaitable[T]]) -> T:
        await asyncio.sleep(0)  # all who were woken by the same notice ask now
        del self._gathering[key]
        return await question()
