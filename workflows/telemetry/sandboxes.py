"""Sandboxes whose commands are counted and traced."""

from __future__ import annotations

import time
from asyncio import CancelledError
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import cast

from opentelemetry.trace import Span

from sandbox.protocol import (
    Blueprint,
    Capabilities,
    ExecResult,
    Imaged,
    Kind,
    Mount,
    Need,
    OnOutput,
    Process,
    Quota,
    Sandbox,
    SandboxError,
    Sandboxes,
    System,
    Workspace,
)
from workflows.telemetry.figures import Figures
from workflows.telemetry.tracing import failed, lasting, span

# Programs that may be named: what a repository calls its own is a stranger's word.
_PROGRAMS = frozenset({
    "bash", "cargo", "cmake", "ctest", "find", "git", "go", "java", "javac", "make", "mocha", "mvn", "node", "npm",
    "npx", "pip", "pnpm", "pytest", "python", "python3", "rg", "rm", "sh", "tar", "timeout", "uv", "yarn",
})  # fmt: skip


def watched(sandboxes: Sandboxes, figures: Figures) -> Sandboxes:
    """The same provider, watched."""
    return _Imaged(sandboxes, figures) if isinstance(sandboxes, Imaged) else _Sandboxes(sandboxes, figures)


@dataclass(frozen=True)
class _Sandboxes:
    """See the protocol for all of its methods."""

    within: Sandboxes
    figures: Figures

    @property
    def kind(self) -> Kind:
        return self.within.kind

    async def probe(self) -> Capabilities:
        return await self.within.probe()

    @asynccontextmanager
    async def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AsyncIterator[Sandbox]:
        opened = self.within.open(workspace, mounts=mounts, network=network, env=env, quota=quota)
        async with opened as sandbox:
            with self.figures.sandbox(self.kind):
                yield _Sandbox(sandbox, self.figures)


class _Imaged(_Sandboxes):
    """A provider whose sandboxes are made from images."""

    @property
    def _images(self) -> Imaged:
        return cast("Imaged", self.within)

    async def system(self) -> System:
        return await self._images.system()

    async def suit(self, need: Callable[[], Need]) -> tuple[str, ...]:
        return await self._images.suit(need)

    async def furnish(self, blueprint: Blueprint, *, wall_s: float) -> tuple[str, ...]:
        with span("sandbox build", attributes={"patchwright.sandbox.engine": self.kind}):
            return await self._images.furnish(blueprint, wall_s=wall_s)


@dataclass(frozen=True)
class _Sandbox:
    within: Sandbox
    figures: Figures

    @property
    def kind(self) -> Kind:
        return self.within.kind

    @property
    def workspace(self) -> str:
        return self.within.workspace

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
        with span("sandbox exec", attributes=_named(self.kind, argv)) as made:
            began = time.monotonic()
            try:
                result = await self.within.exec(argv, cwd=cwd, env=env, stdin=stdin, quota=quota, on_output=on_output)
            except (CancelledError, SandboxError) as error:
                why = "gone" if isinstance(error, SandboxError) else "cancelled"
                self.figures.broke_off(self.kind, why, time.monotonic() - began)
                raise
            _done(self.figures, self.kind, made, result)
            return result

    @asynccontextmanager
    async def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AsyncIterator[Process]:
        with lasting("sandbox spawn", _named(self.kind, argv)) as made:
            began = time.monotonic()
            async with self.within.spawn(argv, cwd=cwd, env=env, quota=quota) as process:
                watching = _Process(process)
                try:
                    yield watching
                finally:
                    if watching.ended is None:  # ended by us: a resident program that is not needed any more
                        self.figures.broke_off(self.kind, "stopped", time.monotonic() - began)
                    else:
                        _done(self.figures, self.kind, made, watching.ended)

    async def read_file(self, path: str, *, max_bytes: int = 8 << 20) -> bytes:
        return await self.within.read_file(path, max_bytes=max_bytes)

    async def write_file(self, path: str, data: bytes) -> None:
        await self.within.write_file(path, data)

    async def close(self) -> None:
        await self.within.close()


@dataclass
class _Process:
    """A long-lived program. ended: how, once somebody asked."""

    within: Process
    ended: ExecResult | None = None

    async def write(self, data: bytes) -> None:
        await self.within.write(data)

    async def read_line(self, *, timeout_s: float) -> bytes:
        return await self.within.read_line(timeout_s=timeout_s)

    async def kill(self) -> None:
        await self.within.kill()

    async def wait(self) -> ExecResult:
        self.ended = await self.within.wait()
        return self.ended


def _named(kind: Kind, argv: Sequence[str]) -> dict[str, str]:
    program = PurePosixPath(argv[0]).name if argv else ""
    return {
        "patchwright.sandbox.engine": kind,
        "process.executable.name": program if program in _PROGRAMS else "other",
    }


def _done(figures: Figures, kind: Kind, made: Span, result: ExecResult) -> None:
    figures.ran(kind, result)
    made.set_attribute("patchwright.sandbox.cpu_seconds", result.cpu_s)
    if result.exit_code is not None:
        made.set_attribute("process.exit.code", result.exit_code)
    if result.exceeded:
        made.set_attribute("patchwright.sandbox.exceeded", list(result.exceeded))
        failed(made, "limit")
