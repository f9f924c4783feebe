"""A reported failure that no test shows: the model writes one, and code decides whether it is one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts
from agent.bench import Bench, LoggedFailures, SearchOutcome
from agent.certificate import CertificateInvalid, read, seal
from agent.deps import Deps
from agent.diagnose import diagnose
from agent.domain import Limits, Reasoner, Report, Request
from agent.mind import Mind
from agent.model import Ask, EndpointAway, Reply
from agent.recheck import recheck
from agent.record import Player, Recorder
from tests.fakes.bench import FIX, PREPARED, SOURCE, FakeBench, Outcome, always, mended_by
from tests.fakes.injections import ALL
from tests.fakes.model import ScriptedModel, Turn, call, say
from tests.scenarios.test_machine import clock, plausible, quiet
from tests.scenarios.test_think import mind
from tools.patches import PatchInvalid
from tools.values import Crash, Frame

ISSUE = "I call size([1]) and it returns 0 instead of 1.\nThe list has one item!"
FILE = "tests/test_reported.py"
TEST = f"{FILE}::test_size"
TEXT = "from box import size\n\n\ndef test_size():\n    assert size([1]) == 1\n"
QUOTE = 'QUOTE: "size([1])  and it returns `0` instead of 1"'
REASONER = Reasoner(url="http://localhost/v1", name="qwq", samples=1)
WRITE = call("edit", path=FILE, old="", new=TEXT)
GREEN: dict[str, Outcome] = {"test_box.py::test_empty": always("passed"), TEST: mended_by("+    return len(items)\n")}
CRASH = Crash(
    kind="AssertionError", message="assert 0 == 1\n +  where 0 = size([1])",
    frames=(Frame(file=FILE, line=5, function="test_size"),), text=">   assert size([1]) == 1",
)  # fmt: skip
MENDED = plausible(
    FIX,
    TEST,
)


def request(tmp_path: Path, text: str = ISSUE, **changes: Any) -> Request:
    kept = Artifacts(tmp_path / "artifacts").put(text)
    limits = Limits(repeats=3, rounds=1)
    return Request(**{"source": "box", "issue": kept, "limits": limits, "reasoner": REASONER, **changes})


def bench(tmp_path: Path, **changes: Any) -> FakeBench:
    given = {
        "artifacts": Artifacts(tmp_path / "artifacts"), "tests": GREEN, "searches": [MENDED], "crashes": {TEST: CRASH},
        "unwritten": frozenset({FILE}), **changes,
    }  # fmt: skip
    return FakeBench(**given)


async def run(
    tmp_path: Path, world: Bench, thinking: Mind | None, asked: Request | None = None, *, state: str = "state"
) -> Report:
    deps = Deps(bench=world, artifacts=Artifacts(tmp_path / "artifacts"), now=clock(), emit=quiet, mind=thinking)
    return await diagnose(asked or request(tmp_path), deps, run="r1", checkpoints=tmp_path / f"{state}.sqlite")


def script(tmp_path: Path, *turns: Turn) -> tuple[Mind, ScriptedModel]:
    """What it does while it writes the test; later it says nothing that helps."""
    rest = [say("I do not know.") for _ in range(6)]
    return mind(tmp_path, *rest, test=list(turns))


async def test_written_test_decides_and_the_certificate_holds_it(tmp_path: Path) -> None:
    """It fails k of k times as reported; search mends it; the report says who wrote the test."""
    thinking, model = script(tmp_path, call("read", path="box.py"), WRITE, call("run_tests"), say(QUOTE))
    world = bench(tmp_path)
    report = await run(tmp_path, world, thinking)
    assert report.outcome == "verified_patch"
    assert [(h.id, h.outcomes) for h in report.failing_tests] == [(TEST, ("failed",) * 3)]
    assert report.written_test is not None
    assert (report.written_test.path, report.written_test.text, report.written_test.model) == (FILE, TEXT, "qwq")
    assert report.certificate
    assert report.certificate["predicate"]["written_test"] == {
        "path": FILE, "text": TEXT, "model": "qwq", "quotes": ['size([1])  and it returns `0` instead of 1"'],
    }  # fmt: skip
    assert "written by a model" in report.reason
    assert any(FILE in step and "no person has read it" in step for step in report.next_steps)
    assert world.desks["test"].writes == "pytest"
    assert [name for name in world.calls if name.startswith("test ") and "base" in name] == ["test * base 0"]
    assert "suspects" not in {tool.name for tool in model.asks[0].tools}
    assert report.suspects[0].function == "size"


async def test_certificate_with_a_written_test_is_run_again_with_it(tmp_path: Path) -> None:
    """The test is laid over the tree before both halves of the proof."""
    thinking, _ = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path), thinking)
    again = await recheck(json.dumps(report.certificate), deps(tmp_path, bench(tmp_path)), source=None)
    assert again.holds, again.lines
    assert again.lines[0] == f"{FILE} was written by the model qwq: it is added to the tree"


def deps(tmp_path: Path, world: Bench) -> Deps:
    return Deps(bench=world, artifacts=Artifacts(tmp_path / "artifacts"), now=clock(), emit=quiet)


@pytest.mark.parametrize(
    ("path", "said"), [("conftest.py", "no name of a new test"), ("tests/test_other.py", "not its decisive test")]
)
async def test_forged_certificate_adds_nothing_but_its_decisive_test(tmp_path: Path, path: str, said: str) -> None:
    """A file that could change how others run is refused before anything is prepared."""
    thinking, _ = script(tmp_path, WRITE, say(QUOTE))
    statement = (await run(tmp_path, bench(tmp_path), thinking)).certificate
    assert statement
    statement["predicate"]["written_test"]["path"] = path
    statement["predicate"]["seal"] = seal(statement["predicate"])
    assert read(json.dumps(statement))
    with pytest.raises(CertificateInvalid, match=said):
        await recheck(json.dumps(statement), deps(tmp_path, bench(tmp_path)), source=None)


async def test_certificate_whose_written_test_would_replace_a_file_does_not_hold(tmp_path: Path) -> None:
    """The tree has such a file."""
    thinking, _ = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path), thinking)
    world = RefusingBench(Artifacts(tmp_path / "artifacts"), GREEN)
    again = await recheck(json.dumps(report.certificate), deps(tmp_path, world), source=None)
    assert (again.holds, again.lines) == (False, ("the written test cannot be added: there is one",))


class RefusingBench(FakeBench):
    """No patch applies."""

    async def changes(self, prepared: Any, patch: str) -> Any:
        raise PatchInvalid("there is one")


def crash(**changes: Any) -> dict[str, Crash]:
    return {TEST: CRASH.model_copy(update=changes)}


BELOW = (Frame(file=FILE, line=5), Frame(file="box.py", line=2, function="size"))
REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("passes on the code as it is", {"tests": {**GREEN, TEST: always("passed")}}, TEXT, QUOTE),
    ("does not get as far as testing", {"tests": {**GREEN, TEST: always("error")}}, TEXT, QUOTE),
    ("is itself wrong: NameError", {"crashes": crash(kind="NameError", message="name 'size'")}, TEXT, QUOTE),
    ("is itself wrong: ModuleNotFoundError", {"crashes": crash(kind="ModuleNotFoundError")}, TEXT, QUOTE),
    (
        "raises the error itself", {"crashes": crash(kind="ValueError", message="size")},
        TEXT.replace("assert size([1]) == 1", "raise ValueError(size)"), QUOTE,
    ),
    (
        "fails for another reason", {"crashes": crash(kind="AttributeError", message="module 'box' has no 'size'")},
        TEXT, QUOTE,
    ),
    ("asserts a constant", {}, TEXT.replace("size([1]) == 1", "0 == 1"), QUOTE),
    ("calls pytest.fail itself", {}, TEXT.replace("assert size([1]) == 1", "pytest.fail('size')"), QUOTE),
    ("does not run any code of the repository", {"elsewhere": frozenset({TEST})}, TEXT, QUOTE),
    (
        "does not run any code of the repository",
        {"elsewhere": frozenset({TEST}), "crashes": crash(frames=(Frame(file="tests/conftest.py", line=3),))},
        TEXT, QUOTE,
    ),
    (
        "fails for another reason", {"crashes": crash(kind="TypeError", message="bad operand", frames=BELOW)},
        TEXT, "QUOTE: The list has one item!",
    ),
    ("fails for another reason", {"tests": {**GREEN, TEST: always("timeout")}}, TEXT, QUOTE),
    ("The report does not say", {}, TEXT, "QUOTE: it raises KeyError"),
    ("copies words of the report", {}, TEXT, "I wrote it."),
    ("No test of tests/test_reported.py ran", {"tests": {"test_box.py::test_empty": always("passed")}}, TEXT, QUOTE),
)  # fmt: skip


@pytest.mark.parametrize(("said", "world", "text", "answer"), REFUSED)
async def test_test_that_does_not_show_what_was_reported_is_refused(
    tmp_path: Path, said: str, world: dict[str, Any], text: str, answer: str
) -> None:
    """The model is told why, twice; then the outcome is as honest as without it, and says why."""
    turns = [call("edit", path=FILE, old="", new=text), *[say(answer) for _ in range(3)]]
    thinking, model = script(tmp_path, *turns)
    report = await run(tmp_path, bench(tmp_path, **world), thinking)
    assert (report.outcome, report.certificate, report.written_test) == ("not_reproduced", None, None)
    assert "the suite is green" in report.reason
    assert "the model could not write a test" in report.reason
    assert said in model.asks[2].messages[-1].text
    assert said in report.reason


async def test_test_that_fails_only_sometimes_is_refused(tmp_path: Path) -> None:
    """Fewer than k of k times is flaky, and proves nothing."""
    tests: dict[str, Outcome] = {**GREEN, TEST: lambda _, seed: "passed" if seed == 2 else "failed"}
    thinking, _ = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path, tests=tests), thinking)
    assert report.outcome == "not_reproduced"
    assert "does not fail every time" in report.reason


async def test_wrong_test_is_mended_when_told(tmp_path: Path) -> None:
    """What is said about the first version leads to the second."""
    second = call("edit", path=FILE, old="size([1]) == 0", new="size([1]) == 1")
    first = call("edit", path=FILE, old="", new=TEXT.replace("== 1", "== 0"))
    tests: dict[str, Outcome] = {
        **GREEN,
        TEST: lambda patch, _: "passed" if "size([1]) == 0" in str(patch) else "failed",
    }
    thinking, model = script(tmp_path, first, say(QUOTE), second, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path, tests=tests, searches=[]), thinking)
    assert report.outcome == "diagnosed"
    assert "passes on the code as it is" in model.asks[2].messages[-1].text
    assert report.written_test is not None
    assert report.written_test.text == TEXT


async def test_exception_of_the_report_is_the_reason(tmp_path: Path) -> None:
    """Raised in the repository's code, and named in the quote."""
    issue = "Traceback (most recent call last):\n  ...\nKeyError: 'name'\n"
    thinking, _ = script(tmp_path, WRITE, say("QUOTE: KeyError: 'name'"))
    crashes = crash(kind="KeyError", message="'name'", frames=BELOW)
    report = await run(tmp_path, bench(tmp_path, crashes=crashes), thinking, request(tmp_path, issue))
    assert report.outcome == "verified_patch"


async def test_model_that_fails_leaves_the_outcome_as_it_was(tmp_path: Path) -> None:
    """And is named in it; what it had spent until then is counted."""
    thinking, _ = script(tmp_path, call("read", path="box.py"), EndpointAway("nobody answers"))
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert report.outcome == "not_reproduced"
    assert "EndpointAway: nobody answers" in report.reason
    assert report.cost.tokens == 500


async def test_log_that_names_passing_tests_leads_to_a_written_one(tmp_path: Path) -> None:
    """The tests that it names pass here: the suite is only run once there is something to localize."""
    asked = request(tmp_path, log=Artifacts(tmp_path / "artifacts").put("E assert 0 == 1\n" + ISSUE), issue=None)
    named = LoggedFailures(tests=("test_box.py::test_empty",), summary="assert 0 == 1")
    thinking, model = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path, named=named), thinking, asked)
    assert report.outcome == "verified_patch"
    assert "1 test passed 3 of 3 times" in model.asks[0].messages[1].text


async def test_failing_tests_that_the_issue_does_not_name_can_be_left_aside(tmp_path: Path) -> None:
    """A suite that fails here for reasons of its own does not hide what was reported."""
    tests: dict[str, Outcome] = {**GREEN, "test_box.py::test_network": always("failed")}
    asked = request(tmp_path, reported_only=True)
    thinking, model = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path, tests=tests), thinking, asked)
    assert (report.outcome, [h.id for h in report.failing_tests]) == ("verified_patch", [TEST])
    assert "1 test of 2 failed, none of which the issue names" in model.asks[0].messages[1].text


@pytest.mark.parametrize("only", [True, False])
async def test_failing_test_that_the_issue_names_is_the_one(tmp_path: Path, only: bool) -> None:
    """Nothing has to be written then; without the option every failing test counts."""
    tests: dict[str, Outcome] = {
        "test_box.py::test_network": always("failed"),
        "test_box.py::test_size[1]": mended_by("+    return len(items)\n"),
    }
    thinking, model = script(tmp_path)
    asked = request(tmp_path, "test_size fails since yesterday.", reported_only=only)
    report = await run(tmp_path, bench(tmp_path, tests=tests, searches=[]), thinking, asked)
    named = ["test_box.py::test_size[1]"]
    assert [h.id for h in report.failing_tests] == (named if only else ["test_box.py::test_network", *named])
    assert "test" not in {ask.branch for ask in model.asks}


async def test_repository_without_any_test_gets_its_first_one(tmp_path: Path) -> None:
    """Nothing was found or run: that is inconclusive, until the model's test shows the failure."""
    thinking, model = script(tmp_path, WRITE, say(QUOTE))
    report = await run(tmp_path, bench(tmp_path, tests={TEST: GREEN[TEST]}), thinking)
    assert report.outcome == "verified_patch"
    assert "no test was found or run" in model.asks[0].messages[1].text
    assert f"Write {FILE}, a test" in model.asks[0].messages[1].text


@pytest.mark.parametrize("changes", [{"issue": None}, {"reasoner": None}])
async def test_nothing_is_written_without_a_report_or_a_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A green suite alone says nothing about what should be wrong."""
    report = await run(tmp_path, bench(tmp_path), None, request(tmp_path, **changes))
    assert report.outcome == "not_reproduced"
    assert "demonstrate" not in report.cost.nodes


async def test_other_frameworks_are_told_so(tmp_path: Path) -> None:
    """Nothing is asked of the model."""
    thinking, model = script(tmp_path)
    prepared = PREPARED.model_copy(update={"framework": "go"})
    report = await run(tmp_path, bench(tmp_path, prepared=prepared), thinking)
    assert (report.outcome, model.asks) == ("not_reproduced", [])
    assert any("tests are run by go" in e.summary for e in report.evidence)


async def test_run_with_a_written_test_replays_without_a_model(tmp_path: Path) -> None:
    """The same report from the record alone."""
    record = tmp_path / "record.jsonl"
    thinking, _ = script(tmp_path, WRITE, say("Done."), say(QUOTE))
    first = await run(tmp_path, Recorder(bench(tmp_path), record), thinking)
    second = await run(tmp_path, Player(record), Mind(None, record), state="replay")
    assert first.outcome == "verified_patch"
    assert second.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})


class Killed(BaseException):
    """Stands for a process that dies."""


async def test_killed_while_it_writes_asks_no_finished_turn_again(tmp_path: Path) -> None:
    """The file is written again on the new desk; the replies come from the record."""
    record = tmp_path / "record.jsonl"

    def die(_: Ask) -> Reply:
        raise Killed

    first = ScriptedModel({"test": [WRITE, say("Done."), die]})
    with pytest.raises((Killed, asyncio.CancelledError)):
        await run(tmp_path, Recorder(bench(tmp_path), record), Mind(first, record))
    second = ScriptedModel({"test": [say(QUOTE)], "": [say("I do not know.") for _ in range(6)]})
    report = await run(tmp_path, Recorder(bench(tmp_path), record), Mind(second, record))
    assert report.outcome == "verified_patch"
    assert len([ask for ask in second.asks if ask.branch == "test"]) == 1


async def test_tokens_of_writing_count_toward_the_limit_of_the_run(tmp_path: Path) -> None:
    """And no more than half of them can go into it."""
    small = REASONER.model_copy(update={"tokens": 60_000, "thinking": 256, "answer": 256})
    thinking, model = script(tmp_path, WRITE, say(QUOTE))
    report = await run(
        tmp_path, bench(tmp_path, searches=[SearchOutcome()]), thinking, request(tmp_path, reasoner=small)
    )
    assert report.cost.tokens == 500 * len(model.asks)
    assert "30k tokens" in model.asks[1].messages[-1].note or "29k tokens" in model.asks[1].messages[-1].note


@pytest.mark.parametrize("text", [row.text for row in ALL if row.carrier == "issue"])
async def test_report_of_a_stranger_is_data(tmp_path: Path, text: str) -> None:
    """It is sent once, as data; the desk stays restricted to one new test, the limits stay."""
    thinking, model = script(tmp_path, WRITE, say(QUOTE))
    world = bench(tmp_path)
    report = await run(tmp_path, world, thinking, request(tmp_path, f"{ISSUE}\n{text}"))
    assert report.outcome == "verified_patch"
    system, user = model.asks[0].messages
    assert text.splitlines()[0] not in system.text
    assert user.text.count("\nDATA>>>") == user.text.count("<<<DATA\n") - text.count("<<<DATA")
    assert (world.desks["test"].writes, world.desks["test"].failing) == ("pytest", ())
    assert world.hands["test"].before["box.py"] == SOURCE
