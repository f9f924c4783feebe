"""`patchwright github demo`: a GitHub of this machine, with a pull request that breaks a test."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from workflows.github.hub.demo import Beside, Demo
    from workflows.github.hub.runner import Runner
    from workflows.settings import Settings


def demo(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the pages and the interface; 0: any.")] = 8330,
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Where deliveries go: to `patchwright serve`.")
    ] = "http://127.0.0.1:8321/webhooks/github",
    check: Annotated[bool, typer.Option("--check", help="End when the workflow of the pull request has.")] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Start with nothing in it, to be filled through /_hub.")
    ] = False,
) -> None:
    """Show the bot's path on this machine alone: a fake GitHub with real repositories, whose workflows really run.

    It prints the settings that `patchwright serve`, `patchwright github bot` and `patchwright github publish` need, and
    the page to open in a browser. Everything in it is gone when it ends.
    """
    from workflows.interrupts import run
    from workflows.settings import load

    work = bare(load(), port=port) if empty else show(load(), port=port, webhook=webhook, check=check, beside=_told)
    run(work, typer.echo)


def _told(demo: Demo) -> AbstractAsyncContextManager[object]:
    """Starts nothing: says how the others are started."""
    typer.echo(f"hub: {demo.web}/")
    typer.echo(f"word: {demo.word}")
    for name, value in demo.variables.items():
        typer.echo(f"{name}={value}")
    return contextlib.nullcontext()


async def show(settings: Settings, *, port: int, webhook: str, check: bool, beside: Beside) -> None:
    """The demo until it is cancelled, or with `check` until its workflow ended. beside: the processes to start.

    Raises Refused when it cannot be shown here.
    """
    from workflows.github.hub.demo import NAME, shown

    async with _ready(settings, port) as (folder, runner):
        showing = shown(folder, port=port, webhook=webhook, runner=runner, beside=beside, say=typer.echo)
        async with showing as (hub, number):
            if not check:
                await asyncio.Event().wait()
            await hub.settled()
            place = hub.world.named(*NAME.split("/"))
            ended = [f"{run.event} {run.last.conclusion}" for run in place.runs.values()] if place else []
            typer.echo(f"pull request {number}: {', '.join(ended)}")


async def bare(settings: Settings, *, port: int) -> None:
    """A hub with nothing in it, until it is cancelled. Raises Refused."""
    from workflows.github.hub.app import bound, serving
    from workflows.github.hub.demo import kept

    async with _ready(settings, port) as (folder, runner), serving(folder / "repositories", runner, bound(port)) as hub:
        typer.echo(f"hub: {hub.world.web}/")
        typer.echo(f"word: {kept(folder / 'word', hub.word)}")
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def _ready(settings: Settings, port: int) -> AsyncIterator[tuple[Path, Runner]]:
    """A folder for as long as the block runs, and a runner of workflows. Raises Refused."""
    import tempfile

    from sandbox.access import access_from
    from sandbox.protocol import SandboxUnavailable
    from workflows.engines import engine
    from workflows.exits import UNAVAILABLE, Refused
    from workflows.github.hub.runner import SandboxRunner
    from workflows.settings import host_variables

    with tempfile.TemporaryDirectory(prefix="patchwright-hub-") as folder:
        try:
            async with engine(settings, settings.sandbox) as chosen:
                cache = settings.cache / "environments"
                yield Path(folder), SandboxRunner(chosen.sandboxes, cache, access=access_from(host_variables()))
        except SandboxUnavailable as error:
            raise Refused(str(error), UNAVAILABLE) from None
        except OSError as error:
            raise Refused(f"the hub cannot listen on port {port}: {error.strerror}", UNAVAILABLE) from None
