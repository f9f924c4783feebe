"""Starts a process that holds a resident runner, waits until the runner answers, and ends it again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox import bundle
from sandbox.channel import Channel
from sandbox.protocol import SandboxUnavailable

START_S = 30.0
STOP_S = 5.0
# Enters the control groups named first, then becomes the program after "--".
_ENTER = 'while [ "$1" != -- ]; do echo 0 > "$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@"'


@dataclass(slots=True)
class Launched:
    """A running process and the channel to the runner in it."""

    process: subprocess.Popen[bytes]
    channel: Channel
    errors: int

    async def stop(self) -> None:
        """Hang up, wait until the process is dead (it dies after all it held), kill it if it takes long."""
        self.channel.close("the sandbox is closed")
        if not await _dead(self.process, STOP_S):
            self.process.kill()
            await _dead(self.process, STOP_S)
        os.close(self.errors)

    def last_words(self) -> str:
        """How it ended, as far as is known, and what it complained about."""
        code = self.process.poll()
        ended = "" if code is None else f"it ended with {code}"
        return "; ".join(filter(None, (ended, self.complaint())))

    def complaint(self) -> str:
        """What it wrote on stderr."""
        return os.pread(self.errors, 4000, 0).decode(errors="replace").strip()


async def launch(
    command: Callable[[Sequence[str]], Sequence[str]],
    *,
    interpreter: Path,
    facts: Mapping[str, str],
    groups: Sequence[Path] = (),
    watches: Mapping[str, tuple[Path, str]] | None = None,
    descriptors: Sequence[int] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Launched:
    """Start `command(argv of the runner)` within `groups`; raises SandboxUnavailable with what it complained about.

    facts, watches: arguments of the runner (see inside/runner.py). descriptors: inherited by the process.
    """
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as opened:
        opened.callback(theirs.close)
        code = _memory_file(opened, bundle.compiled())
        arguments = [f"{name}={value}" for name, value in facts.items()]
        watched = []
        for name, (path, key) in (watches or {}).items():
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, fd)
            watched.append(fd)
            arguments.append(f"{name}={fd}:{key}")
        runner = [
            str(interpreter),
            "-I",
            "-S",
            "-E",
            "-B",
            "-c",
            bundle.BOOT,
            str(code),
            f"sock={theirs.fileno()}",
            *arguments,
        ]
        errors = os.memfd_create("patchwright-errors")
        try:
            process = subprocess.Popen(  # noqa: ASYNC220 - a vfork and an exec, less than a millisecond
                ["/bin/sh", "-c", _ENTER, "sh", *map(str, groups), "--", *command(runner)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(theirs.fileno(), code, *watched, *descriptors),
                cwd=cwd,
                env=dict(env or {}),
                start_new_session=True,
            )
        except BaseException:
            os.close(errors)
            ours.close()
            raise
    try:
        channel = await Channel.over(ours)
    except BaseException:
        process.kill()
        process.wait()
        os.close(errors)
        ours.close()
        raise
    launched = Launched(process, channel, errors)
    channel.last_words = launched.last_words
    try:
        await _ready(launched)
    except BaseException:
        await asyncio.shield(launched.stop())
        raise
    return launched


async def _ready(launched: Launched) -> None:
    channel = launched.channel
    await asyncio.wait([channel.ready], timeout=START_S)
    if channel.ready.done() and not channel.ready.cancelled():
        return
    await _dead(launched.process, 1.0)
    raise SandboxUnavailable(launched.complaint() or _unsaid(launched.process.poll()))


def _unsaid(code: int | None) -> str:
    """What is known of a sandbox that did not start and said nothing."""
    if code is None:
        return f"the sandbox did not start within {START_S:.0f} s; try again when this machine has less to do"
    how = f"was killed by signal {-code}, for want of memory perhaps" if code < 0 else f"ended with {code}"
    return f"the sandbox did not start: it {how}, and does not say why"


def _memory_file(opened: contextlib.ExitStack, data: bytes) -> int:
    fd = os.memfd_create("patchwright-code")
    opened.callback(os.close, fd)
    os.write(fd, data)
    return fd


async def _dead(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the end of a process without a thread; False when it takes longer."""
    if process.poll() is not None:
        return True
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    pidfd = os.pidfd_open(process.pid)
    try:
        loop.add_reader(pidfd, over.set)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), seconds)
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
    return process.poll() is not None
