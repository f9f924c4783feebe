"""The ledger, and what only the publisher asks of it: which pull requests there is news of, and what to react to."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from workflows.github.ledger import Ledger
from workflows.github.values import Nod


class Board(Ledger, Protocol):
    """Implemented by the Postgres ledger."""

    async def changed(self, since: datetime, most: int = 200) -> tuple[tuple[int, int, datetime], ...]:
        """(repository's id, pull request, when) of cases that changed after a moment, oldest change first."""


class Nods(Protocol):
    """Reactions to commands, which wait to be shown. Implemented by the Postgres ledger."""

    async def nods(self, most: int = 50) -> tuple[Nod, ...]:
        """Those that are due, in the order in which they were wanted."""

    async def nodded(self, nod: Nod) -> None:
        """It is shown, or never will be."""

    async def nod_later(self, nod: Nod, after_s: float) -> None:
        """It is due again after so many seconds."""
