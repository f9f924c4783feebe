"""Hypotheses before the branches part: cited and quoted, or dropped; the leader challenged; each branch takes one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.domain import Report
from agent.mind import Mind
from agent.model import Ask, EndpointAway, Reply
from agent.nodes.investigate import objections, stated
from agent.record import Player, Recorder
from tests.fakes.model import ScriptedModel, Turn, say
from tests.scenarios.test_think import ANSWER, MEND, REASONER, REQUEST, bench, mind, run

TWO = REQUEST.model_copy(update={"reasoner": REASONER.model_copy(update={"samples": 2})})


def shown(ask: Ask, kind: str) -> str:
    found = re.search(rf"^(?:- )?({kind}-[0-9a-f]{{6}}):", ask.messages[1].text, re.MULTILINE)
    assert found, ask.messages[1].text
    return found[1]


def why(ask: Ask) -> Reply:
    run, suspect = shown(ask, "test-run"), shown(ask, "suspect")
    return say(
        "Here they are.\n\n"
        f'HYPOTHESIS: the test is wrong\nAT: test_box.py:3\nBECAUSE: [{run}] "assert 1 == 2"\n\n'
        f'**HYPOTHESIS:** one item is left out\nAT: `box.py:2`\nBECAUSE: [{suspect}] "return len(items) - 1"\n'
        f'BECAUSE: [{run}] "this was never said"\n'
        f'HYPOTHESIS: made up\nAT: box.py:9\nBECAUSE: [made-up-000000] "assert 1 == 2"\n'
        f'HYPOTHESIS: misquoted\nBECAUSE: [{run}] "assert 3 == 4"\nHYPOTHESIS: baseless\n'
    )


def against(ask: Ask) -> Reply:
    assert "the test is wrong (test_box.py:3)" in ask.messages[1].text
    return say(f'AGAINST: [{shown(ask, "suspect")}] "def size(items)" a size is a count\nAGAINST: [x-000000] "no" no')


def nothing(_: Ask) -> Reply:
    return say("NOTHING")


async def looked(tmp_path: Path, *, first: Turn = why, second: Turn = nothing) -> tuple[Report, ScriptedModel]:
    thinking, model = mind(tmp_path, why=[first], against=[second], r0s0=[MEND, ANSWER], r0s1=[MEND, ANSWER])
    return await run(tmp_path, bench(tmp_path), thinking, TWO), model


def prompts(model: ScriptedModel) -> dict[str, str]:
    """The first prompt of each branch."""
    return {ask.branch: ask.messages[1].text for ask in reversed(model.asks)}


def claims(report: Report) -> list[str]:
    return [item.summary for item in report.evidence if item.kind == "hypothesis"]


async def test_claims_that_cite_or_quote_what_is_not_there_are_dropped(tmp_path: Path) -> None:
    """The others are evidence, with what they cite; each branch begins with another one."""
    report, model = await looked(tmp_path)
    assert report.outcome == "verified_patch"
    assert claims(report) == ["the test is wrong", "one item is left out"]
    rows = [item.data for item in report.evidence if item.kind == "hypothesis"]
    assert [row["cites"].rpartition("-")[0] for row in rows] == ["test-run", "suspect"]
    assert rows[1]["place"] == "box.py:2"
    assert "Begin with number 1:" in prompts(model)["r0s0"]
    assert "Begin with number 2:" in prompts(model)["r0s1"]
    assert "misquoted" not in prompts(model)["r0s0"]


async def test_leader_that_evidence_speaks_against_goes_behind_the_others(tmp_path: Path) -> None:
    """It is challenged once; what is said against it counts only with evidence, too."""
    report, model = await looked(tmp_path, second=against)
    assert claims(report) == ["one item is left out", "the test is wrong"]
    prompt = prompts(model)["r0s0"]
    assert prompt.index("1. one item is left out") < prompt.index("2. the test is wrong")
    assert "but “def size(items)” a size is a count" in prompt
    seen = [item for item in report.evidence if item.kind == "objection"]
    assert [(item.data["against"], item.data["cites"].rpartition("-")[0]) for item in seen] == [
        ("the test is wrong", "suspect")
    ]


async def test_prompts_share_their_beginning(tmp_path: Path) -> None:
    """So that the server's cache of prefixes serves all of them: questions and branches differ at their ends."""
    _, model = await looked(tmp_path)
    texts = prompts(model)
    size = texts["why"].index("Give two to four")
    assert {text[:size].rstrip() for text in texts.values()} == {texts["why"][:size].rstrip()}


async def test_prompt_says_each_thing_once(tmp_path: Path) -> None:
    """A failing test and a place stand with the id of what was observed of them, not in a list as well."""
    _, model = await looked(tmp_path)
    prompt = prompts(model)["why"]
    assert re.search(r"^- test-run-[0-9a-f]{6}: test_box.py::test_size failed 2 of 2 times$", prompt, re.MULTILINE)
    assert re.search(r"^suspect-[0-9a-f]{6}: size in box.py .*\n<<<DATA\n1\|def size", prompt, re.MULTILINE)
    assert [prompt.count(words) for words in ("assert 1 == 2", "suspect-", "checkout-", "Observed")] == [1, 1, 0, 0]


@pytest.mark.parametrize("turn", [EndpointAway("gone"), say("I think it is the moon.")])
async def test_without_a_hypothesis_branches_work_as_they_would(tmp_path: Path, turn: Turn) -> None:
    """A model that fails, or cites nothing when told twice."""
    again = [] if isinstance(turn, EndpointAway) else [turn, turn]
    thinking, model = mind(tmp_path, why=[turn, *again], r0s0=[MEND, ANSWER], r0s1=[MEND, ANSWER])
    report = await run(tmp_path, bench(tmp_path), thinking, TWO)
    assert (report.outcome, claims(report)) == ("verified_patch", [])
    assert "Begin with number" not in prompts(model)["r0s0"]


async def test_failing_challenge_leaves_the_order(tmp_path: Path) -> None:
    report, _ = await looked(tmp_path, second=EndpointAway("gone"))
    assert claims(report) == ["the test is wrong", "one item is left out"]
    assert any("EndpointAway" in item.summary for item in report.evidence)


async def test_one_branch_is_asked_no_questions(tmp_path: Path) -> None:
    """It makes its own hypotheses: two questions less to wait for."""
    thinking, model = mind(tmp_path, MEND, ANSWER)
    await run(tmp_path, bench(tmp_path), thinking)
    assert {ask.branch for ask in model.asks} == {"r0s0"}


async def test_second_round_goes_on_with_the_same_hypotheses(tmp_path: Path) -> None:
    """Nothing is asked twice, and another one comes first."""
    wrong = MEND.model_copy(
        update={"calls": (MEND.calls[0].model_copy(update={"arguments": {**MEND.calls[0].arguments, "new": "0"}}),)}
    )
    request = TWO.model_copy(update={"limits": TWO.limits.model_copy(update={"rounds": 2})})
    rounds: dict[str, list[Turn]] = {"r0s0": [wrong, ANSWER], "r0s1": [wrong, ANSWER]}
    rounds |= {"r1s0": [MEND, ANSWER], "r1s1": [MEND, ANSWER]}
    model = ScriptedModel({"why": [why], "against": [nothing], **rounds})
    thinking = Mind(model, tmp_path / "record.jsonl")
    report = await run(tmp_path, bench(tmp_path), thinking, request)
    assert report.outcome == "verified_patch"
    assert "Begin with number 2:" in prompts(model)["r1s0"]


async def test_investigated_run_replays_without_a_model(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    thinking, _ = mind(tmp_path, why=[why], against=[against], r0s0=[MEND, ANSWER], r0s1=[MEND, ANSWER])
    first = await run(tmp_path, Recorder(bench(tmp_path), record), thinking, TWO)
    second = await run(tmp_path, Player(record), Mind(None, record), TWO, state="replay")
    assert second.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})


async def test_cause_with_a_quote_that_is_not_in_its_evidence_is_dropped(tmp_path: Path) -> None:
    """A claim of a branch, at its end."""

    def answer(ask: Ask) -> Reply:
        run = shown(ask, "test-run")
        return say(f'SUMMARY: s\nCAUSE: so [{run}] "assert 1 == 2"\nCAUSE: or so [{run}] "segmentation fault"')

    thinking, _ = mind(tmp_path, MEND, answer)
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert claims(report) == ["so"]


TEXTS = {
    "log-00aaff": "File \"a.py\", line 3\n  KeyError:   'name'",
    "suspect-0011ff": "f in a.py\n   12 return x[i + 1]",
}
FORMS = (
    "HYPOTHESIS: h\nBECAUSE: [log-00aaff] \"KeyError: 'name'\"",
    'HYPOTHESIS 1: h\nBECAUSE: log-00aaff: "keyerror: name"',
    "- **HYPOTHESIS:** h\n- **AT:** a.py:3\n- **BECAUSE:** [suspect-0011ff] `return x[i + 1]` is out of range",
    "HYPOTHESIS: h\nAT: a.py\nBECAUSE: [suspect-0011ff] “return x[i + 1]”.",
)


@pytest.mark.parametrize("answer", FORMS)
def test_forms_that_models_write_are_read(answer: str) -> None:
    """With numbers, bold marks, and quotation marks of all kinds."""
    assert [row.claim for row in stated(answer, TEXTS)] == ["h"]


@pytest.mark.parametrize("answer", ["", "AGAINST:", 'AGAINST: [log-00aaff] "x"', "AGAINST: [log-00aaff] it is so" * 9])
def test_objection_that_quotes_nothing_is_none(answer: str) -> None:
    assert objections(answer, TEXTS) == []
