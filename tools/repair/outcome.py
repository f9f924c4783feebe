"""What a search is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sandbox.protocol import Mount, Sandbox
from tools.repair.behaviour import Observations
from tools.values import Candidate

OpenSandbox = Callable[[], AbstractAsyncContextManager[Sandbox]]
Verdict = Literal["survived", "failed", "timeout", "crashed", "cold", "invalid", "damaged", "regressed", "plausible"]

_HOME = Path(__file__).resolve().parent.parent / "inside"
SERVER_MOUNT = Mount(host=_HOME, inside="/patchwright/repair")
SERVER_INSIDE = f"{SERVER_MOUNT.inside}/trial_server.py"
SERVER_ON_HOST = str(_HOME / "trial_server.py")


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """wall_s: seconds for all of it; candidates: most that are tried; workers: servers that run at the same time.

    stop_after: plausible patches that are enough; grace_s: at most so long the search goes on after the first one for
    competitors of at least `competitor` times its score. confirm_s: seconds of passing tests per confirmation;
    baseline_s: CPU seconds after which a failing test counts as hanging; observe_s: seconds of replayed calls per
    patch; memory_bytes: address space that a trial may add. pairs_from: the share of wall_s after which single edits
    give way to pairs of edits while nothing was found.
    """

    wall_s: float = 60.0
    candidates: int = 50_000
    workers: int = 2
    stop_after: int = 8
    grace_s: float = 6.0
    competitor: float = 0.2
    confirm_s: float = 30.0
    baseline_s: float = 10.0
    observe_s: float = 1.0
    memory_bytes: int = 1 << 30
    pairs_from: float = 0.6


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search for edits of `sources` that mend the failing tests and keep the passing ones.

    open_sandbox: makes a sandbox of the repository of its own with SERVER_MOUNT among its mounts (isolating kinds);
    called once per server. python: argv of the repository's interpreter, with pytest installed; cwd: directory of the
    tests, inside or below the workspace (default that); arguments: of pytest beside the choice of tests. failing,
    passing: pytest node ids (or files that fail to be collected); passing: related tests in file order. sources: file
    (relative to the workspace) → text with newlines as they are. seconds: known durations by id; hanging: failing
    tests that never end.
    """

    open_sandbox: OpenSandbox
    python: tuple[str, ...]
    failing: tuple[str, ...]
    passing: tuple[str, ...]
    sources: Mapping[str, str]
    cwd: str | None = None
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    hanging: frozenset[str] = frozenset()
    limits: SearchLimits = field(default_factory=SearchLimits)


@dataclass(frozen=True, slots=True)
class Plausible:
    """A candidate that passed all failing tests, alone, and then `checked` of `related` passing tests.

    excluded: passing tests that fail on the original code as well when run this way, so that they say nothing.
    at_s: seconds after the start of the search; fresh: its module was imported anew (else its functions were swapped).
    """

    candidate: Candidate
    failing_passed: tuple[str, ...]
    checked: int
    related: int
    excluded: tuple[str, ...] = ()
    at_s: float = 0.0
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class PartialFix:
    """A candidate that mends some of the failing tests."""

    candidate: Candidate
    mends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a search is."""

    tried: int
    plausible: int
    seconds: float
    candidates_per_second: float
    phase: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """plausible: in the order they were found (rank.py orders them); observations: how they behave.

    tried: candidates with a verdict; timeouts: those that never ended in time; rejected: survivors that broke a passing
    test; exhausted: every candidate was tried; cpu_s: CPU seconds of the servers; notes: what went wrong, for people.
    """

    plausible: tuple[Plausible, ...]
    observations: Observations
    partial: tuple[PartialFix, ...] = ()
    tried: int = 0
    timeouts: int = 0
    crashes: int = 0
    rejected: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    exhausted: bool = False
    notes: tuple[str, ...] = ()

    @property
    def candidates_per_second(self) -> float:
        return self.tried / self.seconds if self.seconds > 0 else 0.0


Failure = Mapping[str, Any]
"""What the server says of a failure: kind, message, file, function, line, at (line of the test), depth."""
