"""What a CI log tells: steps, the first real error, the failing command, test ids, versions. Lines are 1-based."""

from __future__ import annotations

from typing import Literal

from tools.values import Value

Kind = Literal[
    "test", "compile", "types", "lint", "dependencies", "build", "environment", "crash", "infrastructure", "unknown"
]
System = Literal["actions", "gitlab", "jenkins", "terminal"]
StepKind = Literal["set-up", "run", "action", "post"]
Infrastructure = Literal[
    "",
    "runner-lost",
    "cancelled",
    "timeout",
    "disk-full",
    "out-of-memory",
    "network",
    "rate-limit",
    "service",
    "set-up",
]


class Annotation(Value):
    """A message that a program gave the CI system. file and line are where it says, "" and 0 where it does not."""

    level: Literal["error", "warning", "notice"]
    message: str
    file: str = ""
    line: int = 0


class Version(Value):
    """A tool or a dependency that the log names. ecosystem: "tool", "pip", "npm", "cargo", "go"."""

    ecosystem: str
    name: str
    version: str


class Step(Value):
    """A step of a job. command: its script, or `uses NAME` of an action; environment: names of variables, no values.

    exit_code: as its end says, None where it does not; failed: whether it ended in an error; first_line, last_line: of
    the log (of its own file, in an archive with a file per step, whose path is `source`).
    """

    number: int
    name: str
    kind: StepKind
    command: str = ""
    shell: str = ""
    environment: tuple[str, ...] = ()
    exit_code: int | None = None
    failed: bool = False
    first_line: int = 1
    last_line: int = 1
    annotations: tuple[Annotation, ...] = ()
    source: str = ""


class Finding(Value):
    """What went wrong. tool: whose output says so; error: its first real error; line: where that is in the log.

    tests: ids of failing tests, as the tool or our parsers of its reports name them; infrastructure: why, where it was
    not the code; command: what failed.
    """

    tool: str
    kind: Kind
    error: str
    line: int = 0
    tests: tuple[str, ...] = ()
    infrastructure: Infrastructure = ""
    command: str = ""


class JobLog(Value):
    """One job's log, read. failing: number of the step that failed the job; finding: None where nothing failed.

    versions: of toolchains; dependencies: what was installed; output: the failing step's text, cleaned, its middle left
    out above about 1.5 MB; complete: the log has its end.
    """

    system: System
    name: str = ""
    steps: tuple[Step, ...] = ()
    failing: int | None = None
    finding: Finding | None = None
    versions: tuple[Version, ...] = ()
    dependencies: tuple[Version, ...] = ()
    output: str = ""
    lines: int = 0
    complete: bool = True


class RunLog(Value):
    """The jobs of an archive, in its order. notes: what was left out, and why."""

    jobs: tuple[JobLog, ...] = ()
    notes: tuple[str, ...] = ()
