"""Commands about Patchwright itself: `doctor`, `schema`, `example`."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflows.exits import UNAVAILABLE
from workflows.text import line

if TYPE_CHECKING:
    from sandbox.protocol import Capabilities
    from workflows.settings import Settings

ENOUGH_BYTES = 2 << 30


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `needed`: without it nothing can be diagnosed."""

    name: str
    well: bool
    detail: str
    needed: bool = True


def doctor() -> None:
    """Check what a diagnosis needs on this machine, and say what to fix."""
    from workflows.settings import load

    checks = list(_checks(load()))
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        sign = ("ok", "green") if check.well else ("MISSING", "bold red") if check.needed else ("note", "yellow")
        table.add_row(Text(*sign), check.name, Text(line(check.detail, 1000)))
    Console().print(table)
    if any(check.needed and not check.well for check in checks):
        raise typer.Exit(UNAVAILABLE)


def _checks(settings: Settings) -> Iterator[Check]:
    yield Check("python", True, f"{sys.version.split()[0]} at {sys.executable}")
    yield _program("git", "install git")
    yield _program("uv", "comes with the package: reinstall patchwright")
    yield from _sandbox(needed=settings.sandbox != "docker")
    yield from _docker(settings)
    for name, folder in (("runs", settings.home), ("cache", settings.cache)):
        yield _folder(name, folder)
    if settings.model_url:
        yield from _model(settings)


def _program(name: str, remedy: str) -> Check:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        return Check(name, False, f"not found: {remedy}")
    try:
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return Check(name, False, f"{found}: {error}")
    return Check(name, True, f"{done.stdout.strip()} at {found}")


def _sandbox(*, needed: bool) -> Iterator[Check]:
    from sandbox.bubblewrap import BubblewrapSandboxes
    from sandbox.protocol import SandboxUnavailable

    try:
        found = asyncio.run(BubblewrapSandboxes().probe())
    except SandboxUnavailable as error:
        yield Check("sandbox", False, str(error), needed=needed)
        return
    yield from _found(found, needed=needed)


def _found(found: Capabilities, *, needed: bool) -> Iterator[Check]:
    """What an engine enforces, as it was tried."""
    isolated = found.isolates_network and found.isolates_files and found.isolates_processes
    yield Check(
        "sandbox", isolated, f"{found.kind} {found.version}: no network, own files, own processes", needed=needed
    )
    limits = ", ".join(f"{limit}: {how}" for limit, how in sorted(found.limits.items()))
    yield Check("limits", "none" not in found.limits.values(), f"enforced per {limits}", needed=False)
    for note in found.notes:
        yield Check("note", False, note, needed=False)


def _docker(settings: Settings) -> Iterator[Check]:
    """A Docker engine, when there is a sign of one or it is asked for."""
    from workflows.engines import docker_is_likely
    from workflows.settings import host_variables

    wanted = settings.sandbox == "docker"
    if not wanted and not settings.image and not docker_is_likely(host_variables()):
        yield Check("docker", True, "no engine here; sandboxes are bubblewrap's", needed=False)
        return
    from sandbox.protocol import SandboxUnavailable

    try:
        found, disk = asyncio.run(_probe_docker(settings))
    except SandboxUnavailable as error:
        yield Check("docker", False, str(error), needed=wanted)
        return
    yield from _found(found, needed=False)
    if disk is not None:
        yield _folder("engine", disk)


async def _probe_docker(settings: Settings) -> tuple[Capabilities, Path | None]:
    """What the engine enforces, and where its data lies when that is on this machine."""
    from workflows.engines import docker_sandboxes

    provider = docker_sandboxes(settings, pull=False)
    try:
        found = await provider.probe()
    finally:
        await provider.close()
    place = Path(str(provider.engine.info.get("DockerRootDir", "")))
    return found, place if place.is_dir() else None


def _model(settings: Settings) -> Iterator[Check]:
    from workflows.reasoners import examined

    for finding in asyncio.run(examined(settings)):
        mend = f"; mend it with: {finding.remedy}" if finding.remedy else ""
        yield Check(finding.name, finding.well, f"{finding.detail}{mend}", needed=False)


def _folder(name: str, folder: Path) -> Check:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Check(name, False, f"{folder} cannot be written")
    free = shutil.disk_usage(there).free
    return Check(name, free > ENOUGH_BYTES, f"{folder}, {free / (1 << 30):.1f} GiB free", needed=False)


def schema() -> None:
    """Print the JSON schema of report.json."""
    from workflows.report.render import schema_text

    sys.stdout.write(schema_text())


def example(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory that does not exist yet.")],
) -> None:
    """Make the bundled example: a billing package with a history, a bug, and a good revision v1.2.0."""
    from workflows.example.create import create

    made = create(directory)
    Console().print(Text(f"{directory}: {made.commits} commits, {made.good} was good; now run"), soft_wrap=True)
    Console().print(Text(f"  patchwright diagnose {directory} --good {made.good}"), soft_wrap=True)
