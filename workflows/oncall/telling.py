"""What is told of an incident, as typed data that every channel shows in its own way."""

from __future__ import annotations

from typing import Any

from tools.git import plain
from tools.oplogs.asking import written
from tools.oplogs.masking import mask
from tools.triage.values import Note
from tools.values import Value
from workflows.oncall.values import Before, Handover, Incident, Stage
from workflows.text import clean

CAUSES = {
    "change": "a change of the code", "config": "a change of the configuration", "dependency": "a changed dependency",
    "infrastructure": "infrastructure or upstream (no change fits)", "healthy": "healthy: nothing stands out",
    "inconclusive": "inconclusive",
}  # fmt: skip
MOST = 5


class Step(Value):
    """What to do now. command: what to type, "" for none."""

    kind: str
    text: str
    command: str = ""


class Told(Value):
    """All that a channel may say. Texts are masked, on one line each, and never marked up: channels escape them.

    turn: number of the stage among those that this channel was told of: the same when it is told again of one.
    link: where the note is, "" for nowhere; asks: whether to ask what it was worth; sources: links of alerts;
    unsure: whether what this channel was told last may not have arrived; patch: what a diagnosis found, () without one.
    """

    incident: str
    revision: int
    stage: Stage
    title: str
    severity: str
    services: tuple[str, ...]
    counts: str
    began: str
    ended: str = ""
    cause: str = ""
    confidence: float = 0.0
    sentences: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    decide: tuple[str, ...] = ()
    patch: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    merged: str = ""
    problem: str = ""
    link: str = ""
    sources: tuple[str, ...] = ()
    asks: bool = False
    turn: int = 1
    unsure: bool = False

    @property
    def headline(self) -> str:
        """One line."""
        state = {"resolved": "Resolved", "merged": "Merged"}.get(self.stage, "Incident")
        return f"{state}: {self.title}"

    @property
    def status(self) -> str:
        """What is known of the cause so far, in a line."""
        if self.stage == "merged":
            return f"It became part of {self.merged}."
        if not self.cause:
            return f"No note: {self.problem}" if self.problem else "Logs and changes are being looked at."
        return f"Probable cause: {CAUSES.get(self.cause, self.cause)} (confidence {self.confidence:.2f})."


def told_of(
    incident: Incident, before: tuple[Before, ...], *, links: str = "", rated: bool = False,
    sources: tuple[str, ...] = (), turn: int = 1, unsure: bool = False,
) -> Told:  # fmt: skip
    """What is told of an incident now. sources: addresses of its alerts at their makers; turn, unsure: see Told."""
    note = incident.note
    seen = f"{incident.alerts} alerts in {incident.messages} messages, {incident.firing} firing"
    flaps = f", {incident.flaps} fired again" if incident.flaps else ""
    return Told(
        incident=incident.id, revision=incident.revision, stage=incident.stage, title=_line(incident.title, 200),
        severity=_line(incident.severity, 60), services=tuple(_line(each, 80) for each in incident.services[:10]),
        counts=f"{seen}{flaps}{' (a storm)' if incident.storm else ''}", began=written(incident.since),
        ended=written(incident.until) if incident.state == "resolved" else "",
        before=tuple(f"{each.id} {_line(each.title, 100)} ({written(each.since)})" for each in before),
        merged=incident.merged, problem=_line(incident.problem, 300),
        link=f"{links.rstrip('/')}/v1/incidents/{incident.id}/note" if links else "", sources=sources[:MOST],
        asks=incident.state == "resolved" and note is not None and not rated, turn=turn, unsure=unsure,
        patch=tuple(_line(each) for each in patch_told(incident.patching, links)),
        **_noted(note),
    )  # fmt: skip


def patch_told(handover: Handover | None, links: str = "") -> tuple[str, ...]:
    """What became of looking for a patch, () where nobody looks. links: address of the service, "" for none."""
    if handover is None:
        return ()
    at = f"{links.rstrip('/')}/v1/diagnoses/{handover.run}" if links and handover.run else ""
    where = (f"It and its certificate: {at}/patch, {at}/certificate",) if at and handover.verified else ()
    headline, problem = _line(handover.headline, 300), _line(handover.problem, 300)
    if handover.state == "wanted":
        return (f"A diagnosis is about to look for a patch. {problem}".strip(),)
    if handover.state == "running":
        return (f"Diagnosis {handover.run} looks for a patch.", *((at,) if at else ()))
    if handover.state == "refused":
        return (f"No patch is looked for: {problem}.",)
    if handover.verified:
        return (f"Fix forward: diagnosis {handover.run} has a verified patch. {headline}", *where)
    return (f"Diagnosis {handover.run} ended without a verified patch: {headline or problem}", *((at,) if at else ()))


def _noted(note: Note | None) -> dict[str, Any]:
    if note is None:
        return {}
    return {
        "cause": note.cause,
        "confidence": note.confidence,
        "sentences": tuple(
            _line(f"{each.text} [{', '.join(each.cites)}]") for each in (*note.summary, *note.blast)[:MOST]
        ),
        "suspects": tuple(
            _line(f"{each.commit[:12] or 'outside the repository'} {each.subject} ({each.author or 'unknown'})", 300)
            for each in note.suspects[:3]
        ),
        "steps": tuple(
            Step(kind=each.kind, text=_line(each.sentence.text), command=_line(each.command, 200))
            for each in note.actions[:MOST]
        ),
        "decide": tuple(_line(each.text) for each in note.decide[:MOST]),
    }


def _line(text: str, characters: int = 600) -> str:
    return plain(mask(clean(text)), characters)


def paragraphs(told: Told) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(heading, rows) for channels of text; headings are ours, rows are texts of strangers."""
    services = f" of {', '.join(told.services)}" if told.services else ""
    times = f"since {told.began}" + (f", resolved {told.ended}" if told.ended else "")
    parts = [
        ("", (f"{told.status}", f"{told.counts}{services}, {times}")),
        ("The patch", told.patch),
        ("What is known", told.sentences),
        ("Suspect changes", told.suspects),
        ("What to do", tuple(f"{s.kind}: {s.text}" + (f" -- {s.command}" if s.command else "") for s in told.steps)),
        ("To decide", told.decide),
        ("The same cause before", told.before),
    ]
    return tuple((heading, rows) for heading, rows in parts if rows)


def asking(told: Told) -> str:
    """The question that is asked once, when it is over."""
    way = f"POST /v1/incidents/{told.incident}/feedback"
    return f"Was this note right? Say so once: {way} {{'verdict': 'right' or 'wrong'}}" if told.asks else ""
