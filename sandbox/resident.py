"""A sandbox over a resident runner: what bubblewrap, Docker and "none" have in common once the runner is up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import posixpath
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from sandbox import frames
from sandbox.channel import Channel
from sandbox.frames import Flag, Kept
from sandbox.frames import Kind as Frame
from sandbox.protocol import ExecResult, Kind, OnOutput, Process, Quota, SandboxError, SandboxGone

GRACE_S = 15.0  # after its wall limit a command has been ended by the runner, or the runner is stuck
KILL_WAIT_S = 10.0  # the runner confirms a kill within milliseconds, or is stuck
WINDOW = 1 << 20  # bytes of a program's stdin and stdout under way between host and runner
MAX_LINE = 64 << 20


class Governor:
    """Told which commands run, for engines that set limits from outside. This one has nothing to set."""

    def changed(self, quotas: Sequence[Quota]) -> None:
        """The commands now running have these quotas."""


@dataclass(slots=True)
class Running:
    """One command in flight: collects its output, completes `end`."""

    channel: Channel
    number: int
    kept: Kept
    on_output: OnOutput | None
    end: asyncio.Future[ExecResult]

    def on_frame(self, kind: Frame, payload: bytes) -> None:
        """Take what the runner says of this command."""
        if kind is Frame.LIVE and payload and self.on_output is not None:
            self._show("stderr" if payload[0] else "stdout", payload[1:])
        elif kind is Frame.KEPT:
            self.kept.add(payload)
        elif kind is Frame.EXIT and not self.end.done():
            self.end.set_result(self.kept.result(payload))

    def _show(self, stream: Literal["stdout", "stderr"], data: bytes) -> None:
        if self.on_output is None or self.end.done():
            return
        try:
            self.on_output(stream, data)
        except Exception as error:  # noqa: BLE001 - the listener's failure is its command's, not the channel's
            self.end.set_exception(error)

    def on_gone(self, error: SandboxGone) -> None:
        """The sandbox died under it."""
        if not self.end.done():
            self.end.set_exception(error)


@dataclass(slots=True)
class ResidentSandbox:
    """Implements Sandbox. `stop` frees what the engine made: processes, control groups, directories."""

    channel: Channel
    kind: Kind
    workspace: str
    env: Mapping[str, str]
    quota: Quota
    stop: Callable[[], Awaitable[None]]
    governor: Governor = field(default_factory=Governor)
    translate: Callable[[str], str] = str
    _running: dict[int, Quota] = field(default_factory=dict)
    _closing: asyncio.Task[None] | None = None

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        quota: Quota | None = None,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """See the protocol."""
        flags = (Flag.STREAM if on_output else Flag(0)) | (Flag.STDIN if stdin else Flag(0))
        running = self._start(argv, cwd, env, quota or self.quota, flags, on_output)
        try:
            if stdin:
                await self.channel.send_all(Frame.INPUT, running.number, stdin)
                self.channel.send(Frame.END_INPUT, running.number)
            return await self._ended(running, (quota or self.quota).wall_s + GRACE_S)
        except BaseException:
            await self._kill(running)
            raise
        finally:
            self._forget(running)

    @asynccontextmanager
    async def _spawn(
        self, argv: Sequence[str], cwd: str | None, env: Mapping[str, str] | None, quota: Quota
    ) -> AsyncIterator[Process]:
        program = Program(self)
        program.running = self._start(argv, cwd, env, quota, Flag.INTERACTIVE | Flag.STDIN, program.on_live)
        try:
            self.channel.register(program.running.number, program.on_frame, program.on_gone)
            yield program
        finally:
            await program.kill()
            self._forget(program.running)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Process]:
        """See the protocol. The wall limit of `quota` is the program's whole life."""
        return self._spawn(argv, cwd, env, quota or self.quota)

    async def read_file(self, path: str, *, max_bytes: int = 8 << 20) -> bytes:
        """See the protocol. A path that is no regular file: OSError (EINVAL)."""
        data = bytearray()

        def take(payload: bytes) -> None:
            data.extend(payload)
            if len(data) > max_bytes:
                raise frames.Garbage("more of a file than was asked for")

        await self._file(path, Frame.READ, frames.encode_read(self._inside(path), max_bytes), take=take)
        return bytes(data)

    async def write_file(self, path: str, data: bytes) -> None:
        """See the protocol. Raises OSError when it cannot be written (ENOSPC: the sandbox is full)."""
        await self._file(path, Frame.WRITE, frames.encode_path(self._inside(path)), data=data)

    async def close(self) -> None:
        """See the protocol."""
        self.channel.close("the sandbox is closed")
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._stop())
        await asyncio.shield(self._closing)

    async def _stop(self) -> None:
        await self.stop()

    def kill_all(self, limit: str) -> None:
        """End every command in flight for having exceeded "disk", which some engines measure from outside."""
        if limit == "disk" and not self.channel.gone.done():
            for number in list(self._running):
                self.channel.send(Frame.KILL, number, frames.encode_kill("disk"))

    def _inside(self, path: str) -> str:
        return posixpath.join(self.workspace, self.translate(path))

    def _start(  # noqa: PLR0917
        self,
        argv: Sequence[str],
        cwd: str | None,
        env: Mapping[str, str] | None,
        quota: Quota,
        flags: Flag,
        on_output: OnOutput | None,
    ) -> Running:
        words = [self.translate(word) for word in argv]
        variables = {name: self.translate(value) for name, value in {**self.env, **(env or {})}.items()}
        payload = frames.encode_run(words, self._inside(cwd or self.workspace), variables, quota, flags)
        number = self.channel.number()
        end: asyncio.Future[ExecResult] = asyncio.get_running_loop().create_future()
        running = Running(self.channel, number, Kept(quota.output_bytes), on_output, end)
        self.channel.register(number, running.on_frame, running.on_gone)
        self._running[number] = quota
        self.governor.changed([*self._running.values()])
        if len(payload) > frames.MAX_PAYLOAD * 4:
            raise ValueError(f"a command of {len(payload)} bytes")
        self.channel.send(Frame.RUN, number, payload)
        return running

    async def _ended(self, running: Running, seconds: float) -> ExecResult:
        """Wait for the end; a runner that does not keep the time is stuck, and its sandbox is given up."""
        done, _ = await asyncio.wait([running.end], timeout=seconds)
        if not done:
            self.channel.close("the sandbox does not answer")
        return await running.end

    async def _kill(self, running: Running) -> None:
        """Kill a command and see it dead."""
        if running.end.done() or self.channel.gone.done():
            return
        self.channel.send(Frame.KILL, running.number, frames.encode_kill())
        with contextlib.suppress(SandboxGone):
            await self._ended(running, KILL_WAIT_S)

    def _forget(self, running: Running) -> None:
        self.channel.forget(running.number)
        if running.end.done() and not running.end.cancelled():
            running.end.exception()  # seen: nobody may be left to ask
        self._running.pop(running.number, None)

    async def _file(
        self,
        path: str,
        kind: Frame,
        payload: bytes,
        *,
        data: bytes | None = None,
        take: Callable[[bytes], None] | None = None,
    ) -> None:
        """Run one file operation: the request, its data, and the runner's answer as an OSError or nothing."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def on_frame(kind: Frame, payload: bytes) -> None:
            if kind is Frame.DONE and not done.done():
                done.set_result(frames.decode_count(payload))
            elif kind is Frame.DATA and take is not None:
                take(payload)

        def on_gone(error: SandboxGone) -> None:
            if not done.done():
                done.set_exception(error)

        number = self.channel.number()
        self.channel.register(number, on_frame, on_gone)
        try:
            self.channel.send(kind, number, payload)
            if data is not None:
                await self.channel.send_all(Frame.INPUT, number, data)
                self.channel.send(Frame.END_INPUT, number)
            code = await done
        finally:
            self.channel.forget(number)
            if done.done() and not done.cancelled():
                done.exception()
        if code:
            raise OSError(code, os.strerror(code), path)


class Program:
    """Implements Process."""

    def __init__(self, sandbox: ResidentSandbox) -> None:
        self.running: Running
        self._sandbox = sandbox
        self._lines = bytearray()
        self._searched = 0
        self._unsent = 0
        self._news = asyncio.Event()

    def on_live(self, stream: str, data: bytes) -> None:  # noqa: ARG002
        """Bytes of stdout."""
        self._lines += data
        self._news.set()

    def on_frame(self, kind: Frame, payload: bytes) -> None:
        """Everything the runner says of this program."""
        if kind is Frame.TAKEN:
            self._unsent -= frames.decode_count(payload)
        self.running.on_frame(kind, payload)
        self._news.set()

    def on_gone(self, error: SandboxGone) -> None:
        """The sandbox died under it."""
        self.running.on_gone(error)
        self._news.set()

    async def write(self, data: bytes) -> None:
        """See the protocol. Waits while the program does not read."""
        channel, number = self._sandbox.channel, self.running.number
        for at in range(0, len(data), WINDOW // 4):
            part = data[at : at + WINDOW // 4]
            while self._unsent > WINDOW and not self.running.end.done():
                self._news.clear()
                await self._news.wait()
            if self.running.end.done():
                raise SandboxGone("the program has ended")
            self._unsent += len(part)
            channel.send(Frame.INPUT, number, part)

    async def read_line(self, *, timeout_s: float) -> bytes:
        """See the protocol. SandboxError when a line does not end within 64 MB."""
        async with asyncio.timeout(timeout_s):
            while True:
                line = self._take_line()
                if line is not None:
                    return line
                self._news.clear()
                await self._news.wait()

    def _take_line(self) -> bytes | None:
        at = self._lines.find(b"\n", self._searched)
        if at >= 0:
            return self._take(at + 1)
        fresh, self._searched = len(self._lines) - self._searched, len(self._lines)
        if self.running.end.done():
            error = self.running.end.exception()
            if error is not None:
                raise error
            return self._take(len(self._lines))
        if len(self._lines) > MAX_LINE:
            raise SandboxError(f"a line of more than {MAX_LINE} bytes")
        self._credit(fresh)
        return None

    def _take(self, count: int) -> bytes:
        line = bytes(self._lines[:count])
        del self._lines[:count]
        unseen = max(0, count - self._searched)
        self._searched = 0
        self._credit(unseen)
        return line

    def _credit(self, count: int) -> None:
        """Tell the runner how many bytes were taken off it."""
        if count > 0 and not self.running.end.done():
            self._sandbox.channel.send(Frame.CREDIT, self.running.number, frames.encode_count(count))

    async def kill(self) -> None:
        """See the protocol."""
        await self._sandbox._kill(self.running)  # noqa: SLF001 - two halves of one thing

    async def wait(self) -> ExecResult:
        """See the protocol."""
        return await asyncio.shield(self.running.end)
