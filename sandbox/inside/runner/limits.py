"""Limits that no setrlimit can hold, because they are of whole trees: looked at while commands run and when they
end.
"""

import os
import time

from sandbox.inside.runner.command import Command
from sandbox.inside.runner.processes import Processes, marker, proportional
from sandbox.inside.runner.wire import CHUNK, CPU, DISK, MEMORY, PROCESSES

_SIGKILL, _SIGXCPU, _SIGXFSZ = 9, 24, 25
CLEANING_S = 2.0  # of a command that began on a full disk: it may be the one that makes room


class Limits:
    """disk: paths on size-bounded file systems, colons between; watches: name to (descriptor, key) of counter files.

    anon is the memory in use, oom counts kills for want of memory, forks counts refused processes. Without them, where
    there is no control group, processes and memory are counted by looking at every process.
    """

    def __init__(self, processes: Processes, disk: str, watches: "dict[str, tuple[int, bytes]]") -> None:
        self.processes, self.watches = processes, watches
        self.disks = [path for path in disk.split(":") if path]

    @property
    def grouped(self) -> bool:
        return "anon" in self.watches

    def begin(self, command: Command) -> None:
        """Note the state of things at a command's start."""
        command.counters = self.counters()
        command.disk_before, command.full_before = self._disk_used(), self._full()

    def counters(self) -> "tuple[int, int]":
        """How often the kernel has killed for memory and has refused a process in this sandbox."""
        return self._read("oom"), self._read("forks")

    def look(self, running: "list[Command]") -> "list[tuple[Command, int]]":
        """Commands that are over a limit, and which."""
        oom, forks = self.counters()
        memory = self._read("anon")
        if self.grouped and len(running) == 1:
            command = running[0]
            over = MEMORY if oom > command.counters[0] or memory > command.memory else 0
            found = [(command, over | (PROCESSES if forks > command.counters[1] else 0))]
        elif (
            self.grouped
            and memory <= sum(command.memory for command in running)
            and all((oom, forks) == command.counters for command in running)
        ):
            found = []
        else:
            found = self._census(running)
        return found + [(command, DISK) for command in running if self._fills(command)]

    def judge(self, command: Command, alone: bool) -> int:
        """At a command's end: which limits had a part in it, as far as the kernel tells."""
        limits = 0
        number = command.signal
        if command.cpu > 0 and (number == _SIGXCPU or (number == _SIGKILL and command.cpu_used >= command.cpu)):
            limits |= CPU
        if number == _SIGXFSZ or self._disk_full(command):
            limits |= DISK
        oom, forks = self.counters()
        if oom > command.counters[0] and (alone or number == _SIGKILL):
            limits |= MEMORY
        if forks > command.counters[1] and alone:
            limits |= PROCESSES
        return limits

    def _census(self, running: "list[Command]") -> "list[tuple[Command, int]]":
        pids: dict[int, list[int]] = {command.marker: [] for command in running}
        facts = self.processes.alive()
        for pid in facts:
            pids.get(marker(pid), []).append(pid)
        found = []
        for command in running:
            own = pids[command.marker]
            if sum(facts[pid][0] for pid in own) > command.processes:
                found.append((command, PROCESSES))
            if sum(facts[pid][1] for pid in own) > command.memory and sum(map(proportional, own)) > command.memory:
                found.append((command, MEMORY))
        return found

    def _read(self, name: str) -> int:
        if name not in self.watches:
            return 0
        fd, key = self.watches[name]
        for line in os.pread(fd, 8192, 0).split(b"\n"):
            if line.startswith(key):
                return int(line[len(key) :])
        return 0

    def _disk_used(self) -> int:
        used = 0
        for path in self.disks:
            space = os.statvfs(path)
            used += (space.f_blocks - space.f_bfree) * space.f_frsize
        return used

    def _full(self) -> bool:
        spaces = [os.statvfs(path) for path in self.disks]
        return any(space.f_bfree * space.f_frsize < CHUNK or space.f_ffree < 16 for space in spaces)

    def _fills(self, command: Command) -> bool:
        cleaning = command.full_before and time.monotonic() < command.started + CLEANING_S
        return not cleaning and self._disk_full(command)

    def _disk_full(self, command: Command) -> bool:
        if self._full():
            return True
        return bool(self.disks) and self._disk_used() - command.disk_before > command.disk - CHUNK
