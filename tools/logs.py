"""Reading a failure out of a log: which tests failed, why, and the line that says most."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.testing.bounded import clean
from tools.testing.frames import crash_in
from tools.values import Crash, Value

MAX_LOG = 4_000_000
MAX_FAILURES = 200
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ", re.MULTILINE)
_PYTEST = re.compile(r"^(?:FAILED|ERROR) (\S+\.py(?:::.+?)?)(?: - (.*))?$", re.MULTILINE)
_UNITTEST = re.compile(r"^(?:FAIL|ERROR): (\w+) \(([\w.]+)\)", re.MULTILINE)
_GO = re.compile(r"^\s*--- FAIL: (\S+)", re.MULTILINE)
_CARGO = re.compile(r"^---- (\S+) stdout ----$", re.MULTILINE)
_JEST = re.compile(r"^\s*● (.+ › .+)$", re.MULTILINE)
_ERROR = re.compile(r"^.*\b(?:error|Error|ERROR|FAILED|panic|fatal|Exception)\b.*$", re.MULTILINE)


class LoggedFailure(Value):
    """A failure that a log names. test: an id that can be run, if one could be derived; summary: its line."""

    test: str | None = None
    crash: Crash | None = None
    summary: str = ""


def failures_in(log: str) -> tuple[LoggedFailure, ...]:
    """The failures that a log names, in its order; one without a test when it only shows a crash or an error line.

    Of a log over MAX_LOG characters the end is read.
    """
    text = _STAMP.sub("", _ANSI.sub("", log[-MAX_LOG:].replace("\r\n", "\n")))
    crash = crash_in(text)
    named = {failure.test: failure for failure in _named(text)}
    if named:
        first, *rest = list(named.values())[:MAX_FAILURES]
        return (first.model_copy(update={"crash": crash}), *rest)
    if crash:
        return (LoggedFailure(crash=crash, summary=clean(f"{crash.kind}: {crash.message}", 300)),)
    line = _ERROR.search(text)
    return (LoggedFailure(summary=clean(line[0].strip(), 300)),) if line else ()


def _named(text: str) -> Iterator[LoggedFailure]:
    for match in _PYTEST.finditer(text):
        yield LoggedFailure(test=clean(match[1], 500), summary=clean(match[0], 300))
    for match in _UNITTEST.finditer(text):
        yield LoggedFailure(test=_dotted(match[1], match[2]), summary=clean(match[0], 300))
    for pattern in (_GO, _CARGO, _JEST):
        for match in pattern.finditer(text):
            yield LoggedFailure(test=clean(match[1].replace(" › ", " > "), 500), summary=clean(match[0].strip(), 300))


def _dotted(name: str, where: str) -> str:
    """`test_x (pkg.mod.Class.test_x)` or `test_x (pkg.mod.Class)` as pytest's id."""
    parts = where.split(".")
    if parts[-1] != name:
        parts.append(name)
    upper = next((i for i, part in enumerate(parts) if part[:1].isupper()), len(parts) - 1)
    return "/".join(parts[:upper]) + ".py" + "".join(f"::{part}" for part in parts[upper:])
