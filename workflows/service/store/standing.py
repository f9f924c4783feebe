"""How the queue stands, for operators."""

from __future__ import annotations

from workflows.service.store.pool import Database
from workflows.service.values import Standing


class Standings:
    """The part of the store that sees all tenants at once, as numbers."""

    _database: Database

    async def standing(self) -> Standing:
        """How many runs wait and run. Raises StoreDown."""
        row = await self._database.row("standing")
        if row is None:
            raise LookupError("the database does not count")
        return Standing(**row)
