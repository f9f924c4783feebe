"""The store as one value, opened and closed as a whole."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import psycopg
from procrastinate import App

from workflows.service.ports import StoreDown
from workflows.service.schema import HEAD
from workflows.service.store.attempts import Attempts
from workflows.service.store.envelope import Envelope
from workflows.service.store.lifecycle import Lifecycle
from workflows.service.store.listener import Listener
from workflows.service.store.pool import Database, opened
from workflows.service.store.queue import PatientConnector
from workflows.service.store.runs import Runs
from workflows.service.store.shared import Shared
from workflows.service.store.standing import Standings
from workflows.service.store.tokens import Tokens
from workflows.settings import Settings

POLL_S = 3.0


class PostgresStore(Runs, Tokens, Lifecycle, Attempts, Standings):
    """Implements Store, and what workers need beside it."""

    def __init__(self, database: Database, listener: Listener, app: App, settings: Settings) -> None:
        self._database = database
        self._envelope = Envelope(settings)
        self._listener = listener
        self._reading = Shared()
        self._app = app
        self._queue_limit = settings.queue_limit
        self._tenant_runs = settings.tenant_runs

    async def ready(self) -> None:
        """See the protocol."""
        try:
            row = await self._database.row("schema")
        except psycopg.errors.UndefinedTable as error:
            raise StoreDown("the database has no schema yet: start `patchwright serve` or a worker once") from error
        found = row["version_num"] if row else "none"
        if found != HEAD:
            raise StoreDown(f"the database has schema {found}, this version of Patchwright needs {HEAD}")


@contextlib.asynccontextmanager
async def open_store(
    address: str, settings: Settings, *, size: int = 10, wait_s: float = 5.0, poll_s: float = POLL_S
) -> AsyncIterator[PostgresStore]:
    """The store over a migrated database.

    size: connections at most; wait_s: how long a call waits for one before StoreDown; poll_s: how late a missed notice
    is found at most.
    """
    async with opened(address, size=size, wait_s=wait_s) as pool:
        app = App(connector=PatientConnector())
        await app.open_async(pool)
        listener = Listener(address, poll_s)
        listening = asyncio.create_task(listener.listen(), name="listener")
        try:
            yield PostgresStore(Database(pool), listener, app, settings)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
