"""A bench for scenarios: a small world of tests whose outcomes depend on the patch and the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.artifacts import Artifacts
from agent.bench import (
    BisectOrder,
    BisectOutcome,
    ChangedLines,
    Emit,
    LoggedFailures,
    SearchOrder,
    SearchOutcome,
    TestOrder,
    TestOutcome,
)
from agent.domain import Prepared, Request
from tools.patches import FileChange, PatchInvalid, parse
from tools.values import Coverage, Crash, Frame, Status, TestResult, TestRun

Outcome = Callable[[str | None, int], Status]
"""(text of the patch applied or None, seed) -> status of a test."""

SOURCE = "def size(items):\n    return len(items) - 1\n"
FIX = (
    "--- a/box.py\n+++ b/box.py\n@@ -1,2 +1,2 @@\n def size(items):\n"
    "-    return len(items) - 1\n+    return len(items)\n"
)
PREPARED = Prepared(
    base="base",
    repository=None,
    commit=None,
    tree="a" * 40,
    dirty=False,
    subdirectory="",
    environment="key",
    language="python",
    framework="pytest",
    sandbox="fake",
)


def always(status: Status) -> Outcome:
    """A test with the same status whatever the patch."""
    return lambda patch, seed: status


def mended_by(text: str) -> Outcome:
    """A test that fails unless the patch contains `text`."""
    return lambda patch, seed: "passed" if patch and text in patch else "failed"


@dataclass
class FakeBench:
    """tests: what each test does; searches: the outcomes of successive searches; calls: what was asked, for asserts."""

    artifacts: Artifacts
    tests: Mapping[str, Outcome]
    searches: Sequence[SearchOutcome] = ()
    bisection: BisectOutcome = field(default_factory=BisectOutcome)
    named: LoggedFailures = field(default_factory=LoggedFailures)
    prepared: Prepared | Exception = PREPARED
    texts: Mapping[str, str] = field(default_factory=lambda: {"box.py": SOURCE})
    calls: list[str] = field(default_factory=list)
    incomplete: bool = False

    async def prepare(self, request: Request) -> Prepared:
        self.calls.append("prepare")
        if isinstance(self.prepared, Exception):
            raise self.prepared
        return self.prepared

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        return self.named

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        self.calls.append(f"test {','.join(order.tests) or '*'} {'patched' if order.patch else 'base'} {order.seed}")
        patch = self.artifacts.text(order.patch) if order.patch else None
        chosen = [test for test in self.tests if not order.tests or test in order.tests]
        results = tuple(self._result(test, self.tests[test](patch, order.seed)) for test in chosen)
        run = TestRun(command=("pytest",), results=results, complete=not self.incomplete, exit_code=0, output="log")
        return TestOutcome(run=run, coverage=self._coverage(chosen) if order.coverage else None)

    @staticmethod
    def _result(test: str, status: Status) -> TestResult:
        crash = None
        if status in ("failed", "error", "timeout"):
            frames = (Frame(file="test_box.py", line=3), Frame(file="box.py", line=2, function="size"))
            crash = Crash(kind="AssertionError", message="assert 1 == 2", frames=frames)
        return TestResult(id=test, status=status, duration_s=0.01, crash=crash, file="test_box.py")

    @staticmethod
    def _coverage(tests: Sequence[str]) -> Coverage:
        return Coverage(tests=tuple(tests), lines={"box.py": {2: tuple(range(len(tests)))}}, imported={"box.py": (1,)})

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:
        self.calls.append(f"search level {order.level}")
        number = sum(call.startswith("search") for call in self.calls) - 1
        return self.searches[number] if number < len(self.searches) else SearchOutcome(tried=10, seconds=0.1)

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:
        self.calls.append(f"bisect {order.good}")
        return self.bisection

    async def changed(self, prepared: Prepared, good: str | None, files: Sequence[str]) -> ChangedLines:
        return ChangedLines()

    async def changes(self, prepared: Prepared, patch: str) -> tuple[FileChange, ...]:
        """Applies a diff of one hunk per file by replacing its old lines."""
        changes = []
        for file in parse(self.artifacts.text(patch)):
            lines = [line for hunk in file for line in hunk]
            old = "".join(line.value for line in lines if not line.is_added)
            text = self.texts.get(file.path, "")
            if old not in text:
                raise PatchInvalid(f"{file.path}: the diff does not apply")
            new = text.replace(old, "".join(line.value for line in lines if not line.is_removed), 1)
            changes.append(FileChange(path=file.path, old=text, new=new))
        return tuple(changes)

    async def sources(self, prepared: Prepared, files: Sequence[str]) -> Mapping[str, str]:
        return {file: self.texts[file] for file in files if file in self.texts}
