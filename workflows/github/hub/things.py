"""What an account and a repository hold: issues, pulls, comments, reviews, runs with their jobs, checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Level = Literal["read", "write", "admin"]


def now() -> datetime:
    """The hub's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Account:
    """A person, an organization, or an App's own account (`name[bot]`)."""

    id: int
    login: str
    kind: Literal["User", "Organization", "Bot"] = "User"


@dataclass
class Repository:
    """path: its bare repository; access: who may do what, by login; parent: what it is a fork of; old: its earlier
    full names, answered with 301.
    """

    id: int
    owner: Account
    name: str
    path: Path
    private: bool = False
    default_branch: str = "main"
    parent: int | None = None
    access: dict[str, Level] = field(default_factory=dict)
    old: list[str] = field(default_factory=list)
    made: datetime = field(default_factory=now)
    next_number: int = 1
    next_run: int = 1

    @property
    def full_name(self) -> str:
        """OWNER/NAME."""
        return f"{self.owner.login}/{self.name}"

    def level(self, login: str) -> str:
        """admin, write, read or none: what a person may do here."""
        if login == self.owner.login:
            return "admin"
        return self.access.get(login, "none" if self.private else "read")


@dataclass
class Comment:
    """A comment of a pull or an issue. app: the App's id when one wrote it."""

    id: int
    number: int
    user: Account
    body: str
    app: int | None = None
    made: datetime = field(default_factory=now)
    changed: datetime = field(default_factory=now)
    reactions: list[tuple[str, Account]] = field(default_factory=list)


@dataclass(frozen=True)
class Remark:
    """A comment of a review on lines of the diff; start: its first line where there are several."""

    id: int
    path: str
    line: int
    body: str
    side: str = "RIGHT"
    start: int | None = None
    made: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Review:
    """A review with its remarks."""

    id: int
    number: int
    user: Account
    body: str
    commit: str
    event: str
    remarks: tuple[Remark, ...] = ()
    made: datetime = field(default_factory=now)


@dataclass
class Issue:
    """An issue; every pull is one too."""

    id: int
    number: int
    user: Account
    title: str
    body: str
    state: Literal["open", "closed"] = "open"
    labels: list[str] = field(default_factory=list)
    made: datetime = field(default_factory=now)
    changed: datetime = field(default_factory=now)
    closed: datetime | None = None


@dataclass
class Pull:
    """A pull. home: the id of the repository that its head is in, None when that is gone."""

    id: int
    issue: Issue
    home: int | None
    head_ref: str
    head: str
    base_ref: str
    base: str
    merged: bool = False
    merge_commit: str | None = None

    @property
    def number(self) -> int:
        """The number that pulls and issues of a repository share."""
        return self.issue.number


@dataclass
class Step:
    """A step of a job; log: its lines as they are shown, with their times."""

    number: int
    name: str
    conclusion: str
    started: datetime
    ended: datetime
    log: str = ""


@dataclass
class Job:
    """A job of one attempt."""

    id: int
    name: str
    check: int
    started: datetime
    ended: datetime | None = None
    status: str = "queued"
    conclusion: str | None = None
    steps: list[Step] = field(default_factory=list)

    @property
    def log(self) -> str:
        """The whole log."""
        return "".join(step.log for step in self.steps)


@dataclass
class Attempt:
    """One attempt of a run. expired: its logs are gone (410)."""

    number: int
    started: datetime = field(default_factory=now)
    changed: datetime = field(default_factory=now)
    status: str = "queued"
    conclusion: str | None = None
    jobs: list[Job] = field(default_factory=list)
    expired: bool = False


@dataclass
class Run:
    """A run of a workflow at a commit. home: the repository that the commit came from; given: the results of its
    attempts, where they were made up.
    """

    id: int
    number: int
    workflow: str
    name: str
    head: str
    branch: str
    home: int
    event: str
    actor: Account
    suite: int
    attempts: list[Attempt]
    given: list[list[dict[str, Any]]] = field(default_factory=list)
    made: datetime = field(default_factory=now)

    @property
    def last(self) -> Attempt:
        """The newest attempt."""
        return self.attempts[-1]


@dataclass
class Suite:
    """The checks of one App (None: Actions) at one commit."""

    id: int
    head: str
    branch: str | None
    app: int | None
    made: datetime = field(default_factory=now)


@dataclass
class Check:
    """A check run. actions: its buttons (label, description, identifier)."""

    id: int
    suite: int
    app: int | None
    name: str
    head: str
    status: str = "queued"
    conclusion: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    details: str = ""
    external: str = ""
    annotations: list[dict[str, object]] = field(default_factory=list)
    actions: list[dict[str, str]] = field(default_factory=list)
    started: datetime = field(default_factory=now)
    ended: datetime | None = None


@dataclass
class Place:
    """All that belongs to one repository."""

    repository: Repository
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    comments: dict[int, Comment] = field(default_factory=dict)
    reviews: dict[int, Review] = field(default_factory=dict)
    runs: dict[int, Run] = field(default_factory=dict)
    suites: dict[int, Suite] = field(default_factory=dict)
    checks: dict[int, Check] = field(default_factory=dict)
    workflows: dict[str, int] = field(default_factory=dict)

    def job(self, number: int) -> tuple[Run, Attempt, Job] | None:
        """A job with where it belongs."""
        for run in self.runs.values():
            for attempt in run.attempts:
                for job in attempt.jobs:
                    if job.id == number:
                        return run, attempt, job
        return None
