"""The ledger, and what only the publisher asks of it: which pull requests there is news of."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from workflows.github.ledger import Ledger


class Board(Ledger, Protocol):
    """Implemented by the Postgres ledger."""

    async def changed(self, since: datetime, most: int = 200) -> tuple[tuple[int, int, datetime], ...]:
        """(repository's id, pull request, when) of cases that changed after a moment, oldest change first."""
