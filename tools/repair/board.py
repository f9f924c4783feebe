"""What is known of the candidates tried so far: verdicts, partial fixes, those that got further than the original."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.repair.outcome import PartialFix, Plausible
from tools.repair.plan import Plan
from tools.repair.trials import Verdict
from tools.values import Candidate

_MOST_KEPT = 4000
_MOST_BETTER = 200
_MOST_PARTIAL = 20  # candidates kept for one set of mended tests


@dataclass(slots=True)
class Board:
    """Verdicts by candidate id; `kept`: failed candidates, best first as they came.

    leads: candidates that mend a test or get further, to be taken off by who follows them up; changed: those after
    which a test fails in another way.
    """

    plan: Plan
    verdicts: dict[str, str] = field(default_factory=dict)
    plausible: list[Plausible] = field(default_factory=list)
    rejected: int = 0
    timeouts: int = 0
    crashes: int = 0
    kept: list[Candidate] = field(default_factory=list)
    better: list[Candidate] = field(default_factory=list)
    leads: deque[Candidate] = field(default_factory=deque)
    changed: list[Candidate] = field(default_factory=list)
    partial: dict[frozenset[str], list[Candidate]] = field(default_factory=dict)

    @property
    def tried(self) -> int:
        return len(self.verdicts)

    def take(self, candidate: Candidate, verdict: Verdict) -> None:
        """Note a verdict; a later one for the same candidate replaces the earlier."""
        first = candidate.id not in self.verdicts
        self.verdicts[candidate.id] = verdict.name
        self.crashes += verdict.name in ("crashed", "damaged")
        if verdict.name != "failed":
            return
        if first and len(self.kept) < _MOST_KEPT:
            self.kept.append(candidate)
        if verdict.passed:
            self._add_partial(candidate, verdict)
        further = self._got_further(verdict)
        if first and len(self.better) < _MOST_BETTER and further:
            self.better.append(candidate)
        if first and (further or verdict.passed):
            self.leads.append(candidate)
        elif first and len(self.changed) < _MOST_KEPT and self._fails_otherwise(verdict):
            self.changed.append(candidate)

    def _add_partial(self, candidate: Candidate, verdict: Verdict) -> None:
        order = self.plan.order
        mended = frozenset(order[position] for position in verdict.passed if 0 <= position < len(order))
        group = self.partial.setdefault(mended, [])
        if len(group) < _MOST_PARTIAL and all(other.id != candidate.id for other in group):
            group.append(candidate)

    def _got_further(self, verdict: Verdict) -> bool:
        """Whether the test that still fails does so later, or by an assertion where it crashed or hung before."""
        at = len(verdict.passed)
        if verdict.failure is None or at >= len(self.plan.order):
            return False
        before = self.plan.baseline.get(self.plan.order[at])
        if before is None or before.ending != "done" or before.failure is None:
            return verdict.failure.get("kind") == "AssertionError"
        was, now = before.failure, verdict.failure
        if was.get("kind") != "AssertionError" and now.get("kind") == "AssertionError":
            return True
        return bool(_number(now, "at") > _number(was, "at") > 0)

    def _fails_otherwise(self, verdict: Verdict) -> bool:
        """Whether the first test fails at the same kind of exception as before with another message."""
        before = self.plan.baseline.get(self.plan.order[0])
        if verdict.failure is None or before is None or before.failure is None:
            return False
        was, now = before.failure, verdict.failure
        return was.get("kind") == now.get("kind") and was.get("message") != now.get("message")

    def partial_fixes(self, most: int = 50) -> tuple[PartialFix, ...]:
        """The best candidate of each set of mended tests, largest sets first."""
        sets = sorted(self.partial, key=lambda mended: (-len(mended), sorted(mended)))
        order = self.plan.order
        return tuple(
            PartialFix(self.partial[mended][0], tuple(name for name in order if name in mended))
            for mended in sets[:most]
        )


def _number(failure: Mapping[str, Any], name: str) -> int:
    value = failure.get(name)
    return value if isinstance(value, int) else 0
