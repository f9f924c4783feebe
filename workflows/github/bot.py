"""`patchwright github bot`: the process that takes deliveries, reads CI, decides, and hands over to the service.

It has the App's key and asks for tokens that can read, nothing else. What shall be said it leaves in the ledger.
"""

from __future__ import annotations

import asyncio

from workflows.exits import Refused
from workflows.github.client.connect import App, AppInvalid, app_of, missed, reader
from workflows.github.parts import Parts
from workflows.github.store import PostgresDeliveries, PostgresLedger
from workflows.github.work import Work
from workflows.service import log
from workflows.service.files import kept_in
from workflows.service.node import ready_database, told
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.service.values import Principal
from workflows.settings import Settings, split


def app_in(settings: Settings) -> App:
    """The App that the settings name. Raises Refused."""
    try:
        return app_of(
            settings.github_url, settings.github_app, settings.github_key_file, split(settings.github_log_hosts)
        )  # fmt: skip
    except AppInvalid as error:
        raise Refused(str(error)) from None


def bot(settings: Settings, *, concurrency: int) -> None:
    """Be the bot until a signal asks to stop. Raises Refused, DatabaseUnavailable."""
    app = app_in(settings)
    log.configure(settings.secrets)
    with ready_database(settings) as address:
        asyncio.run(_bot(settings, address, app, concurrency))


async def _bot(settings: Settings, address: str, app: App, concurrency: int) -> None:
    who = Principal(tenant=settings.github_tenant, token="github", scopes=frozenset({"submit", "read"}))  # noqa: S106 - its name
    async with (
        open_store(address, settings, size=4 + 2 * concurrency, wait_s=10.0) as store,
        reader(app) as reads,
        missed(app) as lost,
    ):
        database = Database(store.pool)
        runs = settings.home / "runs"
        ledger = PostgresLedger(database, runs, kept_in(settings, runs), settings.github_tenant)
        parts = Parts(reads=reads, book=ledger, store=store, who=who, settings=settings)
        work = Work(parts, PostgresDeliveries(database), lost, concurrency=concurrency)
        with told(work.stopping.set):
            await work.run()
