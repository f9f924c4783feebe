"""What the probe wrote inside the sandbox, as results and coverage. The tests could have written to it too: it is
hostile input like any other, bounded and checked value by value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id
from tools.testing.frames import frames_in
from tools.testing.paths import Paths
from tools.values import Coverage, Crash, Frame, Status, TestResult

MAX_EVENTS = 1_000_000
MAX_LINE_NUMBER = 10_000_000
MAX_POINTS = 20_000_000  # line times test
_STATUSES: dict[str, Status] = {
    "passed": "passed",
    "failed": "failed",
    "error": "error",
    "skipped": "skipped",
    "timeout": "timeout",
    "crashed": "crashed",
}
_ORDER: tuple[Status, ...] = ("crashed", "timeout", "error", "failed", "passed", "skipped")


@dataclass(slots=True)
class ProbeRun:
    """One or more pytest sessions of a command.

    results: by id, in order, the worst where a test ran twice; running: the test or file that was being run when the
    last session ended ("" if it ended in order); died: the same of earlier sessions; missing: ids asked for that
    matched nothing, with near ones; ids: all collected, where that was asked for; sessions, finished: how many began,
    and ended by themselves; selected: tests that the last session was to run.
    """

    results: dict[str, TestResult] = field(default_factory=dict)
    died: list[str] = field(default_factory=list)
    running: str = ""
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sessions: int = 0
    finished: int = 0
    selected: int = 0

    def add(self, result: TestResult) -> None:
        """Keep a result, or the worse of two of one test."""
        known = self.results.get(result.id)
        if known is None or _ORDER.index(result.status) < _ORDER.index(known.status):
            self.results[result.id] = result


def parse_probe(data: bytes) -> ProbeRun:
    """The events of a results file; lines that are none are passed over."""
    run = ProbeRun()
    for event in _events(data):
        _apply(run, event)
    return run


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(data.split(b"\n")):
        if number >= MAX_EVENTS:
            return
        try:
            event = json.loads(line) if line[:1] == b"{" else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _apply(run: ProbeRun, event: Mapping[str, Any]) -> None:
    kind = event.get("e")
    if kind == "session":
        run.sessions += 1
        run.died += [run.running] if run.running else []
        run.running = ""
    elif kind == "finish":
        run.finished += 1
        run.running = ""
    elif kind in ("start", "collecting"):
        run.running = clean_id(_text(event.get("id")))
    elif kind in ("test", "error"):
        run.add(_result(event))
        run.running = ""
    elif kind == "collected":
        _collected(run, event)
    elif kind == "note":
        run.notes.append(clean(_text(event.get("text")), 1_000))


def _collected(run: ProbeRun, event: Mapping[str, Any]) -> None:
    run.running = ""
    selected, ids, missing = event.get("selected"), event.get("ids"), event.get("missing")
    run.selected = selected if isinstance(selected, int) else 0
    if isinstance(ids, list):
        run.ids += [clean_id(name) for name in ids if isinstance(name, str)]
    if isinstance(missing, dict):
        for name, near in list(missing.items())[:100]:
            run.missing[clean_id(name)] = tuple(clean_id(_text(n)) for n in near[:3]) if isinstance(near, list) else ()


def _result(event: Mapping[str, Any]) -> TestResult:
    status = _STATUSES.get(_text(event.get("status")), "error")
    crash, seconds = event.get("crash"), event.get("s")
    name = clean_id(_text(event.get("id"))) or "?"
    return TestResult(
        id=name,
        status=status,
        duration_s=float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < 1e9 else 0.0,
        crash=_crash(crash) if isinstance(crash, dict) else None,
        file=clean(_text(event.get("file")) or (name if event.get("e") == "error" else ""), 1_000),
    )


def _crash(value: Mapping[str, Any]) -> Crash:
    frames = value.get("frames")
    found = tuple(filter(None, map(_frame, frames[:400]))) if isinstance(frames, list) else ()
    return Crash(
        kind=clean(_text(value.get("kind")), 200),
        message=clean(_text(value.get("message")), MESSAGE + 200),
        frames=_from_the_test(found) or found,
        text=clean(_text(value.get("text")), TEXT + 200),
    )


def _frame(item: object) -> Frame | None:
    if not isinstance(item, list) or len(item) != 4:
        return None
    file, line, function, inside = item
    if not isinstance(file, str) or not isinstance(function, str) or not _is_line(line):
        return None
    return Frame(file=clean(file, 1_000), line=line, function=clean(function, 200), inside=inside is True)


def _is_line(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < MAX_LINE_NUMBER


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def parse_stacks(data: bytes, paths: Paths) -> tuple[Frame, ...]:
    """The stack of the last report of faulthandler: of the thread that was running, else of the main thread.

    It has the innermost frame first; frames of pytest and the probe around the test's are left out.
    """
    text = data[-200_000:].decode(errors="replace")
    report = re.split(r"^(?:Fatal Python error: .*|Timeout \(.*\)!)$", text, flags=re.MULTILINE)[-1]
    _, *threads = re.split(r"^(Current thread|Thread) 0x[0-9a-f]+.*$", report, flags=re.MULTILINE)
    stacks = list(zip(threads[::2], threads[1::2], strict=True))
    if not stacks:
        return ()
    stack = next((lines for kind, lines in stacks if kind == "Current thread"), stacks[-1][1])
    frames = tuple(reversed(frames_in(stack.partition("\n\n")[0], paths)))
    return _from_the_test(frames)


def _from_the_test(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    """Without those of pytest and its plugins that lead into the workspace."""
    first = next((i for i, frame in enumerate(frames) if frame.inside), len(frames))
    return frames[first:]


def parse_spectrum(data: bytes) -> Coverage:
    """The coverage that the probe streamed; see the probe's spectrum.py for the lines."""
    sets: dict[int, tuple[str, tuple[int, ...]]] = {}
    tests: dict[str, int] = {}
    found: dict[str, dict[int, set[int]]] = {}
    imported: dict[str, set[int]] = {}
    points = 0
    for event in _events(data):
        if "n" in event:
            _define(sets, event)
            continue
        known = [sets[n] for n in _numbers(event.get("s")) if n in sets]
        points += sum(len(lines) for _, lines in known)
        if points > MAX_POINTS:
            break
        test = event.get("t")
        if not isinstance(test, str):
            for file, lines in known:
                imported.setdefault(file, set()).update(lines)
            continue
        index = tests.setdefault(clean_id(test), len(tests))
        for file, lines in known:
            by_line = found.setdefault(file, {})
            for line in lines:
                by_line.setdefault(line, set()).add(index)
    return Coverage(
        tests=tuple(tests),
        lines={file: {line: tuple(sorted(by[line])) for line in sorted(by)} for file, by in sorted(found.items())},
        imported={file: tuple(sorted(lines)) for file, lines in sorted(imported.items())},
    )


def _define(sets: dict[int, tuple[str, tuple[int, ...]]], event: Mapping[str, Any]) -> None:
    number, file, ranges = event.get("n"), event.get("f"), event.get("r")
    if isinstance(number, int) and isinstance(file, str) and isinstance(ranges, str):
        sets[number] = (clean(file, 1_000), tuple(_lines(ranges)))


def _numbers(value: object) -> Sequence[int]:
    return [n for n in value if isinstance(n, int)] if isinstance(value, list) else []


def _lines(ranges: str) -> Iterator[int]:
    """The lines of "3-9,12"; at most 200,000."""
    count = 0
    for part in ranges.split(","):
        match = re.fullmatch(r"(\d{1,8})(?:-(\d{1,8}))?", part)
        if match is None:
            continue
        first, last = int(match[1]), int(match[2] or match[1])
        count += max(0, last - first + 1)
        if count > 200_000:
            return
        yield from range(first, last + 1)
