"""What the bot asks of a forge and says on it, as a protocol. GitHub answers it in `client/`; GitLab and Gitea can.

Errors, all of them ForgeError:

ForgeError              message: one line for people, without addresses' secrets
├── ForgeAway           no answer, 5xx: try again
│   └── ForgeBusy       a rate limit; `after_s`: seconds until the forge listens again
├── Forbidden           403: the App lacks a permission, which the message names where the forge does
├── Absent              404: deleted, renamed away, or not shown to this App
├── Expired             410: it was there once (logs after their retention)
├── Refused             422 and other 4xx: the forge does not take what was sent
└── Unreadable          an answer that is none (too large, malformed, a redirect to a host that is not allowed)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from workflows.github.names import RepositoryName
from workflows.github.values import (
    ChangedFile,
    Check,
    CiRun,
    Comment,
    FixBranch,
    Job,
    Permission,
    Place,
    PullRequest,
    Reaction,
    Suggestion,
)


class ForgeError(Exception):
    """The forge did not do it."""


class ForgeAway(ForgeError):
    """It does not answer, or not yet."""


class ForgeBusy(ForgeAway):
    """A rate limit. after_s: when to ask again, in seconds."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


class Forbidden(ForgeError):
    """The App may not."""


class Absent(ForgeError):
    """It is not there, for this App."""


class Expired(ForgeError):
    """It is not there any more."""


class Refused(ForgeError):
    """The forge does not take it."""


class Unreadable(ForgeError):
    """The answer cannot be used."""


class Reads(Protocol):
    """What the bot asks. Every call may raise ForgeError."""

    async def place(self, place: Place) -> Place:
        """The repository as it is called now."""

    async def run(self, place: Place, run: int, attempt: int | None = None) -> CiRun:
        """A run, at its newest attempt when none is named."""

    async def runs(
        self, place: Place, *, workflow: int = 0, branch: str = "", head_sha: str = "", status: str = "", most: int = 20
    ) -> tuple[CiRun, ...]:
        """Newest attempts of runs, the newest run first. status: "success", "failure" or "completed"."""

    async def jobs(self, place: Place, run: int, attempt: int) -> tuple[Job, ...]:
        """The jobs of an attempt (at most 1,000)."""

    def archive(self, place: Place, run: int, attempt: int) -> AbstractAsyncContextManager[BinaryIO]:
        """The zip of an attempt's logs as an open temporary file. Raises Expired, Absent."""

    def job_log(self, place: Place, job: int) -> AbstractAsyncContextManager[BinaryIO]:
        """One job's log as an open temporary file. Raises Expired, Absent."""

    async def pull(self, place: Place, number: int) -> PullRequest:
        """A pull request as it is now."""

    async def pulls_with(self, place: Place, sha: str) -> tuple[PullRequest, ...]:
        """Pull requests that have this commit."""

    async def pulls_from(self, place: Place, head: RepositoryName, branch: str) -> tuple[PullRequest, ...]:
        """Open pull requests whose head is this branch."""

    async def changed(self, place: Place, number: int) -> tuple[ChangedFile, ...]:
        """The files of a pull request's diff (at most 3,000)."""

    async def merge_base(self, place: Place, base: str, head: str) -> tuple[str, int]:
        """The commit where two revisions part, and how many commits the head has beyond it."""

    async def file(self, place: Place, path: str, ref: str) -> bytes | None:
        """A file at a revision (at most 1 MB), None where there is none."""

    async def permission(self, place: Place, user: str) -> Permission:
        """What a person may do in the repository: "write" means that they can push."""

    async def comments(self, place: Place, number: int) -> tuple[Comment, ...]:
        """The comments of a pull request or issue, oldest first (at most 1,000)."""

    async def comment(self, place: Place, comment: int) -> Comment | None:
        """One comment, None when it was deleted."""

    async def checks(self, place: Place, sha: str) -> dict[str, int]:
        """This App's check runs of a commit: `Check.external` to id."""


class Source(Reads, Protocol):
    """What the bot has of a forge: answers, and commits. It holds no token (`broker/`)."""

    async def fetch(self, place: Place, folder: Path, revisions: tuple[str, ...], *, number: int = 0) -> None:
        """Make `folder` (absent) a bare repository that has these commits and their history.

        number: of the pull request whose head is fetched too, from the base's repository. Raises ForgeError.
        """


class Says(Protocol):
    """What the bot says. Every call may raise ForgeError; an answer that was lost may have been heard all the same."""

    @property
    def app(self) -> int:
        """The id of the App that speaks, as its comments carry it."""

    async def add_comment(self, place: Place, number: int, body: str) -> int:
        """A new comment (at most 65,536 characters); its id."""

    async def edit_comment(self, place: Place, comment: int, body: str) -> None:
        """Say something else instead. Raises Absent when people deleted it."""

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        """Show what came of a command. Shown twice it is the same."""

    async def add_check(self, place: Place, check: Check) -> int:
        """A new check run; its id. More than 50 notes are sent in several requests."""

    async def edit_check(self, place: Place, check: int, new: Check) -> None:
        """Bring a check run up to date."""

    async def suggest(self, place: Place, number: int, sha: str, body: str, lines: tuple[Suggestion, ...]) -> None:
        """One review with suggestions. Raises Refused when one line is not in the diff: nothing is said then."""

    async def rerun(self, place: Place, run: int) -> None:
        """Run the failed jobs of a run again."""

    async def branch(self, place: Place, fix: FixBranch) -> str:
        """Make the commit and its branch; the commit's id. Raises Refused when the branch is there with another commit.

        Asked again with the same fix it answers the commit that is there.
        """

    async def head_of(self, place: Place, branch: str) -> str | None:
        """The newest commit of a branch, None where there is no such branch."""

    async def open_pull(self, place: Place, *, title: str, body: str, head: str, base: str) -> int:
        """A pull request of one of the repository's own branches; its number (of the open one, where there is one)."""


class Forge(Reads, Says, Protocol):
    """A forge, as one App."""


class Missed(Protocol):
    """The forge's own log of deliveries."""

    def failed(self, since: datetime) -> AsyncIterator[int]:
        """Ids of deliveries since then that did not arrive, newest first, one for each GUID that no later try
        delivered.
        """

    async def redeliver(self, delivery: int) -> None:
        """Send one again."""
