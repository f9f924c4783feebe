"""Images that sandboxes are made from: found by name or digest, pulled when that is allowed, pinned by their id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import docker
from docker.errors import APIError

from sandbox.docker.engine import INSTEAD, Engine
from sandbox.protocol import SandboxUnavailable


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the engine. identity: its id, which names exactly this content; digest: as registries know it, or "";
    env: variables it sets; volumes: directories it declares as such; labels: on it; size: in bytes;
    made: seconds since the epoch.
    """

    reference: str
    identity: str
    digest: str = ""
    env: tuple[tuple[str, str], ...] = ()
    volumes: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    size: int = 0
    made: float = 0.0


async def find(engine: Engine, reference: str) -> Image | None:
    """The image of that name, digest or id, if the engine has it. Raises SandboxUnavailable."""
    try:
        facts = await engine.call(f"look up the image {reference}", lambda api: api.inspect_image(reference))
    except docker.errors.NotFound:
        return None
    return _image(reference, facts)


async def fetch(engine: Engine, reference: str, *, pull: bool) -> Image:
    """The image, pulled when it is missing and that is allowed. Raises SandboxUnavailable."""
    if not reference:
        raise SandboxUnavailable(f"no image for sandboxes is named: set PATCHWRIGHT_IMAGE, {INSTEAD}")
    found = await find(engine, reference)
    if found is None and pull:
        await _pull(engine, reference)
        found = await find(engine, reference)
    if found is None:
        raise SandboxUnavailable(
            f"the engine has no image {reference}: `docker pull {reference}` or `docker load`, or name another one "
            f"with PATCHWRIGHT_IMAGE, {INSTEAD}"
        )
    return found


async def first(engine: Engine, references: Sequence[str], *, pull: bool) -> tuple[Image, str]:
    """The first image that is there or can be pulled, and why it is none before that ("" when it is the first).

    Raises SandboxUnavailable when there is none.
    """
    refused: list[str] = []
    for reference in references:
        try:
            return await fetch(engine, reference, pull=pull), "; ".join(refused)
        except SandboxUnavailable as error:
            refused.append(str(error))
            if reference == references[-1]:
                raise
    raise SandboxUnavailable("no image for sandboxes is named")


async def _pull(engine: Engine, reference: str) -> None:
    name, tag = (reference, None) if "@" in reference or ":" in reference.rpartition("/")[2] else (reference, "latest")
    try:
        await engine.call(f"pull the image {reference}", lambda api: _pulled(api, name, tag))
    except (docker.errors.NotFound, APIError) as error:
        raise SandboxUnavailable(
            f"the image {reference} cannot be pulled: {str(error.explanation or error)[:300]}"
        ) from error


def _pulled(api: Any, name: str, tag: str | None) -> None:
    """Pull to the end. An engine tells what goes wrong on the way (a digest that does not match) as one more line."""
    for item in api.pull(name, tag=tag, stream=True, decode=True):
        if "error" in item:
            raise SandboxUnavailable(f"the image {name} cannot be pulled: {str(item['error'])[:300]}")


def _image(reference: str, facts: Mapping[str, Any]) -> Image:
    config = facts.get("Config") or {}
    pairs = (word.partition("=") for word in config.get("Env") or ())
    digests = facts.get("RepoDigests") or [""]
    return Image(
        reference=reference,
        identity=str(facts["Id"]),
        digest=str(digests[0]),
        env=tuple((name, value) for name, _, value in pairs),
        volumes=tuple(sorted(config.get("Volumes") or ())),
        labels=tuple(sorted((config.get("Labels") or {}).items())),
        size=int(facts.get("Size") or 0),
        made=_seconds(str(facts.get("Created") or "")),
    )


def _seconds(stamp: str) -> float:
    """Seconds since the epoch of "2026-11-24T16:00:00.123456789Z"; 0 for what is no such time."""
    try:
        return datetime.fromisoformat(f"{stamp[:19]}+00:00").timestamp()
    except ValueError:
        return 0.0
