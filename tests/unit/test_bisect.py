"""Bisection: the arithmetic over random graphs, the search with an in-memory history, and real repositories."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.repository import Story
from tools.bisect import BisectResult, Oracle, bisect
from tools.halving import Remaining, Verdict
from tools.history import History
from tools.tool import ToolError

Graph = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Memory:
    """An in-memory history. parents: every commit, parents before children."""

    parents: Graph

    async def resolve(self, rev: str) -> str:
        if rev not in self.parents:
            raise ToolError(f"unknown revision {rev!r}")
        return rev

    async def is_ancestor(self, old: str, new: str) -> bool:
        return old in self.reach(new)

    async def merge_base(self, one: str, other: str) -> str | None:
        common = self.reach(one) & self.reach(other)
        return next((c for c in reversed(list(self.parents)) if c in common), None)

    async def ancestry(self, good: str, bad: str) -> Graph:
        wanted = self.reach(bad) - self.reach(good)
        return {c: self.parents[c] for c in reversed(list(self.parents)) if c in wanted}

    def reach(self, commit: str) -> set[str]:
        seen = {commit}
        for other in reversed(list(self.parents)):
            if other in seen:
                seen.update(self.parents[other])
        return seen


class RuleOracle:
    """An oracle that answers from a rule, counts, and notes how many tests ran at once."""

    def __init__(self, history: Memory, culprit: str, skips: frozenset[str] = frozenset()) -> None:
        self.history, self.culprit, self.skips = history, culprit, skips
        self.calls: list[str] = []
        self.active = self.most = 0

    async def __call__(self, commit: str) -> Verdict:
        self.calls.append(commit)
        self.active += 1
        self.most = max(self.most, self.active)
        try:
            await asyncio.sleep(0)
        finally:
            self.active -= 1
        if commit in self.skips:
            return "skip"
        return "bad" if self.culprit in self.history.reach(commit) else "good"


def _line(count: int) -> Memory:
    return Memory({f"c{i}": (f"c{i - 1}",) if i else () for i in range(count)})


async def _run(history: Memory, good: str, bad: str, oracle: Oracle, *, workers: int = 1) -> BisectResult:
    return await bisect(history, good, bad, oracle, wall_s=30, workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_position_on_a_line_is_found(workers: int) -> None:
    """Whichever commit is the culprit, it is found, with few tests and no more at once than allowed."""
    history = _line(41)
    for i in range(1, 41):
        oracle = RuleOracle(history, f"c{i}")
        result = await _run(history, "c0", "c40", oracle, workers=workers)
        assert result.culprit == f"c{i}"
        assert oracle.most <= workers
        assert len(oracle.calls) <= math.ceil(math.log2(40)) * workers + 4


async def test_tests_grow_with_the_logarithm() -> None:
    """200 commits take at most eight halvings and four checks of the ends and of the culprit."""
    history = _line(201)
    most = 0
    for i in range(1, 201, 7):
        oracle = RuleOracle(history, f"c{i}")
        assert (await _run(history, "c0", "c200", oracle)).culprit == f"c{i}"
        most = max(most, len(oracle.calls))
    assert most <= 8 + 4


async def test_two_workers_need_fewer_rounds() -> None:
    """Two tests at a time cut 243 commits into thirds: five rounds instead of eight."""
    left, rounds = Remaining.of(await _line(244).ancestry("c0", "c243"), "c243"), 0
    while left.culprit is None:
        first = left.pick((), 2)
        second = left.pick([first] if first else [], 1)
        left = left.tell({c: "good" for c in (first, second) if c})
        rounds += 1
    assert rounds <= 6


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Memory, str, str, str, frozenset[str]]:
    """A random history with merges, a good ancestor of its last commit, a culprit between, and skips."""
    count = draw(st.integers(2, 40))
    parents: dict[str, tuple[str, ...]] = {"c0": ()}
    for i in range(1, count):
        near = st.integers(max(0, i - 6), i - 1)
        chosen = draw(st.lists(near, min_size=1, max_size=3, unique=True))
        parents[f"c{i}"] = tuple(f"c{p}" for p in chosen)
    history, bad = Memory(parents), f"c{count - 1}"
    good = draw(st.sampled_from(sorted(history.reach(bad) - {bad})))
    between = sorted(history.reach(bad) - history.reach(good))
    culprit = draw(st.sampled_from(between))
    skips = draw(st.sets(st.sampled_from(between))) - {bad}
    return history, good, bad, culprit, frozenset(skips)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(1, 3))
def test_the_first_bad_commit_is_found_in_any_graph(
    case: tuple[Memory, str, str, str, frozenset[str]], workers: int
) -> None:
    """With merges and any number of workers, without skips: exactly the culprit."""
    history, good, bad, culprit, _ = case
    result = asyncio.run(_run(history, good, bad, RuleOracle(history, culprit), workers=workers))
    assert result.culprit == culprit
    assert result.candidates == (culprit,)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.integers(1, 3))
def test_skips_never_name_the_wrong_commit(case: tuple[Memory, str, str, str, frozenset[str]], workers: int) -> None:
    """With commits that cannot be tested: the culprit, or a range that holds it and else only skipped commits."""
    history, good, bad, culprit, skips = case
    result = asyncio.run(_run(history, good, bad, RuleOracle(history, culprit, skips), workers=workers))
    if result.culprit is None:
        assert culprit in result.candidates
        assert "cannot be run" in result.reason
        assert sum(c not in skips for c in result.candidates) == 1
    else:
        assert result.culprit == culprit


async def test_a_long_broken_stretch_is_left_quickly() -> None:
    """A hundred commits in the middle that do not build cost a few skips, not a hundred."""
    history = _line(301)
    skips = frozenset(f"c{i}" for i in range(100, 200))
    for culprit in ("c30", "c250"):
        result = await _run(history, "c0", "c300", RuleOracle(history, culprit, skips))
        assert result.culprit == culprit
        assert result.skipped <= 10


async def test_only_skipped_commits_left_are_the_suspects() -> None:
    """When the culprit hides among commits that cannot be run, the range is named."""
    history = _line(30)
    result = await _run(history, "c0", "c29", RuleOracle(history, "c12", frozenset({"c11", "c12", "c13"})))
    assert result.culprit is None
    assert result.candidates == ("c14", "c13", "c12", "c11")
    assert "only commits that cannot be run" in result.reason


async def test_bisection_is_deterministic() -> None:
    """The same history and answers give the same steps."""
    history = _line(60)
    runs = [await _run(history, "c0", "c59", RuleOracle(history, "c23", frozenset({"c29", "c30"}))) for _ in range(2)]
    assert [s.commit for s in runs[0].steps] == [s.commit for s in runs[1].steps]


async def test_the_ends_are_checked_first() -> None:
    """A bad revision that passes, a good one that fails, and a bad one that cannot run each end with a reason."""
    history = _line(10)
    passes = await _run(history, "c0", "c9", RuleOracle(history, "nothing"))
    assert (passes.culprit, passes.already_bad) == (None, False)
    assert "passes at the bad revision" in passes.reason
    older = await _run(history, "c3", "c9", RuleOracle(history, "c1"))
    assert older.already_bad
    assert "the fault is older" in older.reason
    broken = await _run(history, "c0", "c9", RuleOracle(history, "c5", frozenset({"c9"})))
    assert "cannot be run at the bad revision" in broken.reason


async def test_a_good_revision_that_cannot_run_is_believed() -> None:
    """An untestable good end is said and the search goes on."""
    history = _line(10)
    result = await _run(history, "c0", "c9", RuleOracle(history, "c5", frozenset({"c0"})))
    assert result.culprit == "c5"
    assert "was believed" in result.reason


async def test_unrelated_revisions_are_explained() -> None:
    """Same, swapped and unconnected revisions are no search; unknown ones are errors."""
    history = Memory({"a": (), "b": ("a",), "x": ()})
    oracle = RuleOracle(history, "b")
    assert "same commit" in (await _run(history, "b", "b", oracle)).reason
    assert "newer than the bad one" in (await _run(history, "b", "a", oracle)).reason
    assert "no common history" in (await _run(history, "x", "b", oracle)).reason
    assert oracle.calls == []
    with pytest.raises(ToolError, match="unknown revision"):
        await _run(history, "ghost", "b", oracle)


async def test_a_good_revision_on_another_line_starts_at_the_fork() -> None:
    """The search runs from where the lines part, and says so; when that is bad already, so is the answer."""
    parents = {"r": (), "f": ("r",), "g1": ("f",), "g2": ("g1",), "b1": ("f",), "b2": ("b1",), "b3": ("b2",)}
    history = Memory(parents)
    result = await _run(history, "g2", "b3", RuleOracle(history, "b2"))
    assert result.culprit == "b2"
    assert "another line" in result.reason
    older = await _run(history, "g2", "b3", RuleOracle(history, "f"))
    assert older.already_bad


async def test_a_line_forked_before_the_good_revision_does_not_mislead() -> None:
    """A side line on which the test cannot pass yet is left out; the culprit on the main line is found."""
    main: dict[str, tuple[str, ...]] = {"old": ()}
    main |= {f"s{i}": (f"s{i - 1}" if i else "old",) for i in range(9)}
    main |= {"good": ("old",), "m1": ("good",), "m2": ("m1",), "m3": ("m2", "s8"), "m4": ("m3",)}
    history = Memory(main)
    failing = {"old", "m2", "m3", "m4", *(f"s{i}" for i in range(9))}

    async def oracle(commit: str) -> Verdict:
        return "bad" if commit in failing else "good"

    result = await _run(history, "good", "m4", oracle)
    assert result.culprit == "m2"
    assert "left out" in result.reason


async def test_a_merge_can_be_the_culprit() -> None:
    """Both lines pass and their merge fails: the merge is named, after both parents were tried."""
    history = Memory({"r": (), "a": ("r",), "b": ("r",), "m": ("a", "b"), "z": ("m",)})
    result = await _run(history, "r", "z", RuleOracle(history, "m"), workers=2)
    assert result.culprit == "m"
    assert "its parents" in result.reason


async def test_an_unstable_culprit_is_not_named() -> None:
    """A commit that fails once and then passes is a contradiction, and the answer says so."""
    history = _line(20)
    seen: list[str] = []

    async def oracle(commit: str) -> Verdict:
        seen.append(commit)
        if commit == "c7" and seen.count("c7") > 1:
            return "good"
        return "bad" if int(commit[1:]) >= 7 else "good"

    result = await _run(history, "c0", "c19", oracle)
    assert result.culprit is None
    assert "not stable at c7" in result.reason


async def test_an_unstable_parent_is_not_trusted() -> None:
    """A parent that passes in the search and fails in the confirmation keeps the culprit unnamed."""
    history = _line(20)
    seen: list[str] = []

    async def oracle(commit: str) -> Verdict:
        seen.append(commit)
        return "bad" if int(commit[1:]) >= 7 or (commit == "c6" and seen.count("c6") > 1) else "good"

    result = await _run(history, "c0", "c19", oracle)
    assert result.culprit is None
    assert "not stable" in result.reason


async def test_the_time_limit_holds_and_cancels_tests() -> None:
    """When the time is up the tests in flight are cancelled and what is left is said."""
    history, cancelled = _line(100), []

    async def oracle(commit: str) -> Verdict:
        if commit in ("c0", "c99"):
            return "bad" if commit == "c99" else "good"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(commit)
            raise
        return "good"

    result = await bisect(history, "c0", "c99", oracle, wall_s=0.05, workers=2)
    assert result.culprit is None
    assert "99 commits left" in result.reason
    assert len(cancelled) == 2


async def test_an_implied_answer_cancels_the_other_test() -> None:
    """When the older pivot is bad, the test of the newer one is of no use and is ended."""
    history, cancelled = _line(28), []

    async def oracle(commit: str) -> Verdict:
        number = int(commit[1:])
        try:
            await asyncio.sleep(5 if number == 18 else 0)
        except asyncio.CancelledError:
            cancelled.append(commit)
            raise
        return "bad" if number >= 4 else "good"

    result = await bisect(history, "c0", "c27", oracle, wall_s=4, workers=2)
    assert result.culprit == "c4"
    assert cancelled == ["c18"]


async def test_errors_of_a_test_are_told_apart() -> None:
    """A ToolError makes a commit a skip; anything else ends the bisection and its other tests."""
    history = _line(12)

    async def unbuildable(commit: str) -> Verdict:
        if commit == "c6":
            raise ToolError("no such environment")
        return "bad" if int(commit[1:]) >= 4 else "good"

    result = await _run(history, "c0", "c11", unbuildable)
    assert (result.culprit, result.skipped) == ("c4", 1)

    async def gone(commit: str) -> Verdict:
        raise ConnectionError("the sandbox is gone")

    with pytest.raises(ConnectionError):
        await _run(history, "c0", "c11", gone, workers=2)


async def test_steps_are_timed_by_the_given_clock() -> None:
    """Each step holds its seconds; tested and skipped count distinct commits."""
    history, ticks = _line(5), iter(range(1000))
    result = await bisect(
        history, "c0", "c4", RuleOracle(history, "c2", frozenset({"c1"})), wall_s=30, now=lambda: float(next(ticks))
    )
    assert {step.seconds for step in result.steps} == {1.0}
    assert result.total == 4
    assert result.skipped == 1
    assert result.tested == len({s.commit for s in result.steps}) - 1


def test_enormous_ranges_are_cut_roughly() -> None:
    """Beyond exact arithmetic the main line is cut at its middle, still fast and right."""
    parents = {f"c{i}": (f"c{i - 1}",) for i in range(60_000, 0, -1)}
    left, tests = Remaining.of(parents, "c60000"), 0
    while left.culprit is None:
        pivot = left.pick()
        assert pivot is not None
        left = left.tell({pivot: "bad" if int(pivot[1:]) >= 41_234 else "good"})
        tests += 1
    assert left.culprit == "c41234"
    assert tests <= 18


async def test_two_hundred_real_commits_with_skips_and_merges(tmp_path: Path) -> None:
    """A real repository: the culprit's hash among 200 commits, some untestable, some merged from side lines."""
    story, numbers = Story(), list[int]()
    for i in range(200):
        parents = None
        if i and i % 20 == 0:
            side = story.commit({f"side{i}.py": "1\n"}, parents=[numbers[-3]])
            parents = [numbers[-1], side]
        numbers.append(story.commit({"a.py": f"{i}\n"}, parents=parents))
    place = tmp_path / "repository.git"
    names = story.write(place)
    position = {names[number]: i for i, number in enumerate(numbers)}
    skips = {names[n] for n in numbers[90:105]} | {names[n] for n in numbers[1::11]} - {names[numbers[199]]}
    culprit = names[numbers[131]]
    assert culprit not in skips

    async def oracle(commit: str) -> Verdict:
        if commit in skips:
            return "skip"
        return "bad" if position.get(commit, -1) >= 131 else "good"

    result = await bisect(History(place), names[1], "main", oracle, wall_s=30, workers=2)
    assert result.culprit == culprit
    assert result.total == len(names) - 1
    assert result.tested + result.skipped < 30
