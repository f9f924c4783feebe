"""An attempt's progress as events: collected, and written at most every 100 ms."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import structlog

from agent.bench import Progress
from workflows.service.fence import Fence
from workflows.service.ports import StoreDown
from workflows.service.store.attempts import Attempts, Superseded
from workflows.service.values import EventKind
from workflows.text import line

EVERY_S = 0.1
MOST = 50
Entry = tuple[EventKind, str, str]


class Journal:
    """`emit` never waits. Of lines of one node that come faster than they are written, the last is kept."""

    def __init__(self, store: Attempts, fence: Fence) -> None:
        self._store = store
        self._fence = fence
        self._waiting: list[Entry] = []
        self._news = asyncio.Event()
        self._closing = False

    def emit(self, progress: Progress) -> None:
        """Keep a line for the next write."""
        entry: Entry = ("progress", progress.node, line(progress.text, 2000))
        if self._waiting and self._waiting[-1][1] == progress.node and not _marks(self._waiting[-1][2]):
            self._waiting.pop()
        self._waiting.append(entry)
        self._news.set()

    async def write(self) -> None:
        """Write what is waiting. Nothing is lost when the database is away; ends the process when superseded."""
        while self._waiting:
            batch = self._waiting[:MOST]
            del self._waiting[:MOST]
            try:
                await self._store.progress(self._fence.claim, batch)
            except Superseded as error:
                raise self._fence.fall() from error
            except StoreDown:
                self._waiting[:0] = batch
                raise

    async def _keep_writing(self) -> None:
        log = structlog.get_logger().bind(run=self._fence.claim.run.id)
        while not self._closing:
            await self._news.wait()
            self._news.clear()
            try:
                await self.write()
            except StoreDown as error:
                log.warning("events wait for the database", why=str(error))
                self._news.set()
            await asyncio.sleep(EVERY_S)

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Write in the background for as long as the context lasts.

        A write under way is not cancelled but waited for: whoever writes next would come before it.
        """
        writing = asyncio.create_task(self._keep_writing(), name="journal")
        try:
            yield
        finally:
            self._closing = True
            self._news.set()
            await writing


def _marks(text: str) -> bool:
    """Whether a line says that a node began or ended: those are never replaced."""
    return text == "started" or text.startswith("finished:")
