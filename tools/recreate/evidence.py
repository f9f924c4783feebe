"""What a log says about one failure: the exception and its frames, requests, payloads and named values.

Lines are written by strangers. Nothing here is ever code: it leaves as plain values, which `ascii` writes as literals.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tools.recreate.values import Asked, Raised
from tools.testing.frames import crash_in
from tools.testing.paths import Paths

MAX_LINES, MAX_LINE, MAX_VALUE = 400, 16_000, 4_000
MOST_REQUESTS, MOST_VALUES = 6, 12
START = "Traceback (most recent call last):"
_INSTALLED = re.compile(r'(?<=["\s(])/(?:usr/src|opt)/')
_METHODS = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
_HTTP = re.compile(rf"\b(?P<method>{_METHODS}) (?P<target>/\S*) HTTP/\d")
_LINE = re.compile(rf"\b(?P<method>{_METHODS}) (?P<target>/[^\s\"]*)")
_FLASK = re.compile(rf" on (?P<target>/\S*) \[(?P<method>{_METHODS})\]")
_DJANGO = re.compile(r"Internal Server Error: (?P<target>/\S*)")
_PAIR = re.compile(r"""(?<![\w.])([A-Za-z_][\w.-]{0,60})=("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&)\]}"']+)""")
_LITERAL = re.compile(r"""'(?:[^'\\]|\\.){0,500}'|"(?:[^"\\]|\\.){0,500}"|(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])""")
_TARGET = ("target", "uri", "url", "request_uri", "path", "request_path", "endpoint", "route")
_METHOD = ("method", "http_method", "request_method", "verb")
_QUERY = ("query", "query_string", "querystring", "params", "args")
_BODY = ("body", "payload", "json", "data", "request_body", "message_body")


def raised_in(text: str, files: Sequence[str]) -> Raised | None:
    """The exception of the last Python traceback of a log, when a frame of it is in one of the repository's files."""
    _, found, trace = text.rpartition(START)
    if not found:
        return None
    trace = _INSTALLED.sub("/srv/", found + trace)
    crash = crash_in(trace, Paths(root="/nowhere", files=frozenset(files)))
    inside = [frame for frame in crash.frames if frame.inside and frame.line > 0] if crash else []
    if crash is None or not inside or not crash.kind:
        return None
    last = inside[-1]
    calls = tuple((frame.file, frame.line, frame.function) for frame in inside)
    return Raised(
        kind=crash.kind, message=crash.message[:MAX_VALUE], file=last.file, line=last.line, function=last.function,
        calls=calls,
    )  # fmt: skip


def lines_of(text: str) -> list[str]:
    """The lines of a log that are no traceback's, those nearest to its end first."""
    rows = [row[:MAX_LINE] for row in text.split("\n")[-MAX_LINES:]]
    return [
        row
        for row in reversed(rows)
        if row.strip() and not row.startswith((" ", "\t")) and not row.strip().startswith(START)
    ]


def requests_in(lines: Sequence[str]) -> tuple[Asked, ...]:
    """Requests that lines show, failed ones first, without a body after those with one."""
    found: dict[tuple[str, str, str], Asked] = {}
    for line in lines:
        asked = _asked(line)
        if asked and len(asked.target) <= MAX_VALUE:
            found.setdefault((asked.method, asked.target, asked.body), asked)
    payloads = [(text, line) for line in lines for text, value in payloads_in(line) if isinstance(value, dict | list)]
    whole = [*found.values()]
    for asked in found.values():
        if not asked.body and asked.method in ("POST", "PUT", "PATCH"):
            whole += [asked.model_copy(update={"body": text, "kind": "application/json"}) for text, _ in payloads[:3]]
    whole.sort(key=lambda each: (not re.search(r"\b5\d\d\b", each.quote), each.method == "POST" and not each.body))
    return tuple(whole[:MOST_REQUESTS])


def _asked(line: str) -> Asked | None:
    fields = {name.lower(): value for name, value in fields_in(line)}
    target = next((fields[name] for name in _TARGET if isinstance(fields.get(name), str)), "")
    method = next((fields[name] for name in _METHOD if isinstance(fields.get(name), str)), "")
    match = next(filter(None, (pattern.search(line) for pattern in (_FLASK, _DJANGO, _HTTP, _LINE))), None)
    if target.startswith("/") and (method or not match):
        query = next((fields[name] for name in _QUERY if isinstance(fields.get(name), str)), "")
        target += f"?{query}" if query and "?" not in target else ""
    elif match:
        target, method = match["target"], match.groupdict().get("method") or "GET"
    else:
        return None
    body = next((fields[name] for name in _BODY if name in fields), None)
    if body is None and match and not fields:
        body = next((text for text, _ in payloads_in(line[match.end() :])), None)
    text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
    known = str(method or ("POST" if text else "GET")).upper()
    if not re.fullmatch(_METHODS, known):
        return None
    kind = "application/json" if text[:1] in ("{", "[") else "application/x-www-form-urlencoded" if "=" in text else ""
    return Asked(method=known, target=target, body=text[:MAX_VALUE], kind=kind, quote=line.strip()[:500])


def payloads_in(line: str) -> Iterator[tuple[str, Any]]:
    """JSON objects and arrays of a line, with their text."""
    reader, at = json.JSONDecoder(parse_constant=_refuse), 0
    for _ in range(8):
        starts = [place for place in (line.find("{", at), line.find("[", at)) if place >= 0]
        if not starts:
            return
        at = min(starts)
        try:
            value, end = reader.raw_decode(line, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if value:
            yield line[at:end], value
        at = end


def _refuse(name: str) -> float:
    raise ValueError(name)


def fields_in(line: str) -> Iterator[tuple[str, Any]]:
    """Named values of a line: of its JSON, and name=value; what JSON texts in values hold too."""
    for _, value in payloads_in(line):
        yield from _flat(value, 0)
    for name, text in _PAIR.findall(re.sub(r"[\[{].*", "", line) if "{" in line else line):
        quoted = text[:1] in "'\""
        yield name, literal(text) if quoted else text


def _flat(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict) or depth > 4:
        return
    for name, item in value.items():
        yield str(name), item
        yield from _flat(item, depth + 1)


def literal(text: str) -> Any:
    """The value that a literal of Python or JSON writes; the text itself where it is none."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text.strip("'\"")


def message_values(raised: Raised) -> list[Any]:
    """Literals of the exception's message, the last first: `invalid literal for int() with base 10: 'x'` -> "x"."""
    found = [literal(text) for text in _LITERAL.findall(raised.message)]
    return distinct(reversed(found))[:MOST_VALUES]


def distinct(values: Any) -> list[Any]:
    """Values without repetitions, in order."""
    return list({ascii(value): value for value in values}.values())
