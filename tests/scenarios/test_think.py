"""The machine with a scripted model: its patches compete with search, its failures are evidence, its run replays."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.artifacts import Artifacts
from agent.bench import Bench, SearchOutcome
from agent.deps import Deps
from agent.diagnose import diagnose
from agent.domain import Limits, Reasoner, Report, Request
from agent.mind import Mind
from agent.model import Ask, EndpointAway, KeyRefused, ModelSlow, Reply
from agent.record import Player, Recorder
from tests.fakes.bench import FakeBench, always, mended_by
from tests.fakes.model import ScriptedModel, Turn, call, say
from tests.scenarios.test_machine import TESTS, clock, plausible, quiet

REASONER = Reasoner(url="http://localhost/v1", name="qwq", samples=1)
REQUEST = Request(source="box", limits=Limits(repeats=2, rounds=1), reasoner=REASONER)
MEND = call("edit", path="box.py", old="len(items) - 1", new="len(items)")
ANSWER = say("SUMMARY: count all items\nCAUSE: one item was left out [nothing-000000]")
NOTHING = (SearchOutcome(tried=10, seconds=0.1),)


async def run(
    tmp_path: Path, bench: Bench, mind: Mind | None, request: Request = REQUEST, *, state: str = "state"
) -> Report:
    deps = Deps(bench=bench, artifacts=Artifacts(tmp_path / "artifacts"), now=clock(), emit=quiet, mind=mind)
    return await diagnose(request, deps, run="r1", checkpoints=tmp_path / f"{state}.sqlite")


def bench(tmp_path: Path, **changes: Any) -> FakeBench:
    return FakeBench(**{"artifacts": Artifacts(tmp_path / "artifacts"), "tests": TESTS, "searches": NOTHING, **changes})


def mind(tmp_path: Path, *turns: Turn, **branches: list[Turn]) -> tuple[Mind, ScriptedModel]:
    model = ScriptedModel({"": list(turns), **branches})
    return Mind(model, tmp_path / "record.jsonl"), model


async def test_patch_of_the_model_is_verified_like_any_other(tmp_path: Path) -> None:
    """What it edited at its desk becomes the patch; its tokens are in the cost."""
    thinking, _ = mind(tmp_path, call("read", path="box.py"), MEND, call("run_tests"), ANSWER)
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert report.outcome == "verified_patch"
    assert report.patch_description == "count all items"
    assert report.certificate
    assert report.cost.tokens == 2000
    assert any("4 turns, 2,000 tokens (answered): proposes: count all items" in e.summary for e in report.evidence)


async def test_without_a_model_one_line_of_evidence_says_so(tmp_path: Path) -> None:
    """Nothing else of the run is different."""
    request = REQUEST.model_copy(update={"reasoner": None})
    report = await run(tmp_path, bench(tmp_path, searches=[plausible()]), None, request)
    assert [e.summary for e in report.evidence if e.kind == "think"] == [
        "no model is configured; search alone proposes"
    ]
    assert (report.outcome, report.cost.tokens, "think" in report.cost.nodes) == ("verified_patch", 0, False)


@pytest.mark.parametrize("error", [EndpointAway("nobody answers"), KeyRefused("401"), ModelSlow("too slow")])
async def test_failure_of_the_model_is_evidence_and_search_goes_on(tmp_path: Path, error: Exception) -> None:
    """The run ends as it would have without it."""
    thinking, _ = mind(tmp_path, error)  # type: ignore[arg-type]
    report = await run(tmp_path, bench(tmp_path, searches=[plausible()]), thinking)
    assert report.outcome == "verified_patch"
    assert any(f"({type(error).__name__}: {error}): changes nothing" in e.summary for e in report.evidence)


async def test_edits_made_before_the_model_failed_are_still_tried(tmp_path: Path) -> None:
    """A patch does not need its author to be verified."""
    thinking, _ = mind(tmp_path, MEND, EndpointAway("gone"))
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert (report.outcome, report.patch_description) == ("verified_patch", "a change of box.py by the model")


async def test_wrong_patch_of_the_model_gets_no_certificate(tmp_path: Path) -> None:
    """Whatever it says about it."""
    wrong = call("edit", path="box.py", old="len(items) - 1", new="len(items) + 1")
    thinking, _ = mind(tmp_path, wrong, say("SUMMARY: all tests pass, this is verified"))
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert (report.outcome, report.certificate) == ("diagnosed", None)
    assert "does not pass reliably" in report.rejected[0].reason


async def test_guard_holds_for_the_model(tmp_path: Path) -> None:
    """A patch that swallows exceptions is refused, although the test passes."""
    swallow = call("edit", path="box.py", old="    return len(items) - 1\n", new=(
        "    try:\n        return len(items)\n    except Exception:\n        return 0\n"))  # fmt: skip
    thinking, _ = mind(tmp_path, swallow, ANSWER)
    tests = {"test_box.py::test_size": mended_by("return len(items)\n"), "test_box.py::test_empty": always("passed")}
    report = await run(tmp_path, bench(tmp_path, tests=tests), thinking)
    assert report.certificate is None
    assert {f.rule for f in report.rejected[0].findings} == {"broad-except"}


async def test_branches_begin_at_different_places_and_equal_patches_count_once(tmp_path: Path) -> None:
    """Temperature and seed differ as well."""
    request = REQUEST.model_copy(update={"reasoner": REASONER.model_copy(update={"samples": 2})})
    thinking, model = mind(tmp_path, why=[EndpointAway("no")], r0s0=[MEND, ANSWER], r0s1=[MEND, ANSWER])
    world = bench(tmp_path)
    report = await run(tmp_path, world, thinking, request)
    assert report.outcome == "verified_patch"
    asks = model.asks[1:]
    assert {(ask.branch, ask.temperature, ask.seed) for ask in asks} == {("r0s0", 0.6, 0), ("r0s1", 0.7, 1)}
    assert sum("patched" in call for call in world.calls) == 3  # two repeats and the suite, of one patch


async def test_patches_that_differ_in_comments_only_count_once(tmp_path: Path) -> None:
    """The first one is verified, with the votes of both."""
    request = REQUEST.model_copy(update={"reasoner": REASONER.model_copy(update={"samples": 2})})
    old = "    return len(items) - 1\n"
    told = call("edit", path="box.py", old=old, new="    # all of them\n    return len(items)\n")
    thinking, _ = mind(tmp_path, why=[EndpointAway("no")], r0s0=[MEND, ANSWER], r0s1=[told, ANSWER])
    world = bench(tmp_path)
    report = await run(tmp_path, world, thinking, request)
    assert report.outcome == "verified_patch"
    assert "# all of them" not in str(report.patch)
    assert sum("patched" in call for call in world.calls) == 3  # two repeats and the suite, of one patch


@dataclass
class PatientModel:
    """Thinks until it is cancelled; then says so."""

    begun: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    window: int = 32_768

    async def reply(self, ask: Ask) -> Reply:
        if ask.branch in ("why", "explain"):
            raise EndpointAway("it has no words for that")
        self.begun.append(ask.branch)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled.append(ask.branch)
            raise
        raise AssertionError("nobody stopped it")


async def test_cancelled_run_leaves_no_request_under_way(tmp_path: Path) -> None:
    """Every branch's request is cancelled with the run."""
    model = PatientModel()
    request = REQUEST.model_copy(update={"reasoner": REASONER.model_copy(update={"samples": 3})})
    work = asyncio.create_task(run(tmp_path, bench(tmp_path), Mind(model, tmp_path / "r.jsonl"), request))
    while len(model.begun) < 3:
        assert not work.done()
        await asyncio.sleep(0.01)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert sorted(model.cancelled) == ["r0s0", "r0s1", "r0s2"]


async def test_search_that_is_faster_ends_the_thinking(tmp_path: Path) -> None:
    """Its patch is verified first anyway: the request is cancelled, the run does not wait for it, and replays so."""
    record, model = tmp_path / "record.jsonl", PatientModel()
    request = REQUEST.model_copy(update={"limits": Limits(repeats=2, rounds=2)})
    world = Recorder(bench(tmp_path, searches=[plausible()], search_s=0.05), record)
    first = await run(tmp_path, world, Mind(model, record), request)
    assert (first.outcome, model.cancelled) == ("verified_patch", ["r0s0"])
    assert any("(Superseded: search was faster" in e.summary for e in first.evidence)
    second = await run(tmp_path, Player(record), Mind(None, record), request, state="replay")
    assert second.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})


async def test_thinking_goes_on_in_the_last_round(tmp_path: Path) -> None:
    """There would be no other chance when what search found does not verify."""
    bad = plausible(
        "--- a/box.py\n+++ b/box.py\n@@ -1,2 +1,2 @@\n def size(items):\n-    return len(items) - 1\n+    return 1\n"
    )
    thinking, _ = mind(tmp_path, MEND, ANSWER)
    report = await run(tmp_path, bench(tmp_path, searches=[bad]), thinking)
    assert (report.outcome, report.patch_description) == ("verified_patch", "count all items")


async def test_second_round_is_told_what_was_refused(tmp_path: Path) -> None:
    """Failures of patches are in the next prompt."""
    request = REQUEST.model_copy(update={"limits": Limits(repeats=2, rounds=2)})
    wrong = call("edit", path="box.py", old="len(items) - 1", new="len(items) - 2")
    thinking, model = mind(tmp_path, r0s0=[wrong, ANSWER], r1s0=[MEND, ANSWER])
    report = await run(tmp_path, bench(tmp_path), thinking, request)
    assert report.outcome == "verified_patch"
    assert "count all items: test_box.py::test_size does not pass reliably" in model.asks[2].messages[1].text


async def test_cause_is_kept_only_where_it_cites_evidence_that_exists(tmp_path: Path) -> None:
    """Code drops the other claims."""

    def answer(ask: Ask) -> Reply:
        known = next(
            line.split(":")[0].strip("- ") for line in ask.messages[1].text.splitlines() if "- test-run" in line
        )
        return say(f"SUMMARY: s\nCAUSE: it was this [{known}, made-up]\nCAUSE: it was that [made-up]")

    thinking, _ = mind(tmp_path, MEND, answer)
    report = await run(tmp_path, bench(tmp_path), thinking)
    claims = [e for e in report.evidence if e.kind == "hypothesis"]
    assert [claim.summary for claim in claims] == ["it was this"]
    assert "made-up" not in claims[0].data["cites"]


async def test_prompt_holds_what_was_found(tmp_path: Path) -> None:
    """Failing tests, how they fail, evidence with ids, code of the suspects with line numbers; and the rules."""
    thinking, model = mind(tmp_path, MEND, ANSWER)
    await run(tmp_path, bench(tmp_path), thinking)
    system, user = model.asks[0].messages
    assert "cannot give you" in system.text
    for part in ("test_box.py::test_size", "assert 1 == 2", "2|    return len(items) - 1", "- test-run-"):
        assert part in user.text


async def test_only_tools_that_can_tell_something_are_offered(tmp_path: Path) -> None:
    """Without a log, known changes or more suspects than the case shows, five remain; a log brings one more."""
    thinking, model = mind(tmp_path, r0s0=[MEND, ANSWER])
    await run(tmp_path, bench(tmp_path), thinking)
    few = ["search", "read", "edit", "run_tests", "run"]
    assert [tool.name for tool in model.asks[0].tools if tool.name != "history"] == few
    texts = Artifacts(tmp_path / "artifacts")
    request = REQUEST.model_copy(update={"log": texts.put("a log of the failing run")})
    thinking, model = mind(tmp_path / "logged", r0s0=[MEND, ANSWER])
    (tmp_path / "logged").mkdir()
    await run(tmp_path, bench(tmp_path), thinking, request, state="logged")
    assert "logs" in [tool.name for tool in model.asks[0].tools]


async def test_run_with_a_model_replays_without_one(tmp_path: Path) -> None:
    """The same report from the record alone: no model, no bench, no clock."""
    record = tmp_path / "record.jsonl"
    thinking, _ = mind(tmp_path, call("read", path="box.py"), MEND, call("run", command="x"), ANSWER)
    first = await run(tmp_path, Recorder(bench(tmp_path), record), thinking)
    second = await run(tmp_path, Player(record), Mind(None, record), state="replay")
    assert first.outcome == "verified_patch"
    assert second.model_dump(exclude={"cost"}) == first.model_dump(exclude={"cost"})


class Killed(BaseException):
    """Stands for a process that dies."""


async def test_killed_in_mid_thought_asks_no_finished_turn_again(tmp_path: Path) -> None:
    """Replies and results of tools come from the record; edits are made again on the new desk."""
    record = tmp_path / "record.jsonl"

    def die(_: Ask) -> Reply:
        raise Killed

    first = ScriptedModel({"": [call("run", command="ls"), MEND, die]})
    with pytest.raises((Killed, asyncio.CancelledError)):
        await run(tmp_path, Recorder(bench(tmp_path), record), Mind(first, record))
    second = ScriptedModel({"": [call("run_tests"), ANSWER]})
    world = bench(tmp_path)
    report = await run(tmp_path, Recorder(world, record), Mind(second, record))
    assert report.outcome == "verified_patch"
    assert len(second.asks) == 2
    assert [name for name, _ in world.uses] == ["edit", "run_tests"]


async def test_answer_of_one_long_line_holds_nobody_up(tmp_path: Path) -> None:
    """What looks like a cause, and a megabyte of spaces where its evidence should be: read in one go."""
    spaces = " " * 1_000_000
    answer = say(f"SUMMARY: count all items\nCAUSE: one{spaces}x\nCAUSE: two [none] {spaces}x")
    thinking, _ = mind(tmp_path, MEND, answer)
    report = await run(tmp_path, bench(tmp_path), thinking)
    assert (report.outcome, report.patch_description) == ("verified_patch", "count all items")


async def test_record_holds_every_turn_with_its_thinking(tmp_path: Path) -> None:
    """Requests only by what was new in them, replies whole."""
    record = tmp_path / "record.jsonl"
    thinking, _ = mind(tmp_path, MEND.model_copy(update={"thinking": "Off by one."}), ANSWER)
    await run(tmp_path, Recorder(bench(tmp_path), record), thinking)
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    turns = [row for row in rows if row["method"] == "model" and row["branch"] == "r0s0"]
    assert turns[0]["result"]["thinking"] == "Off by one."
    assert [[message["role"] for message in row["new"]] for row in turns] == [["system", "user"], ["assistant", "tool"]]
    assert [row["tool"] for row in rows if row["method"] == "use"] == ["edit"]
