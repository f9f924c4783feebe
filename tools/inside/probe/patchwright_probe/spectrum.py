"""Which test executed which lines, in one run, written per test so that a killed run keeps it.

Two collectors with one face: sys.monitoring where Python has it (3.12 and up; a line costs something only the first
time a test reaches it), coverage.py's C tracer below. coverage.py cannot switch contexts with sys.monitoring, and its
contexts cost a database write per test: only its tracer is used, and its sets are emptied after each test.
"""

from __future__ import annotations

import os
import sys
import warnings
from types import CodeType
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Set, Tuple, Union

from .places import Places
from .stream import Stream

Lines = Dict[str, FrozenSet[int]]
Scope = Callable[[str], Optional[str]]
_MONITORING = sys.version_info >= (3, 12)


class Spectrum:
    """Writes what the collector saw: {"n": set id, "f": file, "r": "3-9,12"} once per distinct set of lines of a file,
    then {"t": test or null, "s": [set ids]} per test; null is what ran outside any test (imports).

    roots: directories relative to the workspace. note: why nothing is measured ("" when it is).
    """

    def __init__(self, stream: Stream, places: Places, root: str, roots: Iterable[str]) -> None:
        self._stream = stream
        self._places = places
        self._numbers: Dict[Tuple[str, FrozenSet[int]], int] = {}
        wanted = [os.path.normpath(name) for name in roots]
        self._prefixes = tuple("" if name == "." else name + "/" for name in wanted)
        self._collector: Union[Monitor, Tracer, None] = None
        self.note = ""
        try:
            directories = [os.path.normpath(os.path.join(root, name)) for name in wanted]
            self._collector = Monitor(self._scope) if _MONITORING else Tracer(self._scope, directories)
        except Exception as error:
            self.note = f"coverage is not measured: {type(error).__name__}: {error}"

    def begin(self) -> None:
        """A test starts: what ran before it belongs to no test."""
        self.end(None)
        if self._collector is not None:
            self._attempt(self._collector.renew)

    def end(self, test: Optional[str]) -> None:
        """The test (or, with None, the session) is over."""
        collector = self._collector
        if collector is not None:
            self._attempt(lambda: self._emit(test, collector.take()))

    def _attempt(self, step: Callable[[], None]) -> None:
        """A measurement that breaks ends; the tests go on."""
        try:
            step()
        except Exception as error:
            self._collector = None
            self.note = f"coverage ends early: {type(error).__name__}: {error}"

    def _scope(self, filename: str) -> Optional[str]:
        """The path relative to the workspace of a file that is measured."""
        file = self._places.relative(filename)
        return file if file is not None and file.startswith(self._prefixes) else None

    def _emit(self, test: Optional[str], lines: Lines) -> None:
        if not lines and test is None:
            return
        sets = [self._number(file, found) for file, found in lines.items()]
        self._stream.write({"t": test, "s": [n for n in sets if n >= 0]})

    def _number(self, file: str, lines: FrozenSet[int]) -> int:
        key = (file, lines)
        number = self._numbers.get(key)
        if number is None:
            number = len(self._numbers)
            if not self._stream.write({"n": number, "f": file, "r": ranges(lines)}):
                number = -1
            self._numbers[key] = number
        return number


def ranges(lines: Iterable[int]) -> str:
    """A set of lines as "3-9,12"."""
    parts: List[str] = []
    start = last = 0
    for line in (*sorted(lines), -1):
        if line == last + 1 and start:
            last = line
            continue
        if start:
            parts.append(str(start) if start == last else f"{start}-{last}")
        start = last = line
    return ",".join(parts)


class Monitor:
    """Lines by sys.monitoring: each location reports once, and is woken up again when a test starts."""

    def __init__(self, scope: Scope) -> None:
        self._api: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._scope = scope
        self._files: Dict[str, Set[int]] = {}
        self._codes: Dict[int, Set[int]] = {}
        self._kept: List[CodeType] = []
        self._tool = self._claim()
        events = self._api.events
        self._line_event = events.LINE
        self._api.register_callback(self._tool, events.PY_START, self._on_start)
        self._api.register_callback(self._tool, events.LINE, self._on_line)
        self._api.set_events(self._tool, events.PY_START)

    def renew(self) -> None:
        self._api.restart_events()

    def take(self) -> Lines:
        return _empty(self._files.items())

    def _claim(self) -> int:
        """A tool number that neither a debugger nor coverage.py of the repository's own takes."""
        for tool in (4, 3, 1, 5, 2):
            if self._api.get_tool(tool) is None:
                self._api.use_tool_id(tool, "patchwright")
                return tool
        raise RuntimeError("no sys.monitoring tool number is free")

    def _on_start(self, code: CodeType, _offset: int) -> Any:
        if id(code) not in self._codes:
            file = self._scope(code.co_filename)
            if file is not None:
                self._kept.append(code)
                self._codes[id(code)] = self._files.setdefault(file, set())
                self._api.set_local_events(self._tool, code, self._line_event)
        return self._api.DISABLE

    def _on_line(self, code: CodeType, line: int) -> Any:
        lines = self._codes.get(id(code))
        if lines is not None and line > 0:
            lines.add(line)
        return self._api.DISABLE


class Tracer:
    """Lines by coverage.py's tracer (C where it was built)."""

    def __init__(self, scope: Scope, directories: Iterable[str]) -> None:
        import coverage  # noqa: PLC0415 (asked for only here, and not everywhere installed)

        self._scope = scope
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._coverage = coverage.Coverage(
                data_file=None, config_file=False, include=[f"{name}/*" for name in directories], branch=False
            )
            self._coverage.start()
        data = getattr(getattr(self._coverage, "_collector", None), "data", None)
        if not isinstance(data, dict):
            raise NotImplementedError(f"coverage.py {coverage.__version__} keeps its data elsewhere")
        self._data: Dict[str, Set[int]] = data
        self._gettrace, self._trace = sys.gettrace, sys.gettrace()

    def renew(self) -> None:
        """Tests may set a trace function of their own; the next test is measured again."""
        if self._gettrace() is self._trace:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._coverage.stop()
            self._coverage.start()
        self._trace = self._gettrace()

    def take(self) -> Lines:
        found = ((self._scope(file), lines) for file, lines in list(self._data.items()))
        return _empty((file, lines) for file, lines in found if file is not None)


def _empty(files: Iterable[Tuple[str, Set[int]]]) -> Lines:
    """The lines per file. The sets (dicts up to coverage.py 5) are emptied in place: running frames hold on to them."""
    taken: Lines = {}
    for file, lines in list(files):
        if lines:
            found = frozenset(lines)
            lines.clear()
            taken[file] = taken[file] | found if file in taken else found
    return taken
