"""Connections: one pool per process, and what a lost one means for reading and for writing."""

from __future__ import annotations

import asyncio
import contextlib
import select
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeVar

import psycopg
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from workflows.service.ports import StoreDown
from workflows.service.store.queries import queries

T = TypeVar("T")
Pool = AsyncConnectionPool[AsyncConnection[DictRow]]
Cursor = AsyncCursor[DictRow]
LOST = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout)


class CancellablePool(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """A pool whose waiters can be cancelled: psycopg's gives one that gets its connection in the same moment the
    connection, and the cancellation is lost (one in five where all connections are busy): its task would never end.
    """

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[DictRow]:
        """See the library."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        connection = await super().getconn(timeout)
        if task and task.cancelling() > before:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


@contextlib.asynccontextmanager
async def opened(address: str, *, size: int, wait_s: float) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections; a caller waits at most `wait_s` for one."""
    made: Pool = CancellablePool(
        address, min_size=1, max_size=size, timeout=wait_s, open=False, reconnect_timeout=5.0, name="patchwright",
        check=_check, kwargs={"row_factory": dict_row},
        configure=_configure,
    )  # fmt: skip
    async with made:
        yield made


async def _check(connection: AsyncConnection[DictRow]) -> None:
    """Ask the server only where something arrived unasked, as when it closes: asking each time doubles every query."""
    arrived = select.poll()
    arrived.register(connection.fileno(), select.POLLIN)
    if arrived.poll(0):
        await AsyncConnectionPool.check_connection(connection)


async def _configure(connection: AsyncConnection[DictRow]) -> None:
    """A process that is paused within a transaction must not keep its locks: what it has would never be taken over."""
    await connection.set_autocommit(True)  # not among `kwargs`: the queue passes those on beside its own
    await connection.execute("set idle_in_transaction_session_timeout = '5s'")


class Database:
    """Named queries over a pool. Values are always parameters."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """A cursor whose queries all hold or none. Raises StoreDown."""
        with lost():
            begun, cursor = await self._begun()
            async with begun:
                yield cursor

    async def _begun(self) -> tuple[contextlib.AsyncExitStack, Cursor]:
        """A transaction that has begun: connections that turn out to be lost before that harm nobody."""
        for more in reversed(range(self.pool.max_size + 1)):
            try:
                async with contextlib.AsyncExitStack() as stack:
                    connection = await stack.enter_async_context(self.pool.connection())
                    await stack.enter_async_context(connection.transaction())
                    cursor = await stack.enter_async_context(connection.cursor())
                    return stack.pop_all(), cursor
            except PoolTimeout:
                raise
            except LOST:
                if not more:
                    raise
        raise StoreDown("the database does not answer")

    async def rows(self, name: str, /, **values: object) -> list[DictRow]:
        """The rows of a query that only reads, asked again when the connection is lost. Raises StoreDown."""
        return await reading(lambda: self._rows(name, values))

    async def _rows(self, name: str, values: dict[str, object]) -> list[DictRow]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(queries()[name], values)).fetchall()

    async def row(self, name: str, /, **values: object) -> DictRow | None:
        """The first row of a query that only reads. Raises StoreDown."""
        return next(iter(await self.rows(name, **values)), None)

    async def write(self, name: str, /, **values: object) -> DictRow | None:
        """Run one query and return its first row, if it has any. Raises StoreDown."""
        async with self.transaction() as cursor:
            return await asked(cursor, name, **values)


async def asked(cursor: Cursor, name: str, /, **values: object) -> DictRow | None:
    """Run a query on a cursor; its first row, if it has any."""
    await cursor.execute(queries()[name], values)
    return await cursor.fetchone() if cursor.description else None


async def reading(ask: Callable[[], Awaitable[T]], *, longest_s: float = 4.0) -> T:
    """The answer of a call that may be made twice. Raises StoreDown when it does not come for `longest_s`."""
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(LOST), stop=stop_after_delay(longest_s),
        wait=wait_random_exponential(multiplier=0.05, max=1.0), reraise=True,
    )  # fmt: skip
    with lost():
        async for attempt in attempts:
            with attempt:
                return await ask()
    raise StoreDown("the database does not answer")


@contextlib.contextmanager
def lost() -> Iterator[None]:
    """Turn the loss of the database into StoreDown."""
    try:
        yield
    except LOST as error:
        raise StoreDown(f"the database does not answer: {' '.join(str(error).split())[:300]}") from error
    except ConnectorException as error:
        if isinstance(error.__cause__, LOST):
            raise StoreDown("the database does not answer: the run was not queued") from error
        raise
