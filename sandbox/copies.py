"""A private copy of a stack of layers, and what changed in it, for engines without overlays."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

Stamps = dict[str, tuple[int, int, int]]


def lay(layers: Sequence[Path], target: Path) -> Stamps:
    """Copy the layers, the first on top, into an existing empty directory; symlinks stay as they are.

    Honours an overlay's whiteouts; sockets, pipes and devices are left out. Returns the state for `changed`.
    """
    for layer in reversed(layers):
        _copy(layer, target)
    return stamps(target)


def _copy(source: Path, target: Path) -> None:
    for entry in os.scandir(source):
        place, mode = target / entry.name, entry.stat(follow_symlinks=False).st_mode
        if _is_whiteout(entry):
            _clear(place)
        elif stat.S_ISLNK(mode):
            _clear(place)
            place.symlink_to(os.readlink(entry.path))  # noqa: PTH115
        elif stat.S_ISDIR(mode):
            if place.is_symlink() or not place.is_dir():
                _clear(place)
                place.mkdir()
            _copy(Path(entry.path), place)
            place.chmod(stat.S_IMODE(mode) | stat.S_IRWXU)
        elif stat.S_ISREG(mode):
            _clear(place)
            shutil.copy2(entry.path, place)


def _is_whiteout(entry: os.DirEntry[str]) -> bool:
    facts = entry.stat(follow_symlinks=False)
    return stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0


def _clear(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def stamps(tree: Path) -> Stamps:
    """What tells whether a file has been written: relative name to size, modification and change time."""
    found = {}
    for name in _files(tree):
        facts = (tree / name).lstat()
        found[name] = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    return found


def keep_changes(tree: Path, before: Stamps, upper: Path) -> None:
    """Copy what is new or changed since `before` into `upper`. Deletions are not kept."""
    for name, stamp in stamps(tree).items():
        if before.get(name) != stamp:
            place = upper / name
            place.parent.mkdir(parents=True, exist_ok=True)
            _clear(place)
            shutil.copy2(tree / name, place, follow_symlinks=False)


def _files(tree: Path) -> Iterator[str]:
    for directory, folders, files in os.walk(tree):
        for name in (*files, *(name for name in folders if Path(directory, name).is_symlink())):
            place = Path(directory, name)
            if place.is_symlink() or place.is_file():
                yield str(place.relative_to(tree))
