"""Which engine isolates the code under diagnosis: what was asked for, or what suits this machine."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sandbox import bubblewrap
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.environment_cache import prune
from sandbox.protocol import Sandboxes, SandboxUnavailable
from sandbox.unsandboxed import UnsandboxedSandboxes
from workflows.settings import Settings, host_variables

if TYPE_CHECKING:
    from sandbox.docker.catalogue import Built
    from sandbox.docker.provider import DockerSandboxes

DEFAULT_VERSION = "3.12"  # of the Python image where nothing else suits: it has git, which takes the sources
IMAGES = "images"  # in the cache: what is known of images
TIDY_S, KEEP_S = 3600.0, 86_400.0  # how often caches are looked through; how long what was used stays in any case
_SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


@dataclass(frozen=True)
class Chosen:
    """An engine, and why another one than one might expect ("" when there is nothing to say)."""

    sandboxes: Sandboxes
    note: str = ""


@asynccontextmanager
async def engine(settings: Settings, kind: str, *, run: str = "", described: bool = False) -> AsyncIterator[Chosen]:
    """The engine of a kind, freed in the end; what killed runs left is removed first. Raises SandboxUnavailable.

    described: an image is to be built from a Dockerfile. "auto": Docker when an image is named or described, an engine
    answers, and the image is there or can be pulled; also where nothing else works. Otherwise bubblewrap.
    """
    async with contextlib.AsyncExitStack() as opened:
        named = described or bool(settings.image) or not sys.platform.startswith("linux")
        chosen = await _choose(settings, kind if named or kind != "auto" else "bubblewrap", run, opened)
        bubblewrap.reap()
        yield chosen
        await _tidy(settings, chosen.sandboxes)


async def _tidy(settings: Settings, sandboxes: Sandboxes) -> None:
    """Keep what is cached within its size, now and then."""
    marker = settings.cache / "pruned"
    with contextlib.suppress(SandboxUnavailable, OSError):  # another run will find it as it is
        if marker.exists() and time.time() - marker.stat().st_mtime < TIDY_S:
            return
        settings.cache.mkdir(parents=True, exist_ok=True)
        marker.touch()
        for cache in caches(settings):
            await asyncio.to_thread(prune, cache, settings.cache_bytes, keep_s=KEEP_S)
        if sandboxes.kind == "docker":
            await prune_images(cast("DockerSandboxes", sandboxes), settings.cache_bytes, keep_s=KEEP_S)


async def prune_images(sandboxes: DockerSandboxes, max_bytes: int, *, keep_s: float) -> tuple[Built, ...]:
    """Remove images of ours until they take so many bytes; what went. Raises SandboxUnavailable."""
    from sandbox.docker import catalogue  # noqa: PLC0415 - the SDK takes time to import

    return await catalogue.prune(sandboxes.engine, sandboxes.records, max_bytes, keep_s=keep_s)


def caches(settings: Settings) -> tuple[Path, ...]:
    """Where built environments are kept: those of this machine, and those of images."""
    return settings.cache / "environments", settings.cache / "environments-docker"


async def _choose(settings: Settings, kind: str, run: str, opened: contextlib.AsyncExitStack) -> Chosen:
    if kind == "none":
        return Chosen(UnsandboxedSandboxes())
    if kind == "docker":
        return Chosen(await _docker(settings, run, opened))
    if kind == "bubblewrap":
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
    await provider.image()  # with it the sources are taken, whatever image the repository gets later
    await provider.reap()
    return provider


def docker_sandboxes(settings: Settings, *, run: str = "", pull: bool = True) -> DockerSandboxes:
    """A provider as the settings describe it; nothing is asked of the engine yet."""
    from sandbox.docker.provider import Choices, DockerSandboxes  # noqa: PLC0415 - the SDK takes time to import

    return DockerSandboxes(
        Choices(
            image=settings.image, pull=pull, environ=host_variables(), runtime=settings.runtime, cpus=settings.cpus,
            warm=settings.warm, run=run, bases=settings.base_images, records=settings.cache / IMAGES,
            fallback=settings.image_python.replace("{version}", DEFAULT_VERSION),
        )
    )  # fmt: skip


def docker_is_likely(variables: Mapping[str, str]) -> bool:
    """Whether it is worth asking for an engine."""
    named = any(variables.get(name) for name in ("DOCKER_HOST", "DOCKER_CONTEXT"))
    own = Path(variables.get("XDG_RUNTIME_DIR", "/nonexistent"), "docker.sock")
    configured = Path.home() / ".docker" / "contexts"
    return named or configured.is_dir() or any(Path(place).exists() for place in (*_SOCKETS, own))
