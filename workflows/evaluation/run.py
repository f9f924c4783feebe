"""Running many tasks, some at a time; those that have ended before are not run again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from workflows.evaluation.results import Results, Row
from workflows.evaluation.tasks import Task


class Attempt(Protocol):
    """Whoever works on a task."""

    async def __call__(self, task: Task, /) -> Row:
        """Work on it to its end; what goes wrong is a row of verdict "failed"."""


async def evaluate(
    tasks: Sequence[Task], results: Results, attempt: Attempt, *, parallel: int, say: Callable[[str], None]
) -> None:
    """Work on all tasks that have not ended before, at most `parallel` at a time. Cancelling ends those at work."""
    left = [task for task in tasks if not results.finished(task)]
    if len(left) < len(tasks):
        say(f"{len(tasks) - len(left)} of {len(tasks)} tasks have ended before and are not run again")
    turn = asyncio.Semaphore(parallel)
    done = len(tasks) - len(left)

    async def work(task: Task) -> None:
        nonlocal done
        async with turn:
            row = await attempt(task)
            results.add(row)
            done += 1
            say(f"{done} of {len(tasks)}: {task.id}: {row.verdict} ({row.outcome or row.problem}), {row.seconds:.1f} s")

    async with asyncio.TaskGroup() as group:
        for task in left:
            group.create_task(work(task))
