"""`patchwright artifacts`: what the service keeps of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from workflows.commands.storing import with_store
from workflows.exits import USAGE, Refused

if TYPE_CHECKING:
    from workflows.service.store import PostgresStore

app = typer.Typer(name="artifacts", help="What the service keeps of its runs.", no_args_is_help=True)


@app.command()
def reseal() -> None:
    """Encrypt with PATCHWRIGHT_ARTIFACTS_KEY what was kept before there was one, or with the old key.

    Of runs that have ended; afterwards the old key is needed no more. Safe to break off and to repeat.
    """
    with_store(_reseal)


async def _reseal(store: PostgresStore) -> None:
    from agent.artifacts import Unsealed
    from workflows.service.files import Place, Resealer, kept_in
    from workflows.settings import load

    settings = load()
    kept = kept_in(settings, settings.home / "runs")
    after, files, unreadable = "", 0, 0
    while runs := await store.ended(after):
        for tenant, run in runs:
            place = Place(tenant, run)
            codec = kept.codec(place)
            if codec is None:
                raise Refused("nothing is encrypted here: set PATCHWRIGHT_ARTIFACTS_KEY", USAGE)
            try:
                files += await Resealer(kept, place, codec).all()
            except Unsealed as error:
                unreadable += 1
                typer.echo(f"{run}: {error}", err=True)
        after = runs[-1][1]
    typer.echo(f"{files} files are encrypted anew")
    if unreadable:
        raise Refused(f"files of {unreadable} runs could not be read")
