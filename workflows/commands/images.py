"""Commands about what is built once and kept: `images list`, `images prune`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflows.text import line

if TYPE_CHECKING:
    from sandbox.docker.catalogue import Built
    from workflows.settings import Settings

app = typer.Typer(name="images", help="Images and environments that were built and kept.", no_args_is_help=True)
HOUR_S = 3600.0


@app.callback()
def overview() -> None:
    """Images and environments that were built and kept."""


@app.command("list")
def listed() -> None:
    """List images and environments: size, age, last use. What was not built here is never removed."""
    from workflows.settings import load

    settings = load()
    images, trouble = asyncio.run(_images(settings))
    table = Table(box=None, pad_edge=False)
    for name in ("kind", "name", "size", "age", "last use", "of"):
        table.add_column(name, overflow="fold", justify="right" if name in ("size", "age", "last use") else "left")
    for row in (*_image_rows(images), *_environment_rows(settings)):
        table.add_row(*(Text(line(cell, 200)) for cell in row))
    Console().print(table)
    _say_trouble(trouble)


@app.command()
def prune(
    max_gb: Annotated[
        float | None, typer.Option(min=0, max=100_000, help="Size to keep of each kind. Default: PATCHWRIGHT_CACHE_GB.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what was used within the last hour.")] = False,
) -> None:
    """Remove what was not used for longest until the rest is small enough, and what killed runs left on the engine
    and in control groups.

    Touches nothing that was not made here.
    """
    from sandbox import cgroups
    from sandbox.environment_cache import prune as prune_environments
    from workflows.engines import caches
    from workflows.settings import load

    settings = load()
    if (hierarchy := cgroups.find()) is not None:
        cgroups.reap(hierarchy)
    size = 0 if everything and max_gb is None else settings.cache_bytes if max_gb is None else int(max_gb * 1e9)
    keep_s = 0.0 if everything else HOUR_S
    freed = sum(prune_environments(cache, size, keep_s=keep_s) for cache in caches(settings))
    gone, trouble = asyncio.run(_prune(settings, size, keep_s))
    for image in gone:
        Console().print(Text(f"removed {line(image.name)}, {_size(image.size)}"), soft_wrap=True)
    Console().print(Text(f"environments: {_size(freed)} freed; images: {len(gone)} removed"), soft_wrap=True)
    _say_trouble(trouble)


async def _images(settings: Settings) -> tuple[tuple[Built, ...], str]:
    """Images of ours, then those that were only used; why there are none when the engine does not answer."""
    from sandbox.protocol import SandboxUnavailable
    from workflows.engines import docker_sandboxes

    provider = docker_sandboxes(settings, pull=False)
    try:
        from sandbox.docker import catalogue

        ours = await catalogue.images(provider.engine, provider.records)
        return (*ours, *await catalogue.others(provider.engine, provider.records)), ""
    except SandboxUnavailable as error:
        return (), str(error)
    finally:
        await provider.close()


async def _prune(settings: Settings, size: int, keep_s: float) -> tuple[tuple[Built, ...], str]:
    from sandbox.protocol import SandboxUnavailable
    from workflows.engines import docker_sandboxes, prune_images

    provider = docker_sandboxes(settings, pull=False)
    try:
        await provider.reap()
        return await prune_images(provider, size, keep_s=keep_s), ""
    except SandboxUnavailable as error:
        return (), str(error)
    finally:
        await provider.close()


def _image_rows(images: tuple[Built, ...]) -> Iterator[tuple[str, ...]]:
    for image in images:
        kind = "built" if image.ours else "used"
        yield kind, image.name, _size(image.size), _since(image.made), _since(image.used), image.source


def _environment_rows(settings: Settings) -> Iterator[tuple[str, ...]]:
    from sandbox.environment_cache import entries
    from workflows.engines import caches

    for cache in caches(settings):
        for entry in entries(cache):
            times = _since(entry.made), _since(entry.used)
            yield "environment", entry.key[:12], _size(entry.size), *times, entry.language


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _since(moment: float) -> str:
    """How long ago, in the largest unit that fits."""
    seconds = max(0.0, time.time() - moment)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _say_trouble(trouble: str) -> None:
    if trouble:
        Console(stderr=True).print(Text(f"images are left out: {line(trouble, 500)}"), soft_wrap=True)
