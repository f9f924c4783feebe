"""A store in memory that honours the whole protocol, with what tests need to play the worker's part."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from agent.asking import More, Question
from workflows.service.ports import KeyConflict, KeyInFlight, NotWaiting, QueueFull, StoreDown
from workflows.service.values import (
    ENDED,
    Approval,
    Callback,
    Closed,
    Event,
    EventKind,
    Feedback,
    Page,
    Principal,
    Ruling,
    Run,
    RunState,
    Scope,
    Submission,
    Token,
)

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Kept:
    """An idempotency key. run: None while the first request is not answered."""

    fingerprint: str
    run: str | None
    since: datetime


@dataclass
class Bell:
    """One subscription."""

    event: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self.event.wait()
        except TimeoutError:
            return False
        self.event.clear()
        return True


class FakeStore:
    """`Store` in memory. waiting: queued runs that a tenant may have; down: every call raises StoreDown."""

    def __init__(self, *, waiting: int = 100, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.waiting = waiting
        self.down = False
        self.hosts: dict[str, tuple[str, ...]] = {}
        self.now = now
        self.submissions: dict[str, Submission] = {}
        self.callbacks: dict[str, Callback] = {}
        self.opinions: list[tuple[str, Feedback]] = []
        self.audited: list[tuple[Principal, str, str, str]] = []
        self._asked: dict[str, list[Approval]] = defaultdict(list)
        self._told: dict[tuple[str, str], More] = {}
        self._runs: dict[str, Run] = {}
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._keys: dict[tuple[str, str], Kept] = {}
        self._tokens: dict[str, Token] = {}  # by hash of the secret
        self._bells: dict[str, list[Bell]] = defaultdict(list)

    async def submit(
        self, who: Principal, submission: Submission, *, key: str | None, fingerprint: str
    ) -> tuple[Run, bool]:
        self._up()
        known = self._known(who.tenant, key, fingerprint)
        if known is not None:
            return known, False
        queued = [run for run in self._runs.values() if run.tenant == who.tenant and run.state == "queued"]
        if len(queued) >= self.waiting:
            raise QueueFull(f"{len(queued)} runs are waiting", 30.0)
        now = self.now()
        late = submission.deadline_s
        run = Run(
            id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}", tenant=who.tenant, state="queued",
            request=submission.request, priority=submission.priority, created=now,
            deadline=now + timedelta(seconds=late) if late else None,
        )  # fmt: skip
        self._runs[run.id] = run
        self.submissions[run.id] = submission
        if key is not None:
            self._keys[who.tenant, key] = Kept(fingerprint, run.id, now)
        self.add(run.id, "queued")
        self.audited.append((who, "submit", run.id, ""))
        return self._runs[run.id], True

    def _known(self, tenant: str, key: str | None, fingerprint: str) -> Run | None:
        kept = self._keys.get((tenant, key)) if key is not None else None
        if kept is None or self.now() - kept.since > DAY:
            return None
        if kept.fingerprint != fingerprint:
            raise KeyConflict("the key was used with another body")
        if kept.run is None:
            raise KeyInFlight("the first request is not answered yet")
        return self._runs[kept.run]

    async def run(self, tenant: str, run: str) -> Run | None:
        self._up()
        return self._of(tenant, run)

    async def runs(
        self, tenant: str, *, states: Sequence[RunState] = (), outcome: str | None = None, cursor: str | None = None,
        limit: int = 50,
    ) -> Page:  # fmt: skip
        self._up()
        fitting = [
            run
            for run in reversed(self._runs.values())
            if run.tenant == tenant
            and (not states or run.state in states)
            and (outcome is None or run.outcome == outcome)
        ]
        start = 0
        if cursor is not None:
            places = [at for at, run in enumerate(fitting) if run.id == cursor]
            if not places:
                raise ValueError("not a cursor of this list")
            start = places[0] + 1
        part = fitting[start : start + limit]
        return Page(runs=tuple(part), next=part[-1].id if start + limit < len(fitting) else None)

    async def events(self, tenant: str, run: str, *, after: int = 0, limit: int = 500) -> tuple[Event, ...]:
        self._up()
        if self._of(tenant, run) is None:
            return ()
        return tuple(event for event in self._events[run] if event.seq > after)[:limit]

    @asynccontextmanager
    async def watch(self, run: str) -> AsyncIterator[Bell]:
        self._up()
        bell = Bell()
        self._bells[run].append(bell)
        try:
            yield bell
        finally:
            self._bells[run].remove(bell)

    async def cancel(self, who: Principal, run: str) -> Run | None:
        self._up()
        known = self._of(who.tenant, run)
        if known is not None:
            self.audited.append((who, "cancel", run, ""))
        if known is None or known.ended or known.cancelling:
            return known
        if known.state == "running":
            return self.change(run, cancelling=True)
        self.add(run, "cancelled")
        return self._runs[run]

    async def approvals(self, tenant: str, run: str) -> tuple[Approval, ...]:
        self._up()
        return tuple(self._asked[run]) if self._of(tenant, run) else ()

    async def decide(self, who: Principal, run: str, approval: str, decision: Ruling, note: str) -> Approval | None:
        self._up()
        known = next((one for one in await self.approvals(who.tenant, run) if one.id == approval), None)
        if known is None or known.decision == decision:
            return known
        if known.decision:
            raise NotWaiting(f"it is closed already: {known.decision}")
        if known.subject == "information" and decision == "approve":
            raise NotWaiting("it asks for information: answer with a message, or deny")
        self.audited.append((who, decision, run, f"{approval} {note}".strip()))
        return self._settle(known, decision, who, note)

    async def tell(self, who: Principal, run: str, more: More) -> Approval | None:
        self._up()
        if self._of(who.tenant, run) is None:
            return None
        asked = [one for one in self._asked[run] if one.subject == "information"]
        if asked and self._told.get((run, asked[-1].id)) == more:
            return asked[-1]
        if not asked or asked[-1].decision:
            raise NotWaiting("the run does not wait for information")
        self._told[run, asked[-1].id] = more
        self.audited.append((who, "message", run, asked[-1].id))
        return self._settle(asked[-1], "message", who)

    def _settle(self, known: Approval, decision: Closed, who: Principal, note: str = "") -> Approval:
        settled = known.model_copy(
            update={"decision": decision, "note": note, "decided": self.now(), "by": who.token}
        )  # fmt: skip
        self._asked[known.run][-1] = settled
        kind: EventKind = "message" if decision == "message" else "approval_decided"
        self.add(known.run, kind, text=f"{known.id}: {decision}{f': {note}' if note else ''}")
        self.add(known.run, "queued", text="it goes on with the answer")
        self.change(known.run, state="queued")
        return settled

    async def callback(self, tenant: str, run: str) -> Callback | None:
        self._up()
        if self._of(tenant, run) is None or self.submissions[run].callback is None:
            return None
        return self.callbacks.get(run, Callback(id=f"msg_{run}", state="waiting"))

    async def feedback(self, who: Principal, feedback: Feedback) -> bool:
        self._up()
        if self._of(who.tenant, feedback.run) is None:
            return False
        self.opinions.append((who.tenant, feedback))
        self.audited.append((who, "feedback", feedback.run, feedback.verdict))
        return True

    async def principal(self, secret: str) -> Principal | None:
        self._up()
        digest = _hashed(secret)
        token = self._tokens.get(digest)
        now = self.now()
        if token is None or token.revoked or (token.expires and token.expires <= now):
            return None
        self._tokens[digest] = token.model_copy(update={"used": now})
        return Principal(tenant=token.tenant, token=token.id, scopes=token.scopes)

    async def issue(
        self, tenant: str, name: str, scopes: frozenset[Scope], *, expires: datetime | None = None
    ) -> tuple[Token, str]:
        self._up()
        secret = f"pw_{secrets.token_urlsafe(32)}"
        token = Token(
            id=secrets.token_hex(8), tenant=tenant, name=name, scopes=scopes, created=self.now(), expires=expires
        )
        self._tokens[_hashed(secret)] = token
        return token, secret

    async def git_hosts(self, tenant: str) -> tuple[str, ...] | None:
        self._up()
        return self.hosts.get(tenant)

    async def tokens(self, tenant: str) -> tuple[Token, ...]:
        self._up()
        return tuple(token for token in self._tokens.values() if token.tenant == tenant)

    async def revoke(self, tenant: str, token: str) -> bool:
        self._up()
        for digest, known in self._tokens.items():
            if known.tenant == tenant and known.id == token:
                self._tokens[digest] = known.model_copy(update={"revoked": known.revoked or self.now()})
                return True
        return False

    async def audit(self, who: Principal, action: str, subject: str, detail: str = "") -> None:
        self._up()
        self.audited.append((who, action, subject, detail))

    async def ready(self) -> None:
        self._up()

    # What a worker would do.

    def add(self, run: str, kind: EventKind, node: str = "", text: str = "") -> Event:
        """Append an event; of those that begin or end a run the run's state follows."""
        known = self._runs[run]
        event = Event(run=run, seq=known.last_seq + 1, at=self.now(), kind=kind, node=node, text=text)
        update: dict[str, Any] = {"last_seq": event.seq}
        if kind == "started":
            update |= {"state": "running", "started": self.now(), "epoch": known.epoch + 1}
        elif kind in ENDED:
            update |= {"state": kind, "finished": self.now(), "cancelling": False}
            for at, one in enumerate(self._asked[run]):
                closed = {"decision": "withdrawn", "decided": self.now()}
                self._asked[run][at] = one if one.decision else one.model_copy(update=closed)
        self.change(run, **update)  # first: whoever sees the event asks for the run, on another thread
        self._events[run].append(event)
        for bell in self._bells[run]:
            bell.event.set()
        return event

    def ask(self, run: str, question: Question) -> None:
        """Let a run wait for a person."""
        now = self.now()
        asked = Approval(run=run, asked=now, expires=now + DAY, **question.model_dump())
        self._asked[run].append(asked)
        self.change(run, state="waiting_for_approval")
        self.add(run, "approval_requested", text=f"{question.id}: {question.question}")

    def change(self, run: str, **fields: Any) -> Run:
        """Change a run's row."""
        known = self._runs[run]
        self._runs[run] = known.model_copy(update={**fields, "version": known.version + 1})
        return self._runs[run]

    def hold_key(self, tenant: str, key: str, fingerprint: str) -> None:
        """As if the first request with this key were under way."""
        self._keys[tenant, key] = Kept(fingerprint, None, self.now())

    def _of(self, tenant: str, run: str) -> Run | None:
        known = self._runs.get(run)
        return known if known is not None and known.tenant == tenant else None

    def _up(self) -> None:
        if self.down:
            raise StoreDown("the database does not answer")


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
