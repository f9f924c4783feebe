"""A ledger in memory, through the protocol; it survives the "crash" of whoever uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from workflows.github.ledger import Result
from workflows.github.values import Case, Nod, Place, Published, Reaction


@dataclass
class FakeLedger:
    """Keys of `said`: (repository's id, pull request)."""

    kept: dict[str, Case] = field(default_factory=dict)
    said: dict[tuple[int, int], Published] = field(default_factory=dict)
    speaking: set[tuple[int, int]] = field(default_factory=set)
    results: dict[str, Result] = field(default_factory=dict)
    reactions: list[tuple[Nod, float]] = field(default_factory=list)  # with how many seconds each still waits
    times: dict[tuple[int, int], datetime] = field(default_factory=dict)

    async def open_case(self, case: Case) -> tuple[Case, bool]:
        known = self.kept.setdefault(case.key, case)
        self._touch(case)
        return known, known is case

    async def case(self, key: str) -> Case | None:
        return self.kept.get(key)

    async def case_of(self, diagnosis: str) -> Case | None:
        return next((case for case in self.kept.values() if diagnosis and case.diagnosis == diagnosis), None)

    async def cases(self, place: Place, subject: int) -> tuple[Case, ...]:
        found = [case for case in self.kept.values() if case.place.id == place.id and case.subject == subject]
        return tuple(found[-200:])

    async def change(self, case: Case) -> None:
        self.kept[case.key] = case
        self._touch(case)

    def _touch(self, case: Case) -> None:
        self.times[case.place.id, case.subject] = datetime.now(UTC)

    async def changed(self, since: datetime, most: int = 200) -> tuple[tuple[int, int, datetime], ...]:
        found = [(*key, at) for key, at in self.times.items() if at > since]
        return tuple(sorted(found, key=lambda row: row[2])[:most])

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        nod = Nod(place=place, comment=comment, reaction=reaction)
        if nod not in (one for one, _ in self.reactions):
            self.reactions.append((nod, 0.0))

    async def nods(self, most: int = 50) -> tuple[Nod, ...]:
        return tuple(one for one, after_s in self.reactions if after_s <= 0)[:most]

    async def nodded(self, nod: Nod) -> None:
        self.reactions = [one for one in self.reactions if one[0] != nod]

    async def nod_later(self, nod: Nod, after_s: float) -> None:
        again = nod.model_copy(update={"attempts": nod.attempts + 1})
        self.reactions = [(again, after_s) if one[0] == nod else one for one in self.reactions]

    async def published(self, place: Place, subject: int) -> Published:
        return self.said.get((place.id, subject), Published())

    async def keep_published(self, place: Place, subject: int, said: Published) -> None:
        self.said[place.id, subject] = said

    @asynccontextmanager
    async def alone(self, place: Place, subject: int) -> AsyncIterator[bool]:
        key = (place.id, subject)
        if key in self.speaking:
            yield False
            return
        self.speaking.add(key)
        try:
            yield True
        finally:
            self.speaking.discard(key)

    async def result(self, diagnosis: str) -> Result | None:
        return self.results.get(diagnosis)
