"""What each service's log says: when its errors came, and what is new, more, or no longer written since the onset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.oplogs.asking import written
from tools.oplogs.index import Index
from tools.oplogs.masking import mask
from tools.oplogs.rates import Rate, Window, activity
from tools.oplogs.traces import START, Trace, kind_of
from tools.triage.hints import hints_of
from tools.triage.ledger import Ledger
from tools.triage.onset import SURE, Stretch, beyond, more_often, stretch
from tools.triage.values import Symptom

_SETTINGS = re.compile(r"(?:settings|config|conf)\w*\.\w+:\d+")
BAD = ("error", "fatal")
WORK = ("info", "debug")  # levels of lines that tell of work done
SURER = SURE + 3  # of warnings alone: services have them on good days too
NEWS = 0.01  # that a template which was always there is first seen so late
LED_UP = 0.3  # of the time before a stretch, in which all earlier lines of its main template have to fall
LEAST_WORK = 60  # of them, from which on they can be a measure
SLACK_S, MAX_SLACK_S = 2, 60  # a crash may come that long before callers notice; its lines have no time of their own
MOST = 12  # symptoms of a service
CODE = 3  # lines of code of a traceback
CHANCE = 0.3  # that a new error is none, up to which it counts; of a warning a tenth of it
PARTS = 60  # of the time looked at, in which lines are counted
SILENT, USUAL = 6.0, 0.98  # gaps as long as this quantile of those before, after which a service is silent


@dataclass(frozen=True)
class Log:
    """A service's log. notes: on how it was read, beyond those of the index."""

    service: str
    index: Index
    notes: tuple[str, ...] = ()

    def times(self, levels: tuple[str, ...]) -> list[int]:
        """When lines of these levels were written, and stack traces."""
        wanted = {
            template.number for template in self.index.templates()
            if template.level in levels or (levels == BAD and kind_of(template.text) == START)
        }  # fmt: skip
        ids = np.array(sorted(wanted), dtype=np.int64)
        found: list[int] = []
        for numbers, times in self.index.activity():
            fitting = np.isin(numbers, ids) & (times >= 0)
            found += times[fitting].tolist()
        return found

    def span(self) -> tuple[int, int]:
        """From its first to after its last time; (-1, -1) without times."""
        blocks = [block for block in self.index.blocks() if block.latest >= 0]
        if not blocks:
            return -1, -1
        return min(block.earliest for block in blocks if block.earliest >= 0), max(b.latest for b in blocks) + 1


def onsets(logs: Mapping[str, Log], since: int | None) -> dict[str, Stretch]:
    """Where each service's errors (without any, its warnings) began to come far more often."""
    spans = [log.span() for log in logs.values()]
    start = min((first for first, _ in spans if first >= 0), default=-1)
    end = max((last for _, last in spans), default=-1)
    found: dict[str, Stretch] = {}
    for name, log in logs.items():
        for levels in (BAD, ("warning",)):
            begin = max(start, since or start)
            seen = _stretch(log, levels, begin, end)
            if seen:
                found[name] = replace(seen, start=_sharper(log, levels, seen, begin))
                break
    return found


def _stretch(log: Log, levels: tuple[str, ...], start: int, end: int) -> Stretch | None:
    """Where lines of these levels came more often: by the clock, and also for as much work as was done then.

    Work is the other lines of the log. More customers make more errors; that alone is no onset.
    """
    times = [time for time in log.times(levels) if start <= time < end]
    sure = SURE if levels == BAD else SURER
    seen = stretch(times, start, end, sure)
    work = np.sort(np.array([time for time in log.times(WORK) if start <= time < end], dtype=np.int64))
    if len(work) < LEAST_WORK:
        return seen
    if seen is not None and (beyond(times, work, seen) or _newcomer(log, levels, work)):
        return seen
    found = _by_work(times, work, sure)
    if seen is None and found is not None and not more_often(times, found, end - start):
        return None
    return found


def _by_work(times: Sequence[int], work: NDArray[np.int64], sure: float) -> Stretch | None:
    """The stretch with the most lines for the work done in it: few lines are many where no work is done any more."""
    done = np.searchsorted(work, np.array(times, dtype=np.int64))
    seen = stretch(done.tolist(), 0, len(work) + 1, sure)
    if seen is None:
        return None
    inside = [time for time, place in zip(times, done, strict=True) if seen.start <= place < seen.end]
    return replace(seen, start=min(inside), end=max(inside) + 1)


def _newcomer(log: Log, levels: tuple[str, ...], work: NDArray[np.int64]) -> bool:
    """Whether a template of these levels is missing in so much of the work before its first line that it is new."""
    wanted = [template.number for template in log.index.templates() if template.level in levels]
    found: dict[int, list[int]] = {number: [] for number in wanted}
    for numbers, times in log.index.activity():
        for number in wanted:
            found[number] += times[(numbers == number) & (times >= 0)].tolist()
    shares = (
        (1 - np.searchsorted(work, min(several)) / len(work), len(several)) for several in found.values() if several
    )
    return any(share**count < NEWS for share, count in shares)


def _sharper(log: Log, levels: tuple[str, ...], seen: Stretch, begin: int) -> int:
    """The start of a stretch by its most frequent template alone: usual errors shortly before it do not count.

    begin: from when on lines count.
    """
    window = Window(since=seen.start, until=seen.end)
    rates = [rate for rate in activity(log.index, window).rates if rate.template.level in levels]
    most = max(rates, key=lambda rate: rate.lines, default=None)
    if most is None or most.lines < sum(rate.lines for rate in rates) / 2:
        return seen.start
    return _led_up(log, most.template.number, begin, max(seen.start, most.first))


def _led_up(log: Log, template: int, begin: int, start: int) -> int:
    """The first line of the stretch's main template, where those before the stretch came too close to it for chance."""
    times = np.concatenate([at[ids == template] for ids, at in log.index.activity()])
    begin = max(begin, log.span()[0])
    ahead = times[(times >= begin) & (times < start)]
    if not len(ahead) or start <= begin:
        return start
    first = int(ahead.min())
    share = (start - first) / (start - begin)
    return first if share < LED_UP and share ** len(ahead) < NEWS else start


def symptoms(log: Log, window: Window, end: int, ledger: Ledger) -> tuple[Symptom, ...]:
    """What is new or more among a service's errors and warnings since the onset, and whether it fell silent."""
    seen = activity(log.index, window)
    share = (seen.until - (window.onset or seen.until)) / max(1, seen.until - seen.since)
    found = [
        _symptom(log, rate, ledger)
        for rate in seen.rates
        if rate.template.level in (*BAD, "warning") and _worse(rate, window, share)
    ]
    found.sort(key=lambda each: (each.level == "warning", each.state != "new", -each.after))
    silent = _silent(log, window, end, ledger)
    return tuple([*([silent] if silent else []), *found][:MOST])


def counted(log: Log, seen: Sequence[Symptom], start: int, end: int) -> tuple[Symptom, ...]:
    """A service's symptoms with their lines in each of PARTS parts of [start, end)."""
    numbers = {template.id: template.number for template in log.index.templates()}
    wanted = {numbers[each.template]: each.template for each in seen if each.template in numbers}
    if not wanted or end <= start:
        return tuple(seen)
    edges = np.linspace(start, end, PARTS + 1)
    counts = {name: np.zeros(PARTS, dtype=np.int64) for name in wanted.values()}
    for ids, times in log.index.activity():
        for number, name in wanted.items():
            counts[name] += np.histogram(times[ids == number], bins=edges)[0]
    return tuple(
        each.model_copy(update={"counts": tuple(counts[each.template].tolist())}) if each.template in counts else each
        for each in seen
    )


def _worse(rate: Rate, window: Window, share: float) -> bool:
    """share: of the time looked at that is after the onset; a new template's lines may all fall there by chance."""
    if window.onset is None or rate.last < window.onset:
        return False
    if rate.before:
        return rate.state == "more"
    return share**rate.after < (CHANCE if rate.template.level in BAD else CHANCE / 10)


def _symptom(log: Log, rate: Rate, ledger: Ledger) -> Symptom:
    template = rate.template
    state = "new" if not rate.before else "more"
    text, example = mask(template.text), mask(template.example)
    summary = f"{log.service}: {state} {template.level} `{text[:160]}`: {rate.before} lines before, {rate.after} after"
    seen = ledger.add(
        "log", summary, time=rate.first, where=f"{template.file}:{template.line}",
        query=f"patchwright logs {template.file} --template {template.id}",
    )  # fmt: skip
    return Symptom(
        service=log.service, template=template.id, text=text, example=example, level=template.level,
        state="new" if state == "new" else "more", before=rate.before, after=rate.after, first=rate.first,
        evidence=seen, hints=hints_of(f"{text}\n{example}"),
    )  # fmt: skip


def _silent(log: Log, window: Window, end: int, ledger: Ledger) -> Symptom | None:
    """A service that stopped writing long before the others did."""
    times = np.concatenate([times for _, times in log.index.activity()] or [np.zeros(0, dtype=np.int64)])
    times = np.sort(times[times >= 0])
    if window.onset is None or len(times) < 10:
        return None
    usual = float(np.quantile(np.diff(times), USUAL))
    last = int(times[-1])
    if end - last <= max(SILENT * usual, 60) or last < window.onset - max(60, SILENT * usual):
        return None
    summary = f"{log.service}: nothing was written after {written(last)}; before, few gaps were longer than {usual:g} s"
    seen = ledger.add("log", summary, time=last, where=log.index.sources[0].path)
    return Symptom(
        service=log.service, template="", text="stopped writing", example="", level="error", state="silent",
        before=len(times), after=0, first=last, evidence=seen,
    )  # fmt: skip


def raised(service: str, fresh: Sequence[tuple[Trace, str]]) -> tuple[Symptom, ...]:
    """What new stack traces end in, as symptoms of their own: often the only words that name the cause."""
    found = []
    for trace, seen in fresh:
        text = mask(f"{trace.exception}: {trace.message}").strip(": ")[:500]
        found.append(
            Symptom(
                service=service, template="", text=text, example=_code(trace), level="error", state="new", before=0,
                after=trace.count, first=trace.first, evidence=seen, hints=_hinted(trace, text),
            )
        )  # fmt: skip
    return tuple(found)


def _hinted(trace: Trace, text: str) -> tuple[str, ...]:
    """What the words name; data that cannot be read where settings are read are settings."""
    hints = hints_of(text)
    reading = any(_SETTINGS.search(frame) for frame in trace.frames)
    return (*hints, "config") if reading and "data" in hints else hints


def _code(trace: Trace) -> str:
    """The lines of code that Python's traceback shows, of the innermost frames: they use the names that matter."""
    rows = [row.strip() for row in trace.text.splitlines() if row.startswith("    ") and row.strip(" ^~")]
    return mask("\n".join(rows[-CODE:])) if trace.language == "python" else ""


def fresh_traces(log: Log, onset: int, ledger: Ledger) -> tuple[tuple[Trace, str], ...]:
    """Stack traces first seen at or after the onset, the most frequent first, each with its evidence.

    Of a service that had stopped writing by then, those that are the last thing it wrote.
    """
    start, end = log.span()
    slack = max(SLACK_S, min(MAX_SLACK_S, (end - start) // 8))
    found: list[tuple[Trace, str]] = []
    for trace in log.index.traces():
        if trace.first >= min(onset - slack, end - 1) or trace.first < 0:
            said = f"{trace.exception}: {mask(trace.message)[:160]}".strip(": ")
            summary = f"{log.service}: stack trace {trace.fingerprint}, {trace.count} times since the onset: {said}"
            seen = ledger.add("trace", summary, time=trace.first, where=f"{trace.file}:{trace.line}")
            found.append((trace, seen))
    return tuple(found[:MOST])
