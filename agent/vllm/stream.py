"""One streamed answer put together: server-sent events become thinking, content, calls, usage and an end.

Watches while it reads: a stream that repeats itself or thinks beyond its cap is left where it stands.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from agent.vllm.repetition import Repetition
from tools.values import spelled

MAX_CHARACTERS = 2_000_000
MAX_CALLS = 64
Stop = Literal["", "repetition", "thinking", "flood"]
_THOUGHTS = ("reasoning", "reasoning_content")


class StreamBroken(Exception):
    """The stream ended without an end, or holds what is no event of a chat; the message says which."""


class ServerSaid(Exception):
    """An error event within a stream that had begun with status 200. code: the status that it stands for."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Raw:
    """What came. calls: rows of id, name, arguments by their index; stopped: why reading was ended here;
    thoughts: pieces of thinking (about one token each); pieces: all of them; prompt, completion and cached as the
    server counted, -1 when it did not tell.
    """

    reasoning: str = ""
    content: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    finish: str = ""
    stopped: Stop = ""
    thoughts: int = 0
    pieces: int = 0
    prompt: int = -1
    completion: int = -1
    cached: int = 0
    first_s: float = 0.0
    ended: bool = False


@dataclass
class Reading:
    """Reads one stream. cap: most tokens of thinking; inline: thinking comes in the content until it is closed."""

    cap: int
    now: Callable[[], float]
    inline: bool = False
    raw: Raw = field(default_factory=Raw)

    def __post_init__(self) -> None:
        self._began = self._heard = self.now()
        self._loops = {"thought": Repetition(), "content": Repetition(800), "call": Repetition(2400)}

    async def read(self, lines: AsyncIterator[str], silence_s: float = math.inf) -> Raw:
        """Read to the end, or to where it is not worth going on. silence_s: longest time without a piece, whatever
        else comes (a proxy's comments, empty events). Raises StreamBroken, ServerSaid.
        """
        async for line in lines:
            if self.now() - self._heard > silence_s:
                raise StreamBroken(f"there are signs of life, but no piece of it for {silence_s:g} s")
            if not line.startswith("data:"):
                continue
            data = line[5:].strip()
            if data == "[DONE]":
                self.raw.ended = True
                break
            self._take(_event(data))
            if self.raw.stopped:
                return self.raw
        if not self.raw.ended and not self.raw.finish:
            raise StreamBroken(f"the stream ended after {self.raw.pieces} pieces without saying why")
        return self.raw

    def _take(self, event: dict[str, Any]) -> None:
        if error := event.get("error"):
            code = error.get("code") if isinstance(error, dict) else None
            raise ServerSaid(_message(error), _number(code, 500))
        usage = event.get("usage")
        if isinstance(usage, dict):
            self._count(usage)
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._delta(delta)
        if isinstance(choice.get("finish_reason"), str):
            self.raw.finish = choice["finish_reason"]

    def _count(self, usage: dict[str, Any]) -> None:
        details = usage.get("prompt_tokens_details")
        self.raw.prompt = _number(usage.get("prompt_tokens"), self.raw.prompt)
        self.raw.completion = _number(usage.get("completion_tokens"), self.raw.completion)
        if isinstance(details, dict):
            self.raw.cached = _number(details.get("cached_tokens"), 0)

    def _delta(self, delta: dict[str, Any]) -> None:
        thought = next((delta[name] for name in _THOUGHTS if isinstance(delta.get(name), str) and delta[name]), "")
        content = delta["content"] if isinstance(delta.get("content"), str) else ""
        calls = delta["tool_calls"] if isinstance(delta.get("tool_calls"), list) else []
        if not (thought or content or calls):
            return
        self._heard = self.now()
        self.raw.first_s = self.raw.first_s or self._heard - self._began
        self.raw.pieces += 1
        self.raw.reasoning += thought
        self.raw.content += content
        arguments = "".join(self._call(row, place) for place, row in enumerate(calls) if isinstance(row, dict))
        self._watch(thought, content, arguments)

    def _call(self, row: dict[str, Any], place: int) -> str:
        """Add a piece of a call; returns its piece of the arguments."""
        function = row.get("function") if isinstance(row.get("function"), dict) else {}
        entry = self.raw.calls.setdefault(_number(row.get("index"), place), {"id": "", "name": "", "arguments": ""})
        entry["id"] = entry["id"] or str(row.get("id") or "")[:200]
        entry["name"] = entry["name"] or str((function or {}).get("name") or "")[:200]
        arguments = (function or {}).get("arguments")
        piece = json.dumps(arguments) if isinstance(arguments, dict) else str(arguments or "")
        entry["arguments"] += piece
        return piece

    def _watch(self, thought: str, content: str, arguments: str) -> None:
        thinks = bool(thought) or (self.inline and bool(content) and "</think>" not in self.raw.content)
        self.raw.thoughts += thinks
        size = len(self.raw.reasoning) + len(self.raw.content)
        loops = (
            (thought and self._loops["thought"].add(thought))
            or (content and self._loops["content"].add(content))
            or (arguments and self._loops["call"].add(arguments))
        )
        if loops:
            self.raw.stopped = "repetition"
        elif thinks and max(self.raw.thoughts, size // 6) > self.cap:
            self.raw.stopped = "thinking"
        elif (
            len(self.raw.calls) > MAX_CALLS
            or size + sum(len(call["arguments"]) for call in self.raw.calls.values()) > MAX_CHARACTERS
        ):
            self.raw.stopped = "flood"


def _event(data: str) -> dict[str, Any]:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StreamBroken(f"an event that is no JSON: {data[:80]!r}") from error
    if not isinstance(event, dict):
        raise StreamBroken(f"an event that is no object: {data[:80]!r}")
    if "\\ud" not in data.lower():
        return event
    try:
        spelled_out: dict[str, Any] = spelled(event)  # half a character could be neither kept nor sent
    except RecursionError as error:
        raise StreamBroken("an event that is nested too deeply") from error
    return spelled_out


def _message(error: object) -> str:
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text)[:500]


def _number(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else default
