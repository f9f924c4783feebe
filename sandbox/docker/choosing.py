"""Which image sandboxes are made from: the one that was named, the one that was described, or one that suits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sandbox import places
from sandbox.access import access_from
from sandbox.docker import building, images
from sandbox.docker.engine import Engine
from sandbox.docker.records import Records
from sandbox.environment_cache import locked
from sandbox.protocol import Blueprint, Need


@dataclass(frozen=True, slots=True)
class Choices:
    """What a user may choose.

    image: name, digest or id; "" for one of `bases` by language, with {version} in it, or else `fallback`; pull:
    whether a missing one may be fetched; environ: variables that name the engine (DOCKER_HOST and its kind); runtime:
    of the engine ("runsc", "kata"), "" for its default; cpus: how many a sandbox may use, 0 for all; warm: containers
    kept ready for the next sandboxes over a workspace that has been asked for; run: the run they are for; network: of
    builds; records: where it is kept what images hold, when they were used and how they were built.
    """

    image: str
    pull: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    runtime: str = ""
    cpus: float = 0.0
    warm: int = 0
    run: str = ""
    network: str = "bridge"
    bases: Mapping[str, str] = field(default_factory=dict)
    fallback: str = ""
    records: Path | None = None


class Chooser:
    """Finds, pulls or builds the image, once, until another one is asked for. furnished: it was described."""

    def __init__(self, engine: Engine, choices: Choices) -> None:
        self.engine = engine
        self.furnished = False
        self._choices = choices
        self._image: images.Image | None = None
        self._building = asyncio.Lock()

    @property
    def records(self) -> Records:
        """What is known of images."""
        return Records(self._choices.records or places.home() / "images")

    async def image(self) -> images.Image:
        """The image that sandboxes are made from. Raises SandboxUnavailable."""
        if self._image is None:
            reference = self._choices.image or self._choices.fallback
            self._image = await images.fetch(self.engine, reference, pull=self._choices.pull)
        return self._image

    async def suit(self, need: Callable[[], Need]) -> tuple[str, ...]:
        """See Imaged in the protocol."""
        if self._choices.image:
            return ()
        wanted = need()
        base = self._choices.bases.get(wanted.language, "").replace("{version}", wanted.version)
        names = tuple(dict.fromkeys(name for name in (base, self._choices.fallback) if name))
        self._image, refused = await images.first(self.engine, names, pull=self._choices.pull)
        return (f"{refused}; {self._image.reference} is used instead",) if refused else ()

    async def furnish(self, blueprint: Blueprint, *, wall_s: float) -> tuple[str, ...]:
        """See Imaged in the protocol."""
        self.furnished = True
        if blueprint.image:
            self._image = await images.fetch(self.engine, blueprint.image, pull=self._choices.pull)
            return (f"the image {blueprint.image}, as {blueprint.source} says",)
        await self.engine.client()
        proxies = building.proxies_of(dict(access_from(self._choices.environ).env))
        order = await self.engine.run(partial(building.order, blueprint, proxies, self.records.mark))
        async with self._building, locked(self.records.folder, order.key):
            found = await building.built(self.engine, order)
            if found is not None:
                self._image = found
                return (f"the image built from {blueprint.source} before ({found.size / 1e6:.0f} MB)",)
            self._image, note = await building.build(self.engine, order, self.records, wall_s=wall_s)
        return (note,)
