"""What a worker does for those on call: it looks into incidents, and tells channels. Any number of workers may.

Who looks holds the incident; one that falls silent, as when it is killed, has lost it, and another begins anew. What a
channel is told is kept before and after it is sent: a try whose end is unknown is looked for before it is told again.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from sandbox.protocol import SandboxError
from tools.tool import ToolError
from tools.triage.alerts import Alert
from tools.triage.handing import lacking
from tools.triage.values import Note
from workflows.oncall.channels.channel import Channel, Unsure, Untold
from workflows.oncall.configuration import Configuration
from workflows.oncall.handing import NotHanded, NotYet
from workflows.oncall.looking import NothingToLookAt, cause_of
from workflows.oncall.store import PostgresIncidents
from workflows.oncall.telling import told_of
from workflows.oncall.values import UNSURE, Delivery, Handover, Incident, Stage
from workflows.service.holding import held
from workflows.service.ports import StoreDown
from workflows.text import line

MOST_LOOKS, MOST_TRIES = 5, 12
ENDLESS = f"given up: {MOST_LOOKS} looks into it did not come to an end, as when they end the process"
NEVER = f"given up: {MOST_LOOKS} tries to hand it over did not come to an end, as when they end the process"
TELLERS = 2
STEPS: tuple[Stage, ...] = (
    "noted",
    "patched",
    "resolved",
)  # what channels are told that cannot change what they showed
Look = Callable[[Incident, Sequence[Alert]], Awaitable[Note]]
HandOver = Callable[[Incident], Awaitable[str]]


@dataclass(frozen=True)
class Pace:
    """Seconds. idle_s: between two looks for work; lease_s: for which it is held; pause_s: between two changes of a
    message; retry_s: after the first try that failed, doubled up to longest_s; forget_s: between two clearings.
    """

    idle_s: float = 1.0
    lease_s: float = 30.0
    pause_s: float = 2.0
    retry_s: float = 5.0
    longest_s: float = 900.0
    forget_s: float = 3600.0


class Work:
    """The loops of one process."""

    def __init__(
        self, store: PostgresIncidents, configuration: Configuration, channels: Mapping[str, Channel], look: Look, *,
        hand_over: HandOver | None = None, pace: Pace | None = None, keep_days: float = 0.0,
    ) -> None:  # fmt: skip
        self._store = store
        self._configuration = configuration
        self._channels = channels
        self._look = look
        self._hand_over = hand_over
        self._pace = pace or Pace()
        self._keep_days = keep_days
        self._log = structlog.get_logger("patchwright.oncall")

    async def run(self, looks: int = 1) -> None:
        """Work until cancelled. looks: at so many incidents at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(looks):
                group.create_task(self._loop(self.look, self._pace.idle_s))
            for _ in range(TELLERS):
                group.create_task(self._loop(self.tell, self._pace.idle_s))
            if self._hand_over is not None:
                group.create_task(self._loop(self.hand_over, self._pace.idle_s))
            group.create_task(self._loop(self.patched, self._pace.idle_s))
            group.create_task(self._loop(self._forget, self._pace.forget_s))

    async def _loop(self, work: Callable[[], Awaitable[bool]], pause_s: float) -> None:
        """Call again and again, at once while there is more to do. A database that is away is waited for."""
        while True:
            try:
                more = await work()
            except StoreDown as error:
                self._log.warning("the database is away", problem=line(str(error)))
                more = False
            if not more:
                await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - not all at the same moment

    async def _forget(self) -> bool:
        await self._store.forget(self._keep_days)
        return False

    # looking

    async def look(self) -> bool:
        """Look into one incident; False when none is due."""
        incident = await self._store.claim(self._pace.lease_s)
        if incident is None:
            return False
        log = self._log.bind(incident=incident.id, attempt=incident.attempts)
        if incident.tries > MOST_LOOKS:
            await self._store.unlooked(incident, ENDLESS, after_s=0.0, given_up=True)
            log.warning("given up", problem=ENDLESS)
            return True
        lease_s = self._pace.lease_s
        try:
            if not await held(self._looked(incident), lambda: self._store.hold(incident, lease_s), lease_s):
                log.warning("somebody else looks into it by now")
        except asyncio.CancelledError:
            with contextlib.suppress(StoreDown):
                await self._store.release(incident)
            raise
        return True

    async def _looked(self, incident: Incident) -> None:
        began = time.monotonic()
        log = self._log.bind(incident=incident.id, attempt=incident.attempts)
        try:
            note = await self._look(incident, await self._store.alerts(incident.id))
        except NothingToLookAt as error:
            await self._store.unlooked(incident, str(error), after_s=self._configuration.update_seconds, given_up=True)
            log.info("nothing to look at", problem=line(str(error), 200))
        except (ToolError, SandboxError, OSError) as error:
            await self._failed(incident, line(str(error), 300))
        except StoreDown:
            raise
        except Exception as error:
            log.exception("a bug", error=type(error).__name__)
            await self._failed(incident, f"a bug: {type(error).__name__}")
        else:
            kept = await self._store.noted(
                incident, note, cause_of(note), again_s=self._again(incident, note),
                hand_over=not lacking(note) and self._configuration.patched(note.service),
            )  # fmt: skip
            log.info("looked into", cause=note.cause, kept=kept, seconds=round(time.monotonic() - began, 2))

    def _again(self, incident: Incident, note: Note) -> float:
        """When evidence that is still to come is looked for; never where a cause is named already."""
        open_ = incident.state == "open" and note.cause in ("healthy", "inconclusive")
        more = open_ and incident.looks + 1 < self._configuration.looks
        return max(1.0, self._configuration.update_seconds) if more else -1.0

    async def _failed(self, incident: Incident, problem: str) -> None:
        after = self._pause(incident.tries)
        over = incident.tries >= MOST_LOOKS
        problem = f"given up after {MOST_LOOKS} tries: {problem}" if over else problem
        self._log.warning("no note", incident=incident.id, problem=problem)
        await self._store.unlooked(incident, problem, after_s=after, given_up=over)

    def _pause(self, tries: int) -> float:
        pause = min(self._pace.longest_s, self._pace.retry_s * 2.0 ** max(0, min(tries, 20) - 1))
        return pause * random.uniform(0.8, 1.0)  # noqa: S311 - not all at the same moment

    # handing over

    async def hand_over(self) -> bool:
        """Hand one incident over to a diagnosis; False when none is due."""
        incident = await self._store.claim_patch(self._pace.lease_s) if self._hand_over else None
        if incident is None or incident.handover is None:
            return False
        if incident.handover.tries > MOST_LOOKS:
            await self._store.unhanded(incident, NEVER, after_s=0.0, given_up=True)
            return True
        lease_s = self._pace.lease_s
        try:
            await held(
                self._handed(incident, incident.handover), lambda: self._store.hold_patch(incident, lease_s), lease_s
            )
        except asyncio.CancelledError:
            with contextlib.suppress(StoreDown):
                await self._store.release_patch(incident)
            raise
        return True

    async def _handed(self, incident: Incident, asked: Handover) -> None:
        assert self._hand_over is not None  # noqa: S101 - asked by the caller
        log = self._log.bind(incident=incident.id)
        try:
            run = await self._hand_over(incident)
        except NotHanded as error:
            await self._store.unhanded(incident, str(error), after_s=0.0, given_up=True)
            log.info("not handed over", problem=line(str(error), 200))
        except NotYet as error:
            await self._store.unhanded(incident, str(error), after_s=error.after_s, given_up=False)
        except StoreDown:
            raise
        except OSError as error:
            problem, over = line(f"the repository was not taken: {error}", 300), asked.tries >= MOST_LOOKS
            await self._store.unhanded(incident, problem, after_s=self._pause(asked.tries), given_up=over)
        except Exception as error:
            log.exception("a bug", error=type(error).__name__)
            problem, over = f"a bug: {type(error).__name__}", asked.tries >= MOST_LOOKS
            await self._store.unhanded(incident, problem, after_s=self._pause(asked.tries), given_up=over)
        else:
            await self._store.handed(incident, run)
            log.info("handed over", run=run)

    async def patched(self) -> bool:
        """Take over what came of diagnoses; True when there may be more."""
        return await self._store.patches_over() >= 100

    # telling

    async def tell(self) -> bool:
        """Tell one channel; False when all show what there is."""
        delivery = await self._store.tell(self._pace.lease_s)
        if delivery is None:
            return False
        incident = await self._store.incident(delivery.incident)
        channel = self._channels.get(delivery.channel)
        if incident is None:
            return True  # forgotten, and the delivery with it
        if channel is None:
            await self._store.untold(
                delivery, "there is no such channel any more", after_s=0, died=incident.stage, trying=delivery.trying
            )
            return True
        if not channel.edits and (incident.stage not in STEPS or incident.stage == delivery.stage):
            await self._store.told(
                delivery, incident.revision, delivery.stage, delivery.reference, pause_s=self._pace.pause_s,
                problem=delivery.problem if delivery.state == "unsure" else "",
            )  # fmt: skip
            return True
        await self._told(delivery, incident, channel)
        return True

    async def _told(self, delivery: Delivery, incident: Incident, channel: Channel) -> None:
        sources = tuple(dict.fromkeys(each.link for each in await self._store.alerts(incident.id, 50) if each.link))
        told = told_of(
            incident, await self._store.before(incident), links=self._configuration.links or "",
            rated=await self._store.rated(incident.id), sources=sources, turn=delivery.turns + 1,
            unsure=delivery.state == "unsure",
        )  # fmt: skip
        if not await self._store.trying(delivery, incident.revision):
            return
        log = self._log.bind(incident=incident.id, channel=delivery.channel, revision=incident.revision)
        try:
            reference = await channel.tell(told, delivery.reference, uncertain=delivery.trying > 0)
        except Unsure as error:
            await self._store.told(
                delivery, incident.revision, incident.stage, error.reference, pause_s=self._pace.pause_s,
                problem=f"{UNSURE}: {error}",
            )  # fmt: skip
            log.warning("perhaps told", problem=str(error), stage=incident.stage)
        except Untold as error:
            await self._untold(delivery, error, incident)
            log.warning("not told", problem=str(error), tries=delivery.tries)
        except Exception as error:
            log.exception("a bug", error=type(error).__name__)
            wrong = Untold(f"a bug: {type(error).__name__}", uncertain=True)
            await self._untold(delivery, wrong, incident)
        else:
            pause = self._pace.pause_s
            await self._store.told(delivery, incident.revision, incident.stage, reference, pause_s=pause)
            log.info("told", stage=incident.stage)

    async def _untold(self, delivery: Delivery, error: Untold, incident: Incident) -> None:
        after = error.after_s if error.after_s is not None else self._pause(delivery.tries)
        died = incident.stage if error.final or delivery.tries >= MOST_TRIES else ""
        maybe = incident.revision if error.uncertain else delivery.trying
        await self._store.untold(delivery, str(error), after_s=after, died=died, trying=maybe)
