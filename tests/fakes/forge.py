"""A forge in memory, through the protocol. What was said is in `said`; `faults` are raised before or after a call."""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from workflows.github.forge import Absent, Expired, ForgeError, Refused
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

APP = 77


@dataclass
class FakeForge:
    """One repository. Keys of `logs`: (run, attempt); of `job_logs`: job; of `files`: (path, revision).

    before, after: by name of a call, errors to raise in order (None: let it pass): before the call had any effect,
    or after it had, as when the answer is lost.
    """

    pulls: dict[int, PullRequest] = field(default_factory=dict)
    all_runs: dict[tuple[int, int], CiRun] = field(default_factory=dict)
    all_jobs: dict[tuple[int, int], tuple[Job, ...]] = field(default_factory=dict)
    logs: dict[tuple[int, int], bytes | ForgeError] = field(default_factory=dict)
    job_logs: dict[int, bytes | ForgeError] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    people: dict[str, Permission] = field(default_factory=dict)
    diffs: dict[int, tuple[ChangedFile, ...]] = field(default_factory=dict)
    bases: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    talk: dict[int, list[Comment]] = field(default_factory=lambda: defaultdict(list))
    check_runs: dict[int, Check] = field(default_factory=dict)
    branches: dict[str, tuple[str, FixBranch | None]] = field(default_factory=dict)
    reviews: list[tuple[int, str, str, tuple[Suggestion, ...]]] = field(default_factory=list)
    reactions: list[tuple[int, str]] = field(default_factory=list)
    reruns: list[int] = field(default_factory=list)
    opened: list[tuple[str, str, str]] = field(default_factory=list)
    before: dict[str, list[BaseException | None]] = field(default_factory=lambda: defaultdict(list))
    after: dict[str, list[BaseException | None]] = field(default_factory=lambda: defaultdict(list))
    said: list[str] = field(default_factory=list)
    app: int = APP
    repository: Path | None = None  # of git, to fetch from
    _last: int = 1000

    def _enter(self, call: str) -> None:
        if self.before[call] and (error := self.before[call].pop(0)):
            raise error

    def _leave(self, call: str) -> None:
        self.said.append(call)
        if self.after[call] and (error := self.after[call].pop(0)):
            raise error

    def _new(self) -> int:
        self._last += 1
        return self._last

    async def place(self, place: Place) -> Place:
        self._enter("place")
        return place

    async def run(self, place: Place, run: int, attempt: int | None = None) -> CiRun:
        self._enter("run")
        found = [one for one in self.all_runs.values() if one.id == run and attempt in (None, one.attempt)]
        if not found:
            raise Absent("no such run")
        return max(found, key=lambda one: one.attempt)

    async def runs(
        self, place: Place, *, workflow: int = 0, branch: str = "", head_sha: str = "", status: str = "", most: int = 20
    ) -> tuple[CiRun, ...]:
        self._enter("runs")
        newest = {one.id: one for one in sorted(self.all_runs.values(), key=lambda one: (one.id, one.attempt))}
        found = [
            one for one in newest.values()
            if workflow in (0, one.workflow) and branch in ("", one.head_branch) and head_sha in ("", one.head_sha)
            and status in ("", one.status, one.conclusion)
        ]  # fmt: skip
        return tuple(reversed(found))[:most]

    async def jobs(self, place: Place, run: int, attempt: int) -> tuple[Job, ...]:
        self._enter("jobs")
        return self.all_jobs.get((run, attempt), ())

    @asynccontextmanager
    async def archive(self, place: Place, run: int, attempt: int) -> AsyncIterator[BinaryIO]:
        self._enter("archive")
        yield _opened(self.logs.get((run, attempt)))

    @asynccontextmanager
    async def job_log(self, place: Place, job: int) -> AsyncIterator[BinaryIO]:
        self._enter("job_log")
        yield _opened(self.job_logs.get(job))

    async def pull(self, place: Place, number: int) -> PullRequest:
        self._enter("pull")
        if number not in self.pulls:
            raise Absent("no such pull request")
        return self.pulls[number]

    async def pulls_with(self, place: Place, sha: str) -> tuple[PullRequest, ...]:
        self._enter("pulls_with")
        return tuple(one for one in self.pulls.values() if one.head_sha == sha)

    async def pulls_from(self, place: Place, head: RepositoryName, branch: str) -> tuple[PullRequest, ...]:
        self._enter("pulls_from")
        return tuple(
            one for one in self.pulls.values() if one.open and one.head_ref == branch and one.head_repository == head
        )

    async def changed(self, place: Place, number: int) -> tuple[ChangedFile, ...]:
        self._enter("changed")
        return self.diffs.get(number, ())

    async def merge_base(self, place: Place, base: str, head: str) -> tuple[str, int]:
        self._enter("merge_base")
        return self.bases.get((base, head), (base, 1))

    async def file(self, place: Place, path: str, ref: str) -> bytes | None:
        self._enter("file")
        return self.files.get((path, ref))

    async def permission(self, place: Place, user: str) -> Permission:
        self._enter("permission")
        return self.people.get(user, "none")

    async def comments(self, place: Place, number: int) -> tuple[Comment, ...]:
        self._enter("comments")
        return tuple(self.talk[number])

    async def comment(self, place: Place, comment: int) -> Comment | None:
        self._enter("comment")
        return next((one for many in self.talk.values() for one in many if one.id == comment), None)

    async def checks(self, place: Place, sha: str) -> dict[str, int]:
        self._enter("checks")
        return {check.external: number for number, check in self.check_runs.items() if check.head_sha == sha}

    async def fetch(self, place: Place, folder: Path, revisions: tuple[str, ...], *, number: int = 0) -> None:
        self._enter("fetch")
        if self.repository is None:
            raise Absent("this forge has no repository")
        await asyncio.to_thread(_cloned, self.repository, folder, revisions)

    async def add_comment(self, place: Place, number: int, body: str) -> int:
        self._enter("add_comment")
        if len(body) > 65_536:
            raise Refused("the body is too long")
        made = Comment(id=self._new(), author="patchwright[bot]", app=self.app, body=body)
        self.talk[number].append(made)
        self._leave("add_comment")
        return made.id

    async def edit_comment(self, place: Place, comment: int, body: str) -> None:
        self._enter("edit_comment")
        if len(body) > 65_536:
            raise Refused("the body is too long")
        for many in self.talk.values():
            for at, one in enumerate(many):
                if one.id == comment:
                    many[at] = one.model_copy(update={"body": body})
                    self._leave("edit_comment")
                    return
        raise Absent("the comment was deleted")

    def delete_comment(self, comment: int) -> None:
        """What a person does."""
        for many in self.talk.values():
            many[:] = [one for one in many if one.id != comment]

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        self._enter("react")
        self.reactions.append((comment, reaction))
        self._leave("react")

    async def add_check(self, place: Place, check: Check) -> int:
        self._enter("add_check")
        made = self._new()
        self.check_runs[made] = check
        self._leave("add_check")
        return made

    async def edit_check(self, place: Place, check: int, new: Check) -> None:
        self._enter("edit_check")
        if check not in self.check_runs:
            raise Absent("no such check run")
        self.check_runs[check] = new
        self._leave("edit_check")

    async def suggest(self, place: Place, number: int, sha: str, body: str, lines: tuple[Suggestion, ...]) -> None:
        self._enter("suggest")
        self.reviews.append((number, sha, body, lines))
        self._leave("suggest")

    async def rerun(self, place: Place, run: int) -> None:
        self._enter("rerun")
        self.reruns.append(run)
        self._leave("rerun")

    async def branch(self, place: Place, fix: FixBranch) -> str:
        self._enter("branch")
        known = self.branches.get(fix.branch)
        if known and known[1] != fix:
            raise Refused("the branch is there already, with another commit")
        made = known[0] if known else f"{self._new():040x}"
        self.branches[fix.branch] = (made, fix)
        self._leave("branch")
        return made

    async def head_of(self, place: Place, branch: str) -> str | None:
        self._enter("head_of")
        return self.branches[branch][0] if branch in self.branches else None

    async def open_pull(self, place: Place, *, title: str, body: str, head: str, base: str) -> int:
        self._enter("open_pull")
        self.opened.append((title, head, base))
        self._leave("open_pull")
        return self._new()


def _opened(kept: bytes | ForgeError | None) -> BinaryIO:
    if isinstance(kept, ForgeError):
        raise kept
    if kept is None:
        raise Expired("the logs have expired")
    return io.BytesIO(kept)


def _cloned(repository: Path, folder: Path, revisions: tuple[str, ...]) -> None:
    git = ("git", "-c", "safe.directory=*")
    subprocess.run([*git, "clone", "-q", "--bare", str(repository), str(folder)], check=True)
    for revision in revisions:
        known = [*git, f"--git-dir={folder}", "cat-file", "-e", f"{revision}^{{commit}}"]
        if subprocess.run(known, capture_output=True, check=False).returncode:
            shutil.rmtree(folder)
            raise Absent("no such commit")
