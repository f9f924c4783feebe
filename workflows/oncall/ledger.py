"""What became of telling people, as lines for a terminal: incidents, and under each what its channels show."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.oncall.parts import configured, store_of
from workflows.oncall.values import UNSURE, Delivery, Incident
from workflows.service.store import PostgresStore
from workflows.settings import Settings
from workflows.text import line

WORDS = {"waiting": "not told yet", "shown": "shown", "unsure": UNSURE, "given_up": "given up"}


async def ledger(settings: Settings, store: PostgresStore, *, state: str, limit: int) -> list[str]:
    """Lines about the newest incidents. state: only those in it, "" for all. Raises Refused, StoreDown."""
    oncall = configured(settings)
    if oncall is None:
        return []
    incidents = store_of(oncall, store)
    return [
        said
        for incident in await incidents.incidents(state=state, limit=limit)
        for said in _lines(incident, await incidents.deliveries(incident.id))
    ]


def _lines(incident: Incident, told: tuple[Delivery, ...]) -> Iterator[str]:
    cause = incident.note.cause if incident.note else "no note yet"
    yield line(f"{incident.id}  {incident.state}  {cause}  {incident.title}", 300)
    for each in told:
        problem = f": {each.problem}" if each.problem and not each.problem.startswith(UNSURE) else ""
        step = f", {each.stage}" if each.stage else ""
        yield line(f"  {each.channel}: {WORDS[each.state]}{step}{problem}", 300)
