"""The bounded loop: limits, budget, repeated calls, stuck models, forced answers, an append-only prefix."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.act import FINAL_ANSWER, LEFT_OUT, Account, Acted, Task, act
from agent.domain import Reasoner
from agent.mind import Mind
from agent.model import ContextOverflow, EndpointAway, Message, Reply, ToolCall, ToolSpec, Usage
from agent.record import ReplayDiverged, rows_of
from tests.fakes.bench import FakeHands
from tests.fakes.model import ScriptedModel, Turn, call, calls, say

TOOLS = (ToolSpec(name="read", description="Read.", parameters={"type": "object", "properties": {}}),)
LIMITS = Reasoner(url="http://h/v1", name="m", tokens=100_000, steps=8, thinking=500, answer=300)


async def no_check(_: str) -> str:
    return ""


async def once_more(text: str) -> str:
    return "" if "really" in text else "Not yet."


def task(check: Callable[[str], object] = no_check) -> Task:
    return Task("b", "Be good.", "Fix it.", TOOLS, 0.6, 1, check)  # type: ignore[arg-type]


def account(limits: Reasoner = LIMITS, *, tokens: int | None = None, tick: float = 0.0, wall_s: float = 500) -> Account:
    clock = itertools.count(0.0, tick) if tick else itertools.repeat(0.0)
    return Account(limits, limits.tokens if tokens is None else tokens, lambda: next(clock), wall_s)


def hands(**texts: str) -> FakeHands:
    return FakeHands({name.replace("_", "."): text for name, text in texts.items()}, [])


async def run(
    tmp_path: Path, *turns: Turn, money: Account | None = None, at: FakeHands | None = None, window: int = 32_768,
    what: Task | None = None,
) -> tuple[Acted, ScriptedModel]:  # fmt: skip
    model = ScriptedModel({"": list(turns)}, window)
    return await act(Mind(model, tmp_path / "r.jsonl"), at or hands(), what or task(), money or account()), model


async def test_answer_without_calls_ends_the_loop(tmp_path: Path) -> None:
    """Calls are run until the model says something without one."""
    at = hands(a_py="x = 1")
    done, model = await run(tmp_path, call("read", path="a.py"), say("The bug is x."), at=at)
    assert (done.text, done.stopped, done.steps, done.usage.total) == ("The bug is x.", "answered", 2, 1000)
    assert at.uses == [("read", {"path": "a.py"})]
    result = model.asks[1].messages[-1]
    assert (result.role, result.text) == ("tool", "x = 1")
    assert result.note == ""


async def test_model_is_told_what_is_left(tmp_path: Path) -> None:
    """Every few turns, and in every turn once half of something is spent."""
    turns = [call("read", path=f"{n}.py") for n in range(7)]
    _, model = await run(tmp_path, *turns, say("Done."))
    notes = [message.note for message in model.asks[-1].messages if message.role == "tool"]
    assert [bool(note) for note in notes] == [False, False, False, True, True, True, True]
    assert notes[3] == "[left: 4 steps, 98k tokens, 500 s]"


async def test_thinking_is_capped_by_what_the_budget_leaves(tmp_path: Path) -> None:
    """The last turns think shorter, before they are given up for the final answer; a forced answer hardly thinks."""
    limits = LIMITS.model_copy(update={"thinking": 4096, "tokens": 9000, "steps": 30})
    turns = [call("read", path=f"{n}.py") for n in range(20)]
    done, model = await run(tmp_path, *turns, say("x"), money=account(limits))
    caps = [ask.thinking for ask in model.asks]
    assert caps[0] == 4096
    assert sorted(caps, reverse=True) == caps
    assert any(FINAL_ANSWER < cap < 4096 for cap in caps)
    assert (caps[-1], done.stopped) == (FINAL_ANSWER, "tokens")


async def test_thinking_is_capped_by_what_a_slow_server_can_say_in_time(tmp_path: Path) -> None:
    """The pace is that of the last reply: 10 tokens a second leave 300 seconds no more than 3,000 with the answer."""
    slow = call("read", path="a.py").model_copy(update={"seconds": 10.0, "usage": Usage(prompt=400, completion=100)})
    money = account(LIMITS.model_copy(update={"thinking": 4096}), wall_s=300)
    _, model = await run(tmp_path, slow, say("x"), money=money)
    assert [ask.thinking for ask in model.asks] == [4096, 3000 - LIMITS.answer]


async def test_question_without_tools_may_be_thought_about_as_long_as_any(tmp_path: Path) -> None:
    """Its thinking is capped by the budget; only the forced answer's is short."""
    money = account()
    done, model = await run(tmp_path, say("It is x."), what=replace(task(), tools=()), money=money)
    assert (done.text, model.asks[0].thinking) == ("It is x.", money.reasoner.thinking)


async def test_messages_are_only_appended(tmp_path: Path) -> None:
    """Every request begins with all of the one before it."""
    turns = [call("read", path=f"{n}.py") for n in range(5)]
    _, model = await run(tmp_path, *turns, say("Done."))
    for earlier, later in itertools.pairwise(model.asks):
        assert later.messages[: len(earlier.messages)] == earlier.messages


async def test_same_call_is_answered_from_the_record_with_a_nudge(tmp_path: Path) -> None:
    """It is not run again until an edit changes something."""
    at = hands(a_py="x = 1")
    again = call("run_tests", tests=["t"])
    done, model = await run(
        tmp_path, again, again, call("edit", path="a.py", old="1", new="2"), again, say("Done."), at=at
    )
    assert [name for name, _ in at.uses] == ["run_tests", "edit", "run_tests"]
    assert "You made this very call in step 1" in model.asks[2].messages[-1].text
    assert done.stopped == "answered"


async def test_model_that_goes_in_circles_is_asked_for_its_answer(tmp_path: Path) -> None:
    """Three turns without a new call: the final answer is forced without tools."""
    again = call("read", path="a.py")
    done, model = await run(tmp_path, again, again, again, again, say("I give up."))
    assert (done.text, done.stopped) == ("I give up.", "stuck")
    assert model.asks[-1].tools == ()
    assert "No more tools" in model.asks[-1].messages[-1].text


async def test_steps_are_a_limit(tmp_path: Path) -> None:
    """The last turn is the forced answer."""
    turns = [call("read", path=f"{n}.py") for n in range(3)]
    money = account(LIMITS.model_copy(update={"steps": 3}))
    done, _ = await run(tmp_path, *turns, say("So be it."), money=money)
    assert (done.text, done.stopped) == ("So be it.", "steps")


async def test_tokens_are_a_limit_that_is_never_overdrawn(tmp_path: Path) -> None:
    """The answer is forced while there are tokens for it; what is spent stays below the limit."""
    turns = [call("read", path=f"{n}.py") for n in range(3)]
    money = account(tokens=4400)
    done, _ = await run(tmp_path, *turns, say("Out of money."), money=money)
    assert (done.text, done.stopped) == ("Out of money.", "tokens")
    assert money.tokens >= 0


async def test_servers_own_count_of_the_prompt_is_what_counts(tmp_path: Path) -> None:
    """The estimate only covers what was added since: a prompt that is longer than it looks ends the branch in time."""
    long = call("read", path="a.py").model_copy(update={"context": 30_000, "usage": Usage(prompt=30_000)})
    done, _ = await run(tmp_path, long, say("Enough."), money=account(tokens=64_000))
    assert (done.text, done.stopped) == ("Enough.", "tokens")


async def test_nothing_is_asked_when_not_even_the_answer_can_be_paid(tmp_path: Path) -> None:
    """An overdrawn account ends the branch without a request."""
    done, model = await run(tmp_path, money=account(tokens=900))
    assert (done.text, done.stopped, model.asks) == ("", "overdrawn", [])


async def test_reserved_tokens_are_not_spent_twice(tmp_path: Path) -> None:
    """A request that is under way in one branch counts for the others; a failed one is given back."""
    money = account(tokens=20_000)

    def during(_: object) -> Reply:
        assert money.free < 20_000 - LIMITS.thinking - LIMITS.answer
        return say("Fine.")

    await run(tmp_path, during, money=money)
    assert money.free == money.tokens == 20_000 - 500
    with pytest.raises(EndpointAway):
        await run(tmp_path / "..", EndpointAway("gone"), money=money)
    assert money.free == money.tokens


async def test_row_that_was_torn_by_a_kill_spoils_no_later_one(tmp_path: Path) -> None:
    """A process died in the middle of a write, or the disk was full: the first turn after that is kept all the same."""
    record, turns = tmp_path / "r.jsonl", [call("read", path="a.py"), say("Done.")]
    await run(tmp_path, *turns)
    whole = record.read_bytes()
    for left in (1, 40, len(whole) - 1):
        record.write_bytes(whole[:left])
        kept = sum(row["method"] == "model" for row in rows_of(record))
        done, model = await run(tmp_path, *turns[kept:])
        assert len(model.asks) == 2 - kept
        again = await act(Mind(None, record), hands(), task(), account())
        assert again == done


async def test_calls_of_one_reply_end_with_the_limit_that_they_use_up(tmp_path: Path) -> None:
    """Each may take minutes: those that are left are answered without being made, and a replay knows it."""
    many = [("run", {"command": f"sleep {n}"}) for n in range(8)]
    turns = [calls(*many), say("It hangs.")]
    money, at = account(LIMITS.model_copy(update={"sandbox_s": 2.0})), hands()
    done, model = await run(tmp_path, *turns, money=money, at=at)
    assert (len(at.uses), done.stopped, done.text) == (2, "sandbox", "It hangs.")
    results = [message for message in model.asks[-1].messages if message.role == "tool"]
    assert [result.text.startswith("ERROR: this call was not made") for result in results] == [False] * 2 + [True] * 6
    assert [result.call for result in results] == [f"c{n}" for n in range(8)]
    again = await act(Mind(None, tmp_path / "r.jsonl"), hands(), task(), account())
    assert (again.text, again.stopped) == (done.text, done.stopped)


async def test_calls_of_one_reply_end_with_the_seconds_of_the_run(tmp_path: Path) -> None:
    """Whatever they do; the branch ends then, with what was edited before."""
    at = hands()
    money = replace(account(wall_s=500), now=lambda: 0.0 if len(at.uses) < 3 else 499.5)
    done, _ = await run(tmp_path, calls(*[("read", {"path": f"{n}.py"}) for n in range(8)]), money=money, at=at)
    assert (len(at.uses), done.stopped) == (3, "seconds")


async def test_seconds_are_a_limit(tmp_path: Path) -> None:
    """By the clock; no answer is forced when there is no time for it."""
    turns = [call("read", path=f"{n}.py") for n in range(9)]
    done, model = await run(tmp_path, *turns, money=account(tick=5.0, wall_s=60))
    assert done.stopped == "seconds"
    assert model.asks[-1].wall_s < model.asks[0].wall_s


async def test_seconds_of_runs_are_a_limit(tmp_path: Path) -> None:
    """What commands take in the sandbox is counted over all branches."""
    money = account(LIMITS.model_copy(update={"sandbox_s": 2.0}))
    done, _ = await run(tmp_path, call("run", command="a"), call("run", command="b"), say("Enough."), money=money)
    assert (done.stopped, done.sandbox_s) == ("sandbox", 2.0)


async def test_unreadable_call_is_told_its_problem(tmp_path: Path) -> None:
    """The model can write it anew."""
    broken = Reply(calls=(ToolCall(id="c", name="read", problem="it is not valid JSON"),), usage=Usage(prompt=1))
    at = hands()
    _, model = await run(tmp_path, broken, say("Done."), at=at)
    assert at.uses == []
    assert '"name": "read"' in model.asks[1].messages[-1].text


@pytest.mark.parametrize(
    ("first", "told"), [(say("", "length"), "cut off"), (say(""), "You said nothing"), (say("Hm."), "Not yet.")]
)
async def test_reply_that_is_no_answer_is_told_so(tmp_path: Path, first: Reply, told: str) -> None:
    """Cut off, empty, or not what the task checks for."""
    done, model = await run(tmp_path, first, say("Now really."), what=task(once_more))
    assert told in model.asks[1].messages[-1].text
    assert done.text == "Now really."


async def test_model_that_never_satisfies_the_check_is_taken_at_its_word(tmp_path: Path) -> None:
    """Two nudges at most."""
    done, _ = await run(tmp_path, say("No."), say("No."), say("No."), what=task(once_more))
    assert (done.text, done.stopped) == ("No.", "answered")


async def test_full_window_leaves_old_results_out_and_repeats_show_them(tmp_path: Path) -> None:
    """The newest results stay; a call whose result was left out is answered from the record in full."""
    at = hands(**{f"f{n}_py": f"{n}" * 2000 for n in range(6)})
    reads = [call("read", path=f"f{n}.py") for n in range(6)]
    _, model = await run(tmp_path, *reads, call("read", path="f0.py"), say("Done."), at=at, window=4500)
    texts = [message.text for message in model.asks[-1].messages if message.role == "tool"]
    assert LEFT_OUT in texts
    assert texts[-1].endswith("0" * 2000)
    assert len(at.uses) == 6


async def test_overflow_that_the_server_reports_is_survived_once(tmp_path: Path) -> None:
    """Old results are left out and the turn is asked again; without any, the error stands."""
    reads = [call("read", path=f"f{n}.py") for n in range(5)]
    at = hands(**{f"f{n}_py": f"{n}" * 300 for n in range(5)})
    done, _ = await run(tmp_path, *reads, ContextOverflow("too long"), say("Done."), at=at)
    assert done.text == "Done."
    with pytest.raises(ContextOverflow):
        await run(tmp_path / "..", ContextOverflow("too long"))


async def test_finished_turns_are_not_asked_again_after_a_kill(tmp_path: Path) -> None:
    """A second attempt over the same record asks only what is missing."""
    record = tmp_path / "r.jsonl"
    first = ScriptedModel({"": [call("read", path="a.py"), call("read", path="b.py"), EndpointAway("killed")]})
    with pytest.raises(EndpointAway):
        await act(Mind(first, record), hands(a_py="1", b_py="2"), task(), account())
    second = ScriptedModel({"": [say("Done.")]})
    done = await act(Mind(second, record), hands(a_py="1", b_py="2"), task(), account(tick=1.0))
    assert (done.text, len(second.asks)) == ("Done.", 1)


async def test_replay_needs_no_model_and_says_where_it_diverged(tmp_path: Path) -> None:
    """Limits that clocks decided are replayed too."""
    record = tmp_path / "r.jsonl"
    turns: list[Turn] = [call("read", path=f"{n}.py") for n in range(9)]
    done = await act(Mind(ScriptedModel({"": turns}), record), hands(), task(), account(tick=5.0, wall_s=60))
    assert await act(Mind(None, record), hands(), task(), account()) == done
    other = Task("b", "Be good.", "Fix something else.", TOOLS, 0.6, 1, no_check)
    with pytest.raises(ReplayDiverged, match="step 0"):
        await act(Mind(None, record), hands(), other, account())


async def test_several_calls_of_a_turn_are_answered_in_order(tmp_path: Path) -> None:
    """Each with its own result; the budget, where it is told, stands below the last."""
    two = calls(("read", {"path": "a.py"}), ("read", {"path": "b.py"}))
    money = account(LIMITS.model_copy(update={"steps": 2}))
    _, model = await run(tmp_path, two, say("Done."), at=hands(a_py="1", b_py="2"), money=money)
    results: tuple[Message, ...] = model.asks[1].messages[-2:]
    assert [(m.call, m.text, bool(m.note)) for m in results] == [("c0", "1", False), ("c1", "2", True)]
