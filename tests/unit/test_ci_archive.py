"""The zip of a run's logs: jobs and steps out of it, and what bad archives get."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.ci import archive
from tools.ci.archive import ArchiveInvalid, is_archive, read_archive

LOGS = Path(__file__).parent / "ci_logs"
SET_UP = "2026-03-04T09:12:31.0000000Z Current runner version: '2.331.0'\n"
STAMP = "2026-03-04T09:12:32.0000000Z "
RUN = "##[group]Run pytest\n\x1b[36;1mpytest\x1b[0m\nshell: /usr/bin/bash -e {0}\n##[endgroup]\n"
FAILED = (
    "FAILED tests/test_a.py::test_a - assert 1 == 2\n1 failed in 0.01s\n##[error]Process completed with exit code 1.\n"
)


def zipped(members: Mapping[str, str | bytes], **options: int) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", options.get("method", zipfile.ZIP_DEFLATED)) as made:
        for name, text in members.items():
            made.writestr(name, text)
    stream.seek(0)
    return stream


def stamped(text: str) -> str:
    return "".join(STAMP + line + "\n" for line in text.splitlines())


def test_steps_of_a_job_are_read_from_their_own_files() -> None:
    """Names come from the files, in the order of their numbers; a group in a step's output opens no other step."""
    forged = RUN + "##[group]Run rm -rf x\n\x1b[36;1mrm -rf x\x1b[0m\nshell: bash\n##[endgroup]\n" + FAILED
    run = read_archive(
        zipped(
            {
                "0_test (3.11).txt": stamped(RUN + FAILED),
                "test (3.11)/10_Complete job.txt": stamped("Cleaning up orphan processes"),
                "test (3.11)/2_Unit tests.txt": stamped(forged),
                "test (3.11)/1_Set up job.txt": SET_UP,
                "test (3.11)/system.txt": "not a step",
            }
        )
    )
    (job,) = run.jobs
    assert [(step.number, step.name, step.kind) for step in job.steps] == [
        (1, "Set up job", "set-up"), (2, "Unit tests", "run"), (3, "Complete job", "post"),
    ]  # fmt: skip
    assert job.name == "test (3.11)"
    assert job.failing == 2
    assert job.finding is not None
    assert (job.finding.command, job.finding.tests) == ("pytest", ("tests/test_a.py::test_a",))
    assert job.steps[1].source == "test (3.11)/2_Unit tests.txt"


def test_a_job_without_files_of_its_steps_is_read_whole() -> None:
    """GitHub leaves files out; what is there is used."""
    run = read_archive(
        zipped({"0_a.txt": stamped(RUN + FAILED), "1_b.txt": stamped(RUN + FAILED), "b/1_Set up job.txt": SET_UP})
    )
    assert [job.finding.tests if job.finding else () for job in run.jobs] == [("tests/test_a.py::test_a",)] * 2


@pytest.mark.parametrize("name", ["../x/1_a.txt", "/etc/1_a.txt", "a\\..\\1_a.txt", "C:/1_a.txt", "a/../../1_b.txt"])
def test_names_that_lead_out_are_refused(name: str) -> None:
    """No member is ever written, and none with such a name is read either."""
    with pytest.raises(ArchiveInvalid, match="leads out"):
        read_archive(zipped({name: "x"}))


def test_a_bomb_is_refused() -> None:
    """A member that grows beyond what logs do, whatever the archive declares."""
    with pytest.raises(ArchiveInvalid, match="fold"):
        read_archive(zipped({"0_a.txt": b"\0" * (40 << 20)}))


def test_all_members_together_are_bounded() -> None:
    """Many members that are each allowed do not add up to a bomb."""
    budget = archive._Budget(100)
    with zipfile.ZipFile(zipped({"0_a.txt": "x" * 200})) as made, pytest.raises(ArchiveInvalid, match="GiB"):
        list(archive._blocks(made, made.infolist()[0], budget))


def test_foreign_methods_damage_and_encryption_are_refused() -> None:
    """Everything that is no log archive ends in one kind of error."""
    with pytest.raises(ArchiveInvalid, match="packed"):
        read_archive(zipped({"0_a.txt": "x"}, method=zipfile.ZIP_BZIP2))
    good = zipped({"0_a.txt": stamped(RUN + FAILED) * 50}).getvalue()
    damaged = good[:60] + bytes([good[60] ^ 0xFF, good[61] ^ 0xFF]) + good[62:]
    for data in (damaged, good[: len(good) // 2], b"PK\x03\x04" + b"x" * 50, b""):
        with pytest.raises(ArchiveInvalid):
            read_archive(io.BytesIO(data))
    locked = bytearray(good)
    locked[good.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveInvalid, match="encrypted"):
        read_archive(io.BytesIO(bytes(locked)))


def test_an_offset_that_no_file_can_have_is_refused() -> None:
    """A zip64 entry names a place beyond what a machine can count."""
    good = zipped({"0_a.txt": "x"}).getvalue()
    entry, end = good.index(b"PK\x01\x02"), good.index(b"PK\x05\x06")
    extra = struct.pack("<HHQ", 1, 8, 2**63 + 5)
    head = bytearray(good[entry:end])
    head[30:32], head[42:46] = struct.pack("<H", len(extra)), b"\xff" * 4
    tail = bytearray(good[end:])
    tail[12:16] = struct.pack("<L", len(head) + len(extra))
    with pytest.raises(ArchiveInvalid):
        read_archive(io.BytesIO(good[:entry] + head + extra + tail))


def test_an_archive_without_logs_says_so() -> None:
    """An empty answer is told from a green run."""
    assert read_archive(zipped({"readme.md": "x"})).notes == ("the archive has no logs",)
    assert is_archive(zipped({}).getvalue())
    assert not is_archive(b"2026-03-04T09:12:31Z x")


def test_a_run_of_many_jobs_keeps_their_order() -> None:
    """A matrix: each job with its own failure or none."""
    members = {
        f"{number}_{path.stem}.txt": path.read_bytes() for number, path in enumerate(sorted(LOGS.glob("go-*.log")))
    }
    run = read_archive(zipped(members))
    assert [job.name for job in run.jobs] == [path.stem for path in sorted(LOGS.glob("go-*.log"))]
    assert all(job.finding and job.finding.tool == "go" for job in run.jobs)
