"""Calls of functions in the trace, with what the log states and what existing tests give them as arguments."""

from __future__ import annotations

import ast
import itertools
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.recreate.apps import parsed, required
from tools.recreate.evidence import distinct, fields_in, literal, message_values, payloads_in
from tools.recreate.modules import importable
from tools.recreate.values import Asked, Draft, Raised

MOST, MOST_EACH, MOST_CHOICES = 24, 10, 4
Function = ast.FunctionDef | ast.AsyncFunctionDef
Call = tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]
_QUERY = ("query", "params", "args", "qs")
_BODY = ("body", "payload", "data", "message", "event", "json", "request", "record", "item", "row")


@dataclass(frozen=True)
class Found:
    """What a log states, for arguments. named: by the names of fields; whole: payloads and values of the message."""

    named: Mapping[str, Sequence[Any]]
    whole: Sequence[Any]
    quotes: Mapping[str, str]


def stated(raised: Raised, lines: Sequence[str], requests: Sequence[Asked]) -> Found:
    """Values of the exception's message and of log lines, nearest first."""
    named: dict[str, list[Any]] = {}
    quotes: dict[str, str] = {}
    whole: list[Any] = message_values(raised)
    for line in lines:
        for name, value in fields_in(line):
            several = (value, literal(value)) if isinstance(value, str) else (value,)
            named.setdefault(name, []).extend(several)
            quotes.update((ascii(each), line.strip()[:500]) for each in several if ascii(each) not in quotes)
        for text, value in payloads_in(line):
            whole += [value, text]
            quotes.setdefault(ascii(value), line.strip()[:500])
    for asked in requests:
        path, _, query = asked.target.partition("?")
        fields = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        parts = {"path": path, "method": asked.method, "target": asked.target, **dict.fromkeys(_QUERY, fields)}
        for name, value in (*parts.items(), *fields.items()):
            named.setdefault(name, []).append(value)
    return Found({name: distinct(values) for name, values in named.items()}, distinct(whole), quotes)


def calls_of(raised: Raised, sources: Mapping[str, str], found: Found, tests: Sequence[str]) -> tuple[Draft, ...]:
    """Calls of the trace's functions, the outermost first. tests: files whose calls tell usual arguments."""
    drafts: list[Draft] = []
    known = dict.fromkeys((file, function) for file, _, function in raised.calls)
    lines = {(file, function): line for file, line, function in raised.calls}
    for file, function in known:
        tree, place = parsed(sources.get(file, "")), importable(file, sources)
        node, owner = _defined(tree, function, lines[file, function]) if tree and place else (None, None)
        if node is None or place is None:
            continue
        usual = list(_usual(node.name, sources, tests)) if owner is None else []
        tried = itertools.islice(_arguments(node, owner, found, usual), MOST_EACH)
        drafts += [_draft(node, owner, call, place, found) for call in tried]
    return tuple(drafts[:MOST])


def _defined(tree: ast.Module, name: str, line: int) -> tuple[Function | None, ast.ClassDef | None]:
    """The function at a line that can be called from outside, and the class that it is a method of."""
    short = name.rpartition(".")[2]
    for node in tree.body:
        owner = node if isinstance(node, ast.ClassDef) else None
        for each in owner.body if owner else (node,):
            if isinstance(each, Function) and each.name == short and each.lineno <= line <= (each.end_lineno or 0):
                return (each, owner) if owner is None or _makes(owner) else (None, None)
    return None, None


def _makes(node: ast.ClassDef) -> bool:
    """Whether the class can be made without arguments, as far as it says."""
    init = next((each for each in node.body if isinstance(each, Function) and each.name == "__init__"), None)
    return not init or not required(init, 1)


def _arguments(node: Function, owner: ast.ClassDef | None, found: Found, usual: Sequence[Call]) -> Iterator[Call]:
    """Arguments to try, each once: usual ones with a value of the log in place of one, then only those of the log."""
    seen: set[str] = set()
    skip = 0 if owner is None or any(ast.unparse(each) == "staticmethod" for each in node.decorator_list) else 1
    names = [each.arg for each in (*node.args.posonlyargs, *node.args.args)][skip:]
    for call in (*_varied(names, found, usual), *_stated(node, names, required(node, skip), found)):
        if (text := ascii(call)) not in seen:
            seen.add(text)
            yield call


def _varied(names: Sequence[str], found: Found, usual: Sequence[Call]) -> Iterator[Call]:
    for args, named in usual:
        for place, value in enumerate(args):
            name = names[place] if place < len(names) else ""
            for other in (*found.named.get(name, ())[:MOST_CHOICES], *found.whole[:MOST_CHOICES]):
                if alike(other, value):
                    yield (*args[:place], other, *args[place + 1 :]), named


def alike(one: Any, other: Any) -> bool:
    """Whether a value may stand where the other stood: numbers for numbers, else the same type."""
    numbers = (int, float)
    return type(one) is type(other) or (isinstance(one, numbers) and isinstance(other, numbers)) or other is None


def _stated(node: Function, names: Sequence[str], needed: Sequence[str], found: Found) -> Iterator[Call]:
    """All required parameters, and those others that the log names."""
    given = [name for name in names if name in needed or name in found.named]
    only = [each.arg for each in node.args.kwonlyargs if each.arg in needed or each.arg in found.named]
    choices = [_choices(name, found) for name in (*given, *only)]
    if any(not several for several in choices) or len(choices) > 6:
        return
    for values in itertools.islice(itertools.product(*choices), 40):
        named = dict(zip((*given, *only), values, strict=True))
        plain = [name for name in names if name in named]
        dense = plain == list(names[: len(plain)])
        args = tuple(named.pop(name) for name in plain) if dense else ()
        yield args, tuple(named.items())


def _choices(name: str, found: Found) -> list[Any]:
    own = list(found.named.get(name, ()))[:MOST_CHOICES]
    body = name.rstrip("_") in _BODY
    if body or not own:
        own += [value for value in found.whole if ascii(value) not in {ascii(each) for each in own}]
    if body:
        own.sort(key=lambda value: not isinstance(value, dict | list))
    return own[:MOST_CHOICES]


def _usual(name: str, sources: Mapping[str, str], tests: Sequence[str]) -> Iterator[Call]:
    """Literal arguments of calls of that name in tests."""
    for file in tests:
        tree = parsed(sources[file]) if re.search(rf"\b{re.escape(name)}\(", sources[file]) else None
        for node in ast.walk(tree) if tree else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                try:
                    args = tuple(ast.literal_eval(each) for each in node.args)
                    named = tuple((each.arg or "", ast.literal_eval(each.value)) for each in node.keywords)
                except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
                    continue
                if all(key for key, _ in named):
                    yield args, named


def _draft(
    node: Function, owner: ast.ClassDef | None, call: Call, place: tuple[str, str], found: Found
) -> Draft:  # fmt: skip
    args, named = call
    given = ", ".join([*(ascii(each) for each in args), *(f"{key}={each!a}" for key, each in named)])
    target = f"{owner.name}().{node.name}" if owner else node.name
    act = f"{target}({given})"
    if isinstance(node, ast.AsyncFunctionDef):
        act = f"asyncio.run({act})"
    elif any(isinstance(each, ast.Yield | ast.YieldFrom) for each in ast.walk(node)):
        act = f"list({act})"
    values = [*args, *(each for _, each in named)]
    quote = next((found.quotes[ascii(each)] for each in values if ascii(each) in found.quotes), "")
    root, module = place
    said = f"calls {target.replace('()', '')} with {given[:200] or 'no arguments'}"
    return Draft(driver="call", act=act, module=module, name=owner.name if owner else node.name, root=root, said=said,
                 quote=quote)  # fmt: skip
