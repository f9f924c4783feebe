"""How the original and plausible patches behave on recorded and nearby inputs, and where two of them differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Origin = Literal["failing", "passing", "nearby"]
_CRASHES = ("raise", "slow")
_COUNTED = (
    "new_crashes", "crashes", "mended", "failing", "changed_failing", "passing", "changed_passing", "nearby",
    "changed_nearby",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """An input: a call of a repaired function. origin: the kind of test that made it, or "nearby" a recorded one."""

    key: str
    origin: Origin
    text: str


@dataclass(frozen=True, slots=True)
class Effect:
    """How a call ended. kind: return, raise, slow; digest: of result and changed arguments; text: for people."""

    kind: str
    digest: str
    text: str

    @property
    def crashed(self) -> bool:
        return self.kind in _CRASHES


@dataclass(frozen=True, slots=True)
class Difference:
    """The first input on which two patches differ, with what each does."""

    call: str
    one: str
    other: str


@dataclass(frozen=True, slots=True)
class Delta:
    """A patch against the original. new_crashes: inputs (of `compared`) where the original returned and it does not.

    crashes: inputs on which it crashes at all, of failing tests, passing tests and nearby;
    changed_failing of failing, changed_passing of passing, changed_nearby of nearby: inputs where the original returned
    and it acts differently; mended: inputs of failing tests where the original crashed and it returns.
    """

    compared: int = 0
    new_crashes: int = 0
    crashes: int = 0
    mended: int = 0
    failing: int = 0
    changed_failing: int = 0
    passing: int = 0
    changed_passing: int = 0
    nearby: int = 0
    changed_nearby: int = 0

    @property
    def change(self) -> float:
        """Share of the inputs of passing tests, where there are some, on which behaviour changed."""
        return self.changed_passing / self.passing if self.passing else 0.0

    @property
    def others(self) -> int:
        """Inputs other than the failing tests' own, where the original returned."""
        return self.passing + self.nearby

    @property
    def changed_others(self) -> int:
        """Those of them on which behaviour changed."""
        return self.changed_passing + self.changed_nearby

    @property
    def crash_rate(self) -> float:
        return self.new_crashes / self.compared if self.compared else 0.0


@dataclass(frozen=True, slots=True)
class Observations:
    """calls: all inputs by key; effects: candidate id ("" for the original) → input key → effect."""

    calls: Mapping[str, Call] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, Effect]] = field(default_factory=dict)

    def delta(self, candidate: str) -> Delta | None:
        """The candidate against the original; None when one of them was not observed."""
        before, after = self.effects.get(""), self.effects.get(candidate)
        if before is None or after is None:
            return None
        common = [key for key in before if key in after and key in self.calls]
        counts = dict.fromkeys(_COUNTED, 0)
        for key in common:
            _count(counts, self.calls[key].origin, before[key], after[key])
        return Delta(compared=len(common), **counts)

    def fingerprint(self, candidate: str) -> str:
        """Equal for candidates with equal effects on all inputs; "" when it was not observed."""
        effects = self.effects.get(candidate)
        return "" if effects is None else "|".join(f"{key}:{effects[key].digest}" for key in sorted(effects))

    def difference(self, one: str, other: str) -> Difference | None:
        """The first input on which two candidates differ, recorded inputs before nearby ones; None if there is none."""
        first, second = self.effects.get(one, {}), self.effects.get(other, {})
        order: Sequence[Origin] = ("passing", "failing", "nearby")
        for call in sorted(self.calls.values(), key=lambda call: order.index(call.origin)):
            a, b = first.get(call.key), second.get(call.key)
            if a is not None and b is not None and a.digest != b.digest:
                return Difference(call=call.text, one=_shown(a), other=_shown(b))
        return None


def _count(counts: dict[str, int], origin: Origin, before: Effect, after: Effect) -> None:
    changed = before.digest != after.digest and not before.crashed
    counts["crashes"] += after.crashed
    counts["new_crashes"] += after.crashed and not before.crashed
    counts["mended"] += origin == "failing" and before.crashed and not after.crashed
    counts[origin] += not before.crashed
    counts[f"changed_{origin}"] += changed


def _shown(effect: Effect) -> str:
    verb = {"return": "returns", "raise": "raises"}.get(effect.kind)
    return f"{verb} {effect.text}" if verb else effect.text
