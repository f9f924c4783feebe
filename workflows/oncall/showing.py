"""A note in the form that a client prefers."""

from __future__ import annotations

from collections.abc import Iterable

from tools.triage import page
from tools.triage.ledger import checked
from tools.triage.telling import markdown, text
from tools.triage.values import Action, Note, Observation, Sentence
from workflows.oncall.telling import patch_told
from workflows.oncall.values import Incident
from workflows.text import clean

KINDS = {"application/json": "json", "text/markdown": "md", "text/html": "html", "text/plain": "txt"}
POLICY = f"{page.POLICY}; frame-ancestors 'none'; sandbox"


def shown(note: Note, media: str) -> bytes:
    """The note's bytes."""
    kind = KINDS[media]
    if kind == "json":
        return note.to_json().encode()
    made = {
        "txt": lambda: _lines(text(note)),
        "md": lambda: _lines(markdown(note)),
        "html": lambda: clean(page.page(note)),
    }
    return made[kind]().encode("utf-8", "replace")


def note_of(incident: Incident) -> Note | None:
    """The note with what came of looking for a patch: evidence, and what to do where one is verified."""
    note, handover = incident.note, incident.patching
    if note is None or handover is None or not handover.run:
        return note
    name = f"E{len(note.evidence) + 1}"
    query = f"GET /v1/diagnoses/{handover.run}/report"
    seen = Observation(id=name, kind="check", summary=" ".join(patch_told(handover))[:400], query=query)
    actions = note.actions
    if handover.verified:
        text = f"Fix forward: diagnosis {handover.run} has a verified patch; its certificate can be run again."
        said = Sentence(text=text, cites=(name,))
        actions = (
            Action(kind="fix forward", sentence=said, command=f"GET /v1/diagnoses/{handover.run}/patch"),
            *actions,
        )
    return checked(note.model_copy(update={"evidence": (*note.evidence, seen), "actions": actions}))


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{clean(row)}\n" for row in rows)
