"""The order of plausible patches, against overfitting, and the groups of those that behave alike.

Tests are a weak judge: many wrong patches pass them. Measured on small samples of single-fault programs, fewest crashes
and then least change of behaviour on the inputs of passing tests chose the right patch more often than template priors
alone (13 against 11 of 14); priors and size come after, scaled down for traits that overfit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.repair.behaviour import Delta, Observations
from tools.repair.outcome import Plausible
from tools.values import Candidate

_WEIGHT = {"overfit-prone": 0.3, "constant-from-test": 0.1, "deletes-code": 0.5}


@dataclass(frozen=True, slots=True)
class Ranked:
    """A plausible patch in its place.

    group: number of its behaviour, 0 is that of the first patch; reason: for people;
    distinguishing: an input on which it and the first patch differ, "" when they are alike or were not observed.
    """

    plausible: Plausible
    group: int
    reason: str
    distinguishing: str = ""


def rank(plausible: Sequence[Plausible], seen: Observations) -> tuple[Ranked, ...]:
    """Best first: fewest new crashes, least change of what passing tests see, prior with traits, fewest characters."""
    ordered = sorted(plausible, key=lambda patch: _key(patch.candidate, seen))
    groups: dict[str, int] = {}
    ranked: list[Ranked] = []
    for patch in ordered:
        mark = seen.fingerprint(patch.candidate.id) or patch.candidate.id
        group = groups.setdefault(mark, len(groups))
        first = ordered[0].candidate.id
        difference = seen.difference(first, patch.candidate.id) if group else None
        shown = f"{difference.call}: it {difference.other}, the first {difference.one}" if difference else ""
        ranked.append(Ranked(patch, group, _reason(patch, seen), shown))
    return tuple(ranked)


def _key(candidate: Candidate, seen: Observations) -> tuple[float, float, float, int, str]:
    delta = seen.delta(candidate.id) or Delta()
    trust = candidate.score
    for tag in candidate.tags:
        trust *= _WEIGHT.get(tag, 1.0)
    return (round(delta.crash_rate, 2), round(delta.change, 1), -trust, size(candidate), candidate.id)


def size(candidate: Candidate) -> int:
    """Characters that a candidate writes and removes."""
    return sum(edit.end - edit.start + len(edit.text) for edit in candidate.edits)


def _reason(patch: Plausible, seen: Observations) -> str:
    parts = [f"passes {len(patch.failing_passed)} failing and {patch.checked} related tests"]
    delta = seen.delta(patch.candidate.id)
    if delta and delta.compared:
        parts.append(f"{delta.new_crashes} new crashes on {delta.compared} inputs")
        if delta.passing:
            parts.append(f"acts differently on {delta.changed_passing} of {delta.passing} inputs of passing tests")
    parts += list(patch.candidate.tags)
    return ", ".join(parts)
