"""All that is known of a failed attempt before anything is decided: its logs, its pull request, and what ran elsewhere.

What ran elsewhere acquits a change, so only runs that the repository's own branches caused count: a fork can have a
branch that is called like the base.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass

from workflows.github.forge import ForgeAway, ForgeError, Reads
from workflows.github.logs import compared, failed_jobs, job_log, tolerated_in
from workflows.github.signature import signature_of
from workflows.github.values import FAILING, CiRun, FailedJob, Job, PastJob, Place, PullRequest, Reading

MOST_BASE = 6
MOST_ATTEMPTS = 5
MOST_PAST_LOGS = 8
MOST_GREEN = 3
_FOREIGN = frozenset({"pull_request", "pull_request_target", "pull_request_review", "issue_comment"})


async def read(forge: Reads, place: Place, run: CiRun) -> Reading:
    """Read a completed attempt. Raises ForgeAway, and Absent or Forbidden where the run itself cannot be read."""
    place = await forge.place(place)
    run = await forge.run(place, run.id, run.attempt)
    pull = await pull_of(forge, place, run)
    seen = Reading(place=place, run=run, pull_request=pull, head=pull is None or pull.head_sha == run.head_sha)
    if run.conclusion not in FAILING or not seen.head:
        return seen
    jobs = [job for job in await forge.jobs(place, run.id, run.attempt) if job.conclusion in FAILING]
    workflow = await _workflow(forge, place, run)
    failed = await failed_jobs(forge, place, run.id, run.attempt, jobs, tolerated=tolerated_in(workflow))
    elsewhere = _Elsewhere(forge, place, run, pull)
    base = await elsewhere.base(failed)
    sha, commits = await elsewhere.parting()
    return seen.model_copy(update={
        "jobs": await elsewhere.beside_green(failed), "base": base, "attempts": await elsewhere.attempts(failed),
        "base_sha": sha, "commits": commits, "workflow": workflow,
    })  # fmt: skip


async def pull_of(forge: Reads, place: Place, run: CiRun) -> PullRequest | None:
    """The one pull request that a run is about, as it is now. Raises ForgeAway."""
    found = await _named(forge, place, run) or await _with_commit(forge, place, run)
    numbers = {one.number for one in found}
    if len(numbers) != 1:
        return None
    return found[0]


async def _named(forge: Reads, place: Place, run: CiRun) -> list[PullRequest]:
    """Those that the run names; GitHub names none of a fork."""
    found = []
    for number in run.pull_requests[:10]:
        try:
            found.append(await forge.pull(place, number))
        except ForgeAway:
            raise
        except ForgeError:
            continue
    ours = [one for one in found if one.base_repository == place.name]
    return [one for one in ours if one.open] or ours


async def _with_commit(forge: Reads, place: Place, run: CiRun) -> list[PullRequest]:
    """Open ones whose head is the run's commit, else those of its branch."""
    if run.event and run.event not in _FOREIGN and run.head_branch == place.default_branch:
        return []
    found = [one for one in await _tolerant(forge.pulls_with(place, run.head_sha)) if one.open]
    exact = [one for one in found if one.head_sha == run.head_sha]
    if exact or found or run.head_repository is None or not run.head_branch:
        numbers = [one.number for one in exact or found]
    else:
        branch = await _tolerant(forge.pulls_from(place, run.head_repository, run.head_branch))
        numbers = [one.number for one in branch]
    return [await forge.pull(place, number) for number in dict.fromkeys(numbers[:2])]


async def _tolerant(asking: Awaitable[tuple[PullRequest, ...]]) -> tuple[PullRequest, ...]:
    """Pull requests, none where the App may not see them."""
    try:
        return await asking
    except ForgeAway:
        raise
    except ForgeError:
        return ()


async def _workflow(forge: Reads, place: Place, run: CiRun) -> str:
    """The text of the workflow's file at the head, "" where it cannot be read."""
    if not run.path.startswith(".github/workflows/"):
        return ""
    try:
        data = await forge.file(place, run.path, run.head_sha)
    except ForgeAway:
        raise
    except ForgeError:
        return ""
    return data.decode("utf-8", "replace") if data else ""


@dataclass(frozen=True)
class _Elsewhere:
    """How the same jobs ended in other runs."""

    forge: Reads
    place: Place
    run: CiRun
    pull: PullRequest | None

    @property
    def branch(self) -> str:
        """The base: of the pull request, else what ran before on the branch."""
        return self.pull.base_ref if self.pull else self.run.head_branch

    async def base(self, failed: tuple[FailedJob, ...]) -> tuple[PastJob, ...]:
        """The jobs on the base, newest run first. Logs are read while they tell of the same failure."""
        names = {one.job.name for one in failed}
        wanted = {signature_of(one.log) for one in failed if one.log} - {""}
        found: list[PastJob] = []
        left = MOST_PAST_LOGS
        for run in await self._runs("completed", MOST_BASE):
            for job in await self._jobs(run, names):
                past = PastJob(run=run, job=job)
                if job.conclusion in FAILING and wanted and left > 0:
                    past, left = await self._logged(past), left - 1
                found.append(past)
        return tuple(found)

    async def attempts(self, failed: tuple[FailedJob, ...]) -> tuple[PastJob, ...]:
        """The jobs of the same commit in other attempts of this run, and in other runs of the workflow."""
        names = {one.job.name for one in failed}
        found = []
        async for run in self._same_commit():
            found += [PastJob(run=run, job=job) for job in await self._jobs(run, names)]
        return tuple(found)

    async def _same_commit(self) -> AsyncIterator[CiRun]:
        newest = await self.forge.run(self.place, self.run.id)
        numbers = [n for n in range(newest.attempt, 0, -1) if n != self.run.attempt]
        for number in numbers[:MOST_ATTEMPTS]:
            one = newest if number == newest.attempt else await self._attempt(number)
            if one is not None and one.status == "completed":
                yield one
        for run in await self._found(head_sha=self.run.head_sha, status="completed", most=MOST_ATTEMPTS):
            if run.id != self.run.id and run.head_sha == self.run.head_sha and run.event == self.run.event:
                yield run

    async def _attempt(self, number: int) -> CiRun | None:
        try:
            return await self.forge.run(self.place, self.run.id, number)
        except ForgeAway:
            raise
        except ForgeError:
            return None

    async def beside_green(self, failed: tuple[FailedJob, ...]) -> tuple[FailedJob, ...]:
        """The failed jobs, each compared with its last green one on the base."""
        left = {one.job.name: one for one in failed if one.log and one.log.finding}
        told: dict[int, FailedJob] = {}
        for run in await self._runs("success", MOST_GREEN):
            for job in await self._jobs(run, set(left)):
                red = left.get(job.name)
                if red is None or red.log is None or job.conclusion != "success":
                    continue
                beside = await compared(self.forge, self.place, red.log, job)
                if beside is not None:
                    told[red.job.id] = red.model_copy(update={"green": beside, "green_run": run.id})
                    del left[job.name]
            if not left:
                break
        return tuple(told.get(one.job.id, one) for one in failed)

    async def parting(self) -> tuple[str, int]:
        """The merge base and how many commits the head has beyond it; of a branch, its last green commit."""
        base = self.pull.base_sha if self.pull else next((one.head_sha for one in await self._runs("success", 1)), "")
        if not base or base == self.run.head_sha:
            return "", 0
        try:
            return await self.forge.merge_base(self.place, base, self.run.head_sha)
        except ForgeAway:
            raise
        except ForgeError:
            return "", 0

    async def _logged(self, past: PastJob) -> PastJob:
        try:
            return past.model_copy(update={"log": await job_log(self.forge, self.place, past.job)})
        except ForgeAway:
            raise
        except ForgeError:
            return past

    async def _runs(self, status: str, most: int) -> list[CiRun]:
        """Runs of the workflow that the base's own commits caused; of a branch, those before this one."""
        if not self.branch:
            return []
        found = await self._found(branch=self.branch, status=status, most=4 * most)
        ours = [
            one for one in found
            if one.head_repository == self.place.name and one.event not in _FOREIGN and one.id != self.run.id
            and one.head_branch == self.branch and (self.pull is not None or one.id < self.run.id)
            and one.head_sha != self.run.head_sha
        ]  # fmt: skip
        return ours[:most]

    async def _found(self, *, branch: str = "", head_sha: str = "", status: str, most: int) -> tuple[CiRun, ...]:
        try:
            return await self.forge.runs(
                self.place, workflow=self.run.workflow, branch=branch, head_sha=head_sha, status=status, most=most
            )
        except ForgeAway:
            raise
        except ForgeError:
            return ()

    async def _jobs(self, run: CiRun, names: Iterable[str]) -> list[Job]:
        """The jobs of a run with one of these names."""
        try:
            found = await self.forge.jobs(self.place, run.id, run.attempt)
        except ForgeAway:
            raise
        except ForgeError:
            return []
        return [job for job in found if job.name in names and job.conclusion]
