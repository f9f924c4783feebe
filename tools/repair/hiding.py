"""Whether what catches an exception around a call hides it in one place and leaves it in all others.

A function that raises where it should not is to be mended itself when others call it too: a `try` around one of the
calls makes its test pass and nothing else. Only names are followed, so a caller that cannot be told by its name alone
is not counted.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.repair.clues import Clue
from tools.repair.facts import Facts
from tools.repair.modules import Modules
from tools.repair.source import FUNCTIONS, FunctionNode, SourceFile

FAULTS = frozenset({"AttributeError", "TypeError", "AssertionError", "RecursionError"})  # of code, not of its input
_ALL = frozenset({"Exception", "BaseException"})


@dataclass(frozen=True, slots=True)
class Origin:
    """The function of the repository that a statement called when an exception came out of it."""

    facts: Facts
    function: FunctionNode


def deeper(clue: Clue, path: str, first: int, last: int) -> tuple[str, int] | None:
    """The next inner frame below lines [first, last] of a file; None where the exception arose in these themselves."""
    found = (n for n, (file, line) in enumerate(clue.places) if file == path and first <= line <= last)
    depth = next(found, 0)
    return clue.places[depth - 1] if depth else None


def origin(clue: Clue, modules: Modules, path: str, lines: tuple[int, int]) -> Origin | None:
    """The function that lines (first, last) of a file called by its name, when the exception came out of it."""
    below = deeper(clue, path, *lines)
    inner = modules.facts_of(below[0]) if below else None
    statement = inner.source.statement_at(below[1]) if inner and below else None
    function = inner.source.function_of(statement) if inner and statement else None
    if inner is None or function is None:
        return None
    calls = (call for call in modules.calls(path).get(function.name, ()) if lines[0] <= call.lineno <= lines[1])
    return Origin(inner, function) if next(calls, None) is not None else None


def unguarded(raising: Origin, kind: str, modules: Modules, besides: tuple[str, int, int]) -> int:
    """How many other calls of a function would let an exception of this class through; besides: file, first and last
    line of the statement that did.
    """
    return sum(not caught(source, call, kind) for source, call in _others(raising, modules, besides))


def _others(raising: Origin, modules: Modules, besides: tuple[str, int, int]) -> Iterator[tuple[SourceFile, ast.Call]]:
    """Calls that name the function without doubt, those in itself and in the lines `besides` left out."""
    name, home = raising.function.name, raising.facts.source
    file, first, last = besides
    owner = home.parents.get(raising.function)
    for path in modules.mentioning(name):
        facts = modules.facts_of(path)
        if facts is None:
            continue
        source = facts.source
        for call in modules.calls(path).get(name, ()):
            within = set(source.ancestors(call))
            if raising.function in within or (path == file and first <= call.lineno <= last):
                continue
            if _names(call, owner, within, sole=modules.defined(name) == 1):
                yield source, call


def _names(call: ast.Call, owner: ast.AST | None, within: set[ast.AST], *, sole: bool) -> bool:
    """Whether a call of a function's name is one of the function itself. sole: nothing else is called so."""
    if isinstance(call.func, ast.Name):
        return isinstance(owner, ast.Module) and sole
    if sole:
        return True
    receiver = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(receiver, ast.Name) and receiver.id in ("self", "cls") and owner in within


def caught(source: SourceFile, node: ast.AST, kind: str) -> bool:
    """Whether an exception that comes out of a node is caught in its function."""
    child = node
    for above in source.ancestors(node):
        if isinstance(above, FUNCTIONS):
            return False
        if isinstance(above, ast.Try) and child in above.body and any(_catches(h.type, kind) for h in above.handlers):
            return True
        child = above
    return False


def _catches(node: ast.expr | None, kind: str) -> bool:
    if node is None:
        return True
    parts: Sequence[ast.expr] = node.elts if isinstance(node, ast.Tuple) else [node]
    names = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
    thrown = getattr(builtins, kind, None)
    bases = {base.__name__ for base in thrown.__mro__} if isinstance(thrown, type) else {kind, *_ALL}
    return bool(names & bases)
