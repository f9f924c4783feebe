"""Of a job's steps the one that failed it, and what its text says: tool, first real error, command, tests."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tools.ci.markers import annotation_of
from tools.ci.plain import MAX_LINE, passable, plain, told
from tools.ci.shapes.infrastructure import of_exit, of_machine, of_runner
from tools.ci.shapes.registry import what_failed
from tools.ci.shapes.shape import Lines, Match
from tools.ci.values import Finding, Infrastructure, Step
from tools.ci.window import Window

MAX_WIDTH = 1_000  # characters of a line that patterns see: some take quadratic time in it
NEAR = 1_500  # characters around a package manager's verdict in which the network is to blame
_FOLLOWS = re.compile(
    r"upload|artifact|codecov|coveralls|report|publish|notify|slack|cache|summary|clean", re.IGNORECASE
)
_ERROR = re.compile(
    r"^[^\n]*(?:\b(?:error|ERROR|Error|fatal|FATAL|panic|FAILED|Exception)\b|\w(?:Error|Exception)\b)[^\n]*$",
    re.MULTILINE,
)
_LONG = re.compile(rf"^([^\n]{{{MAX_WIDTH}}})[^\n]+", re.MULTILINE)
_IMAGE_BUILD = re.compile(r"^#\d+ (?:\d+\.\d+ )?(?!\[|ERROR|DONE|CACHED|sha256)", re.MULTILINE)
_WORKSPACE = re.compile(
    r"^(?:@?[\w./-]{1,80}:(?:test|build|lint|check|typecheck)\S{0,20}: |[\w-]{1,60}-\d+ +\| )", re.MULTILINE
)
_TRACE = re.compile(r"^\++ (\S[^\n]*)$", re.MULTILINE)
_RUNNERS = re.compile(
    r"\b(?:npm|pnpm|yarn|make|tox|nox|just|task|mvnw?|gradlew?|bazel|pytest|cargo|go|dotnet|rake)\b|^\./"
)


def stopper(steps: Sequence[Step], tolerated: frozenset[str] = frozenset()) -> Step | None:
    """The step that failed the job: the last that failed, unless it only follows up (uploads, reports) on another one.

    tolerated: names of steps that may fail (continue-on-error in the workflow's file).
    """
    failed = [step for step in steps if step.failed and step.kind != "post" and step.name not in tolerated]
    main = [
        step for step in failed if not (step.kind == "action" or _FOLLOWS.search(f"{step.name} {step.command[:200]}"))
    ]
    return main[-1] if main else failed[0] if failed else None


def readable(window: Window) -> Lines:
    """A step's kept output as text, without the prefixes that image builds and workspace runners put before lines."""
    pieces = [(number, _LONG.sub(r"\1", plain(block))) for number, block in window.pieces()]
    if any("#1 [" in piece or "load build definition" in piece for _, piece in pieces):
        pieces = [(number, _IMAGE_BUILD.sub("", piece)) for number, piece in pieces]
    return Lines([(number, _WORKSPACE.sub("", piece)) for number, piece in pieces])


def speaks_of_error(window: Window) -> bool:
    """Whether any line of a step's kept output is like an error."""
    return bool(_ERROR.search(readable(window).text))


def finding_of(step: Step, window: Window, lines: Lines | None = None) -> Finding:
    """What a failed step says. Programs can forge markers: tools' verdicts and the runner's last lines decide."""
    lines = lines or readable(window)
    text = lines.text
    runner = _runner_said(window)
    match = what_failed(text)
    if runner is not None:
        return _infrastructure(step, runner[0], runner[1], step.last_line, match)
    trouble = _trouble(text, match, step)
    if trouble is not None:
        return _infrastructure(step, trouble[0], trouble[1], lines.number(trouble[2]), match)
    if match is not None:
        return Finding(
            tool=match.shape.tool,
            kind=match.shape.kind,
            error=_said(match.error),
            line=lines.number(match.at),
            tests=tuple(passable(test, 1_000) for test in match.tests),
            command=command_of(step, text, match),
        )
    if name := of_exit(step.exit_code):
        said = f"exit code {step.exit_code}"
        return _infrastructure(step, name, said, step.last_line, None)
    error, place = _unknown(step, text)
    return Finding(tool="", kind="unknown", error=error, line=lines.number(place), command=command_of(step, text, None))


def _said(error: str) -> str:
    return told(" ".join(error.split()), 600)


def _infrastructure(step: Step, name: Infrastructure, said: str, line: int, match: Match | None) -> Finding:
    tool = match.shape.tool if match else "runner"
    tests = tuple(passable(test, 1_000) for test in match.tests) if match else ()
    error = told(said.removeprefix("##[error]"), 600)
    command = command_of(step, "", match)
    return Finding(
        tool=tool, kind="infrastructure", error=error, line=line, infrastructure=name, command=command, tests=tests
    )


def _runner_said(window: Window) -> tuple[Infrastructure, str] | None:
    """The runner's own reason among the last lines of the step."""
    lines = [line for line in plain(window.end(4_096)).split("\n") if line.strip()]
    for line in reversed(lines[-4:]):
        name = of_runner(line)
        if name:
            return _strongest(lines[-4:], name, line)
    return None


def _strongest(lines: Sequence[str], name: Infrastructure, line: str) -> tuple[Infrastructure, str]:
    """A cancelled step often says before why it was cancelled."""
    for other in lines:
        found = of_runner(other)
        if found and found != "cancelled":
            return found, other
    return name, line


def _trouble(text: str, match: Match | None, step: Step) -> tuple[Infrastructure, str, int] | None:
    """A trouble with the machine that weighs more than what a tool says about it."""
    if match is None or match.shape.rank >= 2:
        return of_machine(text, outright=False)
    if match.shape.kind in ("dependencies", "build"):
        start = max(0, match.at - NEAR)
        near = of_machine(text[start : match.place + NEAR], outright=False)
        return (near[0], near[1], near[2] + start) if near else None
    outright = of_machine(text, outright=True)
    if outright is None:
        return None
    builds = match.shape.kind == "compile" and outright[2] > match.at and "|" not in outright[1]
    said = outright[2] > match.place or of_machine(match.error, outright=True) or step.exit_code == 137
    return outright if builds or said else None


def _unknown(step: Step, text: str) -> tuple[str, int]:
    """Where no tool is known: the last error that a program gave the CI system, or the first line like an error."""
    errors = [annotation for annotation in step.annotations if annotation.level == "error"]
    if errors:
        place = max(0, text.rfind(errors[0].message[:80]))
        return errors[0].message, place
    tail = max(0, len(text) - 200_000)
    found = next(
        (match for match in _ERROR.finditer(text, tail) if annotation_of(match[0]) or not match[0].startswith("##[")),
        None,
    )
    if found:
        return told(found[0][:MAX_LINE].strip(), 600), found.start()
    said = [line for line in text.split("\n") if line.strip() and not line.startswith("##[")]
    last = said[-1].strip() if said else ""
    return told(last, 600), max(0, text.rfind(last))


def command_of(step: Step, text: str, match: Match | None) -> str:
    """The line of the step's script that failed: the one that runs the tool, else the last one that was traced."""
    script = [line.strip() for line in re.sub(r"\s*\\\n\s*", " ", step.command).split("\n")]
    script = [line for line in script if line and not line.startswith("#")]
    if len(script) <= 1:
        return script[0] if script else ""
    if match is not None:
        direct = [
            line
            for line in script
            if re.search(rf"\b{re.escape(match.shape.tool)}\b", line) and match.shape.command.search(line)
        ]
        chosen = direct or [line for line in script if match.shape.command.search(line)]
        if chosen:
            return chosen[-1]
    traced = [found[1] for found in _TRACE.finditer(text[:200_000]) if found[1] in script]
    if traced:
        return traced[-1]
    return next((line for line in reversed(script) if _RUNNERS.search(line)), script[-1])
