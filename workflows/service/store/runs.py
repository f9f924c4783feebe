"""Runs and their events, as the API sees them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from procrastinate import App

from agent.domain import Request
from workflows.service.ports import KeyConflict, KeyInFlight, QueueFull, Watch
from workflows.service.store.envelope import Envelope
from workflows.service.store.listener import Listener
from workflows.service.store.pool import Cursor, Database, asked
from workflows.service.store.queue import defer
from workflows.service.store.rows import Row, event_of, is_run, kept, shown, text
from workflows.service.store.shared import Shared
from workflows.service.values import Event, EventKind, Page, Principal, Run, RunState, Submission

RETRY_S = 30.0


async def append(
    cursor: Cursor, *, tenant: str, run: str, entries: Sequence[tuple[EventKind, str, str]], epoch: int | None = None
) -> bool:
    """Add events (kind, node, text) in order and tell all watchers; False when the epoch is not the run's any more."""
    kinds, nodes, texts = zip(*entries, strict=True)
    row = await asked(
        cursor, "append", tenant=tenant, run=run, epoch=epoch, kinds=list(kinds),
        nodes=[text(node, 100) for node in nodes], texts=[text(one) for one in texts],
    )  # fmt: skip
    return row is not None


class Runs:
    """The part of the store that knows runs. See the protocol for what each call promises."""

    _database: Database
    _envelope: Envelope
    _listener: Listener
    _reading: Shared[tuple[Event, ...]]
    _app: App
    _queue_limit: int
    _tenant_runs: int

    async def submit(
        self, who: Principal, submission: Submission, *, key: str | None, fingerprint: str
    ) -> tuple[Run, bool]:
        hashed = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest() if key is not None else None
        async with self._database.transaction() as cursor:
            known = await self._known(cursor, who.tenant, hashed, fingerprint) if hashed else None
            if known:
                return self._shown(known), False
            slot = await self._slot(cursor, who.tenant)
            run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(16)}"
            job = await defer(
                self._app,
                cursor.connection,
                tenant=who.tenant,
                run=run,
                priority=submission.priority,
                slot=slot,
                trace=submission.trace,
            )
            made = await asked(
                cursor, "insert_run", run=run, tenant=who.tenant, token=who.token,
                request=self._held(who, run, "request", submission.request), priority=submission.priority, slot=slot,
                deadline_s=submission.deadline_s, job=job, content=self._held(who, run, "content", submission),
                key=hashed, fingerprint=fingerprint, callback=submission.callback,
            )  # fmt: skip
            if made is None:
                raise LookupError("a run that was just made is gone")
            if not made["kept"]:
                raise _in_flight()
        return self._shown(made), True

    def _held(self, who: Principal, run: str, column: str, value: Request | Submission) -> str:
        return self._envelope.close(who.tenant, run, column, kept(value))

    def _shown(self, row: Row) -> Run:
        return shown(row, self._envelope)

    @staticmethod
    async def _known(cursor: Cursor, tenant: str, key: str, fingerprint: str) -> dict[str, object] | None:
        found = await asked(cursor, "key", tenant=tenant, key=key)
        if found is None or not found["got"]:
            raise _in_flight()
        if found["run"] is None:
            return None
        if found["fingerprint"] != fingerprint:
            raise KeyConflict("this key was used with another body")
        return await asked(cursor, "run", tenant=tenant, run=found["run"])

    async def _slot(self, cursor: Cursor, tenant: str) -> int:
        """The tenant's place with the fewest runs. Raises QueueFull."""
        room = await asked(cursor, "room", tenant=tenant, queued=self._queue_limit, running=self._tenant_runs)
        if room is None:
            raise LookupError("the database does not count")
        if room["waiting"] >= room["queued"]:
            raise QueueFull(f"{room['waiting']} runs are waiting, as many as may", RETRY_S)
        return min(range(room["running"]), key=lambda slot: room["load"].get(str(slot), 0))

    async def run(self, tenant: str, run: str) -> Run | None:
        row = await self._database.row("run", tenant=tenant, run=run) if is_run(run) else None
        return self._shown(row) if row else None

    async def runs(
        self, tenant: str, *, states: Sequence[RunState] = (), outcome: str | None = None, cursor: str | None = None,
        limit: int = 50,
    ) -> Page:  # fmt: skip
        before, before_id = _place(cursor) if cursor is not None else (None, None)
        rows = await self._database.rows(
            "page", tenant=tenant, states=list(states) or None, outcome=None if outcome is None else text(outcome),
            before=before, before_id=before_id, limit=limit + 1,
        )  # fmt: skip
        found = tuple(self._shown(row) for row in rows[:limit])
        return Page(runs=found, next=_cursor(found[-1]) if len(rows) > limit else None)

    async def events(self, tenant: str, run: str, *, after: int = 0, limit: int = 500) -> tuple[Event, ...]:
        if not is_run(run) or after >= 1 << 63:
            return ()
        return await self._reading.ask(
            (tenant, run, after, limit), lambda: self._events(tenant, run, after=max(0, after), limit=limit)
        )

    async def _events(self, tenant: str, run: str, *, after: int, limit: int) -> tuple[Event, ...]:
        rows = await self._database.rows("events", tenant=tenant, run=run, after=after, limit=limit)
        return tuple(event_of(row) for row in rows)

    def watch(self, run: str) -> AbstractAsyncContextManager[Watch]:
        return self._listener.watch(run)

    async def cancel(self, who: Principal, run: str) -> Run | None:
        if not is_run(run):
            return None
        place = {"tenant": who.tenant, "run": run}
        async with self._database.transaction() as cursor:
            row = await asked(cursor, "lock_run", **place)
            if row is None:
                return None
            if row["state"] in ("queued", "waiting_for_approval"):
                why = "before it began" if row["state"] == "queued" else "while it waited for an answer"
                await asked(
                    cursor, "end_run", **place, epoch=None, state="cancelled", outcome=None, headline="", problem=""
                )
                await append(cursor, tenant=who.tenant, run=run, entries=[("cancelled", "", why)])
            elif row["state"] == "running" and not row["cancelling"]:
                await asked(cursor, "ask_to_end", **place)
                await asked(cursor, "call", run=run)
            await asked(
                cursor, "audit", tenant=who.tenant, token=who.token, action="cancel", subject=run, detail=""
            )  # fmt: skip
            row = await asked(cursor, "run", **place)
        return self._shown(row) if row else None


def _in_flight() -> KeyInFlight:
    return KeyInFlight("the first request with this key has not been answered yet")


def _cursor(run: Run) -> str:
    return base64.urlsafe_b64encode(f"{run.created.isoformat()} {run.id}".encode()).decode()


def _place(cursor: str) -> tuple[datetime, str]:
    try:
        moment, run = base64.urlsafe_b64decode(cursor.encode("ascii")).decode("ascii").split(" ")
        created = datetime.fromisoformat(moment)
    except (ValueError, binascii.Error) as error:
        raise ValueError("this is no cursor of this list") from error
    if created.tzinfo is None or not is_run(run):
        raise ValueError("this is no cursor of this list")
    return created, run
