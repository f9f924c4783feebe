"""Control groups: limits on memory and processes that hold for everything in a sandbox, where this user may make them.

Niceness too: the kernel's scheduler groups processes by session where control groups do not (sched(7), "autogroup"),
and between sessions niceness says nothing: what a nice process starts in sessions of its own would have a full share.

Both hierarchies: version 1 (memory and pids mounted apart) and version 2 (one tree). A group is named
patchwright-…-N after the process that made it, so that a later run can tell whose it was and remove it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.owners import abandoned, owner

SHARES = 1024  # of a group in version 1, and of Docker's containers
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups can be made. The same directory in version 2; cpu is None where no shares can be given."""

    version: int
    memory: Path
    pids: Path
    cpu: Path | None = None

    @property
    def parents(self) -> tuple[Path, ...]:
        """The directories that hold our groups."""
        return tuple(dict.fromkeys(path for path in (self.memory, self.pids, self.cpu) if path))


@dataclass(frozen=True, slots=True)
class Group:
    """One sandbox's group."""

    hierarchy: Hierarchy
    name: str

    @property
    def directories(self) -> tuple[Path, ...]:
        """One directory per mounted hierarchy."""
        return tuple(parent / self.name for parent in self.hierarchy.parents)

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Set both limits. A limit below what is in use now takes effect as far as the kernel can reclaim."""
        memory, pids = self.hierarchy.memory / self.name, self.hierarchy.pids / self.name
        (pids / "pids.max").write_text(str(processes))
        if self.hierarchy.version == 2:
            (memory / "memory.max").write_text(str(memory_bytes))
            _write_if_there(memory / "memory.swap.max", "0")
            return
        # The limit with swap may never be below the one without: raise it first, lower it last.
        for _ in range(2):
            _write_if_there(memory / "memory.memsw.limit_in_bytes", str(memory_bytes))
            _write_if_there(memory / "memory.limit_in_bytes", str(memory_bytes))

    def share(self, niceness: int) -> None:
        """Give it the share of the processors that one process of a niceness has, 0 being the usual one."""
        if self.hierarchy.cpu is None:
            return
        place = self.hierarchy.cpu / self.name
        if self.hierarchy.version == 2:
            (place / "cpu.weight").write_text(str(weight(100, niceness)))
        else:
            (place / "cpu.shares").write_text(str(max(2, weight(SHARES, niceness))))

    def watches(self) -> dict[str, tuple[Path, str]]:
        """Counter files for the runner: what it is called there, the file, and the line in it."""
        memory, pids = self.hierarchy.memory / self.name, self.hierarchy.pids / self.name
        if self.hierarchy.version == 2:
            return {
                "anon": (memory / "memory.stat", "anon"),
                "oom": (memory / "memory.events", "oom_kill"),
                "forks": (pids / "pids.events", "max"),
            }
        return {
            "anon": (memory / "memory.stat", "total_rss"),
            "oom": (memory / "memory.oom_control", "oom_kill"),
            "forks": (pids / "pids.events", "max"),
        }

    def members(self) -> set[int]:
        """Host pids of what is in it."""
        found: set[int] = set()
        for directory in self.directories:
            with contextlib.suppress(OSError):
                found.update(int(line) for line in (directory / "cgroup.procs").read_text().split())
        return found

    def remove(self) -> bool:
        """Remove it; False while something (dead, but not yet gone) is in it."""
        removed = [_remove(directory) for directory in self.directories]
        return all(removed)


def weight(usual: int, niceness: int) -> int:
    """What the kernel's scheduler makes of a niceness: a quarter more or less a step (sched(7))."""
    return max(1, round(usual / 1.25**niceness))


def make(hierarchy: Hierarchy, niceness: int = 0) -> Group:
    """A new, empty group; raises OSError.

    niceness: of the process that makes it. At the usual one the sessions in the sandbox stay apart, where the kernel
    keeps them so: one that forks for ever must not starve what watches it.
    """
    if not niceness and hierarchy.version == 1:
        hierarchy = replace(hierarchy, cpu=None)
    group = Group(hierarchy, f"{owner()}-{next(_numbers)}")
    try:
        for directory in group.directories:
            directory.mkdir(mode=0o755)
        group.share(niceness)
    except OSError:
        group.remove()
        raise
    return group


def find() -> Hierarchy | None:
    """The hierarchy in which this process may make groups with both limits, tried; None when there is none."""
    for hierarchy in _candidates():
        try:
            group = make(hierarchy, niceness=1)
        except OSError:
            continue
        try:
            group.limit(memory_bytes=64 << 20, processes=16)
            if all(path.is_file() for path, _ in group.watches().values()) and _joins(group):
                return hierarchy
        except OSError:
            continue
        finally:
            _remove_soon(group)
    return None


def reap(hierarchy: Hierarchy) -> int:
    """Remove groups whose makers are dead, killing what is left in them; the number removed."""
    removed = 0
    for name in {path.name for parent in hierarchy.parents for path in parent.glob("patchwright-*")}:
        if not abandoned(name):
            continue
        group = Group(hierarchy, name)
        for pid in group.members():
            with contextlib.suppress(OSError):
                os.kill(pid, 9)
        removed += _remove_soon(group)
    return removed


def _remove_soon(group: Group) -> bool:
    for _ in range(200):
        if group.remove():
            return True
        time.sleep(0.002)
    return False


def _candidates() -> Iterator[Hierarchy]:
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    own = {name: path for line in lines for _, names, path in [line.split(":", 2)] for name in names.split(",")}
    root = Path("/sys/fs/cgroup")
    if "memory" in own and "pids" in own:
        memory, pids = (_below(root / name, own[name]) for name in ("memory", "pids"))
        if "cpu" in own:
            yield Hierarchy(1, memory, pids, _below(root / "cpu", own["cpu"]))
        yield Hierarchy(1, memory, pids)
    if "" in own:
        # A group with processes in it cannot hand controllers down, so look upwards for one that does.
        place = _below(root, own[""])
        for path in (place, *place.parents):
            if not path.is_relative_to(root):
                break
            if _hands_down(path, ("memory", "pids", "cpu")):
                yield Hierarchy(2, path, path, path)
            if _hands_down(path, ("memory", "pids")):
                yield Hierarchy(2, path, path)


def _below(root: Path, own: str) -> Path:
    """This process's own group, or the root where the path is that of another namespace."""
    place = root / own.lstrip("/")
    return place if ".." not in place.parts and place.is_dir() else root


def _hands_down(path: Path, controllers: Sequence[str]) -> bool:
    try:
        there = (path / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False
    return all(name in there for name in controllers)


def _joins(group: Group) -> bool:
    """Whether a process can be put into it."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", 'for d; do echo 0 > "$d/cgroup.procs" || exit 1; done', "sh",
                                     *map(str, group.directories)], {}, file_actions=[(os.POSIX_SPAWN_OPEN, 2,
                                     os.devnull, os.O_WRONLY, 0)])  # fmt: skip
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _write_if_there(path: Path, text: str) -> None:
    """Write a control file that some kernels do not have, or refuse while more is in use."""
    with contextlib.suppress(OSError):
        path.write_text(text)


def _remove(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
