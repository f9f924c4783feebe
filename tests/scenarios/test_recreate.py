"""A failure in service that no test shows: ways to repeat it are tried, and code decides which one is kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts
from agent.bench import Emit, Progress, TestOutcome
from agent.deps import Deps
from agent.diagnose import diagnose
from agent.domain import Limits, Report, Request
from agent.recheck import recheck
from agent.record import Player, Recorder
from tests.fakes.bench import FIX, PREPARED, FakeBench, Outcome, always, mended_by
from tests.scenarios.test_machine import Killed, clock, plausible, quiet
from tools.recreate.text import SEEN
from tools.recreate.values import Draft, Drafts, Raised
from tools.values import Crash, Frame, TestResult, TestRun

FILE = "tests/test_from_log.py"
NAME = f"{FILE}::test_what_the_log_shows"
RAISED = Raised(kind="KeyError", message="'eur'", file="box.py", line=2, function="size")
DRAFTS = tuple(
    Draft(driver="call", act=f"{name}([1])", module="box", name=name, said=f"calls {name} with [1]", quote="got [1]")
    for name in ("work", "size")
)
INNER = (Frame(file=FILE, line=5, function="t"), Frame(file="box.py", line=2, function="size"))
CRASH = Crash(kind="KeyError", message="'eur'", frames=INNER)
UNSAID = "    del answer"
OTHER = Crash(kind="KeyError", message="'eur'", frames=INNER[:1])
FIXED = mended_by("+    return len(items)\n")
WORLD: dict[str, Outcome] = {f"{NAME}_0": always("failed"), f"{NAME}_1": always("failed"), NAME: FIXED}


def answered(crash: Crash) -> TestOutcome:
    """A run at another revision."""
    result = TestResult(id=NAME, status="failed", crash=crash)
    return TestOutcome(run=TestRun(command=("pytest",), results=(result,), complete=True))


def gave(*answers: str) -> list[TestOutcome]:
    return [answered(Crash(kind="AssertionError", message=f"{SEEN}{answer}")) for answer in answers]


def bench(tmp_path: Path, crashes: dict[str, Crash] | None = None, **changes: Any) -> FakeBench:
    known = {**dict.fromkeys(WORLD, CRASH), **(crashes or {})}
    given = {
        "artifacts": Artifacts(tmp_path / "artifacts"), "tests": WORLD, "crashes": known, "unwritten": {FILE},
        "searches": [plausible(FIX, NAME)], "drafted": Drafts(raised=RAISED, drafts=DRAFTS), **changes,
    }  # fmt: skip
    return FakeBench(**given)


async def run(
    tmp_path: Path, world: Any, *, good: str | None = None, state: str = "state", emit: Emit = quiet
) -> Report:
    kept = Artifacts(tmp_path / "artifacts")
    request = Request(source="box", log=kept.put("a log"), good=good, limits=Limits(repeats=3, rounds=1))
    deps = Deps(bench=world, artifacts=kept, now=clock(), emit=emit)
    return await diagnose(request, deps, run="r1", checkpoints=tmp_path / f"{state}.sqlite")


async def test_without_a_good_revision_the_claim_is_small(tmp_path: Path) -> None:
    """Verified, and the certificate says that only this error is not raised; it can be run again."""
    world = bench(tmp_path)
    report = await run(tmp_path, world)
    assert report.outcome == "verified_patch", report.reason
    assert report.certificate is not None
    written = report.certificate["predicate"]["written_test"]
    assert (written["path"], written["author"], written["quotes"]) == (
        FILE,
        "Patchwright",
        ["got [1]", "KeyError: 'eur'"],
    )
    assert "no earlier revision shows the right answer" in written["claims"]
    assert written["claims"] in report.reason
    assert any("Patchwright wrote it from the log" in step for step in report.next_steps)
    deps = Deps(bench=world, artifacts=world.artifacts, now=clock(), emit=quiet)
    text = world.artifacts.text(report.verdict.certificate or "") if report.verdict else ""
    again = await recheck(text, deps, source=None)
    assert again.holds, again.lines
    assert again.lines[0] == f"{FILE} was written by Patchwright: it is added to the tree"


async def test_what_tells_most_of_what_is_right_is_kept(tmp_path: Path) -> None:
    """Of two calls that fail as the log shows, the one that gave more than None at the good revision."""
    world = bench(tmp_path, pasts=gave("None", "None", "1", "1"))
    report = await run(tmp_path, Recorder(world, tmp_path / "record.jsonl"), good="a" * 40)
    assert report.written_test is not None
    assert (
        "answer = seen('KeyError', lambda: size([1]))\n    assert answer == 1  # as at aaaaaaaaaaaa"
        in report.written_test.text
    )
    replayed = await run(tmp_path, Player(tmp_path / "record.jsonl"), good="a" * 40, state="replayed")
    assert replayed.written_test == report.written_test


@pytest.mark.parametrize(
    ("pasts", "asserted"),
    [
        (gave("1", "2"), UNSAID), (gave("<a thing>"), UNSAID), (gave("__import__('os')"), UNSAID),
        ([answered(Crash(kind="ValueError"))], "    assert answer == 'raises ValueError'"),
        ([answered(Crash(kind="ImportError"))], UNSAID), (gave("'x'; import os"), UNSAID),
        ([TestOutcome(run=TestRun(command=(), results=(), complete=False), problem="no such")], UNSAID),
    ],
)  # fmt: skip
async def test_what_an_earlier_revision_says(tmp_path: Path, pasts: list[TestOutcome], asserted: str) -> None:
    """An answer that varies, is no literal or could not be had is not asserted; another error can be right."""
    report = await run(tmp_path, bench(tmp_path, pasts=pasts), good="a" * 40)
    assert report.written_test is not None
    assert asserted in report.written_test.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crashes": {f"{NAME}_0": OTHER, f"{NAME}_1": OTHER}}, "2 ways tried, none raises it there"),
        ({"pasts": [answered(CRASH)]}, "fails so too"),
        ({"crashes": {NAME: OTHER}, "pasts": gave("1")}, "alone does not fail so"),
        (
            {"tests": {**WORLD, NAME: lambda patch, seed: "failed" if seed == 0 else "passed"}, "pasts": gave("1")},
            "every time",
        ),
        ({"drafted": Drafts(raised=RAISED, note="nothing is stated")}, "because nothing is stated"),
    ],
)
async def test_what_is_not_kept_is_said(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    """Inconclusive, with why and with what would help; no certificate."""
    report = await run(tmp_path, bench(tmp_path, **changes), good="a" * 40)
    assert (report.outcome, report.written_test, report.certificate) == ("inconclusive", None, None)
    assert said in report.reason
    assert "to reproduce it, give a log with" in report.reason


async def test_an_answer_that_is_an_error_is_not_right(tmp_path: Path) -> None:
    """Where the good revision answers 500 here, only what is known is asserted; a status that stays is."""
    drafts = Drafts(raised=RAISED, drafts=(DRAFTS[1].model_copy(update={"driver": "wsgi"}),))
    rows = {
        "    assert answer[0] < 500": gave("[500, 'no database']"),
        "    assert answer[0] == 200": gave("[200, '1']", "[200, '2']"),
    }
    for number, (asserted, pasts) in enumerate(rows.items()):
        world = bench(tmp_path, drafted=drafts, pasts=pasts)
        report = await run(tmp_path, world, good="a" * 40, state=f"state{number}")
        assert report.written_test is not None
        assert asserted in report.written_test.text


async def test_killed_while_it_tries_it_goes_on(tmp_path: Path) -> None:
    """The step is done again, and none before it."""
    world, seen = bench(tmp_path), list[str]()

    def die(progress: Progress) -> None:
        if progress.text == "started":
            seen.append(progress.node)
            if seen == ["prepare", "reproduce", "recreate"]:
                raise Killed

    with pytest.raises((Killed, asyncio.CancelledError)):
        await run(tmp_path, world, emit=die)
    report = await run(tmp_path, world, emit=die)
    assert (report.outcome, seen[:5]) == (
        "verified_patch", ["prepare", "reproduce", "recreate", "recreate", "localize"],
    )  # fmt: skip


async def test_the_same_message_comes_first(tmp_path: Path) -> None:
    """Of two that raise it there, the one that says what the log says."""
    world = bench(tmp_path, {f"{NAME}_0": CRASH.model_copy(update={"message": "'usd'"})})
    report = await run(tmp_path, world)
    assert report.written_test is not None
    assert "lambda: size([1])" in report.written_test.text


async def test_other_logs_and_frameworks_end_as_before(tmp_path: Path) -> None:
    """A log without a trace of the repository, and tests that are no pytest's."""
    plain = await run(tmp_path, bench(tmp_path, drafted=Drafts()))
    assert plain.outcome == "inconclusive"
    other = PREPARED.model_copy(update={"framework": "command"})
    report = await run(tmp_path, bench(tmp_path, prepared=other), state="other")
    assert any("none was written" in row.summary for row in report.evidence)
