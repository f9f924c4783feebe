"""What `patchwright doctor` asks of an endpoint, and the vLLM flag that mends each thing that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from agent.model import Ask, KeyRefused, Message, ModelError, ModelUnknown, RequestRefused
from agent.vllm import wire
from agent.vllm.probing import ASK, TOOL, WORD, probe, read, window
from agent.vllm.stream import Raw, Reading
from agent.vllm.thinking import CLOSE
from agent.vllm.traits import Memory, Traits
from agent.vllm.transport import Transport
from tools.values import Value

ENOUGH = 16_384
CAP, SMALL_CAP, LEEWAY = 400, 24, 16
SCHEMA = {
    "type": "object", "properties": {"verdict": {"type": "string", "enum": ["bug", "not_bug"]}},
    "required": ["verdict"], "additionalProperties": False,
}  # fmt: skip
# Long enough for two of the largest blocks that a prefix cache counts.
_PREFIX = "\n".join(f"Rule {number}: think briefly, then answer in one short sentence." for number in range(1, 31))
SUM = Ask(messages=(Message(role="system", text=_PREFIX), Message(role="user", text="How much is 17 times 23?")))
# Asks for a word that the schema does not allow.
OTHER = ASK.model_copy(update={
    "messages": (Message(role="user", text="Use the tool echo with the word 'steady', at once, without explaining."),),
    "tools": (TOOL.model_copy(update={"parameters": {
        "type": "object", "properties": {"word": {"type": "string", "enum": [WORD]}}, "required": ["word"],
    }}),),
})  # fmt: skip
VERDICT = Ask(messages=(Message(role="user", text="Is `1 + 1 == 3` a bug? Answer as JSON."),), thinking=CAP)


class Finding(Value):
    """One thing that was looked at. remedy: the flag or step that mends it, "" when there is nothing to mend."""

    name: str
    well: bool
    detail: str
    remedy: str = ""


async def examine(transport: Transport, model: str, memory: Memory, now: Callable[[], float]) -> tuple[Finding, ...]:
    """Look at an endpoint with about six short requests; what is learnt is remembered for the next run."""
    try:
        size = await window(transport, model)
        traits = await probe(transport, model, now)
    except ModelError as error:
        return (_unusable(error),)
    memory.keep(transport.url, model, traits)
    asking = Asking(transport, model, traits, now)
    found = [Finding(name="model", well=True, detail=f"{model} at {transport.url}, {await _server(transport)}")]
    found += [_size(size), _tools(traits)]
    try:
        found += [*await asking.arguments(), *await asking.thinking(), await asking.structured()]
    except ModelError as error:
        found.append(Finding(name="model", well=False, detail=f"{type(error).__name__}: {error}"))
    return tuple(found)


def _unusable(error: ModelError) -> Finding:
    remedy = _REMEDY_AWAY
    if isinstance(error, KeyRefused):
        remedy = "PATCHWRIGHT_MODEL_KEY or PATCHWRIGHT_MODEL_KEY_FILE (what vLLM was started with as --api-key)"
    elif isinstance(error, ModelUnknown):
        remedy = "PATCHWRIGHT_MODEL_NAME, or start vLLM with --served-model-name"
    return Finding(name="model", well=False, detail=f"{type(error).__name__}: {error}", remedy=remedy)


_REMEDY_AWAY = "PATCHWRIGHT_MODEL_URL; `patchwright model serve` prints how to start vLLM"


class Asking:
    """The requests of an examination."""

    def __init__(self, transport: Transport, model: str, traits: Traits, now: Callable[[], float]) -> None:
        self._transport, self._model, self._traits, self._now = transport, model, traits, now

    async def arguments(self) -> tuple[Finding, ...]:
        """Whether arguments are held to their schema; nothing where no native call comes."""
        if self._traits.style != "native":
            return ()
        made = wire.body(OTHER, self._model, self._traits, max_tokens=OTHER.thinking + OTHER.answer)
        raw = await self._transport.chat(made, lambda: Reading(2 * OTHER.thinking, self._now))
        words = [call.arguments.get("word") for call in read(raw, self._traits)]
        if not words:
            return ()
        if words[0] == WORD:
            return (Finding(name="strict", well=True, detail="arguments of calls follow their schema"),)
        detail = "arguments of calls need not follow their schema; they are checked here"
        return (Finding(name="strict", well=False, detail=detail, remedy="--tool-strict-level parameter"),)

    async def thinking(self) -> tuple[Finding, ...]:
        """Where thinking comes; then the same prompt with a small cap: is it kept, is the prefix found again."""
        began = self._now()
        first = await self._ask(CAP)
        seconds = self._now() - began
        second = await self._ask(SMALL_CAP)
        return tuple(_thinking(first, second, self._traits, seconds))

    async def _ask(self, cap: int) -> Raw:
        ask = SUM.model_copy(update={"thinking": cap})
        made = wire.body(ask, self._model, self._traits, max_tokens=CAP + 200)
        return await self._transport.chat(made, lambda: Reading(2 * CAP, self._now))

    async def structured(self) -> Finding:
        """A grammar-constrained answer."""
        made = wire.body(VERDICT, self._model, self._traits, max_tokens=CAP + 200)
        made["response_format"] = {"type": "json_schema", "json_schema": {"name": "verdict", "schema": SCHEMA}}
        try:
            raw = await self._transport.chat(made, lambda: Reading(2 * CAP, self._now))
        except RequestRefused as error:
            return Finding(name="json", well=False, detail=f"refused: {error}", remedy="a newer vLLM")
        text = raw.content.rpartition(CLOSE)[2].strip()
        if _fits(text):
            return Finding(name="json", well=True, detail="answers follow a grammar")
        detail = "only white space came" if raw.content and not text else f"no JSON of the schema came: {text[:80]!r}"
        return Finding(name="json", well=False, detail=detail, remedy=_GRAMMAR)


_GRAMMAR = """--structured-outputs-config '{"backend":"xgrammar","disable_any_whitespace":true}'"""


def _thinking(first: Raw, second: Raw, traits: Traits, seconds: float) -> Iterator[Finding]:
    if first.reasoning:
        yield Finding(name="thinking", well=True, detail="comes in a field of its own")
    elif traits.inline or CLOSE in first.content:
        detail = "comes within the answer and is told apart here"
        yield Finding(name="thinking", well=False, detail=detail, remedy="--reasoning-parser deepseek_r1")
    else:
        yield Finding(name="thinking", well=False, detail="none came", remedy="a thinking model, such as Qwen/QwQ-32B")
    if first.thoughts > SMALL_CAP + LEEWAY:
        kept = second.thoughts <= SMALL_CAP + LEEWAY
        detail = "the server caps thinking" if kept else "the server does not cap thinking; it is cut from here"
        remedy = "" if kept else "a vLLM that knows thinking_token_budget, with --reasoning-parser deepseek_r1"
        yield Finding(name="cap", well=kept, detail=detail, remedy=remedy)
    if second.cached:
        yield Finding(name="prefix", well=True, detail=f"{second.cached} of {second.prompt} prompt tokens were cached")
    else:
        remedy = "--enable-prefix-caching --enable-prompt-tokens-details"
        yield Finding(name="prefix", well=False, detail="no cached prompt tokens are told", remedy=remedy)
    speed = max(first.completion, first.pieces) / max(0.001, seconds)
    yield Finding(name="speed", well=True, detail=f"{speed:.0f} tokens/s, first after {first.first_s:.2f} s")


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("verdict") in ("bug", "not_bug")


def _size(size: int) -> Finding:
    remedy = "" if size >= ENOUGH else "--max-model-len 32768"
    return Finding(name="window", well=size >= ENOUGH, detail=f"{size:,} tokens", remedy=remedy)


def _tools(traits: Traits) -> Finding:
    if traits.style == "native":
        return Finding(name="tools", well=True, detail="native calls come back whole")
    how = "JSON by a grammar" if traits.style == "json" else "action blocks in text"
    remedy = "--enable-auto-tool-choice --tool-call-parser hermes"
    return Finding(name="tools", well=False, detail=f"no native calls; {how} is used instead", remedy=remedy)


async def _server(transport: Transport) -> str:
    """What the server says it is; vLLM tells its version beside the API."""
    try:
        found = await transport.get("//version")
    except ModelError:
        return "a server that tells no version"
    return f"vLLM {found['version']}" if isinstance(found, dict) and "version" in found else "unknown server"
