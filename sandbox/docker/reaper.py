"""Removes from an engine what killed processes left there: containers, volumes, networks that bear our labels."""

from __future__ import annotations

from typing import Any

import docker
from docker.errors import APIError

from sandbox import places
from sandbox.docker.engine import Engine
from sandbox.docker.labels import OWNER, dead
from sandbox.docker.launching import remove


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
