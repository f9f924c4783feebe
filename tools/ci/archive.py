"""The zip of a run's logs: a file per job at its top, a directory per job with a file per step.

Members are streamed, never written to disk. Names that lead out, encrypted and foreign members are refused; sizes are
counted as they come, whatever the archive declares.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from tools.ci.plain import passable
from tools.ci.read import read_job, read_steps
from tools.ci.steps import BLOCK
from tools.ci.values import JobLog, RunLog

MAX_MEMBERS = 10_000
MAX_NAME = 400
MAX_BYTES = 2 << 30  # of all members that are read
MAX_MEMBER = 1 << 30
MAX_RATIO = 400  # of a member over RATIO_FROM; real logs shrink to a tenth, at most to a hundredth
RATIO_FROM = 16 << 20
_NUMBERED = re.compile(r"^(-?\d{1,6})_(.+)\.txt$")


class ArchiveInvalid(Exception):
    """The archive cannot be read, or must not be: the message says why."""


@dataclass
class _Job:
    """A job's members: of the whole, and of its steps by number."""

    name: str
    whole: zipfile.ZipInfo | None = None
    steps: list[tuple[int, str, zipfile.ZipInfo]] = field(default_factory=list)


@dataclass
class _Budget:
    left: int = MAX_BYTES


def read_archive(file: BinaryIO, *, tolerated: frozenset[str] = frozenset()) -> RunLog:
    """All jobs of a run. Raises ArchiveInvalid.

    Files of steps come first, because their ends are exact; a job whose steps tell of no failure, or that has none,
    is read
    from its own file.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            jobs = _jobs(archive)
            budget = _Budget()
            read = tuple(_job(archive, job, budget, tolerated) for job in jobs)
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
        OverflowError,
        KeyError,
    ) as error:
        raise ArchiveInvalid(f"not a readable zip: {passable(str(error), 200)}") from error
    notes = () if read else ("the archive has no logs",)
    return RunLog(jobs=read, notes=notes)


def is_archive(start: bytes) -> bool:
    """Whether a file that begins so is a zip."""
    return start[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def _jobs(archive: zipfile.ZipFile) -> list[_Job]:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ArchiveInvalid(f"{len(members)} members; at most {MAX_MEMBERS} are read")
    jobs: dict[str, _Job] = {}
    for member in members:
        _check(member)
        parts = member.filename.split("/")
        match = _NUMBERED.match(parts[-1])
        if match is None or len(parts) > 2:
            continue
        name = match[2] if len(parts) == 1 else parts[0]
        job = jobs.setdefault(name, _Job(name))
        if len(parts) == 1:
            job.whole = member
        else:
            job.steps.append((int(match[1]), match[2], member))
    return list(jobs.values())


def _check(member: zipfile.ZipInfo) -> None:
    """Refuse a member that no log archive has. Raises ArchiveInvalid."""
    name = member.orig_filename
    if name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/") or re.match(r"^[A-Za-z]:", name):
        raise ArchiveInvalid(f"a member's name leads out of the archive: {passable(name, 100)}")
    if len(name) > MAX_NAME:
        raise ArchiveInvalid("a member's name is too long")
    if member.flag_bits & 1:
        raise ArchiveInvalid("a member is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArchiveInvalid("a member is packed in a way that logs are not")


def _job(archive: zipfile.ZipFile, job: _Job, budget: _Budget, tolerated: frozenset[str]) -> JobLog:
    steps = sorted(job.steps, key=lambda step: step[:2])
    if steps:
        files = ((name, member.filename, _blocks(archive, member, budget)) for _, name, member in steps)
        log = read_steps(files, name=passable(job.name, 200), tolerated=tolerated)
        if log.failing is not None or job.whole is None or _complete(job):
            return log
    if job.whole is None:
        return JobLog(system="actions", name=passable(job.name, 200))
    return read_job(_blocks(archive, job.whole, budget), name=passable(job.name, 200), tolerated=tolerated)


def _complete(job: _Job) -> bool:
    """Whether the files of the steps have all of the job's own file; GitHub leaves some out now and then."""
    of_steps = sum(member.file_size for _, _, member in job.steps)
    return job.whole is not None and of_steps >= job.whole.file_size


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: _Budget) -> Iterator[bytes]:
    """A member's bytes. Raises ArchiveInvalid for one that grows beyond all logs."""
    size = 0
    with archive.open(member) as stream:
        while block := stream.read(BLOCK):
            size += len(block)
            budget.left -= len(block)
            if size > RATIO_FROM and size > MAX_RATIO * max(1, member.compress_size):
                raise ArchiveInvalid(f"a member grows {MAX_RATIO}-fold: {passable(member.filename, 100)}")
            if budget.left < 0 or size > MAX_MEMBER:
                raise ArchiveInvalid(f"more than {MAX_BYTES >> 30} GiB of logs")
            yield block
