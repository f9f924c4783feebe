"""`patchwright serve`: the service on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fastapi import FastAPI

    from workflows.service.store import PostgresStore


def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where to listen.")] = 8321,
    workers: Annotated[int, typer.Option(min=0, max=64, help="Worker processes; 0: the API alone.")] = 2,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Runs of each worker at the same time.")] = 1,
    tokens: Annotated[bool, typer.Option(help="Ask for API tokens; never switched off beyond this machine.")] = True,
) -> None:
    """Serve the API, with workers, on PATCHWRIGHT_DATABASE_URL or an embedded Postgres."""
    from workflows.github.receiver import webhooks
    from workflows.oncall.serving import alerts
    from workflows.service.node import Plan
    from workflows.service.node import serve as run
    from workflows.settings import load

    settings = load()
    alone = settings.oncall is not None
    plan = Plan(
        host=host, port=port, workers=workers, concurrency=concurrency, tokens=tokens,
        beside=(("oncall", "work"),) if alone else (), without=("--no-oncall",) if alone else (),
    )  # fmt: skip
    parts = (webhooks(settings), alerts(settings))

    def extend(app: FastAPI, store: PostgresStore) -> None:
        for mount in parts:
            mount(app, store)

    run(settings, plan, typer.echo, extend)
