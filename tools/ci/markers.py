"""The CI systems' own lines: how a step ended, and the annotations that programs left."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.ci.plain import MAX_LINE, passable, plain, told
from tools.ci.values import Annotation, System
from tools.ci.window import Window

MAX_ANNOTATIONS = 100
_EXITED = re.compile(r"^##\[error\]Process completed with exit code (-?\d{1,10})\.$")
_ENDS: dict[System, re.Pattern[str]] = {
    "gitlab": re.compile(
        r"^ERROR: Job failed(?: \(system failure\))?: (?:.*?(?:exit (?:code|status)|code) (\d{1,10}))?"
    ),
    "jenkins": re.compile(r"^(?:ERROR: script returned exit code (\d{1,10})|Finished: (?:FAILURE|UNSTABLE|ABORTED))"),
    "terminal": re.compile(
        r"^(?:exit(?:ed)?(?: with)?(?: code| status)?:? (\d{1,3})|Error: Process completed with exit code (\d{1,3})\.)$"
    ),
}
_COMMAND = re.compile(
    r"^(?:##\[(?P<old>error|warning|notice)\]|::(?P<level>error|warning|notice)(?: (?P<where>[^:\n]*))?::)(?P<text>.*)$"
)
_PROPERTY = re.compile(r"(?:^|,)\s?(file|line)=([^,]{1,400})")
_ESCAPES = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_AFTER = ("Cleaning up orphan processes", "Terminate orphan process")


def ended(end: bytes, system: System) -> tuple[int | None, bool]:
    """(exit code, whether it failed) of a step whose output ends so. Only its last lines are believed."""
    lines = [line.strip() for line in plain(end).split("\n") if line.strip()]
    if system == "actions":
        while lines and lines[-1].startswith(_AFTER):  # of the runner, in a job whose steps have nothing to clean up
            lines.pop()
        last = lines[-1] if lines else ""
        exited = _EXITED.match(last)
        return (int(exited[1]), int(exited[1]) != 0) if exited else (None, last.startswith("##[error]"))
    for line in reversed(lines[-12:]):
        match = _ENDS[system].match(line)
        if match:
            code = next((group for group in match.groups() if group), None)
            if code is not None:
                return int(code), int(code) != 0
            return _code_before(lines, system), True
    return None, False


def _code_before(lines: list[str], system: System) -> int | None:
    found = [match[1] for line in lines if (match := _ENDS[system].match(line)) and match[1]]
    return int(found[-1]) if found else None


def annotations_in(window: Window) -> tuple[Annotation, ...]:
    """Errors, warnings and notices that a step's output has as commands, without the runner's own last word."""
    found: dict[Annotation, None] = {}
    for _, block in window.pieces():
        if b"##[" not in block and b"::" not in block:
            continue
        for annotation in _annotations(block):
            found[annotation] = None
            if len(found) >= MAX_ANNOTATIONS:
                return tuple(found)
    return tuple(found)


def _annotations(block: bytes) -> Iterator[Annotation]:
    for mark in (b"##[error]", b"##[warning]", b"##[notice]", b"::error", b"::warning", b"::notice"):
        place = block.find(mark)
        count = 0
        while place >= 0 and count < MAX_ANNOTATIONS:
            start = block.rfind(b"\n", 0, place) + 1
            end = block.find(b"\n", place) + 1 or len(block)
            annotation = annotation_of(plain(block[start:end][: 4 * MAX_LINE]).rstrip("\n"))
            if annotation:
                yield annotation
            count += 1
            place = block.find(mark, end)


def annotation_of(line: str) -> Annotation | None:
    """The annotation that a cleaned line is, if it is one."""
    match = _COMMAND.match(line)
    if match is None or _EXITED.match(line):
        return None
    level = match["old"] or match["level"]
    message = match["text"]
    for code, character in _ESCAPES:
        message = message.replace(code, character)
    where: dict[str, str] = dict(_PROPERTY.findall(match["where"] or ""))
    number = where.get("line", "")
    return Annotation(
        level=level,  # type: ignore[arg-type]
        message=told(message, 1_000),
        file=passable(where.get("file", ""), 400),
        line=int(number) if number.isdecimal() and len(number) < 9 else 0,
    )
