"""What became of telling people, as lines for a terminal: incidents, and under each what its channels show."""

from __future__ import annotations

from collections.abc import Iterator

from tools.triage.handing import lacking
from workflows.exits import BAD_INPUT, Refused
from workflows.oncall.parts import configured, store_of
from workflows.oncall.telling import patch_told
from workflows.oncall.values import UNSURE, Delivery, Incident
from workflows.service.store import PostgresStore
from workflows.settings import Settings
from workflows.text import line

BY_COMMAND = "oncall patch"  # who asked
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


async def wanted(settings: Settings, store: PostgresStore, name: str) -> list[str]:
    """Ask for a patch of an incident; lines about it now. Raises Refused, StoreDown."""
    oncall = configured(settings)
    incidents = store_of(oncall, store) if oncall else None
    known = await incidents.incident(name) if incidents else None
    if incidents is None or known is None:
        raise Refused(f"there is no incident {line(name, 80)}: `patchwright oncall told` lists them", BAD_INPUT)
    missed = lacking(known.note) if known.note else known.problem or "it has not been looked into yet"
    if missed:
        raise Refused(f"no patch can be looked for: {line(missed, 300)}", BAD_INPUT)
    await incidents.want_patch(name, BY_COMMAND)
    now = await incidents.incident(name)
    return list(_lines(now, ())) if now else []


def _lines(incident: Incident, told: tuple[Delivery, ...]) -> Iterator[str]:
    cause = incident.note.cause if incident.note else "no note yet"
    yield line(f"{incident.id}  {incident.state}  {cause}  {incident.title}", 300)
    for said in patch_told(incident.patching):
        yield line(f"  {said}", 300)
    for each in told:
        problem = f": {each.problem}" if each.problem and not each.problem.startswith(UNSURE) else ""
        step = f", {each.stage}" if each.stage else ""
        yield line(f"  {each.channel}: {WORDS[each.state]}{step}{problem}", 300)
