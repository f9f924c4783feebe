"""What the API asks of the store, as a protocol; `workflows/service/store/` answers it with Postgres.

Every call that names a run also names the tenant, and answers as if other tenants' runs did not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from agent.asking import More
from workflows.service.values import (
    Approval,
    Callback,
    Event,
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


class StoreDown(RuntimeError):
    """The database does not answer. A write may have come about all the same, where its answer was lost."""


class FilesAway(StoreDown):
    """The storage of artifacts does not answer, or refuses."""


class KeyConflict(ValueError):
    """The idempotency key was used with another body."""


class KeyInFlight(RuntimeError):
    """The first request with this idempotency key has not been answered yet."""


class QueueFull(RuntimeError):
    """The tenant has as many waiting runs as it may. retry_after_s: when to try again, in seconds."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotWaiting(RuntimeError):
    """The run does not wait for this answer; the message says why."""


class Watch(Protocol):
    """A subscription to one run."""

    async def wait(self, timeout_s: float) -> bool:
        """Wait until something was added to the run since the last call (True), or until the time is over (False)."""


class Store(Protocol):
    """Runs, events, tokens. Any call may raise StoreDown."""

    async def submit(
        self, who: Principal, submission: Submission, *, key: str | None, fingerprint: str
    ) -> tuple[Run, bool]:
        """Queue a run: row, job, event and audit in one transaction. False: the key was known, that run is returned.

        key: of the client, per tenant, kept for a day; fingerprint: hash of the body. Raises KeyConflict, KeyInFlight,
        QueueFull.
        """

    async def run(self, tenant: str, run: str) -> Run | None:
        """One run."""

    async def runs(
        self, tenant: str, *, states: Sequence[RunState] = (), outcome: str | None = None, cursor: str | None = None,
        limit: int = 50,
    ) -> Page:  # fmt: skip
        """Runs, the newest first. Raises ValueError for a cursor that it did not make."""

    async def events(self, tenant: str, run: str, *, after: int = 0, limit: int = 500) -> tuple[Event, ...]:
        """Events with a sequence number above `after`, in order."""

    def watch(self, run: str) -> AbstractAsyncContextManager[Watch]:
        """Hear of new events of a run, from whichever node they come. A missed notice is found within seconds."""

    async def cancel(self, who: Principal, run: str) -> Run | None:
        """End a run, or ask the worker that has it to end it; of an ended run nothing changes. Audited."""

    async def approvals(self, tenant: str, run: str) -> tuple[Approval, ...]:
        """What a run asked, in order."""

    async def decide(self, who: Principal, run: str, approval: str, decision: Ruling, note: str) -> Approval | None:
        """Decide, and let the run go on; None when there is none. The same decision again changes nothing. Audited.

        Raises NotWaiting.
        """

    async def tell(self, who: Principal, run: str, more: More) -> Approval | None:
        """Answer a run that asked for information, and let it go on; None when there is no such run. Audited.

        The same answer again changes nothing. Raises NotWaiting.
        """

    async def callback(self, tenant: str, run: str) -> Callback | None:
        """What became of telling the run's callback URL; None when it has none, or there is no such run."""

    async def feedback(self, who: Principal, feedback: Feedback) -> bool:
        """Keep what somebody thinks of a report; False when there is no such run. Audited."""

    async def principal(self, secret: str) -> Principal | None:
        """Who shows this token; None for an unknown, expired or revoked one."""

    async def issue(
        self, tenant: str, name: str, scopes: frozenset[Scope], *, expires: datetime | None = None
    ) -> tuple[Token, str]:
        """A new token and its secret, which is kept only as a hash."""

    async def tokens(self, tenant: str) -> tuple[Token, ...]:
        """A tenant's tokens."""

    async def revoke(self, tenant: str, token: str) -> bool:
        """End a token; False when there is no such one."""

    async def git_hosts(self, tenant: str) -> tuple[str, ...] | None:
        """Hosts that a tenant may clone from; None: those of the settings."""

    async def audit(self, who: Principal, action: str, subject: str, detail: str = "") -> None:
        """Keep who did what."""

    async def ready(self) -> None:
        """Return when the database answers and has this version's schema; raise StoreDown otherwise."""
