"""Artifacts: texts of a run (logs, diffs, test runs, certificates) kept in files named by the sha256 of their bytes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path


class ArtifactMissing(KeyError):
    """No artifact of that name, or its bytes no longer have it as their hash."""


class Artifacts:
    """A content-addressed directory. Writing twice is harmless; reading checks the hash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: str | bytes) -> str:
        """Keep `content` (text as UTF-8) and return its sha256 in hex."""
        data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        digest = hashlib.sha256(data).hexdigest()
        target = self._path(digest)
        if not target.exists():
            self._write(target, data)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes named `digest`. Raises ArtifactMissing."""
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise ArtifactMissing(digest) from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise ArtifactMissing(f"{digest}: the file was changed")
        return data

    def text(self, digest: str) -> str:
        """The artifact as text, as it was put."""
        return self.get(digest).decode("utf-8", "surrogateescape")

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not digest.isalnum():
            raise ArtifactMissing(f"{digest!r} is not a sha256")
        return self._folder / digest[:2] / digest

    @staticmethod
    def _write(target: Path, data: bytes) -> None:
        """Write beside the target, then rename: a killed process leaves no half artifact."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".part-", delete=False) as part:
            part.write(data)
            part.flush()
            os.fsync(part.fileno())
        Path(part.name).rename(target)
