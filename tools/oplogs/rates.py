"""What changed at the onset: rates of templates before and after, new and vanished ones, bursts.

Rates are compared by the two-sample Poisson test on square roots (Gu et al. 2008), at a level of 1 % shared by all
templates (Bonferroni); bursts are stretches whose count has a modified z-score (median and MAD, Iglewicz and Hoaglin
1993) above SHARP.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.oplogs.index import Ids, Index, Template, Times
from tools.values import Value

State = Literal["new", "vanished", "more", "less", "same", "unknown"]
LEVEL = 0.01  # of calling any rate another one by chance
TWICE = 2.0  # and by what factor it has to differ
SHARP = 6.0
LEAST = 10  # lines in a bucket that make a burst
BUCKETS = 720
MANY = 2_000  # templates, the most frequent, in which bursts are looked for
_NEVER = 1 << 62
Counts = NDArray[np.int64]


class Rate(Value):
    """How often a template is written. before, after: lines on each side of the onset; rates are lines per minute.

    state: "unknown" without an onset or without lines on both sides of it; score: standard errors of the difference.
    first, last: seconds since 1970, -1 unknown.
    """

    template: Template
    lines: int
    before: int
    after: int
    rate_before: float
    rate_after: float
    state: State
    score: float
    first: int
    last: int


class Burst(Value):
    """A stretch of time in which a template is written far more often than usual (the median per bucket)."""

    template: str
    start: int
    end: int
    lines: int
    usual: float
    score: float


class Activity(Value):
    """The answer about [since, until). rates: changed ones first, by score, then by lines; times -1: unknown.

    bucket_s: width of what bursts are counted in; unwatched: templates left out of looking for bursts.
    """

    since: int
    until: int
    lines: int
    rates: tuple[Rate, ...]
    bursts: tuple[Burst, ...]
    bucket_s: int
    unwatched: int


@dataclass(frozen=True)
class Window:
    """Lines of [since, until), told apart at the onset; seconds since 1970. Nothing given: all lines."""

    since: int | None = None
    until: int | None = None
    onset: int | None = None


class _Tally:
    """What is counted per template number. buckets: per watched template, and per `width` seconds from `start`."""

    def __init__(self, size: int, start: int, width: int) -> None:
        self.before = np.zeros(size, dtype=np.int64)
        self.after = np.zeros(size, dtype=np.int64)
        self.first = np.full(size, _NEVER, dtype=np.int64)
        self.last = np.full(size, -1, dtype=np.int64)
        self.buckets = np.zeros((MANY, BUCKETS + 2), dtype=np.int64)
        self.start, self.width = start, width


def activity(index: Index, window: Window) -> Activity:
    """Count the lines of a window. Lines without a time count when none is asked for."""
    templates = index.templates()
    start, end = _span(index, window)
    width = max(60, -(-max(0, end - start) // BUCKETS))
    watched = np.full(len(templates) + 1, -1, dtype=np.int64)
    for row, template in enumerate(templates[:MANY]):
        watched[template.number] = row
    tally = _Tally(watched.size, start, width)
    for numbers, times in index.activity():
        _count(tally, watched, numbers, times, window)
    split = window.onset if window.onset is not None and start < window.onset < end else None
    minutes = ((split - start) / 60, (end - split) / 60) if split is not None else (0.0, max(1.0, (end - start) / 60))
    sure = NormalDist().inv_cdf(1 - LEVEL / 2 / max(1, len(templates)))
    rates = [rate for template in templates if (rate := _rate(template, tally, minutes, sure if split else None))]
    rates.sort(key=lambda rate: (_rank(rate), -abs(rate.score), -rate.lines, rate.template.id))
    bursts = _bursts(templates[:MANY], tally)
    return Activity(
        since=start, until=end, lines=sum(rate.lines for rate in rates), rates=tuple(rates), bursts=bursts,
        bucket_s=width, unwatched=max(0, len(templates) - MANY),
    )  # fmt: skip


def _span(index: Index, window: Window) -> tuple[int, int]:
    """From the first to after the last time that is looked at; (-1, 0) when no line has a time."""
    blocks = [block for block in index.blocks() if block.latest >= 0]
    start = min((block.earliest for block in blocks if block.earliest >= 0), default=-1)
    end = max((block.latest for block in blocks), default=-1) + 1
    return max(start, window.since or -1), end if window.until is None else min(end, window.until)


def _count(tally: _Tally, watched: Counts, numbers: Ids, times: Times, window: Window) -> None:
    wanted = np.ones(times.shape, dtype=bool)
    if window.since is not None:
        wanted &= times >= window.since
    if window.until is not None:
        wanted &= (times < window.until) & (times >= 0)
    ids, moments = (numbers, times) if wanted.all() else (numbers[wanted], times[wanted])
    early = moments < window.onset if window.onset is not None else np.zeros(moments.shape, dtype=bool)
    tally.before += np.bincount(ids[early], minlength=tally.before.size)
    tally.after += np.bincount(ids[~early], minlength=tally.after.size)
    dated = moments >= 0
    ids, moments = (ids, moments) if dated.all() else (ids[dated], moments[dated])
    np.minimum.at(tally.first, ids, moments)
    np.maximum.at(tally.last, ids, moments)
    rows = watched[ids]
    seen = rows >= 0
    places = np.clip((moments[seen] - tally.start) // tally.width, 0, BUCKETS + 1)
    np.add.at(tally.buckets, (rows[seen], places), 1)


def _rate(template: Template, tally: _Tally, minutes: tuple[float, float], sure: float | None) -> Rate | None:
    """sure: standard errors from which a rate is another one; None: there is nothing to compare."""
    number = template.number
    before, after = int(tally.before[number]), int(tally.after[number])
    if not before + after:
        return None
    rates = (before / minutes[0] if minutes[0] else 0.0, after / minutes[1] if minutes[1] else 0.0)
    score = 0.0
    if sure is not None:
        share = minutes[1] / minutes[0]
        score = 2 * ((after + 0.375) ** 0.5 - ((before + 0.375) * share) ** 0.5) / (1 + share) ** 0.5
    first = int(tally.first[number])
    return Rate(
        template=template, lines=before + after, before=before, after=after, rate_before=round(rates[0], 4),
        rate_after=round(rates[1], 4), state=_state(before, after, rates, score, sure), score=round(score, 2),
        first=-1 if first == _NEVER else first, last=int(tally.last[number]),
    )  # fmt: skip


def _state(before: int, after: int, rates: tuple[float, float], score: float, sure: float | None) -> State:
    if sure is None:
        return "unknown"
    if not before:
        return "new"
    if abs(score) < sure:
        return "same"
    if not after:
        return "vanished"
    if rates[1] >= TWICE * rates[0]:
        return "more"
    return "less" if rates[0] >= TWICE * rates[1] else "same"


def _rank(rate: Rate) -> int:
    """What is new or more and says that it is an error comes first, what did not change last."""
    if rate.state in ("same", "unknown"):
        return 2
    return 0 if rate.state in ("new", "more") and rate.template.level in ("error", "fatal") else 1


def _bursts(templates: tuple[Template, ...], tally: _Tally) -> tuple[Burst, ...]:
    found: list[Burst] = []
    filled = np.flatnonzero(tally.buckets.sum(axis=0))
    used = int(filled.max(initial=0)) + 1
    start, width, buckets = tally.start, tally.width, tally.buckets
    for template, counts in zip(templates, buckets[:, :used], strict=False):
        if counts.max(initial=0) < LEAST or used < 5:
            continue
        usual = float(np.median(counts))
        spread = max(1.4826 * float(np.median(np.abs(counts - usual))), usual**0.5, 1.0)
        high = np.flatnonzero((counts - usual) / spread > SHARP)
        high = high[counts[high] >= LEAST]
        for stretch in np.split(high, np.flatnonzero(np.diff(high) > 1) + 1) if high.size else ():
            first, last = int(stretch[0]), int(stretch[-1])
            peak = float((counts[stretch].max() - usual) / spread)
            found.append(
                Burst(template=template.id, start=start + first * width, end=start + (last + 1) * width,
                      lines=int(counts[stretch].sum()), usual=usual, score=round(peak, 1))
            )  # fmt: skip
    return tuple(sorted(found, key=lambda burst: (-burst.score, burst.start))[:200])
