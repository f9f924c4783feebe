"""Where bytes are kept by name: the protocol, and the directories of runs as its first implementation."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Place:
    """A run and whose it is."""

    tenant: str
    run: str


class Blobs(Protocol):
    """Bytes by name, for each run. Names have parts between slashes. Calls may raise FilesAway and OSError."""

    @property
    def here(self) -> bool:
        """Whether what lies in a run's directory on this machine is kept already."""

    async def put(self, place: Place, name: str, data: bytes) -> None:
        """Keep `data`, whole or not at all, in the place of what had the name."""

    async def get(self, place: Place, name: str) -> bytes:
        """What has the name. Raises FileNotFoundError."""

    async def names(self, place: Place, below: str = "") -> tuple[str, ...]:
        """All names of a run, or those that begin with the part `below`."""

    async def size(self, place: Place) -> int:
        """Bytes that a run takes, with all that lies in its directory where that is the place."""

    async def remove(self, place: Place, name: str) -> None:
        """Forget a name; one that is not there is none."""

    async def reach(self) -> None:
        """Return when it can be read. Raises FilesAway."""


@dataclass(frozen=True)
class DiskBlobs:
    """Directories of runs below `root`, which all nodes share."""

    root: Path
    here: bool = True

    async def put(self, place: Place, name: str, data: bytes) -> None:
        """See the protocol."""
        await asyncio.to_thread(_write, self._path(place, name), data)

    async def get(self, place: Place, name: str) -> bytes:
        """See the protocol."""
        path = self._path(place, name)
        try:
            return await asyncio.to_thread(path.read_bytes)
        except NotADirectoryError:
            raise FileNotFoundError(name) from None

    async def names(self, place: Place, below: str = "") -> tuple[str, ...]:
        """See the protocol."""
        return await asyncio.to_thread(_names, self._path(place, ""), below)

    async def size(self, place: Place) -> int:
        """See the protocol."""
        return await asyncio.to_thread(_size, self._path(place, ""))

    async def remove(self, place: Place, name: str) -> None:
        """See the protocol."""
        await asyncio.to_thread(self._path(place, name).unlink, missing_ok=True)

    async def reach(self) -> None:
        """See the protocol."""

    def _path(self, place: Place, name: str) -> Path:
        return self.root / place.run / name


def _write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as part:
        try:
            part.write(data)
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).rename(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(part.name).unlink()
            raise


def _names(folder: Path, below: str) -> tuple[str, ...]:
    top = folder / below
    files = (path for path in top.rglob("*") if path.is_file() and not path.name.startswith("."))
    return tuple(sorted(path.relative_to(folder).as_posix() for path in files)) if top.is_dir() else ()


def _size(folder: Path) -> int:
    """What the files take of the disk."""
    return sum(_taken(Path(parent, name)) for parent, _, names in os.walk(folder) for name in names)


def _taken(file: Path) -> int:
    try:
        return 512 * file.lstat().st_blocks
    except FileNotFoundError:  # gone meanwhile
        return 0
