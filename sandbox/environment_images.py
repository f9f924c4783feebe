"""From a tree to its recipe on whatever engine there is; where sandboxes are made from images, from the right one."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from sandbox.detection.blueprint import described
from sandbox.detection.detect import detect, scanned
from sandbox.detection.need import need_of
from sandbox.detection.overrides import Overrides
from sandbox.protocol import BuildFailed, Imaged, Sandboxes
from sandbox.recipe import EnvironmentBroken, Recipe
from sandbox.toolchains import in_image


async def recognize(base: Path, overrides: Overrides, sandboxes: Sandboxes, *, wall_s: float) -> Recipe:
    """The recipe of the tree `base`, made from what sandboxes of this engine show.

    overrides: the user's own words; wall_s: seconds of the build of an image, where the user asks for one.
    Raises EnvironmentUnknown, EnvironmentBroken when that build fails, SandboxUnavailable.
    """
    if not isinstance(sandboxes, Imaged):
        recipe = detect(base, overrides)
        named = overrides.dockerfile or overrides.image
        unused = f"{named} is not used: these sandboxes are {sandboxes.kind}'s, which have no images"
        return replace(recipe, notes=(unused, *recipe.notes)) if named else recipe
    found = described(base, overrides)
    scan = scanned(base, overrides)
    if found.blueprint is not None:
        try:
            notes = await sandboxes.furnish(found.blueprint, wall_s=wall_s)
        except BuildFailed as error:
            raise EnvironmentBroken(f"docker build -f {found.blueprint.source}", f"{error.output}\n{error}") from error
    else:
        notes = await sandboxes.suit(partial(need_of, base, overrides, scan))
    recipe = detect(base, overrides, installed=in_image(await sandboxes.system()), scan=scan)
    return replace(recipe, notes=(*found.notes, *notes, *recipe.notes))
