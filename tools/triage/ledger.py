"""Where evidence gets its ids, and the check that what is cited exists."""

from __future__ import annotations

from collections.abc import Iterable

from tools.triage.values import Hypothesis, Kind, Note, Observation, Sentence

_WIDTH = 400


class Ledger:
    """The evidence of one triage, in the order it was seen: E1, E2, …; the same observation has one id."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], Observation] = {}

    def add(self, kind: Kind, summary: str, *, time: int = -1, where: str = "", query: str = "") -> str:
        """Keep an observation and return its id."""
        text = " ".join(summary.split())[:_WIDTH]
        key = (kind, text, where)
        if key not in self._seen:
            self._seen[key] = Observation(
                id=f"E{len(self._seen) + 1}", kind=kind, summary=text, time=time, where=where, query=query
            )
        return self._seen[key].id

    @property
    def all(self) -> tuple[Observation, ...]:
        return tuple(self._seen.values())


def sentences(note: Note) -> tuple[Sentence, ...]:
    """All claims of a note: summary, timeline, blast radius, actions, what is left to decide, points of
    suspects, hypotheses.
    """
    points = (Sentence(text=p.detail, cites=(p.evidence,)) for suspect in note.suspects for p in suspect.points)
    moments = (Sentence(text=moment.what, cites=moment.cites) for moment in note.timeline)
    actions = (action.sentence for action in note.actions)
    weighed = (said for each in note.hypotheses for said in _said(each))
    return (*note.summary, *moments, *note.blast, *actions, *note.decide, *points, *weighed)


def _said(hypothesis: Hypothesis) -> tuple[Sentence, ...]:
    return (hypothesis.claim, *hypothesis.supports, *hypothesis.contradicts, hypothesis.test)


def uncited(claims: Iterable[Sentence], evidence: Iterable[Observation]) -> tuple[str, ...]:
    """Sentences that cite nothing, or something that does not exist."""
    known = {each.id for each in evidence}
    return tuple(claim.text for claim in claims if not claim.cites or not set(claim.cites) <= known)


def checked(note: Note) -> Note:
    """The note with what the check of its citations says; sentences without evidence are dropped from it."""
    wrong = uncited(sentences(note), note.evidence)
    count = len(sentences(note))
    if not wrong:
        return note.model_copy(update={"citations": f"All {count} sentences cite evidence that exists."})
    kept = {
        "summary": tuple(s for s in note.summary if s.text not in wrong),
        "blast": tuple(s for s in note.blast if s.text not in wrong),
        "decide": tuple(s for s in note.decide if s.text not in wrong),
        "timeline": tuple(m for m in note.timeline if m.what not in wrong),
        "hypotheses": tuple(h for h in note.hypotheses if not {s.text for s in _said(h)} & set(wrong)),
        "actions": tuple(a for a in note.actions if a.sentence.text not in wrong),
    }
    said = f"{len(wrong)} of {count} sentences cited nothing that exists and were dropped."
    return note.model_copy(update={**kept, "citations": said})
