"""One trial server: a sandbox of its own, the server in it, and questions answered in their order."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, Self

from sandbox.protocol import Process, Quota, Sandbox, SandboxError
from tools.repair.outcome import SERVER_INSIDE, SERVER_ON_HOST, SearchRequest

Message = dict[str, Any]
OnLine = Callable[[Message], None]
Mode = Literal["hot", "cold"]
_START_S = 120.0
_IMPORT_S = 60.0


class ServerGone(Exception):
    """The server ended, answered nonsense or not at all. What it was asked has to be asked elsewhere."""


@dataclass(frozen=True, slots=True)
class Ready:
    """collected: test ids that can be run; broken: file → failure of its collection; modules: imported from outside."""

    collected: tuple[str, ...]
    broken: Mapping[str, Message]
    modules: tuple[str, ...]


class TrialServer:
    """Use as an async context; leaving it closes the sandbox. Several questions may be on their way at once."""

    def __init__(self, request: SearchRequest, mode: Mode, warm: tuple[str, ...] = ()) -> None:
        self.mode: Mode = mode
        self.ready = Ready((), {}, ())
        self.cpu_s = 0.0
        self._request = request
        self._warm = warm
        self._made = contextlib.AsyncExitStack()
        self._process: Process | None = None
        self._writing = asyncio.Lock()
        self._turns: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> Self:
        """Open the sandbox and start. Raises ServerGone with what the server said, SandboxUnavailable."""
        try:
            await self._start()
        except BaseException:
            await self._made.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._made.aclose()

    async def _start(self) -> None:
        request = self._request
        sandbox = await self._made.enter_async_context(request.open_sandbox())
        cwd = str(PurePosixPath(sandbox.workspace, request.cwd or "."))
        argv = (*request.python, _server_path(sandbox))
        quota = Quota(
            wall_s=request.limits.wall_s * 2 + 600, memory_bytes=max(4 << 30, request.limits.memory_bytes * 4)
        )
        env = {"PYTHONHASHSEED": "0", **request.env}
        self._process = await self._made.enter_async_context(sandbox.spawn(argv, cwd=cwd, env=env, quota=quota))
        start = {"op": "start", "mode": self.mode, "workspace": sandbox.workspace, "cwd": cwd, "warm": self._warm}
        tests = {"failing": request.failing, "passing": request.passing, "arguments": request.arguments}
        limits = {"memory": request.limits.memory_bytes, "startup": [_IMPORT_S, _IMPORT_S]}
        said = await self.ask({**start, **tests, **limits}, lambda _: None, timeout_s=_START_S)
        if said["op"] != "ready":
            raise ServerGone(str(said.get("note", ""))[-2000:])
        broken = {str(k): v for k, v in said["broken"].items() if isinstance(v, dict)}
        self.ready = Ready(tuple(map(str, said["collected"])), broken, tuple(map(str, said["modules"])))

    async def ask(self, message: Message, on_line: OnLine, *, timeout_s: float) -> Message:
        """Ask; each line of the answer goes to `on_line`, the last one is returned.

        timeout_s: seconds for each line, from when it is this question's turn. Raises ServerGone.
        """
        turn = await self._write(message)
        try:
            await turn
            while True:
                line = await self._line(timeout_s)
                if line.get("done"):
                    self.cpu_s += float(line.get("cpu_s", 0.0))
                    return line
                on_line(line)
        finally:
            self._turns.remove(turn)
            if self._turns and not self._turns[0].done():
                self._turns[0].set_result(None)

    async def _write(self, message: Message) -> asyncio.Future[None]:
        if self._process is None:
            raise ServerGone("not started")
        async with self._writing:
            try:
                await self._process.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
            except SandboxError as error:
                raise ServerGone(str(error)) from error
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._turns.append(turn)
            if len(self._turns) == 1:
                turn.set_result(None)
            return turn

    async def _line(self, timeout_s: float) -> Message:
        if self._process is None:
            raise ServerGone("not started")
        try:
            raw = await self._process.read_line(timeout_s=timeout_s)
        except (TimeoutError, SandboxError) as error:
            raise ServerGone(str(error) or "no answer in time") from error
        if not raw:
            raise ServerGone("the server ended")
        try:
            line = json.loads(raw)
        except ValueError as error:
            raise ServerGone("an answer that is no JSON") from error
        if not isinstance(line, dict) or "op" not in line:
            raise ServerGone("an answer of the wrong shape")
        return line


def _server_path(sandbox: Sandbox) -> str:
    return SERVER_ON_HOST if sandbox.kind == "none" else SERVER_INSIDE
