"""Forked children under supervision: limits on CPU time, wall time and memory, and an end for all that they started.

A child reports by `emit(record, ...)`. A record with "limit": [cpu seconds, wall seconds] starts a new time slice; a
child that outlives its slice is killed with its process group. It ends by itself through a last record {"end": true}.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
import warnings
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

from .wire import out_of_reach, write_lines

Record = Dict[str, Any]
Emit = Callable[..., None]  # of records
Body = Callable[[Emit], None]
DONE, CRASHED, TIMEOUT = "done", "crashed", "timeout"
_POLL_S = 0.05
_SUBREAPER = 36  # prctl option: orphaned descendants become our children, so that they can be ended
_MAX_RECORDS = 64 << 20
# The code under test may replace any of these in the modules; the parent keeps the real ones.
_fork, _kill, _killpg, _waitpid, _exit, _getpid = os.fork, os.kill, os.killpg, os.waitpid, os._exit, os.getpid


def adopt_orphans() -> None:
    """Become the parent of whatever descendants leave behind (Linux); elsewhere only process groups are ended."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    except (OSError, AttributeError, TypeError):
        return


def run_child(
    body: Body,
    limit: Sequence[float],
    on_record: Callable[[Record], None],
    memory: int,
    private: Sequence[int] = (),
) -> str:
    """Run `body` in a forked child; returns how it ended: "done", "crashed" or "timeout".

    limit: CPU and wall seconds until the first record with a limit; memory: bytes of address space above the present;
    private: descriptors that the child must not have (the conversation with the host).
    """
    source, sink = os.pipe()
    sink = _moved(sink)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forking with threads alive warns from Python 3.12 on
        pid = _fork()
    if pid == 0:
        for descriptor in (source, *private):
            os.close(descriptor)
        _be_child(body, sink, memory)
    os.close(sink)
    try:
        return _follow(pid, source, limit, on_record)
    finally:
        os.close(source)
        _end(pid)


def _moved(descriptor: int) -> int:
    high = out_of_reach(descriptor)
    os.close(descriptor)
    return high


def _be_child(body: Body, sink: int, memory: int) -> None:
    owner = _getpid()

    def emit(*records: Record) -> None:
        if _getpid() != owner:
            _exit(0)  # a fork made by the code under test ran on into the harness
        write_lines(sink, records)

    try:
        os.setsid()
        _limit_resources(memory)
        body(emit)
        emit({"end": True})
    except BaseException as error:
        try:
            emit({"error": "%s: %s" % (type(error).__name__, str(error)[:500])})
        except BaseException:
            _exit(71)
        _exit(70)
    finally:
        _exit(0)


def _limit_resources(memory: int) -> None:
    bounds = ((resource.RLIMIT_AS, _address_space() + memory), (resource.RLIMIT_CORE, 0))
    for kind, value in bounds:
        hard = resource.getrlimit(kind)[1]
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 1 << 30


class _Slice:
    """What is left of a child's present time slice."""

    def __init__(self, pid: int, limit: Sequence[float]) -> None:
        self._pid = pid
        self.renew(limit)

    def renew(self, limit: Sequence[float]) -> None:
        self._cpu_limit, self._wall_limit = limit
        self._cpu_start, self._wall_start = cpu_seconds(self._pid), time.monotonic()

    def left(self) -> float:
        """Seconds that can pass before the slice can be over; zero or less when it is."""
        wall = self._wall_limit - (time.monotonic() - self._wall_start)
        cpu = self._cpu_limit - (cpu_seconds(self._pid) - self._cpu_start)
        return min(wall, cpu)


def _follow(pid: int, source: int, limit: Sequence[float], on_record: Callable[[Record], None]) -> str:
    piece, poll = _Slice(pid, limit), select.poll()
    poll.register(source, select.POLLIN | select.POLLHUP)
    pending = b""
    while True:
        left = piece.left()
        if left <= 0:
            return TIMEOUT
        if not poll.poll(min(left, _POLL_S) * 1000 + 1):
            if _gone(pid):
                return CRASHED
            continue
        data = os.read(source, 1 << 16)
        if not data or len(pending) > _MAX_RECORDS:
            return CRASHED
        *lines, pending = (pending + data).split(b"\n")
        for record in _parsed(lines):
            if "end" in record:
                return DONE
            if "limit" in record:
                piece.renew(record["limit"])
            on_record(record)


def _parsed(lines: List[bytes]) -> Iterator[Record]:
    for line in lines:
        try:
            record = json.loads(line.decode("utf-8", "replace"))
        except ValueError:
            continue  # written by the code under test, not by the harness
        if isinstance(record, dict):
            yield record


def _gone(pid: int) -> bool:
    """Whether the child is dead (it stays waitable). A descendant may still hold the pipe open."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def cpu_seconds(pid: int) -> float:
    """CPU time used by process `pid` so far; 0.0 where the system does not tell."""
    try:
        return time.clock_gettime((~pid << 3) | 2)  # the CPU clock of another process, as clock_getcpuclockid(3)
    except OSError:
        return _cpu_from_proc(pid)


def _cpu_from_proc(pid: int) -> float:
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return 0.0


def _end(pid: int) -> None:
    """Kill the child's process group, wait for the child, then end what it orphaned onto us."""
    _kill_all(pid)
    _reap(pid)
    for _ in range(1000):
        orphans = _children()
        if not orphans:
            return
        for orphan in orphans:
            _kill_all(orphan)
            _reap(orphan)


def _kill_all(pid: int) -> None:
    for kill in (_killpg, _kill):
        try:
            kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _reap(pid: int) -> Optional[Tuple[int, int]]:
    try:
        return _waitpid(pid, 0)
    except ChildProcessError:
        return None


def _children() -> List[int]:
    """Child processes of this one; one cheap call tells when there is none."""
    try:
        pid, _ = _waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return []
    if pid:
        return [pid]
    try:
        with open("/proc/self/task/%d/children" % _getpid(), encoding="ascii") as file:
            return [int(word) for word in file.read().split()]
    except (OSError, ValueError):
        print("cannot list child processes", file=sys.stderr)
        return []
