"""What a worker does to runs: every write names the epoch of the attempt and comes to nothing under a newer one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal

from procrastinate import App
from procrastinate.exceptions import ConnectorException

from agent.asking import Question
from workflows.service.ports import Watch
from workflows.service.store.access import Access
from workflows.service.store.approvals import Approvals
from workflows.service.store.envelope import Envelope
from workflows.service.store.listener import Listener
from workflows.service.store.pool import LOST, Cursor, Database, Pool, asked
from workflows.service.store.queries import queries
from workflows.service.store.queue import defer
from workflows.service.store.rows import request_of, run_of, submission_of
from workflows.service.store.runs import append
from workflows.service.values import EventKind, Run, RunState, Submission
from workflows.settings import UPLOAD

COLUMNS = ("request", "content")
Order = Literal["cancelled", "timed_out"]


class Superseded(Exception):
    """The run has a newer attempt: nothing of this one counts any more."""


@dataclass(frozen=True)
class Claim:
    """One attempt at a run. lost: attempts before it that ended without a word; late: its deadline is over."""

    run: Run
    lost: int
    late: bool

    @property
    def place(self) -> dict[str, str]:
        """What names the run in queries."""
        return {"tenant": self.run.tenant, "run": self.run.id}


class Attempts(Access, Approvals):
    """The worker's side of the store. Any call may raise StoreDown; those about a claim raise Superseded."""

    _database: Database
    _envelope: Envelope
    _listener: Listener
    _app: App

    @property
    def pool(self) -> Pool:
        """The process's connections."""
        return self._database.pool

    @property
    def queue(self) -> App:
        """The queue on the same connections."""
        return self._app

    def orders(self, run: str) -> AbstractAsyncContextManager[Watch]:
        """Hear when the worker of a run should ask for orders."""
        return self._listener.watch(f"!{run}")

    async def claim(self, tenant: str, run: str, job: int) -> Claim | None:
        """Begin an attempt; None when the run has ended or another job has it now.

        Raises RequestSealed: it is for a worker that has the key.
        """
        async with self._database.transaction() as cursor:
            row = await asked(cursor, "claim", tenant=tenant, run=run, job=job)
            if row is None:
                return None
            claim = Claim(run_of(row, self._envelope), row["lost"], bool(row["late"]))
            kind: EventKind = "started" if row["epoch"] == 1 else "resumed"
            entry = (kind, "", "" if kind == "started" else f"attempt {row['epoch']}")
            await append(cursor, tenant=tenant, run=run, entries=[entry], epoch=row["epoch"])
        return claim

    async def traced(self, job: int, traceparent: str) -> None:
        """Keep what the next attempt's span links to."""
        await self._database.write("traced", job=job, traceparent=traceparent)

    async def submission(self, claim: Claim) -> Submission:
        """What was submitted."""
        row = await self._database.row("content", **claim.place)
        if row is None:
            raise LookupError(f"run {claim.run.id} has no submission")
        return submission_of(self._envelope.open(**claim.place, column="content", held=row["content"]))

    async def beat(self, claim: Claim) -> Order | None:
        """Give a sign of life and hear what to do."""
        row = await self._database.write("beat", **claim.place, epoch=claim.run.epoch)
        if row is None:
            raise Superseded(claim.run.id)
        return "cancelled" if row["cancelling"] else "timed_out" if row["late"] else None

    async def progress(self, claim: Claim, entries: Sequence[tuple[EventKind, str, str]]) -> None:
        """Add events."""
        async with self._database.transaction() as cursor:
            if not await append(cursor, **claim.place, entries=entries, epoch=claim.run.epoch):
                raise Superseded(claim.run.id)

    async def end(
        self, claim: Claim, state: RunState, kind: EventKind, *, outcome: str | None = None, headline: str = "",
        problem: str = "",
    ) -> None:  # fmt: skip
        """End the run, once: again under the same epoch it changes nothing."""
        ended = {"state": state, "outcome": outcome, "headline": headline, "problem": problem}
        async with self._database.transaction() as cursor:
            row = await asked(cursor, "end_run", **claim.place, epoch=claim.run.epoch, **ended)
            if row is None:
                await self._ended_by_us(cursor, claim)
            else:
                await append(cursor, **claim.place, entries=[(kind, "", problem or headline)], epoch=claim.run.epoch)

    async def _ended_by_us(self, cursor: Cursor, claim: Claim) -> None:
        row = await asked(cursor, "run", **claim.place)
        if row is None or row["epoch"] != claim.run.epoch or not run_of(row, self._envelope).ended:
            raise Superseded(claim.run.id)

    async def release(self, claim: Claim, why: str = "its worker is stopping") -> None:
        """Give the run back to the queue: whoever fetches its job next goes on after its last finished node."""
        async with self._database.transaction() as cursor:
            if await asked(cursor, "release", **claim.place, epoch=claim.run.epoch) is None:
                raise Superseded(claim.run.id)
            entry: tuple[EventKind, str, str] = ("queued", "", why)
            await append(cursor, **claim.place, entries=[entry], epoch=claim.run.epoch)

    async def wait(self, claim: Claim, question: Question, wait_s: float) -> bool:
        """Let the run wait for a person, in nobody's hands; False when it is to be cancelled instead.

        wait_s: seconds after which it goes on without an answer.
        """
        async with self._database.transaction() as cursor:
            if await asked(cursor, "wait", **claim.place, epoch=claim.run.epoch) is not None:
                await self._ask(cursor, claim.run.tenant, claim.run.id, question, wait_s)
                return True
            row = await asked(cursor, "lock_run", **claim.place)
            if row is None or row["epoch"] != claim.run.epoch:
                raise Superseded(claim.run.id)
            return bool(row["state"] != "running")  # what was written before the answer was lost is not written again

    async def rescue(self, stall_s: float) -> int:
        """Put runs of silent workers back into the queue and end those that waited too long; how many were moved.

        One process at a time does it, the others return at once.
        """
        async with self._database.transaction() as cursor:
            got = await asked(cursor, "rescuer")
            if got is None or not got["got"]:
                return 0
            await asked(cursor, "forget_keys")
            moved = await self._again(cursor, stall_s) + await self._overdue(cursor)
            await self._unanswered(cursor)
            await cursor.execute(queries()["stalled"], {"stall": stall_s})
            stalled = [row["job"] for row in await cursor.fetchall()]
            for job in stalled:
                await self._retry(job)
        return moved + len(stalled)

    async def uploads(self) -> frozenset[str]:
        """Uploads that runs still need, by their directories' names."""
        async with self._database.transaction() as cursor:
            await cursor.execute(queries()["live"])
            sources = [request_of(row, self._envelope).source for row in await cursor.fetchall()]
        return frozenset(source.removeprefix(UPLOAD).split("/")[0] for source in sources if source.startswith(UPLOAD))

    async def reseal(self, tenant: str, run: str) -> int:
        """Bring what was submitted for a run under the present key; how many texts that were. Raises RequestSealed."""
        async with self._database.transaction() as cursor:
            row = await asked(cursor, "submitted", tenant=tenant, run=run)
            held = {name: self._envelope.renewed(tenant, run, name, row[name] if row else None) for name in COLUMNS}
            if any(held.values()):
                await asked(cursor, "reseal", tenant=tenant, run=run, **held)
        return sum(text is not None for text in held.values())

    async def alive(self) -> frozenset[str]:
        """Runs that have not ended."""
        async with self._database.transaction() as cursor:
            await cursor.execute(queries()["alive"])
            return frozenset(row["id"] for row in await cursor.fetchall())

    async def _retry(self, job: int) -> None:
        from procrastinate.utils import utcnow  # noqa: PLC0415

        try:
            await self._app.job_manager.retry_job_by_id_async(job, utcnow())
        except ConnectorException as error:
            if isinstance(error.__cause__, LOST):
                raise
            # It ended in this very moment: there is nothing to rescue.

    async def _again(self, cursor: Cursor, stall_s: float) -> int:
        """Runs that no job stands for: the worker died between ending the one and the other."""
        await cursor.execute(queries()["orphans"], {"stall": stall_s})
        rows = await cursor.fetchall()
        for row in rows:
            place = {"tenant": row["tenant"], "run": row["id"]}
            job = await defer(self._app, cursor.connection, **place, priority=row["priority"], slot=row["slot"])
            await asked(cursor, "set_job", **place, job=job)
        return len(rows)

    @staticmethod
    async def _overdue(cursor: Cursor) -> int:
        await cursor.execute(queries()["overdue"])
        rows = await cursor.fetchall()
        for row in rows:
            place = {"tenant": row["tenant"], "run": row["id"]}
            problem = "its deadline passed while it was waiting"
            ended = {"state": "timed_out", "outcome": None, "headline": "", "problem": problem}
            await asked(cursor, "end_run", **place, epoch=None, **ended)
            await append(cursor, **place, entries=[("timed_out", "", problem)])
        return len(rows)
