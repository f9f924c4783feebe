"""What can be said against a patch that passes, from its text: exceptions caught in one place that belong elsewhere,
and attributes that are missing and do without.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tools.patches import FileChange
from tools.repair.clues import Clue, clues
from tools.repair.hiding import FAULTS, caught, deeper, origin, unguarded
from tools.repair.modules import Modules
from tools.repair.source import SourceFile, parse
from tools.values import Crash


def hidden(changes: Iterable[FileChange], crashes: Sequence[Crash], sources: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences on exceptions of the failures that a patch catches around a call, and that others go on meeting.

    sources: the base's files that the failures concern, by path.
    """
    raised = [clue for clue in clues(crashes) if clue.kind == "raised"]
    modules = Modules(sources)
    found: dict[str, None] = {}
    for change in changes:
        old = parse(change.path, change.old) if change.old and change.path in sources else None
        new = parse(change.path, change.new) if change.new else None
        if old and new:
            found.update(dict.fromkeys(_done_without(raised, old, new)))
            found.update(dict.fromkeys(doubt for clue in raised for doubt in _of(clue, old, new, modules)))
    return tuple(found)


def _done_without(raised: Sequence[Clue], old: SourceFile, new: SourceFile) -> Iterator[str]:
    """Defaults for an attribute that was missing in this file: `getattr(node, "parent", None)`."""
    missing = any(c.names[0] == "AttributeError" and c.places and c.places[0][0] == old.path for c in raised)
    for name in Counter(_defaulted(new)) - Counter(_defaulted(old)) if missing else ():
        yield f"it takes a default where {name} is missing, and no test says that it may be"


def _defaulted(source: SourceFile) -> Iterator[str]:
    for node in ast.walk(source.tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr"
        if isinstance(node, ast.Call) and named and len(node.args) == 3 and isinstance(node.args[1], ast.Constant):
            yield str(node.args[1].value)


def _of(clue: Clue, old: SourceFile, new: SourceFile, modules: Modules) -> Iterator[str]:
    kind, path = clue.names[0], old.path
    for file, line in clue.places:
        statement = old.statement_at(line) if file == path else None
        handler = _now_caught(statement, old, new, kind) if statement else None
        if statement is None or handler is None:
            continue
        lines = (statement.lineno, statement.end_lineno or statement.lineno)
        below = deeper(clue, path, *lines)
        if below is not None and below[0] in modules.sources and kind in FAULTS:
            yield f"it catches the {kind} of {below[0]}:{below[1]}, which is rather a fault there"
        raising = origin(clue, modules, path, lines)
        others = unguarded(raising, kind, modules, (path, *lines)) if raising else 0
        if raising and others and not isinstance(handler.body[-1], ast.Raise):
            where = "another place calls" if others == 1 else f"{others} other places call"
            yield f"{raising.function.name} raises the {kind} that it catches, and {where} it without catching"


def _now_caught(statement: ast.stmt, old: SourceFile, new: SourceFile, kind: str) -> ast.ExceptHandler | None:
    """The handler of a `try` that a statement as it was has come into, which catches a class of exceptions."""
    if caught(old, statement, kind):
        return None
    shape = ast.dump(statement)
    same = (s for s in new.statements if type(s) is type(statement) and ast.dump(s) == shape)
    return next((handler for handler in (caught(new, s, kind) for s in same) if handler), None)
