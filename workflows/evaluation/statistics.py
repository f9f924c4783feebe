"""Shares and differences with their uncertainty: Wilson's interval, McNemar's exact test, the paired bootstrap."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

Z95 = 1.959963984540054
RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, trials: int) -> Estimate:
    """A share of trials with Wilson's score interval; of no trials, anything is possible."""
    if trials == 0:
        return Estimate(0.0, 0.0, 1.0)
    share, z2 = successes / trials, Z95**2
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value that pairs which differ do so by chance."""
    differing = only_first + only_second
    tail = sum(math.comb(differing, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2.0 * tail / float(2**differing))


def bootstrap(differences: Sequence[float], *, seed: int = 0) -> Estimate:
    """The mean of paired differences with the percentile interval of its bootstrap; the same for the same seed."""
    if not differences:
        return Estimate(0.0, 0.0, 0.0)
    chance = random.Random(seed)  # noqa: S311 - resampling, no secrets
    count = len(differences)
    means = sorted(fmean(chance.choices(differences, k=count)) for _ in range(RESAMPLES))
    return Estimate(fmean(differences), means[int(0.025 * RESAMPLES)], means[int(0.975 * RESAMPLES) - 1])
