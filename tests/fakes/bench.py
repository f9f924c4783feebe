"""A bench for scenarios: a small world of tests whose outcomes depend on the patch and the seed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from agent.artifacts import Artifacts
from agent.bench import (
    BisectOrder,
    BisectOutcome,
    ChangedLines,
    DeskOrder,
    Emit,
    Hands,
    LoggedFailures,
    Outlook,
    SearchOrder,
    SearchOutcome,
    TestOrder,
    TestOutcome,
)
from agent.domain import Prepared, Request
from tools.patches import FileChange, PatchInvalid, diff_of, parse
from tools.recreate.values import Drafts
from tools.toolbox.using import Used
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


def _asked(test: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(test == name or test.startswith(f"{name}::") for name in wanted)


def mended_by(text: str) -> Outcome:
    """A test that fails unless the patch contains `text`."""
    return lambda patch, seed: "passed" if patch and text in patch else "failed"


@dataclass
class FakeHands:
    """A desk over texts in memory: edit replaces, read shows, anything else says "ok"; uses: all calls of all desks."""

    texts: dict[str, str]
    uses: list[tuple[str, dict[str, Any]]]
    before: dict[str, str] = field(default_factory=dict)
    sandbox_s: float = 1.0

    def __post_init__(self) -> None:
        self.before = dict(self.texts)

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        self.uses.append((name, dict(arguments)))
        if name == "edit":
            path, old = str(arguments["path"]), str(arguments["old"])
            if old not in self.texts.get(path, ""):
                return Used(text="ERROR: old does not occur", ok=False)
            new = str(arguments["new"])
            self.texts[path] = self.texts[path].replace(old, new, 1) if old else new
            return Used(text="edited", changed=True)
        text = self.texts.get(str(arguments.get("path")), "no such file") if name == "read" else f"ok {number}"
        return Used(text=text, sandbox_s=self.sandbox_s if name in ("run", "run_tests") else 0.0)

    async def diff(self) -> str:
        rows = [FileChange(path=p, old=self.before.get(p), new=text) for p, text in self.texts.items()]
        return diff_of(rows)


@dataclass
class FakeBench:
    """tests: what each test does; searches: the outcomes of successive searches; calls: what was asked, for asserts.

    elsewhere: tests that do not run the function of SOURCE; lost: seeds of runs that give no result; crashes: how
    single tests fail; unwritten: files of tests that run only once they are written; lost_alone: tests without a
    result when they are asked for by name; drafted: ways to repeat what a log shows; pasts: runs at other revisions,
    in turn; others: systems that a model may ask.
    """

    artifacts: Artifacts
    tests: Mapping[str, Outcome]
    searches: Sequence[SearchOutcome] = ()
    bisection: BisectOutcome = field(default_factory=BisectOutcome)
    named: LoggedFailures = field(default_factory=LoggedFailures)
    prepared: Prepared | Exception = PREPARED
    texts: Mapping[str, str] = field(default_factory=lambda: {"box.py": SOURCE})
    calls: list[str] = field(default_factory=list)
    desks: dict[str, DeskOrder] = field(default_factory=dict)
    hands: dict[str, FakeHands] = field(default_factory=dict)
    uses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    incomplete: bool = False
    search_s: float = 0.0
    elsewhere: frozenset[str] = frozenset()
    lost: frozenset[int] = frozenset()
    crashes: Mapping[str, Crash] = field(default_factory=dict)
    unwritten: frozenset[str] = frozenset()
    lost_alone: frozenset[str] = frozenset()
    drafted: Drafts = field(default_factory=Drafts)
    pasts: Sequence[TestOutcome] = ()
    others: Outlook = field(default_factory=Outlook)

    async def prepare(self, request: Request) -> Prepared:
        self.calls.append("prepare")
        if isinstance(self.prepared, Exception):
            raise self.prepared
        return self.prepared

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        return self.named

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        self.calls.append(f"test {','.join(order.tests) or '*'} {'patched' if order.patch else 'base'} {order.seed}")
        if order.seed in self.lost or self.lost_alone & {*order.tests}:
            return TestOutcome(run=TestRun(command=(), results=(), complete=False, note="the sandbox died"))
        patch = self.artifacts.text(order.patch) if order.patch else None
        chosen = [test for test in self.tests if self._there(test, prepared, patch) and _asked(test, order.tests)]
        results = tuple(self._result(test, self.tests[test](patch, order.seed)) for test in chosen)
        run = TestRun(command=("pytest",), results=results, complete=not self.incomplete, exit_code=0, output="log")
        return TestOutcome(run=run, coverage=self._coverage(chosen) if order.coverage else None)

    async def drafts(self, prepared: Prepared, request: Request) -> Drafts:
        self.calls.append("drafts")
        return self.drafted

    async def outlook(self) -> Outlook:
        return self.others

    async def past(self, prepared: Prepared, revision: str, order: TestOrder) -> TestOutcome:
        self.calls.append(f"past {revision}")
        number = sum(call.startswith("past") for call in self.calls) - 1
        return self.pasts[number % len(self.pasts)]

    def _there(self, test: str, prepared: Prepared, patch: str | None) -> bool:
        file = test.split("::", maxsplit=1)[0]
        laid = prepared.written is not None and prepared.written.path == file
        function = test.rpartition("::")[2]
        written = f"+++ b/{file}" in (patch or "") and f"+def {function}(" in (patch or "")
        return file not in self.unwritten or laid or written

    def _result(self, test: str, status: Status) -> TestResult:
        crash = None
        if status in ("failed", "error", "timeout"):
            frames = (Frame(file="test_box.py", line=3), Frame(file="box.py", line=2, function="size"))
            crash = self.crashes.get(test, Crash(kind="AssertionError", message="assert 1 == 2", frames=frames))
        return TestResult(id=test, status=status, duration_s=0.01, crash=crash, file="test_box.py")

    def _coverage(self, tests: Sequence[str]) -> Coverage:
        running = tuple(index for index, test in enumerate(tests) if test not in self.elsewhere)
        return Coverage(tests=tuple(tests), lines={"box.py": {2: running}}, imported={"box.py": (1,)})

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:
        self.calls.append(f"search level {order.level}")
        number = sum(call.startswith("search") for call in self.calls) - 1
        if self.search_s:
            await asyncio.sleep(self.search_s)
        return self.searches[number] if number < len(self.searches) else SearchOutcome(tried=10, seconds=0.1)

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:
        self.calls.append(f"bisect {order.good}")
        return self.bisection

    @asynccontextmanager
    async def desk(self, prepared: Prepared, order: DeskOrder) -> AsyncIterator[Hands]:
        self.desks[order.branch] = order
        hands = FakeHands(dict(self.texts), self.uses)
        self.hands[order.branch] = hands
        yield hands

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
