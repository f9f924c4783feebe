"""What commands about the service's database share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from workflows.exits import Refused

if TYPE_CHECKING:
    from workflows.service.store import PostgresStore

T = TypeVar("T")


def check_tenant(name: str) -> None:
    """Return when a tenant can be called so. Raises Refused."""
    if not name.isascii() or not name.isprintable() or not 0 < len(name) <= 100:
        raise Refused(f"a tenant's name is 1 to 100 printable ASCII characters, not {name!r}")


def with_store(call: Callable[[PostgresStore], Awaitable[T]]) -> T:
    """What a call of the settings' store returns. Raises DatabaseUnavailable, StoreDown."""
    import asyncio

    from workflows.service.node import ready_database
    from workflows.service.store import open_store
    from workflows.settings import load

    settings = load()

    async def ask(address: str) -> T:
        async with open_store(address, settings, size=2) as store:
            return await call(store)

    with ready_database(settings) as address:
        return asyncio.run(ask(address))
