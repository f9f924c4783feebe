"""`patchwright mcp`: the Model Context Protocol, as a server for assistants, and what servers may be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflows.commands.session import door_of
from workflows.exits import USAGE, Refused

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

    from tools.triage.values import Note
    from workflows.assistant.hands import Hands
    from workflows.assistant.server import Logged
    from workflows.door import Door
    from workflows.settings import Settings

app = typer.Typer(name="mcp", help="Speak the Model Context Protocol: serve an assistant, or ask servers.")


@app.command()
def serve(  # noqa: PLR0917 - typer reads the signature
    ctx: typer.Context,
    root: Annotated[
        list[Path], typer.Option(metavar="DIR", help="Repositories and logs below it may be named; may be repeated.")
    ],
    urls: Annotated[bool, typer.Option("--urls", help="Take git URLs as repositories too.")] = False,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Let a service run the diagnoses; '' for here.")
    ] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Answer over streamable HTTP, at /mcp, instead of a pipe.")
    ] = None,
    token: Annotated[
        str, typer.Option(metavar="REF", help="What --http wants as a bearer token: file:/PATH or env:NAME.")
    ] = "",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name under which --http is reached, as behind a proxy; may be repeated."),
    ] = None,
) -> None:
    """Answer an editor or an assistant on standard input and output until it closes them, or over HTTP."""
    from workflows import interrupts
    from workflows.assistant import server as serving
    from workflows.assistant.roots import Roots
    from workflows.settings import load

    if (token or allow_host) and http is None:
        raise Refused("--token and --allow-host go with --http", USAGE)
    settings = load()
    address = settings.server if server is None else server
    hands = _there(address, settings) if address else _here(door_of(ctx), settings)
    roots = Roots.of(root, urls=urls)

    async def triage(asked: Logged) -> Note:
        return await asyncio.to_thread(_triaged, settings, asked)

    made = serving.server(serving.Tools(hands, roots, triage))
    answering = _on_pipe(made) if http is None else _over_http(made, http, token, tuple(allow_host or ()))
    interrupts.run(answering, lambda what: typer.echo(f"patchwright: {what}", err=True))


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


def _on_pipe(made: MCPServer[None]) -> Coroutine[Any, Any, None]:
    from workflows.assistant.stdio import serve as answer

    return answer(made)


def _over_http(
    made: MCPServer[None], address: str, reference: str, names: tuple[str, ...]
) -> Coroutine[Any, Any, None]:
    """Raises Refused."""
    from workflows.assistant.streamable import Listening
    from workflows.assistant.streamable import serve as answer
    from workflows.references import ReferenceBroken, secret

    try:
        given = secret(reference) if reference else ""
    except ReferenceBroken as error:
        raise Refused(f"--token: {error}", USAGE) from error
    return answer(made, Listening.of(address, token=given, names=names), typer.echo)


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
