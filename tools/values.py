"""Frozen values that the tools exchange: tests and their results, places in code, edits, suspects, candidates.

Paths are POSIX, relative to the workspace. Lines are 1-based. Times are seconds.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError

_SURROGATES = re.compile("[\ud800-\udfff]")


class Value(BaseModel):
    """A frozen value: equal by content, hashable, unknown fields refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self, *, indent: int | None = None) -> str:
        """JSON for `model_validate_json`. What is no Unicode, which JSON has no place for, is spelled out."""
        try:
            return self.model_dump_json(indent=indent)
        except PydanticSerializationError:
            return type(self).model_validate(spelled(self.model_dump())).model_dump_json(indent=indent)


def spelled(value: Any) -> Any:
    r"""Plain data with every byte that was no UTF-8 (a lone surrogate) spelled out in its strings, as `\xe9`."""
    if isinstance(value, str):
        return _SURROGATES.sub(_code, value)
    if isinstance(value, dict):
        return {spelled(name): spelled(item) for name, item in value.items()}
    return type(value)(map(spelled, value)) if isinstance(value, list | tuple) else value


def _code(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


Status = Literal["passed", "failed", "error", "skipped", "timeout", "crashed"]


class Frame(Value):
    """One frame of a traceback, innermost last in its list. `inside`: a file of the workspace, no dependency."""

    file: str
    line: int
    function: str = ""
    inside: bool = True


class Crash(Value):
    """Why a test did not pass. kind: exception class name ("AssertionError"), "Timeout", "ExitCode" or ""."""

    kind: str = ""
    message: str = ""
    frames: tuple[Frame, ...] = ()
    text: str = ""

    @property
    def signature(self) -> str:
        """What groups failures: the kind and the innermost frame inside the workspace (without the line)."""
        inner = next((f for f in reversed(self.frames) if f.inside), None)
        return f"{self.kind}@{inner.file}:{inner.function}" if inner else f"{self.kind}:{self.message[:80]}"


class TestResult(Value):
    """One test of one run. id: the framework's own id (pytest node id, `pkg/TestName`, `module::test`).

    crashed: the process ended in this test (a fatal signal, an exit).
    """

    __test__ = False

    id: str
    status: Status
    duration_s: float = 0.0
    crash: Crash | None = None
    file: str = ""

    @property
    def bad(self) -> bool:
        return self.status in ("failed", "error", "timeout", "crashed")

    @property
    def collecting_late(self) -> bool:
        """Whether this is no test of pytest but the collection of a file, or of all, that ran out of time."""
        timed_out = self.status == "timeout" or (self.bad and self.crash is not None and self.crash.kind == "Timeout")
        return timed_out and "::" not in self.id and (self.id.endswith(".py") or self.id in ("pytest", "."))


class TestRun(Value):
    """One run of a test command. `complete`: it ended by itself within its limits. `command`: argv as run inside.

    Collection errors and import failures are results with status "error" whose id is the file. `log_sha256` names the
    kept output.
    """

    __test__ = False

    command: tuple[str, ...]
    results: tuple[TestResult, ...]
    complete: bool
    exit_code: int | None = None
    wall_s: float = 0.0
    cpu_s: float = 0.0
    output: str = ""
    note: str = ""

    @property
    def collecting_late(self) -> tuple[TestResult, ...]:
        """What was not collected in time: it says how fast the machine was, and nothing of any test."""
        return tuple(r for r in self.results if r.collecting_late)

    @property
    def failing(self) -> tuple[TestResult, ...]:
        return tuple(r for r in self.results if r.bad)

    @property
    def passing(self) -> tuple[TestResult, ...]:
        return tuple(r for r in self.results if r.status == "passed")

    def status_of(self, test_id: str) -> Status | None:
        return next((r.status for r in self.results if r.id == test_id), None)


class Coverage(Value):
    """Which tests executed which lines: tests[i] is a test id; lines[file][line] = sorted indices into tests.

    Lines executed outside any test (imports) are under `imported[file]`.
    """

    tests: tuple[str, ...] = ()
    lines: dict[str, dict[int, tuple[int, ...]]] = Field(default_factory=dict)
    imported: dict[str, tuple[int, ...]] = Field(default_factory=dict)


class Signal(Value):
    """One reason why a place is suspected.

    name: "spectrum", "traceback", "assertion", "change", "blame", "name", "message", "text".
    weight: its share of the score; detail: a sentence for the reader.
    """

    name: str
    weight: float
    detail: str


class Suspect(Value):
    """A statement (first line of it) under suspicion; score in [0, 1], the list is sorted by it, best first."""

    file: str
    line: int
    end_line: int
    function: str
    function_line: int
    score: float
    signals: tuple[Signal, ...] = ()


class Edit(Value):
    """Replace characters [start, end) of the file's text (decoded with newlines as they are) by `text`."""

    file: str
    start: int
    end: int
    text: str


TOGETHER = "edits-belong-together"


class Candidate(Value):
    """A proposed change. template: name of the fix template or source ("compare-operator", "back-out", "model").

    prior: how likely the template is to be right, in (0, 1]; score: prior x suspiciousness, larger is tried first;
    tags: traits that ranking looks at, such as "overfit-prone", "constant-from-test", "deletes-code"; TOGETHER where no
    edit makes sense without the others, so that none is dropped.
    """

    id: str
    edits: tuple[Edit, ...]
    template: str
    line: int
    description: str
    prior: float
    score: float
    tags: tuple[str, ...] = ()
