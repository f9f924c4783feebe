"""Record raw replies of a real vLLM for the quick tests (tests/unit/test_vllm_recorded.py).

    python -m tests.record_vllm

Needs what deploy/test-vllm.sh installs. Ids and times of the server are left out, so that a new recording differs only
where the server does.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from agent.model import Ask
from agent.vllm import examine, wire
from agent.vllm.traits import Style, Traits
from tests.fakes import tiny_scripts as scripts
from tests.vllm_server import Served, our_flags, served

FILE = Path(__file__).parent / "unit" / "vllm_recorded.json"
KEY = "sesame"
_PASSING = re.compile(
    r'"(?:id":"chatcmpl-[0-9a-f]+"|object":"[^"]*"|created":\d+|model":"[^"]*"),|,"system_fingerprint":"[^"]*"'
)
FORM = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": examine.SCHEMA}}


def body(ask: Ask, style: Style = "native", **fields: Any) -> dict[str, Any]:
    """A request as the adapter makes it, but for `fields`."""
    return {**wire.body(ask, scripts.NAME, Traits(style=style), max_tokens=500), **fields}


def requests() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each by a name that says what is special about its answer."""
    yield "hello", body(scripts.HELLO)
    yield "one call", body(scripts.WHY)
    yield "two calls", body(scripts.BOTH)
    yield "call inside the thinking", body(scripts.INSIDE)
    yield "call only mentioned", body(scripts.MENTION)
    yield "required", body(scripts.WHY, tool_choice="required")
    yield "verdict by a grammar", body(examine.VERDICT, response_format=FORM)
    yield "call by a grammar", body(scripts.GRAMMAR, "json")
    yield "call in text", body(scripts.TEXT, "text")
    yield "never closed", body(scripts.UNCLOSED)
    yield "opened twice", body(scripts.TWICE)
    yield "cut inside the thinking", body(scripts.SLOWLY, max_tokens=12)
    yield "cut inside a call", body(scripts.WHY, max_tokens=31)
    yield "capped", body(scripts.SLOWLY, thinking_token_budget=6, max_tokens=20)
    yield "forced, closed", wire.begun(body(scripts.SLOWLY, max_tokens=20), "I look.", "closed")
    yield "forced, open", wire.begun(body(scripts.SLOWLY, max_tokens=20), "I look.", "open")
    yield "prompt too long", body(scripts.asked("x y z " * 4000))
    yield "reply too long", body(scripts.HELLO, max_tokens=100_000)
    yield "unknown model", body(scripts.HELLO, model="nope")


def recorded(server: Served) -> dict[str, dict[str, Any]]:
    """Status and body of each answer; a stream as its lines."""
    kept: dict[str, dict[str, Any]] = {}
    with httpx.Client(headers={"Authorization": f"Bearer {server.key}"}, timeout=120) as client:
        for name, request in requests():
            kept[name] = _kept(client.post(f"{server.url}/chat/completions", json=request))
        kept["models"] = _kept(client.get(f"{server.url}/models"))
        for model in kept["models"]["body"]["data"]:
            del model["root"]  # where that machine keeps it
        kept["tokens"] = _kept(
            client.post(server.url.removesuffix("v1") + "tokenize", json=wire.counted(body(scripts.WHY)))
        )
    kept["wrong key"] = _kept(httpx.get(f"{server.url}/models", timeout=120))
    return kept


def _kept(answer: httpx.Response) -> dict[str, Any]:
    if answer.headers["content-type"].startswith("text/event-stream"):
        return {
            "status": answer.status_code,
            "lines": [_PASSING.sub("", line) for line in answer.text.split("\n") if line],
        }
    return {"status": answer.status_code, "body": answer.json()}


if __name__ == "__main__":
    with served(our_flags(), KEY) as server:
        found = recorded(server)
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="ascii")
    sys.stdout.write(f"{len(found)} answers in {FILE}\n")
