"""TAP 12 to 14 as results: node:test, tape, prove, tap; nested subtests become `parent > child`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id, clip
from tools.testing.frames import crash_in, frames_in
from tools.testing.paths import Paths
from tools.values import Crash, Frame, Status, TestResult

MAX_TEXT = 64 << 20
MAX_TESTS = 200_000
MAX_DEPTH = 40
MAX_BLOCK = 2_000  # lines
SEPARATOR = " > "
_POINT = re.compile(r"^( {0,160})(not )?ok\b(?: (\d{1,9}))?(?: ?- )?(.*)$")
_DIRECTIVE = re.compile(r"(?<!\\)# *(skip|todo|time=)(?=\W|$|\d)(.*)$", re.IGNORECASE)
_SUBTEST = re.compile(r"^( {0,160})# Subtest: (.*)$")
_COMMENT = re.compile(r"^ {0,160}# ?(.*)$")
_PLACE = re.compile(r"^(.{1,1000}?):(\d{1,9})(?::\d{1,9})?$")


@dataclass(slots=True)
class _Point:
    """One test point as printed. block: its YAML lines; said: comments before it; summary: it sums up subtests."""

    passed: bool
    name: str
    directive: str
    block: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    parents: tuple[str, ...] = ()
    summary: bool = False


def parse_tap(text: str, paths: Paths | None = None) -> tuple[TestResult, ...]:
    """The test points of a TAP stream; empty when it is none.

    Points that sum up subtests are left out, unless one failed and nothing below any did. `Bail out!` is a result of
    its own. A file that failed as a whole (node) has its path as id.
    """
    where = paths or Paths()
    points = list(_points(clip(text, MAX_TEXT).split("\n")))
    results = [_result(point, where) for point in points if not point.summary]
    if not any(result.bad for result in results):
        results += [_result(point, where) for point in points if point.summary and not point.passed]
    bail = re.search(r"^ {0,160}Bail out!(.*)$", text, re.MULTILINE)
    if bail:
        crash = Crash(kind="BailOut", message=clean(bail[1].strip(), MESSAGE))
        results.append(TestResult(id="Bail out!", status="error", crash=crash))
    return tuple(results)


def _points(lines: Sequence[str]) -> Iterator[_Point]:
    """Test points with their parents' names. A subtest's points are printed before the point that sums it up."""
    groups: dict[int, list[_Point]] = {}
    names: dict[int, str] = {}
    said: list[str] = []
    number, count = 0, 0
    while number < len(lines) and count < MAX_TESTS:
        line = lines[number][:10_000].rstrip("\r")
        number += 1
        match, named, comment = _POINT.match(line), _SUBTEST.match(line), _COMMENT.match(line)
        if named:
            names[len(named[1]) // 4] = named[2].strip()
        elif comment:
            said = [*said[-200:], comment[1]]
        elif match and len(match[1]) // 4 <= MAX_DEPTH:
            point = _read_point(match, said)
            number = _read_block(lines, number, len(match[1]), point)
            said = []
            count += 1
            yield from _place(groups, point, len(match[1]) // 4)
    for depth in sorted(groups):  # the run was cut off before these were summed up
        missing = tuple(names[above] for above in range(depth) if above in names)
        for point in groups[depth]:
            point.parents = (*missing, *point.parents)
            yield point


def _place(groups: dict[int, list[_Point]], point: _Point, depth: int) -> Iterator[_Point]:
    """Put a point above the deeper ones that came before it; complete trees are handed on."""
    below = [inner for deeper in sorted(groups) if deeper > depth for inner in groups.pop(deeper)]
    for inner in below:
        inner.parents = (point.name, *inner.parents)
    point.summary = bool(below)
    if depth == 0:
        yield from (*below, point)
    else:
        groups.setdefault(depth, []).extend((*below, point))


def _read_point(match: re.Match[str], said: list[str]) -> _Point:
    found = _DIRECTIVE.search(match[4])
    name = match[4][: found.start()] if found else match[4]
    name = re.sub(r"\\([#\\])", r"\1", name).strip()
    return _Point(match[2] is None, name or (match[3] or ""), found[1].lower() if found else "", said=said)


def _read_block(lines: Sequence[str], number: int, margin: int, point: _Point) -> int:
    """Read the YAML block that follows a point, if one does; the number of the line after it."""
    if number >= len(lines) or not re.match(rf"^ {{{margin + 1},{margin + 4}}}---\s*$", lines[number]):
        return number
    indent = len(lines[number]) - len(lines[number].lstrip())
    for end in range(number + 1, min(number + MAX_BLOCK, len(lines))):
        if lines[end].strip() == "..." and len(lines[end]) - len(lines[end].lstrip()) <= indent:
            point.block = [line[indent : indent + 10_000].rstrip("\r") for line in lines[number + 1 : end]]
            return end + 1
    return number


def _result(point: _Point, paths: Paths) -> TestResult:
    data = _diagnostics(point.block)
    status: Status = "passed" if point.passed else "failed"
    if point.directive in ("skip", "todo"):
        status = "skipped"
    crash = _crash(point, data, paths) if status == "failed" else None
    place = _PLACE.match(data.get("location", ""))
    file = paths.place(place[1])[0] if place else ""
    whole_file = place is not None and point.name == place[1]
    name = file if whole_file else SEPARATOR.join(part for part in (*point.parents, point.name) if part)
    if crash is not None:
        status = "timeout" if crash.kind == "Timeout" else "error" if whole_file else "failed"
    return TestResult(
        id=clean_id(name) or "?",
        status=status,
        duration_s=_seconds(data.get("duration_ms", "")),
        crash=crash,
        file=clean(file, 1_000),
    )


def _diagnostics(block: Sequence[str]) -> dict[str, str]:
    """The block's top-level values as text: plain, quoted, or indented below their key. It is often not quite YAML."""
    found: dict[str, str] = {}
    key = ""
    for line in block:
        match = re.match(r"^ {0,2}(\w{1,40}): *(.*)$", line)
        if match and (not key or not line.startswith("    ")):
            key, value = match[1], match[2]
            is_open = re.fullmatch(r"[|>][-+]?\d*|", value)
            found[key] = "" if is_open else _unquoted(value)
            key = key if is_open else ""
        elif key:
            found[key] += line.strip("\n") + "\n"
    return {key: _dedented(value) for key, value in found.items()}


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == "'":
        return value[1:-1].replace("''", "'")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value[1:-1])
    return value


def _dedented(text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def _crash(point: _Point, data: Mapping[str, str], paths: Paths) -> Crash:
    text = "\n".join(point.block)
    stack = data.get("stack", "")
    found = crash_in(stack or "\n".join(point.said), paths)
    frames = _stack_frames(stack, paths) or (found.frames if found else ()) or _at(data, paths)
    error = data.get("error") or data.get("message") or ""
    vague = error in ("", "test failed")
    message = found.message if vague and found and found.message else error
    kind = "Timeout" if "test timed out" in error else data.get("name") or (found.kind if found else "")
    said = "\n".join((*point.said, text)) if vague else text
    return Crash(kind=clean(kind, 200), message=clean(message, MESSAGE), frames=frames, text=clean(said, TEXT))


def _stack_frames(stack: str, paths: Paths) -> tuple[Frame, ...]:
    """The frames of node's stacks, which have no `at ` before each line: `f (file:///x.js:3:10)`."""
    return frames_in("\n".join(f"    at {line.strip().removeprefix('at ')}" for line in stack.split("\n")), paths)


def _at(data: Mapping[str, str], paths: Paths) -> tuple[Frame, ...]:
    """The one place that tape, prove and node tell: `at: f (file:3:5)`, `at:` with file and line below, `location:`."""
    at = data.get("at", "")
    parts = dict(re.findall(r"^\s*(file|line): *['\"]?(.{1,1000}?)['\"]?$", at, re.MULTILINE))
    if parts.get("file") and parts.get("line", "").isdigit():
        file, inside = paths.place(parts["file"])
        return (Frame(file=clean(file, 1_000), line=int(parts["line"][:9]), inside=inside),)
    return _stack_frames(at, paths) or _stack_frames(data.get("location", ""), paths)


def _seconds(text: str) -> float:
    try:
        value = float(text) / 1000
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e9 else 0.0
