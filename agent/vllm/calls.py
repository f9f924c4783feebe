"""Reading tool calls out of whatever a model wrote: native fields, hermes blocks, action blocks, JSON answers.

A call that cannot be read is still a call, with its problem: the loop tells the model what was wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.model import ToolCall, ToolSpec
from tools.values import spelled

MAX_CALLS = 8
MAX_RAW = 100_000
MAX_TEXT = 400_000
MAX_UNCLOSED = 100
MAX_DEPTH = 12
_BARE_CALL = re.compile(r'\{\s*"name"\s*:')
_ACTION = re.compile(r"<action\s+name=[\"']?(?P<name>[\w.-]{1,64})[\"']?\s*>")
_FUNCTION = re.compile(r"<function=(?P<name>[\w.-]{1,64})>")
_ARGUMENT = re.compile(r"<(?P<name>[A-Za-z_]\w{0,40})>")
_PARAMETER = re.compile(r"<parameter=(?P<name>\w{1,40})>")
_NAME = re.compile(r'"name"\s*:\s*"(?P<name>[\w.-]{1,64})"')
_WRAPPERS = re.compile(r"</?tool_calls?>|```(?:json|xml)?\s*$")


def native(rows: Sequence[Mapping[str, str]]) -> tuple[ToolCall, ...]:
    """Calls from a server's own field: rows of id, name and arguments (JSON text)."""
    return tuple(
        _read(row.get("id") or f"call-{number}", row.get("name", ""), row.get("arguments", ""))
        for number, row in enumerate(rows[:MAX_CALLS], 1)
    )


def written(text: str, tools: Sequence[ToolSpec]) -> tuple[tuple[ToolCall, ...], str]:
    """Calls written out as text, and the text around them."""
    text = text[:MAX_TEXT]
    found = sorted(_written(text, tools), key=lambda entry: entry[0])[:MAX_CALLS]
    rest, position = [], 0
    for start, end, _ in found:
        rest.append(text[position:start])
        position = max(position, end)
    left = _WRAPPERS.sub("", "".join([*rest, text[position:]])) if found else text
    calls = tuple(call.model_copy(update={"id": f"call-{n}"}) for n, (_, _, call) in enumerate(found, 1))
    return calls, left.strip()


def trailing(thinking: str, tools: Sequence[ToolSpec]) -> tuple[ToolCall, ...]:
    """Calls at the very end of thinking that nothing followed: those were meant. Earlier ones were only considered."""
    text = thinking[-MAX_TEXT:].rstrip()
    names = {tool.name for tool in tools}
    calls: list[ToolCall] = []
    end = len(text)
    for start, stop, call in sorted(_written(text, tools), key=lambda entry: -entry[0]):
        if text[stop:end].strip() or call.problem or call.name not in names:
            break
        calls.insert(0, call)
        end = start
    return tuple(call.model_copy(update={"id": f"call-{n}"}) for n, call in enumerate(calls[:MAX_CALLS], 1))


def answered(text: str) -> tuple[tuple[ToolCall, ...], str] | None:
    """Call or text of a grammar-constrained reply: {"tool", "arguments"} or {"answer"}; None when it is neither."""
    value = _object(text)
    if value is None:
        return None
    if isinstance(value.get("tool"), str):
        return (_made("call-1", value["tool"], value.get("arguments", {}), text),), ""
    return ((), value["answer"]) if isinstance(value.get("answer"), str) else None


def _written(text: str, tools: Sequence[ToolSpec]) -> Iterator[tuple[int, int, ToolCall]]:
    shapes = {tool.name: tool.parameters for tool in tools}
    for start, end, body in _hermes_blocks(text):
        yield start, end, _hermes(body)
    for opening, close, inner, ends in ((_ACTION, "</action>", _ARGUMENT, "</{}>"),
                                       (_FUNCTION, "</function>", _PARAMETER, "</parameter>")):  # fmt: skip
        for start, stop, name, body in _blocks(text, opening, close):
            arguments = _arguments(body, inner, ends, shapes.get(name, {}))
            yield start, stop, ToolCall(id="", name=name, arguments=arguments)


def _hermes_blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and body of each call between tool_call tags; the opening or the very last closing one may be lost."""
    opening, closing, position = "<tool_call>", "</tool_call>", 0
    while (end := text.find(closing, position)) >= 0:
        start = text.rfind(opening, position, end)
        body = start + len(opening)
        if start < 0 and (bare := _BARE_CALL.search(text, position, end)):
            start = body = bare.start()
        if start >= 0:
            yield start, end + len(closing), text[body:end]
        position = end + len(closing)
    start = text.find(opening, position)
    if start >= 0 and (body_text := text[start + len(opening) :]).lstrip().startswith("{"):
        yield start, len(text), body_text


def _blocks(text: str, opening: re.Pattern[str], closing: str) -> Iterator[tuple[int, int, str, str]]:
    """Start, end, name and body of blocks. closing: with {} for the name where it is part of the end."""
    position = unclosed = 0
    while unclosed < MAX_UNCLOSED and (match := opening.search(text, position)) is not None:
        position, close = match.end(), closing.format(match["name"])
        end = text.find(close, position)
        if end < 0:
            unclosed += 1
            continue
        body = text[position:end]
        position = end + len(close)
        yield match.start(), position, match["name"], body


def _hermes(body: str) -> ToolCall:
    value = _object(body)
    if value is not None and isinstance(value.get("name"), str):
        return _made("", value["name"], value.get("arguments", value.get("parameters", {})), body)
    name = _NAME.search(body)
    return ToolCall(id="", name=name["name"] if name else "", problem="it is not valid JSON", raw=body[:MAX_RAW])


def _read(call: str, name: str, arguments: str) -> ToolCall:
    return _made(call, name, arguments if arguments.strip() else {}, arguments)


def _made(call: str, name: str, arguments: Any, raw: str) -> ToolCall:
    value = _object(arguments) if isinstance(arguments, str) else arguments
    if isinstance(value, dict) and _shallow(value, MAX_DEPTH):
        return ToolCall(id=call, name=name, arguments=spelled(value))
    return ToolCall(
        id=call, name=name, problem="its arguments are not a JSON object of plain values", raw=raw[:MAX_RAW]
    )


def _shallow(value: Any, depth: int) -> bool:
    """Whether a value is nested no deeper than that: more could be neither kept nor sent."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_shallow(item, depth - 1) for item in inner)


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that a text begins with; line breaks within strings, which models write, are let through."""
    body = text.strip()
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return None
    rest = body[end:].strip(" \n\t\r`}")
    return value if isinstance(value, dict) and not rest else None


def _arguments(body: str, opening: re.Pattern[str], closing: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    shapes = schema.get("properties", {})
    return {name: _typed(_bare(value), shapes.get(name, {})) for _, _, name, value in _blocks(body, opening, closing)}


def _bare(value: str) -> str:
    """A value without the line break after its opening and before its closing tag."""
    return value.removeprefix("\r").removeprefix("\n").removesuffix("\n").removesuffix("\r")


def _typed(value: str, shape: Mapping[str, Any]) -> Any:
    kind = shape.get("type")
    if kind == "integer" and re.fullmatch(r"\s*-?\d{1,12}\s*", value):
        return int(value)
    if kind == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if kind == "array":
        return [line.strip() for line in value.splitlines() if line.strip()]
    return value
