"""`patchwright oncall`: the operator's file about alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
def schema() -> None:
    """Print the JSON schema of the file."""
    import json

    from workflows.oncall.configuration import Configuration

    described = Configuration.model_json_schema()
    described["properties"].pop("folder", None)
    named = {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
    typer.echo(json.dumps(named, indent=2))
