"""Reading failures out of a log: which tests failed, why, and the line that says most.

The log is hostile: the last 4 MB are read, line by line, each line cut, with patterns that take linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tools.testing.bounded import clean
from tools.testing.frames import crash_in
from tools.values import Crash, Value

MAX_LOG = 4_000_000
MAX_LINE = 2_000
MAX_BLOCK = 2_000  # lines of one failure
MAX_FAILURES = 200
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b\n]{0,2000}(?:\x07|\x1b\\)")
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?", re.MULTILINE)
SUMMARY = re.compile(r"^(?:FAILED|ERROR) (?P<id>\S+?\.py(?:::[^\[\s]+(?:\[.*?\])?)?)(?: - (?P<why>.*))?$")
_SECTION = re.compile(r"^_{3,} (?:ERROR at (?:setup|teardown) of |ERROR collecting )?(?P<name>\S.*?) _{3,}$")
UNITTEST = re.compile(r"^(?:FAIL|ERROR): (?P<name>\w+) \((?P<where>[\w.]+)\)")
_OTHERS = (
    re.compile(r"^\s*--- FAIL: (?P<id>\S+)"),  # go
    re.compile(r"^---- (?P<id>.+?) stdout ----$"),  # cargo
    re.compile(r"^\s*● (?P<id>.+ › .+)$"),  # jest
)
_END = re.compile(r"^(?:={3,}|failures:$|FAIL\b|ok\s|Ran \d+ test|Tests?: |Test Suites: )")
_ERROR = re.compile(r"\b(?:error|Error|ERROR|FAILED|panic|fatal|Exception)\b|\w(?:Error|Exception)\b")
_STARTS = frozenset("_FE-●")


class LoggedFailure(Value):
    """A failure that a log names. test: an id that can be run, if one could be derived; summary: its line."""

    test: str | None = None
    crash: Crash | None = None
    summary: str = ""


@dataclass(slots=True)
class _Failure:
    """test: its id; name: what pytest's section calls it; said: its line; why: the reason that line gives; block: the
    lines below it.
    """

    test: str = ""
    name: str = ""
    said: str = ""
    why: str = ""
    block: list[str] = field(default_factory=list)


def failures_in(log: str) -> tuple[LoggedFailure, ...]:
    """The failures that a log names, in its order, each with the crash of its own block.

    A crash that belongs to no test in particular, or else the first error line, is a failure without a test. Of a log
    over MAX_LOG characters the end is read; at most MAX_FAILURES are returned.
    """
    text = _STAMP.sub("", _ANSI.sub("", log[-MAX_LOG:].replace("\r\n", "\n")))
    text = re.sub(r"\n{4,}", "\n\n\n", text)
    found = [_logged(failure) for failure in _merged(list(_blocks(text.split("\n"))))][:MAX_FAILURES]
    if any(failure.crash for failure in found):
        return tuple(found)
    crash = crash_in(text)
    if crash is None:
        return tuple(found) or _first_error(text)
    if len(found) == 1:
        return (found[0].model_copy(update={"crash": crash}),)
    return (*found, LoggedFailure(crash=crash, summary=clean(f"{crash.kind}: {crash.message}", 300)))


def _first_error(text: str) -> tuple[LoggedFailure, ...]:
    line = next((line for line in text.split("\n") if _ERROR.search(line[:MAX_LINE])), "")
    return (LoggedFailure(summary=clean(line[:MAX_LINE].strip(), 300)),) if line else ()


def _blocks(lines: Sequence[str]) -> Iterator[_Failure]:
    """Every header of a failure with the lines below it."""
    current: _Failure | None = None
    count = 0
    for raw in lines:
        line = raw[:MAX_LINE].rstrip()
        failure = _header(line) if line.lstrip()[:1] in _STARTS else None
        if failure is None and current is not None and not _END.match(line):
            if len(current.block) < MAX_BLOCK:
                current.block.append(line)
            continue
        if current is not None:
            yield current
        current = failure
        count += failure is not None
        if count > 4 * MAX_FAILURES:
            return
    if current is not None:
        yield current


def _header(line: str) -> _Failure | None:
    match = SUMMARY.match(line)
    if match:
        return _Failure(match["id"], _section_name(match["id"]), line, match["why"] or "")
    match = UNITTEST.match(line)
    if match:
        return _Failure(unittest_id(match["name"], match["where"]), "", line)
    match = _SECTION.match(line)
    if match:
        return _Failure("", match["name"], line.strip("_ "))
    match = next(filter(None, (pattern.match(line) for pattern in _OTHERS)), None)
    return _Failure(match["id"].replace(" › ", " > "), "", line.strip()) if match else None


def _section_name(node_id: str) -> str:
    """How pytest names a test's section: `Class.test[a]`, or the file that could not be collected."""
    file, separator, rest = node_id.partition("::")
    return rest.replace("::", ".") if separator else file


def _merged(failures: list[_Failure]) -> Iterator[_Failure]:
    """One failure per test: summary lines take the blocks of their sections, in order; a section without one stays."""
    named = {failure.name for failure in failures if failure.test and failure.name}
    waiting: dict[str, list[list[str]]] = {}
    for failure in failures:
        if not failure.test and failure.name in named:
            waiting.setdefault(failure.name, []).append(failure.block)
    seen: set[str] = set()
    for failure in failures:
        if failure.test in seen or (not failure.test and failure.name in named):
            continue
        seen |= {failure.test} if failure.test else set()
        if failure.name and failure.test:
            blocks = waiting.get(failure.name, [])
            failure.block = blocks.pop(0) if blocks else []
        yield failure


def _logged(failure: _Failure) -> LoggedFailure:
    crash = crash_in("\n".join(failure.block)) if failure.block else None
    if crash is None and failure.why:
        crash = crash_in(f"E   {failure.why}")
    test = failure.test or _from_section(failure.name, crash)
    return LoggedFailure(test=clean(test, 500) if test else None, crash=crash, summary=clean(failure.said, 300))


def _from_section(name: str, crash: Crash | None) -> str:
    """The id of a section of pytest's without a summary line: its first frame is in the test's own file."""
    if name.endswith(".py"):
        return name
    file = next((frame.file for frame in crash.frames if frame.inside), "") if crash else ""
    base, bracket, parameters = name.partition("[")
    return f"{file}::{base.replace('.', '::')}{bracket}{parameters}" if file.endswith(".py") else ""


def unittest_id(name: str, where: str) -> str:
    """`test_x (pkg.mod.Class.test_x)` or `test_x (pkg.mod.Class)` as pytest's id."""
    parts = where.split(".")
    if parts[-1] != name:
        parts.append(name)
    upper = next((i for i, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    return "/".join(parts[:upper]) + ".py" + "".join(f"::{part}" for part in parts[upper:])
