"""Which tests a trial runs, in which order, and how long each may take: from one measured run of the original."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.repair.outcome import Failure

LEVELS = 3
_CONFIRMING = 1  # the level of the limits that confirm
_LEAST_CPU_S = (0.03, 0.5, 3.0)  # per level of retry
_MOST_CPU_S = (30.0, 60.0, 120.0)
_LEAST_WALL_S = 0.5
_MOST_TRIED = 12  # failing tests that each trial runs until the first that fails
_BATCH = 48
_ALONE_FROM_S = 0.03  # a test this slow makes the cost of a fork small
_BATCH_S = 0.5
_OBSERVED_TESTS = 40
_OBSERVED_S = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One test on the original code. ending: done, timeout, crashed; spawns: it started another program."""

    id: str
    passed: bool
    ending: str = "done"
    cpu_s: float = 0.0
    wall_s: float = 0.0
    failure: Failure | None = None
    spawns: bool = False

    @property
    def signature(self) -> list[Any]:
        """As the server compares it."""
        failure = self.failure or {}
        return [self.passed, failure.get("kind", ""), failure.get("file", ""), failure.get("line", 0)]


@dataclass(frozen=True, slots=True)
class Plan:
    """order: failing tests of a trial, cheapest first; failing: all of them; passing: those that pass here, in order.

    baseline: what was measured, by id; on_disk: tests start other programs, so candidates must be in the files.
    """

    order: tuple[str, ...]
    failing: tuple[str, ...]
    passing: tuple[str, ...]
    baseline: Mapping[str, Measured]
    seconds: Mapping[str, float]
    on_disk: bool = False

    @property
    def cost_s(self) -> float:
        """CPU seconds that one trial takes at least."""
        return self._base(self.order[0])[0]

    @property
    def chunk(self) -> int:
        """Candidates per forked child."""
        return 1 if self.on_disk or self.cost_s >= _ALONE_FROM_S else _BATCH

    @property
    def batch(self) -> int:
        """Candidates per request."""
        return max(1, min(_BATCH, int(_BATCH_S / max(self.cost_s, 0.001))))

    @property
    def check(self) -> list[dict[str, Any]]:
        """What must come out as before on the original code after a batch: a failing test and a cheap passing one."""
        first = self.baseline.get(self.order[0])
        passing = [m for m in self.baseline.values() if m.passed and m.id in self.passing]
        cheapest = min(passing, key=lambda m: m.cpu_s, default=None)
        chosen = [first] if first is not None and first.ending == "done" else []
        if cheapest is not None and cheapest.cpu_s <= _BATCH * self.cost_s / 4:
            chosen.append(cheapest)
        return [{"id": m.id, "signature": m.signature} for m in chosen]

    @property
    def levels(self) -> int:
        """Tries of a candidate that runs out of time: more where nobody knows how long the failing test should take."""
        known = all((own := self.baseline.get(name)) is not None and own.ending == "done" for name in self.order)
        return LEVELS - 1 if known else LEVELS

    @property
    def confirming(self) -> dict[str, list[float]]:
        """CPU and wall seconds of each failing test when a survivor is confirmed."""
        return self.limits(_CONFIRMING)

    @property
    def observed(self) -> list[tuple[str, str, list[float]]]:
        """Failing tests that end, then passing ones, as many as fit a few seconds, with generous limits."""
        chosen: list[tuple[str, str, list[float]]] = []
        left = _OBSERVED_S
        known = [(name, "failing") for name in self.order]
        known += [(name, "passing") for name in spread(self.passing, _OBSERVED_TESTS)]
        for name, origin in known:
            own = self.baseline.get(name)
            cost = own.wall_s if own is not None else self.seconds.get(name, 0.02)
            if (own is None or own.ending == "done") and cost <= left:
                left -= cost
                chosen.append((name, origin, [10 * cost + 2.0, 20 * cost + 4.0]))
        return chosen

    def limits(self, level: int) -> dict[str, list[float]]:
        """CPU and wall seconds of each failing test at a level of retry."""
        return {name: self.limit(name, level) for name in self.failing}

    def limit(self, name: str, level: int) -> list[float]:
        """CPU and wall seconds of one failing test."""
        base, wall = self._base(name)
        factor = 10.0 if base < 0.02 else 5.0 if base < 0.2 else 3.0
        cpu = factor * base
        if level:
            slowest = max([base, *(m.cpu_s for m in self.baseline.values() if m.passed)])
            cpu = max(cpu * 3.0**level, slowest * 3.0)
        cpu = min(max(cpu, _LEAST_CPU_S[level]), _MOST_CPU_S[level])
        return [round(cpu, 4), round(max(_LEAST_WALL_S * (level + 1), factor * wall * 3.0**level, cpu * 2), 4)]

    def _base(self, name: str) -> tuple[float, float]:
        """CPU and wall seconds that the test may be expected to take: its own, or those of a usual passing test."""
        passing = [m for m in self.baseline.values() if m.passed]
        cpu = statistics.median([m.cpu_s for m in passing]) if passing else 0.002
        wall = statistics.median([m.wall_s for m in passing]) if passing else 0.002
        own = self.baseline.get(name)
        if own is None or own.ending != "done":
            known = 0.0 if own is not None else min(self.seconds.get(name, 0.0), 1.0)
            return max(cpu, known, 0.001), max(wall, known, 0.001)
        return max(cpu, own.cpu_s, 0.001), max(wall, own.wall_s, 0.001)

    def passing_limits(self) -> dict[str, list[float]]:
        """CPU and wall seconds of passing tests whose time is known."""
        found = {}
        for name in self.passing:
            measured = self.baseline.get(name)
            known = measured.wall_s if measured is not None else self.seconds.get(name)
            if known is not None:
                found[name] = [round(max(2.0, 10 * known), 3), round(max(4.0, 10 * known), 3)]
        return found


def make(
    failing: Sequence[str], passing: Sequence[str], measured: Sequence[Measured], seconds: Mapping[str, float]
) -> Plan:
    """The plan for failing and passing tests as measured. Tests not measured are taken as they were said to be."""
    baseline = {m.id: m for m in measured}
    still = [name for name in failing if name not in baseline or not baseline[name].passed]
    good = tuple(name for name in passing if name not in baseline or baseline[name].passed)
    return Plan(
        order=tuple(_order(still, baseline)),
        failing=tuple(still),
        passing=good,
        baseline=baseline,
        seconds=seconds,
        on_disk=any(m.spawns for m in measured if m.id in still),
    )


def _order(failing: Sequence[str], baseline: Mapping[str, Measured]) -> list[str]:
    """Cheapest first, one of each way to fail before a second of the same."""

    def cost(name: str) -> tuple[bool, float]:
        own = baseline.get(name)
        return (own is None or own.ending != "done", own.cpu_s if own is not None else 0.0)

    ordered = sorted(failing, key=cost)
    seen: dict[str, int] = {}
    rank = {}
    for name in ordered:
        own = baseline.get(name)
        signature = str(own.signature) if own is not None else name
        rank[name] = seen[signature] = seen.get(signature, -1) + 1
    return sorted(ordered, key=lambda name: (cost(name)[0], rank[name]))[:_MOST_TRIED]


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many of the names, evenly."""
    step = max(1, -(-len(names) // most))
    return list(names[::step])
