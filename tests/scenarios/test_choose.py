"""Several verified patches: a test that quotes the issue decides; else agreement, then size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts
from agent.domain import Limits, Report
from agent.mind import Mind
from agent.model import EndpointAway
from agent.record import Player, Recorder
from tests.fakes.bench import FIX, FakeBench, Outcome, always
from tests.fakes.model import ScriptedModel, Turn, call, say
from tests.scenarios.test_machine import plausible
from tests.scenarios.test_think import ANSWER, REASONER, REQUEST, run
from tools.values import Crash, Frame

ISSUE = "size([1]) is wrong. It should count every item: size([1, 2, 3]) must be 3."
FILE = "tests/test_told_apart.py"
TEST = f"{FILE}::test_three"
TEXT = "from box import size\n\n\ndef test_three():\n    assert size([1, 2, 3]) == 3\n"
WRITE = call("edit", path=FILE, old="", new=TEXT)
QUOTE = say("QUOTE: size([1, 2, 3]) must be 3")
OVERFIT = FIX.replace("+    return len(items)\n", "+    return 1\n")
MEND = call("edit", path="box.py", old="len(items) - 1", new="len(items)")
CRASH = Crash(
    kind="AssertionError", message="assert 1 == 3\n +  where 1 = size([1, 2, 3])",
    frames=(Frame(file=FILE, line=5, function="test_three"),),
)  # fmt: skip


def bench(tmp_path: Path, told: Outcome | None = None, **changes: Any) -> FakeBench:
    tests: dict[str, Outcome] = {
        "test_box.py::test_size": lambda patch, _: "passed" if patch else "failed",
        "test_box.py::test_empty": always("passed"),
        TEST: told or (lambda patch, _: "passed" if "+    return len(items)\n" in str(patch) else "failed"),
    }
    given = {
        "artifacts": Artifacts(tmp_path / "artifacts"), "tests": tests, "searches": [plausible(OVERFIT)],
        "crashes": {TEST: CRASH}, "unwritten": frozenset({FILE}), **changes,
    }  # fmt: skip
    return FakeBench(**given)


async def chosen(
    tmp_path: Path, world: FakeBench, *turns: Turn, issue: str = ISSUE, samples: int = 1, wall_s: float = 900.0
) -> tuple[Report, ScriptedModel]:
    kept = Artifacts(tmp_path / "artifacts").put(issue) if issue else None
    reasoner = REASONER.model_copy(update={"samples": samples})
    limits = Limits(repeats=2, rounds=1, wall_s=wall_s)
    request = REQUEST.model_copy(update={"issue": kept, "limits": limits, "reasoner": reasoner})
    branches: dict[str, list[Turn]] = {f"r0s{number}": [MEND, ANSWER] for number in range(samples)}
    model = ScriptedModel({"why": [EndpointAway("no")], "tell": list(turns), **branches})
    record = tmp_path / "record.jsonl"
    report = await run(tmp_path, Recorder(world, record), Mind(model, record), request)
    again = await run(tmp_path, Player(record), Mind(None, record), request, state="replay")
    assert again.model_dump(exclude={"cost"}) == report.model_dump(exclude={"cost"})
    return report, model


def choice(report: Report) -> str:
    return next(item.summary for item in report.evidence if item.kind == "choice")


async def test_test_from_the_issue_decides_between_patches_that_pass_all_tests(tmp_path: Path) -> None:
    """Search's patch overfits; the model's other one is chosen, and the certificate is about it. It replays."""
    report, model = await chosen(tmp_path, bench(tmp_path), WRITE, QUOTE)
    assert report.outcome == "verified_patch"
    assert report.patch
    assert "+    return len(items)\n" in report.patch
    assert "with which a test passes that the model wrote from the issue" in choice(report)
    assert [alternative.diff for alternative in report.alternatives] == [OVERFIT]
    assert report.written_test is None
    prompt = next(ask for ask in model.asks if ask.branch == "tell").messages[1].text
    assert "Patch A:" in prompt
    assert "+    return 1" in prompt
    assert "Patch B:" in prompt


REFUSED: tuple[tuple[str, Outcome, Turn], ...] = (
    ("passes with every patch", always("passed"), QUOTE),
    ("fails with every patch", always("failed"), QUOTE),
    ("does not get as far as testing", always("error"), QUOTE),
    ("The report does not say", always("failed"), say("QUOTE: size must be 4")),
    ("copies words of the report", always("failed"), say("I wrote it.")),
)


@pytest.mark.parametrize(("said", "told", "answer"), REFUSED)
async def test_test_that_the_issue_does_not_support_decides_nothing(
    tmp_path: Path, said: str, told: Outcome, answer: Turn
) -> None:
    """The model is told why; then size decides, and search's patch stays where it is not larger."""
    report, model = await chosen(tmp_path, bench(tmp_path, told), WRITE, answer, answer, answer)
    assert (report.outcome, report.patch) == ("verified_patch", OVERFIT)
    assert "the smallest is chosen" in choice(report)
    assert said in [ask for ask in model.asks if ask.branch == "tell"][2].messages[-1].text


async def test_patch_that_was_proposed_most_often_is_chosen_where_no_test_tells(tmp_path: Path) -> None:
    """Two branches came to the same change."""
    report, _ = await chosen(tmp_path, bench(tmp_path), say("NOTHING"), samples=2)
    assert report.patch
    assert "+    return len(items)\n" in report.patch
    assert "proposed most often" in choice(report)


async def test_unstable_telling_test_decides_nothing(tmp_path: Path) -> None:
    """It must come out the same every time."""
    flaky: Outcome = lambda patch, seed: "passed" if "len(items)\n" in str(patch) and seed == 0 else "failed"  # noqa: E731
    report, _ = await chosen(tmp_path, bench(tmp_path, flaky), WRITE, QUOTE)
    assert report.patch == OVERFIT
    assert any("does not come out the same every time" in item.summary for item in report.evidence)


async def test_rival_that_does_not_verify_is_refused_as_ever(tmp_path: Path) -> None:
    """It is among the refused, and nothing is asked."""
    world = bench(tmp_path)
    tests = {
        **world.tests,
        "test_box.py::test_empty": lambda patch, _: "failed" if "len(items)\n" in str(patch) else "passed",
    }
    report, model = await chosen(tmp_path, bench(tmp_path, tests=tests))
    assert report.patch == OVERFIT
    assert [verdict.regressions for verdict in report.rejected] == [("test_box.py::test_empty",)]
    assert "tell" not in {ask.branch for ask in model.asks}


@pytest.mark.parametrize("case", ["no issue", "the same change"])
async def test_nothing_is_chosen_where_nothing_could_decide(tmp_path: Path, case: str) -> None:
    """Without an issue the first that verifies wins, as it does when both sources came to the same change."""
    searches = [plausible(FIX if case == "the same change" else OVERFIT)]
    report, model = await chosen(
        tmp_path, bench(tmp_path, searches=searches), issue="" if case == "no issue" else ISSUE
    )
    assert report.patch == searches[0].plausible[0].diff
    assert not [item for item in report.evidence if item.kind == "choice"]
    assert "tell" not in {ask.branch for ask in model.asks}


async def test_without_time_the_first_that_verifies_stays(tmp_path: Path) -> None:
    """Which a replay, that has no clock, does alike."""
    report, model = await chosen(tmp_path, bench(tmp_path), wall_s=70.0)
    assert report.patch == OVERFIT
    assert "tell" not in {ask.branch for ask in model.asks}


async def test_model_that_fails_leaves_a_verified_patch(tmp_path: Path) -> None:
    report, _ = await chosen(tmp_path, bench(tmp_path), EndpointAway("gone"))
    assert (report.outcome, report.patch) == ("verified_patch", OVERFIT)
    assert report.certificate
