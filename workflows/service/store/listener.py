"""One LISTEN connection per process, whose notices reach every watcher here; a missed one is found by asking."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable

import psycopg
from psycopg.rows import dict_row

from workflows.service.store.pool import LOST
from workflows.service.store.queries import queries

CHANNEL = "patchwright_runs"
AGAIN_S = 0.5


class Waiter:
    """Implements Watch."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def tell(self) -> None:
        """There is something new."""
        self._news.set()

    async def wait(self, timeout_s: float) -> bool:
        """See the protocol."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True


class Listener:
    """poll_s: how often the runs that are watched are looked at, notices or not."""

    def __init__(self, address: str, poll_s: float) -> None:
        self._address = address
        self._poll_s = poll_s
        self._waiters: dict[str, set[Waiter]] = defaultdict(set)
        self._seen: dict[str, int] = {}

    @contextlib.asynccontextmanager
    async def watch(self, subject: str) -> AsyncIterator[Waiter]:
        """A subscription. subject: a run's id, or "!" and the id for what its worker is told."""
        waiter = Waiter()
        self._waiters[subject].add(waiter)
        try:
            yield waiter
        finally:
            self._waiters[subject].discard(waiter)
            if not self._waiters[subject]:
                del self._waiters[subject]
                self._seen.pop(subject, None)

    async def listen(self) -> None:
        """Listen until cancelled. After a break everybody is told that there may be news."""
        while True:
            with contextlib.suppress(*LOST):
                async with await psycopg.AsyncConnection.connect(
                    self._address, autocommit=True, connect_timeout=5, row_factory=dict_row
                ) as connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self._tell(list(self._waiters))
                    while True:
                        async for notice in connection.notifies(timeout=self._poll_s):
                            self._tell([notice.payload])
                        await self._look(connection)
            await asyncio.sleep(AGAIN_S)

    def _tell(self, subjects: Iterable[str]) -> None:
        for subject in subjects:
            for waiter in self._waiters.get(subject, ()):
                waiter.tell()

    async def _look(self, connection: psycopg.AsyncConnection[psycopg.rows.DictRow]) -> None:
        watched = [subject for subject in self._waiters if not subject.startswith("!")]
        rows = await (await connection.execute(queries()["sequences"], {"runs": watched})).fetchall()
        now = {row["id"]: row["last_seq"] for row in rows}
        self._tell([run for run, seq in now.items() if self._seen.get(run) != seq])
        self._seen = now
