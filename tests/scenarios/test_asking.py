"""A run that may ask: it stops with a question, goes on with the answer, and ends as it would without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.artifacts import Artifacts
from agent.asking import Answer, Decision, More, Question, kept
from agent.bench import Bench, LoggedFailures, SearchOutcome
from agent.deps import Deps
from agent.diagnose import Asked, diagnose
from agent.domain import Limits, Prepared, Report, Request
from agent.nodes.consult import MOST
from agent.record import Player, Recorder
from sandbox.recipe import EnvironmentBroken
from tests.fakes.bench import FIX, PREPARED, SOURCE, FakeBench, always
from tests.scenarios.test_machine import TESTS, clock, plausible, quiet

REQUEST = Request(source="box", limits=Limits(repeats=2), ask=True)
CONFIGURED = (
    FIX + "--- a/conftest.py\n+++ b/conftest.py\n@@ -1 +1 @@\n-collect_ignore = []\n+collect_ignore = ['build']\n"
)
TEXTS = {"box.py": SOURCE, "conftest.py": "collect_ignore = []\n"}
OVER = SearchOutcome(tried=40, seconds=0.2, exhausted=True)


@dataclass
class Table:
    """One run, as often as it is gone on with; questions: what it asked so far; tick_s: of its clock, each look."""

    artifacts: Artifacts
    folder: Path
    request: Request = REQUEST
    answers: list[Answer] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    tick_s: float = 1.0

    async def go(self, bench: Bench, file: str = "state.sqlite") -> Report:
        ticks = clock()
        deps = Deps(bench=bench, artifacts=self.artifacts, now=lambda: self.tick_s * ticks(), emit=quiet)
        return await diagnose(self.request, deps, run="r1", checkpoints=self.folder / file, answers=tuple(self.answers))

    async def asks(self, bench: Bench) -> Question:
        with pytest.raises(Asked) as asked:
            await self.go(bench)
        self.questions.append(asked.value.question)
        return asked.value.question

    def say(self, decision: Decision, more: More | None = None, note: str = "") -> None:
        told = kept(more, self.artifacts) if more else None
        self.answers.append(Answer(question=self.questions[-1].id, decision=decision, note=note, more=told))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(Artifacts(tmp_path / "artifacts"), tmp_path)


def guarded(table: Table, searches: Sequence[SearchOutcome] = (OVER, OVER)) -> FakeBench:
    table.request = REQUEST.model_copy(update={"patches": (table.artifacts.put(CONFIGURED),)})
    return FakeBench(table.artifacts, TESTS, searches, texts=TEXTS)


async def test_a_patch_of_a_guarded_file_is_verified_once_a_person_agrees(table: Table) -> None:
    """The question shows the diff; the certificate says which rule was lifted; a replay needs nobody."""
    bench = guarded(table)
    record = table.folder / "record.jsonl"
    question = await table.asks(Recorder(bench, record))
    assert (question.subject, "conftest.py" in question.question, question.detail) == ("guard", True, CONFIGURED)
    done = len(bench.calls)
    table.say("approve", note="the build directory is ours")
    report = await table.go(Recorder(bench, record))
    assert report.outcome == "verified_patch"
    assert report.certificate is not None
    assert report.certificate["predicate"]["guard"]["allowed"] == ["test-config"]
    assert report.rejected == ()
    assert any("the build directory is ours" in piece.summary for piece in report.evidence)
    assert not [call for call in bench.calls[done:] if "base" in call or call == "prepare"], "nothing is done twice"
    assert (await table.go(Player(record), "replay.sqlite")).certificate == report.certificate


async def test_a_refused_patch_stays_refused_and_is_not_asked_about_again(table: Table) -> None:
    bench = guarded(table)
    await table.asks(bench)
    table.say("deny")
    report = await table.go(bench)
    assert report.outcome == "diagnosed"
    assert [verdict.findings[0].rule for verdict in report.rejected] == ["test-config"]
    assert any("a person said no" in piece.summary for piece in report.evidence)


async def test_what_is_agreed_to_for_one_patch_holds_for_no_other(table: Table) -> None:
    """Another patch of the same file is a question of its own."""
    other = CONFIGURED.replace("'build'", "'dist'")
    bench = guarded(table)
    digests = (*table.request.patches, table.artifacts.put(other.replace("len(items)\n", "len(items) - 0\n")))
    table.request = table.request.model_copy(update={"patches": digests[::-1]})
    first = await table.asks(bench)
    assert "'dist'" in first.detail
    table.say("approve")
    second = await table.asks(bench)
    assert "'build'" in second.detail
    table.say("approve")
    assert (await table.go(bench)).outcome == "verified_patch"


async def test_spent_limits_are_extended_when_a_person_agrees(table: Table) -> None:
    """Candidates remain after the last round; one more round is run, and it finds the patch."""
    bench = FakeBench(table.artifacts, TESTS, [SearchOutcome(tried=40, seconds=0.2)] * 2 + [plausible()])
    question = await table.asks(bench)
    assert (question.subject, "900 s more" in question.question) == ("budget", True)
    table.say("approve")
    report = await table.go(bench)
    assert report.outcome == "verified_patch"
    assert [call for call in bench.calls if call.startswith("search")] == [f"search level {n}" for n in (1, 2, 3)]
    limits = report.request.limits
    assert (limits.wall_s, limits.rounds, limits.candidates) == (1800.0, 3, 80_000)


async def test_a_run_that_is_late_already_has_time_for_a_round(table: Table) -> None:
    """Each step takes half a minute here, and the run had ten seconds: what is added counts from now."""
    table.tick_s = 30.0
    table.request = REQUEST.model_copy(update={"limits": Limits(repeats=2, wall_s=10)})
    bench = FakeBench(table.artifacts, TESTS, [SearchOutcome(tried=40, seconds=0.2), plausible()])
    await table.asks(bench)
    table.say("approve")
    report = await table.go(bench)
    assert report.outcome == "verified_patch"
    assert report.request.limits.wall_s - 10 >= 120


async def test_candidates_that_are_spent_are_a_reason_to_ask(table: Table) -> None:
    """Search ends by itself then, and says that it is through with those that it had."""
    table.request = REQUEST.model_copy(update={"limits": Limits(repeats=2, candidates=80)})
    assert (await table.asks(FakeBench(table.artifacts, TESTS, [OVER, OVER]))).subject == "budget"


@pytest.mark.parametrize("decision", ["deny", "expired"])
async def test_spent_limits_end_the_run_when_nobody_agrees(table: Table, decision: Decision) -> None:
    bench = FakeBench(table.artifacts, TESTS, [SearchOutcome(tried=40, seconds=0.2)] * 2)
    await table.asks(bench)
    table.say(decision)
    report = await table.go(bench)
    assert report.outcome == "diagnosed"
    said = "a person said no" if decision == "deny" else "nobody answered in time"
    assert any(said in piece.summary for piece in report.evidence)


async def test_a_run_that_tried_everything_does_not_ask_for_more(table: Table) -> None:
    assert (await table.go(FakeBench(table.artifacts, TESTS, [OVER, OVER]))).outcome == "diagnosed"


class Reader(FakeBench):
    """Reads the tests that a request names."""

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        return LoggedFailures(tests=request.tests)


async def test_a_failure_that_does_not_occur_is_reproduced_with_what_a_person_adds(table: Table) -> None:
    """The suite is green; the message names the test that fails, and what it looked like."""
    green = Reader(table.artifacts, {"test_box.py::test_empty": always("passed")})
    question = await table.asks(green)
    assert question.subject == "information"
    assert "the suite is green" in question.question
    table.say("message", More(tests=("test_box.py::test_size",), text="size is one too small"))
    red = Reader(table.artifacts, TESTS, [plausible()])
    report = await table.go(red)
    assert report.outcome == "verified_patch"
    assert report.request.tests == ("test_box.py::test_size",)
    assert report.request.issue is not None
    assert table.artifacts.text(report.request.issue) == "size is one too small"
    assert "prepare" not in red.calls


async def test_a_broken_environment_is_built_anew_with_what_a_person_adds(table: Table) -> None:
    broken = EnvironmentBroken("pip install .", "no such option")
    question = await table.asks(FakeBench(table.artifacts, TESTS, prepared=broken))
    assert question.detail == "no such option"
    table.say("message", More(install=("make install",)))
    bench = Seen(table.artifacts, TESTS, [plausible()])
    assert (await table.go(bench)).outcome == "verified_patch"
    assert bench.prepared_with == [("make install",)]


@dataclass
class Seen(FakeBench):
    """Notes the install commands that it prepares with."""

    prepared_with: list[tuple[str, ...]] = field(default_factory=list)

    async def prepare(self, request: Request) -> Prepared:
        self.prepared_with.append(request.install)
        return PREPARED


async def test_without_an_answer_the_run_ends_as_it_would_and_says_so(table: Table) -> None:
    green = FakeBench(table.artifacts, {"test_box.py::test_empty": always("passed")})
    await table.asks(green)
    table.say("expired")
    report = await table.go(green)
    assert report.outcome == "not_reproduced"
    assert "nobody answered in time" in report.reason


async def test_a_run_asks_only_so_often(table: Table) -> None:
    green = FakeBench(table.artifacts, {"test_box.py::test_empty": always("passed")})
    for _ in range(MOST):
        await table.asks(green)
        table.say("message", More(text="try again"))
    assert (await table.go(green)).outcome == "not_reproduced"
    assert len({question.id for question in table.questions}) == MOST


@dataclass
class Dying(FakeBench):
    """Dies at the first run of a test."""

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        raise OSError("killed")


async def test_a_run_that_dies_after_its_answer_goes_on_with_it(table: Table) -> None:
    """The question was asked and answered once; the step after it is what runs again."""
    await table.asks(FakeBench(table.artifacts, {"test_box.py::test_empty": always("passed")}))
    table.say("message", More(tests=("test_box.py::test_size",)))
    with pytest.raises(OSError, match="killed"):
        await table.go(Dying(table.artifacts, TESTS))
    assert (await table.go(FakeBench(table.artifacts, TESTS, [plausible()]))).outcome == "verified_patch"


async def test_a_run_that_may_not_ask_never_does(table: Table) -> None:
    bench = guarded(table, [SearchOutcome(tried=40, seconds=0.2)] * 2)
    table.request = table.request.model_copy(update={"ask": False})
    assert (await table.go(bench)).outcome == "diagnosed"
