"""The adapter against servers that mean harm, or are broken in ways that once ended a run or held it up for good."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.model import EndpointAway
from agent.vllm.adapter import VllmModel
from agent.vllm.probing import probe
from agent.vllm.repetition import once
from agent.vllm.traits import Memory, Traits
from agent.vllm.transport import Patience, Transport
from tests.contract.test_reasoner import ASK, RUN_ALL, SHORT, made, reply
from tests.fakes.model_server import MODEL, Answer, ModelServer, said

MUCH = 3_500_000
NESTED = b"[" * 200_000
IN_FULL = Patience(attempts=1, longest_s=0.01, connect_s=60.0, silence_s=60.0)


async def test_thinking_of_one_character_in_one_piece_holds_nobody_up() -> None:
    """A server that gives all of it at once; reducing it takes time in proportion to its length, not to its
    square, in which no other run of the process would get on, and all of the reply's own time would be gone.
    """
    with ModelServer(said(thinking="=" * MUCH, size=MUCH), said("Fine.")) as server:
        got = await reply(server, ASK.model_copy(update={"wall_s": 30.0}))
    assert got.text == "Fine."


def test_reduced_is_what_repeats_and_nothing_else() -> None:
    """However often it does; what came before stays."""
    assert once("It is x. " + "Wait. " * 100_000) == "It is x. Wait. "
    assert once("It is x.") == "It is x."


@pytest.mark.parametrize("where", ["reasoning", "content"])
async def test_thinking_that_was_opened_again_and_again_is_read_as_opened_once(where: str) -> None:
    """Hundreds of thousands of opening tags before the first word."""
    text = "<think>" * 200_000 + "The index is wrong.\n</think>\n\nIt is line 3."
    deltas = [{where: text}]
    if where == "reasoning":
        deltas = [{where: text.partition("</think>")[0]}, {"content": "It is line 3."}]
    cap = ASK.model_copy(update={"thinking": 400_000})
    with ModelServer(Answer(deltas), window=2_000_000) as server:
        got = await reply(server, cap)
    assert got.text == "It is line 3."
    assert got.thinking == "The index is wrong."


@pytest.mark.parametrize("charset", ["hex", "idna", "iso-8859-1", "utf-16"])
async def test_streams_are_utf_8_whatever_the_server_says(charset: str) -> None:
    """Some say what is no encoding of text at all; a wrong one would spoil every patch with other letters."""
    answer = replace(said("Größe ≠ 3"), headers={"content-type": f"text/event-stream; charset={charset}"})
    raw = "data: " + json.dumps({"choices": [{"delta": {"content": " – so"}}]}, ensure_ascii=False)
    with ModelServer(replace(answer, lines=[raw])) as server:
        got = await reply(server)
    assert got.text == "– soGröße ≠ 3"


async def test_list_of_models_that_is_nested_without_end_is_no_list() -> None:
    """It is told as an endpoint that answers nonsense."""
    with ModelServer(listed=NESTED) as server, pytest.raises(EndpointAway, match="no JSON"):
        await reply(server)


@pytest.mark.parametrize("count", ["1e999", "-1e999", "NaN", '"many"', "[]", "null", "1" * 5000])
async def test_count_of_tokens_that_is_no_number_is_estimated(count: str) -> None:
    """Close to the window, where the server is asked to count."""
    with ModelServer(said("Ok."), window=1500, counted=f'{{"count": {count}}}'.encode()) as server:
        got = await reply(server, ASK.model_copy(update={"thinking": 4000}))
    assert got.text == "Ok."
    assert 0 < server.requests[0]["max_tokens"] < 1500


@pytest.mark.parametrize("line", [": keep-alive", 'data: {"choices": [{"delta": {}}]}', "event: ping"])
async def test_signs_of_life_are_no_answer(line: str) -> None:
    """A server that hangs behind a proxy which keeps the connection open is given up after its time of silence."""
    hangs = Answer(lines=[line] * 400, pause_s=0.02)
    with ModelServer(hangs, hangs, hangs) as server, pytest.raises(EndpointAway, match="signs of life"):
        await reply(server, patience=SHORT)
    assert len(server.requests) == SHORT.attempts


async def test_probe_of_a_server_that_only_shows_signs_of_life_ends() -> None:
    """Nobody else limits it, in `patchwright doctor`."""

    def hang(_: Mapping[str, Any]) -> Answer:
        return Answer(lines=[": keep-alive"] * 400, pause_s=0.02)

    with ModelServer(probe=hang) as server:
        transport = Transport(server.url, "", SHORT)
        with pytest.raises(EndpointAway, match="signs of life"):
            await probe(transport, MODEL, time.monotonic)
        await transport.close()


async def test_slow_answer_is_not_taken_for_a_silent_one() -> None:
    """Pieces that come one by one take longer altogether than the silence that is allowed."""
    slower = replace(SHORT, silence_s=2.0)
    with ModelServer(replace(said("abcdefghijkl", size=1), pause_s=0.2)) as server:
        assert (await reply(server, patience=slower)).text == "abcdefghijkl"


async def test_calls_without_end_are_left_and_none_of_them_made() -> None:
    """Each with another index and no arguments: nothing of it repeats, and nothing of it grows."""
    rows = [
        {"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "run_tests", "arguments": ""}}]}
        for n in range(3000)
    ]
    with ModelServer(Answer(rows, pause_s=0.0001), said(thinking="Once.", calls=RUN_ALL)) as server:
        model = VllmModel(Transport(server.url, "", IN_FULL), MODEL, Memory(None))
        first, second = await model.reply(ASK), await model.reply(ASK)
        await model.close()
        assert server.gone.wait(60)
    assert (first.calls, first.finish) == ((), "repetition")
    assert made(second) == RUN_ALL


def test_cache_that_is_below_a_file_remembers_nothing(tmp_path: Path) -> None:
    """It only costs another probing."""
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "cache")
    memory.keep("u", "m", Traits())
    assert memory.recall("u", "m") is None
