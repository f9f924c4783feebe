"""Logs of failed jobs: from the archive of the attempt (its steps, else its job), else from the job's own address.

An archive can lack jobs or steps, and its names lose characters; whatever it does not tell is asked for job by job.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from tools.ci.archive import ArchiveInvalid, is_archive, read_archive
from tools.ci.compare import Comparison, compare
from tools.ci.plain import passable
from tools.ci.read import blocks_of, read_job
from tools.ci.values import JobLog
from tools.ci.workflow import Workflow, WorkflowInvalid, read_workflow
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, ForgeError, Reads, Refused, Unreadable
from workflows.github.values import FailedJob, Job, NoLog, Place

MOST_JOBS = 60
MOST_NAME = 90  # UTF-16 units of a job's name in an archive
_LOST = str.maketrans("", "", "/:")
_WHY: tuple[tuple[type[ForgeError], NoLog], ...] = (
    (Expired, "expired"), (Absent, "expired"), (Forbidden, "forbidden"), (Refused, "unreadable"),
    (Unreadable, "unreadable"),
)  # fmt: skip


def archived(name: str) -> str:
    """A job's name as an archive has it."""
    kept = name.translate(_LOST).encode("utf-16-le", "surrogatepass")[: 2 * MOST_NAME]
    return passable(kept.decode("utf-16-le", "replace"), 200).strip()


def tolerated_in(text: str) -> frozenset[str]:
    """How logs name the steps of a workflow that may fail; not where it is also the name of one that may not."""
    try:
        workflow = read_workflow(text) if text else Workflow()
    except WorkflowInvalid:
        return frozenset()
    names: dict[bool, set[str]] = {True: set(), False: {""}}
    for job in workflow.jobs:
        for step in job.steps:
            names[step.tolerated] |= {step.name, step.command.split("\n")[0], step.uses}
    return frozenset(names[True] - names[False])


async def failed_jobs(
    forge: Reads, place: Place, run: int, attempt: int, jobs: Sequence[Job], *, tolerated: frozenset[str] = frozenset()
) -> tuple[FailedJob, ...]:  # fmt: skip
    """Jobs with their logs, at most `MOST_JOBS`. Raises ForgeAway: it may be there in a moment."""
    wanted = jobs[:MOST_JOBS]
    if not wanted:
        return ()
    logs, why = await _from_archive(forge, place, run, attempt, tolerated)
    twice = {name for name, many in Counter(archived(job.name) for job in wanted).items() if many > 1}
    found = []
    for job in wanted:
        name = archived(job.name)
        log = None if name in twice else logs.get(name)
        if log is not None and log.finding is not None:
            found.append(FailedJob(job=job, log=log, source="archive"))
        else:
            found.append(await _one(forge, place, job, log=log, why=why, tolerated=tolerated))
    return tuple(found)


async def _from_archive(
    forge: Reads, place: Place, run: int, attempt: int, tolerated: frozenset[str]
) -> tuple[Mapping[str, JobLog], NoLog]:
    """The jobs of the archive by name, and why there is none."""
    try:
        async with forge.archive(place, run, attempt) as file:
            read = await asyncio.to_thread(read_archive, file, tolerated=tolerated)
    except ForgeAway:
        raise
    except ForgeError as error:
        return {}, _why(error)
    except ArchiveInvalid:
        return {}, "unreadable"
    return {archived(log.name): log for log in read.jobs}, "" if read.jobs else "empty"


async def _one(
    forge: Reads, place: Place, job: Job, *, log: JobLog | None, why: NoLog, tolerated: frozenset[str]
) -> FailedJob:
    """The job with its own log, else with what the archive told. why: there is no archive."""
    try:
        own = await job_log(forge, place, job, tolerated=tolerated)
    except ForgeAway:
        raise
    except ForgeError as error:
        if log is not None:
            return FailedJob(job=job, log=log, source="archive")
        own_why = _why(error)
        return FailedJob(job=job, no_log=why if why in ("expired", "forbidden") and own_why != "forbidden" else own_why)
    if own.lines == 0:
        return FailedJob(job=job, log=log, source="archive") if log else FailedJob(job=job, no_log=why or "empty")
    return FailedJob(job=job, log=own, source="job")


async def job_log(forge: Reads, place: Place, job: Job, *, tolerated: frozenset[str] = frozenset()) -> JobLog:
    """One job's log, read. Raises ForgeError."""
    async with forge.job_log(place, job.id) as file:
        start = file.read(4)
        file.seek(0)
        if is_archive(start):
            raise Unreadable("a job's log is an archive")
        return await asyncio.to_thread(
            lambda: read_job(blocks_of(file), name=passable(job.name, 200), tolerated=tolerated)
        )


async def compared(forge: Reads, place: Place, red: JobLog, green: Job) -> Comparison | None:
    """What a log says beside that of a job that passed; None where that one is gone. Raises ForgeAway."""
    try:
        async with forge.job_log(place, green.id) as file:
            return await asyncio.to_thread(lambda: compare(red, blocks_of(file)))
    except ForgeAway:
        raise
    except ForgeError:
        return None


def _why(error: ForgeError) -> NoLog:
    return next((why for kind, why in _WHY if isinstance(error, kind)), "unreadable")
