"""The culprit commit by bisection, with the failing tests of today as the oracle over trees of the past."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agent.artifacts import Artifacts
from agent.bench import BisectOrder, BisectOutcome, Emit, Progress
from agent.domain import Culprit
from agent.site import Site
from sandbox.protocol import Workspace
from sandbox.source import materialize
from tools.bisect import bisect
from tools.halving import Verdict
from tools.history import History
from tools.testing.run import run_tests
from tools.toolbox.history import BISECT_S
from tools.values import TestResult, TestRun

_ABSENT = {"ImportError", "ModuleNotFoundError", "AttributeError", "NameError", "SyntaxError", "IndentationError"}


@dataclass(frozen=True)
class Hunt:
    """Where to bisect: the place to run tests, our clone's history, and its bad end; name: of the branch that asks."""

    site: Site
    history: History
    bad: str
    artifacts: Artifacts
    emit: Emit
    name: str = ""


async def find_culprit(hunt: Hunt, order: BisectOrder) -> BisectOutcome:
    """Bisect between `order.good` and the bad end.

    The tests' files of the base are laid over each commit: a test that is newer than the bug still tells. A commit at
    which the tests cannot run is skipped. Raises ToolError for a good revision that cannot be used.
    """
    history = hunt.history
    good = await history.resolve(order.good)
    started = time.monotonic()
    mark = f"bisect{hunt.name}-"
    for left in hunt.site.base.parent.glob(f"{mark}*"):  # of an attempt that was killed
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=mark, dir=hunt.site.base.parent))
    trial = _Trial(hunt, order, folder)
    try:
        trial.lay_tests()
        found = await bisect(history, good, hunt.bad, trial.verdict, wall_s=order.wall_s, workers=2, now=time.monotonic)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if found.culprit is None:
        return BisectOutcome(reason=found.reason, already_bad=found.already_bad)
    detail = await history.show(found.culprit)
    culprit = Culprit(
        commit=found.culprit,
        author=detail.summary.author,
        date=detail.summary.date,
        subject=detail.summary.subject,
        diff=hunt.artifacts.put(detail.diff),
        tested=found.tested,
        skipped=found.skipped,
        seconds=round(time.monotonic() - started, 2),
    )
    return BisectOutcome(culprit=culprit, reason=found.reason)


def asking(hunt: Hunt, tests: tuple[str, ...], repeats: int, test_s: float) -> Callable[[str], Awaitable[str]]:
    """What a model's tool asks: a good revision -> the culprit in words, with its diff, or why there is none."""

    async def asked(good: str) -> str:
        order = BisectOrder(good=good, tests=tests, repeats=repeats, wall_s=BISECT_S, test_s=test_s)
        found = await find_culprit(hunt, order)
        if found.culprit is None:
            return found.reason
        one = found.culprit
        head = f"{one.commit[:12]} {one.date[:10]} {one.author}: {one.subject} ({one.tested} commits tested)"
        return f"{head}\n{hunt.artifacts.text(one.diff)}"

    return asked


class _Trial:
    """Runs the tests at commits."""

    def __init__(self, hunt: Hunt, order: BisectOrder, folder: Path) -> None:
        self._site, self._history, self._emit = hunt.site, hunt.history, hunt.emit
        self._order, self._folder = order, folder
        self._number = 0

    def lay_tests(self) -> None:
        """Copy the failing tests' files of the base into a layer of their own."""
        (self._folder / "tests").mkdir()
        for file in dict.fromkeys(test.split("::")[0] for test in self._order.tests):
            source = self._site.base / file
            if source.is_file() and not source.is_symlink():
                target = self._folder / "tests" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)

    async def verdict(self, commit: str) -> Verdict:
        """good: all pass; bad: some fail in two runs; skip: they cannot run here."""
        self._number += 1
        self._emit(Progress(node="localize", text=f"bisecting: commit {commit[:12]}", done=self._number))
        tree = self._folder / f"tree-{self._number}"
        try:
            await materialize(self._history.repository, commit, tree)
            first = judge(await self._run(tree), self._order.tests)
            if first == "bad" and self._order.repeats > 1:
                second = judge(await self._run(tree), self._order.tests)
                return second if second == "bad" else "skip"
            return first
        finally:
            shutil.rmtree(tree, ignore_errors=True)

    async def _run(self, tree: Path) -> TestRun:
        environment = self._site.environment
        layers = (self._folder / "tests", environment.products, tree)
        async with self._site.open(Workspace(layers)) as sandbox:
            run, _ = await run_tests(
                sandbox, environment.recipe.test, tests=self._order.tests, per_test_s=self._order.test_s,
                quota=self._site.quota,
            )  # fmt: skip
        return run


def judge(run: TestRun, tests: tuple[str, ...]) -> Verdict:
    """What a run of the decisive tests says about its commit."""
    known = {result.id: result for result in run.results}
    results = [known.get(test) for test in tests]
    if any(result is None or _cannot_run(result) for result in results):
        return "skip"
    return "bad" if any(result and result.bad for result in results) else "good"


def _cannot_run(result: TestResult) -> bool:
    """It did not get as far as testing: nothing to import, an earlier name, a skipped test."""
    if result.status == "skipped":
        return True
    return result.status == "error" or bool(result.bad and result.crash and result.crash.kind in _ABSENT)
