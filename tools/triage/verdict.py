"""The verdict: which kind of cause, how sure, and what would tell the two best explanations apart.

Confidence is capped by grounding: time and place alone never give more than 0.4, whatever else is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tools.oplogs.asking import written
from tools.triage.hints import IN_WORDS, OUTSIDE
from tools.triage.rank import Case
from tools.triage.values import Cause, Sentence, Suspected, Symptom

STRONG, SOME, PLAUSIBLE = 3.0, 1.5, 2.5  # points of grounding; of a score
WORDS = 2.5  # points up to which words alone do not tell changes of one deploy apart
TIMELY = 0.6  # points of time
CLOSE = 0.8  # of the leader's score: then the second is as good
_PLAIN = frozenset({"disk", "certificate", "clock"})  # words that name the cause itself
_ANSWERED = frozenset({"quota", "credential"})  # what another service says to our face
_GROWING = frozenset({"memory", "pool", "slow"})  # what a change can use up slowly
UNSURE = 0.4  # of what only longer times tell of
ABLE = 0.45  # of a change that only could have brought it about
CAUSES: dict[str, Cause] = {"code": "change", "config": "config", "dependency": "dependency", "inert": "inconclusive"}


@dataclass(frozen=True)
class Verdict:
    """summary: what is claimed; decide: what to look at where two explanations stand."""

    cause: Cause
    confidence: float
    summary: tuple[Sentence, ...]
    decide: tuple[Sentence, ...] = ()


def judged(case: Case, suspects: Sequence[Suspected], upstream: str) -> Verdict:
    """A change where it is grounded enough, something outside where the words say so, or what is left to decide."""
    mine = _mine(case)
    words = next((each for each in mine if set(each.hints) & OUTSIDE), None)
    lead = suspects[0] if suspects and suspects[0].score >= PLAUSIBLE else None
    if lead is not None and lead.kind != "inert" and _carries(lead, outside=words is not None or bool(upstream)):
        return _blamed(case, mine[0], lead, suspects[1:])
    if words is not None:
        return _by_words(case, (words, upstream), lead, suspects)
    if lead is not None:
        return _unsure(case, mine[0], lead)
    return _nothing_fits(case, mine[0]) if suspects else _unknown(case, mine[0])


def _mine(case: Case) -> list[Symptom]:
    """What the service where it began says, or all that is said."""
    return [each for each in case.symptoms if each.service == case.origin] or list(case.symptoms)


def _by_words(case: Case, said: tuple[Symptom, str], lead: Suspected | None, suspects: Sequence[Suspected]) -> Verdict:
    """The errors speak of something outside, and no change carries. said: the words, and what the origin calls."""
    words, upstream = said
    refused = bool(upstream) and bool(set(words.hints) & _ANSWERED)
    if lead is None or (refused and lead.grounding < SOME):
        return _outside(case, words, upstream, suspects)
    if not upstream and _alone_able(lead, suspects[1:]):
        return replace(_blamed(case, _mine(case)[0], lead, suspects[1:]), confidence=ABLE, decide=_either(words, lead))
    if _there(lead) and (of(lead, "time") >= TIMELY or of(lead, "means") > 0):
        return _between(case, words, lead)
    return _outside(case, words, upstream, suspects)


def of_times(verdict: Verdict, symptom: Symptom, lead: Suspected | None) -> Verdict:
    """The verdict where only times are longer: no words tell what it is, so that it is never sure."""
    outside = f"what {symptom.service} calls and runs on"
    text = f"Only times tell of it: look at {outside} before a change is taken back."
    if lead is not None:
        text = f"Only times tell of it: look whether {outside} was slow before {written(lead.deployed)} too."
    decide = (*verdict.decide, Sentence(text=text, cites=(symptom.evidence,)))
    return replace(verdict, confidence=min(verdict.confidence, UNSURE), decide=decide)


def of(suspect: Suspected, name: str) -> float:
    """A suspect's points of one name."""
    return sum(point.points for point in suspect.points if point.name == name)


def _carries(lead: Suspected, *, outside: bool) -> bool:
    """Whether a change explains it: by its content, and against an explanation from outside by much of it."""
    if of(lead, "frame") >= STRONG:
        return True
    if of(lead, "service") < 0 or of(lead, "time") < TIMELY:
        return False
    if outside:
        return lead.grounding >= STRONG or (of(lead, "kind") > 0 and of(lead, "service") > 0)
    return lead.grounding >= SOME or of(lead, "service") > 0


def _alone_able(lead: Suspected, others: Sequence[Suspected]) -> bool:
    """Whether the leader, alone among the changes of where it began, can bring about what the errors name."""
    if not _there(lead) or of(lead, "means") <= 0 or lead.kind == "inert":
        return False
    return not any(of(each, "means") > 0 and _there(each) and each.kind != "inert" for each in others)


def _there(suspect: Suspected) -> bool:
    """Whether a change is of where it began, or of a deploy of everything and of nothing else that is known."""
    place = of(suspect, "service")
    return place > 0 or (place == 0 and not suspect.service and of(suspect, "time") >= TIMELY)


def _of_words(lead: Suspected) -> bool:
    """Whether no more than shared words and what lines could bring about speak for it, beyond time and place."""
    return lead.grounding < WORDS and of(lead, "frame") + of(lead, "kind") <= 0


def _beside(lead: Suspected, other: Suspected) -> bool:
    """Whether another change went live with it, of what a service runs and where it began."""
    return other.deployed == lead.deployed and other.kind != "inert" and of(other, "service") >= 0


def _same_place(lead: Suspected, second: Suspected) -> bool:
    """Whether another change of the same deploy touched what failed too."""
    return second.deployed == lead.deployed and of(second, "frame") + of(second, "file") >= SOME


def cap_of(suspect: Suspected) -> float:
    """The most confidence that a change's grounding allows."""
    if of(suspect, "frame") >= STRONG:
        return 0.9
    if suspect.grounding >= STRONG:
        return 0.75
    return 0.6 if suspect.grounding >= SOME else 0.4


def _blamed(case: Case, symptom: Symptom, lead: Suspected, others: Sequence[Suspected]) -> Verdict:
    cap = cap_of(lead)
    decide: tuple[Sentence, ...] = ()
    second = others[0] if others else None
    if second is not None and (second.score >= CLOSE * lead.score or _same_place(lead, second)):
        cap = min(cap, 0.45)
        decide = (_tell_apart(lead, second),)
    if not case.origin or (_of_words(lead) and any(_beside(lead, each) for each in others)):
        cap = min(cap, 0.45)
    confidence = round(min(cap, lead.score / 10), 2)
    cause = CAUSES[lead.kind]
    if decide and lead.grounding < SOME:
        return Verdict("inconclusive", min(confidence, 0.3), (_began(case, symptom),), decide)
    return Verdict(cause, confidence, (_began(case, symptom), _claim(lead), *_fails(case, lead, symptom)), decide)


def _fails(case: Case, lead: Suspected, said: Symptom) -> Iterator[Sentence]:
    """Where the code fails that speaks against a change, and with what, unless that was said."""
    shown = {point.evidence for point in lead.points if point.name in ("frame", "file")}
    place = next((each for each in case.places if each.trace and each.evidence in shown), None)
    error = next((each for each in case.symptoms if place is not None and each.evidence == place.raised), None)
    if place is not None and error is not None:
        what = "" if error is said else f": `{error.text[:120]}`"
        text = f"It fails in {place.function or '?'}, {place.file}:{place.line}{what}."
        yield Sentence(text=text, cites=(place.evidence, error.evidence))


def named(suspect: Suspected) -> str:
    """How a sentence calls a suspect."""
    return f"{suspect.commit[:12]} ({suspect.subject[:80]})" if suspect.commit else suspect.subject[:100]


def _claim(lead: Suspected) -> Sentence:
    reasons = [point for point in lead.points if point.points > 0]
    best = max(reasons, key=lambda point: point.points)
    where = f" in {lead.service}" if lead.service else ""
    since = "live since" if lead.live else "committed at"
    text = f"The most probable cause is {named(lead)}{where}, {since} {written(lead.deployed)}."
    return Sentence(text=text, cites=tuple(dict.fromkeys((*lead.evidence, best.evidence))))


def _began(case: Case, symptom: Symptom) -> Sentence:
    what = symptom.text[:120]
    kind = "warning" if symptom.level == "warning" else "error"
    how = f"a new {kind}" if symptom.state == "new" else f"this {kind} far more often than before"
    text = f"Since {written(case.onset)}, {symptom.service} writes {how}: `{what}`."
    if symptom.state == "slower":
        text = f"Since {written(case.onset)}, {symptom.service} tells of longer times: `{what}`."
    if symptom.state == "silent":
        text = f"{symptom.service} stopped writing at {written(symptom.first)}."
    return Sentence(text=text, cites=(symptom.evidence,))


def _tell_apart(one: Suspected, other: Suspected) -> Sentence:
    files = ", ".join(dict.fromkeys((*one.files[:2], *other.files[:2]))) or "what they changed"
    text = f"To decide between {named(one)} and {named(other)}, look at {files} or take back one at a time."
    return Sentence(text=text, cites=(one.evidence[0], other.evidence[0]))


def _between(case: Case, words: Symptom, lead: Suspected) -> Verdict:
    return Verdict("inconclusive", 0.35, (_began(case, words),), _either(words, lead))


def _either(words: Symptom, lead: Suspected) -> tuple[Sentence, ...]:
    """What decides between a change and a cause outside."""
    kind = next(hint for hint in words.hints if hint in OUTSIDE)
    text = (
        f"To decide between {named(lead)} and a cause outside ({IN_WORDS[kind]}), look at {measure(kind)} before "
        f"{written(lead.deployed)}: if it was as bad then, the change is not it."
    )
    return (Sentence(text=text, cites=(*lead.evidence, words.evidence)),)


def measure(kind: str) -> str:
    """What to look at for a kind of cause outside."""
    looks = {
        "disk": "free space of the service's disk", "memory": "memory of the process", "clock": "the host's clock",
        "pool": "the number of open connections", "certificate": "the certificate's dates",
        "quota": "how often it is asked and what it allows", "credential": "what the credential may do and until when",
    }  # fmt: skip
    return looks.get(kind, "latency and errors of what it calls")


def _outside(case: Case, words: Symptom, upstream: str, suspects: Sequence[Suspected]) -> Verdict:
    """Less sure where what grows for hours may have begun with any change of the service that was live before."""
    kind = next(hint for hint in words.hints if hint in OUTSIDE)
    told = IN_WORDS[kind]
    own = any(each.kind != "inert" and of(each, "service") > 0 for each in suspects)
    if kind in _GROWING and own and not upstream:
        text = f"The errors speak of {told}, and no change fits well; one that was live for long may show only now."
        return Verdict("infrastructure", 0.4, (_began(case, words), Sentence(text=text, cites=(words.evidence,))))
    confidence = 0.65 if kind in _PLAIN else 0.6 if upstream else 0.5
    where = f"{upstream}, which {case.origin} calls" if upstream else f"what {words.service} runs on"
    none = "No change fits" if suspects else "No change before the onset is known"
    text = f"{none}; the errors speak of {told}: the cause is probably in {where}."
    return Verdict("infrastructure", confidence, (_began(case, words), Sentence(text=text, cites=(words.evidence,))))


def _unsure(case: Case, symptom: Symptom, lead: Suspected) -> Verdict:
    text = f"To decide whether {named(lead)} is the cause or only near in time, roll it back on one instance."
    return Verdict(
        "inconclusive", 0.3, (_began(case, symptom),), (Sentence(text=text, cites=(*lead.evidence, symptom.evidence)),)
    )  # fmt: skip


def _unknown(case: Case, symptom: Symptom) -> Verdict:
    text = f"To decide, look at what was changed before {written(case.onset)}: no deploy or commit is known from then."
    return Verdict(
        "inconclusive", 0.2, (_began(case, symptom),), (Sentence(text=text, cites=(symptom.evidence,)),)
    )  # fmt: skip


def _nothing_fits(case: Case, symptom: Symptom) -> Verdict:
    text = "No change that went live before the onset fits: what came in, or what the service rests on, has changed."
    confidence = 0.45 if case.places else 0.35
    return Verdict(
        "infrastructure", confidence, (_began(case, symptom), Sentence(text=text, cites=(symptom.evidence,)))
    )  # fmt: skip
