"""`node --test` as results: the lines of our own reporter (tools/inside/node_reporter.mjs)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id
from tools.testing.frames import crash_in
from tools.testing.paths import Paths
from tools.values import Crash, Frame, Status, TestResult

MAX_TESTS = 200_000
SEPARATOR = " > "


def reporter() -> bytes:
    """The reporter's program."""
    return (Path(__file__).resolve().parents[1] / "inside" / "node_reporter.mjs").read_bytes()


def parse_node(text: str, paths: Paths | None = None) -> tuple[TestResult, ...]:
    """Results with ids `file > suite > test`; a file that did not run to its end is an error with its path as id.

    What holds other tests is left out, unless it failed and nothing in it did (a hook).
    """
    where = paths or Paths()
    events = list(_events(text))
    tests = [event for event in events if _is_bad(event) and event.get("whole") is not True]
    bad = {(str(e.get("file")), *_path(e)[:depth]) for e in tests for depth in range(len(_path(e)))}
    holders = {(str(e.get("file")), *_path(e)[:-1]) for e in events if len(_path(e)) > 1}
    results = []
    for event in events:
        own = (str(event.get("file")), *_path(event))
        whole = event.get("whole") is True
        holds = whole or event.get("suite") is True or own in holders
        failed_inside = (own[0],) in bad if whole else own in bad
        if not holds or (_is_bad(event) and not failed_inside):
            results.append(_result(event, where, whole=whole))
    return tuple(results)


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    count = 0
    for line in text.split("\n"):
        try:
            event = json.loads(line) if line.startswith("{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("path"), list) and count < MAX_TESTS:
            count += 1
            yield event


def _path(event: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(str, event["path"][:40]))


def _is_bad(event: Mapping[str, Any]) -> bool:
    return event.get("passed") is not True and event.get("skipped") is not True


def _result(event: Mapping[str, Any], paths: Paths, *, whole: bool) -> TestResult:
    file, _ = paths.place(str(event.get("file", "")))
    name = file if whole else SEPARATOR.join((file, *_path(event)) if file else _path(event))
    crash = _crash(event, paths, file) if _is_bad(event) else None
    status: Status = "skipped" if event.get("skipped") is True else "passed"
    if crash is not None:
        status = "timeout" if crash.kind == "Timeout" else "error" if whole else "failed"
    took = event.get("ms")
    seconds = float(took) / 1000 if isinstance(took, int | float) and 0 <= took < 1e12 else 0.0
    return TestResult(id=clean_id(name) or "?", status=status, duration_s=seconds, crash=crash, file=clean(file, 1_000))


def _crash(event: Mapping[str, Any], paths: Paths, file: str) -> Crash:
    message, printed = str(event.get("message", "")), str(event.get("printed", ""))
    text = str(event.get("stack") or "")
    found = crash_in(text, paths) if text else None
    if message in ("", "test failed") and printed:
        found, text = crash_in(printed, paths), printed
        message = found.message if found else message
    late = event.get("why") == "testTimeoutFailure" or message.startswith("test timed out")
    line = event.get("line")
    place = (Frame(file=file, line=line),) if isinstance(line, int) and line > 0 and file else ()
    return Crash(
        kind=clean("Timeout" if late else (found.kind if found else "") or str(event.get("name", "")), 200),
        message=clean(message, MESSAGE),
        frames=(found.frames if found else ()) or place,
        text=clean(text or message, TEXT),
    )
