"""`cargo test` as results: libtest's text, its JSON lines where they were asked for, and what rustc refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id
from tools.testing.frames import crash_in, frames_in
from tools.testing.paths import Paths
from tools.values import Crash, Status, TestResult

MAX_TESTS = 200_000
MAX_PRINTED = 1_000  # lines kept per failed test
_STATUS: dict[str, Status] = {"ok": "passed", "FAILED": "failed", "failed": "failed", "ignored": "skipped"}
_RUNNING = re.compile(
    r"^\s+(?:Running (?P<unit>unittests )?(?P<file>\S+)(?: \((?P<program>\S+)\))?|Doc-tests (?P<doc>\S+))"
)
_SIGNAL = re.compile(r"^\s+process didn't exit successfully: .{0,1000}\(signal: \d+, (\w+)")
_LINE = re.compile(r"^test (.{1,1000}?)(?: - should panic)? \.\.\. ?(.*)$")
_OUTCOME = re.compile(r"(ok|FAILED|ignored)(?:[, (<].*)?$")
_STDOUT = re.compile(r"^---- (.{1,1000}) stdout ----$")
_ERROR = re.compile(r"^error(\[E\d+\])?: (.*)$")


@dataclass(slots=True)
class _Target:
    """One test program: its source file, its crate ("" unless its tests are unit tests), the signal that ended it."""

    file: str = ""
    crate: str = ""
    died: str = ""


@dataclass(slots=True)
class _Program:
    """What a test program printed: its tests in order, and what the failed ones printed.

    tests: status (None: it did not end) and seconds.
    """

    target: _Target
    tests: dict[str, tuple[Status | None, float]] = field(default_factory=dict)
    printed: dict[str, list[str]] = field(default_factory=dict)


def parse_cargo(stdout: str, stderr: str = "", paths: Paths | None = None) -> tuple[TestResult, ...]:
    """Results with ids as libtest names them; integration tests start with their file's name, and where several crates
    are tested, unit tests start with the crate's: `module::test`, `file::test`, `src/lib.rs - name (line 3)`.

    A program that died names the test that was running, or its own file. A target that does not compile is an error
    result per file that rustc names. Give the interleaved output as `stdout` where the two streams are not apart.
    """
    where = paths or Paths()
    programs = _programs(stdout, _targets(stderr))
    several = len({program.target.crate for program in programs if program.target.crate}) > 1
    results = [result for program in programs for result in _results(program, where, several=several)]
    return (*results, *_compile_errors(stderr or stdout, where))


def _targets(stderr: str) -> list[_Target]:
    """The programs that cargo started, in order."""
    found: list[_Target] = []
    for line in stderr.split("\n"):
        running, signal = _RUNNING.match(line[:2_000]), _SIGNAL.match(line[:2_000])
        if running:
            found.append(_target(running))
        elif signal and found:
            found[-1].died = signal[1]
    return found


def _target(match: re.Match[str]) -> _Target:
    if match["doc"]:
        return _Target()
    program = (match["program"] or "").rpartition("/")[2].rpartition("-")[0]
    return _Target(match["file"], program if match["unit"] else "")


def _programs(stdout: str, targets: Sequence[_Target]) -> list[_Program]:
    """The programs in the order of their output: `running N tests` starts one."""
    found: list[_Program] = []
    announced: _Target | None = None
    section = ""
    for line in stdout.split("\n"):
        running = _RUNNING.match(line[:2_000])
        starts = re.match(r"^running \d+ tests?$", line) or (line.startswith("{") and not found)
        if running:
            announced = _target(running)
        if starts:
            known = targets[len(found)] if len(found) < len(targets) else announced
            found.append(_Program(known or _Target()))
            announced, section = None, ""
        if found and not running:
            section = _read(line[:10_000], found[-1], section)
    return found


def _read(line: str, program: _Program, section: str) -> str:
    """One line of a program's output; returns the test whose output follows."""
    header, match = _STDOUT.match(line), _LINE.match(line)
    if line.startswith("{"):
        _read_json(line, program)
    elif header:
        return header[1]
    elif line in ("failures:", "successes:") or line.startswith("test result: "):
        return ""
    elif match and not section and len(program.tests) < MAX_TESTS:
        outcome = _OUTCOME.match(match[2])
        program.tests[match[1]] = (_STATUS[outcome[1]] if outcome else None, 0.0)
    elif section:
        kept = program.printed.setdefault(section, [])
        if len(kept) < MAX_PRINTED:
            kept.append(line)
    elif re.fullmatch(r"ok|FAILED", line.strip()):
        _end_open(program, _STATUS[line.strip()])
    return section


def _end_open(program: _Program, status: Status) -> None:
    """The outcome stands on a line of its own when the test printed something in between."""
    name = next((name for name, (known, _) in reversed(program.tests.items()) if known is None), None)
    if name is not None:
        program.tests[name] = (status, 0.0)


def _read_json(line: str, program: _Program) -> None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(event, dict) or event.get("type") != "test" or len(program.tests) >= MAX_TESTS:
        return
    name, outcome, took = str(event.get("name", "")), str(event.get("event", "")), event.get("exec_time", 0)
    seconds = float(took) if isinstance(took, int | float) and 0 <= took < 1e9 else 0.0
    program.tests[name] = ("timeout" if outcome == "timeout" else _STATUS.get(outcome), seconds)
    if event.get("stdout"):
        program.printed[name] = str(event["stdout"])[:100_000].split("\n")


def _results(program: _Program, paths: Paths, *, several: bool) -> Iterator[TestResult]:
    target = program.target
    for name, (known, seconds) in program.tests.items():
        yield TestResult(
            id=clean_id(_qualified(target, name, several=several)) or "?",
            status=known or "crashed",
            duration_s=seconds,
            crash=_crash(program, name, known, paths),
            file=_file(target, name),
        )
    if target.died and all(known is not None for known, _ in program.tests.values()):
        crash = Crash(kind="ProcessDied", message=f"the test program was ended by {target.died}")
        yield TestResult(id=clean_id(target.file) or "cargo", status="crashed", crash=crash, file=target.file)


def _crash(program: _Program, name: str, status: Status | None, paths: Paths) -> Crash | None:
    if status is None:
        ended = program.target.died or "a signal"
        return Crash(kind="ProcessDied", message=f"the test program was ended by {ended} in this test")
    if status not in ("failed", "timeout"):
        return None
    text = "\n".join(program.printed.get(name, ()))
    return crash_in(text, paths) or Crash(message=clean(text, MESSAGE).strip(), text=clean(text, TEXT))


def _qualified(target: _Target, name: str, *, several: bool) -> str:
    match = re.search(r"(?:^|/)tests/(?:([^/]+)/main|([^/]+))\.rs$", target.file)
    if match:
        return f"{match[1] or match[2]}::{name}"
    return f"{target.crate}::{name}" if several and target.crate else name


def _file(target: _Target, name: str) -> str:
    documented = re.match(r"^(\S{1,400}\.rs) - ", name)
    if documented:
        return documented[1]
    return target.file if re.search(r"(?:^|/)tests/", target.file) else ""


def _compile_errors(text: str, paths: Paths) -> Iterator[TestResult]:
    """One error result per file with errors of rustc's, or one of cargo's own; none when everything compiled."""
    by_file: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=(?:error|warning)(?:\[\w+\])?: )", text)[:5_000]:
        match = _ERROR.match(block.split("\n", 1)[0])
        if match is None or re.match(r"(?:doc)?test failed|could not compile|aborting|\d+ targets? failed", match[2]):
            continue
        frame = next(iter(frames_in(block, paths)), None)
        by_file.setdefault(frame.file if frame else "cargo", []).append(block[:5_000])
    for file, blocks in list(by_file.items())[:200]:
        yield _compile_error(file, blocks, paths)


def _compile_error(file: str, blocks: Sequence[str], paths: Paths) -> TestResult:
    whole, first = "\n\n".join(blocks), _ERROR.match(blocks[0].split("\n", 1)[0])
    message = f"{first[1] or ''} {first[2]}".strip() if first else ""
    # The first error counts most: the others are often its consequences.
    frames = tuple(reversed([frames_in(block, paths)[0] for block in blocks[:50] if frames_in(block, paths)]))
    crash = Crash(kind="CompileError", message=clean(message, MESSAGE), frames=frames, text=clean(whole, TEXT))
    return TestResult(id=clean_id(file), status="error", crash=crash, file="" if file == "cargo" else file)
