"""`patchwright github publish`: the one process that has the App's key and tokens.

It says what is known, and answers what the bot asks of the forge.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys

from workflows.exits import Refused
from workflows.github.broker.app import lending
from workflows.github.client.connect import App, AppInvalid, app_of, office
from workflows.github.publish.loop import Loop
from workflows.github.publish.matter import Links
from workflows.github.publish.nodding import Nodding
from workflows.github.publish.publisher import Publisher
from workflows.github.store import PostgresLedger
from workflows.service import log
from workflows.service.files import kept_in
from workflows.service.node import ready_database, told
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings, split

_PR_SET_DUMPABLE = 4


def app_in(settings: Settings) -> App:
    """The App that the settings name. Raises Refused."""
    try:
        return app_of(
            settings.github_url, settings.github_app, settings.github_key_file, split(settings.github_log_hosts)
        )  # fmt: skip
    except AppInvalid as error:
        raise Refused(str(error)) from None


def publish(settings: Settings, *, concurrency: int) -> None:
    """Be the publisher until a signal asks to stop. Raises Refused, DatabaseUnavailable."""
    closed()
    app = app_in(settings)
    log.configure(settings.secrets)
    with ready_database(settings) as address:
        asyncio.run(_publish(settings, address, app, concurrency))


def closed() -> None:
    """Keep other processes of this user, such as the bot, out of the memory of this one (prctl(2), ptrace(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


async def _publish(settings: Settings, address: str, app: App, concurrency: int) -> None:
    size = 2 + 2 * concurrency  # the right to speak holds a connection
    async with open_store(address, settings, size=size, wait_s=10.0) as store, office(app) as own:
        runs = settings.home / "runs"
        ledger = PostgresLedger(Database(store.pool), runs, kept_in(settings, runs), settings.github_tenant)
        speaker = Publisher(own.forge, ledger, Links(app.address.web, settings.github_links))
        loop, nodding = Loop(speaker, ledger, concurrency=concurrency), Nodding(own.forge, ledger)

        def stop() -> None:
            loop.stopping.set()
            nodding.stopping.set()

        with told(stop):
            async with lending(settings.home, own.reads, own.missed, own.access), asyncio.TaskGroup() as group:
                group.create_task(nodding.run())
                group.create_task(loop.run())
