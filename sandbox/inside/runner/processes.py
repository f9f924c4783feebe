"""Whose process is it, which are alive, and how to end them.

Every command gets a hard limit of its own on a resource that nobody uses (bytes in POSIX message queues), counted
downwards. It passes through fork, exec, setsid and double forks, and it cannot be raised: a process can only pretend to
belong to a command that started later. As PID 1 the runner ends everything at once with kill(-1) when no other command
is running, which no fork bomb outruns; next to other commands it ends what bears no living command's mark.
"""

import os
import resource

from sandbox.inside.runner.command import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PAGE = resource.getpagesize()
PASSES = 50
_SIGKILL = 9


def kill(pid: int) -> None:
    """SIGKILL; whoever is gone already is no matter."""
    try:
        os.kill(pid, _SIGKILL)
    except OSError:
        return


def marker(pid: int) -> int:
    """The mark of a process; 0 when it is gone."""
    try:
        return resource.prlimit(pid, resource.RLIMIT_MSGQUEUE)[1]
    except OSError:
        return 0


def children() -> "set[int] | None":
    """The runner's direct children, or None where the kernel does not list them."""
    try:
        with open("/proc/thread-self/children", "rb") as file:
            return {int(word) for word in file.read().split()}
    except OSError:
        return None


def proportional(pid: int) -> int:
    """Bytes of memory of a process, shared pages divided among those who share them; 0 when it is gone."""
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


class Processes:
    """Everything below the runner."""

    def __init__(self) -> None:
        self.me = os.getpid()
        self.first = self.me == 1
        hard = resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1]
        self.highest = 819200 if hard == resource.RLIM_INFINITY else min(hard, 819200)
        self.sequence = 0

    def fresh_marker(self, taken: "Iterable[int]") -> int:
        """A mark that no living command has, below all given out before (until they start again from the top)."""
        used = set(taken)
        while True:
            self.sequence = self.sequence % (self.highest - 1) + 1
            mark = self.highest - self.sequence
            if mark not in used:
                return mark

    def reap(self, on_dead: "Callable[[int, int, resource.struct_rusage], object]") -> bool:
        """Collect the dead; True when no child at all is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            on_dead(pid, status, usage)

    def alive(self) -> "dict[int, tuple[int, int]]":
        """Processes below the runner that are not dead: pid to (threads, resident bytes)."""
        parents, found = {}, {}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            parents[int(name)] = int(fields[1])
            if fields[0] not in (b"Z", b"X"):
                found[int(name)] = (int(fields[17]), int(fields[21]) * PAGE)
        found.pop(self.me, None)
        if self.first:
            return found
        return {pid: facts for pid, facts in found.items() if descends(pid, self.me, parents)}

    def kill_all(self) -> None:
        if self.first:
            kill(-1)
            return
        for pid in self.alive():
            kill(pid)

    def sweep(self, others: "list[Command]", reap: "Callable[[], bool]") -> bool:
        """Kill what a command left running that has ended beside these others; True when nothing of it is left."""
        if not others:
            if reap():
                return True
            self.kill_all()
            return reap()
        direct = children()
        if direct is not None and direct <= {other.pid for other in others}:
            return True  # an orphan would be a child of ours
        living = {other.marker for other in others}
        for _ in range(PASSES):
            strays = [pid for pid in self.alive() if marker(pid) not in living]
            if not strays:
                return True
            for pid in strays:
                kill(pid)
            reap()
        return False


def descends(pid: int, ancestor: int, parents: "dict[int, int]") -> bool:
    while pid in parents and pid != ancestor:
        pid = parents[pid]
    return pid == ancestor
