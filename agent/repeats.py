"""Repeated runs of the same tests: what separates a stable failure from a flaky one.

Each repeat is a fresh sandbox and a fresh process with its own PYTHONHASHSEED, so that the order of sets,
leftover files and module state cannot pass for stability. A run whose tests were not collected in time, as happens on a
busy machine, is made once more with twice the time; what is late then is told and counts as no result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from agent.bench import Bench, TestOrder, TestOutcome
from agent.domain import Prepared, TestHistory
from tools.values import TestResult, TestRun

LEAST_PATIENCE_S, PATIENCE = 3.0, 20.0
MORE_TIME = 2.0


@dataclass(frozen=True)
class Repeats:
    """Histories in the order of first appearance; `last` holds a bad result of each test if there was one.

    test_s: seconds that a test had in the shortest of the runs.
    """

    histories: tuple[TestHistory, ...]
    last: tuple[TestResult, ...]
    outcomes: tuple[TestOutcome, ...]
    test_s: float

    @property
    def problem(self) -> str:
        """Why runs could not be made: a patch that does not apply, ids that match nothing, a collection without end."""
        failed = (o for o in self.outcomes if o.problem or not o.run.results)
        return next((o.problem or o.run.note for o in failed), "") or self.late

    @property
    def late(self) -> str:
        """What was not collected in time; "" when everything was."""
        return next((say_late(outcome.run) for outcome in self.outcomes if outcome.run.collecting_late), "")

    @property
    def without_result(self) -> int:
        """How many of the runs gave no result of a test."""
        return sum(all(r.collecting_late for r in outcome.run.results) for outcome in self.outcomes)


def say_late(run: TestRun) -> str:
    """One sentence about what a run did not collect in time."""
    first = run.collecting_late[0]
    what = "the tests were" if first.id in ("pytest", ".") else f"{first.id} was"
    said = first.crash.message if first.crash else "no end within its limit"
    return f"{what} not collected in time ({said}): the import may hang, or the machine be too busy"


async def repeat(
    bench: Bench,
    prepared: Prepared,
    order: TestOrder,
    *,
    times: int,
    workers: int,
    earlier: tuple[TestOutcome, ...] = (),
) -> Repeats:
    """Run `order` until there are `times` outcomes, `workers` at a time, with seeds 0, 1, 2...

    `earlier` outcomes count as the first ones. A test that a later run does not report is "missing" in it. Where a
    test took its whole limit in the first run, the later runs give it less. When not even the first collects its tests
    in time, it stays the only one.
    """
    gate = asyncio.Semaphore(workers)

    async def once(seed: int, test_s: float) -> TestOutcome:
        async with gate:
            outcome = await bench.test(prepared, order.model_copy(update={"seed": seed, "test_s": test_s}))
            if not outcome.run.collecting_late:
                return outcome
            longer = {"seed": seed, "test_s": order.test_s * MORE_TIME, "wall_s": order.wall_s * MORE_TIME}
            return await bench.test(prepared, order.model_copy(update=longer))

    first = earlier or (await once(0, order.test_s),)
    if not earlier and first[0].run.collecting_late:
        return _collect(first, order.tests, order.test_s)
    limit = patience(first, order.test_s)
    fresh = await asyncio.gather(*(once(seed, limit) for seed in range(len(first), times)))
    return _collect((*first, *fresh), order.tests, limit)


def patience(outcomes: Sequence[TestOutcome], test_s: float) -> float:
    """Seconds that a test gets which may hang as it did before: well above what tests that ended took."""
    results = [result for outcome in outcomes for result in outcome.run.results if not result.collecting_late]
    if all(result.status != "timeout" for result in results):
        return test_s
    slowest = max((result.duration_s for result in results if result.status != "timeout"), default=0.0)
    return min(test_s, max(LEAST_PATIENCE_S, PATIENCE * slowest))


def _collect(outcomes: tuple[TestOutcome, ...], wanted: tuple[str, ...], test_s: float) -> Repeats:
    tables = [{r.id: r for r in outcome.run.results if not r.collecting_late} for outcome in outcomes]
    ids = dict.fromkeys(test for table in tables for test in table)
    if wanted and all(test in ids for test in wanted):
        ids = dict.fromkeys(wanted)
    seeds = tuple(range(len(tables)))
    histories, last = [], []
    for test in ids:
        results = [table.get(test) for table in tables]
        histories.append(
            TestHistory(id=test, outcomes=tuple(r.status if r else "missing" for r in results), seeds=seeds)
        )
        seen = [r for r in results if r]
        last.append(next((r for r in seen if r.bad), seen[0]))
    return Repeats(tuple(histories), tuple(last), outcomes, test_s)
