"""What a patch is measured against: the same place with a value that nobody can mean.

A conversion such as `name.upper()` may pass all tests only because it destroys what they fail on, where none looks at
what it gives. Then anything else that spares the same texts passes too, and the tests say nothing for this one.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from tools.values import Candidate

_CONVERSIONS = frozenset(
    ("upper", "lower", "casefold", "title", "capitalize", "swapcase", "strip", "lstrip", "rstrip", "zfill")
)
_NAME = "_text_before"


def spoiled(candidate: Candidate, sources: Mapping[str, str]) -> Candidate | None:
    """The candidate with texts marked that its conversion would change; None for other kinds of changes.

    sources: texts of the files before the change.
    """
    if len(candidate.edits) != 1:
        return None
    edit = candidate.edits[0]
    call = _parsed(edit.text)
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr not in _CONVERSIONS:
        return None
    kept = call.func.value
    if ast.dump(kept) != _shape(sources.get(edit.file, "")[edit.start : edit.end]):
        return None
    call.func.value = ast.Name(_NAME, ast.Load())
    marked = f'{_NAME} if {_NAME} == {ast.unparse(call)} else "".join(({_NAME}, "\\0"))'
    text = f"(lambda {_NAME}: {marked})({ast.unparse(kept)})"
    twin = edit.model_copy(update={"text": text})
    return candidate.model_copy(update={"id": f"{candidate.id}-spoiled", "edits": (twin,)})


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _shape(text: str) -> str:
    found = _parsed(text)
    return ast.dump(found) if found is not None else ""
