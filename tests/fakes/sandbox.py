"""Sandboxes without processes: scripted commands over files in memory, for tests of what stands on sandboxes.

    FakeSandboxes({"pytest": lambda call: (1, "FAILED tests/test_a.py::test_x", "")})

A handler gets a Call and returns (exit code, stdout, stderr), or an awaitable of it; it may change `call.files`. Built
in are true, false, echo, cat, pwd, printenv and sleep. A talker answers one line of a spawned program with bytes.
Limits: wall time and output only. Paths are plain strings: no symlinks, modes or empty directories.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import inspect
import os
import posixpath
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.protocol import (
    WORKSPACE,
    Capabilities,
    ExecResult,
    Kind,
    Mount,
    OnOutput,
    Output,
    Process,
    Quota,
    Sandbox,
    SandboxGone,
    Workspace,
)

Answer = tuple[int, str | bytes, str | bytes]
Talker = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Call:
    """One command as a handler sees it; `files` are the sandbox's, by absolute path."""

    argv: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    stdin: bytes
    files: dict[str, bytes]


Handler = Callable[[Call], Answer | Awaitable[Answer]]


def _cat(call: Call) -> Answer:
    if len(call.argv) == 1:
        return 0, call.stdin, ""
    found = [call.files.get(posixpath.join(call.cwd, name)) for name in call.argv[1:]]
    missing = [name for name, data in zip(call.argv[1:], found, strict=True) if data is None]
    errors = "".join(f"cat: {name}: No such file or directory\n" for name in missing)
    return bool(missing), b"".join(data for data in found if data is not None), errors


async def _sleep(call: Call) -> Answer:
    await asyncio.sleep(float(call.argv[1]))
    return 0, "", ""


BUILT_IN: Mapping[str, Handler] = {
    "true": lambda call: (0, "", ""),
    "false": lambda call: (1, "", ""),
    "echo": lambda call: (0, " ".join(call.argv[1:]) + "\n", ""),
    "cat": _cat,
    "pwd": lambda call: (0, call.cwd + "\n", ""),
    "printenv": lambda call: (call.argv[1] not in call.env, call.env.get(call.argv[1], "") + "\n", ""),
    "sleep": _sleep,
}


class FakeSandboxes:
    """Implements Sandboxes. `opened` are all sandboxes so far, `calls` all commands of all of them."""

    def __init__(
        self, handlers: Mapping[str, Handler] | None = None, talkers: Mapping[str, Talker] | None = None
    ) -> None:
        self._handlers = {**BUILT_IN, **(handlers or {})}
        self._talkers = {"cat": bytes, **(talkers or {})}
        self.opened: list[FakeSandbox] = []
        self.calls: list[Call] = []

    @property
    def kind(self) -> Kind:
        return "fake"

    async def probe(self) -> Capabilities:
        return Capabilities("fake", "1", True, True, True, {"wall": "tree", "output": "tree"})

    def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Sandbox]:
        return self._open(workspace, mounts, dict(env or {}), quota or Quota())

    @asynccontextmanager
    async def _open(
        self, workspace: Workspace, mounts: Sequence[Mount], env: dict[str, str], quota: Quota
    ) -> AsyncIterator[Sandbox]:
        files: dict[str, bytes] = {}
        for layer in reversed(workspace.layers):
            files |= _read_tree(str(layer), WORKSPACE)
        for mount in mounts:
            files |= _read_tree(str(mount.host), mount.inside)
        sandbox = FakeSandbox(files, env, quota, self._handlers, self._talkers, self.calls)
        self.opened.append(sandbox)
        try:
            yield sandbox
        finally:
            await sandbox.close()


@dataclass
class FakeSandbox:
    """Implements Sandbox; `die` is what a kill from outside does to a real one."""

    files: dict[str, bytes]
    env: Mapping[str, str]
    quota: Quota
    handlers: Mapping[str, Handler]
    talkers: Mapping[str, Talker]
    calls: list[Call]
    kind: Kind = "fake"
    workspace: str = WORKSPACE
    _running: set[asyncio.Future[Answer]] = field(default_factory=set)
    _gone: str = ""

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
        self._check()
        limits, began = quota or self.quota, time.monotonic()
        place = posixpath.join(WORKSPACE, cwd or WORKSPACE)
        call = Call(tuple(argv), place, {**self.env, **(env or {})}, stdin, self.files)
        self.calls.append(call)
        task = asyncio.ensure_future(self._answer(call))
        self._running.add(task)
        try:
            code, out, err = await asyncio.wait_for(task, limits.wall_s)
        except TimeoutError:
            return ExecResult(None, 9, Output(), Output(), time.monotonic() - began, exceeded=("wall",))
        except asyncio.CancelledError:
            self._check()
            raise
        finally:
            self._running.discard(task)
        for stream, data in (("stdout", _bytes(out)), ("stderr", _bytes(err))):
            if on_output is not None and data:
                on_output("stdout" if stream == "stdout" else "stderr", data)
        stdout, stderr = (_capped(_bytes(data), limits.output_bytes) for data in (out, err))
        return ExecResult(int(code), None, stdout, stderr, time.monotonic() - began)

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Process]:
        return self._spawn(argv)

    @asynccontextmanager
    async def _spawn(self, argv: Sequence[str]) -> AsyncIterator[Process]:
        self._check()
        process = FakeProcess(self, self.talkers[posixpath.basename(argv[0])])
        try:
            yield process
        finally:
            await process.kill()

    async def read_file(self, path: str, *, max_bytes: int = 8 << 20) -> bytes:
        self._check()
        place = posixpath.normpath(posixpath.join(WORKSPACE, path))
        if place in self.files:
            return self.files[place][:max_bytes]
        if any(name.startswith(place + "/") for name in self.files):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    async def write_file(self, path: str, data: bytes) -> None:
        self._check()
        self.files[posixpath.normpath(posixpath.join(WORKSPACE, path))] = data

    async def close(self) -> None:
        self.die("the sandbox is closed")

    def die(self, reason: str = "the sandbox died") -> None:
        self._gone = self._gone or reason
        for task in self._running:
            task.cancel()

    def _check(self) -> None:
        if self._gone:
            raise SandboxGone(self._gone)

    async def _answer(self, call: Call) -> Answer:
        handler = self.handlers.get(posixpath.basename(call.argv[0]))
        if handler is None:
            return 127, "", f"{call.argv[0]}: No such file or directory\n"
        answer = handler(call)
        return await answer if inspect.isawaitable(answer) else answer


class FakeProcess:
    """Implements Process."""

    def __init__(self, sandbox: FakeSandbox, talker: Talker) -> None:
        self._sandbox, self._talker = sandbox, talker
        self._waiting, self._lines = b"", b""
        self._ended = asyncio.Event()
        self._news = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self._sandbox._check()
        if self._ended.is_set():
            raise SandboxGone("the program has ended")
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        self._lines += b"".join(self._talker(line + b"\n") for line in lines)
        self._news.set()

    async def read_line(self, *, timeout_s: float) -> bytes:
        async with asyncio.timeout(timeout_s):
            while b"\n" not in self._lines and not self._ended.is_set():
                self._sandbox._check()
                self._news.clear()
                await self._news.wait()
        line, end, self._lines = self._lines.partition(b"\n")
        return line + end

    async def kill(self) -> None:
        self._ended.set()
        self._news.set()

    async def wait(self) -> ExecResult:
        await self._ended.wait()
        return ExecResult(None, 9, Output(), Output(), 0.0)


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _capped(data: bytes, limit: int) -> Output:
    if len(data) <= limit:
        return Output(data, b"", len(data))
    head = limit // 2
    return Output(data[:head], data[len(data) - (limit - head) :], len(data))


def _read_tree(top: str, inside: str) -> dict[str, bytes]:
    found = {}
    for path in Path(top).rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                found[posixpath.join(inside, str(path.relative_to(top)))] = path.read_bytes()
    return found
