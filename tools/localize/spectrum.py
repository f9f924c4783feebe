"""Spectrum-based fault localization: lines that failing tests execute and passing tests do not are suspected.

Ochiai (Abreu et al., 2007): failed(s) / sqrt(total_failed * (failed(s) + passed(s))).
"""

from __future__ import annotations

import math
from collections.abc import Collection

from tools.values import Coverage

Place = tuple[str, int]


def ochiai(coverage: Coverage, failing: Collection[str], passing: Collection[str]) -> dict[Place, float]:
    """Suspiciousness in (0, 1] of every line that at least one failing test executed."""
    bad = {index for index, test in enumerate(coverage.tests) if test in failing}
    good = {index for index, test in enumerate(coverage.tests) if test in passing}
    if not bad:
        return {}
    scores: dict[Place, float] = {}
    for file, lines in coverage.lines.items():
        for line, tests in lines.items():
            executed = set(tests)
            failed = len(executed & bad)
            if failed:
                scores[file, line] = failed / math.sqrt(len(bad) * (failed + len(executed & good)))
    return scores
