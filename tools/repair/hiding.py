"""Whether what catches an exception around a call hides it in one place and leaves it in all others.

A function that raises where it should not is to be mended itself when others call it too: a `try` around one of the
calls makes its test pass and nothing else. Only names are followed, so a caller that cannot be told by its name alone
is not counted.
"""

from __future__ import annotations

import ast
import builtins
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tools.repair.clues import Clue
from tools.repair.facts import Facts
from tools.repair.modules import Modules
from tools.repair.site import Site
from tools.repair.source import FUNCTIONS, FunctionNode, SourceFile

FAULTS = frozenset({"AttributeError", "TypeError", "AssertionError", "RecursionError"})  # of code, not of its input
_ON_THE_WAY = 0.7  # nearness of a statement in the traceback
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
    return sum(caught(source, call, kind) is None for source, call in _others(raising, modules, besides))


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


def caught(source: SourceFile, node: ast.AST, kind: str) -> ast.ExceptHandler | None:
    """What in its function catches an exception that comes out of a node."""
    child = node
    for above in source.ancestors(node):
        if isinstance(above, FUNCTIONS):
            return None
        handlers = above.handlers if isinstance(above, ast.Try) and child in above.body else []
        found = next((handler for handler in handlers if _catches(handler.type, kind)), None)
        if found is not None:
            return found
        child = above
    return None


def _catches(node: ast.expr | None, kind: str) -> bool:
    if node is None:
        return True
    parts: Sequence[ast.expr] = node.elts if isinstance(node, ast.Tuple) else [node]
    names = {getattr(part, "attr", getattr(part, "id", "")) for part in parts}
    thrown = getattr(builtins, kind, None)
    bases = {base.__name__ for base in thrown.__mro__} if isinstance(thrown, type) else {kind, *_ALL}
    return bool(names & bases)


@dataclass(eq=False)
class Evasions:
    """Tells edits that only keep a statement from a function in which there is a fault that others go on meeting."""

    _faulty: dict[Site, tuple[str, bool]] = field(default_factory=dict)

    def __call__(self, site: Site, edits: Sequence[tuple[int, int, str]]) -> bool:
        """Whether the call is gone after the edits, or stands behind a new `and`, `or`, `if` or `yield` (which is right
        where the function cannot do with None).
        """
        if site not in self._faulty:
            self._faulty[site] = _faulty(site)
        name, of_none = self._faulty[site]
        start, end = site.source.lines_span(site.statement)
        if not name or not (start <= edits[0][0] and edits[-1][1] <= end):
            return False
        text = site.source.text[start:end]
        for low, high, new in reversed(edits):
            text = text[: low - start] + new + text[high - start :]
        tree = _tree(text)
        return tree is not None and _avoids(site.statement, tree, name, guards=of_none)


def _avoids(old: ast.AST, new: ast.AST, name: str, *, guards: bool) -> bool:
    """Whether a call of a name is dropped, nothing else called instead, or (unless `guards` are right) now depends."""
    was, now = len(_calls(old, name)), len(_calls(new, name))
    if now < was:
        return len(_calls(new)) < len(_calls(old))
    return not guards and now == was and _certain(new, name) < _certain(old, name)


def _faulty(site: Site) -> tuple[str, bool]:
    """The function that a statement calls and that a fault came out of, "" where nobody else calls it; whether
    something was None there.
    """
    nones = {clue.places for clue, _ in site.clues_of("none-value")}
    path = site.source.path
    for clue, near in site.clues_of("raised"):
        raising = (
            origin(clue, site.modules, path, site.lines) if near >= _ON_THE_WAY and clue.names[0] in FAULTS else None
        )
        if raising and unguarded(raising, clue.names[0], site.modules, (path, *site.lines)):
            return raising.function.name, clue.places in nones
    return "", False


def _tree(text: str) -> ast.Module | None:
    try:
        return ast.parse(textwrap.dedent(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _calls(tree: ast.AST, name: str = "") -> list[ast.Call]:
    """Calls in a tree, of one function where a name is given."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if name in ("", getattr(call.func, "attr", getattr(call.func, "id", "")))]


def _certain(tree: ast.AST, name: str) -> int:
    """Calls of a name that happen whenever the statement does, however its operands come out."""
    found, waiting = 0, [tree]
    while waiting:
        node = waiting.pop()
        found += isinstance(node, ast.Call) and name == getattr(node.func, "attr", getattr(node.func, "id", ""))
        if isinstance(node, ast.Module):
            ends = (i for i, s in enumerate(node.body, 1) if isinstance(s, ast.Return | ast.Raise))
            waiting += node.body[: next(ends, None)]
        elif isinstance(node, ast.BoolOp):
            waiting.append(node.values[0])
        elif isinstance(node, ast.IfExp):
            waiting.append(node.test)
        elif not isinstance(node, ast.Yield | ast.YieldFrom | ast.Lambda):
            waiting += ast.iter_child_nodes(node)
    return found
