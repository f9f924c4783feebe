"""Bringing what was kept under the present key: files that were plain when there was none, and those of the old key."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from agent.artifacts import Unsealed
from agent.record import NAME
from workflows.report.render import OPTIONAL
from workflows.sealing import MAGIC, SUFFIX, Seal
from workflows.service.files.blobs import Place
from workflows.service.files.kept import ARTIFACTS, SEGMENTS, Kept, segment_name

FILES = ("request.json", "report.json", "report.md", "report.html", *sorted(OPTIONAL))


@dataclass(frozen=True)
class Resealer:
    """codec: of one ended run, whose files nobody writes any more. Calls raise FilesAway, Unsealed, OSError."""

    kept: Kept
    place: Place
    codec: Seal

    async def all(self) -> int:
        """Reseal what needs it; how many files that were."""
        artifacts = {name.removesuffix(SUFFIX) for name in await self.kept.blobs.names(self.place, ARTIFACTS)}
        done = [await self._file(name) for name in (*FILES, *sorted(artifacts))]
        return sum(done) + (await self._record() if self.kept.blobs.here else await self._segments())

    async def _file(self, name: str) -> bool:
        """A file, known to its codec by the last part of its name."""
        known, sealed = name.rpartition("/")[2], await self._get(name + SUFFIX)
        plain = await self._get(name)
        if sealed is not None and not self.codec.current(sealed):
            await self._put(name + SUFFIX, self.codec.seal(known, self.codec.open(known, sealed)))
        elif sealed is None and plain is not None:
            await self._put(name + SUFFIX, self.codec.seal(known, plain))
        elif plain is None:
            return False
        if plain is not None:
            await self.kept.blobs.remove(self.place, name)
        return True

    async def _record(self) -> bool:
        """The record in a directory."""
        plain, sealed = await self._get(NAME), await self._get(NAME + SUFFIX)
        if plain is None and (sealed is None or self._fresh(sealed)):
            return False
        await self._put(NAME + SUFFIX, self._lines(sealed if sealed is not None else plain or b""))
        await self.kept.blobs.remove(self.place, NAME)
        return True

    async def _segments(self) -> bool:
        """The record in segments, which becomes one: sealed lines are longer, and segments are named by their place."""
        record = await self.kept.record(self.place)
        if self._fresh(record):
            return False
        names = await self.kept.blobs.names(self.place, SEGMENTS)
        whole = segment_name(999_999, 0)
        await self._put(whole, self._lines(record))
        for name in names:
            if name != whole:
                await self.kept.blobs.remove(self.place, name)
        return True

    def _fresh(self, record: bytes) -> bool:
        return all(self.codec.current(_decoded(line)) for line in record.splitlines())

    def _lines(self, record: bytes) -> bytes:
        """All lines sealed anew, without those that were torn when a worker was killed."""
        sealed = []
        for line in record.splitlines():
            inner = _decoded(line)
            try:
                plain = self.codec.open(NAME, inner) if inner.startswith(MAGIC) else line
            except Unsealed:
                if not self.codec.known(inner):
                    raise
                continue
            sealed.append(base64.b64encode(self.codec.seal(NAME, plain)) + b"\n")
        return b"".join(sealed)

    async def _get(self, name: str) -> bytes | None:
        try:
            return await self.kept.blobs.get(self.place, name)
        except FileNotFoundError:
            return None

    async def _put(self, name: str, data: bytes) -> None:
        await self.kept.blobs.put(self.place, name, data)


def _decoded(line: bytes) -> bytes:
    """What a sealed line holds; b"" of one that is not sealed."""
    try:
        return base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        return b""
