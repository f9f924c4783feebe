"""The bot's loop: deliveries one after the other for each repository, several repositories at once; tried again with
ever longer pauses, and given up after `MOST_ATTEMPTS`.

A delivery belongs to a worker while it gives signs of life. When one dies, the delivery is somebody else's after
`lease_s`, and what the dead one had begun is gone on with.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from workflows.github.book import Claim, Deliveries
from workflows.github.forge import ForgeBusy, ForgeError, Missed
from workflows.github.handle import handle
from workflows.github.moves import settle
from workflows.github.parts import Later, Parts
from workflows.service.holding import held
from workflows.service.ports import StoreDown
from workflows.text import line

MOST_ATTEMPTS = 8
MOST_BUSY_S = 3600.0
MOST_MISSED = 300
FORGE_KEEPS = timedelta(days=3)  # GitHub sends again what is no older
OVERLAP = timedelta(minutes=15)  # for clocks that differ and tries under way


@dataclass(frozen=True)
class Pace:
    """Seconds. idle_s: between looks when there is nothing; lease_s: how long a silent worker keeps a delivery;
    retry_s: the first pause before another try; missed_s: between looks at the forge's log of deliveries.
    """

    idle_s: float = 0.5
    lease_s: float = 30.0
    retry_s: float = 5.0
    longest_s: float = 1800.0
    missed_s: float = 300.0


class Work:
    """The loop. One of these in each process, any number of processes."""

    def __init__(
        self, parts: Parts, deliveries: Deliveries, missed: Missed | None, *, pace: Pace | None = None,
        concurrency: int = 4,
    ) -> None:  # fmt: skip
        self._parts = parts
        self._deliveries = deliveries
        self._missed = missed
        self._pace = pace or Pace()
        self._concurrency = concurrency
        self._log = structlog.get_logger("patchwright.bot")
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until `stopping` is set; what is under way is finished first."""
        loops = [self._loop(self.one, self._pace.idle_s) for _ in range(self._concurrency)]
        loops.append(self._loop(self.settled, self._pace.idle_s))
        loops.append(self._loop(self.ask_again, self._pace.missed_s))
        async with asyncio.TaskGroup() as group:
            for one in loops:
                group.create_task(one)

    async def _loop(self, work: Callable[[], Awaitable[bool]], pause_s: float) -> None:
        """Call again and again, at once while there is more to do. A database that is away is waited for."""
        while not self.stopping.is_set():
            try:
                more = await work()
            except StoreDown as error:
                self._log.warning("the database is away", problem=line(str(error)))
                more = False
            if not more:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self.stopping.wait()

    async def one(self) -> bool:
        """Work on one delivery; False when none is due."""
        claim = await self._deliveries.claim(self._pace.lease_s)
        if claim is None:
            return False
        if claim.attempt > MOST_ATTEMPTS:  # whoever had it died each time
            await self._deliveries.dead(claim, f"given up after {MOST_ATTEMPTS} attempts")
            return True
        lease_s = self._pace.lease_s
        await held(self._worked(claim), lambda: self._deliveries.hold(claim, lease_s), lease_s)
        return True

    async def _worked(self, claim: Claim) -> None:
        """Work on one delivery, and keep how it ended."""
        delivery = claim.delivery
        told = self._log.bind(guid=delivery.guid, name=delivery.name, attempt=claim.attempt)
        try:
            note = await handle(self._parts, delivery.event)
        except Later as error:
            await self._deliveries.later(claim, error.after_s, line(str(error), 300), counted=False)
        except ForgeBusy as error:
            after = min(max(error.after_s, 1.0), MOST_BUSY_S)
            await self._deliveries.later(claim, after, line(str(error), 300), counted=False)
        except (ForgeError, StoreDown) as error:
            await self._again(claim, line(str(error), 300))
        except Exception as error:  # noqa: BLE001 - a bug must not end the loop
            told.error("a bug", error=type(error).__name__, exc_info=error)
            await self._again(claim, f"a bug: {type(error).__name__}")
        else:
            await self._deliveries.done(claim, line(note, 300))
            told.info("worked off", note=line(note, 300))

    async def _again(self, claim: Claim, problem: str) -> None:
        if claim.attempt >= MOST_ATTEMPTS:
            self._log.error("given up", guid=claim.delivery.guid, name=claim.delivery.name, problem=problem)
            await self._deliveries.dead(claim, problem)
            return
        pause = min(self._pace.longest_s, self._pace.retry_s * 2 ** (claim.attempt - 1))
        await self._deliveries.later(claim, pause * random.uniform(0.5, 1.0), problem)  # noqa: S311 - no secret

    async def settled(self) -> bool:
        """Take over what came of diagnoses; True when there may be more."""
        return await settle(self._parts) >= 100

    async def ask_again(self) -> bool:
        """Deliveries that did not arrive are sent again by the forge. That one was asked for is kept afterwards: to ask
        twice does no harm, and one that is never asked for would be lost.

        Each look goes back to the last one that asked for all it found, and a little further.
        """
        await self._deliveries.forget()
        if self._missed is None:
            return False
        now = datetime.now(UTC)
        oldest = now - FORGE_KEEPS
        since = max((await self._deliveries.log_read() or oldest) - OVERLAP, oldest)
        try:
            if await self._asked(self._missed, since):
                await self._deliveries.keep_log_read(now)
        except ForgeError as error:
            self._log.warning("the forge's log of deliveries cannot be used", problem=line(str(error)))
        return False

    async def _asked(self, missed: Missed, since: datetime) -> bool:
        """Ask for what did not arrive; False where more is left than is asked for at once."""
        asked = 0
        async for delivery in missed.failed(since):
            if await self._deliveries.asked_again(delivery):
                continue
            if asked == MOST_MISSED:
                return False
            await missed.redeliver(delivery)
            await self._deliveries.keep_asked(delivery)
            self._log.info("asked for again", delivery=delivery)
            asked += 1
        return True
