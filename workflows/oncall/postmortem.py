"""A draft of the post-mortem: what is known, with its evidence, and the questions that only people can answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.oplogs.asking import written
from tools.triage.alerts import Alert
from tools.triage.values import Note
from workflows.oncall.telling import CAUSES
from workflows.oncall.values import Before, Incident
from workflows.report.markdown import code, prose
from workflows.text import clean

_OPEN = "*To be written by those who were there.*"


def postmortem(incident: Incident, note: Note, before: Sequence[Before], alerts: Sequence[Alert]) -> str:
    """Markdown."""
    return "".join(f"{clean(row)}\n" for row in _rows(incident, note, before, alerts))


def _rows(incident: Incident, note: Note, before: Sequence[Before], alerts: Sequence[Alert]) -> Iterator[str]:
    yield f"# Post-mortem (draft): {prose(incident.title)}"
    yield ""
    yield f"Incident {incident.id}, {written(incident.since)} to {written(incident.until)}."
    yield f"{incident.alerts} alerts in {incident.messages} messages; {incident.flaps} fired again."
    yield from ("", "## Summary", "")
    yield f"Probable cause: {CAUSES[note.cause]} (confidence {note.confidence:.2f})."
    yield from (f"{prose(each.text)} {_cited(each.cites)}" for each in note.summary)
    yield from ("", "## Impact", "")
    yield from (f"- {prose(each.text)} {_cited(each.cites)}" for each in note.blast)
    yield f"- Users and money: {_OPEN}"
    yield from ("", "## Detection", "")
    first = min((each.starts for each in alerts if each.starts >= 0), default=-1)
    if first >= 0 and note.onset >= 0:
        late = f"the first alert is of {written(first)} ({first - note.onset} s)"
        yield f"The logs change at {written(note.onset)}; {late}."
    yield from (f"- {code(each.title)} from {prose(each.source)}, {written(each.starts)}" for each in alerts)
    yield from ("", "## Timeline", "")
    yield from (f"- {written(row.time)} {prose(row.what)} {_cited(row.cites)}" for row in note.timeline)
    yield from ("", "## Root cause", "")
    for suspect in note.suspects[:1]:
        named = code(suspect.commit[:12] or "outside the repository")
        yield f"{named} {code(suspect.subject)} ({prose(suspect.author)})"
        yield from (f"- {prose(point.detail)} {_cited((point.evidence,))}" for point in suspect.points)
    yield from (f"- To decide: {prose(each.text)} {_cited(each.cites)}" for each in note.decide)
    yield f"Why it could happen: {_OPEN}"
    if before:
        yield from ("", "## It happened before", "")
        yield from (f"- {each.id} {prose(each.title)} ({written(each.since)})" for each in before)
    yield from ("", "## What was done, what is left to do", "")
    yield from (
        f"- [ ] {each.kind}: {prose(each.sentence.text)} {_cited(each.sentence.cites)}" for each in note.actions
    )
    yield f"- [ ] {_OPEN}"
    yield from ("", "## Evidence", "")
    yield from (f"- {each.id} {each.kind}: {code(each.summary)}" for each in note.evidence)


def _cited(cites: Sequence[str]) -> str:
    return f"\\[{', '.join(cites)}\\]"
