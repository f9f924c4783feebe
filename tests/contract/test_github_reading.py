"""What is read of a failed run: logs by whichever way there is, its pull request, and what ran elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.forge import FakeForge
from tests.github import NAME, PLACE, commit, job, pull, run
from tests.github_logs import full_disk, green, red, zipped
from workflows.github.configuration import BotConfiguration
from workflows.github.decide import decide
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, Unreadable
from workflows.github.logs import archived, tolerated_in
from workflows.github.names import RepositoryName
from workflows.github.reading import read
from workflows.github.values import CiRun, Reading

FORK = RepositoryName(owner="eve", name="shop")


def _forge(**more: Any) -> FakeForge:
    """A pull request whose run failed in one test."""
    failed = run()
    return FakeForge(
        pulls={1: pull()}, all_runs={(500, 1): failed}, all_jobs={(500, 1): (job(9, failed),)},
        logs={(500, 1): zipped({"test": red()})}, **more,
    )  # fmt: skip


def _past(forge: FakeForge, number: int, log: str | None, *, conclusion: str = "failure", **more: Any) -> CiRun:
    """A run of the base. log: of its job, None where it cannot be had."""
    fields: dict[str, Any] = {"event": "push", "head_branch": "main", "pull_requests": (), **more}
    past = run(number, head=number, conclusion=conclusion, **fields)
    forge.all_runs[number, past.attempt] = past
    forge.all_jobs[number, past.attempt] = (job(number * 10, past, conclusion=conclusion),)
    if log is not None:
        forge.job_logs[number * 10] = log.encode()
    return past


async def _kinds(forge: FakeForge, reading: Reading | None = None) -> list[str]:
    found = reading or await read(forge, PLACE, run())
    return [one.kind for one in decide(found, BotConfiguration())]


async def test_a_red_run_is_read_from_its_archive() -> None:
    reading = await read(_forge(), PLACE, run())
    (failed,) = reading.jobs
    assert failed.source == "archive"
    assert failed.log is not None
    assert failed.log.finding is not None
    assert failed.log.finding.tests == ("tests/test_a.py::test_a",)
    assert reading.pull_request == pull()
    assert reading.base_sha == commit(1)
    assert await _kinds(_forge(), reading) == ["diagnose"]


@pytest.mark.parametrize(
    "archive",
    [zipped({}), zipped({"other": green()}), b"no zip", Expired("gone"), Absent("gone"), Unreadable("too large"), None],
)
async def test_where_the_archive_tells_nothing_the_job_is_asked(archive: Any) -> None:
    forge = _forge(job_logs={9: red().encode()})
    forge.logs = {(500, 1): archive} if archive is not None else {}
    (failed,) = (await read(forge, PLACE, run())).jobs
    assert failed.source == "job"
    assert failed.log is not None
    assert failed.log.finding is not None


@pytest.mark.parametrize(
    ("archive", "own", "why"),
    [
        (Expired("gone"), Expired("gone"), "expired"),
        (Expired("gone"), Absent("gone"), "expired"),
        (Forbidden("no"), Forbidden("no"), "forbidden"),
        (b"no zip", Unreadable("no"), "unreadable"),
        (zipped({}), b"", "empty"),
        (Expired("gone"), zipped({"test": red()}), "expired"),
    ],
)
async def test_why_there_is_no_log_is_known(archive: Any, own: Any, why: str) -> None:
    forge = _forge(job_logs={9: own})
    forge.logs = {(500, 1): archive}
    (failed,) = (await read(forge, PLACE, run())).jobs
    assert (failed.log, failed.no_log) == (None, why)
    assert await _kinds(forge) == ["expired" if why == "expired" else "unreadable"]


async def test_jobs_that_an_archive_cannot_tell_apart_are_asked_for_one_by_one() -> None:
    """Archives drop slashes and colons: "a/b" and "ab" share a file's name there."""
    forge = _forge(job_logs={9: red("t.py::one").encode(), 10: red("t.py::two").encode()})
    forge.all_jobs[500, 1] = (job(9, run(), name="a/b"), job(10, run(), name="a:b"))
    forge.logs[500, 1] = zipped({"ab": red("t.py::wrong")})
    found = (await read(forge, PLACE, run())).jobs
    assert [one.log.finding.tests for one in found if one.log and one.log.finding] == [("t.py::one",), ("t.py::two",)]


def test_names_are_cut_as_archives_cut_them() -> None:
    assert archived("build / test: x") == "build  test x"
    assert archived("a" * 200) == "a" * 90
    assert archived("\U0001f600" * 60) == "\U0001f600" * 45


async def test_a_forge_that_is_away_is_not_taken_for_missing_logs() -> None:
    for call in ("place", "run", "pull", "jobs", "archive", "runs", "merge_base", "file"):
        forge = _forge()
        forge.before[call] = [ForgeAway("no answer")]
        with pytest.raises(ForgeAway):
            await read(forge, PLACE, run())


async def test_the_same_failure_on_the_base_acquits_the_change() -> None:
    forge = _forge()
    _past(forge, 400, red())
    _past(forge, 399, red())
    _past(forge, 398, None, conclusion="success")
    (decision,) = decide(await read(forge, PLACE, run()), BotConfiguration())
    assert (decision.kind, decision.since) == ("not_this_change", commit(399))


async def test_another_failure_on_the_base_does_not() -> None:
    forge = _forge()
    _past(forge, 400, red("tests/test_b.py::test_other"))
    assert await _kinds(forge) == ["diagnose"]


@pytest.mark.parametrize(
    "more",
    [{"head_repository": FORK}, {"event": "pull_request"}, {"event": "pull_request_target"}, {"head_repository": None}],
)
async def test_a_fork_cannot_acquit_itself_by_a_branch_called_main(more: dict[str, Any]) -> None:
    forge = _forge()
    _past(forge, 400, red(), **more)
    assert await _kinds(forge) == ["diagnose"]


async def test_an_attempt_that_passed_makes_it_flaky() -> None:
    forge = _forge()
    again = run(attempt=2, conclusion="success")
    forge.all_runs[500, 2] = again
    forge.all_jobs[500, 2] = (job(19, again, conclusion="success"),)
    (decision,) = decide(await read(forge, PLACE, run()), BotConfiguration())
    assert decision.kind == "flaky"
    assert "attempt 2" in decision.history[0]


async def test_a_full_disk_is_not_the_codes_fault() -> None:
    forge = _forge()
    forge.logs[500, 1] = zipped({"test": full_disk()})
    assert await _kinds(forge) == ["infrastructure"]


async def test_a_job_is_compared_with_its_last_green_run() -> None:
    forge = _forge()
    _past(forge, 400, green(), conclusion="success")
    (failed,) = (await read(forge, PLACE, run())).jobs
    assert failed.green_run == 400
    assert failed.green is not None
    assert any("FAILED" in line for line in failed.green.new)


async def test_of_a_fork_the_pull_request_is_found_by_its_commit() -> None:
    """GitHub names no pull request in runs of forks."""
    forge = _forge()
    forge.pulls = {4: pull(4, head_repository=FORK), 5: pull(5, head=77, head_repository=FORK)}
    forge.all_runs[500, 1] = run(pull_requests=(), head_repository=FORK)
    reading = await read(forge, PLACE, run())
    assert reading.pull_request is not None
    assert reading.pull_request.number == 4


async def test_of_two_pull_requests_with_the_commit_none_is_spoken_to() -> None:
    forge = _forge()
    forge.pulls = {4: pull(4), 5: pull(5)}
    forge.all_runs[500, 1] = run(pull_requests=())
    reading = await read(forge, PLACE, run())
    assert reading.pull_request is None


async def test_a_run_of_an_old_head_is_superseded_without_reading_more() -> None:
    forge = _forge()
    forge.pulls[1] = pull(head=101)
    forge.before["archive"] = [Unreadable("must not be asked")]
    reading = await read(forge, PLACE, run())
    assert (reading.head, reading.jobs) == (False, ())
    assert forge.before["archive"]


async def test_a_branch_is_measured_by_what_ran_before_on_it() -> None:
    forge = _forge()
    forge.pulls = {}
    forge.all_runs[500, 1] = run(pull_requests=(), event="push", head_branch="main")
    _past(forge, 400, None, conclusion="success")
    _past(forge, 600, red())  # it came later, and acquits nothing
    reading = await read(forge, PLACE, run())
    assert (reading.pull_request, reading.base_sha) == (None, commit(400))
    assert await _kinds(forge, reading) == ["diagnose"]


async def test_steps_that_may_fail_are_known_from_the_workflow() -> None:
    text = (
        "jobs:\n  test:\n    steps:\n      - name: Lint\n        run: ruff check\n        continue-on-error: true\n"
        "      - name: Test\n        run: pytest\n"
    )
    assert {"Lint", "ruff check"} <= tolerated_in(text)
    assert "Test" not in tolerated_in(text)
    assert tolerated_in("\t: {") == frozenset()
    forge = _forge(files={(".github/workflows/tests.yml", commit(100)): text.encode()})
    assert (await read(forge, PLACE, run())).workflow == text


async def test_a_renamed_repository_is_read_under_its_new_name() -> None:
    """What GitHub says of it counts, not what an old delivery said."""

    class Renamed(FakeForge):
        async def place(self, place: Any) -> Any:
            return place.model_copy(update={"name": NAME})

    old = PLACE.model_copy(update={"name": RepositoryName(owner="ada", name="old")})
    made = _forge()
    forge = Renamed(pulls=made.pulls, all_runs=made.all_runs, all_jobs=made.all_jobs, logs=made.logs)
    reading = await read(forge, old, run())
    assert reading.place.name == NAME
    assert reading.pull_request is not None
