"""`patchwright github demo`: a GitHub of this machine, with a pull request that breaks a test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from workflows.github.hub.demo import Beside, Demo
    from workflows.github.hub.runner import Runner
    from workflows.settings import Settings

START_S = 90.0
GRACE_S = 40.0
SERVE = ("--workers", "1", "--no-tokens")


def demo(
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the pages and the interface; 0: any.")] = 8330,
    service_port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the service; 0: any.")] = 8321,
    webhook: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where deliveries go, to processes that you start; else they are started here."
        ),
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="End when the workflow of the pull request has.")] = False,
    empty: Annotated[
        bool, typer.Option("--empty", help="Start with nothing in it, to be filled through /_hub.")
    ] = False,
) -> None:
    """Show the bot's path on this machine alone: a fake GitHub with real repositories, whose workflows really run.

    The service, the bot and the publisher are started beside it, each a process of its own, with a database and a home
    of their own. Open the page that it prints: the bot's comment appears on the pull request, and buttons at its check.
    Everything in it is gone when it ends.
    """
    from workflows.interrupts import run
    from workflows.settings import load

    settings = load()
    if empty:
        run(bare(settings, port=port), typer.echo)
        return
    with _kept(service_port) as at:
        beside = _told if webhook else partial(together, at=at)
        hook = webhook or f"http://127.0.0.1:{at}/webhooks/github"
        run(show(settings, port=port, webhook=hook, check=check, beside=beside), typer.echo)


@contextlib.contextmanager
def _kept(port: int) -> Iterator[int]:
    """The port; for 0 a free one, which stays bound here: an outgoing connection of anybody could have it otherwise
    before the service listens, which it may on a port that is bound for reuse.
    """
    with socket.socket() as place:
        if not port:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(("127.0.0.1", 0))
            port = int(place.getsockname()[1])
        yield port


def _told(demo: Demo) -> AbstractAsyncContextManager[object]:
    """Starts nothing: says how the others are started."""
    typer.echo(f"hub: {demo.web}/")
    typer.echo(f"word: {demo.word}")
    for name, value in demo.variables.items():
        typer.echo(f"{name}={value}")
    return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def together(demo: Demo, *, at: int) -> AsyncIterator[None]:
    """The service at a port, the bot and the publisher, each as a process that ends with this one. Raises Refused when
    one does not start.
    """
    from workflows.attached import attached

    typer.echo(f"hub: {demo.web}/")
    typer.echo(f"word: {demo.word}")
    folder = demo.key.parent
    given = {name: value for name, value in os.environ.items() if not name.endswith("DATABASE_URL")}
    ours = {"PATCHWRIGHT_HOME": str(folder / "home"), "PATCHWRIGHT_GITHUB_LINKS": f"http://127.0.0.1:{at}"}
    common = {**given, **ours, "PATCHWRIGHT_GITHUB_SECRET_FILE": str(demo.secret)}
    started: list[Process] = []
    log = folder / "log"
    try:
        for arguments, variables in (
            (("serve", "--port", str(at), "--workers", "1", "--no-tokens"), common),
            (("github", "publish"), {**common, **demo.variables}),
            (("github", "bot"), common),
        ):
            with log.open("ab") as output:
                started.append(
                    await asyncio.create_subprocess_exec(
                        *attached(), *arguments, env=variables, start_new_session=True,
                        stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
                    )
                )  # fmt: skip
            if arguments[0] == "serve":
                await _answering(started[0], at, log)
        typer.echo(f"service: http://127.0.0.1:{at}/, its log and those of bot and publisher: {log}")
        yield
    finally:
        await asyncio.gather(*map(_ended, started))


async def _answering(process: Process, at: int, log: Path) -> None:
    import httpx

    from workflows.exits import UNAVAILABLE, Refused

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{at}", trust_env=False) as client:
        for _ in range(int(START_S / 0.2)):
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/readyz")).is_success:
                    return
            if process.returncode is not None:
                break
            await asyncio.sleep(0.2)
    said = log.read_text(errors="replace")[-1000:]
    raise Refused(f"the service of the demonstration did not start: {said}", UNAVAILABLE)


async def _ended(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


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
