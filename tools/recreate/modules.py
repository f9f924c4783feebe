"""Under which name a file can be imported."""

from __future__ import annotations

import keyword
from collections.abc import Collection


def importable(file: str, files: Collection[str]) -> tuple[str, str] | None:
    """(the directory that has to be searched, "" for the top; the module's dotted name); None where it has none."""
    if not file.endswith(".py"):
        return None
    parts = file.removesuffix(".py").split("/")
    start = len(parts) - 1
    while start and "/".join((*parts[:start], "__init__.py")) in files:
        start -= 1
    if start and start == len(parts) - 1:  # no package: found from the top, or from a directory of sources
        start = 1 if parts[0] in ("src", "lib") else 0
    names = parts[start:]
    if names[-1] == "__init__" and len(names) > 1:
        names.pop()
    if any(not name.isidentifier() or keyword.iskeyword(name) or not name.isascii() for name in names):
        return None
    return "/".join(parts[:start]), ".".join(names)
