"""Texts that a failed comparison shows, and the constants of module and class bodies that hold what only one side has.

The body of a module or class runs once, before any test, so no coverage tells its tables from one another.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tools.values import Crash

MAX_TEXT = 400
MAX_HOMES = 3
MAX_CRASHES = 20
_COMPARED = re.compile(r"^(?:E\s+)?(?:AssertionError:? )?(?:assert )?(.{2,800}?) (?:==|!=) (.{2,800})$")
_WORD = re.compile(r"[^\W\d_]{4,}")


class Home(NamedTuple):
    """A line of a module's or class's body with a constant that holds `word`; homes: how many lines do."""

    file: str
    line: int
    word: str
    homes: int


def compared(crash: Crash) -> tuple[str, str] | None:
    """Both texts of a failed `a == b`, when both are text literals on the first line of the message."""
    if crash.kind.rpartition(".")[2] not in ("AssertionError", "Failed", ""):
        return None
    match = _COMPARED.match((crash.message or crash.text)[: 3 * MAX_TEXT].partition("\n")[0].strip())
    sides = [_text(side) for side in match.groups()] if match else []
    return (sides[0], sides[1]) if len(sides) == 2 and sides[0] != sides[1] and all(sides) else None


def _text(code: str) -> str:
    """The value of a string literal, "" when it is none."""
    if len(code) > MAX_TEXT or code[:1] not in "'\"":
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(code)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ""
    return value if isinstance(value, str) else ""


def homes(sources: Mapping[str, str], crashes: Sequence[Crash]) -> list[Home]:
    """Where words stand that only one side of a failed comparison has, of those that few lines hold."""
    pairs = [pair for crash in crashes[:MAX_CRASHES] if (pair := compared(crash)) is not None]
    words = sorted({word for one, other in pairs for word in set(_WORD.findall(one)) ^ set(_WORD.findall(other))})
    found: dict[str, list[tuple[str, int]]] = {word: [] for word in words}
    for file, text in sources.items():
        present = [word for word in words if word in text]
        for line, value in _constants(text) if present else ():
            for word in set(present).intersection(_WORD.findall(value)):
                found[word].append((file, line))
    return [
        Home(file, line, word, len(places))
        for word, places in found.items()
        if 0 < len(places) <= MAX_HOMES
        for file, line in places
    ]


def _constants(text: str) -> Iterator[tuple[int, str]]:
    """Line and value of the string constants in module and class bodies, docstrings left out."""
    try:
        bodies: list[ast.Module | ast.ClassDef] = [ast.parse(text.removeprefix("\ufeff"))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    while bodies:
        for statement in bodies.pop().body:
            if isinstance(statement, ast.ClassDef):
                bodies.append(statement)
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
                yield from (
                    (node.lineno, node.value)
                    for node in ast.walk(statement.value)
                    if isinstance(node, ast.Constant) and isinstance(node.value, str)
                )
