"""Removes from an engine what killed processes left there: containers, volumes, networks that bear our labels."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import docker
from docker.errors import APIError

from sandbox import places
from sandbox.docker.engine import Engine
from sandbox.docker.labels import OWNER, dead
from sandbox.docker.launching import remove
from sandbox.protocol import SandboxError


async def reap(engine: Engine) -> int:
    """Remove leftovers of dead processes, then their directories; the number of things removed.

    Raises SandboxUnavailable.
    """
    removed = await engine.call("list its containers", _sweep)
    return removed + await engine.run(places.reap)


def _sweep(api: Any) -> int:
    mine = {"label": [OWNER]}
    removed = 0
    for found in api.containers(all=True, filters=mine):
        if dead(found.get("Labels") or {}, running=found.get("State") == "running"):
            remove(api, found["Id"])
            removed += 1
    for found in api.volumes(filters=mine).get("Volumes") or ():
        if dead(found.get("Labels") or {}, running=False):
            removed += _gone(lambda name=found["Name"]: api.remove_volume(name, force=True))
    for found in api.networks(filters=mine):
        if dead(found.get("Labels") or {}, running=False):
            removed += _gone(lambda name=found["Id"]: api.remove_network(name))
    return removed


def _gone(work: Any) -> int:
    """1 when it was removed; 0 when it is in use or was removed by another reaper."""
    try:
        work()
    except (docker.errors.NotFound, APIError):
        return 0
    return 1


class Reapable(Protocol):
    """A provider that can remove leftovers."""

    async def reap(self) -> int:
        """Remove them; how many there were. Raises SandboxError."""


@dataclass(slots=True)
class Reaping:
    """How a reaper fares. rounds: how often it looked; removed: leftovers in all; trouble: why the last round failed,
    "" when it did not.
    """

    rounds: int = 0
    removed: int = 0
    trouble: str = ""


@asynccontextmanager
async def reaping(provider: Reapable, every_s: float) -> AsyncIterator[Reaping]:
    """Look for leftovers now and every so many seconds, for as long as the context is open.

    An engine that is away is asked again the next time. Leaving the context lets a round that has begun end.
    """
    fares, closing = Reaping(), asyncio.Event()
    task = asyncio.create_task(_rounds(provider, every_s, fares, closing))
    try:
        yield fares
    finally:
        closing.set()
        await task


async def _rounds(provider: Reapable, every_s: float, fares: Reaping, closing: asyncio.Event) -> None:
    while not closing.is_set():
        try:
            fares.removed += await provider.reap()
            fares.trouble = ""
        except (SandboxError, APIError, OSError) as error:
            fares.trouble = str(error)
        fares.rounds += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), every_s)
