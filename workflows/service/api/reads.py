"""Reads of events that many watchers ask for at the same moment, made once: they all wake by the same notice."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass

from workflows.service.ports import Store
from workflows.service.values import Event

Key = tuple[str, str, int]


@dataclass(frozen=True)
class _Read:
    number: int
    task: asyncio.Task[tuple[Event, ...]]


class Reads:
    """Reads of one application, all of one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._going: dict[Key, _Read] = {}
        self._numbers = itertools.count()

    async def events(self, tenant: str, run: str, after: int) -> tuple[Event, ...]:
        """As `Store.events`. A read that was under way already counts only when it found something: it may have begun
        before what the caller was woken for.
        """
        asked = next(self._numbers)
        key = (tenant, run, after)
        while True:
            read = self._going.get(key) or self._begin(key)
            found = await asyncio.shield(read.task)
            if found or read.number > asked:
                return found

    def _begin(self, key: Key) -> _Read:
        tenant, run, after = key
        task = asyncio.create_task(self._read(tenant, run, after))
        read = self._going[key] = _Read(next(self._numbers), task)
        task.add_done_callback(lambda done: self._end(key, done))
        return read

    async def _read(self, tenant: str, run: str, after: int) -> tuple[Event, ...]:
        return await self._store.events(tenant, run, after=after)

    def _end(self, key: Key, done: asyncio.Task[tuple[Event, ...]]) -> None:
        self._going.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever still waits gets it; when all have gone nobody needs to
