"""What the service's processes have to do with alerts, where the operator configured any."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI

from workflows.oncall.parts import channels_of, configured, store_of, work_of
from workflows.oncall.receiver import receiver
from workflows.oncall.routes import routes
from workflows.oncall.signatures import keys_of
from workflows.service.store import PostgresStore
from workflows.settings import Settings


def alerts(settings: Settings) -> Callable[[FastAPI, PostgresStore], None]:
    """What adds the routes to the service. Raises Refused for a configuration or secrets that cannot be used."""
    oncall = configured(settings)
    if oncall is None:
        return lambda _app, _store: None
    keys = keys_of(oncall.configuration)
    channels_of(oncall.configuration)  # said before anything starts

    def mount(app: FastAPI, store: PostgresStore) -> None:
        incidents = store_of(oncall, store)
        app.include_router(receiver(incidents, keys))
        app.include_router(routes(incidents, oncall.configuration.tenant))

    return mount


def chores(settings: Settings, *, looks: int = 1) -> dict[str, Callable[[PostgresStore], Coroutine[Any, Any, None]]]:
    """What a worker does beside its runs. looks: at so many incidents at a time. Raises Refused."""
    oncall = configured(settings)
    if oncall is None:
        return {}

    async def begin(store: PostgresStore) -> None:
        await work_of(settings, oncall, store).run(looks)

    return {"oncall": begin}
