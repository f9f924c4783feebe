"""Durations that lines tell (access logs, `took 12 ms`, `elapsed=0.3`): where a service began to answer slowly.

A line is slow when it takes several times what the quicker part of its template takes. Slow lines are events like
errors: the stretch with most of them is found in the same way, but among the template's lines in the place of time
(slow services answer fewer requests).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from tools.oplogs.index import Block, Ids, Index, Template
from tools.oplogs.masking import mask
from tools.oplogs.windows import line_of, newlines
from tools.triage.ledger import Ledger
from tools.triage.onset import Stretch, stretch
from tools.triage.values import Symptom

TEMPLATES, LINES, BLOCKS, PER_BLOCK = (
    8,
    40,
    200,
    400,
)  # the most frequent; lines of one; blocks read; lines of one there
QUICK, TIMES, LEAST_S = 0.25, 4.0, 0.03  # quantile; how much longer is slow; seconds longer
MILD = 2.0  # how much longer makes a healthy day less sure
SLOW, OFTEN, SURE = 8, 0.2, 10.0  # slow lines of a stretch; their share of its lines; log-likelihood ratio
_UNITS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "msec": 1e-3, "milliseconds": 1e-3, "s": 1.0, "sec": 1.0,
    "secs": 1.0, "seconds": 1.0,
}  # fmt: skip
_UNIT = "ns|us|µs|msec|ms|milliseconds|seconds|secs|sec|s"
_NUMBER = r"(?P<number>\d{1,9}(?:\.\d{1,9})?)"
_FORMS = (
    re.compile(
        r"(?i)(?:duration|elapsed|latency|(?:request|response|resp|total|processing)[_-]?time|time[_-]?taken|took|\bdur|\brt)"
        rf"(?:[_-]?(?P<named>ms|us|ns|sec|seconds|s))?[\"']?(?:\s{{0,2}}[=:]\s{{0,2}}|\s)[\"']?{_NUMBER}\s?(?P<unit>{_UNIT})?\b"
    ),
    re.compile(rf"(?<![\w.:/-]){_NUMBER}\s?(?P<unit>{_UNIT})(?![\w/])"),
    re.compile(r"HTTP/\d(?:\.\d)?\"? \d{3} .*[ \"](?P<number>\d{1,6}\.\d{3,9})\"?\s*$"),
)


@dataclass(frozen=True)
class Timed:
    """What the lines of a template take. times: seconds since 1970, in order; seconds: of each."""

    template: Template
    times: NDArray[np.int64]
    seconds: NDArray[np.float64]


@dataclass(frozen=True)
class Slowed:
    """A template of which many lines became slow.

    at: times of the slow ones; usual, now: seconds, medians of other lines and of the slow ones in the stretch.
    """

    template: Template
    stretch: Stretch
    at: tuple[int, ...]
    usual: float
    now: float


def slowed(read: Iterable[Timed], begin: int, end: int, times: float = TIMES) -> Slowed | None:
    """The template of a log that became slow most clearly within [begin, end); None where none did.

    read: what `timed` found in the log; times: how much longer than usual is slow.
    """
    found = [one for each in read if (one := _slowed(each, begin, end, times))]
    return max(found, key=lambda each: each.stretch.score, default=None)


def slowness(service: str, found: Slowed, onset: int, ledger: Ledger) -> Symptom:
    """That its lines take longer, as a symptom."""
    template = found.template
    text, example = mask(template.text), mask(template.example)
    inside = sum(found.stretch.start <= time < found.stretch.end for time in found.at)
    told = f"{inside} take {_told(found.now)}, usual are {_told(found.usual)}"
    seen = ledger.add(
        "log", f"{service}: `{text[:160]}` {told} since the onset", time=found.stretch.start,
        where=f"{template.file}:{template.line}", query=f"patchwright logs {template.file} --template {template.id}",
    )  # fmt: skip
    after = sum(time >= onset for time in found.at)
    return Symptom(
        service=service, template=template.id, text=f"{text} ({told})", example=example, level="warning",
        state="slower", before=len(found.at) - after, after=after, first=found.stretch.start, evidence=seen,
        hints=("slow",),
    )  # fmt: skip


def timed(index: Index) -> list[Timed]:
    """The most frequent templates whose lines tell durations, with those of a sample of their lines."""
    forms: dict[int, tuple[Template, re.Pattern[str]]] = {}
    for template in index.templates():
        if template.lines < LINES or len(forms) == TEMPLATES:
            break  # the most frequent come first
        form = next((form for form in _FORMS if form.search(template.example)), None)
        if form is not None:
            forms[template.number] = template, form
    if not forms:
        return []
    read: dict[int, list[tuple[int, float]]] = {number: [] for number in forms}
    templates = index.template_of_shape()
    for block in _sampled(index.blocks()):
        for number, time, line in _lines(index, block, templates[index.shapes(block)], forms):
            told = _seconds(forms[number][1], line)
            if told is not None:
                read[number].append((time, told))
    return [_timed(forms[number][0], rows) for number, rows in read.items() if len(rows) >= LINES]


def _timed(template: Template, rows: list[tuple[int, float]]) -> Timed:
    rows.sort(key=itemgetter(0))  # lines of a second stay as they were written
    return Timed(template, np.array([at for at, _ in rows]), np.array([seconds for _, seconds in rows]))


def _sampled(blocks: list[Block]) -> list[Block]:
    if len(blocks) <= BLOCKS:
        return blocks
    return [blocks[place] for place in np.linspace(0, len(blocks) - 1, BLOCKS).astype(int).tolist()]


def _lines(index: Index, block: Block, numbers: Ids, wanted: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """(template, time, text) of lines in a block that have a time, at most PER_BLOCK of each wanted template.

    numbers: the template of each of its lines.
    """
    times = index.times(block)
    chosen = {number: np.flatnonzero((numbers == number) & (times >= 0)) for number in wanted}
    if not any(len(places) for places in chosen.values()):
        return
    text = index.text(block)
    ends = newlines(text)
    for number, places in chosen.items():
        step = max(1, math.ceil(len(places) / PER_BLOCK))
        for place in places[::step].tolist():
            yield number, int(times[place]), line_of(text, ends, place)


def _seconds(form: re.Pattern[str], line: str) -> float | None:
    found = form.search(line[-4_000:])
    if found is None:
        return None
    parts = found.groupdict()
    unit = parts.get("unit") or parts.get("named") or ("s" if "." in found["number"] else "ms")
    return float(found["number"]) * _UNITS[unit.lower()]


def _slowed(each: Timed, begin: int, end: int, longer: float) -> Slowed | None:
    inside = (each.times >= begin) & (each.times < end)
    times, seconds = each.times[inside], each.seconds[inside]
    if len(times) < LINES:
        return None
    quick = float(np.quantile(seconds, QUICK))
    slow = seconds > max(longer * quick, quick + LEAST_S)
    work = stretch(np.flatnonzero(slow).tolist(), 0, len(times) + 1, SURE)
    if work is None:
        return None
    there = np.zeros(len(times), dtype=bool)
    there[work.start : work.end] = True
    if int((there & slow).sum()) < max(SLOW, OFTEN * int(there.sum())) or there.all():
        return None
    seen = replace(work, start=int(times[there][0]), end=int(times[there][-1]) + 1)
    usual, now = float(np.median(seconds[~there])), float(np.median(seconds[there & slow]))
    return Slowed(each.template, seen, tuple(times[slow].tolist()), usual, now)


def _told(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
