"""One attempt's files between the worker's directory and where they are kept.

A worker reads and writes in its own directory, at the speed of a disk. What it wrote is carried off before the
checkpoint that speaks of it is written, so that whoever takes the run over finds it; and brought when it takes over.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.environment_cache import remove_tree
from workflows.service.files.blobs import Place
from workflows.service.files.kept import ARTIFACTS, Kept, record_name, segment_name

AT_ONCE = 8
_ARTIFACT = re.compile(ARTIFACTS + r"/[0-9a-f]{2}/[0-9a-f]{64}(\.sealed)?")


@dataclass
class Carrier:
    """folder: the run's, on this machine; epoch: of the attempt."""

    kept: Kept
    place: Place
    folder: Path
    epoch: int
    _there: set[str] = field(default_factory=set)
    _recorded: int = 0
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bring(self) -> None:
        """What earlier attempts kept, into the directory. Raises FilesAway, OSError."""
        if self.kept.blobs.here:
            return
        names = await self.kept.blobs.names(self.place, ARTIFACTS)
        self._there = {name for name in names if _ARTIFACT.fullmatch(name)}
        missing = [name for name in self._there if not (self.folder / name).exists()]
        await _each(missing, self._bring)
        record = await self.kept.record(self.place)
        await asyncio.to_thread(_lay, self._record, record)  # what was not carried off is not known to any checkpoint
        self._recorded = len(record)

    async def carry(self) -> None:
        """What this attempt wrote since the last call. Raises FilesAway, OSError."""
        if self.kept.blobs.here:
            return
        async with self._one:
            new = await asyncio.to_thread(self._new)
            await _each(new, self._carry)
            tail = await asyncio.to_thread(_tail, self._record, self._recorded)
            if tail:
                await self.kept.blobs.put(self.place, segment_name(self.epoch, self._recorded), tail)
                self._recorded += len(tail)

    def tidy(self, *, ended: bool) -> None:
        """Remove what nobody needs here after the attempt. Raises OSError.

        With files kept elsewhere, all; where they are encrypted, what of an ended run is not: the checkout.
        """
        if not self.kept.blobs.here:
            remove_tree(self.folder)
        elif self.kept.keys and ended:
            for name in ("checkout", "scratch", "outputs"):
                remove_tree(self.folder / name)

    @property
    def _record(self) -> Path:
        return self.folder / record_name(self.kept.codec(self.place))

    async def _bring(self, name: str) -> None:
        data = await self.kept.blobs.get(self.place, name)
        await asyncio.to_thread(_lay, self.folder / name, data)

    async def _carry(self, name: str) -> None:
        data = await asyncio.to_thread((self.folder / name).read_bytes)
        await self.kept.blobs.put(self.place, name, data)
        self._there.add(name)

    def _new(self) -> list[str]:
        files = (self.folder / ARTIFACTS).glob("??/[!.]*")
        return [name for path in files if (name := path.relative_to(self.folder).as_posix()) not in self._there]


async def _each(names: Sequence[str], do: Callable[[str], Awaitable[None]]) -> None:
    """Do it for all names, a few at a time; the first error ends the rest."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with room:
            await do(name)

    try:
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _lay(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_name(f".part-{target.name}")
    part.write_bytes(data)
    part.replace(target)


def _tail(path: Path, start: int) -> bytes:
    """The whole lines after `start`."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(start)
        data = file.read()
    return data[: data.rfind(b"\n") + 1]
