"""A verified patch explained by the model: what cites nothing is dropped, and nothing depends on it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts
from agent.domain import Limits, Report
from agent.mind import Mind
from agent.model import Ask, EndpointAway, Reply
from agent.nodes.explain import cited
from agent.record import Player, Recorder
from tests.fakes.bench import FakeBench
from tests.fakes.injections import ALL
from tests.fakes.model import ScriptedModel, Turn, say
from tests.scenarios.test_machine import TESTS, plausible
from tests.scenarios.test_think import ANSWER, MEND, REASONER, REQUEST, mind, run
from workflows.report.render import as_html, as_markdown


def bench(tmp_path: Path, **changes: Any) -> FakeBench:
    given = {"artifacts": Artifacts(tmp_path / "artifacts"), "tests": TESTS, "searches": [plausible()], **changes}
    return FakeBench(**given)


def shown(ask: Ask, kind: str) -> str:
    """The id of evidence of a kind, as the prompt has it."""
    found = re.search(rf"^({kind}-[0-9a-f]{{6}}):", ask.messages[1].text, re.MULTILINE)
    assert found, ask.messages[1].text
    return found[1]


def well(ask: Ask) -> Reply:
    run, patch = shown(ask, "test-run"), shown(ask, "patch")
    return say(
        f"CAUSE: size([1]) left one item out, which the assertion shows [{run}].\n"
        f"FIX: It is a wonderful change. The length is now taken as it is. [{patch}, {run}]\n"
        f"**RISK:** Callers may rely on the old count [made-up-000000]. It is small [{patch}]. And no more.\n"
    )


def script(tmp_path: Path, *turns: Turn) -> tuple[Mind, ScriptedModel]:
    return mind(tmp_path, MEND, ANSWER, explain=list(turns))


async def explained(tmp_path: Path, *turns: Turn, **changes: Any) -> tuple[Report, ScriptedModel]:
    thinking, model = script(tmp_path, *turns)
    return await run(tmp_path, bench(tmp_path, **changes), thinking), model


async def test_sentences_that_cite_evidence_are_in_the_report(tmp_path: Path) -> None:
    """Those that cite nothing, or what does not exist, are not; the pages link what is cited."""
    report, model = await explained(tmp_path, well)
    assert report.outcome == "verified_patch"
    words = report.explanation
    assert words is not None
    assert [row.text for row in words.cause] == ["size([1]) left one item out, which the assertion shows"]
    assert [row.text for row in words.fix] == ["The length is now taken as it is"]
    assert [row.text for row in words.risk] == ["It is small"]
    ids = {item.id for item in report.evidence}
    assert {name for part in (words.cause, words.fix, words.risk) for row in part for name in row.evidence} <= ids
    html, text = as_html(report), as_markdown(report)
    assert f'href="#evidence-{words.cause[0].evidence[0]}"' in html
    assert "which the assertion shows" in text
    assert "wonderful" not in html + text
    ask = next(ask for ask in model.asks if ask.branch == "explain")
    assert ask.tools == ()
    assert "+    return len(items)" in ask.messages[1].text


async def test_answer_without_any_citation_is_asked_for_again_and_then_left_out(tmp_path: Path) -> None:
    """Twice; the patch stays verified, and the report is as it is without a model."""
    report, model = await explained(tmp_path, *[say("CAUSE: trust me. FIX: it works.") for _ in range(3)])
    assert (report.outcome, report.explanation) == ("verified_patch", None)
    assert "No sentence of that can be kept" in model.asks[-1].messages[-1].text
    assert any("nothing that it says can be kept" in e.summary for e in report.evidence)


async def test_model_that_fails_costs_nothing_but_the_explanation(tmp_path: Path) -> None:
    """The certificate was there before."""
    report, _ = await explained(tmp_path, EndpointAway("gone"))
    assert (report.outcome, report.explanation) == ("verified_patch", None)
    assert report.certificate


async def test_model_that_was_not_there_is_not_asked_again(tmp_path: Path) -> None:
    """A thought that ended with nobody answering is enough."""
    thinking, model = mind(tmp_path, EndpointAway("gone"), explain=[well])
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert report.outcome == "verified_patch"
    assert [ask.branch for ask in model.asks] == ["r0s0"]


async def test_spent_tokens_leave_the_report_as_it_is(tmp_path: Path) -> None:
    """Nothing is asked above the limit."""
    small = REQUEST.model_copy(update={"reasoner": REASONER.model_copy(update={"tokens": 2500, "thinking": 64})})
    thinking, model = script(tmp_path, well)
    report = await run(tmp_path, bench(tmp_path), thinking, small)
    assert (report.outcome, report.explanation) == ("verified_patch", None)
    assert "explain" not in {ask.branch for ask in model.asks}


async def test_without_a_model_the_step_is_not_on_the_way(tmp_path: Path) -> None:
    report = await run(tmp_path, bench(tmp_path), None, REQUEST.model_copy(update={"reasoner": None}))
    assert (report.outcome, report.explanation, "explain" in report.cost.nodes) == ("verified_patch", None, False)


async def test_explained_run_replays_without_a_model(tmp_path: Path) -> None:
    record = tmp_path / "record.jsonl"
    thinking, _ = script(tmp_path, say("CAUSE: it was wrong."), well)
    first = await run(tmp_path, Recorder(bench(tmp_path), record), thinking)
    second = await run(tmp_path, Player(record), Mind(None, record), state="replay")
    assert first.explanation
    assert second.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})


class Killed(BaseException):
    """Stands for a process that dies."""


async def test_killed_while_it_explains_verifies_nothing_again(tmp_path: Path) -> None:
    """Only the explanation is asked for."""
    record = tmp_path / "record.jsonl"

    def die(_: Ask) -> Reply:
        raise Killed

    first = ScriptedModel({"": [MEND, ANSWER], "explain": [say("CAUSE: it was wrong."), die]})
    with pytest.raises((Killed, asyncio.CancelledError)):
        await run(tmp_path, Recorder(bench(tmp_path), record), Mind(first, record))
    second, world = ScriptedModel({"": [], "explain": [well]}), bench(tmp_path)
    report = await run(tmp_path, Recorder(world, record), Mind(second, record))
    assert report.explanation
    assert (len(second.asks), world.calls) == (1, [])


@pytest.mark.parametrize("text", [row.text for row in ALL if row.carrier == "issue"])
async def test_texts_of_strangers_are_data(tmp_path: Path, text: str) -> None:
    """In the issue, which is shown beside the patch."""
    request = REQUEST.model_copy(
        update={"issue": Artifacts(tmp_path / "artifacts").put(text), "limits": Limits(repeats=1, rounds=1)}
    )
    thinking, model = script(tmp_path, well)
    report = await run(tmp_path, bench(tmp_path), thinking, request)
    assert report.explanation
    system, user = next(ask for ask in model.asks if ask.branch == "explain").messages
    assert text.splitlines()[0] not in system.text
    assert user.text.count("\nDATA>>>") == user.text.count("<<<DATA\n") - text.count("<<<DATA")


KNOWN = {"test-run-00aaff", "patch-123abc"}
ANSWERS: tuple[tuple[str, list[str]], ...] = (
    ("CAUSE: a list `x[0]` was empty [test-run-00aaff]", ["a list `x[0]` was empty"]),
    ("CAUSE: One. Two. [test-run-00aaff] Three.", ["Two"]),
    ("CAUSE: One [test-run-00aaff]; two [patch-123abc,test-run-00aaff].", ["One", "; two"]),
    ("CAUSE: One [test-run-ffffff]. Two [patch-123abc]", ["Two"]),
    ("CAUSE: One [patch-123abc, made-up-000000]", []),
    ("One [patch-123abc]", []),
    ("CAUSE: [patch-123abc] [patch-123abc]", []),
    ("", []),
)  # fmt: skip


@pytest.mark.parametrize(("answer", "texts"), ANSWERS)
def test_a_citation_belongs_to_the_sentence_before_it(answer: str, texts: list[str]) -> None:
    """And all of its ids must exist."""
    found = cited(answer, KNOWN)
    assert [row.text for row in (found.cause if found else ())] == texts
