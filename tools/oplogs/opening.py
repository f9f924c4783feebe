"""The index of some paths: the one that is there, if the files are still the same, or else a new one."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from tools.oplogs.index import Index, holds
from tools.oplogs.reading import Notes, Source, sources
from tools.oplogs.scanning import Progress, build
from tools.tool import ToolError

KEPT, FRESH_S = 20, 600  # indexes in the cache; seconds for which a new one stays: its process is about to read it


def opened(
    paths: Sequence[Path], *, cache: Path, place: Path | None = None, zone: int = 0, day_first: bool | None = None,
    workers: int = 2, progress: Progress = lambda _bytes: None,
) -> Index:  # fmt: skip
    """Read the logs if that has not been done. place: where the index is kept, by default a file in `cache`.

    zone: minutes east of Greenwich for times that do not say it; day_first: whether 04/03/2026 is in March, None to
    find out. Raises OSError, and ToolError for nothing to read.
    """
    notes = Notes()
    found = sources(paths, notes)
    if not found:
        raise ToolError("no log to read" + "".join(f"; {sentence}" for sentence in notes.told()))
    asked = f"zone {zone}" if day_first is None else f"zone {zone}, day first: {day_first}"
    where = place or cache / f"{_name(found, asked)}.db"
    if not holds(where, found, asked):
        if place and place.exists():
            Index(place).close()  # raises for a file that is something else
        build(found, where, notes=notes, asked=asked, zone=zone, day_first=day_first, workers=workers,
              progress=progress)  # fmt: skip
        if place is None:
            _forget(cache)
    return Index(where)


def _name(found: Sequence[Source], asked: str) -> str:
    text = asked + "".join(f"\n{source.path}" for source in found)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _forget(cache: Path) -> None:
    """Take the oldest indexes out of the cache."""
    kept = sorted(cache.glob("*.db"), key=_used, reverse=True)
    for file in kept[KEPT:]:
        if time.time() - _used(file) > FRESH_S:
            file.unlink(missing_ok=True)


def _used(file: Path) -> float:
    """When an index was written; long ago when another process has just removed it."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0
