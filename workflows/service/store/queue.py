"""The queue: one kind of job, which names a run; Procrastinate on the store's own connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, LiteralString

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

TASK = "diagnose"
QUEUE = "runs"
PATIENCE_S = 120.0


def _database_away(error: BaseException) -> bool:
    return isinstance(error, ConnectorException) and isinstance(error.__cause__, psycopg.OperationalError)


class PatientConnector(PsycopgConnector):
    """A worker's connector: a database that restarts makes it wait, not end.

    A query may reach the database twice then. That is safe: a job fetched without our knowing is found stalled, and
    one that was finished cannot be finished again.
    """

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        await self._patiently(super().execute_query_async, query, arguments)

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        found: dict[str, Any] = await self._patiently(super().execute_query_one_async, query, arguments)
        return found

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self._patiently(super().execute_query_all_async, query, arguments)
        return found

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        names = list(channels)
        while True:
            try:
                await super().listen_notify(on_notification, names)
            except ConnectorException:
                await asyncio.sleep(1.0)

    @staticmethod
    async def _patiently(ask: Callable[..., Any], query: LiteralString, arguments: dict[str, Any]) -> Any:
        attempts = AsyncRetrying(
            retry=retry_if_exception(_database_away), stop=stop_after_delay(PATIENCE_S),
            wait=wait_random_exponential(multiplier=0.1, max=2.0), reraise=True,
        )  # fmt: skip
        async for attempt in attempts:
            with attempt:
                return await ask(query, **arguments)
        return None


async def defer(
    app: App,
    connection: psycopg.AsyncConnection[Any],
    *,
    tenant: str,
    run: str,
    priority: int,
    slot: int,
    trace: str = "",
) -> int:
    """Queue a job within the transaction of `connection`; its id. Jobs of one slot run one after the other."""
    made = app.configure_task(
        TASK, queue=QUEUE, lock=f"{tenant}:{slot}", priority=priority, connection=connection, allow_unknown=True
    )
    return await made.defer_async(tenant=tenant, run=run, **({"trace": trace} if trace else {}))
