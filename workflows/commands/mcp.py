"""`patchwright mcp`: the Model Context Protocol, as a server for assistants, and what servers may be asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workflows.commands.session import door_of

if TYPE_CHECKING:
    from tools.triage.values import Note
    from workflows.assistant.hands import Hands
    from workflows.assistant.server import Logged
    from workflows.door import Door
    from workflows.settings import Settings

app = typer.Typer(name="mcp", help="Speak the Model Context Protocol: serve an assistant, or ask servers.")


@app.command()
def serve(
    ctx: typer.Context,
    root: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Repositories and logs below it may be named; may be repeated.")
    ],
    urls: Annotated[bool, typer.Option("--urls", help="Take git URLs as repositories too.")] = False,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Let a service run the diagnoses; '' for here.")
    ] = None,
) -> None:
    """Answer an editor or an assistant on standard input and output until it closes them."""
    from workflows import interrupts
    from workflows.assistant import server as serving
    from workflows.assistant.roots import Roots
    from workflows.assistant.stdio import serve as answer
    from workflows.settings import load

    settings = load()
    address = settings.server if server is None else server
    hands = _there(address, settings) if address else _here(door_of(ctx), settings)
    roots = Roots.of(root, urls=urls)

    async def triage(asked: Logged) -> Note:
        return await asyncio.to_thread(_triaged, settings, asked)

    made = serving.server(serving.Tools(hands, roots, triage))
    interrupts.run(answer(made), lambda what: typer.echo(f"patchwright: {what}", err=True))


@app.command()
def tools(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Servers and the tools that they may be asked for.")],
) -> None:
    """List what the servers of a file offer: allowed or not, and what to pin each tool to. No tool is called."""
    from workflows.commands.looking import servers_of
    from workflows.observing.calls import offered

    allowed = servers_of(file)
    for row in offered(allowed) if allowed else ():
        typer.echo(f"{row.server} {row.tool} allowed={row.allowed} sha256={row.sha256} {row.description}")


def _here(door: Door, settings: Settings) -> Hands:
    from workflows.assistant.here import Here

    return Here(door, settings)


def _there(address: str, settings: Settings) -> Hands:
    from workflows.assistant.there import There
    from workflows.client import Client
    from workflows.commands.remote import check, token_of

    check(address)
    token = token_of(settings)
    return There(address, lambda: Client.to(address, token))


def _triaged(settings: Settings, asked: Logged) -> Note:
    """In a thread: reading logs takes long."""
    from workflows.commands.triage import Files, note_of

    deploys = (asked.deploys,) if asked.deploys else ()
    files = Files(deploys=deploys, topology=asked.topology, since=asked.since, onset=asked.onset, zone=asked.zone)
    return note_of(settings, {name: [path] for name, path in asked.logs.items()}, asked.repo, files)
