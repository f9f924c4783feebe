"""Images that were built here: listed with their last use, and removed, the longest unused first."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

import docker
from docker.errors import APIError

from sandbox.docker.building import BUILT, CACHE, PART, SOURCE, tag_of
from sandbox.docker.engine import Engine
from sandbox.docker.images import find
from sandbox.docker.records import Records

_PARTS = "1h"  # parts of images that are older belong to no build that still runs


@dataclass(frozen=True, slots=True)
class Built:
    """An image that sandboxes were made from. ours: it was built here, and may be removed.

    size: bytes, shared layers included; made, used: seconds since the epoch; key: of what was built.
    """

    identity: str
    name: str
    source: str
    size: int
    made: float
    used: float
    key: str = ""
    ours: bool = True


async def images(engine: Engine, records: Records) -> tuple[Built, ...]:
    """Images that were built for these records, the one used last first. Raises SandboxUnavailable."""
    mine = {"label": [BUILT, f"{CACHE}={records.mark}"]}
    found = await engine.call("list its images", lambda api: api.images(filters=mine))
    built = [_built(facts, records) for facts in found if _name(facts) in (facts.get("RepoTags") or ())]
    return tuple(sorted(built, key=lambda image: -image.used))


async def others(engine: Engine, records: Records) -> tuple[Built, ...]:
    """Images that were used and not built here, the one used last first. Raises SandboxUnavailable."""
    found = [await find(engine, identity) for identity in records.identities()]
    there = [
        Built(
            image.identity, system.reference, image.digest, image.size, image.made,
            records.used(image.identity) or image.made, ours=False,
        )
        for image in found
        if image and BUILT not in dict(image.labels) and (system := records.system(image.identity))
    ]  # fmt: skip
    return tuple(sorted(there, key=lambda image: -image.used))


async def prune(engine: Engine, records: Records, max_bytes: int, *, keep_s: float) -> tuple[Built, ...]:
    """Remove images unused for `keep_s` seconds until all take `max_bytes`, then parts of failed builds; what went.

    An image that a container uses stays. Raises SandboxUnavailable.
    """
    there = await images(engine, records)
    total = sum(image.size for image in there)
    gone: list[Built] = []
    for image in reversed(there):
        if total <= max_bytes or time.time() - image.used < keep_s:
            break
        if await engine.call("remove an image", partial(_remove, name=image.name)):
            records.forget(image.identity)
            gone.append(image)
            total -= image.size
    parts = {"dangling": True, "label": [PART], "until": _PARTS}
    with contextlib.suppress(APIError):  # a conflict: somebody else is pruning, and takes them too
        await engine.call("remove parts of images", lambda api: api.prune_images(parts))
    records.clear_logs({image.key for image in there if image not in gone}, keep_s=keep_s)
    return tuple(gone)


def _built(facts: dict[str, Any], records: Records) -> Built:
    identity, made = str(facts["Id"]), float(facts.get("Created") or 0)
    labels = facts.get("Labels") or {}
    size, key = int(facts.get("Size") or 0), str(labels.get(BUILT, ""))
    return Built(identity, _name(facts), str(labels.get(SOURCE, "")), size, made, records.used(identity) or made, key)


def _name(facts: dict[str, Any]) -> str:
    """The name that we gave it. Labels alone do not make an image ours: those built on top of it inherit them."""
    return tag_of(str((facts.get("Labels") or {}).get(BUILT, "")))


def _remove(api: Any, name: str) -> bool:
    """Take away our name, at which the image goes unless somebody gave it another one; False when it is in use."""
    try:
        api.remove_image(name)
    except docker.errors.NotFound:
        return True
    except APIError:
        return False
    return True
