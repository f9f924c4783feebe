"""What a patch is measured against: the same place with a value that nobody can mean.

A conversion such as `name.upper()` may pass all tests only because it destroys what the tests fail on, where no test
looks at the value itself. Then any other destruction passes too, and the tests say nothing for this one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from tools.values import Candidate

_CONVERSIONS = frozenset(
    ("upper", "lower", "casefold", "title", "capitalize", "swapcase", "strip", "lstrip", "rstrip", "zfill")
)


def spoiled(candidate: Candidate, sources: Mapping[str, str]) -> Candidate | None:
    """The candidate with a mark put behind the text instead of its conversion; None for other kinds of changes.

    sources: texts of the files before the change.
    """
    if len(candidate.edits) != 1:
        return None
    edit = candidate.edits[0]
    kept = _converted(edit.text)
    if kept is None or ast.dump(kept) != _shape(sources.get(edit.file, "")[edit.start : edit.end]):
        return None
    text = f'"".join(({ast.unparse(kept)}, "\\0"))'
    twin = edit.model_copy(update={"text": text})
    return candidate.model_copy(update={"id": f"{candidate.id}-spoiled", "edits": (twin,)})


def _converted(text: str) -> ast.expr | None:
    """`x` of `x.upper()`."""
    call = _parsed(text)
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _CONVERSIONS:
        return call.func.value
    return None


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shape(text: str) -> str:
    found = _parsed(text)
    return ast.dump(found) if found is not None else ""
