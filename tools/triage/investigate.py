"""The one door: logs, deploys and a history in, a note out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.history import History
from tools.oplogs.asking import written
from tools.oplogs.masking import mask
from tools.oplogs.rates import Window
from tools.oplogs.traces import Trace
from tools.triage.acting import actions
from tools.triage.affected import blast
from tools.triage.alerts import Alert, correlated
from tools.triage.changed import changes_of, seen_deploys
from tools.triage.deploys import committed, tagged
from tools.triage.durations import MILD, TIMES, Slowed, Timed, slowed, slowness, timed
from tools.triage.explaining import explained
from tools.triage.frames import Place, places, writers
from tools.triage.ledger import Ledger, checked
from tools.triage.nearby import nearby
from tools.triage.observed import Seen, Series, looked, with_figures
from tools.triage.onset import Stretch
from tools.triage.origin import connected, first_onset, origin_of, outside_of
from tools.triage.rank import Case, ranked
from tools.triage.reading import BAD, Log, counted, fresh_traces, onsets, raised, symptoms
from tools.triage.requests import requests, told
from tools.triage.telling import PROBABLE
from tools.triage.topology import Topology, part_of
from tools.triage.values import Deploy, Moment, Note, Sentence, Suspected, Symptom
from tools.triage.verdict import Verdict, judged, of_times

SHOWN = 5  # suspects in the note
CONSTANT, CONSTANT_SHARE = 20, 0.05  # errors all the time, and their share of the lines: no good day
AFTER_S = 2  # a deploy that many seconds after the onset may still be before it: times have whole seconds


@dataclass(frozen=True)
class Incident:
    """What a triage looks at. deploys: None for the repository's tags; base: the checkout's files.

    since: how far back changes and lines count; onset: when it began, None to find it. alerts: what fired; where the
    logs do not say when it began, the first of them does. series, seen: what other sources said; notes: on asking them.
    """

    logs: Mapping[str, Log]
    deploys: tuple[Deploy, ...] | None = ()
    history: History | None = None
    base: Path | None = None
    topology: Topology = field(default_factory=Topology)
    runbooks: Path | None = None
    since: int | None = None
    onset: int | None = None
    alerts: tuple[Alert, ...] = ()
    series: tuple[Series, ...] = ()
    seen: tuple[Seen, ...] = ()
    notes: tuple[str, ...] = ()


async def triage(incident: Incident) -> Note:
    """The note, its citations checked. Raises ToolError."""
    ledger = Ledger()
    note, onset = await _from_logs(incident, ledger)
    return checked(with_figures(note, looked(incident.seen, incident.series, onset, ledger), ledger))


async def _from_logs(incident: Incident, ledger: Ledger) -> tuple[Note, int]:
    """The note on logs, alerts, deploys and the history, and the onset; -1 where nothing began."""
    notes = _notes(incident)
    deploys = incident.deploys
    if deploys is None:
        deploys = await _unrecorded(incident.history, notes) if incident.history else ()
    spans = [log.span() for log in incident.logs.values()]
    end = max((last for _, last in spans), default=-1)
    start = incident.since or min((first for first, _ in spans if first >= 0), default=-1)
    stretches = onsets(incident.logs, incident.since)
    read = {} if stretches else {name: timed(log.index) for name, log in incident.logs.items()}
    slow = _slow(read, (start, end))
    stretches = stretches or {name: each.stretch for name, each in slow.items()}
    found = first_onset(stretches, incident.topology, end - start)
    fired = _fired(incident.alerts, incident.topology, ledger)
    alarmed = min((row.time for row in fired), default=-1)
    onset = incident.onset if incident.onset is not None else found if found >= 0 else alarmed
    live = seen_deploys(deploys, incident.since, max(end, onset), ledger)
    if onset < 0:
        return _quiet(_healthy(incident, ledger, live, notes, (start, end), read=read), fired), onset
    window = Window(since=incident.since, onset=onset)
    fresh = {name: fresh_traces(log, onset, ledger) for name, log in incident.logs.items()}
    seen = tuple(
        said
        for name, log in incident.logs.items()
        for said in (*counted(log, symptoms(log, window, end, ledger), start, end), *raised(name, fresh[name]))
    )
    seen += tuple(slowness(name, each, onset, ledger) for name, each in slow.items())
    if not seen:
        return _quiet(_healthy(incident, ledger, live, notes, (start, end), read=read), fired), onset
    facts = _Found(onset, start, end, stretches, seen, fresh, live, deploys)
    return _with(await _looked_into(incident, ledger, notes, facts), fired), onset


def _slow(read: Mapping[str, Sequence[Timed]], span: tuple[int, int], times: float = TIMES) -> dict[str, Slowed]:
    """Service -> what became slow in it. read: what its lines take, where no errors say when it began."""
    found = {name: slowed(each, *span, times) for name, each in read.items()}
    return {name: each for name, each in found.items() if each is not None}


async def _unrecorded(history: History, notes: list[str]) -> tuple[Deploy, ...]:
    """What went live by tags, or at least what was committed."""
    found = await tagged(history)
    if not found:
        notes.append("no deploys are known, neither from records nor from tags: commits count by when they were made")
    return found or await committed(history)


def _fired(alerts: Sequence[Alert], topology: Topology, ledger: Ledger) -> list[Moment]:
    """Rows of the timeline: the incidents that the alerts make up, each once however many messages came."""
    rows = []
    for each in correlated(alerts, topology):
        titles = ", ".join(each.titles[:3])
        said = f"{titles} ({each.alerts} alerts in {each.messages} messages, {each.firing} firing)"
        seen = ledger.add("alert", f"alerts at {written(each.since)}: {said}", time=each.since)
        where = f" of {', '.join(each.services[:5])}" if each.services else ""
        rows.append(Moment(time=each.since, what=f"Alerts{where}: {said}.", cites=(seen,)))
    return rows


def _with(note: Note, rows: Sequence[Moment]) -> Note:
    return note.model_copy(update={"timeline": tuple(sorted([*note.timeline, *rows], key=lambda row: row.time))})


def _quiet(note: Note, rows: Sequence[Moment]) -> Note:
    """A note of a healthy day; less sure where alerts say otherwise."""
    return _with(note.model_copy(update={"confidence": min(note.confidence, 0.4 if rows else 1.0)}), rows)


@dataclass(frozen=True)
class _Found:
    """What is known before changes are looked at. live: deploys of the time looked at; deploys: all of them."""

    onset: int
    start: int
    end: int
    stretches: Mapping[str, Stretch]
    symptoms: tuple[Symptom, ...]
    fresh: Mapping[str, Sequence[tuple[Trace, str]]]
    live: tuple[Deploy, ...]
    deploys: tuple[Deploy, ...]


def _notes(incident: Incident) -> list[str]:
    read = [
        f"{name}: {said}" for name, log in incident.logs.items() for said in (*log.index.about["notes"], *log.notes)
    ]
    return [*incident.notes, *read]


async def _looked_into(incident: Incident, ledger: Ledger, notes: list[str], found: _Found) -> Note:
    topology = incident.topology
    main = max(found.stretches, key=lambda name: found.stretches[name].score, default="")
    origin = origin_of(found.symptoms, topology, main)
    before = [deploy for deploy in found.live if deploy.time <= found.onset + AFTER_S]
    running = _running([deploy for deploy in found.deploys if deploy.time <= found.onset + AFTER_S], incident.logs)
    mapped = await _mapped(incident, found.fresh, running, ledger, notes)
    changes = await changes_of(incident.history, before, ledger, notes)
    near = tuple(s for s in found.symptoms if connected(origin, s.service, topology)) or found.symptoms
    own = tuple(place for place in mapped if place.service == origin)
    first = _first(near, origin)
    said = [each for each in first if each.service == origin]
    wrote = await writers(incident.history, said, running, ledger) if incident.history and not own else ()
    case = Case(found.onset, max(1, found.onset - found.start), origin, first, (*(own or mapped), *wrote), topology)
    suspects = ranked(changes, case)
    upstream = outside_of(origin, near, topology, incident.logs)
    verdict = judged(case, suspects, upstream)
    times = [each for each in found.symptoms if each.state == "slower"]
    if times:
        verdict = of_times(verdict, times[0], suspects[0] if suspects else None)
    lead = suspects[0] if suspects and verdict.cause in ("change", "config", "dependency") else None
    previous = {deploy.service: deploy.previous for deploy in before if lead and deploy.time == lead.deployed}
    todo = await actions(
        incident.history,
        incident.base,
        lead,
        case.symptoms,
        runbooks=incident.runbooks,
        ledger=ledger,
        running=previous,
        sure=verdict.confidence >= PROBABLE,
    )
    shown = next((place.trace for place in own if place.depth == 0), "")
    trace = mask(nearby(incident.logs, [trace for trace, _ in found.fresh.get(origin, ())], shown))
    return Note(
        cause=verdict.cause, confidence=verdict.confidence, onset=found.onset, service=origin,
        summary=verdict.summary, timeline=_timeline(found, verdict, suspects), suspects=suspects[:SHOWN],
        symptoms=case.symptoms, blast=blast(found.symptoms, origin, topology, _answered(incident, ledger)),
        actions=todo, decide=verdict.decide,
        evidence=ledger.all, reproduction=trace, revision=running.get(origin) or running.get("", ""),
        good=await _before(incident.history, lead, previous), citations="",
        notes=tuple(dict.fromkeys(notes)), begin=found.start, end=found.end,
        hypotheses=explained(case, suspects, verdict, upstream),
    )  # fmt: skip


async def _before(history: History | None, lead: Suspected | None, previous: Mapping[str, str]) -> str:
    """What ran before the suspect change: what its deploy took the place of, else the commit before it; "": unknown."""
    if lead is None:
        return ""
    known = previous.get(lead.service, "")
    if known or history is None or not lead.commit:
        return known
    commits = await history.log(lead.commit, limit=1)
    return next((parent for commit in commits for parent in commit.parents[:1]), "")


def _first(symptoms: Sequence[Symptom], origin: str) -> tuple[Symptom, ...]:
    """Those of the origin first."""
    return tuple(sorted(symptoms, key=lambda each: each.service != origin))


def _running(deploys: Sequence[Deploy], logs: Iterable[str]) -> dict[str, str]:
    """Service, and the names of its logs -> revision that it ran after these deploys."""
    ran = {deploy.service: deploy.revision for deploy in deploys if deploy.revision}
    return {log: revision for log in logs for service, revision in ran.items() if part_of(log, service)} | ran


async def _mapped(
    incident: Incident, fresh: Mapping[str, Sequence[tuple[Trace, str]]], running: Mapping[str, str],
    ledger: Ledger, notes: list[str],
) -> tuple[Place, ...]:  # fmt: skip
    if incident.history is None:
        return ()
    return await places(incident.history, fresh, running, ledger, notes)


def _timeline(found: _Found, verdict: Verdict, suspects: Sequence[Suspected]) -> tuple[Moment, ...]:
    """Deploys, first errors and the onset, in order; deploys after the onset are said to be ruled out."""
    rows: list[Moment] = []
    lead = suspects[0].deployed if suspects and verdict.cause in ("change", "config", "dependency") else None
    for deploy in found.live:
        late = deploy.time > found.onset + AFTER_S
        said = " (after the onset: not the cause)" if late else " (suspect)" if deploy.time == lead else ""
        what = f"Deploy of {deploy.service or 'all services'} {deploy.revision[:12] or mask(deploy.note)[:60]}{said}."
        if not deploy.live:
            what = f"Commit {deploy.revision[:12]}{said}."
        rows.append(Moment(time=deploy.time, what=what, cites=(deploy.evidence,)))
    for symptom in found.symptoms[:12]:
        what = f"{symptom.service}: first `{symptom.text[:100]}`."
        if symptom.state != "new":
            what = f"{symptom.service}: `{symptom.text[:100]}` ({symptom.state})."
        moment = symptom.first if symptom.state != "more" else max(symptom.first, found.onset)
        rows.append(Moment(time=moment, what=what, cites=(symptom.evidence,)))
    onset = Moment(time=found.onset, what="The onset.", cites=(found.symptoms[0].evidence,))
    return tuple(sorted([*rows, onset], key=lambda row: row.time))


def _answered(incident: Incident, ledger: Ledger) -> tuple[Sentence, ...]:
    """Which share of requests failed, by service, where its lines tell statuses."""
    read = {name: requests(log.index, incident.since) for name, log in incident.logs.items()}
    return tuple(said for name, each in read.items() if each is not None for said in told(name, each, ledger))


def _fine(lines: int, somewhat: Sequence[Symptom]) -> float:
    """How sure it is that nothing happened. somewhat: what takes a little longer."""
    return 0.4 if somewhat else 0.8 if lines >= 100 else 0.5


def _longer(symptom: Symptom) -> Sentence:
    text = f"From {written(symptom.first)} on {symptom.service} takes somewhat longer: `{symptom.text[:160]}`."
    return Sentence(text=text, cites=(symptom.evidence,))


def _constant(logs: Mapping[str, Log], ledger: Ledger) -> tuple[str, ...]:
    """Evidence of services of whose lines many are errors, all the time that is looked at."""
    found = []
    for name, log in logs.items():
        errors = len(log.times(BAD))
        if errors >= CONSTANT and errors >= CONSTANT_SHARE * log.index.lines:
            said = f"{name}: {errors} of {log.index.lines} lines are errors, from the start"
            found.append(ledger.add("log", said, where=log.index.sources[0].path))
    return tuple(found)


def _healthy(
    incident: Incident, ledger: Ledger, live: Sequence[Deploy], notes: list[str], span: tuple[int, int], *,
    read: Mapping[str, Sequence[Timed]],
) -> Note:  # fmt: skip
    """Nothing stands out: what was looked at is the evidence. Few lines or no times make it less sure.

    read: what its lines take.
    """
    lines = sum(log.index.lines for log in incident.logs.values())
    dated = span[1] >= 0
    cause = "healthy" if dated else "inconclusive"
    looked = [
        ledger.add("log", f"{name}: {log.index.lines} lines, no stretch with many more errors or warnings than usual",
                   where=log.index.sources[0].path)
        for name, log in incident.logs.items()
    ]  # fmt: skip
    text = f"Nothing happened: from {written(span[0])} to {written(span[1])} no service's errors stand out."
    decide: tuple[Sentence, ...] = ()
    if dated and (constant := _constant(incident.logs, ledger)):
        cause = "inconclusive"
        text = "Errors come all the time, no more often than at the start: it may have begun before these logs do."
        decide = (Sentence(text="To decide, give logs of the time before, or say when it began.", cites=constant),)
        looked += constant
    if not dated:
        text = "No line has a time that is understood: what changed when cannot be said."
        decide = (
            Sentence(text="To decide, give logs with times, or --zone where they have none.", cites=(looked[0],)),
        )
    mild = _slow(read, span, MILD) if cause == "healthy" else {}
    somewhat = tuple(slowness(name, each, each.stretch.start, ledger) for name, each in mild.items())
    rows = [
        Moment(time=d.time, what=f"Deploy of {d.service or 'all services'} {d.revision[:12]}.", cites=(d.evidence,))
        for d in live if d.live
    ]  # fmt: skip
    return Note(
        cause="healthy" if cause == "healthy" else "inconclusive",
        confidence=_fine(lines, somewhat) if cause == "healthy" else 0.0, onset=-1, service="",
        summary=(Sentence(text=text, cites=tuple(looked)), *map(_longer, somewhat), *_answered(incident, ledger)),
        timeline=tuple(rows),
        suspects=(), symptoms=(), blast=(), actions=(), decide=decide, evidence=ledger.all, reproduction="",
        revision="", good="", citations="",
        notes=tuple(dict.fromkeys(notes)), begin=span[0], end=span[1],
    )  # fmt: skip
