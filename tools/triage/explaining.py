"""Hypotheses side by side: each with what speaks for it, what speaks against it, and what would tell them apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tools.oplogs.asking import written
from tools.triage.hints import IN_WORDS, OUTSIDE
from tools.triage.rank import Case
from tools.triage.values import Hypothesis, Sentence, Suspected, Symptom
from tools.triage.verdict import CAUSES, TIMELY, Verdict, cap_of, measure, named, of

BY = "signals"
CHANGES = 3  # of the suspects
RIVAL = 0.35  # most of what the verdict does not name


def explained(case: Case, suspects: Sequence[Suspected], verdict: Verdict, upstream: str) -> tuple[Hypothesis, ...]:
    """The leading changes, and a cause outside where the errors' words speak of one; the surest first."""
    found = [*_changes(case, suspects, verdict), *_outside(case, suspects, verdict, upstream)]
    return tuple(sorted(found, key=lambda each: -each.confidence))


def _changes(case: Case, suspects: Sequence[Suspected], verdict: Verdict) -> Iterator[Hypothesis]:
    blamed = verdict.cause in CAUSES.values() and verdict.cause != "inconclusive"
    for number, suspect in enumerate(suspects[:CHANGES]):
        if suspect.kind == "inert" or suspect.score <= 0:
            continue
        first = number == 0 and blamed
        sure = verdict.confidence if first else min(RIVAL, cap_of(suspect), suspect.score / 10)
        yield Hypothesis(
            claim=Sentence(text=f"{named(suspect)} brought it about.", cites=suspect.evidence),
            cause=CAUSES[suspect.kind], commit=suspect.commit,
            supports=tuple(_points(suspect, sign=1)), contradicts=tuple(_points(suspect, sign=-1)),
            test=_rolled_back(case, suspect), confidence=round(sure, 2), by=BY,
        )  # fmt: skip


def _points(suspect: Suspected, *, sign: int) -> Iterator[Sentence]:
    for point in suspect.points:
        if sign * point.points > 0:
            yield Sentence(text=point.detail, cites=(point.evidence,))


def _rolled_back(case: Case, suspect: Suspected) -> Sentence:
    seen = case.symptoms[0]
    text = f"Roll it back on one instance: if `{seen.text[:80]}` goes on there, it is another cause."
    return Sentence(text=text, cites=(suspect.evidence[0], seen.evidence))


def _outside(
    case: Case, suspects: Sequence[Suspected], verdict: Verdict, upstream: str
) -> Iterator[Hypothesis]:  # fmt: skip
    words = next((each for each in case.symptoms if set(each.hints) & OUTSIDE), None)
    if words is None and verdict.cause != "infrastructure":
        return
    symptom = words or case.symptoms[0]
    kind = next((hint for hint in symptom.hints if hint in OUTSIDE), "what came in")
    sure = verdict.confidence if verdict.cause == "infrastructure" else RIVAL
    what = IN_WORDS.get(kind, kind) + (f" in {upstream}" if upstream else "")
    yield Hypothesis(
        claim=Sentence(text=f"No change, but {what} brought it about.", cites=(symptom.evidence,)),
        cause="infrastructure", commit="", supports=(_speaks(symptom, kind),),
        contradicts=tuple(_near(suspects)), test=_measured(case, symptom, kind), confidence=sure, by=BY,
    )  # fmt: skip


def _speaks(symptom: Symptom, kind: str) -> Sentence:
    return Sentence(text=f"`{symptom.text[:120]}` speaks of {IN_WORDS.get(kind, kind)}.", cites=(symptom.evidence,))


def _near(suspects: Sequence[Suspected]) -> Iterator[Sentence]:
    """A change that went live shortly before, where it began, speaks against chance."""
    for suspect in suspects[:1]:
        if suspect.kind != "inert" and of(suspect, "time") >= TIMELY and of(suspect, "service") > 0:
            text = f"{named(suspect)} {'went live' if suspect.live else 'was committed'} there shortly before."
            yield Sentence(text=text, cites=suspect.evidence)


def _measured(case: Case, symptom: Symptom, kind: str) -> Sentence:
    text = f"Look at {measure(kind)} from before {written(case.onset)} on: if nothing changes there, it is not that."
    return Sentence(text=text, cites=(symptom.evidence,))
