"""A real Postgres for tests: the embedded one, migrated.

Its directory is not pytest's: run by root, the server is another user's, and pytest closes its directories to others.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workflows.service.postgres import database, embedded_server
from workflows.service.schema import migrate
from workflows.settings import Settings


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
    with tempfile.TemporaryDirectory(prefix="pw-") as home, database(Settings(home=Path(home))) as address:
        migrating = threading.Thread(target=lambda: asyncio.run(migrate(address)))  # a test may have a loop already
        migrating.start()
        migrating.join()
        yield Server(address, Path(home))


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The address of one."""
    with server() as made:
        yield made.address
