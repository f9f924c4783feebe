"""`patchwright oncall`: the operator's file about alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

TOGETHER = 2  # looks at a time: one that waits for a clone or a command delays no other incident
app = typer.Typer(name="oncall", help="Alerts, incidents and who is told.", no_args_is_help=True)


@app.callback()
def overview() -> None:
    """Alerts become incidents, incidents are looked into, and the note is told where people read."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What PATCHWRIGHT_ONCALL would name (TOML or YAML).")],
) -> None:
    """Check the file: its form, its secrets, its topology, and whether what it names is there."""
    from workflows.exits import BAD_INPUT
    from workflows.oncall.checking import found
    from workflows.text import line

    said = found(file)
    for each in said.fine:
        typer.echo(line(each, 500))
    for each in said.missing:
        typer.echo(line(f"missing: {each}", 500))
    if said.missing:
        raise typer.Exit(BAD_INPUT)


@app.command()
def work(parent: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Look into incidents and tell channels, and nothing else: diagnoses that keep every worker busy delay no note.

    `patchwright serve` starts one beside its workers. Elsewhere start one on each machine that is to do it, and workers
    with --no-oncall. SIGTERM or Ctrl-C stops it: another looks at once into what it was at.
    """
    from workflows.exits import USAGE, Refused
    from workflows.oncall.serving import chores
    from workflows.service.node import attend
    from workflows.settings import load

    settings = load()
    begin = chores(settings, looks=TOGETHER).get("oncall")
    if begin is None:
        raise Refused("PATCHWRIGHT_ONCALL names no file: there is nothing to look into", USAGE)
    attend(settings, begin, parent=parent)


@app.command()
def told(
    state: Annotated[str, typer.Option(metavar="open|resolved|merged", help="Only incidents in this one.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=200, help="Incidents.")] = 20,
) -> None:
    """List incidents, the newest first, and what became of telling each channel: shown, waiting, given up, or not known
    to have arrived.
    """
    from workflows.commands.storing import with_store
    from workflows.exits import USAGE, Refused
    from workflows.oncall.ledger import ledger
    from workflows.settings import load

    settings = load()
    if settings.oncall is None:
        raise Refused("PATCHWRIGHT_ONCALL names no file: there are no incidents", USAGE)
    if state not in ("", "open", "resolved", "merged"):
        raise Refused("a state is open, resolved or merged", USAGE)
    for each in with_store(lambda store: ledger(settings, store, state=state, limit=limit)):
        typer.echo(each)


@app.command()
def patch(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id, as `oncall told` lists it.")],
) -> None:
    """Have a diagnosis look for a verified patch of the cause that an incident's note names; a worker runs it.

    Said again it is the same one, until it has ended without a verified patch.
    """
    from workflows.commands.storing import with_store
    from workflows.exits import USAGE, Refused
    from workflows.oncall.ledger import wanted
    from workflows.settings import load

    settings = load()
    if settings.oncall is None:
        raise Refused("PATCHWRIGHT_ONCALL names no file: there are no incidents", USAGE)
    for each in with_store(lambda store: wanted(settings, store, incident)):
        typer.echo(each)


@app.command()
def schema() -> None:
    """Print the JSON schema of the file."""
    import json

    from workflows.oncall.configuration import Configuration

    described = Configuration.model_json_schema()
    described["properties"].pop("folder", None)
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
    typer.echo(json.dumps(named, indent=2))
