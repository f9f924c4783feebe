"""What runs ask of people: a run that waits is in nobody's hands until it is answered, or nobody answered in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from procrastinate import App

from agent.asking import More, Question
from workflows.service.ports import NotWaiting
from workflows.service.store.envelope import Envelope
from workflows.service.store.pool import Cursor, Database, asked
from workflows.service.store.queries import queries
from workflows.service.store.queue import defer
from workflows.service.store.rows import approval_of, is_run, kept, reply_of, text, told_of
from workflows.service.store.runs import append
from workflows.service.values import Approval, Closed, EventKind, Principal, Reply, Ruling

Row = Mapping[str, Any]
DETAIL = 20_000


class Approvals:
    """The part of the store that knows questions. See the protocol for what each call promises."""

    _database: Database
    _app: App
    _tenant_runs: int
    _envelope: Envelope

    async def approvals(self, tenant: str, run: str) -> tuple[Approval, ...]:
        rows = await self._database.rows("approvals", tenant=tenant, run=run) if is_run(run) else []
        return tuple(approval_of(row, self._envelope) for row in rows)

    async def replies(self, tenant: str, run: str) -> tuple[Reply, ...]:
        """All answers that a run has got, in the order of its questions."""
        rows = await self._database.rows("approvals", tenant=tenant, run=run)
        return tuple(reply_of(row, self._envelope) for row in rows if row["decision"])

    async def decide(self, who: Principal, run: str, approval: str, decision: Ruling, note: str) -> Approval | None:
        if not is_run(run):
            return None
        async with self._database.transaction() as cursor:
            row, questions = await self._questions(cursor, who.tenant, run)
            known = next((one for one in questions if one["id"] == approval), None)
            if row is None or known is None:
                return None
            if known["decision"] == decision:
                return approval_of(known, self._envelope)
            if known["decision"]:
                raise NotWaiting(f"it is closed already: {known['decision']}")
            if known["subject"] == "information" and decision == "approve":
                raise NotWaiting("it asks for information: answer with a message, or deny")
            settled = await self._settle(cursor, row, known, decision, who=who, note=note)
            await self._audited(cursor, who, decision, run, f"{approval} {note}")
        return settled

    async def tell(self, who: Principal, run: str, more: More) -> Approval | None:
        if not is_run(run):
            return None
        async with self._database.transaction() as cursor:
            row, questions = await self._questions(cursor, who.tenant, run)
            if row is None:
                return None
            told = kept(more)
            last = next((one for one in reversed(questions) if one["subject"] == "information"), None)
            if last is not None and last["decision"] == "message" and told_of(last, self._envelope) == told:
                return approval_of(last, self._envelope)
            if last is None or last["decision"]:
                raise NotWaiting("the run does not wait for information")
            settled = await self._settle(cursor, row, last, "message", who=who, more=told)
            await self._audited(cursor, who, "message", run, last["id"])
        return settled

    @staticmethod
    async def _questions(cursor: Cursor, tenant: str, run: str) -> tuple[Row | None, Sequence[Row]]:
        """The run, which nobody else changes now, and its questions."""
        row = await asked(cursor, "lock_run", tenant=tenant, run=run)
        await cursor.execute(queries()["approvals"], {"tenant": tenant, "run": run})
        return row, await cursor.fetchall()

    async def _settle(
        self, cursor: Cursor, run: Row, question: Row, decision: Closed, *, who: Principal | None = None,
        note: str = "", more: str | None = None,
    ) -> Approval:  # fmt: skip
        """Keep the answer and put the run back into the queue, where the tenant has the fewest runs."""
        place = {"tenant": run["tenant"], "run": run["id"]}
        told = self._envelope.close(run["tenant"], run["id"], f"more/{question['id']}", more) if more else None
        settled = await asked(
            cursor, "settle_approval", **place, id=question["id"], decision=decision, note=text(note, 2000), more=told,
            token=who.token if who else None,
        )  # fmt: skip
        room = await asked(cursor, "room", tenant=run["tenant"], queued=0, running=self._tenant_runs)
        if settled is None or room is None:
            raise LookupError(f"the question {question['id']} of run {run['id']} is gone")
        slot = min(range(room["running"]), key=lambda number: room["load"].get(str(number), 0))
        job = await defer(self._app, cursor.connection, **place, priority=run["priority"], slot=slot)
        await asked(cursor, "go_on", **place, job=job, slot=slot, asked=question["asked"])
        said = f"{question['id']}: {decision}{f': {note}' if note else ''}"
        kind: EventKind = "message" if decision == "message" else "approval_decided"
        await append(cursor, **place, entries=[(kind, "", said), ("queued", "", "it goes on with the answer")])
        return approval_of(settled, self._envelope)

    @staticmethod
    async def _audited(cursor: Cursor, who: Principal, action: str, run: str, detail: str) -> None:
        told = {"action": action, "subject": run, "detail": text(detail, 500).strip()}
        await asked(cursor, "audit", tenant=who.tenant, token=who.token, **told)

    async def _ask(self, cursor: Cursor, tenant: str, run: str, question: Question, wait_s: float) -> None:
        """Keep a question of a run that waits from now on."""
        await asked(
            cursor, "ask", tenant=tenant, run=run, id=question.id, subject=question.subject,
            question=text(question.question, 4000), detail=self._envelope.close(
                tenant, run, f"detail/{question.id}", text(question.detail, DETAIL)
            ),
            consequence=text(question.consequence, 1000), wait_s=wait_s,
        )  # fmt: skip
        said = f"{question.id}: {question.question}"
        await append(cursor, tenant=tenant, run=run, entries=[("approval_requested", "", said)])

    async def _unanswered(self, cursor: Cursor) -> int:
        """Let runs go on that nobody answered in time; how many."""
        await cursor.execute(queries()["unanswered"])
        rows = await cursor.fetchall()
        for row in rows:
            await self._settle(cursor, row, {"id": row["approval"], "asked": row["asked"]}, "expired")
        return len(rows)
