"""What sources beside the logs were asked and said: evidence that a query shows again, and figures around the onset.

A figure is compared by medians before and after the onset, in units of the usual spread before it (the median absolute
deviation), so that single outliers decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tools.git import plain
from tools.oplogs.asking import written
from tools.oplogs.masking import mask
from tools.triage.ledger import Ledger
from tools.triage.values import Kind, Moment, Note, Sentence

SERVICES = (
    "service", "service_name", "app", "app_kubernetes_io_name", "application", "container", "container_name", "job",
    "component", "project",
)  # fmt: skip
LEAST = 4  # points on each side
SURE = 6.0  # usual spreads between the medians
TIMES = 1.5  # and the larger of them is that many times the smaller
_FLOOR = 0.02  # the spread is at least that part of the median: a constant has none
MOST = 12  # figures in the timeline
Worse = Literal["up", "down", "any"]


@dataclass(frozen=True)
class Seen:
    """An observation of another source. time: -1 unknown; query: what shows it again."""

    kind: Kind
    summary: str
    time: int = -1
    where: str = ""
    query: str = ""


@dataclass(frozen=True)
class Series:
    """A figure over time. times: seconds since 1970, ascending; worse: the direction that is bad."""

    service: str
    name: str
    times: tuple[int, ...]
    values: tuple[float, ...]
    worse: Worse = "any"
    where: str = ""
    query: str = ""


@dataclass(frozen=True)
class Shift:
    """A figure that is another since the onset. before, after: medians; spreads: between them; time: of the first."""

    series: Series
    before: float
    after: float
    spreads: float
    time: int


def service_of(labels: Mapping[str, str]) -> str:
    """The service that labels name, "" for none."""
    return next((plain(labels[name], 100) for name in SERVICES if labels.get(name)), "")


def shift(series: Series, onset: int) -> Shift | None:
    """How a figure changed at the onset; None where it did not, or not for the worse."""
    times, values = np.array(series.times, dtype=np.int64), np.array(series.values, dtype=np.float64)
    known = np.isfinite(values)
    times, values = times[known], values[known]
    before, after = values[times < onset], values[times >= onset]
    if len(before) < LEAST or len(after) < LEAST:
        return None
    usual = float(np.median(before))
    spread = max(1.4826 * float(np.median(np.abs(before - usual))), _FLOOR * abs(usual), _FLOOR * float(np.ptp(values)))
    turned = times >= onset
    far = turned & (np.abs(values - usual) > SURE * spread)
    now = float(np.median(after))
    if not _worse(series.worse, usual, now) or abs(now - usual) <= SURE * spread or not far.any():
        return None
    low, high = sorted((abs(usual), abs(now)))
    if low * now * usual > 0 and high < TIMES * low:
        return None
    return Shift(series, usual, now, round(abs(now - usual) / spread, 1) if spread else 0.0, int(times[far][0]))


def _worse(worse: Worse, before: float, after: float) -> bool:
    return before != after and (worse == "any" or (after > before) == (worse == "up"))


@dataclass(frozen=True)
class Looked:
    """What all sources said. shifts: rows of the timeline, each citing its evidence."""

    shifts: tuple[Moment, ...] = ()
    cites: tuple[str, ...] = ()


def looked(seen: Sequence[Seen], series: Sequence[Series], onset: int, ledger: Ledger) -> Looked:
    """Put into the ledger what was seen, and the figures; those that changed at the onset come first."""
    for one in seen:
        ledger.add(one.kind, mask(one.summary), time=one.time, where=one.where, query=one.query)
    found = [changed for each in series if onset >= 0 and (changed := shift(each, onset))]
    found.sort(key=lambda each: -each.spreads)
    rows: list[Moment] = []
    for each in found[:MOST]:
        said = f"{_named(each.series)}: {each.before:.4g} before the onset, {each.after:.4g} after it"
        cite = ledger.add("metric", said, time=each.time, where=each.series.where, query=each.series.query)
        rows.append(Moment(time=each.time, what=f"{said}.", cites=(cite,)))
    for usual in _usual(series, {each.series for each in found}):
        said = f"{_named(usual)}: nothing stands out in {len(usual.times)} points, median {_median(usual):.4g}"
        ledger.add("metric", said, where=usual.where, query=usual.query)
    return Looked(tuple(rows), tuple(row.cites[0] for row in rows))


def with_figures(note: Note, found: Looked, ledger: Ledger) -> Note:
    """The note with the figures in its timeline; where logs showed nothing, figures that changed leave it open."""
    rows = tuple(sorted([*note.timeline, *found.shifts], key=lambda row: row.time))
    made = note.model_copy(update={"timeline": rows, "evidence": ledger.all})
    if not found.shifts or note.cause != "healthy":
        return made
    text = f"The logs show nothing that stands out, but {len(found.shifts)} figures are others since the onset."
    first = min(row.time for row in found.shifts)
    decide = f"To decide, look at the logs of these services around {written(first)}."
    return made.model_copy(
        update={
            "cause": "inconclusive",
            "confidence": 0.0,
            "summary": (Sentence(text=text, cites=found.cites),),
            "decide": (Sentence(text=decide, cites=found.cites),),
        }
    )


def _named(series: Series) -> str:
    return mask(plain(f"{series.service}: {series.name}" if series.service else series.name, 200))


def _usual(series: Sequence[Series], changed: set[Series]) -> list[Series]:
    """Figures with something to say beside those that changed."""
    return [each for each in series if each not in changed and np.isfinite(each.values).any()][:MOST]


def _median(series: Series) -> float:
    values = np.array(series.values, dtype=np.float64)
    return float(np.median(values[np.isfinite(values)]))
