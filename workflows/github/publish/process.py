"""`patchwright github publish`: the one process that asks for tokens that write."""

from __future__ import annotations

import asyncio

from workflows.github.bot import app_in
from workflows.github.client.connect import App, publisher
from workflows.github.publish.loop import Loop
from workflows.github.publish.matter import Links
from workflows.github.publish.publisher import Publisher
from workflows.github.store import PostgresLedger
from workflows.service import log
from workflows.service.files import kept_in
from workflows.service.node import ready_database, told
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings


def publish(settings: Settings, *, concurrency: int) -> None:
    """Be the publisher until a signal asks to stop. Raises Refused, DatabaseUnavailable."""
    app = app_in(settings)
    log.configure(settings.secrets)
    with ready_database(settings) as address:
        asyncio.run(_publish(settings, address, app, concurrency))


async def _publish(settings: Settings, address: str, app: App, concurrency: int) -> None:
    size = 2 + 2 * concurrency  # the right to speak holds a connection
    async with open_store(address, settings, size=size, wait_s=10.0) as store, publisher(app) as forge:
        runs = settings.home / "runs"
        ledger = PostgresLedger(Database(store.pool), runs, kept_in(settings, runs), settings.github_tenant)
        speaker = Publisher(forge, ledger, Links(app.address.web, settings.github_links))
        loop = Loop(speaker, ledger, concurrency=concurrency)
        with told(loop.stopping.set):
            await loop.run()
