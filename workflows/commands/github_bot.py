"""`patchwright github bot`: from deliveries to diagnoses."""

from __future__ import annotations

from typing import Annotated

import typer


def bot(
    concurrency: Annotated[
        int, typer.Option(min=1, max=32, help="Repositories worked on at the same time by this process.")
    ] = 4,
) -> None:
    """Work on the deliveries that `patchwright serve` took at /webhooks/github: read CI logs, decide whose failure it
    is, and have it diagnosed. It has no key and no token: what it reads on GitHub it asks `patchwright github publish`
    for, on the same machine and with the same home. Any number of these may run.

    Needs the database and home of the service.
    """
    from workflows.github.bot import bot as run
    from workflows.settings import load

    run(load(), concurrency=concurrency)
