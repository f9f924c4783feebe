"""The workbench protocol: every effect that a diagnosis has on the world, in a few calls.

Nodes decide; the bench runs. Orders and results are plain values, so that a run can be recorded and replayed
(`agent/record.py`) and a scenario can be scripted (`tests/fakes/bench.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from pydantic import Field

from agent.domain import Culprit, Prepared, Request
from agent.model import ToolSpec
from tools.patches import FileChange
from tools.recreate.values import Drafts
from tools.toolbox.using import Used
from tools.values import Candidate, Coverage, Crash, Suspect, TestRun, Value


class TestOrder(Value):
    """Run tests once, in one fresh sandbox.

    tests: ids (empty: the whole suite); patch: artifact with a diff to apply first; seed: PYTHONHASHSEED;
    coverage: record which test executes which line; wall_s and test_s: limits of the run and of one test, in seconds.
    """

    __test__ = False

    tests: tuple[str, ...] = ()
    patch: str | None = None
    seed: int = 0
    coverage: bool = False
    wall_s: float
    test_s: float


class TestOutcome(Value):
    """The run; coverage only when ordered and obtained. `problem`: why the patch could not be applied (no run then)."""

    __test__ = False

    run: TestRun
    coverage: Coverage | None = None
    problem: str = ""


class SearchOrder(Value):
    """Search for edits that mend `failing` and keep `related` passing. level: 1 first; higher ones look wider.

    hanging: those of the failing tests that did not end within their limit; culprit: the diff (artifact) of the commit
    whose parts may be taken back.
    """

    failing: tuple[str, ...]
    hanging: frozenset[str] = frozenset()
    culprit: str | None = None
    related: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    crashes: tuple[Crash, ...]
    files: tuple[str, ...]
    test_files: tuple[str, ...]
    level: int = 1
    wall_s: float
    candidates: int
    workers: int
    test_s: float


class Plausible(Value):
    """A candidate that passed all of `mends` and all related tests, as a diff, in rank order.

    group: patches with the same group behaved alike on all recorded and mutated inputs; distinguishing: an input on
    which it differs from the first one; doubts: sentences on why it may be wrong although it passes.
    """

    candidate: Candidate
    diff: str
    mends: tuple[str, ...]
    group: int = 0
    reason: str = ""
    distinguishing: str = ""
    doubts: tuple[str, ...] = ()


class SearchOutcome(Value):
    """plausible: best first; partial: the largest sets of failing tests that single candidates mended."""

    plausible: tuple[Plausible, ...] = ()
    partial: tuple[tuple[str, ...], ...] = ()
    tried: int = 0
    timeouts: int = 0
    seconds: float = 0.0
    exhausted: bool = False
    note: str = ""


class BisectOrder(Value):
    """Find the first commit after `good` at which `tests` fail stably."""

    good: str
    tests: tuple[str, ...]
    repeats: int
    wall_s: float
    test_s: float


class BisectOutcome(Value):
    """culprit: None when it could not be found; reason says why; already_bad: the good revision fails as well."""

    culprit: Culprit | None = None
    reason: str = ""
    already_bad: bool = False


class ChangedLines(Value):
    """Lines of the base that recent history touched: file -> line -> weight in (0, 1], newest highest."""

    lines: dict[str, dict[int, float]] = Field(default_factory=dict)
    note: str = ""


class DeskOrder(Value):
    """A desk for one branch of thought. logs: (name, artifact) of texts it may look into; test_s: of one test, seconds;
    protected: files that no patch may touch; writes: the framework of which one new test may be written there, and
    nothing else edited ("" where code is mended); asks: whether other systems can be asked from it.
    """

    branch: str
    suspects: tuple[Suspect, ...]
    failing: tuple[str, ...]
    protected: tuple[str, ...]
    logs: tuple[tuple[str, str], ...] = ()
    writes: str = ""
    asks: bool = False
    test_s: float


class Hands(Protocol):
    """What a model can do at a desk: use its tools, and leave a changed tree behind."""

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        """Use a tool; number: of the call within the branch. Never raises for what the model asked."""

    async def diff(self) -> str:
        """The changes made so far, as a unified diff; "" for none."""


class Outlook(Value):
    """Other systems that a model may ask. tools: what it may call; notes: which could not be asked, and why."""

    tools: tuple[ToolSpec, ...] = ()
    notes: tuple[str, ...] = ()


class Sights(Protocol):
    """Other systems, asked through tools."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What a model may call."""

    @property
    def notes(self) -> Sequence[str]:
        """What could not be asked, and why."""

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        """One question. Never raises for what a model or a system says."""


class Progress(Value):
    """Something to show while a node works: what happens, and how far it is (done of total, 0 = unknown)."""

    node: str
    text: str
    done: int = 0
    total: int = 0


Emit = Callable[[Progress], None]


class Bench(Protocol):
    """Where a diagnosis touches the world."""

    async def prepare(self, request: Request) -> Prepared:
        """Check the source out, build its environment. Raises SourceInvalid, EnvironmentUnknown, EnvironmentBroken."""

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        """Which tests the request's arguments and log name, and what the log shows."""

    async def drafts(self, prepared: Prepared, request: Request) -> Drafts:
        """Ways to repeat what the request's log shows of a failure in service, from the base's own sources."""

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        """Run tests; never raises for what they do."""

    async def past(self, prepared: Prepared, revision: str, order: TestOrder) -> TestOutcome:
        """Run tests at another revision, in the environment of the base; the order's patch only adds files.

        Never raises for what they do, nor for a revision that cannot be used: its `problem` says so.
        """

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:
        """Search for repairs."""

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:
        """Find the culprit commit."""

    def desk(self, prepared: Prepared, order: DeskOrder) -> AbstractAsyncContextManager[Hands]:
        """A desk with a sandbox of its own, which leaving the context ends."""

    async def outlook(self) -> Outlook:
        """Other systems that the model of this run may ask at its desks."""

    async def changed(self, prepared: Prepared, good: str | None, files: Sequence[str]) -> ChangedLines:
        """What recent history (or the difference to a good revision) touched."""

    async def changes(self, prepared: Prepared, patch: str) -> tuple[FileChange, ...]:
        """The files that a patch (artifact) changes on the base, before and after. Raises PatchInvalid."""

    async def sources(self, prepared: Prepared, files: Sequence[str]) -> Mapping[str, str]:
        """Texts of files of the base, those that exist and are text of a sane size."""


class LoggedFailures(Value):
    """tests: ids to run, in order; crashes: what a given log shows; summary: one line of the log that says most."""

    tests: tuple[str, ...] = ()
    crashes: tuple[Crash, ...] = ()
    summary: str = ""
