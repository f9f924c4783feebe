"""When it began: the stretch of time in which errors come far more often than outside it.

A scan statistic (Kulldorff 1997): of all stretches between two events, the one with the largest Poisson log-likelihood
ratio against one constant rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SURE = 5.0  # log-likelihood ratio from which a stretch is no chance, beyond the logarithm of how many are compared
SHORTEST = 200  # part of the time below which stretches count as that long: retries come in clusters
TIMES = 3.0  # and how often the rate outside it
MORE = 2.0  # and how often for as much work
LEAST = 3  # events in it
_PLACES = 300  # events between which stretches are looked for
Numbers = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """[start, end) in seconds since 1970; inside, outside: events a minute; score: log-likelihood ratio."""

    start: int
    end: int
    inside: float
    outside: float
    score: float


def stretch(times: Sequence[int], start: int, end: int, sure: float = SURE) -> Stretch | None:
    """The stretch of [start, end) with the most events for its length; None where nothing stands out."""
    events = np.sort(np.array([time for time in times if start <= time < end], dtype=np.float64))
    total, span = len(events), float(end - start)
    if total < LEAST or span < 2:
        return None
    lasts = np.unique(np.linspace(0, total - 1, min(total, _PLACES)).astype(int))
    places = np.unique(np.searchsorted(events, events[lasts]))
    best = _best(events, places, lasts, span)
    if best is None or best[2] < sure + np.log(max(1.0, len(places) * (len(places) - 1) / 2)):
        return None
    before = places[max(0, int(np.searchsorted(places, best[0])) - 1)]
    best = _best(events, np.arange(before, best[0] + 1), np.array([best[1]]), span) or best
    first, last, score = best
    length = max(events[last] - events[first] + 1, 1.0)
    count = last - first + 1
    return Stretch(
        start=int(events[first]), end=int(events[last]) + 1, inside=round(60 * count / length, 3),
        outside=round(60 * (total - count) / max(1.0, span - length), 3), score=round(score, 1),
    )  # fmt: skip


def beyond(times: Sequence[int], work: Places, seen: Stretch) -> bool:
    """Whether a stretch has more events than its share of the work explains.

    work: when pieces of it were done, in order. The test is the stretch's own, with work in the place of time.
    """
    events = np.array(times, dtype=np.int64)
    inside = float(((events >= seen.start) & (events < seen.end)).sum())
    done = float(np.searchsorted(work, seen.end) - np.searchsorted(work, seen.start)) + 1.0
    total = len(work) + 2.0
    if inside / done < MORE * (len(events) - inside + 0.5) / (total - done):
        return False
    ratio = _ratio(np.array([inside]), np.array([done]), len(events), total)
    return bool(ratio[0] >= SURE)


def more_often(times: Sequence[int], seen: Stretch, span: float) -> bool:
    """Whether events came more often by the clock in a stretch that was found otherwise. span: seconds looked at."""
    inside = float(sum(seen.start <= time < seen.end for time in times))
    length = float(min(max(seen.end - seen.start, 1), span - 1))
    if inside / length < TIMES * (len(times) - inside) / (span - length):
        return False
    return bool(_ratio(np.array([inside]), np.array([length]), len(times), span)[0] >= SURE)


def _best(events: Numbers, firsts: Places, lasts: Places, span: float) -> tuple[int, int, float] | None:
    """The first and last event of the best stretch between some of the events, and its score."""
    first, last = np.meshgrid(firsts, lasts, indexing="ij")
    ahead = (last >= first) & (np.searchsorted(events, events[first]) == first)  # all events of a second, or none
    first, last = first[ahead], last[ahead]
    counts = np.searchsorted(events, events[last], side="right") - first
    lengths = np.minimum(np.maximum(events[last] - events[first] + 1, max(5.0, span / SHORTEST)), span - 1)
    scores = _ratio(counts.astype(float), lengths, len(events), span)
    fitting = (counts >= LEAST) & (counts / lengths >= TIMES * (len(events) - counts) / (span - lengths))
    if not fitting.any():
        return None
    best = int(np.where(fitting, scores, -1.0).argmax())
    return int(first[best]), int(np.searchsorted(events, events[last[best]], side="right")) - 1, float(scores[best])


def _ratio(counts: Numbers, lengths: Numbers, total: int, span: float) -> Numbers:
    expected = total * lengths / span
    rest = total - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = counts * np.log(counts / expected)
        outside = np.where(rest > 0, rest * np.log(rest / (total - expected)), 0.0)
    ratio: Numbers = inside + outside
    return ratio
