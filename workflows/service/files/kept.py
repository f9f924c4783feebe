"""What is kept of runs, read and written through their codec: the service's one way to reports, artifacts, records."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.artifacts import opened, place_of
from agent.record import NAME, parsed
from workflows.sealing import Keys, Seal, codec_of, keys
from workflows.service.files.blobs import Blobs, DiskBlobs, Place
from workflows.settings import Settings

SEGMENTS = "record"
ARTIFACTS = "artifacts"
_SEGMENT = re.compile(SEGMENTS + r"/([0-9]{6})-([0-9]{15})")


@dataclass(frozen=True)
class Kept:
    """keys: None where nothing is encrypted. Calls raise FilesAway, Unsealed, FileNotFoundError where nothing is."""

    blobs: Blobs
    keys: Keys | None = None

    def codec(self, place: Place) -> Seal | None:
        """How the files of a run are written."""
        return codec_of(self.keys, place.tenant, place.run)

    async def read(self, place: Place, name: str) -> bytes:
        """A file of a report."""
        codec = self.codec(place)
        data = await self.blobs.get(place, name + (codec.suffix if codec else ""))
        return codec.open(name, data) if codec else data

    async def publish(self, place: Place, contents: Mapping[str, bytes], stale: Sequence[str]) -> None:
        """Keep a report's files, and forget those that it no longer has."""
        codec = self.codec(place)
        suffix = codec.suffix if codec else ""
        for name in stale:
            await self.blobs.remove(place, name + suffix)
        for name, data in contents.items():
            await self.blobs.put(place, name + suffix, codec.seal(name, data) if codec else data)

    async def remove(self, place: Place) -> None:
        """Forget all that is kept elsewhere than in the run's directory."""
        for name in () if self.blobs.here else await self.blobs.names(place):
            await self.blobs.remove(place, name)

    async def artifact(self, place: Place, digest: str) -> bytes:
        """The bytes named `digest`. Raises ArtifactMissing."""
        codec = self.codec(place)
        return opened(digest, await self.blobs.get(place, f"{ARTIFACTS}/{place_of(digest, codec)}"), codec)

    async def rows(self, place: Place) -> list[dict[str, Any]]:
        """The rows of a run's record, as far as it is kept; none of one that has not begun."""
        codec = self.codec(place)
        try:
            data = await self.blobs.get(place, record_name(codec)) if self.blobs.here else await self.record(place)
        except FileNotFoundError:
            return []
        return await asyncio.to_thread(parsed, data, codec)

    async def record(self, place: Place) -> bytes:
        """A record put together from its segments.

        Each is named by the attempt that wrote it and by where it begins. Where two begin at the same place, the older
        attempt was thought dead and wrote all the same: the newer one counts.
        """
        found: dict[int, tuple[int, str]] = {}
        for name in await self.blobs.names(place, SEGMENTS):
            if match := _SEGMENT.fullmatch(name):
                epoch, start = map(int, match.groups())
                found[start] = max(found.get(start, (0, "")), (epoch, name))
        data = b""
        while len(data) in found:
            segment = await self.blobs.get(place, found[len(data)][1])
            if not segment:
                break
            data += segment
        return data


def record_name(codec: Seal | None) -> str:
    """The name of a run's record."""
    return NAME + (codec.suffix if codec else "")


def segment_name(epoch: int, start: int) -> str:
    """The name of a part of the record."""
    return f"{SEGMENTS}/{epoch:06}-{start:015}"


def kept_in(settings: Settings, folder: Path) -> Kept:
    """Where the settings have files kept; folder: of runs. Raises Refused."""
    blobs: Blobs = DiskBlobs(folder)
    if settings.artifacts:
        from workflows.service.files.s3 import bucket  # noqa: PLC0415 - 16 MB that few need

        blobs = bucket(settings)
    return Kept(blobs, keys(settings))
