"""The whole machine over a scripted bench: every outcome, the rules of verification, resume and replay."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.artifacts import Artifacts
from agent.bench import Bench, BisectOrder, BisectOutcome, LoggedFailures, Plausible, Progress, SearchOutcome
from agent.certificate import CertificateInvalid, read, seal
from agent.deps import Deps
from agent.diagnose import diagnose
from agent.domain import Limits, Report, Request
from agent.graph import NODES
from agent.record import Player, Recorder, ReplayDiverged
from sandbox.recipe import EnvironmentBroken
from tests.fakes.bench import FIX, PREPARED, SOURCE, FakeBench, Outcome, always, mended_by
from tools.values import TOGETHER, Candidate, Crash, Edit, Status

REQUEST = Request(source="box", limits=Limits(repeats=3))
CANDIDATE = Candidate(
    id="c1",
    edits=(Edit(file="box.py", start=40, end=44, text=""),),
    template="drop-operand",
    line=2,
    description="line 2: drop `- 1`",
    prior=0.5,
    score=0.5,
)


def plausible(diff: str = FIX, *tests: str) -> SearchOutcome:
    found = Plausible(candidate=CANDIDATE, diff=diff, mends=tests or ("test_box.py::test_size",))
    return SearchOutcome(plausible=(found,), tried=40, seconds=0.2)


def quiet(progress: Progress) -> None:
    """Show nothing."""


def clock() -> Callable[[], float]:
    ticks = itertools.count()
    return lambda: float(next(ticks))


async def run(bench: Bench, artifacts: Artifacts, folder: Path, request: Request = REQUEST) -> Report:
    deps = Deps(bench=bench, artifacts=artifacts, now=clock(), emit=quiet)
    return await diagnose(request, deps, run="r1", checkpoints=folder / "state.sqlite")


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path / "artifacts")


TESTS = {"test_box.py::test_size": mended_by("+    return len(items)\n"), "test_box.py::test_empty": always("passed")}


async def test_verified_patch_carries_a_certificate_that_reads_back(artifacts: Artifacts, tmp_path: Path) -> None:
    """Fails before, passes after, nothing else breaks: verified, with a statement about exactly that patch."""
    report = await run(FakeBench(artifacts, TESTS, [plausible()]), artifacts, tmp_path)
    assert report.outcome == "verified_patch"
    assert report.patch == FIX
    assert report.certificate is not None
    statement = read(
        artifacts.text(report.verdict.certificate if report.verdict and report.verdict.certificate else "")
    )
    decisive = statement["predicate"]["decisive"]
    assert decisive[0]["before"]["results"] == ["failed"] * 3
    assert decisive[0]["after"]["results"] == ["passed"] * 3
    assert statement["predicate"]["regression"]["tests"] == 1


TWO_FAIL = {**TESTS, "test_box.py::test_other": always("failed")}
PARTIAL = SearchOutcome(partial=(("test_box.py::test_size",),), tried=10, seconds=0.1)


async def test_one_of_several_causes_is_repaired_alone(artifacts: Artifacts, tmp_path: Path) -> None:
    """The other failing test does not run the repaired function: it fails for a reason of its own."""
    bench = FakeBench(artifacts, TWO_FAIL, [PARTIAL, plausible()], elsewhere=frozenset({"test_box.py::test_other"}))
    report = await run(bench, artifacts, tmp_path)
    assert report.outcome == "verified_patch"
    assert report.verdict is not None
    assert [history.id for history in report.verdict.before] == ["test_box.py::test_size"]


async def test_half_a_repair_is_none(artifacts: Artifacts, tmp_path: Path) -> None:
    """A test that runs the changed function and still fails speaks against the patch."""
    report = await run(FakeBench(artifacts, TWO_FAIL, [PARTIAL, plausible()] * 2), artifacts, tmp_path)
    assert report.outcome == "diagnosed"
    assert any("still fail" in seen.summary for seen in report.evidence)


async def test_changed_certificate_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    """Any changed character of the patch or of a claim breaks the digest or the seal."""
    report = await run(FakeBench(artifacts, TESTS, [plausible()]), artifacts, tmp_path)
    assert report.verdict
    assert report.verdict.certificate
    text = artifacts.text(report.verdict.certificate)
    for old, new in (("len(items)", "len(things)"), ('"tests": 1', '"tests": 9'), ("stable-fail", "flaky")):
        with pytest.raises(CertificateInvalid):
            read(text.replace(old, new))
    for name in (None, 1, ["t.py"]):
        statement = json.loads(text)
        statement["predicate"]["decisive"][0]["test"] = name
        statement["predicate"]["seal"] = seal(statement["predicate"])
        with pytest.raises(CertificateInvalid, match=r"decisive\.0\.test"):
            read(json.dumps(statement))


async def test_flaky_decisive_test_never_certifies(artifacts: Artifacts, tmp_path: Path) -> None:
    """A test that passes once in a while on the base is flaky, whatever a patch does."""
    tests: dict[str, Outcome] = {
        "t.py::test_sometimes": lambda patch, seed: "passed" if patch or seed % 4 == 2 else "failed"
    }
    named = LoggedFailures(tests=("t.py::test_sometimes",))
    report = await run(FakeBench(artifacts, tests, [plausible()], named=named), artifacts, tmp_path)
    assert report.outcome == "flaky"
    assert report.certificate is None


async def test_runs_without_a_result_make_no_test_flaky(artifacts: Artifacts, tmp_path: Path) -> None:
    """A sandbox that dies under a run says nothing about the test."""
    report = await run(FakeBench(artifacts, TESTS, lost=frozenset({2})), artifacts, tmp_path)
    assert report.outcome == "inconclusive"
    assert "1 of 3 runs gave no result: the sandbox died" in report.reason


async def test_test_that_turns_flaky_with_the_patch_is_refused(artifacts: Artifacts, tmp_path: Path) -> None:
    """Passing most of the time after the patch is not passing."""
    tests: dict[str, Outcome] = {
        "test_box.py::test_size": lambda patch, seed: "passed" if patch and seed != 1 else "failed"
    }
    report = await run(FakeBench(artifacts, tests, [plausible()]), artifacts, tmp_path)
    assert report.outcome == "diagnosed"
    assert report.certificate is None
    assert "does not pass reliably" in report.rejected[0].reason


async def test_patch_that_breaks_another_test_gets_no_certificate(artifacts: Artifacts, tmp_path: Path) -> None:
    """What passed before must still pass."""
    tests = {**TESTS, "test_box.py::test_empty": lambda patch, seed: "failed" if patch else "passed"}
    report = await run(FakeBench(artifacts, tests, [plausible()]), artifacts, tmp_path)
    assert report.outcome == "diagnosed"
    assert report.rejected[0].regressions == ("test_box.py::test_empty",)


async def test_regression_behind_many_flaky_tests_is_found(artifacts: Artifacts, tmp_path: Path) -> None:
    """Each test that stopped passing is looked at; those seen to fail on the base too are excused."""
    flaky: dict[str, Outcome] = {
        f"test_box.py::test_a{number}": lambda patch, seed: "failed" if patch or seed == 1 else "passed"
        for number in range(30)
    }
    tests = {**TESTS, **flaky, "test_box.py::test_z": lambda patch, seed: "failed" if patch else "passed"}
    report = await run(FakeBench(artifacts, tests, [plausible()]), artifacts, tmp_path)
    assert report.certificate is None
    assert report.rejected[0].regressions == ("test_box.py::test_z",)


async def test_lost_runs_excuse_no_regression(artifacts: Artifacts, tmp_path: Path) -> None:
    """Where a repeat on the base gives no result, a test that stopped passing is still a regression."""
    tests = {**TESTS, "test_box.py::test_empty": lambda patch, seed: "failed" if patch else "passed"}
    bench = FakeBench(artifacts, tests, [plausible()])
    bench.lost_alone = frozenset({"test_box.py::test_empty"})
    report = await run(bench, artifacts, tmp_path)
    assert report.certificate is None
    assert report.rejected[0].regressions == ("test_box.py::test_empty",)


async def test_guard_refuses_a_patch_of_the_failing_test(artifacts: Artifacts, tmp_path: Path) -> None:
    """A candidate that edits the failing test is refused before anything is run."""
    diff = "--- a/test_box.py\n+++ b/test_box.py\n@@ -1 +1 @@\n-assert size([1]) == 1\n+assert True\n"
    bench = FakeBench(
        artifacts, TESTS, [plausible(diff)], texts={"box.py": SOURCE, "test_box.py": "assert size([1]) == 1\n"}
    )
    report = await run(bench, artifacts, tmp_path)
    assert report.outcome != "verified_patch"
    assert {f.rule for f in report.rejected[0].findings} >= {"failing-test"}


async def test_second_round_searches_wider_when_nothing_verified(artifacts: Artifacts, tmp_path: Path) -> None:
    """The router goes back to the proposers while rounds and seconds remain."""
    bench = FakeBench(artifacts, TESTS, [SearchOutcome(tried=5, seconds=0.1), plausible()])
    report = await run(bench, artifacts, tmp_path)
    assert [call for call in bench.calls if call.startswith("search")] == ["search level 1", "search level 2"]
    assert report.outcome == "verified_patch"


async def test_unneeded_hunk_is_dropped_and_the_rest_verified_again(artifacts: Artifacts, tmp_path: Path) -> None:
    """Minimization keeps the hunk that mends and certifies the smaller patch."""
    text = "a = 1\nb = 2\nc = 3\nd = 4\nreturn_value = len(items) - 1\n"
    diff = (
        "--- a/box.py\n+++ b/box.py\n@@ -1,5 +1,5 @@\n-a = 1\n+a = 7\n b = 2\n c = 3\n d = 4\n"
        "-return_value = len(items) - 1\n+return_value = len(items)\n"
    )
    tests = {"test_box.py::test_size": mended_by("+return_value = len(items)\n")}
    report = await run(FakeBench(artifacts, tests, [plausible(diff)], texts={"box.py": text}), artifacts, tmp_path)
    assert report.outcome == "verified_patch"
    assert report.patch
    assert "a = 7" not in report.patch
    assert report.certificate
    assert report.certificate["predicate"]["minimization"]["hunks_dropped"] == 1


async def test_edits_that_belong_together_are_not_torn_apart(artifacts: Artifacts, tmp_path: Path) -> None:
    """A parameter that is added and passed on stays whole, although the test only needs the first half."""
    text = "def size(items):\n    pad = 1\n    more = 2\n    return count(items)\n"
    diff = (
        "--- a/box.py\n+++ b/box.py\n@@ -1,4 +1,4 @@\n-def size(items):\n+def size(items, key=None):\n"
        "     pad = 1\n     more = 2\n-    return count(items)\n+    return count(items, key=key)\n"
    )
    found = plausible(diff).plausible[0]
    whole = found.model_copy(update={"candidate": found.candidate.model_copy(update={"tags": (TOGETHER,)})})
    tests = {"test_box.py::test_size": mended_by("+def size(items, key=None):\n")}
    outcome = SearchOutcome(plausible=(whole,), tried=40, seconds=0.2)
    report = await run(FakeBench(artifacts, tests, [outcome], texts={"box.py": text}), artifacts, tmp_path)
    assert report.patch
    assert "count(items, key=key)" in report.patch


async def test_green_suite_is_said_to_be_green(artifacts: Artifacts, tmp_path: Path) -> None:
    """Nothing fails: not reproduced, and the number of tests is named."""
    report = await run(FakeBench(artifacts, {"t.py::test_a": always("passed")}), artifacts, tmp_path)
    assert (report.outcome, "1 test passed" in report.reason) == ("not_reproduced", True)


async def test_broken_environment_is_an_outcome_with_its_output(artifacts: Artifacts, tmp_path: Path) -> None:
    """The failing step and its output are evidence, not a crash."""
    broken = EnvironmentBroken("uv pip install -e .", "error: no such package")
    report = await run(FakeBench(artifacts, {}, prepared=broken), artifacts, tmp_path)
    assert report.outcome == "environment_broken"
    assert "no such package" in report.evidence[0].summary


async def test_triage_stops_after_localization(artifacts: Artifacts, tmp_path: Path) -> None:
    """Goal triage: suspects, no search, no patch."""
    bench = FakeBench(artifacts, TESTS, [plausible()])
    report = await run(bench, artifacts, tmp_path, REQUEST.model_copy(update={"goal": "triage"}))
    assert report.outcome == "diagnosed"
    assert not [call for call in bench.calls if call.startswith("search")]
    assert report.suspects[0].function == "size"


THINKING = {"recreate", "demonstrate", "choose", "explain"}  # without a log or a model they are not on the way


class Killed(BaseException):
    """Stands for a process that dies: nothing in the machine may catch it."""


@pytest.mark.parametrize("node", [name for name in NODES if name not in THINKING])
async def test_killed_in_any_node_resumes_without_repeating_finished_ones(
    node: str, artifacts: Artifacts, tmp_path: Path
) -> None:
    """Re-entry runs the interrupted step again and nothing that had finished before it."""
    seen: list[str] = []

    def die(progress: Progress) -> None:
        if progress.text == "started":
            seen.append(progress.node)
            if progress.node == node and seen.count(node) == 1:
                raise Killed

    bench = FakeBench(artifacts, TESTS, [plausible(), plausible()])
    deps = Deps(bench=bench, artifacts=artifacts, now=clock(), emit=die)
    with pytest.raises((Killed, asyncio.CancelledError)):
        await diagnose(REQUEST, deps, run="r1", checkpoints=tmp_path / "state.sqlite")
    report = await diagnose(REQUEST, deps, run="r1", checkpoints=tmp_path / "state.sqlite")
    assert report.outcome == "verified_patch"
    parallel = {"search", "think", "back_out", "given"}
    repeated = {name for name in seen if seen.count(name) > 1}
    assert repeated <= (parallel if node in parallel else {node})


async def test_replay_reaches_the_same_report_without_a_bench(artifacts: Artifacts, tmp_path: Path) -> None:
    """A recorded run is reached again from its record alone."""
    record = tmp_path / "record.jsonl"
    first = await run(Recorder(FakeBench(artifacts, TESTS, [plausible()]), record), artifacts, tmp_path)
    folder = tmp_path / "replay"
    folder.mkdir()
    second = await run(Player(record), artifacts, folder)
    assert second == first


async def test_replay_of_a_resumed_run_takes_the_answers_that_counted(artifacts: Artifacts, tmp_path: Path) -> None:
    """What a killed attempt was told, and lost before it was kept, is not what the report came from."""
    record, order = tmp_path / "record.jsonl", BisectOrder(good="v1", tests=(), repeats=1, wall_s=1, test_s=1)
    for reason in ("3 s, killed", "2 s, resumed"):
        bench = FakeBench(artifacts, TESTS, bisection=BisectOutcome(reason=reason))
        await Recorder(bench, record).bisect(PREPARED, order, quiet)
    assert (await Player(record).bisect(PREPARED, order, quiet)).reason == "2 s, resumed"


async def test_replay_says_where_it_diverged(artifacts: Artifacts, tmp_path: Path) -> None:
    """A call that was never recorded is named."""
    record = tmp_path / "record.jsonl"
    await run(Recorder(FakeBench(artifacts, TESTS, [plausible()]), record), artifacts, tmp_path)
    lines = [line for line in record.read_text().splitlines() if '"search"' not in line]
    record.write_text("\n".join(lines) + "\n")
    folder = tmp_path / "replay"
    folder.mkdir()
    with pytest.raises(ReplayDiverged, match="search"):
        await run(Player(record), artifacts, folder)


LATE = Crash(kind="Timeout", message="not imported within 21 s")


def in_turn(*statuses: Status) -> Outcome:
    """One status after the other, whatever the patch and the seed; the last for ever."""
    waiting = list(statuses)
    return lambda patch, seed: waiting.pop(0) if len(waiting) > 1 else waiting[0]


@pytest.mark.parametrize("named", [("test_box.py",), ()])
async def test_collection_without_end_is_told_and_no_failure(
    artifacts: Artifacts, tmp_path: Path, named: tuple[str, ...]
) -> None:
    """Named or found in the suite: what was not imported in time may be the machine's fault."""
    bench = FakeBench(
        artifacts, {"test_box.py": always("timeout")}, crashes={"test_box.py": LATE}, named=LoggedFailures(tests=named)
    )
    report = await run(bench, artifacts, tmp_path)
    assert report.outcome == "inconclusive"
    assert "test_box.py was not collected in time (not imported within 21 s)" in report.reason
    assert not report.failing_tests


async def test_collection_that_ends_with_more_time_counts(artifacts: Artifacts, tmp_path: Path) -> None:
    """A busy moment: the run is made again with twice the time, and what it shows is the failure."""
    tests = {"test_box.py": in_turn("timeout", "passed"), "test_box.py::test_size": TESTS["test_box.py::test_size"]}
    named = LoggedFailures(tests=("test_box.py::test_size", "test_box.py"))
    bench = FakeBench(artifacts, tests, [plausible()], crashes={"test_box.py": LATE}, named=named)
    report = await run(bench, artifacts, tmp_path)
    assert [test.id for test in report.failing_tests] == ["test_box.py::test_size"]
    assert bench.calls.count("test test_box.py::test_size,test_box.py base 0") == 2


async def test_suite_that_is_not_collected_in_time_is_told(artifacts: Artifacts, tmp_path: Path) -> None:
    """The named test fails alone; of the suite that should show where, one file hangs."""
    tests = {**TESTS, "test_other.py": always("timeout")}
    named = LoggedFailures(tests=("test_box.py::test_size",))
    bench = FakeBench(artifacts, tests, [plausible()], crashes={"test_other.py": LATE}, named=named)
    report = await run(bench, artifacts, tmp_path)
    assert any("coverage is not complete: test_other.py was not collected" in e.summary for e in report.evidence)
