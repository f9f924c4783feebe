"""What the parts of the bot hand to each other: frozen values, with no behaviour beyond what follows from their fields.

Everything here was read from a forge or a log and is hostile: names, titles and messages are bounded where they are
read (`events.py`, `client/`), and neutralized where they are shown. Identifiers are the forge's own numbers.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from tools.ci.compare import Comparison
from tools.ci.values import JobLog
from tools.values import Value
from workflows.github.names import RepositoryName

Conclusion = Literal[
    "success", "failure", "timed_out", "startup_failure", "cancelled", "skipped", "stale", "neutral", "action_required",
    "",
]  # fmt: skip
FAILING: frozenset[str] = frozenset({"failure", "timed_out", "startup_failure"})
Permission = Literal["admin", "write", "read", "none"]
Verb = Literal["diagnose", "explain", "stop", "apply", "rerun", "dismiss"]
Reaction = Literal["eyes", "rocket", "confused"]
Wish = Literal["", "explain", "apply", "rerun"]
NoLog = Literal["", "expired", "forbidden", "unreadable", "empty"]
CaseState = Literal["new", "diagnosing", "settled", "superseded", "stopped", "dismissed", "closed"]
Kind = Literal[
    "diagnose", "not_this_change", "flaky", "infrastructure", "dependencies", "expired", "unreadable", "superseded",
    "silent",
]  # fmt: skip


class Place(Value):
    """A repository as an installation of the App sees it. id: stays when it is renamed or transferred."""

    id: int
    name: RepositoryName
    installation: int
    private: bool = False
    default_branch: str = ""


class PullRequest(Value):
    """A pull request now. head: its newest commit; head_repository: None when a fork was deleted; base: its branch.

    base_sha: the tip of that branch when the forge last looked, no merge base.
    """

    number: int
    title: str = ""
    open: bool = True
    merged: bool = False
    draft: bool = False
    author: str = ""
    head_sha: str
    head_ref: str
    head_repository: RepositoryName | None
    base_sha: str
    base_ref: str
    base_repository: RepositoryName
    labels: tuple[str, ...] = ()

    @property
    def fork(self) -> bool:
        """Whether its commits lie in another repository."""
        return self.head_repository != self.base_repository


class CiRun(Value):
    """One attempt of a run of a workflow. path: of the workflow's file; event: what started it ("push", …)."""

    id: int
    attempt: int = 1
    workflow: int = 0
    name: str = ""
    path: str = ""
    event: str = ""
    head_sha: str
    head_branch: str = ""
    head_repository: RepositoryName | None = None
    status: str = "completed"
    conclusion: Conclusion = ""
    url: str = ""
    pull_requests: tuple[int, ...] = ()
    created: datetime | None = None


class Job(Value):
    """A job of one attempt. step: the name of its first step that failed, "" where none did."""

    id: int
    run: int
    attempt: int = 1
    name: str
    conclusion: Conclusion = ""
    url: str = ""
    step: str = ""


class FailedJob(Value):
    """A job that failed, with its log as read. no_log: why there is none; green: what differs from the last green run.

    source: where the log was found: the archive of the attempt, or the job's own address.
    """

    job: Job
    log: JobLog | None = None
    no_log: NoLog = ""
    source: Literal["archive", "job", ""] = ""
    green: Comparison | None = None
    green_run: int = 0


class PastJob(Value):
    """How a job of the same name ended elsewhere: on the base, in another attempt. log: where it failed."""

    run: CiRun
    job: Job
    log: JobLog | None = None


class Reading(Value):
    """All that is known of a failed attempt before anything is decided.

    pull_request: as it is now, None when there is not exactly one; head: whether the attempt ran its newest commit;
    base: the same jobs on the base branch, newest first; attempts: the same jobs of the same commit in other attempts
    and runs; base_sha: the merge base, "" where it is not known; workflow: the text of the workflow file at the head.
    """

    place: Place
    run: CiRun
    pull_request: PullRequest | None = None
    head: bool = True
    jobs: tuple[FailedJob, ...] = ()
    base: tuple[PastJob, ...] = ()
    attempts: tuple[PastJob, ...] = ()
    base_sha: str = ""
    workflow: str = ""
    commits: int = 0

    @property
    def failed(self) -> tuple[Job, ...]:
        """The failed jobs."""
        return tuple(one.job for one in self.jobs)


class Decision(Value):
    """What to do about jobs that failed alike. signature: what they share, with numbers, paths and hashes masked.

    reason: one sentence for people; since: the first commit of the base that fails so, where it is known; history: of
    a flaky test, one line each; log: the text to diagnose from, "" where nothing is diagnosed; job: whose it is; step
    and line: where in it the error is, by the numbers that the forge's pages have, 0 where that is not known.
    """

    kind: Kind
    signature: str
    jobs: tuple[Job, ...]
    reason: str
    tests: tuple[str, ...] = ()
    error: str = ""
    since: str = ""
    history: tuple[str, ...] = ()
    log: str = ""
    job: int = 0
    step: int = 0
    line: int = 0


class Case(Value):
    """One failure of one commit, from the red run to what was last said about it. key: unique, see `case_key`.

    subject: the pull request's number, 0 for a branch without one; number: of the run and its attempt; diagnosis: the
    service's run, "" before there is one; by: who asked last; wish: for what that the
    publisher has to do; again: what tells its diagnoses apart, "" for the first.
    """

    key: str
    place: Place
    subject: int
    head_sha: str
    head_ref: str = ""
    base_sha: str = ""
    base_ref: str = ""
    fork: bool = False
    run: int
    attempt: int = 1
    run_url: str = ""
    state: CaseState = "new"
    decision: Decision
    diagnosis: str = ""
    outcome: str = ""
    note: str = ""
    fix_branch: str = ""
    by: str = ""
    wish: Wish = ""
    again: str = ""


def case_key(place: Place, subject: int, head_sha: str, signature: str) -> str:
    """Failures that are told once: the same signature at the same commit of the same pull request (0: of a branch)."""
    return f"{place.id}/{subject}/{head_sha}/{signature}"


# What happened, as the bot reads it from a delivery ------------------------------------------------------------------


class RunEnded(Value):
    """An attempt of a workflow ended (workflow_run completed)."""

    type: Literal["run_ended"] = "run_ended"
    place: Place
    run: CiRun


class HeadMoved(Value):
    """A pull request was opened, pushed to, reopened, retargeted or closed: older cases of it may be over."""

    type: Literal["head_moved"] = "head_moved"
    place: Place
    pull_request: PullRequest
    action: str


class Commanded(Value):
    """Somebody asked for something: by a comment, a button of a check run, or a label. May they? Ask the forge.

    subject: the pull request or issue, 0 when only the commit is known; comment: its id, 0 for none; check: the check
    run's id, 0 for none; head_sha: the commit the button belongs to; argument: what stood behind the command, or the
    check run's `Check.external`; text: title and body of an issue.
    """

    type: Literal["commanded"] = "commanded"
    place: Place
    verb: Verb
    by: str
    subject: int = 0
    issue: bool = False
    comment: int = 0
    check: int = 0
    head_sha: str = ""
    argument: str = Field(default="", max_length=500)
    text: str = Field(default="", max_length=100_000)


class AccessChanged(Value):
    """An installation was made, changed, suspended or removed. gone: nothing of it may be asked any more.

    repositories: ids of those meant, none for all of the installation.
    """

    type: Literal["access_changed"] = "access_changed"
    installation: int
    account: str = ""
    gone: bool = False
    repositories: tuple[int, ...] = ()


class Nothing(Value):
    """Nothing to do; reason: one line for the log."""

    type: Literal["nothing"] = "nothing"
    reason: str


Event = RunEnded | HeadMoved | Commanded | AccessChanged | Nothing


# What is said --------------------------------------------------------------------------------------------------------


class Comment(Value):
    """A comment on a pull request or issue. app: id of the App that wrote it, 0 for a person."""

    id: int
    author: str = ""
    app: int = 0
    body: str = ""
    url: str = ""


class Note(Value):
    """One annotation of a check run, at lines of the head commit (1-based). title: at most 255 characters."""

    path: str
    start: int
    end: int
    level: Literal["notice", "warning", "failure"]
    title: str
    message: str


class Button(Value):
    """A button of a check run: label at most 20 characters, description 40, identifier 20."""

    label: str = Field(max_length=20)
    description: str = Field(max_length=40)
    identifier: str = Field(max_length=20)


class Check(Value):
    """A check run as it shall be. conclusion: "" while it is not over; external: our own key of it, at most 20 notes
    of 50 a request, three buttons.
    """

    name: str
    head_sha: str
    external: str
    status: Literal["queued", "in_progress", "completed"]
    conclusion: Conclusion = ""
    title: str
    summary: str
    text: str = ""
    notes: tuple[Note, ...] = ()
    buttons: tuple[Button, ...] = Field(default=(), max_length=3)
    url: str = ""


class Suggestion(Value):
    """A review comment with a suggestion block, on lines of the head inside the pull request's diff."""

    path: str
    start: int
    end: int
    body: str


class ChangedFile(Value):
    """A file of a pull request's diff. patch: its hunks as the forge shows them, "" where it is too large or binary."""

    path: str
    status: str
    patch: str = ""


class FixBranch(Value):
    """A commit to make on a new branch. files: path to its new text, None to remove it; parent: the commit it is on."""

    branch: str
    parent: str
    message: str
    files: dict[str, str | None]


class Nod(Value):
    """A reaction to a comment that gave a command. attempts: how often it was tried."""

    place: Place
    comment: int
    reaction: Reaction
    attempts: int = 0


class Published(Value):
    """What was said about a pull request, so that it is never said twice.

    comment: id of the sticky comment, 0 before there is one; digest: of what it last said; head_sha: it spoke of;
    state: the word of its first line; checks: case key to check run; gone: people deleted it; silenced: people said
    stop; corrected: the word that it took back.
    """

    comment: int = 0
    digest: str = ""
    head_sha: str = ""
    state: str = ""
    checks: dict[str, int] = Field(default_factory=dict)
    check_digests: dict[str, str] = Field(default_factory=dict)
    gone: bool = False
    silenced: bool = False
    reviews: tuple[str, ...] = ()
    fix_pull: int = 0
    corrected: str = ""
