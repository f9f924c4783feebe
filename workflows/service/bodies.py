"""What requests and answers of the HTTP interface hold; the API and its client share these values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agent.domain import Evidence, Goal, Limits
from tools.values import Value
from workflows.service.values import Approval, Ruling, Run, RunState, Scope, Token

_SHORT = r"^[^\x00-\x1f\x7f]*$"
WEEK = 604_800


def _without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")  # a database has no place for it


def _unique(scopes: tuple[Scope, ...]) -> tuple[Scope, ...]:
    return tuple(dict.fromkeys(scopes))


Line = Annotated[str, Field(min_length=1, max_length=2000, pattern=_SHORT)]
Revision = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\x00-\x20\x7f-][^\x00-\x20\x7f]*$")]
LongText = Annotated[str, Field(max_length=8 << 20), AfterValidator(_without_nul)]
Python = Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,3}){0,2}$")]
Diff = Annotated[str, Field(min_length=1, max_length=1 << 20), AfterValidator(_without_nul)]


class WantedLimits(Value):
    """Limits that a request asks for, as in `Limits`; the service's hold for what is absent or asks for more."""

    wall_s: float | None = Field(default=None, gt=0, le=WEEK, allow_inf_nan=False)
    test_s: float | None = Field(default=None, gt=0, le=WEEK, allow_inf_nan=False)
    suite_s: float | None = Field(default=None, gt=0, le=WEEK, allow_inf_nan=False)
    repeats: int | None = Field(default=None, ge=1, le=50)
    candidates: int | None = Field(default=None, ge=1, le=1_000_000_000)
    rounds: int | None = Field(default=None, ge=1, le=10)
    workers: int | None = Field(default=None, ge=1, le=64)
    memory_mb: int | None = Field(default=None, ge=64, le=1 << 24)

    def within(self, most: Limits) -> Limits:
        """These limits, none above `most`."""
        asked = self.model_dump(exclude_none=True)
        return most.model_copy(update={name: min(value, getattr(most, name)) for name, value in asked.items()})


class Wanted(Value):
    """A diagnosis to run: a git URL, or an archive uploaded beside this, and what is wrong.

    url: of a git repository, without credentials; subdirectory: of an uploaded archive; rev: revision to diagnose;
    good: one where it worked; tests: failing test ids, or one command; log, issue: texts; patches: diffs to try first;
    install, test_command, python: overrides of what is detected; allow: rules of the guard to lift; priority: higher
    first; deadline_s: seconds from now to the end, waiting in the queue included; callback: https URL that is sent a
    signed message when the run has ended (Standard Webhooks, type `diagnosis.ended`, the run as `data`), again until it
    answers 2xx; ask: the run may stop and ask a person, which the callback is told too (`diagnosis.waiting`).
    """

    url: Annotated[str, Field(min_length=1, max_length=2000, pattern=_SHORT)] | None = None
    subdirectory: Annotated[str, Field(max_length=1000, pattern=_SHORT)] = ""
    rev: Revision | None = None
    good: Revision | None = None
    tests: tuple[Line, ...] = Field(default=(), max_length=200)
    log: LongText | None = None
    issue: LongText | None = None
    patches: tuple[Diff, ...] = Field(default=(), max_length=10)
    goal: Goal = "patch"
    allow: tuple[Line, ...] = Field(default=(), max_length=50)
    install: tuple[Line, ...] = Field(default=(), max_length=50)
    test_command: Line | None = None
    python: Python | None = None
    sandbox: Literal["auto", "bubblewrap", "docker", "none"] | None = None
    limits: WantedLimits = WantedLimits()
    priority: int = Field(default=0, ge=-100, le=100)
    deadline_s: float | None = Field(default=None, gt=0, le=4 * WEEK, allow_inf_nan=False)
    callback: Annotated[str, Field(min_length=1, max_length=2000, pattern=_SHORT)] | None = None
    ask: bool = False


class Message(Value):
    """More for a run that asked for information, as in `Wanted`.

    text: added to the issue; log, tests, install, test_command, python, rev: in the place of what was known.
    """

    text: LongText | None = None
    log: LongText | None = None
    tests: tuple[Line, ...] = Field(default=(), max_length=200)
    install: tuple[Line, ...] = Field(default=(), max_length=50)
    test_command: Line | None = None
    python: Python | None = None
    rev: Revision | None = None


class Decision(Value):
    """What is decided about something that a run asked, and why."""

    decision: Ruling
    note: Annotated[str, Field(max_length=2000), AfterValidator(_without_nul)] = ""


class ApprovalList(Value):
    """What a run asked, in order; the last one is open while the run waits."""

    approvals: tuple[Approval, ...]


class RunView(Value):
    """A run as its tenant sees it. attempts: how often a worker began it; links: where the rest of it is."""

    id: str
    state: RunState
    outcome: str | None
    headline: str
    problem: str
    cancelling: bool
    ask: bool = False
    source: str
    rev: str | None
    good: str | None
    tests: tuple[str, ...]
    goal: Goal
    limits: Limits
    priority: int
    attempts: int
    created: datetime
    started: datetime | None
    finished: datetime | None
    deadline: datetime | None
    links: dict[str, str]

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.finished is not None or self.state in ("finished", "failed", "cancelled", "timed_out")


PARTS = ("events", "approvals", "report", "patch", "certificate", "transcript")


def view(run: Run) -> RunView:
    """What of a run is shown: neither addresses inside nor the tenant."""
    here = f"/v1/diagnoses/{run.id}"
    asked = run.request
    return RunView(
        id=run.id, state=run.state, outcome=run.outcome, headline=run.headline, problem=run.problem,
        cancelling=run.cancelling, ask=asked.ask, source=asked.source, rev=asked.rev, good=asked.good,
        tests=asked.tests, goal=asked.goal, limits=asked.limits, priority=run.priority, attempts=run.epoch,
        created=run.created, started=run.started, finished=run.finished, deadline=run.deadline,
        links={"self": here, **{part: f"{here}/{part}" for part in PARTS}},
    )  # fmt: skip


class RunList(Value):
    """Runs, the newest first. next: the cursor of the following part, None at the end."""

    runs: tuple[RunView, ...]
    next: str | None = None


class EvidenceView(Value):
    """A piece of evidence with its text, of which at most the first 1,048,576 characters are given."""

    evidence: Evidence
    text: str | None = None
    shortened: bool = False


class Opinion(Value):
    """What a person thinks of a report."""

    verdict: Literal["right", "wrong", "partly"]
    comment: Annotated[str, Field(max_length=4000), AfterValidator(_without_nul)] = ""


class TokenWanted(Value):
    """A token to issue. expires_days: None for one that stays valid until it is revoked."""

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=_SHORT)]
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=8), AfterValidator(_unique)]
    expires_days: int | None = Field(default=None, ge=1, le=3650)


class Issued(Value):
    """A new token and its secret, which is shown this once."""

    token: Token
    secret: str


class TokenList(Value):
    """A tenant's tokens."""

    tokens: tuple[Token, ...]


class CallbackSecret(Value):
    """What a tenant's callbacks are signed with, as libraries for Standard Webhooks take it."""

    secret: str


class FieldProblem(Value):
    """What is wrong with one field. field: its path with dots, "" for the whole."""

    field: str
    problem: str


class ProblemBody(Value):
    """An error as RFC 9457 describes it. request: the id under which the service's log speaks of it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    request: str = ""
    errors: tuple[FieldProblem, ...] = ()


class Alive(Value):
    """That the process answers, or is ready to work."""

    status: Literal["alive", "ready"]
