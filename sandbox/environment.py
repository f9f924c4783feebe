"""Environments of repositories: detected from their files, built once in a sandbox with network, reused without it.

A build has two sandboxes. The first runs nobody's code: it makes an empty virtual environment and unpacks wheels, with
no repository in sight and the download cache that all builds share. The second runs what the repository and its
dependencies want to run (build backends, `setup.py`, install scripts), over the repository, with a cache that is thrown
away: a hostile build can spoil its own environment and no other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from uv import find_uv_bin

from sandbox.access import Access
from sandbox.detection.detect import detect
from sandbox.detection.overrides import ConfigurationInvalid, Overrides
from sandbox.detection.python import python_path
from sandbox.environment_cache import Slot, environment_key, locked, prune, remove_tree
from sandbox.environment_steps import Builder
from sandbox.interpreters import Interpreter, interpreter_at
from sandbox.protocol import (
    ENVIRONMENT,
    WORKSPACE,
    Imaged,
    Mount,
    OnOutput,
    Quota,
    Sandboxes,
    System,
    Workspace,
)
from sandbox.recipe import Environment, EnvironmentBroken, EnvironmentUnknown, Recipe, Step
from sandbox.toolchains import Toolchain, movable, toolchain_at

__all__ = [
    "BUILD_QUOTA",
    "ConfigurationInvalid",
    "Environment",
    "EnvironmentBroken",
    "EnvironmentUnknown",
    "Overrides",
    "Recipe",
    "build",
    "detect",
    "prune",
]

BUILD_QUOTA = Quota(wall_s=1800, memory_bytes=8 << 30, processes=1024, disk_bytes=8 << 30)
_UV = "/patchwright/uv"
_DOWNLOADS = "/patchwright/cache"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class _Tools:
    """What a recipe needs of the host: read-only mounts, directories for PATH, and what tells two hosts apart."""

    mounts: tuple[Mount, ...]
    path: tuple[str, ...]
    stamp: str
    system_path: str = _SYSTEM_PATH
    notes: tuple[str, ...] = ()


async def build(
    recipe: Recipe,
    base: Path,
    *,
    sandboxes: Sandboxes,
    cache: Path,
    access: Access | None = None,
    scope: str = "",
    quota: Quota | None = None,
    on_output: OnOutput | None = None,
) -> Environment:
    """The environment of `recipe` for the tree `base`, from the cache or built now; two builds of one key build once.

    access: indexes and certificates for the network (see sandbox.access). scope: names whose code the tree is (its
    origin): environments whose build runs that code are shared within it only. quota: limits of each build command,
    its seconds those of the whole build.
    Raises EnvironmentBroken with the failing command and its output; a build that fails or is cancelled leaves nothing
    but, when it failed, its log.
    """
    system = await sandboxes.system() if isinstance(sandboxes, Imaged) else None
    tools = _shown(recipe, system) if system else _tools(recipe)
    recipe = replace(recipe, notes=(*recipe.notes, *tools.notes))
    stamps = (tools.stamp, "in place" if sandboxes.kind == "none" else "")
    cache = cache.resolve()
    slot = Slot(cache, environment_key(recipe, base, stamps=stamps, scope=scope))
    record = slot.record()
    if record is None:
        async with locked(cache, slot.key):
            record = slot.record()
            if record is None:
                work = _Work(recipe, base, sandboxes, slot, tools, access or Access(), quota or BUILD_QUOTA, on_output)
                record = await _build(work, cache)
    notes = record.get("notes")
    return Environment(
        recipe=recipe,
        key=slot.key,
        path=slot.environment,
        products=slot.products,
        env=tuple(sorted(_test_variables(recipe, tools).items())),
        mounts=(Mount(slot.environment, ENVIRONMENT), *tools.mounts),
        log=slot.log,
        notes=(*recipe.notes, *(str(n) for n in notes)) if isinstance(notes, list) else recipe.notes,
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """One build."""

    recipe: Recipe
    base: Path
    sandboxes: Sandboxes
    slot: Slot
    tools: _Tools
    access: Access
    quota: Quota
    on_output: OnOutput | None


async def _build(work: _Work, cache: Path) -> dict[str, object]:
    slot = work.slot
    started = time.monotonic()
    slot.begin()
    failures = cache / "failed" / f"{slot.key}.log"
    failures.parent.mkdir(exist_ok=True)
    try:
        builder = Builder(slot.log, work.quota, work.on_output)
        first = tuple(s for s in work.recipe.steps if s.runs == "nothing")
        rest = tuple(s for s in work.recipe.steps if s.runs != "nothing")
        downloads = cache / "uv"
        downloads.mkdir(exist_ok=True)
        empty, private = slot.scratch / "empty", slot.scratch / "cache"
        empty.mkdir()
        private.mkdir()
        await _run(work, builder, first, Workspace((empty,)), downloads)
        await _run(work, builder, rest, Workspace((work.base,), upper=slot.products), private)
        _tidy(slot.products, work)
        record: dict[str, object] = {
            "seconds": round(time.monotonic() - started, 3), "notes": builder.notes, "made": round(time.time()),
            "language": work.recipe.language,
        }  # fmt: skip
        slot.publish(record)
    except EnvironmentBroken:
        slot.log.replace(failures)
        remove_tree(slot.top)
        raise
    except BaseException:
        remove_tree(slot.top)
        raise
    failures.unlink(missing_ok=True)
    return record


async def _run(work: _Work, builder: Builder, steps: tuple[Step, ...], workspace: Workspace, downloads: Path) -> None:
    """Run steps in one sandbox with network, /environment writable and `downloads` as the installers' cache."""
    if not steps:
        return
    mounts = (
        *work.tools.mounts,
        *work.access.mounts,
        Mount(Path(find_uv_bin()).resolve(), f"{_UV}/uv"),
        Mount(work.slot.environment, ENVIRONMENT, writable=True),
        Mount(downloads, _DOWNLOADS, writable=True),
    )
    env = _build_variables(work)
    async with work.sandboxes.open(workspace, mounts=mounts, network=True, env=env, quota=work.quota) as sandbox:
        for step in steps:
            await builder.run(sandbox, step)


def _build_variables(work: _Work) -> dict[str, str]:
    paths = (f"{ENVIRONMENT}/bin", *work.tools.path, _UV, work.tools.system_path)
    return {
        **dict(work.access.env),
        **dict(work.recipe.env),
        "PATH": ":".join(paths),
        "VIRTUAL_ENV": ENVIRONMENT,
        "UV_CACHE_DIR": f"{_DOWNLOADS}/uv",
        "UV_LINK_MODE": "copy",  # a link would let the environment's writers change what the cache gives to others
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
        "PIP_CACHE_DIR": f"{_DOWNLOADS}/pip",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "npm_config_cache": f"{_DOWNLOADS}/npm",
        "YARN_CACHE_FOLDER": f"{_DOWNLOADS}/yarn",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _test_variables(recipe: Recipe, tools: _Tools) -> Mapping[str, str]:
    """Variables of every later command: the environment first on PATH, import roots, no network for installers."""
    modules = (
        [f"{WORKSPACE}/{recipe.directory}/node_modules/.bin".replace("/./", "/")] if recipe.language == "node" else []
    )
    env = {**dict(recipe.env), "PATH": ":".join((f"{ENVIRONMENT}/bin", *modules, *tools.path, tools.system_path))}
    if recipe.language == "python":
        env |= {"VIRTUAL_ENV": ENVIRONMENT, "PYTHONPATH": python_path(recipe.roots), "PYTHONDONTWRITEBYTECODE": "1"}
        env |= {"UV_OFFLINE": "1", "PIP_NO_INDEX": "1"}
    if recipe.language == "rust":
        env["CARGO_NET_OFFLINE"] = "true"
    if recipe.language == "go":
        env |= {"GOPROXY": "off", "GOFLAGS": env.get("GOFLAGS", "")}
    return env


def _tools(recipe: Recipe) -> _Tools:
    """The interpreter or toolchain that the recipe names. Raises EnvironmentUnknown when it is not there."""
    if not recipe.interpreter:
        return _Tools((), (), "")
    program = Path(recipe.interpreter)
    if not program.is_file():
        raise EnvironmentUnknown(f"{program} is not on this machine any more")
    if recipe.language == "python":
        interpreter: Interpreter | None = interpreter_at(program)
        if interpreter is None:
            raise EnvironmentUnknown(f"{program} is no Python 3 interpreter")
        return _Tools(_prefix_mounts(interpreter.prefix), (), f"{interpreter.path} {interpreter}")
    toolchain: Toolchain = toolchain_at(program)
    path = (toolchain.bin,) if toolchain.prefix else ()
    return _Tools(toolchain.mounts, path, f"{toolchain.program} {toolchain.version}")


def _shown(recipe: Recipe, system: System) -> _Tools:
    """The image's own interpreter or toolchain, or this machine's where the recipe names that: it is shown inside,
    which works where the image's libraries are not older.
    """
    own = {path for path, _ in system.pythons} | set(system.programs)
    if not recipe.interpreter or recipe.interpreter in own:
        return _Tools((), (), f"{system.identity} {recipe.interpreter}", system.path)
    tools = _tools(recipe)
    note = f"the image {system.reference} has nothing like {recipe.interpreter}: this machine's is used in it"
    return replace(tools, stamp=f"{system.identity} {tools.stamp}", system_path=system.path, notes=(note,))


def _prefix_mounts(prefix: Path) -> tuple[Mount, ...]:
    """The prefix of an interpreter, unless it is the system's, which every sandbox shows."""
    return (Mount(prefix, str(prefix)),) if movable(prefix) else ()


def _tidy(products: Path, work: _Work) -> None:
    """Take out of the products what must not lie over a repository.

    Byte code: a stale one would hide an edit of the same size in the same second. What setuptools copies into `build`.
    """
    for cached in [*products.rglob("__pycache__")]:
        remove_tree(cached)
    left = PurePosixPath(work.recipe.directory) / "build"
    if work.recipe.language == "python" and not (work.base / left).exists() and (products / left / "lib").is_dir():
        remove_tree(products / left)
