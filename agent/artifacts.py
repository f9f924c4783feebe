"""Artifacts: texts of a run (logs, diffs, test runs, certificates) kept in files named by the sha256 of their bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class ArtifactMissing(KeyError):
    """No artifact of that name, or its bytes no longer have it as their hash."""


class ArtifactsFull(Exception):
    """An artifact, or all of a run's, would be larger than they may."""


class Unsealed(ValueError):
    """What was kept is not what this key sealed under this name: changed, moved, or another key's."""


class Codec(Protocol):
    """How a run's files are written, such as encrypted."""

    @property
    def suffix(self) -> str:
        """What their names end with then."""

    def seal(self, name: str, data: bytes) -> bytes:
        """What is written for `data`."""

    def open(self, name: str, sealed: bytes) -> bytes:
        """What was given to `seal` with this name. Raises Unsealed."""


@dataclass(frozen=True)
class Bounds:
    """Bytes that one artifact, and all that one process adds to a run, may have; 0: any number."""

    one: int = 0
    all: int = 0


class Artifacts:
    """A content-addressed directory. Writing twice is harmless; reading checks the hash."""

    def __init__(self, folder: Path, codec: Codec | None = None, bounds: Bounds | None = None) -> None:
        self._folder = folder
        self._codec = codec
        self._bounds = bounds or Bounds()
        self._written = 0

    def put(self, content: str | bytes) -> str:
        """Keep `content` (text as UTF-8) and return its sha256 in hex. Raises ArtifactsFull."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        target = self._path(digest)
        if not target.exists():
            self._count(len(data))
            self._write(target, self._codec.seal(digest, data) if self._codec else data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes named `digest`. Raises ArtifactMissing."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise ArtifactMissing(digest) from error
        return opened(digest, data, self._codec)

    def text(self, digest: str) -> str:
        """The artifact as text, as it was put."""
        return self.get(digest).decode("utf-8", "surrogateescape")

    def _path(self, digest: str) -> Path:
        return self._folder / place_of(digest, self._codec)

    def _count(self, size: int) -> None:
        one, most = self._bounds.one, self._bounds.all
        if one and size > one:
            raise ArtifactsFull(f"a text of the run has {size >> 20} MiB, more than one may have ({one >> 20} MiB)")
        self._written += size
        if most and self._written > most:
            raise ArtifactsFull(f"the run's texts have more than they may together ({most >> 20} MiB)")

    @staticmethod
    def _write(target: Path, data: bytes) -> None:
        """Write beside the target, then rename: a killed process leaves no half artifact."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as part:
            part.write(data)
            part.flush()
            os.fsync(part.fileno())
        Path(part.name).rename(target)


def place_of(digest: str, codec: Codec | None = None) -> str:
    """Where an artifact lies below the directory of all. Raises ArtifactMissing for what is no sha256."""
    if len(digest) != 64 or not digest.isalnum():
        raise ArtifactMissing(f"{digest!r} is not a sha256")
    return f"{digest[:2]}/{digest}{codec.suffix if codec else ''}"


def opened(digest: str, data: bytes, codec: Codec | None = None) -> bytes:
    """The bytes of an artifact from what was written for it. Raises ArtifactMissing."""
    try:
        plain = codec.open(digest, data) if codec else data
    except Unsealed as error:
        raise ArtifactMissing(f"{digest}: {error}") from error
    if hashlib.sha256(plain).hexdigest() != digest:
        raise ArtifactMissing(f"{digest}: the file was changed")
    return plain
