"""Which file of the workspace a code object's file name is, if it is one at all."""

from __future__ import annotations

import os
from typing import Dict, Iterable, Optional, Tuple

# Directories of other people's code that live inside checkouts.
FOREIGN = frozenset(("site-packages", "dist-packages", "node_modules", ".venv", ".tox", ".nox", ".eggs"))


class Places:
    """Names of files as the report wants them; what has been seen once is remembered."""

    def __init__(self, root: str) -> None:
        self._start = os.getcwd()
        self._bases = _distinct((root, os.path.realpath(root)))
        self._known: Dict[str, Tuple[str, bool]] = {}
        self._join, self._normal, self._real = os.path.join, os.path.normpath, os.path.realpath

    def of(self, filename: str) -> Tuple[str, bool]:
        """(path relative to the workspace, True), or (the name as it is, False) for what is outside of it."""
        known = self._known.get(filename)
        if known is None:
            known = self._known[filename] = self._find(filename)
        return known

    def relative(self, filename: str) -> Optional[str]:
        """The path relative to the workspace, None for anything outside."""
        name, inside = self.of(filename)
        return name if inside else None

    def _find(self, filename: str) -> Tuple[str, bool]:
        if filename.startswith("<"):
            return filename, False
        absolute = self._normal(self._join(self._start, filename))
        for path in _distinct((absolute, self._real(absolute))):
            for base in self._bases:
                if path.startswith(base + os.sep):
                    relative = path[len(base) + 1 :].replace(os.sep, "/")
                    return relative, FOREIGN.isdisjoint(relative.split("/")[:-1])
        return absolute, False


def _distinct(values: Iterable[str]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(values))
