"""What is done with one block of lines: shapes, times, traces. In processes of its own when there is much to read."""

from __future__ import annotations

import os
import signal
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from operator import itemgetter

import numpy as np
import zstandard
from numpy.typing import NDArray

from tools.oplogs import traces
from tools.oplogs.heads import fields_of, said
from tools.oplogs.reading import Notes, Source, piece, undocked
from tools.oplogs.shapes import MERGED, ShapeBook, shapes_of
from tools.oplogs.stamps import Clock, Told
from tools.oplogs.strands import strands, torn
from tools.oplogs.traces import Trace

MAX_TEXT = 2_000  # characters of a line that its template looks at
_REMEMBERED = 2_000  # traces


@dataclass(frozen=True, slots=True)
class Task:
    """A block to read. text: its lines; None: those of the file that begin in [start, finish).

    zone: minutes east of Greenwich where none is written; day_first: whether 04/03/2026 is in March.
    """

    source: int
    at: Source
    start: int
    finish: int
    text: bytes | None
    zone: int
    day_first: bool = False


@dataclass(frozen=True, slots=True)
class NewShape:
    """The first line of a shape: what it says, and what it is to a trace. place: its line in the block."""

    shape: bytes
    text: str
    level: str
    component: str
    kind: int
    example: str
    place: int


@dataclass(frozen=True, slots=True)
class Done:
    """A block read by the worker `reader`. shapes: per line, in the reader's own numbers, which `new` continues.

    span: its bytes in a plain file.
    traces: each with its line in the block and its time; text: compressed, when the file cannot be read by offsets.
    """

    task: Task
    span: tuple[int, int]
    reader: int
    shapes: NDArray[np.uint32]
    new: list[NewShape]
    times: NDArray[np.int64]
    traces: list[tuple[int, Trace]]
    text: bytes | None
    size: int
    notes: Notes
    told: Told


@dataclass
class Reader:
    """One process's memory: the shapes it has seen, what each is to a trace or that it holds one, its last traces."""

    book: ShapeBook = field(default_factory=ShapeBook)
    kinds: list[int] = field(default_factory=list)
    within: list[bool] = field(default_factory=list)
    seen: OrderedDict[bytes, Trace | None] = field(default_factory=OrderedDict)

    def read(self, task: Task) -> Done:
        """Read one block. Raises OSError for a file that is gone."""
        notes = Notes()
        start, given = (0, task.text) if task.text is not None else piece(task.at, task.start, task.finish, notes)
        block = undocked(given) if task.at.flavour == "docker" else given
        whole = min(len(given), task.at.size - start)  # less than a newline that was put at the end
        exact = task.text is None and block is given and not notes.counted()
        kept = None if exact else zstandard.ZstdCompressor(level=3).compress(block)
        lines = block.split(b"\n")
        lines.pop()
        shapes, new = self._shapes(block, lines)
        clock = Clock(zone=task.zone, latest=task.at.mtime_ns / 1e9, day_first=task.day_first)
        times = np.array(clock.times(lines), dtype=np.int64)
        found = self._traces(lines, shapes)
        if self.book.merged:
            notes.add(
                "{n} lines are of more different kinds than are told apart: grouped by their first words",
                self.book.merged,
            )
            self.book.merged = 0
        span = (start, start + whole)
        return Done(task, span, os.getpid(), shapes, new, times, found, kept, len(given), notes, clock.told)

    def _shapes(self, block: bytes, lines: Sequence[bytes]) -> tuple[NDArray[np.uint32], list[NewShape]]:
        known = len(self.book)
        numbers = np.fromiter(map(self.book.__getitem__, shapes_of(block)), dtype=np.uint32, count=len(lines))
        if len(self.book) == known:
            return numbers, []
        fresh, places = np.unique(numbers, return_index=True)
        first = dict(zip(fresh.tolist(), places.tolist(), strict=True))
        names = list(self.book)[known:]
        new = [_new(name, lines[first[number]], first[number]) for number, name in enumerate(names, known)]
        self.kinds += [shape.kind for shape in new]
        self.within += [traces.within(lines[shape.place]) for shape in new]
        return numbers, new

    def _traces(self, lines: Sequence[bytes], shapes: NDArray[np.uint32]) -> list[tuple[int, Trace]]:
        kinds = np.array(self.kinds, dtype=np.uint8)[shapes]
        starts = np.flatnonzero(kinds == traces.START).tolist()
        if not torn(lines, starts):
            return self._joined(lines, shapes, kinds) + self._within(lines, shapes)
        found: list[tuple[int, Trace]] = []
        for own in strands(lines):
            mine = self._joined([lines[place] for place in own.tolist()], shapes[own], kinds[own])
            found += [(int(own[place]), trace) for place, trace in mine]
        return sorted(found, key=itemgetter(0)) + self._within(lines, shapes)

    def _joined(
        self, lines: Sequence[bytes], shapes: NDArray[np.uint32], kinds: NDArray[np.uint8]
    ) -> list[tuple[int, Trace]]:
        """Traces of consecutive lines."""
        found: list[tuple[int, Trace]] = []
        for start, stop in traces.runs(kinds):
            end = stop + _closed(lines, kinds[start], stop)
            key = shapes[start:end].tobytes()
            if key not in self.seen:
                self.seen[key] = traces.read([_traced(line) for line in lines[start:end]])
                if len(self.seen) > _REMEMBERED:
                    self.seen.popitem(last=False)
            trace = self.seen[key]
            if trace:
                found.append((start, trace))
        return found

    def _within(self, lines: Sequence[bytes], shapes: NDArray[np.uint32]) -> list[tuple[int, Trace]]:
        """Traces that stand in one field of one line."""
        found: list[tuple[int, Trace]] = []
        for place in np.flatnonzero(np.array(self.within, dtype=bool)[shapes]).tolist():
            key = b"within" + shapes[place : place + 1].tobytes()
            if key not in self.seen:
                text = lines[place][: traces.MAX_WITHIN].decode("utf-8", "replace")
                self.seen[key] = traces.read_fields(fields_of(text) or {})
                if len(self.seen) > _REMEMBERED:
                    self.seen.popitem(last=False)
            trace = self.seen[key]
            if trace:
                found.append((place, trace))
        return found


def _new(shape: bytes, line: bytes, place: int) -> NewShape:
    example = _decoded(line)
    message = said(example)
    text = message.text if message.text.strip() else message.component or "(empty line)"
    if shape.endswith(MERGED):
        text = f"{_decoded(shape[: -len(MERGED)])} … (others)"
    return NewShape(shape, text, message.level, message.component, traces.kind_of(message.text), example[:500], place)


def _closed(lines: Sequence[bytes], first: int, stop: int) -> bool:
    """Whether the line after a traceback whose lines all have heads names the exception, as a head's component."""
    if first != traces.START or stop >= len(lines) or lines[stop - 1][:1] in (b" ", b"\t"):
        return False
    return traces.kind_of(_traced(lines[stop])) == traces.LAST


def _traced(line: bytes) -> str:
    """A line as part of a trace: what an exception is called is no component."""
    told = said(_decoded(line))
    named = told.component and not told.level and f"{told.component}: {told.text}"
    return named if named and traces.kind_of(named) == traces.LAST else told.text


def _decoded(line: bytes) -> str:
    return line[: 4 * MAX_TEXT].decode("utf-8", "replace").rstrip("\r\n")[:MAX_TEXT]


def serve(line: Connection) -> None:
    """Read blocks that come over `line` until nothing more comes; an error goes back in place of its block."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    reader = Reader()
    try:
        while True:
            task = line.recv()
            try:
                answer: Done | Exception = reader.read(task)
            except Exception as error:  # noqa: BLE001 - raised again by the one who asked
                answer = error
            line.send(answer)
    except (EOFError, OSError):
        line.close()
