"""`ctest` as results: its JUnit report, and from its output how a test ended, which the report does not tell."""

from __future__ import annotations

import re

from tools.testing.parse_junit import XmlRefused, parse_junit
from tools.testing.paths import Paths
from tools.values import Crash, TestResult

_END = re.compile(r"^\s*\d+/\d+ Test\s+#\d+: (.{1,1000}?) \.+ *(.{0,100}?)\*\*\*(Timeout|Exception)\b", re.MULTILINE)


def parse_ctest(report: bytes, stdout: str, paths: Paths | None = None) -> tuple[TestResult, ...]:
    """Results by the names of the tests; none when the report cannot be read."""
    try:
        found = parse_junit(report, paths)
    except XmlRefused:
        return ()
    ends = {match[1]: (match[2], match[3]) for match in _END.finditer(stdout)}
    return tuple(_ended(result, *ends.get(result.id, ("", ""))) for result in found)


def _ended(result: TestResult, how: str, end: str) -> TestResult:
    if not end or not result.bad:
        return result
    crash = result.crash or Crash()
    if end == "Timeout":
        crash = crash.model_copy(update={"kind": "Timeout", "message": crash.message or "no end within its limit"})
        return result.model_copy(update={"status": "timeout", "crash": crash})
    crash = crash.model_copy(update={"kind": "ProcessDied", "message": crash.message or how})
    return result.model_copy(update={"status": "crashed", "crash": crash})
