"""When it began: the stretch of time in which errors come far more often than outside it.

A scan statistic (Kulldorff 1997): of all stretches between two events, the one with the largest Poisson log-likelihood
ratio against one constant rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SURE = 9.0  # log-likelihood ratio from which a stretch is no chance
TIMES = 3.0  # and how often the rate outside it
LEAST = 3  # events in it
_PLACES = 300  # events between which stretches are looked for


@dataclass(frozen=True)
class Stretch:
    """[start, end) in seconds since 1970; inside, outside: events a minute; score: log-likelihood ratio."""

    start: int
    end: int
    inside: float
    outside: float
    score: float


def stretch(times: Sequence[int], start: int, end: int) -> Stretch | None:
    """The stretch of [start, end) with the most events for its length; None where nothing stands out."""
    events = np.sort(np.array([time for time in times if start <= time < end], dtype=np.float64))
    total, span = len(events), float(end - start)
    if total < LEAST or span < 2:
        return None
    places = np.unique(np.linspace(0, total - 1, min(total, _PLACES)).astype(int))
    first, last = np.meshgrid(places, places, indexing="ij")
    ahead = (last >= first) & (first == np.searchsorted(events, events)[first])
    first, last = first[ahead], last[ahead]
    counts = (np.searchsorted(events, events[last], side="right") - first).astype(float)
    lengths = np.minimum(np.maximum(events[last] - events[first] + 1, 1.0), span - 1)
    scores = _ratio(counts, lengths, total, span)
    rates = counts / lengths, (total - counts) / (span - lengths)
    fitting = (counts >= LEAST) & (rates[0] >= TIMES * rates[1])
    if not fitting.any():
        return None
    scores[~fitting] = -1
    best = int(scores.argmax())
    if scores[best] < SURE:
        return None
    return Stretch(
        start=int(events[first[best]]), end=int(events[last[best]]) + 1, inside=round(60 * float(rates[0][best]), 3),
        outside=round(60 * float(rates[1][best]), 3), score=round(float(scores[best]), 1),
    )  # fmt: skip


def _ratio(counts: np.ndarray, lengths: np.ndarray, total: int, span: float) -> np.ndarray:
    expected = total * lengths / span
    rest = total - counts
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = counts * np.log(counts / expected)
        outside = np.where(rest > 0, rest * np.log(rest / (total - expected)), 0.0)
    ratio: np.ndarray = inside + outside
    return ratio
