"""`patchwright github bot`: the process that takes deliveries, reads CI, decides, and hands over to the service.

It has neither the App's key nor a token: what it reads it asks the publisher for (`broker/`), and what shall be said it
leaves in the ledger.
"""

from __future__ import annotations

import asyncio

from workflows.github.broker.asking import BrokerMissed, BrokerReads, line
from workflows.github.parts import Parts
from workflows.github.store import PostgresDeliveries, PostgresLedger
from workflows.github.work import Pace, Work
from workflows.service import log
from workflows.service.files import kept_in
from workflows.service.node import ready_database, told
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.service.values import Principal
from workflows.settings import Settings


def bot(settings: Settings, *, concurrency: int) -> None:
    """Be the bot until a signal asks to stop. Raises DatabaseUnavailable."""
    log.configure(settings.secrets)
    with ready_database(settings) as address:
        asyncio.run(_bot(settings, address, concurrency))


def _pace(settings: Settings) -> Pace:
    return Pace(lease_s=settings.stall_seconds, missed_s=settings.github_missed_seconds)


async def _bot(settings: Settings, address: str, concurrency: int) -> None:
    who = Principal(tenant=settings.github_tenant, token="github", scopes=frozenset({"submit", "read"}))  # noqa: S106 - its name
    async with (
        open_store(address, settings, size=4 + 2 * concurrency, wait_s=10.0) as store,
        line(settings.home) as way,
    ):
        database = Database(store.pool)
        runs = settings.home / "runs"
        ledger = PostgresLedger(database, runs, kept_in(settings, runs), settings.github_tenant)
        parts = Parts(reads=BrokerReads(way), book=ledger, store=store, who=who, settings=settings)
        deliveries, pace = PostgresDeliveries(database), _pace(settings)
        work = Work(parts, deliveries, BrokerMissed(way), pace=pace, concurrency=concurrency)
        with told(work.stopping.set):
            await work.run()
