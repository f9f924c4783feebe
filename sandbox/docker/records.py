"""What is known of images, on this machine's disk: what they hold, which are ours, and when each was used last.

An engine does not tell when an image was used. FOLDER/HEX.json: one image, by its id; its time is that of its last use.
FOLDER/KEY.log: what the build of an image printed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sandbox.protocol import System

_SYSTEMS = TypeAdapter(System)
_IDENTITY = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


class Records:
    """The folder. Nothing in it is needed: a record that is missing or damaged is made again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def mark(self) -> str:
        """What tells this folder from others: images that were built for it bear it."""
        return hashlib.sha256(os.fsencode(self.folder.resolve())).hexdigest()[:16]

    def system(self, identity: str) -> System | None:
        """What an image holds, if that was looked up before."""
        try:
            return _SYSTEMS.validate_json(self._path(identity).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, system: System) -> None:
        """Remember it."""
        path = self._path(system.identity)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_text(json.dumps(asdict(system)), encoding="utf-8")
        partial.replace(path)

    def use(self, identity: str) -> None:
        """The image is used now."""
        path = self._path(identity)
        if path.exists():
            os.utime(path)

    def used(self, identity: str) -> float | None:
        """When it was used last, in seconds since the epoch; None when it is not known."""
        try:
            return self._path(identity).stat().st_mtime
        except OSError:
            return None

    def identities(self) -> tuple[str, ...]:
        """Ids of all images that were used."""
        return tuple(f"sha256:{path.stem}" for path in self.folder.glob("*.json") if _IDENTITY.fullmatch(path.stem))

    def forget(self, identity: str) -> None:
        """The image is gone."""
        self._path(identity).unlink(missing_ok=True)

    def clear_logs(self, keys: Collection[str], *, keep_s: float) -> None:
        """Remove logs of other images than these, unless they were written within so many seconds."""
        for path in self.folder.glob("*.log"):
            if path.stem not in keys and time.time() - path.stat().st_mtime > keep_s:
                path.unlink(missing_ok=True)

    def log(self, key: str) -> Path:
        """Where the log of a build is kept."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f"{key}.log"

    def _path(self, identity: str) -> Path:
        match = _IDENTITY.fullmatch(identity)
        return self.folder / f"{match[1] if match else 'unknown'}.json"
