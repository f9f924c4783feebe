"""What a build is given: files of a directory as an archive, links not followed, devices left out, sizes bounded."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docker.utils.build import PatternMatcher

from sandbox.docker import dockerfile
from sandbox.protocol import Blueprint, BuildFailed
from sandbox.tree import Tree

NAME = ".patchwright.Dockerfile"  # under which the builder finds its text
MAX_BYTES = 512 << 20
MAX_FILES = 50_000
_MAX_PATTERNS, _MAX_PATTERN, _MAX_STARS = 300, 300, 5  # more would be slow to match
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or link of the context, by its path in it."""

    path: str
    real: Path
    mode: int
    size: int


def entries(top: Path) -> tuple[Entry, ...]:
    """Files and links below `top` that .dockerignore leaves, sorted. Raises BuildFailed when they are too many."""
    ignored = PatternMatcher(_patterns(top))
    found: list[Entry] = []
    total = 0
    for path, facts in _walk(top):
        if path.split("/", 1)[0] == NAME or ignored.matches(path):  # of two files at one place the later one counts
            continue
        found.append(Entry(path, top / path, facts.st_mode, facts.st_size))
        total += facts.st_size
        if len(found) > MAX_FILES or total > MAX_BYTES:
            limits = f"{MAX_FILES} files and {MAX_BYTES >> 20} MB"
            raise BuildFailed(f"the context of the build has more than {limits}: name less, or write .dockerignore", "")
    return tuple(sorted(found, key=lambda entry: entry.path))


def key_of(blueprint: Blueprint, text: str, files: Sequence[Entry], sources: tuple[str, ...] | None) -> str:
    """The hex digest that names what is built: the text, the arguments, and the files that it copies."""
    state = hashlib.sha256(repr((text, blueprint.args, blueprint.target)).encode())
    if any(stat.S_ISLNK(entry.mode) for entry in files):  # the builder follows them: names do not tell what is copied
        sources = None
    for entry in files:
        if dockerfile.matches(entry.path, sources):
            state.update(f"\0{entry.path}\0{_mode(entry):o}\0".encode("utf-8", "surrogateescape"))
            state.update(_digest(entry))
    return state.hexdigest()


def pack(files: Sequence[Entry], text: str, into: IO[bytes]) -> None:
    """Write the archive, whose files belong to root and have no dates: what did not change is not built again."""
    with tarfile.open(fileobj=into, mode="w", format=tarfile.PAX_FORMAT) as tar:
        data = text.encode("utf-8", "surrogateescape")
        head = tarfile.TarInfo(NAME)
        head.size = len(data)
        tar.addfile(head, io.BytesIO(data))
        for entry in files:
            info = tarfile.TarInfo(entry.path)
            info.mode = _mode(entry)
            if stat.S_ISLNK(entry.mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.real)  # noqa: PTH115
                tar.addfile(info)
            else:
                with entry.real.open("rb") as file:
                    info.size = os.fstat(file.fileno()).st_size
                    tar.addfile(info, file)


def _walk(top: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files and links. What cannot be listed is not there."""
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            found = list(os.scandir(top / folder))
        except PermissionError:
            found = []
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                pending.append(path)
            elif stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode):
                yield path, facts


def _patterns(top: Path) -> list[str]:
    """Lines of .dockerignore; those that would take long to match are left out, so that more is sent."""
    text = Tree(top).read(".dockerignore", max_bytes=64 << 10) or ""
    lines = (line.strip() for line in text.splitlines())
    kept = [line for line in lines if line and line[0] != "#" and len(line) <= _MAX_PATTERN]
    return [line for line in kept if line.count("*") <= _MAX_STARS][:_MAX_PATTERNS]


def _mode(entry: Entry) -> int:
    return 0o755 if entry.mode & stat.S_IXUSR else 0o644


def _digest(entry: Entry) -> bytes:
    if stat.S_ISLNK(entry.mode):
        return os.readlink(entry.real).encode("utf-8", "surrogateescape")  # noqa: PTH115
    state = hashlib.sha256()
    with entry.real.open("rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.digest()
