"""The arithmetic of bisection over a commit graph: what is still possible, and what to test next. No git, no tests.

A commit is bad when the culprit is among its ancestors or itself. So a good commit clears all of its ancestors, and a
bad one leaves only its ancestors. Sets of commits are bit masks, which keeps thousands of commits cheap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

Verdict = Literal["good", "bad", "skip"]
EXACT = 20_000


@dataclass(frozen=True)
class Remaining:
    """Commits that may still be the first bad one.

    parents: the whole graph; order: the possible commits, children before parents; worst: the earliest commit known
    to be bad, of which all others in `order` are ancestors; skipped: those that cannot be tested.
    """

    parents: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    worst: str
    skipped: frozenset[str] = frozenset()

    @classmethod
    def of(cls, parents: Mapping[str, tuple[str, ...]], bad: str) -> Remaining:
        """All of a graph given children first, `bad` being its newest commit."""
        return cls(parents, tuple(parents), bad)

    @property
    def culprit(self) -> str | None:
        """The first bad commit, once only one is possible."""
        return self.worst if self.order == (self.worst,) else None

    @cached_property
    def open(self) -> frozenset[str]:
        """Commits whose test would tell something."""
        return frozenset(self.order) - self.skipped - {self.worst}

    def tell(self, verdicts: Mapping[str, Verdict]) -> Remaining:
        """What is left after tests. Good ones count first: where they contradict a bad ancestor, the later change of
        the two is searched for.
        """
        left = self
        for commit in _with(verdicts, "good"):
            if commit in left.open:
                cleared = _ancestors(self.parents, commit)
                left = replace(left, order=tuple(c for c in left.order if c not in cleared))
        for commit in _with(verdicts, "bad"):
            if commit in left.open:
                kept = _ancestors(self.parents, commit)
                left = replace(left, order=tuple(c for c in left.order if c in kept), worst=commit)
        return replace(left, skipped=left.skipped.union(_with(verdicts, "skip")))

    def descending(self, good: str) -> Remaining:
        """Only those that have `good` among their ancestors."""
        above: set[str] = set()
        for commit in reversed(self.order):
            if any(parent == good or parent in above for parent in self.parents[commit]):
                above.add(commit)
        return replace(self, order=tuple(c for c in self.order if c in above or c == self.worst))

    def pick(self, running: Collection[str] = (), free: int = 1) -> str | None:
        """The commit to test next while `running` are being tested and `free` tests can be started; None: no use.

        Alone it is the one that best halves what is left; with more at a time, what is left is cut into equal parts.
        """
        choices = [c for c in self.order if c in self.open and c not in running]
        if not choices:
            return None
        if len(self.order) > EXACT:
            return self._rough(choices, free)
        choices = self._away_from_skipped(choices)
        masks = self._masks
        if not running:
            share = len(self.order) / (free + 1)
            return min(choices, key=lambda c: abs(masks[c].bit_count() - share))
        parts = self._parts(running)
        return min(choices, key=lambda c: _largest(_split(parts, masks[c])))

    @cached_property
    def _masks(self) -> dict[str, int]:
        """Each possible commit's ancestors and itself, as bits."""
        masks: dict[str, int] = {}
        for bit, commit in enumerate(reversed(self.order)):
            mask = 1 << bit
            for parent in self.parents[commit]:
                mask |= masks.get(parent, 0)
            masks[commit] = mask
        return masks

    def _parts(self, running: Iterable[str]) -> list[int]:
        """The groups that the tests being run will tell apart."""
        parts = [(1 << len(self.order)) - 1]
        for commit in running:
            parts = _split(parts, self._masks.get(commit, 0))
        return parts

    def _away_from_skipped(self, choices: list[str]) -> list[str]:
        """Commits that cannot be built come in runs: each skip doubles the distance kept from all of them."""
        sizes = {commit: mask.bit_count() for commit, mask in self._masks.items()}
        hurdles = [sizes[commit] for commit in self.skipped if commit in sizes]
        reach = min(2 ** min(len(hurdles), 30) // 2, len(self.order) // 8)
        while reach:
            kept = [c for c in choices if all(abs(sizes[c] - hurdle) > reach for hurdle in hurdles)]
            if kept:
                return kept
            reach //= 2
        return choices

    def _rough(self, choices: list[str], free: int) -> str:
        """For enormous ranges: a commit of the main line, so far down as its share."""
        line, commit = [], self.worst
        wanted = set(choices)
        while commit in self.parents:
            if commit in wanted:
                line.append(commit)
            commit = next(iter(self.parents[commit]), "")
        return (line or choices)[len(line or choices) // (free + 1)]


def _ancestors(parents: Mapping[str, tuple[str, ...]], commit: str) -> set[str]:
    """A commit and all of its ancestors that are in the graph."""
    seen, waiting = {commit}, [commit]
    while waiting:
        fresh = [p for p in parents[waiting.pop()] if p in parents and p not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return seen


def _with(verdicts: Mapping[str, Verdict], wanted: Verdict) -> list[str]:
    return [commit for commit, verdict in verdicts.items() if verdict == wanted]


def _split(parts: Iterable[int], mask: int) -> list[int]:
    return [piece for part in parts for piece in (part & mask, part & ~mask) if piece]


def _largest(parts: Iterable[int]) -> tuple[int, int]:
    sizes = [part.bit_count() for part in parts]
    return max(sizes), sum(size * size for size in sizes)
