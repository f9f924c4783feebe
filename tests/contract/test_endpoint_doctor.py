"""What the doctor finds on good and bad endpoints, each with the flag that mends it; and how vLLM is to be started."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.vllm.examine import Finding, examine
from agent.vllm.serving import Machine, TooSmall, serve_command, small_command
from agent.vllm.traits import Memory, Traits
from agent.vllm.transport import Patience, Transport
from tests.fakes.model_server import MODEL, Answer, ModelServer, call, refused, said

LONG = " ".join(f"word{number}" for number in range(60))
JSON = said('{"verdict": "bug"}', thinking="Hm.")


async def found(server: ModelServer, memory: Memory | None = None) -> dict[str, Finding]:
    transport = Transport(server.url, "", Patience(attempts=1, connect_s=60, silence_s=60))
    try:
        findings = await examine(transport, MODEL, memory or Memory(None), time.monotonic)
    finally:
        await transport.close()
    return {finding.name: finding for finding in findings}


def capped(request: Mapping[str, Any]) -> Answer:
    """A server that keeps the thinking budget."""
    assert request["thinking_token_budget"] == 24
    return said("391", thinking=LONG[:150])


async def test_good_endpoint_has_nothing_to_mend(tmp_path: Path) -> None:
    """Everything is well, and what was learnt is remembered."""
    memory = Memory(tmp_path)
    with ModelServer(said("391", thinking=LONG), capped, JSON) as server:
        findings = await found(server, memory)
        assert memory.recall(server.url, MODEL) == Traits(window=32_768)
    assert list(findings) == ["model", "window", "tools", "strict", "thinking", "cap", "prefix", "speed", "json"]
    assert all(finding.well and not finding.remedy for finding in findings.values())
    assert "vLLM 0.32.0" in findings["model"].detail


def no_parser(request: Mapping[str, Any]) -> Answer:
    if "tools" in request or "response_format" in request:
        return refused(400, "tool choice requires --enable-auto-tool-choice")
    return said('<action name="echo"><word>ready</word></action>', thinking="Hm.", where="unopened")


async def test_bare_endpoint_is_told_every_flag() -> None:
    """Started without parsers, caching and grammar."""
    plain = replace(said("391", thinking=LONG, where="unopened"), usage=(300, 90, 0))
    with ModelServer(plain, plain, said(" \n\t "), probe=no_parser, window=8192) as server:
        findings = await found(server)
    remedies = {name: finding.remedy for name, finding in findings.items() if not finding.well}
    assert remedies["tools"] == "--enable-auto-tool-choice --tool-call-parser hermes"
    assert remedies["thinking"] == "--reasoning-parser deepseek_r1"
    assert remedies["prefix"] == "--enable-prefix-caching --enable-prompt-tokens-details"
    assert remedies["window"] == "--max-model-len 32768"
    assert "disable_any_whitespace" in remedies["json"]


async def test_cap_that_the_server_ignores_is_told() -> None:
    """The adapter cuts the thinking itself then."""
    with ModelServer(said("391", thinking=LONG), said("391", thinking=LONG), JSON) as server:
        findings = await found(server)
    assert (findings["cap"].well, "it is cut from here" in findings["cap"].detail) == (False, True)


@pytest.mark.parametrize("models", [(), ("other",)])
async def test_endpoint_that_cannot_be_used_is_one_finding(models: tuple[str, ...]) -> None:
    """Nobody there, or not that model."""
    server = ModelServer(models=models or (MODEL,))
    with server:
        findings = await found(server) if models else {}
    findings = findings or await found(server)
    assert list(findings) == ["model"]
    remedy = "PATCHWRIGHT_MODEL_NAME" if models else "model serve"
    assert (findings["model"].well, remedy in findings["model"].remedy) == (False, True)


async def test_wrong_key_is_told_as_such() -> None:
    """With the variables that hold it."""
    with ModelServer(key="sesame") as server:
        findings = await found(server)
    assert list(findings) == ["model"]
    assert "PATCHWRIGHT_MODEL_KEY" in findings["model"].remedy


def steady(request: Mapping[str, Any]) -> Answer:
    """A server that lets the model write what it was asked for, though the schema does not allow it."""
    return call("echo", "They want echo.", word="steady" if "steady" in str(request["messages"]) else "ready")


async def test_server_that_does_not_hold_arguments_to_their_schema_is_told_the_flag() -> None:
    """What vLLM does without it."""
    with ModelServer(said("391", thinking=LONG), capped, JSON, probe=steady) as server:
        findings = await found(server)
    assert (findings["strict"].well, findings["strict"].remedy) == (False, "--tool-strict-level parameter")


@pytest.mark.parametrize(
    ("machine", "context", "has", "lacks"),
    [
        (Machine(1, 80), None, ["serve Qwen/QwQ-32B ", "--max-model-len 26624"], ["--tensor-parallel-size"]),
        (Machine(1, 24), None, ["serve Qwen/QwQ-32B-AWQ ", "--max-model-len 9216"], ["--tensor-parallel-size"]),
        (Machine(2, 80), None, ["serve Qwen/QwQ-32B ", "--tensor-parallel-size 2", "--max-model-len 32768"], ["yarn"]),
        (
            Machine(4, 80),
            100_000,
            ["yarn", "--max-model-len 100000", "--tensor-parallel-size 4", '"max_position_embeddings": 131072'],
            [],
        ),
        (Machine(1, 141), None, ["serve Qwen/QwQ-32B ", "--max-model-len 32768"], ["--tensor-parallel-size"]),
    ],
)
def test_serve_command_suits_the_machine(
    machine: Machine, context: int | None, has: list[str], lacks: list[str]
) -> None:
    """Weights and cache fit; the parsers, caching and grammar that the adapter likes are on."""
    text = " ".join(serve_command(machine, context=context))
    for part in [*has, "--reasoning-parser deepseek_r1", "--tool-call-parser hermes", "--enable-prefix-caching"]:
        assert part in text
    assert not [part for part in lacks if part in text]


def test_card_that_is_too_small_is_told_what_fits() -> None:
    """A laptop gets a small model."""
    with pytest.raises(TooSmall, match="--small"):
        serve_command(Machine(1, 8))
    assert "Qwen/Qwen3-1.7B" in small_command()
