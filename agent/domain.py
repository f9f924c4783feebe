"""What a diagnosis speaks of: request, failure, evidence, patch, certificate, report.

Frozen values, with no behaviour beyond what follows from their fields.

Long texts (logs, diffs, test runs) are never held here: they are artifacts, named by the sha256 of their bytes.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from agent.words import Cited, Explanation, Hypothesis, Thought, Written, WrittenTest
from tools.guard import Finding
from tools.values import Candidate, Crash, Suspect, TestResult, Value

Sha256 = str
Goal = Literal["patch", "triage"]
Outcome = Literal[
    "verified_patch",
    "diagnosed",
    "inconclusive",
    "not_reproduced",
    "flaky",
    "already_failing",
    "environment_broken",
]
Stability = Literal["stable-fail", "stable-pass", "flaky", "missing"]
PatchSource = Literal["search", "back-out", "given", "model"]

EXIT_CODES: dict[Outcome, int] = {
    "verified_patch": 0,
    "diagnosed": 2,
    "inconclusive": 3,
    "not_reproduced": 4,
    "flaky": 5,
    "already_failing": 6,
    "environment_broken": 7,
}


class Limits(Value):
    """What a run may spend. wall_s, test_s (one test), suite_s (one run of the suite): seconds of wall clock.

    repeats: how often a decisive test is run before and after a patch; candidates: search trials in all; rounds: how
    often the machine may return to propose; workers: parallel sandboxes; memory_mb: per sandbox.
    """

    wall_s: float = Field(default=900.0, gt=0)
    test_s: float = Field(default=30.0, gt=0)
    suite_s: float = Field(default=300.0, gt=0)
    repeats: int = Field(default=5, ge=1, le=50)
    candidates: int = Field(default=40_000, ge=1)
    rounds: int = Field(default=2, ge=1, le=10)
    workers: int = Field(default=2, ge=1, le=64)
    memory_mb: int = Field(default=4096, ge=64)


class Reasoner(Value):
    """The model of a run, and what all its branches together may spend. Neither credentials nor the key are here.

    tokens: prompts and replies; wall_s: seconds of wall clock of one visit; sandbox_s: seconds that its commands run;
    steps: turns of one branch; samples: branches at the same time; thinking and answer: most tokens of each of a turn.
    """

    url: str
    name: str
    tokens: int = Field(default=400_000, ge=1000)
    wall_s: float = Field(default=600.0, gt=0)
    sandbox_s: float = Field(default=600.0, gt=0)
    steps: int = Field(default=24, ge=1, le=200)
    samples: int = Field(default=2, ge=1, le=8)
    thinking: int = Field(default=4096, ge=64)
    answer: int = Field(default=2048, ge=256)


class Request(Value):
    """One thing to diagnose.

    source: path or git URL; rev: revision (None: the tree as it is); good: a revision where the failure was absent;
    tests: ids or one command as typed; log and issue: artifacts with the given texts; allow: guard rules lifted;
    install, test_command, python: overrides of what detection finds; patches: artifacts with diffs to try first;
    image, dockerfile: what Docker sandboxes are made from, in the words of whoever owns the engine, "" for the usual;
    reported_only: failing tests of the suite count only where the issue names them (a model has to show the others);
    ask: whether it may stop and ask a person.
    """

    source: str
    rev: str | None = None
    good: str | None = None
    tests: tuple[str, ...] = ()
    log: Sha256 | None = None
    issue: Sha256 | None = None
    goal: Goal = "patch"
    allow: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    test_command: str | None = None
    python: str | None = None
    patches: tuple[Sha256, ...] = ()
    sandbox: Literal["auto", "bubblewrap", "docker", "none"] = "auto"
    image: str = Field(default="", max_length=500)
    dockerfile: str = Field(default="", max_length=1000)
    limits: Limits = Limits()
    reasoner: Reasoner | None = None
    reported_only: bool = False
    ask: bool = False


class Prepared(Value):
    """The repository at hand: `base` and `repository` are paths relative to the run's directory.

    commit: None for a plain directory; tree: git tree id of exactly what was taken into `base`; environment: cache key;
    written: a test that is laid over the tree for all that is run.
    """

    base: str
    repository: str | None
    commit: str | None
    tree: str
    dirty: bool
    subdirectory: str
    environment: str
    language: str
    framework: str
    sandbox: str
    notes: tuple[str, ...] = ()
    written: Written | None = None


class Evidence(Value):
    """Something observed. id: cited by claims; kind: "test-run", "coverage", "commit", "log", "search", "note"...

    summary: one sentence; artifact: the full text, if any; data: small facts for readers and code.
    """

    id: str
    kind: str
    summary: str
    artifact: Sha256 | None = None
    data: dict[str, str] = Field(default_factory=dict)


class TestHistory(Value):
    """The results of one decisive test over its repeats; seeds[i] is the PYTHONHASHSEED of outcomes[i]."""

    __test__ = False

    id: str
    outcomes: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def stability(self) -> Stability:
        bad = {"failed", "error", "timeout", "crashed"}
        if not self.outcomes or "missing" in self.outcomes:
            return "missing"
        if all(o in bad for o in self.outcomes):
            return "stable-fail"
        if all(o == "passed" for o in self.outcomes):
            return "stable-pass"
        return "flaky"


class FailureGroup(Value):
    """Failing tests that share a signature."""

    signature: str
    tests: tuple[str, ...]


class Failure(Value):
    """What was reproduced: the decisive tests with their histories and crashes, and how the failures group.

    wall_s, test_s: the seconds that those runs and each test in them had. Runs with a patch get no more: a test that
    only needs longer would else fail before and pass after.
    """

    tests: tuple[TestHistory, ...]
    results: tuple[TestResult, ...]
    groups: tuple[FailureGroup, ...] = ()
    wall_s: float
    test_s: float

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(t.id for t in self.tests)

    @property
    def crashes(self) -> tuple[Crash, ...]:
        return tuple(r.crash for r in self.results if r.crash)


class Patch(Value):
    """A proposed change. id: sha256 of the diff's bytes, which is also the artifact that holds it.

    decisive: the failing tests that it is meant to mend (all of the failure's, or those of some groups);
    group: patches with the same number behaved alike in search; dropped: hunks that minimization removed; votes: how
    many branches of thought came to it; doubts: sentences on why it may be wrong although it passes.
    """

    id: Sha256
    source: PatchSource
    description: str
    files: tuple[str, ...]
    decisive: tuple[str, ...]
    candidate: Candidate | None = None
    rank_reason: str = ""
    group: int = 0
    dropped: int = 0
    votes: int = 1
    doubts: tuple[str, ...] = ()


class Verdict(Value):
    """What running a patch showed. `certificate`: artifact, only when verified; doubts: what it did not settle."""

    patch: Sha256
    verified: bool
    reason: str
    before: tuple[TestHistory, ...] = ()
    after: tuple[TestHistory, ...] = ()
    regressions: tuple[str, ...] = ()
    regression_set: int = 0
    findings: tuple[Finding, ...] = ()
    certificate: Sha256 | None = None
    doubts: tuple[str, ...] = ()


class Culprit(Value):
    """The first bad commit of a bisection; tested and skipped count the commits that were run or could not be."""

    commit: str
    author: str
    date: str
    subject: str
    diff: Sha256
    tested: int
    skipped: int
    seconds: float


class NodeTime(Value):
    """Seconds of wall clock that one visit of a node took."""

    node: str
    seconds: float


class SearchSummary(Value):
    """What one search over candidates did."""

    tried: int
    timeouts: int
    plausible: int
    seconds: float
    exhausted: bool
    note: str = ""


class Cost(Value):
    """What the run spent: seconds of wall clock by node, test processes run, candidates tried, tokens of a model."""

    wall_s: float = 0.0
    nodes: dict[str, float] = Field(default_factory=dict)
    candidates: int = 0
    candidates_per_s: float = 0.0
    tokens: int = 0


class Alternative(Value):
    """Another patch that passes the same tests, unverified or not chosen."""

    description: str
    diff: str
    behaves_like_chosen: bool
    distinguishing_input: str = ""


class SuspectRow(Value):
    """A suspect as the report publishes it."""

    file: str
    line: int
    function: str
    score: float
    signals: tuple[str, ...]


class Report(Value):
    """The answer of a run, as published in report.json (schema: `patchwright schema`)."""

    schema_version: Literal[1] = 1
    run: str
    outcome: Outcome
    reason: str
    root_cause: str
    request: Request
    repository: dict[str, str | bool | None]
    failing_tests: tuple[TestHistory, ...]
    failures: tuple[TestResult, ...]
    groups: tuple[FailureGroup, ...]
    suspects: tuple[SuspectRow, ...]
    evidence: tuple[Evidence, ...]
    culprit: Culprit | None
    patch: str | None
    patch_description: str
    verdict: Verdict | None
    certificate: dict[str, Any] | None
    alternatives: tuple[Alternative, ...]
    rejected: tuple[Verdict, ...]
    next_steps: tuple[str, ...]
    cost: Cost
    written_test: WrittenTest | None = None
    explanation: Explanation | None = None


__all__ = [
    "EXIT_CODES",
    "Alternative",
    "Candidate",
    "Cited",
    "Cost",
    "Crash",
    "Culprit",
    "Evidence",
    "Explanation",
    "Failure",
    "FailureGroup",
    "Goal",
    "Hypothesis",
    "Limits",
    "NodeTime",
    "Outcome",
    "Patch",
    "Prepared",
    "Reasoner",
    "Report",
    "Request",
    "SearchSummary",
    "Suspect",
    "SuspectRow",
    "TestHistory",
    "Thought",
    "Verdict",
    "Written",
    "WrittenTest",
]
