"""Copying a working tree on the host: links stay links, nothing is followed, no devices, sizes are bounded."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.protocol import SandboxError
from sandbox.tree import GENERATED, MARKS

_MAX_NOTES = 20
_CHUNK = 64 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class TooLarge(SandboxError):
    """A file or the tree exceeds what is copied; the message names it."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What is copied at most: bytes of one file, bytes of all, number of files."""

    file_bytes: int = 200 << 20
    total_bytes: int = 4 << 30
    files: int = 300_000


@dataclass(slots=True)
class Copied:
    """What was copied, and notes on what was not."""

    files: int = 0
    total: int = 0
    notes: list[str] = field(default_factory=list)
    unnoted: int = 0

    def note(self, text: str) -> None:
        """Remember something for the report; a long list is cut."""
        if len(self.notes) < _MAX_NOTES:
            self.notes.append(text)
        else:
            self.unnoted += 1


class Snapshot:
    """One copy from `source` to `destination`, both existing directories. `stop` ends it early, from another thread."""

    def __init__(self, source: Path, destination: Path, caps: Caps) -> None:
        self.stop = threading.Event()
        self._source = source
        self._destination = os.fsencode(destination)
        self._caps = caps
        self._copied = Copied()
        self._made: set[bytes] = {b""}

    def copy(self, names: Iterable[bytes] | None = None) -> Copied:
        """Copy the relative paths `names`, or everything but generated directories. Raises TooLarge, OSError."""
        root = os.open(self._source, _DIRECTORY)
        try:
            if names is None:
                self._copy_directory(root, b"", [])
            else:
                self._copy_named(root, sorted(set(names)))
        finally:
            os.close(root)
        if self._copied.unnoted:
            self._copied.notes.append(f"and {self._copied.unnoted} more")
        return self._copied

    def _copy_named(self, root: int, names: list[bytes]) -> None:
        """Copy listed paths, opening each directory on the way without following links."""
        opened: list[tuple[bytes, int]] = []
        try:
            for name in names:
                parts = name.rstrip(b"/").split(b"/")
                if not _plain(parts):
                    continue
                keep = 0
                while keep < min(len(opened), len(parts) - 1) and opened[keep][0] == parts[keep]:
                    keep += 1
                while len(opened) > keep:
                    os.close(opened.pop()[1])
                if self._descend(root, opened, parts[:-1], name):
                    self._copy_entry(opened[-1][1] if opened else root, b"/".join(parts), parts[-1])
        finally:
            for _, descriptor in opened:
                os.close(descriptor)

    def _descend(self, root: int, opened: list[tuple[bytes, int]], parts: list[bytes], name: bytes) -> bool:
        for part in parts[len(opened) :]:
            try:
                descriptor = os.open(part, _DIRECTORY, dir_fd=opened[-1][1] if opened else root)
            except FileNotFoundError:
                return False
            except OSError as error:
                self._copied.note(f"{shown(name)} was left out: {error.strerror} at {shown(part)}")
                return False
            opened.append((part, descriptor))
        return True

    def _copy_entry(self, directory: int, path: bytes, name: bytes) -> None:
        """Copy one entry of an open directory, by what it is."""
        if self.stop.is_set():
            raise InterruptedError("the copy was cancelled")
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return  # tracked, but deleted in the working tree
        if stat.S_ISLNK(status.st_mode):
            self._link(directory, path, name)
        elif stat.S_ISREG(status.st_mode):
            self._file(directory, path, name)
        elif stat.S_ISDIR(status.st_mode):
            self._nested(directory, path, name)
        else:
            self._copied.note(f"{shown(path)} was left out: not a file, a directory or a link")

    def _link(self, directory: int, path: bytes, name: bytes) -> None:
        target = os.readlink(name, dir_fd=directory)
        os.symlink(target, self._place(path))  # noqa: PTH211 - bytes
        inside = os.path.normpath(os.path.join(os.path.dirname(path), target))  # noqa: PTH118, PTH120 - bytes
        if target.startswith(b"/") or inside.split(b"/")[0] == b"..":
            self._copied.note(f"{shown(path)} is a link that leads out of the tree; it is kept, and leads nowhere")
        self._count(path, 0)

    def _file(self, directory: int, path: bytes, name: bytes) -> None:
        try:
            source = os.open(name, _FILE, dir_fd=directory)
        except PermissionError:
            self._copied.note(f"{shown(path)} was left out: permission denied")
            return
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                return
            self._count(path, status.st_size)
            mode = 0o755 if status.st_mode & 0o111 else 0o644
            target = os.open(self._place(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
            try:
                copy_bytes(source, target, self._caps.file_bytes)
                os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)

    def _nested(self, directory: int, path: bytes, name: bytes) -> None:
        """A directory in a list of files: a submodule, or a repository inside this one."""
        descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            before = self._copied.files
            self._copy_directory(descriptor, path, [])
        finally:
            os.close(descriptor)
        if self._copied.files > before:
            self._copied.note(f"{shown(path)} is a repository of its own; its files were copied as they are")

    def _copy_directory(self, directory: int, path: bytes, above: list[bytes]) -> None:
        if len(above) > 100:
            self._copied.note(f"{shown(path)} was left out: nested too deeply")
            return
        with os.scandir(directory) as entries:
            names = sorted(os.fsencode(entry.name) for entry in entries)
        if above and any(os.fsencode(mark) in names for mark in MARKS):
            self._copied.note(f"{shown(path)} was left out: a virtual environment or a cache")
            return
        for name in names:
            inner = path + b"/" + name if path else name
            if name.lower() == b".git" or name.endswith((b".pyc", b".pyo")):
                continue
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                self._copy_entry(directory, inner, name)
            elif name.decode(errors="replace") not in GENERATED:
                self._descend_into(directory, inner, name, above)
            elif name != b"__pycache__":
                self._copied.note(f"{shown(inner)} was left out: installed or generated files")

    def _descend_into(self, directory: int, path: bytes, name: bytes, above: list[bytes]) -> None:
        try:
            descriptor = os.open(name, _DIRECTORY, dir_fd=directory)
        except PermissionError:
            self._copied.note(f"{shown(path)} was left out: permission denied")
            return
        try:
            self._copy_directory(descriptor, path, [*above, name])
        finally:
            os.close(descriptor)

    def _count(self, path: bytes, size: int) -> None:
        caps, copied = self._caps, self._copied
        copied.files += 1
        copied.total += size
        if size > caps.file_bytes:
            raise TooLarge(
                f"{shown(path)} has {size >> 20} MB; files of more than {caps.file_bytes >> 20} MB are not taken"
            )
        if copied.total > caps.total_bytes:
            raise TooLarge(f"the tree has more than {caps.total_bytes >> 20} MB; ignore or remove what is not needed")
        if copied.files > caps.files:
            raise TooLarge(f"the tree has more than {caps.files} files; ignore or remove what is not needed")

    def _place(self, path: bytes) -> bytes:
        """The path in the destination, its directories made."""
        parent, _, _ = path.rpartition(b"/")
        if parent not in self._made:
            os.makedirs(self._destination + b"/" + parent, exist_ok=True)  # noqa: PTH103 - bytes
            self._made.add(parent)
        return self._destination + b"/" + path


def copy_bytes(source: int, target: int, limit: int) -> None:
    """Copy an open file in the kernel, at most `limit` bytes (it may be growing)."""
    copied = 0
    while copied < limit:
        try:
            done = os.copy_file_range(source, target, min(_CHUNK, limit - copied))
        except OSError:
            done = os.sendfile(target, source, None, min(_CHUNK, limit - copied)) if not copied else 0
        if not done:
            return
        copied += done


def _plain(parts: list[bytes]) -> bool:
    return all(part not in (b"", b".", b"..") and part.lower() != b".git" and b"\0" not in part for part in parts)


def shown(name: bytes) -> str:
    """A file name for a message: one line, bounded, undecodable bytes escaped."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)[:200]


def listed(data: bytes) -> Iterator[bytes]:
    """The names of a NUL-separated list."""
    return (name for name in data.split(b"\0") if name)
