"""Repeated runs of the same tests: what separates a stable failure from a flaky one.

Each repeat is a fresh sandbox and a fresh process with its own PYTHONHASHSEED, so that the order of sets,
leftover files and module state cannot pass for stability.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from agent.bench import Bench, TestOrder, TestOutcome
from agent.domain import Prepared, TestHistory
from tools.values import TestResult


@dataclass(frozen=True)
class Repeats:
    """Histories in the order of first appearance; `last` holds a bad result of each test if there was one."""

    histories: tuple[TestHistory, ...]
    last: tuple[TestResult, ...]
    outcomes: tuple[TestOutcome, ...]

    @property
    def problem(self) -> str:
        """Why runs could not be made: a patch that does not apply, ids that match nothing."""
        return next((o.problem or o.run.note for o in self.outcomes if o.problem or not o.run.results), "")


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

    `earlier` outcomes count as the first ones. A test that a later run does not report is "missing" in it.
    """
    gate = asyncio.Semaphore(workers)

    async def once(seed: int) -> TestOutcome:
        async with gate:
            return await bench.test(prepared, order.model_copy(update={"seed": seed}))

    fresh = await asyncio.gather(*(once(seed) for seed in range(len(earlier), times)))
    return _collect((*earlier, *fresh), order.tests)


def _collect(outcomes: tuple[TestOutcome, ...], wanted: tuple[str, ...]) -> Repeats:
    tables = [{result.id: result for result in outcome.run.results} for outcome in outcomes]
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
    return Repeats(tuple(histories), tuple(last), outcomes)
