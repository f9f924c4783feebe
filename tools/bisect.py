"""Bisection: the first commit at which a test fails, found by running it at few commits, several at a time.

Not `git bisect run`: tests run in sandboxes that the caller owns, in parallel, and the answer says what it rests on.
The culprit is named only after a second round: it fails again, and its parents pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tools.halving import Remaining, Verdict
from tools.tool import ToolError
from tools.values import Value

Oracle = Callable[[str], Awaitable[Verdict]]
MAX_SHOWN = 1000


class Ancestry(Protocol):
    """What bisection asks of a history (`tools.history.History` has it)."""

    async def resolve(self, rev: str) -> str: ...

    async def is_ancestor(self, old: str, new: str) -> bool: ...

    async def merge_base(self, one: str, other: str) -> str | None: ...

    async def ancestry(self, good: str, bad: str) -> Mapping[str, tuple[str, ...]]:
        """Commits reachable from bad and not from good, children first, with their parents."""


class Step(Value):
    """One test of one commit; seconds of wall clock."""

    commit: str
    verdict: Verdict
    seconds: float


class BisectResult(Value):
    """What was found. culprit: None unless it failed twice and its parents passed; reason: one sentence for the reader.

    candidates: newest first, at most MAX_SHOWN, the commits that may be it (the suspects when only untestable ones are
    left); total: how many there were; tested and skipped: distinct commits; already_bad: the good revision fails too.
    """

    culprit: str | None
    reason: str
    candidates: tuple[str, ...] = ()
    total: int = 0
    tested: int = 0
    skipped: int = 0
    already_bad: bool = False
    steps: tuple[Step, ...] = ()


async def bisect(
    history: Ancestry,
    good: str,
    bad: str,
    oracle: Oracle,
    *,
    wall_s: float,
    workers: int = 1,
    now: Callable[[], float] = time.monotonic,
) -> BisectResult:
    """Find the first commit after `good` that makes `bad` bad.

    oracle: tests one commit, repeating as flakiness asks for; a ToolError from it counts as "skip", anything else
    ends the bisection. It may be cancelled when its answer no longer matters. wall_s: seconds in all, after which the
    result says what is left. workers: tests at a time. Raises ToolError for unknown revisions.
    """
    session = _Session(oracle, max(1, workers), now)
    try:
        async with asyncio.timeout(wall_s) as limit:
            return await _search(history, good, bad, session)
    except TimeoutError:
        if not limit.expired():
            raise
        left = len(session.left.order) if session.left else "all"
        return session.ended(f"the time ({wall_s:g} s) was up with {left} commits left")


@dataclass
class _Session:
    """The tests of one bisection: run within the number of workers, timed, remembered."""

    oracle: Oracle
    workers: int
    now: Callable[[], float]
    left: Remaining | None = None
    total: int = 0
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    async def ask(self, commit: str) -> Verdict:
        started = self.now()
        try:
            verdict = await self.oracle(commit)
        except ToolError:
            verdict = "skip"
        self.steps.append(Step(commit=commit, verdict=verdict, seconds=max(0.0, self.now() - started)))
        return verdict

    async def ask_all(self, commits: Iterable[str]) -> dict[str, Verdict]:
        """Verdicts of distinct commits, in their order, as many at a time as there are workers."""
        names = list(dict.fromkeys(commits))
        verdicts: dict[str, Verdict] = {}
        running: dict[asyncio.Task[Verdict], str] = {}
        waiting = list(names)
        try:
            while waiting or running:
                while waiting and len(running) < self.workers:
                    commit = waiting.pop(0)
                    running[asyncio.create_task(self.ask(commit))] = commit
                verdicts.update(await _finished(running))
        finally:
            await _cancel(running)
        return {name: verdicts[name] for name in names}

    def known(self) -> dict[str, Verdict]:
        """The first verdict of each commit."""
        return {step.commit: step.verdict for step in reversed(self.steps)}

    def ended(self, reason: str, culprit: str | None = None, *, already_bad: bool = False) -> BisectResult:
        verdicts = self.known().values()
        return BisectResult(
            culprit=culprit,
            reason="; ".join([reason, *self.notes]),
            candidates=self.left.order[:MAX_SHOWN] if self.left else (),
            total=self.total,
            tested=sum(verdict != "skip" for verdict in verdicts),
            skipped=sum(verdict == "skip" for verdict in verdicts),
            already_bad=already_bad,
            steps=tuple(self.steps),
        )


async def _search(history: Ancestry, good: str, bad: str, session: _Session) -> BisectResult:
    first, last = await history.resolve(good), await history.resolve(bad)
    base = first if await history.is_ancestor(first, last) else await history.merge_base(first, last)
    if base is None or base == last:
        return session.ended(_unrelated(first, last, base))
    if base != first:
        session.notes.append(f"{first[:12]} is on another line; searched from {base[:12]}, where the lines part")
    ends = await session.ask_all((last, base))
    if ends[last] != "bad":
        what = "passes" if ends[last] == "good" else "cannot be run"
        return session.ended(f"nothing to search for: the test {what} at the bad revision {last[:12]}")
    if ends[base] == "bad":
        return session.ended(f"the test fails at {base[:12]} too: the fault is older", already_bad=True)
    if ends[base] == "skip":
        session.notes.append(f"the good revision {base[:12]} cannot be run and was believed")
    everything = Remaining.of(await history.ancestry(base, last), last)
    session.total = len(everything.order)
    return await _narrow(session, everything, base)


def _unrelated(good: str, bad: str, base: str | None) -> str:
    if good == bad:
        return f"the good and the bad revision are the same commit, {bad[:12]}"
    if base == bad:
        return f"the good revision {good[:12]} is newer than the bad one, {bad[:12]}: that would be a search for a fix"
    return f"{good[:12]} and {bad[:12]} have no common history"


async def _narrow(session: _Session, everything: Remaining, good: str) -> BisectResult:
    """Search all commits; where a line that was forked before `good` misleads, only those that descend from it."""
    session.left = everything
    result, misled = await _boundary(session, {good, *everything.parents, *_outer(everything)})
    above = everything.descending(good)
    if not misled or above.order == everything.order:
        return result
    session.notes.append(f"lines forked before {good[:12]} fail as well and were left out")
    session.left = above.tell(session.known())
    result, _ = await _boundary(session, {good, *above.order})
    return result


def _outer(everything: Remaining) -> set[str]:
    """Parents that are no candidates: the good revision or its ancestors."""
    return {parent for parents in everything.parents.values() for parent in parents}


async def _boundary(session: _Session, lines: Collection[str]) -> tuple[BisectResult, bool]:
    """Halve, then confirm with those parents that are in `lines`.

    True beside the result: a parent that was taken for good without a test is bad.
    """
    left = await _halve(session)
    if left.culprit is None:
        few = ", ".join(commit[:12] for commit in left.order[:5])
        more = f" and {len(left.order) - 5} more" if len(left.order) > 5 else ""
        return session.ended(f"only commits that cannot be run are left: it is one of {few}{more}"), False
    culprit = left.culprit
    parents = [parent for parent in left.parents[culprit] if parent in lines]
    before = session.known()
    again = await session.ask_all((culprit, *parents))
    if again[culprit] == "good":
        return session.ended(f"the test is not stable at {culprit[:12]}: it failed, then passed"), False
    failing = [parent for parent in parents if again[parent] == "bad"]
    if failing:
        tested = any(before.get(parent) == "good" for parent in failing)
        return session.ended(_contradiction(culprit, failing, tested=tested)), not tested
    return session.ended(_named(culprit, parents, again), culprit), False


def _contradiction(culprit: str, failing: Sequence[str], *, tested: bool) -> str:
    names = ", ".join(parent[:12] for parent in failing)
    why = "it passed there before, so it is not stable" if tested else "the fault came and went in this history"
    return f"the search led to {culprit[:12]}, but the test fails at its parent {names} too: {why}"


def _named(culprit: str, parents: Sequence[str], again: Mapping[str, Verdict]) -> str:
    unknown = [parent[:12] for parent in parents if again[parent] == "skip"]
    if not parents:
        return f"{culprit[:12]} is the first bad commit; it has no parents"
    if unknown:
        return f"{culprit[:12]} is the first bad commit found; its parent {', '.join(unknown)} cannot be run"
    before = "its parent" if len(parents) == 1 else "its parents"
    return f"{culprit[:12]} is the first bad commit: the test fails there and passes at {before}"


async def _halve(session: _Session) -> Remaining:
    """Test the best commits until no test would tell anything; tests whose answer is implied are cancelled."""
    running: dict[asyncio.Task[Verdict], str] = {}
    left = session.left
    if left is None:
        raise ValueError("there is nothing to halve")
    try:
        while True:
            _fill(session, left, running)
            if not running:
                return left
            session.left = left = left.tell(await _finished(running))
            await _cancel([task for task, commit in running.items() if commit not in left.open])
            running = {task: commit for task, commit in running.items() if not task.done()}
    finally:
        await _cancel(running)


def _fill(session: _Session, left: Remaining, running: dict[asyncio.Task[Verdict], str]) -> None:
    while len(running) < session.workers:
        pivot = left.pick(list(running.values()), session.workers - len(running))
        if pivot is None:
            return
        running[asyncio.create_task(session.ask(pivot))] = pivot


async def _finished(running: dict[asyncio.Task[Verdict], str]) -> dict[str, Verdict]:
    """Wait for at least one test, take the finished ones out and give their verdicts."""
    done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    return {running.pop(task): task.result() for task in done}


async def _cancel(tasks: Collection[asyncio.Task[Verdict]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
