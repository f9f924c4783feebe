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

    Of runs that have ended: files, and in the database what was submitted; their checkpoints go. Afterwards the old
    key is needed no more. Safe to break off and to repeat.
    """
    with_store(_reseal)


async def _reseal(store: PostgresStore) -> None:
    from agent.artifacts import Unsealed
    from workflows.service.files import Place, Resealer, kept_in
    from workflows.service.store.envelope import RequestSealed
    from workflows.settings import load

    settings = load()
    kept = kept_in(settings, settings.home / "runs")
    after, files, texts, unreadable = "", 0, 0, 0
    while runs := await store.ended(after):
        for tenant, run in runs:
            place = Place(tenant, run)
            codec = kept.codec(place)
            if codec is None:
                raise Refused("nothing is encrypted here: set PATCHWRIGHT_ARTIFACTS_KEY", USAGE)
            try:
                files += await Resealer(kept, place, codec).all()
                texts += await store.reseal(tenant, run)
                await store.forget_points(run)
            except (Unsealed, RequestSealed) as error:
                unreadable += 1
                typer.echo(f"{run}: {error}", err=True)
        after = runs[-1][1]
    typer.echo(f"{files} files are encrypted anew, and {texts} texts that were submitted")
    if unreadable:
        raise Refused(f"what {unreadable} runs have could not be read")
