"""Which engine isolates the code under diagnosis: what was asked for, or what suits this machine."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import bubblewrap
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.protocol import Sandboxes, SandboxUnavailable
from sandbox.unsandboxed import UnsandboxedSandboxes
from workflows.settings import Settings, host_variables

if TYPE_CHECKING:
    from sandbox.docker.provider import DockerSandboxes

DEFAULT_IMAGE = "python:3.12-bookworm"  # has git, and libraries that are not newer than most machines'
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


@dataclass(frozen=True)
class Chosen:
    """An engine, and why another one than one might expect ("" when there is nothing to say)."""

    sandboxes: Sandboxes
    note: str = ""


@asynccontextmanager
async def engine(settings: Settings, kind: str, *, run: str = "") -> AsyncIterator[Chosen]:
    """The engine of a kind, freed in the end; what killed runs left is removed first. Raises SandboxUnavailable.

    "auto": Docker when an image is named in the settings, an engine answers, and the image is there or can be pulled;
    also where nothing else works. Otherwise bubblewrap.
    """
    async with contextlib.AsyncExitStack() as opened:
        chosen = await _choose(settings, kind, run, opened)
        bubblewrap.reap()
        yield chosen


async def _choose(settings: Settings, kind: str, run: str, opened: contextlib.AsyncExitStack) -> Chosen:
    if kind == "none":
        return Chosen(UnsandboxedSandboxes())
    if kind == "docker":
        return Chosen(await _docker(settings, run, opened))
    if kind == "bubblewrap" or not (settings.image or not sys.platform.startswith("linux")):
        return Chosen(BubblewrapSandboxes())
    try:
        return Chosen(await _docker(settings, run, opened))
    except SandboxUnavailable as error:
        if not sys.platform.startswith("linux"):
            raise
        return Chosen(BubblewrapSandboxes(), f"in bubblewrap, not in Docker: {error}")


async def _docker(settings: Settings, run: str, opened: contextlib.AsyncExitStack) -> DockerSandboxes:
    """A provider whose engine answers and has the image, with leftovers removed."""
    provider = docker_sandboxes(settings, run=run)
    opened.push_async_callback(provider.close)
    await provider.image()
    await provider.reap()
    return provider


def docker_sandboxes(settings: Settings, *, run: str = "", pull: bool = True) -> DockerSandboxes:
    """A provider as the settings describe it; nothing is asked of the engine yet."""
    from sandbox.docker.provider import Choices, DockerSandboxes  # noqa: PLC0415 - the SDK takes time to import

    return DockerSandboxes(
        Choices(
            image=settings.image or DEFAULT_IMAGE, pull=pull, environ=host_variables(), runtime=settings.runtime,
            cpus=settings.cpus, warm=settings.warm, run=run,
        )
    )  # fmt: skip


def docker_is_likely(variables: Mapping[str, str]) -> bool:
    """Whether it is worth asking for an engine."""
    named = any(variables.get(name) for name in ("DOCKER_HOST", "DOCKER_CONTEXT"))
    own = Path(variables.get("XDG_RUNTIME_DIR", "/nonexistent"), "docker.sock")
    configured = Path.home() / ".docker" / "contexts"
    return named or configured.is_dir() or any(Path(place).exists() for place in (*_SOCKETS, own))
