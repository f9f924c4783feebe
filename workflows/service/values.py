"""What the parts of the service hand to each other: frozen values, no behaviour beyond what they say of themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

from pydantic import Field

from agent.asking import More, Subject
from agent.domain import Request
from tools.values import Value

RunState = Literal["queued", "running", "waiting_for_approval", "finished", "failed", "cancelled", "timed_out"]
Scope = Literal["submit", "read", "approve", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
EventKind = Literal[
    "queued", "started", "resumed", "progress", "message", "approval_requested", "approval_decided", "finished",
    "failed", "cancelled", "timed_out",
]  # fmt: skip
Ruling = Literal["approve", "deny"]
Closed = Literal["approve", "deny", "message", "expired", "withdrawn"]
CallbackState = Literal["waiting", "due", "delivered", "given_up"]
ENDED: frozenset[str] = frozenset({"finished", "failed", "cancelled", "timed_out"})


class Principal(Value):
    """Who asks. token: the id of the token that was shown, never the token."""

    tenant: str
    token: str
    scopes: frozenset[Scope]


class Token(Value):
    """An API token as a list shows it; the secret is shown once, when it is issued, and kept as a hash."""

    id: str
    tenant: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    used: datetime | None = None


class Credential(Value):
    """What a tenant shows to a git host. reference: where the secret is kept (file:/PATH, env:NAME)."""

    tenant: str
    host: str
    username: str
    reference: str
    created: datetime


class Submission(Value):
    """A diagnosis to run. request: its `log`, `issue` and `patches` are empty, the texts stand here.

    priority: higher first, 0 is usual; deadline_s: wall clock from submission to the end, waiting included; callback:
    URL that is told of the end; trace: the `traceparent` of what submitted it.
    """

    request: Request
    log: str | None = None
    issue: str | None = None
    patches: tuple[str, ...] = ()
    priority: int = Field(default=0, ge=-100, le=100)
    deadline_s: float | None = Field(default=None, gt=0)
    callback: str | None = Field(default=None, max_length=2000)
    trace: str = Field(default="", max_length=100)


class Run(Value):
    """A diagnosis as the service keeps it.

    epoch: attempts begun, the fence against a worker that was thought dead; version: raised by every change (the ETag);
    problem: why it failed, in one line.
    """

    id: str
    tenant: str
    state: RunState
    request: Request
    priority: int = 0
    epoch: int = 0
    version: int = 1
    last_seq: int = 0
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    deadline: datetime | None = None
    outcome: str | None = None
    headline: str = ""
    problem: str = ""
    cancelling: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in ENDED


class Event(Value):
    """One line of what happened to a run. seq: 1, 2, 3 … without a gap; node and text: as the machine's progress."""

    run: str
    seq: int
    at: datetime
    kind: EventKind
    node: str = ""
    text: str = ""

    @property
    def last(self) -> bool:
        """Whether no event follows."""
        return self.kind in ENDED


class Standing(Value):
    """The queue of all tenants. oldest_s: seconds that the oldest waiting run has waited, 0 when none waits; asking:
    runs that wait for a person.
    """

    waiting: int
    running: int
    asking: int = 0
    oldest_s: float


class Page(Value):
    """A part of a list, newest first. next: the cursor of the following part, None at the end."""

    runs: tuple[Run, ...]
    next: str | None = None


class Feedback(Value):
    """What a person thinks of a report."""

    run: str
    verdict: Literal["right", "wrong", "partly"]
    comment: str = Field(default="", max_length=4000)


class Approval(Value):
    """What a run asks of a person, and what came of it.

    subject: `guard` and `budget` are decided, `information` is answered with a message; detail: what there is to read,
    as strangers wrote it; expires: when the run goes on without an answer; decision: None while the run waits;
    withdrawn: the run ended before; by: the id of the token that decided.
    """

    id: str
    run: str
    subject: Subject
    question: str
    detail: str = ""
    consequence: str = ""
    asked: datetime
    expires: datetime
    decision: Closed | None = None
    note: str = ""
    decided: datetime | None = None
    by: str | None = None


class Reply(Value):
    """An answer as the store gives it to a worker. more: with the decision `message`."""

    question: str
    decision: Closed
    note: str = ""
    more: More | None = None


class Callback(Value):
    """What became of telling a run's callback URL of its end.

    id: of the message, the same with every try; tries: so far; status: of HTTP, of the last try, None when none came;
    problem: of the last try; next: when it is tried again; settled: since when it is delivered or given up.
    """

    id: str
    state: CallbackState
    tries: int = 0
    status: int | None = None
    problem: str = ""
    next: datetime | None = None
    settled: datetime | None = None
