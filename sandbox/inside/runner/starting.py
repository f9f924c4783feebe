"""From a fork of the runner to a command: descriptors, limits, directory, program."""

import errno
import os
import resource

from sandbox.inside.runner.command import Command
from sandbox.inside.runner.wire import F_STDIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

signal = __import__("_signal")  # the C half: the signal module imports enum, which costs more than all the rest here
_native = __import__("_ctypes")  # likewise

PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36


def prctl(option: int, value: int) -> None:
    """prctl(2); raises OSError."""  # noqa: D402
    address = _native.dlsym(_native.dlopen(None, 2), "prctl")
    if _native.call_function(address, (option, value, 0, 0, 0)) != 0:
        raise OSError("prctl %d was refused" % option)


def execute(argv: "list[bytes]", env: "dict[bytes, bytes]") -> "NoReturn":
    """Become a program, sought in the PATH of its own variables. os.execvpe imports a module first, in every child."""
    name, denied = argv[0], None
    folders = [b""] if b"/" in name else env.get(b"PATH", os.defpath.encode()).split(b":")
    for folder in folders:
        try:
            os.execve(folder + b"/" + name if folder else name, argv, env)  # noqa: S606
        except OSError as error:
            denied = denied if error.errno in (errno.ENOENT, errno.ENOTDIR) else denied or error
    raise denied or OSError(errno.ENOENT, os.strerror(errno.ENOENT))


class Starter:
    """Forks commands. `alone`: this user's processes are all in here, so that the kernel's count of them is ours."""

    def __init__(self, alone: bool, memory_is_grouped: bool) -> None:
        self.alone, self.memory_is_grouped = alone, memory_is_grouped
        self.null = os.open(os.devnull, os.O_RDWR)
        # Opened before the runner stops being dumpable, after which the file belongs to root.
        self.oom = os.open("/proc/self/oom_score_adj", os.O_RDWR)
        self.oom_base = int(os.pread(self.oom, 16, 0))

    def start(self, command: Command) -> None:
        """Fork the command, set its pid and our ends of its pipes; raises OSError and leaves nothing open."""
        ours, theirs = [], []
        try:
            for _ in range(3 if command.flags & F_STDIN else 2):
                read, write = os.pipe()
                ours.append(read)
                theirs.append(write)
            if command.flags & F_STDIN:
                ours[2], theirs[2] = theirs[2], ours[2]
            command.pid = self.fork(command, theirs)
        except OSError:
            for fd in ours:
                os.close(fd)
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        for fd in ours:
            os.set_blocking(fd, False)
        command.pipes = ours[:2]
        if command.flags & F_STDIN:
            command.stdin = ours[2]

    def fork(self, command: Command, theirs: "list[int]") -> int:
        # When memory runs out commands go before the runner: the child inherits the score.
        os.pwrite(self.oom, b"%d" % min(1000, self.oom_base + 500), 0)
        try:
            pid = os.fork()
            if pid == 0:
                self.become(command, theirs)
            return pid
        finally:
            os.pwrite(self.oom, b"%d" % self.oom_base, 0)

    def become(self, command: Command, theirs: "list[int]") -> "NoReturn":
        """In the child: turn into the command; what is wrong is said on its stderr, as a shell would."""
        code = 126
        try:
            os.setsid()
            os.dup2(theirs[2] if len(theirs) > 2 else self.null, 0)
            os.dup2(theirs[0], 1)
            os.dup2(theirs[1], 2)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            self.restrict(command)
            os.nice(5)  # a fork bomb must not keep the runner from ending it
            os.chdir(command.cwd)
            execute(command.argv, dict(pair.split(b"=", 1) for pair in command.env))
        except OSError as error:
            code = 127 if error.errno in (errno.ENOENT, errno.ENOTDIR) else 126
            what = command.cwd if error.filename == command.cwd else command.argv[0]
            os.write(2, b"patchwright: %s: %s\n" % (what, os.strerror(error.errno or 0).encode()))
        except BaseException as error:
            os.write(2, b"patchwright: %s\n" % repr(error).encode())
        finally:
            os._exit(code)

    def restrict(self, command: Command) -> None:
        limits = [
            (resource.RLIMIT_MSGQUEUE, command.marker, command.marker),  # whose process it is, see processes.py
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_FSIZE, command.disk, command.disk),
            (resource.RLIMIT_NOFILE, command.files, command.files),
        ]
        if self.alone:
            limits.append((resource.RLIMIT_NPROC, command.processes + 8, command.processes + 8))
        if command.cpu > 0:
            seconds = max(1, int(-(-command.cpu // 1)))
            limits.append((resource.RLIMIT_CPU, seconds, seconds + 1))
        if not self.memory_is_grouped:  # private writable memory: an address space limit counts mere reservations
            limits.append((resource.RLIMIT_DATA, command.memory, command.memory))
        for which, soft, hard in limits:
            ceiling = resource.getrlimit(which)[1]
            if ceiling != resource.RLIM_INFINITY:
                soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901
            resource.setrlimit(which, (soft, hard))
