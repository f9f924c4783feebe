"""The resident runner: lives inside a sandbox, starts commands, watches their limits, and ends their whole trees.

Standard library only, Python 3.8+, few imports: it must be up within milliseconds. It speaks frames (wire.py) over the
one socket it is given; commands get pipes of their own, and the runner is not dumpable, so that nothing it runs can
reach that socket through /proc or ptrace. One thread, one epoll, no sleeping.

Arguments, each key=value: sock (descriptor of the socket), out (another one to write to, where there are two pipes),
disk (paths on size-bounded file systems, with colons between), anon, oom, forks (FD:KEY: an open counter file of the
sandbox's control group and the line to read in it), user=shared (this user has processes elsewhere too, so that the
kernel's count of them is not ours).
"""

import errno
import os
import resource
import sys
import time

from sandbox.inside.runner import files
from sandbox.inside.runner.command import Command
from sandbox.inside.runner.hub import HostGone, Hub
from sandbox.inside.runner.limits import Limits
from sandbox.inside.runner.processes import Processes, kill
from sandbox.inside.runner.starting import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, Starter, prctl, signal
from sandbox.inside.runner.wire import (
    CHUNK,
    COUNT,
    F_INTERACTIVE,
    K_CREDIT,
    K_DATA,
    K_DONE,
    K_END_INPUT,
    K_EXIT,
    K_FATAL,
    K_INPUT,
    K_KEPT,
    K_KILL,
    K_LIVE,
    K_READ,
    K_READY,
    K_RUN,
    K_TAKEN,
    K_WRITE,
    LIMIT,
    OUTPUT,
    PROCESSES,
    WALL,
)

TICK_S = 0.05  # first look at the limits, and the shortest pause between two looks
SWEEP_S = 5.0  # after which processes that survive SIGKILL are declared unkillable


class Runner:
    """The event loop. watches: see limits.py."""

    def __init__(self, hub: Hub, disk: str, watches: "dict[str, tuple[int, bytes]]", shared: bool = False) -> None:
        self.hub = hub
        self.commands: dict[int, Command] = {}
        self.writers: dict[int, files.Writer] = {}
        self.congested = False
        self.processes = Processes()
        self.limits = Limits(self.processes, disk, watches)
        self.starter = Starter(self.processes.first and not shared, self.limits.grouped)
        self.next_look, self.look_every = 0.0, TICK_S

    def start(self) -> None:
        for number in (0, 1, 2):
            os.dup2(self.starter.null, number)
        prctl(PR_SET_DUMPABLE, 0)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        os.umask(0o022)
        wake, waker = os.pipe()
        for fd in (wake, waker):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self.hub.listen(wake, lambda: os.read(wake, 4096))
        self.hub.send(K_READY, 0, COUNT.pack(self.processes.me))

    def run(self) -> None:
        try:
            self.flush()
            while True:
                if self.hub.wait(self.pause()):
                    for kind, number, payload in self.hub.receive():
                        self.on_frame(kind, number, payload)
                self.reap()
                self.progress()
                self.flush()
        except HostGone:
            self.leave()

    def pause(self) -> float:
        """Seconds until something must be looked at although nothing happened; -1 for never."""
        if not self.commands:
            return -1
        if not all(command.running for command in self.commands.values()):
            return 0.002
        nearest = min(command.started + command.wall for command in self.commands.values())
        return max(0.0, min(nearest, self.next_look) - time.monotonic()) + 0.0005

    def flush(self) -> None:
        self.hub.flush()
        if self.hub.congested != self.congested:
            self.congested = self.hub.congested
            for command in self.commands.values():
                self.tune(command)

    def leave(self) -> None:
        """The host is gone. The end of PID 1 ends everything; elsewhere the commands have to be killed first."""
        deadline = time.monotonic() + SWEEP_S
        while not self.processes.first and time.monotonic() < deadline:
            self.processes.kill_all()
            if self.reap():
                break
        os._exit(0)

    def on_frame(self, kind: int, number: int, payload: bytes) -> None:
        if kind == K_RUN:
            self.begin(Command(number, payload))
        elif kind == K_READ:
            self.read_file(number, payload[LIMIT.size :], LIMIT.unpack_from(payload)[0])
        elif kind == K_WRITE:
            self.writers[number] = files.Writer(payload)
        elif number in self.writers:
            self.write_file(number, payload, kind == K_END_INPUT)
        elif number in self.commands:
            self.on_command_frame(self.commands[number], kind, payload)

    def on_command_frame(self, command: Command, kind: int, payload: bytes) -> None:
        if kind == K_INPUT and command.stdin >= 0:
            command.input += payload
            self.feed(command)
        elif kind == K_END_INPUT:
            command.input_ended = True
            self.feed(command)
        elif kind == K_KILL:
            command.exceeded |= COUNT.unpack(payload)[0]
            self.doom(command)
        elif kind == K_CREDIT:
            command.credit += COUNT.unpack(payload)[0]
            self.tune(command)

    # A command's life

    def begin(self, command: Command) -> None:
        command.marker = self.processes.fresh_marker(other.marker for other in self.commands.values())
        self.limits.begin(command)
        self.next_look, self.look_every = command.started + TICK_S, TICK_S
        self.commands[command.number] = command
        try:
            self.starter.start(command)
        except OSError as error:
            text = os.strerror(error.errno or errno.EIO)
            command.take(1, b"patchwright: cannot start a process: %s\n" % text.encode())
            command.exceeded |= PROCESSES if error.errno == errno.EAGAIN else 0
            command.end(126 << 8)
            self.finish(command)
        else:
            self.tune(command)

    def reap(self) -> bool:
        roots = {command.pid: command for command in self.commands.values()}

        def on_dead(pid: int, status: int, usage: resource.struct_rusage) -> None:
            if pid in roots:
                roots[pid].end(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)

        return self.processes.reap(on_dead)

    def doom(self, command: Command) -> None:
        """Kill the command; what it started is swept when its first process is collected."""
        if not command.running:
            return
        if len(self.commands) == 1:
            self.processes.kill_all()
        kill(command.pid)

    def exceed(self, command: Command, limits: int) -> None:
        if limits & ~command.exceeded:
            command.exceeded |= limits
            self.doom(command)

    def progress(self) -> None:
        now = time.monotonic()
        for command in list(self.commands.values()):
            if command.running:
                if now > command.started + command.wall:
                    self.exceed(command, WALL)
                continue
            others = [other for other in self.commands.values() if other is not command]
            if self.processes.sweep(others, self.reap):
                self.finish(command)
            elif now > command.ended + SWEEP_S:
                self.give_up(command)
        if self.commands and now >= self.next_look:
            running = [command for command in self.commands.values() if command.running]
            for command, limits in self.limits.look(running) if running else []:
                self.exceed(command, limits)
            spent = time.monotonic() - now
            self.look_every = min(0.5, max(self.look_every * 1.2, 20 * spent))
            self.next_look = now + self.look_every

    def give_up(self, command: Command) -> None:
        if self.processes.first:
            self.hub.send(K_FATAL, command.number, b"processes survive SIGKILL")
            self.flush()
            os._exit(1)
        self.finish(command)

    def finish(self, command: Command) -> None:
        for which in (0, 1):
            for _ in range(128):  # what is left in the pipe; a stranger who holds it open cannot keep us here
                if command.pipes[which] < 0 or not self.on_output(command, which):
                    break
            self.hub.drop(command.pipes[which])
        self.hub.drop(command.stdin)
        command.exceeded |= self.limits.judge(command, alone=len(self.commands) == 1)
        for which, kept in enumerate(command.kept):
            kept.trim()
            for part, data in enumerate((kept.head, kept.tail)):
                for at in range(0, len(data), CHUNK):
                    self.hub.send(K_KEPT, command.number, bytes((which, part)) + data[at : at + CHUNK])
        self.hub.send(K_EXIT, command.number, command.summary())
        del self.commands[command.number]

    # Input and output

    def feed(self, command: Command) -> None:
        """Write what waits for the command's stdin; close it at its end."""
        if command.stdin < 0:
            return
        try:
            while command.input:
                sent = os.write(command.stdin, memoryview(command.input)[:CHUNK])
                del command.input[:sent]
                if command.flags & F_INTERACTIVE:
                    self.hub.send(K_TAKEN, command.number, COUNT.pack(sent))
        except BlockingIOError:
            if not self.hub.listens(command.stdin):
                self.hub.listen(command.stdin, lambda: self.feed(command), for_writing=True)
            return
        except OSError:  # it does not read any more
            command.input_ended = True
        self.hub.ignore(command.stdin)
        if command.input_ended:
            os.close(command.stdin)
            command.stdin = -1

    def tune(self, command: Command) -> None:
        """Listen to the command's pipes, except where the host cannot take more at the moment."""
        for which, fd in enumerate(command.pipes):
            held = command.streams(which) and (self.congested or (which == 0 and command.credit <= 0))
            if fd >= 0 and held:
                self.hub.ignore(fd)
            elif fd >= 0 and not self.hub.listens(fd):
                self.listen_to(command, which)

    def listen_to(self, command: Command, which: int) -> None:
        self.hub.listen(command.pipes[which], lambda: self.on_output(command, which))

    def on_output(self, command: Command, which: int) -> bool:
        """Take one chunk of stdout (0) or stderr (1); False when there is nothing (more)."""
        fd = command.pipes[which]
        try:
            data = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self.hub.drop(fd)
            command.pipes[which] = -1
            return False
        within = command.take(which, data)
        if command.streams(which):
            self.hub.send(K_LIVE, command.number, bytes((which,)) + data)
            if command.running:
                self.tune(command)
        if not within:
            self.exceed(command, OUTPUT)
        return True

    # Files

    def read_file(self, number: int, path: bytes, limit: int) -> None:
        try:
            for data in files.read(path, limit):
                self.hub.send(K_DATA, number, data)
        except OSError as error:
            self.hub.send(K_DONE, number, COUNT.pack(error.errno or errno.EIO))
        else:
            self.hub.send(K_DONE, number, COUNT.pack(0))

    def write_file(self, number: int, data: bytes, ended: bool) -> None:
        self.writers[number].add(data)
        if ended:
            self.hub.send(K_DONE, number, COUNT.pack(self.writers.pop(number).close()))


def main() -> None:
    facts = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    watches: dict[str, tuple[int, bytes]] = {}
    for name in ("anon", "oom", "forks"):
        if name in facts:
            number, _, key = facts[name].partition(":")
            watches[name] = (int(number), key.encode() + b" ")
    sock, out = int(facts["sock"]), int(facts.get("out", "-1"))
    keep = {0, 1, 2, sock, out, *(fd for fd, _ in watches.values())}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd > 2 and fd in keep:
            os.set_inheritable(fd, False)
        elif fd not in keep:  # what was inherited from wherever, and the listing's own, closed already
            try:
                os.close(fd)
            except OSError:
                continue
    runner = Runner(Hub(sock, out), facts.get("disk", ""), watches, facts.get("user") == "shared")
    runner.start()
    runner.run()
