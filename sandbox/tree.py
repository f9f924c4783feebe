"""Reading a repository's files on the host without trusting it: never past its top, no device, nothing unbounded."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_TEXT_BYTES = 2 << 20
MAX_FILES = 50_000
MAX_DEPTH = 24

# Directories that hold installed or generated files, never a project's own sources.
GENERATED = frozenset(
    (
        *("__pycache__", "node_modules", ".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", ".mypy_cache"),
        *(".pytest_cache", ".ruff_cache", ".hypothesis", ".cache", "htmlcov", "site-packages", "bower_components"),
        *(".gradle", ".idea", ".vscode"),
    ),
)

# Files that mark the directory they are in as a virtual environment or a cache (cargo's `target` among them).
MARKS = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory of hostile files. All paths are relative POSIX paths; links that lead out of it do not exist."""

    top: Path

    def read(self, path: str, *, max_bytes: int = MAX_TEXT_BYTES) -> str | None:
        """The text of a regular file (undecodable bytes replaced); None when it is absent, too large or elsewhere."""
        data = self.read_bytes(path, max_bytes=max_bytes)
        return None if data is None else data.decode("utf-8-sig", errors="replace")

    def read_bytes(self, path: str, *, max_bytes: int = MAX_TEXT_BYTES) -> bytes | None:
        """The bytes of a regular file of at most `max_bytes`, or None."""
        real = self._inside(path)
        if real is None or not real.is_file():
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
                return None
            return file.read(max_bytes)

    def has(self, path: str) -> bool:
        """Whether a regular file is there."""
        real = self._inside(path)
        return real is not None and real.is_file()

    def has_directory(self, path: str) -> bool:
        """Whether a directory is there."""
        real = self._inside(path)
        return real is not None and real.is_dir()

    def names(self, path: str = ".") -> tuple[list[str], list[str]]:
        """Sorted names of the regular files and of the directories directly in `path`; links are left out."""
        real = self._inside(path)
        files: list[str] = []
        directories: list[str] = []
        try:
            entries = list(os.scandir(real)) if real is not None else []
        except OSError:
            entries = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                files.append(entry.name)
        return sorted(files), sorted(directories)

    def walk(self, start: str = ".", *, max_files: int = MAX_FILES) -> Iterator[str]:
        """Regular files below `start`, breadth first, without generated directories and virtual environments."""
        queue = [(start, 0)]
        seen = 0
        for directory, depth in queue:
            files, directories = self.names(directory)
            if directory != start and MARKS & set(files):
                continue
            prefix = "" if directory == "." else f"{directory}/"
            for name in files:
                seen += 1
                if seen > max_files:
                    return
                yield prefix + name
            if depth < MAX_DEPTH:
                queue += [(prefix + name, depth + 1) for name in directories if name not in GENERATED]

    def _inside(self, path: str) -> Path | None:
        """The real path of `path`, or None when it leads out of the tree or cannot be resolved."""
        try:
            top = self.top.resolve()
            real = (top / path).resolve()
        except (OSError, ValueError, RuntimeError):
            return None
        return real if real == top or top in real.parents else None
