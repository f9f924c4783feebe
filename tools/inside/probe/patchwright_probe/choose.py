"""Which of the collected tests run: ids as people write them, matched against node ids, in the order of the files.

An id is a node id with or without parameters, a class, a file, a directory, a dotted name
(`pkg.module.Class.test`, from any package on), or a bare name (`test_x`, `TestX::test_y`, `TestX.test_y`).
"""

from __future__ import annotations

import difflib
import itertools
import os
from typing import Any, Dict, Iterable, List, Optional, Sequence, Set, Tuple

NEAR_POOL = 5_000


class Choice:
    """The ids asked for; what `pick` leaves in `missing` matched nothing."""

    def __init__(self, ids: Sequence[str]) -> None:
        self._paths = {_plain(name): name for name in ids if _is_path(name)}
        self._dotted = {name.replace("::", "."): name for name in ids if not _is_path(name)}
        self.missing: Set[str] = set(ids)

    def takes(self, node_id: str) -> bool:
        """Whether a node id is asked for, by itself or by something that holds it."""
        found = {self._paths[p] for p in _holders(node_id) if p in self._paths}
        if self._dotted:
            found.update(self._dotted[d] for d in _dotted(node_id) if d in self._dotted)
        self.missing -= found
        return bool(found)

    def concerns(self, name: str) -> bool:
        """Whether a file that could not be collected may hold something that is asked for."""
        paths = [path.split("::", 1)[0] for path in self._paths]
        return any(_within(path, name) or _within(name, path) for path in paths)

    def near(self, node_ids: Iterable[str]) -> Dict[str, List[str]]:
        """For each id that matched nothing, the node ids that look most like it."""
        pool = list(itertools.islice(node_ids, NEAR_POOL))
        return {name: difflib.get_close_matches(name, pool, 3, 0.5) for name in sorted(self.missing)[:20]}

    def files(self, rootdir: str, originals: Sequence[str], flat: bool) -> Optional[List[str]]:
        """The files (absolute) that hold all ids, ordered as a whole run would; None when that cannot be told.

        flat: files of a directory come before its subdirectories (pytest up to 7).
        """
        wanted: Dict[str, None] = {}
        for name in (*self._paths, *self._dotted):
            file = _file_of(name, rootdir)
            if file is None:
                return None
            wanted[file] = None
        return sorted(wanted, key=lambda file: _place(file, originals, flat)) if wanted else None


def _is_path(name: str) -> bool:
    path = name.split("[", 1)[0].split("::", 1)[0]
    return "/" in path or os.sep in path or path.endswith((".py", ".txt", ".rst", ".md")) or path in ("", ".")


def _within(inner: str, outer: str) -> bool:
    return outer in (inner, ".") or inner.startswith(outer + "/")


def _plain(name: str) -> str:
    path, separator, rest = name.partition("::")
    return (os.path.normpath(path) if path else ".") + separator + rest


def _holders(node_id: str) -> Iterable[str]:
    """The node id and everything that holds it: without parameters, class, file, directories."""
    yield node_id
    base = node_id.split("[", 1)[0] if "::" in node_id.split("[", 1)[0] else node_id
    yield base
    while "::" in base:
        base = base.rpartition("::")[0]
        yield base
    while "/" in base:
        base = base.rpartition("/")[0]
        yield base
    yield "."


def _dotted(node_id: str) -> Iterable[str]:
    """Every dotted name of a node id and of what holds it, from any package on; a bare name too."""
    base = node_id.split("[", 1)[0]
    path, _, rest = base.partition("::")
    parts = [*os.path.splitext(path)[0].split("/"), *(rest.split("::") if rest else [])][-12:]
    tails = [parts[-1] + node_id[len(base) :]] if len(base) < len(node_id) else []
    for start in range(len(parts)):
        for stop in range(start + 1, len(parts) + 1):
            yield ".".join(parts[start:stop])
        for tail in tails:
            yield ".".join((*parts[start:-1], tail))


def _file_of(name: str, rootdir: str) -> Optional[str]:
    """The file or directory of an id, if it is there."""
    if _is_path(name):
        path = os.path.join(rootdir, name.split("::", 1)[0])
        return os.path.normpath(path) if os.path.exists(path) else None
    parts = name.split(".")
    for stop in range(len(parts), 0, -1):
        path = os.path.join(rootdir, *parts[:stop]) + ".py"
        if os.path.isfile(path):
            return path
    return None


def _place(file: str, originals: Sequence[str], flat: bool) -> Tuple[int, List[Tuple[bool, str]]]:
    """Where a whole run comes by a file: the first argument that holds it, then the path."""
    holders = (i for i, arg in enumerate(originals) if file == arg or file.startswith(arg.rstrip(os.sep) + os.sep))
    parts = file.split(os.sep)
    files = 0 if os.path.isdir(file) else 1
    return next(holders, len(originals)), [(flat and i < len(parts) - files, part) for i, part in enumerate(parts)]


def absolute(arguments: Iterable[Any], directory: str) -> List[str]:
    """The positional arguments of pytest as absolute paths, without node parts."""
    return [os.path.normpath(os.path.join(directory, str(arg).split("::", 1)[0])) for arg in arguments]
