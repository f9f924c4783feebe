"""The adapter on raw replies of a real vLLM 0.32, recorded by tests/record_vllm.py and served as they came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.model import Ask, ContextOverflow, KeyRefused, ModelUnknown, Reply, RequestRefused
from agent.vllm.adapter import VllmModel
from agent.vllm.traits import Memory, Style, Traits
from agent.vllm.transport import Patience, Transport
from tests.fakes import tiny_scripts as scripts
from tests.fakes.model_server import MODEL, Answer, ModelServer

RECORDED: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vllm_recorded.json").read_text(encoding="ascii")
)
READ_A = ("read_file", {"path": "a.py", "start": 1})
ONCE = Patience(attempts=1, silence_s=60)


def answer(name: str) -> Answer:
    """A recorded answer, line by line."""
    kept = RECORDED[name]
    if "lines" in kept:
        return Answer(lines=kept["lines"], finish=None, usage=None, done=False)
    return Answer(status=kept["status"], body=kept["body"])


async def replies(ask: Ask, *names: str, style: Style = "native") -> tuple[Reply, ModelServer]:
    with ModelServer(*map(answer, names)) as server:
        model = VllmModel(Transport(server.url, "", ONCE), MODEL, Memory(None))
        model._learn(Traits(style=style))
        try:
            return await model.reply(ask), server
        finally:
            await model.close()


def made(reply: Reply) -> list[tuple[str, dict[str, Any]]]:
    return [(call.name, call.arguments) for call in reply.calls]


Calls = list[tuple[str, dict[str, Any]]]
READING: Calls = [READ_A]
BOTH: Calls = [READ_A, ("run_tests", {"target": "unit"})]


@pytest.mark.parametrize(
    ("name", "ask", "style", "expected"),
    [
        ("hello", scripts.HELLO, "native", ("They greet me.", "Hello there, how can I help?", [])),
        ("one call", scripts.WHY, "native", ("I should read the file first.", "", READING)),
        ("two calls", scripts.BOTH, "native", ("Two calls are needed.", "Reading and testing.", BOTH)),
        ("call by a grammar", scripts.GRAMMAR, "json", ("I write JSON.", "", READING)),
        ("call in text", scripts.TEXT, "text", ("I write a block.", "", READING)),
        ("opened twice", scripts.TWICE, "native", ("Thinking twice.", "Done.", [])),
        ("verdict by a grammar", scripts.HELLO, "native", ("It is false, so a bug.", '{"verdict":"bug"}', [])),
    ],
)
async def test_recorded_answer_is_read(name: str, ask: Ask, style: Style, expected: tuple[str, str, Calls]) -> None:
    """Thinking, text, calls, and usage as the server counted it."""
    got, _ = await replies(ask, name, style=style)
    assert (got.thinking, got.text, made(got)) == expected
    assert (got.finish, got.notes, got.usage.estimated) == ("calls" if got.calls else "stop", (), False)
    assert got.usage.prompt == got.context > 0
    assert got.usage.completion > 0


async def test_recorded_required_call_that_is_broken_is_told_as_such() -> None:
    """With finish_reason tool_calls and status 200: required is not the same as whole."""
    got, _ = await replies(scripts.WHY, "required")
    (call,) = got.calls
    assert (call.name, call.arguments, bool(call.problem)) == ("read_file", {}, True)
    assert call.raw.startswith('{"path": "')


async def test_recorded_call_inside_the_thinking_is_salvaged_and_a_mentioned_one_is_not() -> None:
    """The server tells of neither."""
    inside, _ = await replies(scripts.INSIDE, "call inside the thinking")
    mention, _ = await replies(scripts.MENTION, "call only mentioned")
    assert (made(inside), inside.finish) == ([("run_tests", {"target": "all"})], "calls")
    assert (mention.calls, mention.text) == ((), "No call.")


async def test_recorded_cut_is_no_answer_and_the_forced_one_follows() -> None:
    """Status 200 and finish_reason length, within the thinking; then both forms of begun answers."""
    got, server = await replies(scripts.SLOWLY, "cut inside the thinking", "forced, closed", "forced, open")
    assert scripts.LONG.startswith(got.thinking)
    assert got.notes == ("the thinking reached its cap and was ended",)
    assert [request.get("continue_final_message", False) for request in server.requests] == [False, True, True]
    assert "</think>" not in got.text


async def test_recorded_half_written_call_is_dropped() -> None:
    """It looks like one: only its finish_reason tells."""
    assert any("tool_calls" in line for line in RECORDED["cut inside a call"]["lines"])
    with ModelServer(answer("cut inside a call"), answer("hello"), answer("hello")) as server:
        model = VllmModel(Transport(server.url, "", ONCE), MODEL, Memory(None))
        model._learn(Traits())
        got = await model.reply(scripts.WHY)
        await model.close()
    assert made(got) == []


async def test_recorded_capped_thinking_is_thinking() -> None:
    """The server closed it after six tokens."""
    got, _ = await replies(scripts.SLOWLY, "capped", "hello", "hello")
    assert scripts.LONG.startswith(got.thinking.splitlines()[0])
    assert len(got.thinking) < 200


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("prompt too long", ContextOverflow, "maximum context length is 8192"),
        ("unknown model", ModelUnknown, "does not exist"),
        ("wrong key", KeyRefused, "Unauthorized"),
    ],
)
async def test_recorded_refusal_is_typed(name: str, error: type[Exception], words: str) -> None:
    """With what the server said."""
    with pytest.raises(error, match=words):
        await replies(scripts.HELLO, name)


async def test_recorded_limit_of_the_reply_tells_the_window() -> None:
    """The next request fits."""
    ask = scripts.HELLO.model_copy(update={"thinking": 9000})
    got, server = await replies(ask, "reply too long", "hello")
    assert got.text
    assert server.requests[1]["max_tokens"] < 8192


async def test_recorded_refusal_of_a_begun_answer_is_no_overflow() -> None:
    """The template drops thinking that is closed."""
    transport_said = RECORDED["forced, closed"]
    assert transport_said["status"] == 400
    with pytest.raises(RequestRefused, match="does not appear in the chat"):
        await replies(scripts.HELLO, "forced, closed", "forced, closed")


def test_recorded_count_is_that_of_the_usage() -> None:
    """/tokenize and the usage of the same request."""
    usage = next(json.loads(line[6:])["usage"] for line in RECORDED["one call"]["lines"] if '"usage"' in line)
    assert RECORDED["tokens"]["body"]["count"] == usage["prompt_tokens"]
    assert RECORDED["models"]["body"]["data"][0]["max_model_len"] == 8192
