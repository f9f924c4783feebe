"""The JSON reports of jest and mocha as results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id
from tools.testing.frames import crash_in
from tools.testing.paths import Paths
from tools.values import Crash, Status, TestResult

MAX_TESTS = 200_000
MAX_STARTS = 50  # places where a report may start, in output that has other things around it
SEPARATOR = " > "
_STATUS: dict[str, Status] = {"passed": "passed", "failed": "failed"}


def parse_jest(text: str, paths: Paths | None = None) -> tuple[TestResult, ...]:
    """`jest --json` (vitest has one like it): ids `file > describe > test`, with " > " between.

    A file that could not be run is one error result whose id is the file; empty for anything that is no such report.
    """
    where = paths or Paths()
    report = _report(text)
    results: list[TestResult] = []
    for suite in _dicts(report.get("testResults")):
        file = where.place(str(suite.get("name", "")))[0]
        before = len(results)
        for assertion in _dicts(suite.get("assertionResults")):
            if len(results) < MAX_TESTS:
                results.append(_assertion(file, assertion, where))
        if suite.get("status") == "failed" and not any(result.bad for result in results[before:]):
            results.append(_broken(file, str(suite.get("message", "")), where))
    return tuple(results)


def parse_mocha(text: str, paths: Paths | None = None) -> tuple[TestResult, ...]:
    """`mocha --reporter json`: ids `file > full title`; a failed hook is a result with its own title."""
    where = paths or Paths()
    report = _report(text)
    pending = {str(test.get("fullTitle", "")) for test in _dicts(report.get("pending"))}
    passed = {str(test.get("fullTitle", "")) for test in _dicts(report.get("passes"))}
    results: list[TestResult] = []
    seen: set[str] = set()
    for test in (*_dicts(report.get("tests")), *_dicts(report.get("failures"))):
        title = str(test.get("fullTitle", ""))
        file = where.place(str(test["file"]))[0] if test.get("file") else ""
        name = clean_id(SEPARATOR.join(part for part in (file, title) if part)) or "?"
        if name in seen or len(results) >= MAX_TESTS:
            continue
        seen.add(name)
        error = test.get("err") if isinstance(test.get("err"), dict) else {}
        status: Status = (
            "failed" if error else "passed" if title in passed else "skipped" if title in pending else "error"
        )
        crash = _mocha_crash(error, where) if error else None
        status = "timeout" if crash is not None and crash.kind == "Timeout" else status
        seconds = _seconds(test.get("duration"))
        results.append(TestResult(id=name, status=status, duration_s=seconds, crash=crash, file=file))
    return tuple(results)


def _report(text: str) -> dict[str, Any]:
    """The report, also with other lines printed around it; {} when there is none."""
    start = text.find("{")
    for _ in range(MAX_STARTS):
        if start < 0:
            break
        try:
            loaded, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            loaded = None
        if isinstance(loaded, dict) and ("testResults" in loaded or "stats" in loaded):
            return loaded
        start = text.find("\n{", start)
        start = start + 1 if start >= 0 else -1
    return {}


def _dicts(value: object) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _assertion(file: str, assertion: dict[str, Any], paths: Paths) -> TestResult:
    ancestors = [str(name) for name in assertion.get("ancestorTitles") or () if name]
    names = [file, *ancestors, str(assertion.get("title", ""))]
    status: Status = _STATUS.get(str(assertion.get("status", "")), "skipped")
    crash: Crash | None = None
    if status == "failed":
        crash = _crash([str(message) for message in assertion.get("failureMessages") or ()], paths)
        status = "timeout" if crash.kind == "Timeout" else status
    return TestResult(
        id=clean_id(SEPARATOR.join(names)),
        status=status,
        duration_s=_seconds(assertion.get("duration")),
        crash=crash,
        file=clean(file, 1_000),
    )


def _crash(messages: list[str], paths: Paths) -> Crash:
    first = clean(messages[0], TEXT) if messages else ""
    found = crash_in(first, paths)
    message = first.split("\n    at ")[0].strip()
    named = re.match(r"^(\w{1,100})(?: \[\w{1,100}\])?: (.*)$", message, re.DOTALL)
    is_timeout = "Exceeded timeout of" in message or "Test timed out in" in message
    return Crash(
        kind="Timeout" if is_timeout else named[1] if named else (found.kind if found else ""),
        message=clean(named[2] if named else message, MESSAGE),
        frames=found.frames if found else (),
        text=clean("\n\n".join(messages), TEXT),
    )


def _mocha_crash(error: dict[str, Any], paths: Paths) -> Crash:
    stack = str(error.get("stack") or error.get("message") or "")
    crash = _crash([stack], paths)
    is_timeout = error.get("code") == "ERR_MOCHA_TIMEOUT" or "Timeout of " in str(error.get("message", ""))
    return crash.model_copy(update={"kind": "Timeout"}) if is_timeout else crash


def _broken(file: str, message: str, paths: Paths) -> TestResult:
    text = clean(message, TEXT)
    found = crash_in(text, paths)
    first = next((line.strip() for line in text.split("\n") if line.strip() and "●" not in line), "")
    crash = Crash(
        kind=(found.kind if found else "") or "SuiteFailed",
        message=(found.message if found else "") or clean(first, MESSAGE),
        frames=found.frames if found else (),
        text=text,
    )
    return TestResult(id=clean_id(file) or "?", status="error", crash=crash, file=clean(file, 1_000))


def _seconds(value: object) -> float:
    """Milliseconds as seconds."""
    return float(value) / 1000 if isinstance(value, int | float) and 0 <= value < 1e12 else 0.0
