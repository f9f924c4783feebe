"""The cache of built environments on disk: keys, locks, publication by a marker file, and pruning by last use.

CACHE/environments/KEY/environment/   seen at /environment          CACHE/uv/      downloaded wheels, written only
CACHE/environments/KEY/products/      layer over the workspace                     by steps that run nobody's code
CACHE/environments/KEY/build.log      commands and their output     CACHE/locks/   one file per key
CACHE/environments/KEY/built.json     the marker: without it, the directory is a leftover
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import stat
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.recipe import Recipe
from sandbox.tree import Tree

FORMAT = 1
_MARKER = "built.json"
_POLL_S = (0.02, 0.5)
_BLOCK = 4096  # the least that a directory takes
_MAX_MANIFEST = 32 << 20


def environment_key(recipe: Recipe, base: Path, *, stamps: Sequence[str], scope: str) -> str:
    """The hex digest that names a built environment.

    It covers the recipe, what its manifests contain, `stamps` (interpreter, installer, paths that are built in) and,
    when a step runs the repository's code, `scope`: whose code that is. Otherwise a repository could copy another one's
    manifests, and leave its own environment for the other to use.
    """
    tree = Tree(base)
    contents = [(path, tree.read_bytes(path, max_bytes=_MAX_MANIFEST)) for path in recipe.manifests]
    described = asdict(recipe)
    for name in ("notes", "source", "test", "roots"):  # do not change what is built
        del described[name]
    own_code = any(step.runs == "repository" for step in recipe.steps)
    parts = [
        str(FORMAT),
        json.dumps(described, sort_keys=True),
        *stamps,
        scope if own_code else "",
        *(f"{path}:{hashlib.sha256(data).hexdigest() if data is not None else '-'}" for path, data in contents),
    ]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


class Slot:
    """The place of one environment in the cache."""

    def __init__(self, cache: Path, key: str) -> None:
        self.key = key
        self.top = cache / "environments" / key
        self.environment = self.top / "environment"
        self.products = self.top / "products"
        self.log = self.top / "build.log"
        self.scratch = self.top / "scratch"
        self._marker = self.top / _MARKER

    def record(self) -> dict[str, object] | None:
        """What was noted when it was published, or None when it is not complete; marks it as used."""
        try:
            record = json.loads(self._marker.read_text(encoding="utf-8"))
            os.utime(self._marker)
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def begin(self) -> None:
        """Clear away a leftover and make the empty directories."""
        remove_tree(self.top)
        for directory in (self.environment, self.products, self.scratch):
            directory.mkdir(parents=True)

    def publish(self, record: dict[str, object]) -> None:
        """Make it visible to all, in one step."""
        remove_tree(self.scratch)
        partial = self.top / f"{_MARKER}.partial"
        partial.write_text(json.dumps({**record, "bytes": tree_bytes(self.top)}), encoding="utf-8")
        partial.rename(self._marker)


@asynccontextmanager
async def locked(cache: Path, key: str) -> AsyncIterator[None]:
    """Hold the lock of a key against other processes and tasks; waiting can be cancelled."""
    path = cache / "locks" / f"{key}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        pause = _POLL_S[0]
        while not _try_lock(descriptor):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _POLL_S[1])
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Entry:
    """A built environment. size: in bytes; made, used: seconds since the epoch; language: "" where it is not known."""

    key: str
    size: int
    made: float
    used: float
    language: str = ""


def entries(cache: Path) -> tuple[Entry, ...]:
    """The finished environments of a cache, the one used last first."""
    found = []
    for marker in (cache / "environments").glob(f"*/{_MARKER}"):
        try:
            facts, record = marker.stat(), json.loads(marker.read_text(encoding="utf-8"))
            made = float(record.get("made", facts.st_ctime))
            language = str(record.get("language", ""))
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # being made, or removed
        found.append(Entry(marker.parent.name, _recorded_bytes(marker), made, facts.st_mtime, language))
    return tuple(sorted(found, key=lambda entry: -entry.used))


def prune(cache: Path, max_bytes: int, *, keep_s: float = 3600.0) -> int:
    """Remove environments not used for longest until all take at most `max_bytes`; returns how many bytes were freed.

    What was used in the last `keep_s` seconds, or is being built, stays. When that is not enough, the downloaded wheels
    go too.
    """
    entries = []
    for marker in (cache / "environments").glob(f"*/{_MARKER}"):
        size = _recorded_bytes(marker)
        entries.append((marker.stat().st_mtime, marker.parent, size))
    downloads = cache / "uv"
    total = sum(size for _, _, size in entries) + tree_bytes(downloads)
    freed = 0
    for used, directory, size in sorted(entries):
        if total - freed <= max_bytes or time.time() - used < keep_s:
            break
        freed += size if _remove_unused(cache, directory) else 0
    if total - freed > max_bytes and downloads.is_dir() and time.time() - downloads.stat().st_mtime > keep_s:
        freed += tree_bytes(downloads)
        remove_tree(downloads)
    return freed


def _recorded_bytes(marker: Path) -> int:
    try:
        return max(_BLOCK, int(json.loads(marker.read_text(encoding="utf-8"))["bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return max(_BLOCK, tree_bytes(marker.parent))


def _remove_unused(cache: Path, directory: Path) -> bool:
    """Remove one environment unless its lock is held."""
    lock = cache / "locks" / f"{directory.name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _try_lock(descriptor):
            return False
        (directory / _MARKER).unlink(missing_ok=True)
        remove_tree(directory)
        return True
    finally:
        os.close(descriptor)


def tree_bytes(top: Path) -> int:
    """Bytes of the files below `top`, links not followed."""
    total = 0
    for directory, _, files in os.walk(top):
        for name in files:
            try:
                total += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118 - thousands of them
            except OSError:
                continue
    return total


def remove_tree(top: Path) -> None:
    """Remove a directory, also one whose content took away its own permissions; nothing happens when it is absent."""
    if not top.exists() and not top.is_symlink():
        return
    try:
        shutil.rmtree(top)
    except OSError:
        _unlock(top)
        for directory, names, _ in os.walk(top):
            for name in names:  # before the walk goes down into them
                _unlock(Path(directory, name))
        shutil.rmtree(top)


def _unlock(directory: Path) -> None:
    if not directory.is_symlink():
        directory.chmod(stat.S_IRWXU)
