"""Suspect changes, ranked: frames and files touched, words shared with what is new in the logs, kind, place, time."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.oplogs.masking import mask
from tools.triage.changed import Changed
from tools.triage.frames import Place
from tools.triage.hints import KNOBS, terms_of
from tools.triage.topology import Topology, part_of
from tools.triage.values import Point, Suspected, Symptom

FRAME, NEAR_FRAME, FILE, TERMS, KIND, MEANS = 5.0, 3.0, 1.5, 3.0, 2.0, 1.5
SERVICE, BELOW, OTHER, ELSEWHERE = 2.0, 1.0, -0.5, -3.0
TIME, INERT = 2.0, -4.0
TITLE = 0.4  # of a word that only a subject or a file's name has
CONTENT = ("frame", "file", "terms", "kind", "means")
_NEAR = 3  # lines
_PACKAGE = re.compile(r"\s*\"?([A-Za-z][\w.-]{2,60})")
_EXCERPT = 40  # lines of a diff
_CALL = re.compile(r"\b[\w.]+\((?=\s*[furb]*[\"'])")  # what writes a text: the same for every message
_PROSE = re.compile(
    r"([\"'])[^\"'\n]*\s[^\"'\n]*\1"
)  # literals of several words: texts for people, of other messages too


@dataclass(frozen=True)
class Case:
    """What changes are held against. origin: the service where it began, "" unknown; span: seconds looked back on."""

    onset: int
    span: int
    origin: str
    symptoms: tuple[Symptom, ...]
    places: tuple[Place, ...]
    topology: Topology


def ranked(changes: Sequence[Changed], case: Case) -> tuple[Suspected, ...]:
    """The changes, the most suspect first; one commit of several deploys counts where it is most suspect."""
    weights = _weights(changes)
    found: dict[str, Suspected] = {}
    for change in changes:
        suspect = _suspected(change, case, weights)
        if change.name not in found or suspect.score > found[change.name].score:
            found[change.name] = suspect
    return tuple(sorted(found.values(), key=lambda each: (-each.score, -each.deployed, each.commit)))


def _weights(changes: Sequence[Changed]) -> dict[str, float]:
    """How much a word tells changes apart: rare ones more."""
    names = {change.name: change.terms | change.titles for change in changes}
    counts = Counter(term for terms in names.values() for term in terms)
    return {term: math.log(1 + len(names) / count) for term, count in counts.items()}


def _suspected(change: Changed, case: Case, weights: dict[str, float]) -> Suspected:
    points = tuple(_points(change, case, weights))
    grounding = sum(point.points for point in points if point.name in CONTENT and point.points > 0)
    return Suspected(
        commit=change.commit.commit if change.commit else "",
        subject=mask(change.commit.subject if change.commit else change.deploy.note or "a deploy"),
        author=change.commit.author if change.commit else "", kind=change.kind, service=change.deploy.service,
        deployed=change.deploy.time, score=round(sum(point.points for point in points), 2),
        grounding=round(grounding, 2), points=points, files=change.files, excerpt=_excerpt(change, case),
        evidence=change.evidence, live=change.deploy.live,
    )  # fmt: skip


def _points(change: Changed, case: Case, weights: dict[str, float]) -> Iterator[Point]:
    frame = _frame(change, case.places)
    if frame:
        yield frame
    terms = _terms(change, case, weights)
    if terms:
        yield terms
    yield from _kind(change, case)
    yield _time(change, case)
    place = _place(change, case)
    if place:
        yield place


def _frame(change: Changed, places: Sequence[Place]) -> Point | None:
    """The best of the frames: a line that the change wrote, one near it, or at least its file."""
    best: Point | None = None
    for place in places:
        share = 1 / (1 + 0.4 * place.depth)
        wrote = change.commit is not None and place.commit == change.commit.commit
        near = any(abs(line - place.line) <= _NEAR for line in change.lines.get(place.file, ()))
        if not wrote and not near and place.file not in change.files:
            continue
        if not wrote and not place.trace:  # beside where a message is written nothing has failed
            near = False
        kept = wrote and bool(place.failing) and _bare(place.failing) in _bare(change.removed)
        wrote, near = wrote and not kept, near and not kept
        full = FRAME if wrote else NEAR_FRAME if near else FILE
        how = (
            "wrote the line, but not what failed in it, of"
            if kept
            else "wrote the line of"
            if wrote
            else "changed lines beside"
            if near
            else "changed the file of"
        )
        at = f"the frame {place.file}:{place.line} ({place.function or '?'})"
        if not place.trace:
            at = f"the message of the error, {place.file}:{place.line}"
        what = f"It {how} {at}."
        point = Point(name="frame" if wrote or near else "file", points=round(full * share, 2), detail=what,
                      evidence=place.evidence)  # fmt: skip
        if best is None or point.points > best.points:
            best = point
    return best


def _bare(code: str) -> str:
    return "".join(code.split())


def _terms(change: Changed, case: Case, weights: dict[str, float]) -> Point | None:
    """Words that the diff shares with one new template. Names of services say only where, not what."""
    places = terms_of(" ".join((*case.topology.known, *(each.service for each in case.symptoms))))
    best: tuple[float, str, list[str]] | None = None
    for symptom in case.symptoms:
        words = terms_of(f"{symptom.text} {symptom.example} {_code(symptom, case.places)}") - places
        worth = {term: weights[term] for term in words & change.terms}
        worth |= {term: TITLE * weights[term] for term in words & change.titles}
        shared = sorted(worth, key=lambda term: (-worth[term], term))
        value = sum(worth[term] for term in shared[:6])
        if shared and (best is None or value > best[0]):
            best = (value, symptom.evidence, shared[:4])
    if best is None:
        return None
    most = TERMS * (1 - math.exp(-best[0] / 3))
    said = f"Its diff shares words with what is new in the log: {', '.join(best[2])}."
    return Point(name="terms", points=round(most, 2), detail=said, evidence=best[1])


def _code(symptom: Symptom, places: Sequence[Place]) -> str:
    """The code that writes what a symptom says."""
    own = [place for place in places if place.service == symptom.service and place.code]
    return " ".join(_CALL.sub("", _PROSE.sub("''", place.code)) for place in own)


def _kind(change: Changed, case: Case) -> Iterator[Point]:
    if change.kind == "inert":
        said = "It only changes texts, comments or tests, which services do not run."
        yield Point(name="kind", points=INERT, detail=said, evidence=change.evidence[0])
        return
    seen = next((s for s in case.symptoms if _fits(change, s)), None)
    if seen:
        said = f"It changes {'settings' if change.kind == 'config' else 'dependencies'}, and the error's words say so."
        yield Point(name="kind", points=KIND, detail=said, evidence=seen.evidence)
    able = next(((s, hint) for s in case.symptoms for hint in s.hints if hint in change.means), None)
    own = not change.deploy.service or part_of(case.origin, change.deploy.service)
    if able and (own or _waited_for(change, case)):
        said = f"Lines that it changes can bring about what the error names ({able[1]})."
        yield Point(name="means", points=MEANS, detail=said, evidence=able[0].evidence)


def _fits(change: Changed, symptom: Symptom) -> bool:
    """Whether the words of an error fit the kind of a change: its package, a setting, or what a setting governs."""
    if change.kind == "dependency":
        return "dependency" in symptom.hints or bool(_packages(change) & terms_of(f"{symptom.text} {symptom.example}"))
    if change.kind != "config":
        return False
    return "config" in symptom.hints or any(KNOBS.get(hint, frozenset()) & change.terms for hint in symptom.hints)


def _packages(change: Changed) -> frozenset[str]:
    """Names of packages that lines of the diff begin with."""
    rows = (row[1:] for row in change.diff.splitlines() if row[:1] in ("+", "-") and row[:3] not in ("+++", "---"))
    names = (_PACKAGE.match(row) for row in rows)
    return frozenset(name[1].lower() for name in names if name)


def _time(change: Changed, case: Case) -> Point:
    gap = max(0, case.onset - change.deploy.time)
    points = TIME * math.exp(-gap / max(150.0, 0.25 * case.span))
    said = f"It {'went live' if change.deploy.live else 'was committed'} {_spent(gap)} before the onset."
    return Point(name="time", points=round(points, 2), detail=said, evidence=change.deploy.evidence)


def _spent(seconds: int) -> str:
    if seconds >= 2 * 86_400:
        return f"{seconds // 86_400} days"
    if seconds >= 3 * 3600:
        return f"{seconds // 3600} hours"
    return f"{seconds} s" if seconds < 180 else f"{seconds // 60} min"


def _place(change: Changed, case: Case) -> Point | None:
    service, origin = change.deploy.service, case.origin
    if service and origin and not part_of(origin, service):
        return _elsewhere(change, case)
    where = change.deploy.evidence
    owners = {case.topology.owner(file) for file in change.files} - {""}
    if not origin:
        return None
    if owners and origin not in owners and not owners & case.topology.below(origin):
        said = f"It was deployed with {origin} but changes only the code of {', '.join(sorted(owners))}."
        return Point(name="service", points=ELSEWHERE, detail=said, evidence=where)
    if service or owners:
        return Point(name="service", points=SERVICE, detail=f"It is in {origin}, where it began.", evidence=where)
    return None


def _elsewhere(change: Changed, case: Case) -> Point:
    """A change of another service than the one where it began."""
    service, origin, where = change.deploy.service, case.origin, change.deploy.evidence
    if _waited_for(change, case):
        said = f"It is in {service}, for which {origin} waits."
        return Point(name="service", points=SERVICE, detail=said, evidence=where)
    if service in case.topology.below(origin):
        said = f"It is in {service}, which {origin} calls."
        return Point(name="service", points=BELOW, detail=said, evidence=where)
    if origin in case.topology.below(service) and _hung_up(case):
        said = f"It is in {service}, which calls {origin} and did not wait for its answers."
        return Point(name="service", points=BELOW, detail=said, evidence=where)
    if not {service, origin} <= case.topology.known:
        said = f"It is in {service}, not in {origin}, and whether they depend on each other is not known."
        return Point(name="service", points=OTHER, detail=said, evidence=where)
    said = f"It is in {service}, on which {origin} does not depend."
    return Point(name="service", points=ELSEWHERE, detail=said, evidence=where)


def _waited_for(change: Changed, case: Case) -> bool:
    """Whether the origin only tells of longer times, and calls the changed service: its time is in them."""
    spoken = [each for each in case.symptoms if each.service == case.origin and each.state != "silent"]
    slower = bool(spoken) and all(each.state == "slower" for each in spoken)
    return slower and change.deploy.service in case.topology.below(case.origin)


def _hung_up(case: Case) -> bool:
    """Whether all that the origin has to say is that its callers went away."""
    spoken = [each for each in case.symptoms if each.service == case.origin and each.state != "silent"]
    raised = [each for each in spoken if not each.template] or spoken
    return bool(raised) and all("hangup" in each.hints for each in raised)


def _excerpt(change: Changed, case: Case) -> str:
    """The part of the diff that says most: the file of a frame first, at most _EXCERPT lines; masked."""
    if not change.diff:
        return ""
    wanted = [place.file for place in case.places]
    parts = change.diff.split("diff --git ")[1:]
    parts.sort(key=lambda part: not any(part.startswith(f"a/{file} ") for file in wanted))
    rows = "".join(f"diff --git {part}" for part in parts).splitlines()
    more = [f"… {len(rows) - _EXCERPT} more lines"] if len(rows) > _EXCERPT else []
    return mask("\n".join([*rows[:_EXCERPT], *more]))
