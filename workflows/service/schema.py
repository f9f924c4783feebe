"""Bringing a database to this version's schema: ours, the queue's and the checkpoints', one process at a time."""

from __future__ import annotations

import asyncio
import operator
from importlib import resources

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from procrastinate.schema import SchemaManager
from psycopg.sql import SQL, Identifier
from tenacity import AsyncRetrying, retry_if_result, wait_fixed

HEAD = "0010"
TABLE = "patchwright_schema"
_LOCK = 0x7061746368  # any number that nobody else takes


async def migrate(address: str, to: str = "head") -> None:
    """Bring the database forward. Processes that start at the same time wait for each other. Raises psycopg.Error."""
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await AsyncRetrying(retry=retry_if_result(operator.not_), wait=wait_fixed(0.2))(_alone, connection)
        await _queue(connection)
        async with AsyncPostgresSaver.from_conn_string(address) as saver:
            await saver.setup()
        if to != "head" or await _version(connection) != HEAD:
            await asyncio.to_thread(_ours, address, to)


async def _alone(connection: psycopg.AsyncConnection) -> bool:
    """Whether this process has the lock now. To wait inside the database would hold a snapshot, for whose end the
    other process's CREATE INDEX CONCURRENTLY waits.
    """
    got = await (await connection.execute("select pg_try_advisory_lock(%s)", (_LOCK,))).fetchone()
    return bool(got and got[0])


async def _queue(connection: psycopg.AsyncConnection) -> None:
    """The queue's schema, where there is none. A later version of the library brings scripts for a step of ours."""
    found = await (await connection.execute("select to_regclass('procrastinate_jobs')")).fetchone()
    if found is None or found[0] is None:
        async with connection.transaction():
            await connection.execute(SchemaManager.get_schema())


async def _version(connection: psycopg.AsyncConnection) -> str:
    """That of our own part of the database, "" where there is none."""
    found = await (await connection.execute("select to_regclass(%s)", (TABLE,))).fetchone()
    if found is None or found[0] is None:
        return ""
    row = await (await connection.execute(SQL("select version_num from {}").format(Identifier(TABLE)))).fetchone()
    return str(row[0]) if row else ""


def _ours(address: str, to: str) -> None:
    from alembic import command  # noqa: PLC0415 - with SQLAlchemy it takes long, and is needed once for each version
    from alembic.config import Config  # noqa: PLC0415
    from sqlalchemy import create_engine, pool  # noqa: PLC0415

    config = Config()
    with resources.as_file(resources.files("workflows.service.migrations")) as scripts:
        config.set_main_option("script_location", str(scripts).replace("%", "%%"))
        engine = create_engine(
            "postgresql+psycopg://", creator=lambda: psycopg.connect(address), poolclass=pool.NullPool
        )
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, to)
