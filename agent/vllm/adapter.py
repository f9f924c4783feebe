"""The adapter: one ask becomes one reply, whatever the model and its server do wrong on the way.

Mended here, each with a note in the reply: thinking that would not end (its cap, its loops, its missing end) is ended
and the answer forced after it; calls written at the end of the thinking are salvaged; calls in text are read; a
repeating answer is asked for once more; a server that refuses extra fields, tools or begun answers is asked without.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agent.model import Ask, ContextOverflow, Finish, ModelError, ModelSlow, Reply, RequestRefused, ToolCall, Usage
from agent.vllm import calls, wire
from agent.vllm.probing import probe
from agent.vllm.repetition import once
from agent.vllm.stream import Raw, Reading
from agent.vllm.thinking import split
from agent.vllm.traits import Memory, Traits
from agent.vllm.transport import Transport

SPARE = 64
LEAST_ANSWER = 256
_WINDOW = re.compile(r"(?:maximum context length|context size|context length|max_model_len)\D{1,40}?(\d{3,9})")
_INPUT = re.compile(r"(\d{1,9}) input tokens|(\d{1,9}) in the messages|\bprompt (?:contains|has) (\d{1,9})\b")


@dataclass(frozen=True)
class Sent:
    """One finished request: what it said and what came."""

    body: dict[str, Any]
    raw: Raw


@dataclass(frozen=True)
class Got:
    """What one raw answer means."""

    thinking: str
    text: str
    calls: tuple[ToolCall, ...]
    finish: Finish
    note: str = ""

    @property
    def empty(self) -> bool:
        return not self.text and not self.calls


class VllmModel:
    """The Model protocol over one endpoint. Traits are recalled or probed before the first reply."""

    def __init__(
        self, transport: Transport, name: str, memory: Memory, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._name = name
        self._memory = memory
        self._now = now
        self._traits: Traits | None = None
        self._failed: ModelError | None = None
        self._counts = True
        self._probing = asyncio.Lock()

    @property
    def window(self) -> int:
        """See the protocol; before the first reply, a guess."""
        return (self._traits or Traits()).window

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def traits(self) -> Traits:
        """What is known of the endpoint. Raises ModelError when it cannot be asked: found out once for all branches."""
        async with self._probing:
            if self._failed:
                raise self._failed
            if self._traits is None:
                known = self._memory.recall(self._transport.url, self._name)
                self._learn(known or await self._probe())
        return self._traits or Traits()

    async def _probe(self) -> Traits:
        try:
            return await probe(self._transport, self._name, self._now)
        except ModelError as error:
            self._failed = error
            raise

    def _learn(self, traits: Traits) -> None:
        self._traits = traits
        self._memory.keep(self._transport.url, self._name, traits)

    async def reply(self, ask: Ask) -> Reply:
        """See the protocol."""
        began = self._now()
        try:
            async with asyncio.timeout(ask.wall_s):
                await self.traits()
                made = await self._reply(ask)
        except TimeoutError as error:
            raise ModelSlow(f"no complete reply within {ask.wall_s:.0f} s") from error
        return made.model_copy(update={"seconds": round(self._now() - began, 3)})

    async def _reply(self, ask: Ask) -> Reply:
        sent = await self._first(ask, 0.0)
        got = self._meaning(ask, sent.raw)
        usage, notes, context = _usage(sent), [got.note], max(0, sent.raw.prompt)
        if got.finish == "repetition" and not got.empty:
            notes.append("the answer went in circles and was asked for again")
            sent = await self._first(ask, wire.LOOPING_PENALTY)
            got = self._meaning(ask, sent.raw)
            usage = usage.plus(_usage(sent))
        if got.empty and got.thinking:
            notes.append(_why_forced(sent.raw))
            sent = await self._forced(ask, sent, got.thinking)
            last = self._meaning(ask, sent.raw, forced=True)
            got, usage = replace(last, thinking=got.thinking), usage.plus(_usage(sent))
        return Reply(
            thinking=got.thinking, text=got.text, calls=tuple(map(wire.meant, got.calls)),
            finish=got.finish, usage=usage, context=context,
            notes=tuple(note for note in notes if note), first_s=round(sent.raw.first_s, 3),
        )  # fmt: skip

    async def _first(self, ask: Ask, penalty: float) -> Sent:
        """The request in the style that works here; what the server refuses is left out from now on."""
        traits = self._traits or Traits()
        made = wire.body(ask, self._name, traits, max_tokens=ask.thinking + ask.answer, penalty=penalty)
        try:
            return await self._fitting(made, ask.thinking)
        except RequestRefused as error:
            less = _without(traits, ask, str(error))
            if less is None:
                raise
        made = wire.body(ask, self._name, less, max_tokens=ask.thinking + ask.answer, penalty=penalty)
        self._traits = less
        sent = await self._fitting(made, ask.thinking)
        self._learn(less)
        return sent

    async def _forced(self, ask: Ask, sent: Sent, thinking: str) -> Sent:
        """Ask for the answer after thinking that was ended here."""
        made = {**sent.body, "max_tokens": ask.answer}
        while (traits := self._traits or Traits()).prefill != "none":
            try:
                return await self._fitting(wire.begun(made, thinking, traits.prefill), ask.answer)
            except RequestRefused:
                opens = traits.prefill == "closed" and traits.extras and traits.budget
                self._learn(traits.model_copy(update={"prefill": "open" if opens else "none"}))
        brief = {**wire.urged(made, thinking), "max_tokens": ask.answer + LEAST_ANSWER}
        if "thinking_token_budget" in brief:
            brief["thinking_token_budget"] = LEAST_ANSWER
        return await self._fitting(brief, LEAST_ANSWER)

    async def _fitting(self, made: dict[str, Any], cap: int) -> Sent:
        """Send it with no more tokens asked for than the window leaves; once more when the server knows better."""
        made = {**made, "max_tokens": await self._most(made)}
        try:
            return await self._send(made, cap)
        except ContextOverflow as error:
            size, room = _window(str(error)), _room(str(error))
            if 0 < size < self.window:  # served anew with a smaller window than is remembered
                self._learn((self._traits or Traits()).model_copy(update={"window": size}))
                room = room or await self._most(made)
            if not LEAST_ANSWER <= room < made["max_tokens"]:
                raise
        return await self._send({**made, "max_tokens": room}, cap)

    async def _most(self, made: dict[str, Any]) -> int:
        """Tokens to ask for: what is wanted, or what the window leaves; where that is close the server counts."""
        wanted: int = made["max_tokens"]
        room = self.window - wire.estimate(made) - SPARE
        if room < wanted and self._counts:
            try:
                found = await self._transport.post("//tokenize", wire.counted(made))
                room = self.window - int(found["count"]) - SPARE
            except (ModelError, KeyError, TypeError, ValueError, OverflowError):
                self._counts = False
        return max(LEAST_ANSWER, min(wanted, room))

    async def _send(self, made: dict[str, Any], cap: int) -> Sent:
        inline = (self._traits or Traits()).inline and not made.get("continue_final_message")
        leeway = cap + cap // 10 + SPARE

        def reading() -> Reading:
            return Reading(leeway, self._now, inline)

        return Sent(made, await self._transport.chat(made, reading))

    def _meaning(self, ask: Ask, raw: Raw, *, forced: bool = False) -> Got:
        traits = self._traits or Traits()
        cut = raw.finish == "length" or bool(raw.stopped)
        thinking, text = split(raw.reasoning, raw.content, inline=traits.inline and not forced, cut=cut)
        if forced and not text and not raw.calls:
            thinking, text = "", thinking  # the server did not see that the thinking had been closed
        found, note = calls.native([raw.calls[index] for index in sorted(raw.calls)]), ""
        if not found and ask.tools:
            found, text = self._written(text, ask)
        if cut:
            finish: Finish = "length" if raw.finish == "length" else "repetition"
            thinking, text = once(thinking), once(text, 800)
            return Got(thinking, text, (), finish, "a half-written call was dropped" if found else "")
        if not found and not text and ask.tools:
            found = calls.trailing(thinking, ask.tools)
            note = "a call was salvaged from the thinking" if found else ""
        return Got(thinking, text, found, "calls" if found else "stop", note)

    def _written(self, text: str, ask: Ask) -> tuple[tuple[ToolCall, ...], str]:
        if self._traits and self._traits.style == "json" and (answer := calls.answered(text)) is not None:
            return answer
        return calls.written(text, ask.tools)


def _why_forced(raw: Raw) -> str:
    if raw.stopped == "thinking" or raw.finish == "length":
        return "the thinking reached its cap and was ended"
    if raw.stopped == "repetition" or raw.finish == "repetition":
        return "the thinking went in circles and was ended"
    return "the thinking was never ended by the model"


def _usage(sent: Sent) -> Usage:
    raw = sent.raw
    size = len(raw.reasoning) + len(raw.content) + sum(len(call["arguments"]) for call in raw.calls.values())
    told = raw.prompt >= 0 and raw.completion >= 0
    return Usage(
        prompt=raw.prompt if raw.prompt >= 0 else wire.estimate(sent.body),
        completion=raw.completion if raw.completion >= 0 else max(raw.pieces, size // 5),
        cached=raw.cached, estimated=not told,
    )  # fmt: skip


def _without(traits: Traits, ask: Ask, said: str) -> Traits | None:
    """Traits without what a refusal names, or else without extra fields; None: there is nothing to leave out."""
    if traits.extras and traits.budget and "thinking_token_budget" in said:
        return traits.model_copy(update={"budget": False})
    if ask.tools and traits.style == "native" and re.search(r"tool", said, re.IGNORECASE):
        return traits.model_copy(update={"style": "text"})
    if ask.tools and traits.style == "json" and re.search(r"response_format|grammar|schema", said, re.IGNORECASE):
        return traits.model_copy(update={"style": "text"})
    return traits.model_copy(update={"extras": False}) if traits.extras else None


def _window(said: str) -> int:
    """The window that a server's message tells; else 0."""
    found = _WINDOW.search(said)
    return int(found[1]) if found else 0


def _room(said: str) -> int:
    """Tokens left for the reply, when the server's message tells its window and the prompt's length; else 0."""
    prompt = _INPUT.search(said)
    if prompt is None:
        return 0
    return max(0, _window(said) - next(int(group) for group in prompt.groups() if group) - 16)
