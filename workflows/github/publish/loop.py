"""Looks every second for pull requests that there is news of, and has them brought up to date.

What did not work is tried again, later each time; after a start everything of the last month is looked at, which says
nothing where nothing is different.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from workflows.github.forge import ForgeAway, ForgeBusy
from workflows.github.publish.board import Board
from workflows.github.publish.publisher import Busy, Publisher
from workflows.service.ports import StoreDown

LOOK_S = 1.0
_FIRST_S = 2.0
_LONGEST_S = 600.0
_OVERLAP = timedelta(seconds=30)  # a change is seen when its transaction ends, and dated when it began
_BACK = timedelta(days=30)
Key = tuple[int, int]
_log = structlog.get_logger("patchwright.publish")


class Loop:
    """concurrency: pull requests at the same time."""

    def __init__(
        self, publisher: Publisher, board: Board, *, concurrency: int = 4,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:  # fmt: skip
        self.stopping = asyncio.Event()
        self._publisher = publisher
        self._board = board
        self._concurrency = concurrency
        self._now = now
        self._since = now() - _BACK
        self._seen: dict[Key, datetime] = {}
        self._due: dict[Key, datetime] = {}
        self._failed: dict[Key, int] = {}
        self._running: dict[Key, asyncio.Task[bool]] = {}

    async def run(self) -> None:
        """Until `stopping` is set; what is being said is said to its end. One that is slow holds up no other."""
        while not self.stopping.is_set():
            try:
                await self._news()
            except StoreDown as error:
                _log.warning("the database is away", reason=str(error))
            self._start()
            try:
                await asyncio.wait_for(self.stopping.wait(), LOOK_S)
            except TimeoutError:
                continue
        await asyncio.gather(*self._running.values())

    async def look(self) -> int:
        """One round, to its end: how many pull requests were brought up to date."""
        await self._news()
        done = 0
        while self._start():
            done += sum(await asyncio.gather(*self._running.values()))
        return done

    def _start(self) -> bool:
        """Begin with what is due, as far as there is room; whether something is under way."""
        now = self._now()
        for key in [key for key, at in self._due.items() if at <= now and key not in self._running]:
            if len(self._running) >= self._concurrency:
                break
            del self._due[key]
            task = asyncio.create_task(self._one(key))
            self._running[key] = task
            task.add_done_callback(lambda _, key=key: self._running.pop(key, None))  # type: ignore[misc]
        return bool(self._running)

    async def _news(self) -> None:
        while True:
            rows = await self._board.changed(self._since, 200)
            fresh = [row for row in rows if self._seen.get(row[:2]) != row[2]]
            for place, subject, at in fresh:
                self._seen[place, subject] = at
                self._due[place, subject] = self._now()
            if rows:
                newest = rows[-1][2]
                full = len(rows) == 200
                self._since = max(self._since, newest if full else newest - _OVERLAP)
            if len(rows) < 200:
                self._seen = {key: at for key, at in self._seen.items() if at > self._since}
                return

    async def _one(self, key: Key) -> bool:
        try:
            await self._publisher.speak(*key)
        except Busy:
            self._later(key, _FIRST_S)
        except ForgeBusy as error:
            self._later(key, error.after_s)
        except (ForgeAway, StoreDown) as error:
            self._again(key)
            _log.warning("said later", repository=key[0], subject=key[1], reason=str(error))
        except Exception:  # noqa: BLE001 - one that cannot be told about must not silence the others
            _log.exception("not said", repository=key[0], subject=key[1])
            self._again(key)
        else:
            self._failed.pop(key, None)
            return True
        return False

    def _again(self, key: Key) -> None:
        """Ever later."""
        self._failed[key] = self._failed.get(key, 0) + 1
        self._later(key, min(_FIRST_S * 2 ** min(self._failed[key], 10), _LONGEST_S))

    def _later(self, key: Key, after_s: float) -> None:
        self._due.setdefault(key, self._now() + timedelta(seconds=after_s))
