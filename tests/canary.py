"""Where a secret is: in the environments, memories and files of processes, as whoever attacks them could find it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK, _OVERLAP = 8 << 20, 4096
_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+)")


@dataclass(frozen=True)
class Place:
    """Where something was found: in a process by its command, or in a file."""

    what: str
    where: str


def around(root: int, folder: Path) -> list[int]:
    """All processes below one, and those that a command or their variables tie to a folder (a database is)."""
    parents = {pid: _parent(pid) for pid in _pids()}
    mark = str(folder).encode()
    found = {pid for pid in parents if mark in _read(pid, "cmdline") or mark in _read(pid, "environ")} | {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {root, os.getpid()})


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _read(pid: int, what: str) -> bytes:
    """What the kernel tells of a process; nothing of one that is over."""
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:
        return b""


def _parent(pid: int) -> int:
    told = _read(pid, "stat").rpartition(b")")[2].split()
    return int(told[1]) if told else 0


def command(pid: int) -> str:
    """What it runs, "" when it is over."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace")


def in_process(pid: int, wanted: re.Pattern[bytes]) -> Iterator[Place]:
    """Whether environment or memory has it; of one that is over, nothing."""
    about = command(pid)
    if wanted.search(_read(pid, "environ")):
        yield Place("environment", about)
    with contextlib.suppress(OSError):
        if any(wanted.search(block) for block in _memory(pid)):
            yield Place("memory", about)


def _memory(pid: int) -> Iterator[bytes]:
    """All that a process can write to."""
    regions = _REGION.findall(Path(f"/proc/{pid}/maps").read_text())
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end, rights in regions:
            if not rights.startswith("rw"):
                continue
            at, last = int(start, 16), int(end, 16)
            while at < last:
                try:
                    memory.seek(at)
                    block = memory.read(min(_BLOCK, last - at))
                except OSError:  # a guard page, or one that went away
                    break
                if not block:
                    break
                yield block
                at += len(block) if at + len(block) >= last else max(len(block) - _OVERLAP, 1)


def in_files(folder: Path, wanted: re.Pattern[bytes], but: Iterable[Path] = ()) -> Iterator[Place]:
    """The files below a folder that have it: logs, homes, and a database's own."""
    left_out = set(but)
    for path in folder.rglob("*"):
        if path in left_out or path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(OSError):
            if wanted.search(path.read_bytes()):
                yield Place("file", str(path))
