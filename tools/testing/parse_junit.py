"""JUnit XML (pytest, surefire, gradle, jest-junit, mocha, ctest) as results.

The XML is hostile: a document type, an entity declaration, or too much of anything ends the reading; what was complete
until then is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat

from tools.testing.bounded import MESSAGE, TEXT, clean, clean_id
from tools.testing.frames import crash_in
from tools.testing.paths import Paths
from tools.values import Crash, Status, TestResult

MAX_BYTES = 64 << 20
MAX_TESTS = 200_000
MAX_DEPTH = 32
_TIMEOUT = re.compile(r"Test timed out in|Exceeded timeout of|Timeout of \d+ ?ms exceeded|test timed out after")
MAX_KEPT = 100_000  # characters of one element's text
_STATUS: dict[str, Status] = {"failure": "failed", "error": "error", "skipped": "skipped"}


class XmlRefused(ValueError):
    """The document is not read (on): it declares a document type or entities, is nested too deep or too large."""


def parse_junit(data: bytes, paths: Paths | None = None, *, by_file: bool = False) -> tuple[TestResult, ...]:
    """The test cases of a JUnit document, one by one.

    Ids are `classname.name`, or the name alone when it holds the class name. by_file: class names are files (vitest),
    ids `file > describe > test`. Raises XmlRefused for a document that is hostile or no XML at all,
    if it holds no complete test case before that point.
    """
    reader = _Reader(paths or Paths(), by_file=by_file)
    parser = expat.ParserCreate()
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data[:MAX_BYTES], True)
    except (expat.ExpatError, XmlRefused) as error:
        if not reader.results:
            raise XmlRefused(str(error)) from error
    return tuple(reader.results)


def _refuse(*_: object) -> int:
    raise XmlRefused("the document declares a document type or entities")


class _Reader:
    """Handlers of one document: they build a result per `testcase` and forget everything else."""

    def __init__(self, paths: Paths, *, by_file: bool) -> None:
        self.results: list[TestResult] = []
        self._paths, self._by_file = paths, by_file
        self._depth = 0
        self._case: Mapping[str, str] | None = None
        self._status: Status = "passed"
        self._attributes: Mapping[str, str] = {}
        self._inside = False
        self._parts: list[str] = []
        self._kept = 0
        self._prints = False
        self._printed = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH or len(self.results) >= MAX_TESTS:
            raise XmlRefused("the document is nested too deep or too large")
        if name == "testcase":
            self._case, self._status, self._attributes, self._parts, self._kept = attributes, "passed", {}, [], 0
            self._printed = ""
            if attributes.get("status") in ("notrun", "disabled"):
                self._status = "skipped"
        elif name in _STATUS and self._case is not None and self._status in ("passed", "skipped"):
            self._status, self._attributes, self._inside = _STATUS[name], attributes, True
        elif name in ("system-out", "system-err"):
            self._prints = self._case is not None

    def end(self, name: str) -> None:
        self._depth -= 1
        if name == "testcase" and self._case is not None:
            self.results.append(self._result(self._case))
            self._case = None
        elif name in _STATUS:
            self._inside = False
        elif name in ("system-out", "system-err"):
            self._prints = False

    def text(self, data: str) -> None:
        if self._inside and self._kept < MAX_KEPT:
            self._parts.append(data[: MAX_KEPT - self._kept])
            self._kept += len(data)
        elif self._prints and len(self._printed) < MAX_KEPT:
            self._printed += data[: MAX_KEPT - len(self._printed)]

    def _result(self, case: Mapping[str, str]) -> TestResult:
        name, group = case.get("name", "").strip(), case.get("classname", "").strip()
        place = case.get("file") or (group if self._by_file else "")
        file = self._paths.place(place)[0] if place else ""
        own_name = (
            not group or name == group or ((name.startswith(group) or name.endswith(group)) and not self._by_file)
        )
        crash = self._crash() if self._status in ("failed", "error") else None
        status: Status = "timeout" if crash is not None and crash.kind == "Timeout" else self._status
        if self._by_file and name == group and status == "failed":
            status = "error"
        return TestResult(
            id=clean_id(name if own_name else f"{group}{' > ' if self._by_file else '.'}{name}") or "?",
            status=status,
            duration_s=_seconds(case.get("time", "")),
            crash=crash,
            file=clean(file, 1_000),
        )

    def _crash(self) -> Crash:
        message = clean(self._attributes.get("message", ""), MESSAGE)
        text = "".join(self._parts) or ("" if message else self._printed)  # ctest tells nothing but what was printed
        found = crash_in(f"{message}\n{text}", self._paths)
        kind = self._attributes.get("type", "").rpartition(".")[2] or (found.kind if found else "")
        if _TIMEOUT.search(message or (found.message if found else "")):
            kind = "Timeout"
        return Crash(
            kind=clean(kind, 200),
            message=message or (found.message if found else "") or clean(text.strip().split("\n")[0], MESSAGE),
            frames=found.frames if found else (),
            text=clean(text, TEXT),
        )


def _seconds(text: str) -> float:
    """A duration as written: `0.012`, `1,234.5`; 0 for anything else."""
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e9 else 0.0
