"""Commands about a run's model: `transcript`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from workflows.commands.session import door_of
from workflows.exits import Refused


def transcript(
    ctx: typer.Context, run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or how it begins.")]
) -> None:
    """Show what the model of a run thought, called and said, turn by turn, and what it cost."""
    from workflows.settings import load
    from workflows.transcript import transcript as told

    found = door_of(ctx).find_run(load(), run)
    text = told(found.folder / "record.jsonl")
    if not text:
        raise Refused(f"no model took part in run {found.id}")
    sys.stdout.write(text)
