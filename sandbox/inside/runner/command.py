"""One command: what was asked for, its pipes, and what became of it."""

import os
import time

from sandbox.inside.runner.wire import CHUNK, EXIT, F_INTERACTIVE, F_STREAM, RUN, WINDOW


class Kept:
    """The head and the tail of a stream of bytes, within a limit."""

    def __init__(self, limit: int) -> None:
        self.head, self.tail, self.total = bytearray(), bytearray(), 0
        self.head_limit = limit // 2
        self.tail_limit = limit - self.head_limit

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self.head_limit - len(self.head)
        if room > 0:
            self.head += data[:room]
            data = data[room:]
        self.tail += data
        if len(self.tail) > 2 * self.tail_limit + CHUNK:
            self.trim()

    def trim(self) -> None:
        del self.tail[: max(0, len(self.tail) - self.tail_limit)]


class Command:
    """Made from the payload of a RUN frame."""

    def __init__(self, number: int, payload: bytes) -> None:
        fields = RUN.unpack_from(payload)
        self.number = number
        self.flags: int = fields[0]
        self.wall: float = fields[1]
        self.cpu: float = fields[2]
        limits: list[int] = list(fields[3:])
        self.memory, self.processes, output, self.flood, self.disk, self.files, argc = limits
        words = payload[RUN.size :].split(b"\0")
        self.cwd, self.argv, self.env = words[0], words[1 : 1 + argc], words[1 + argc : -1]
        self.kept = (Kept(output), Kept(output))
        self.pipes = [-1, -1]  # read ends of stdout and stderr
        self.stdin = -1
        self.input, self.input_ended = bytearray(), False
        self.credit = WINDOW
        self.pid, self.marker = 0, 0
        self.started, self.ended = time.monotonic(), 0.0
        self.status = -1  # of its first process, once that is dead
        self.cpu_used, self.peak = 0.0, 0
        self.exceeded = 0
        self.counters = (0, 0)  # of the sandbox when it started, see limits.py
        self.disk_before, self.full_before = 0, False

    @property
    def interactive(self) -> bool:
        return bool(self.flags & F_INTERACTIVE)

    @property
    def running(self) -> bool:
        """Whether its first process is alive."""
        return not self.ended

    @property
    def signal(self) -> int:
        """The signal that ended it, also where a shell reports it as 128 + n; 0 for none."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else max(0, os.WEXITSTATUS(self.status) - 128)

    def streams(self, which: int) -> bool:
        """Whether the bytes of this stream (0 stdout, 1 stderr) go to the host as they come."""
        return bool(self.flags & F_STREAM) or (which == 0 and self.interactive)

    def end(self, status: int, cpu_used: float = 0.0, peak: int = 0) -> None:
        self.status, self.cpu_used, self.peak, self.ended = status, cpu_used, peak, time.monotonic()

    def take(self, which: int, data: bytes) -> bool:
        """Account for a chunk of output; False when there has been too much."""
        if which == 0 and self.interactive:  # held back by the host's credit instead of counted
            self.kept[0].total += len(data)
            self.credit -= len(data)
            return True
        self.kept[which].add(data)
        return self.kept[1].total + (0 if self.interactive else self.kept[0].total) <= self.flood

    def summary(self) -> bytes:
        """The payload of its EXIT frame."""
        killed = os.WIFSIGNALED(self.status)
        return EXIT.pack(
            -1 if killed else os.WEXITSTATUS(self.status),
            os.WTERMSIG(self.status) if killed else 0,
            self.ended - self.started,
            self.cpu_used,
            self.peak,
            self.exceeded,
            self.kept[0].total,
            self.kept[1].total,
        )
