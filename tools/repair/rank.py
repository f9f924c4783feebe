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
_SINGLED_OUT = frozenset({"overfit-prone", "constant-from-test"})
_ENOUGH = 8  # inputs, below which their behaviour says nothing


@dataclass(frozen=True, slots=True)
class Ranked:
    """A plausible patch in its place.

    group: number of its behaviour, 0 is that of the first patch; reason: for people;
    distinguishing: an input on which it and the first patch differ, "" when they are alike or were not observed;
    doubts: sentences on why it may be wrong although it passes.
    """

    plausible: Plausible
    group: int
    reason: str
    distinguishing: str = ""
    doubts: tuple[str, ...] = ()


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
        doubts = doubts_of(patch.candidate, seen.delta(patch.candidate.id) or Delta())
        ranked.append(Ranked(patch, group, _reason(patch, seen), shown, doubts))
    return tuple(ranked)


def doubts_of(candidate: Candidate, delta: Delta) -> tuple[str, ...]:
    """What observed behaviour says against a patch: fitted to the failing tests' own inputs, or doing more than mend.

    Where a new condition changes none of many inputs near the tests' own, these may have been singled out; a boundary
    that moves by one does the same rightly. What mends a crash has nothing to change where nothing crashed.
    """
    if delta.others < _ENOUGH:
        return ()
    seen = delta.changed_failing and delta.nearby >= _ENOUGH and not delta.mended
    if seen and not delta.changed_others and not _SINGLED_OUT.isdisjoint(candidate.tags):
        return (f"only inputs of the failing tests take the new way, none of {delta.nearby} near the recorded ones",)
    if delta.mended and not delta.failing and delta.changed_others:
        share = f"{delta.changed_others} of {delta.others}"
        return (f"the failing tests crash, yet it also acts differently on {share} inputs that did not",)
    return ()


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
