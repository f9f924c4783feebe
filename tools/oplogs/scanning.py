"""One pass over logs of any size: templates, times, traces and the index, by as many processes as are allowed."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from tools.oplogs import traces
from tools.oplogs.dates import Dates, dates_of
from tools.oplogs.index import Block, Times, Writer
from tools.oplogs.mining import mine
from tools.oplogs.reading import Notes, Source, offsets, stream
from tools.oplogs.stamps import UNDATED, Told
from tools.oplogs.traces import Trace
from tools.oplogs.worker import Done, NewShape, Reader, Task, serve
from tools.tool import ToolError

ALONE = 24_000_000  # bytes below which other processes are not worth starting
BACK, AHEAD = 60, 6 * 3600  # seconds: a step of the clock that is told
STACK = "(stack frame)"
Progress = Callable[[int], None]


@dataclass
class _Source:
    """What has been read of one source. latest: the last time seen, which lines without one take over."""

    lines: int = 0
    latest: int = UNDATED
    undated: int = 0
    back: int = 0
    ahead: int = 0


@dataclass
class _Found:
    """Everything that is put together from the blocks. own: per reader, the numbers of its shapes."""

    writer: Writer
    sources: list[_Source]
    notes: Notes
    own: dict[int, list[int]] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    shapes: list[tuple[NewShape, int, int]] = field(default_factory=list)
    counts: Counter[int] = field(default_factory=Counter)
    traces: dict[str, Trace] = field(default_factory=dict)
    told: Told = field(default_factory=Told)
    blocks: int = 0


def build(
    sources: Sequence[Source], place: Path, *, notes: Notes, asked: str = "", zone: int = 0,
    day_first: bool | None = None, workers: int = 2, progress: Progress = lambda _bytes: None,
) -> None:  # fmt: skip
    """Read `sources` and write the index `place`. zone: minutes east of Greenwich where a time does not say it.

    day_first: whether 04/03/2026 is in March, None to find out. notes: what reading had to leave out, kept in the
    index. progress: is told bytes read. Raises OSError, ToolError.
    """
    writer = Writer(place)
    try:
        found = _Found(writer, [_Source() for _ in sources], notes)
        dates = dates_of(sources) if day_first is None else Dates(day_first=day_first)
        if not dates.sure:
            notes.add(_either(dates))
        tasks = _tasks(sources, zone, notes, day_first=dates.day_first)
        total = sum(source.size for source in sources)
        for done in _results(tasks, workers if total > ALONE else 1):
            _take(found, done)
            progress(done.size)
        _templates(found)
        writer.traces(found.traces.values())
        _remarks(found, sources)
        writer.finish(
            {
                "sources": [source.model_dump() for source in sources], "asked": asked, "notes": notes.told(),
                "lines": sum(source.lines for source in found.sources),
                "undated": sum(source.undated for source in found.sources), "dates": dates.model_dump(),
            }
        )  # fmt: skip
    except BaseException:
        writer.abandon()
        raise


def _either(dates: Dates) -> str:
    one, other = ("day", "month") if dates.day_first else ("month", "day")
    return (
        f"in dates such as {dates.example} the day or the month may be first, and nothing in the log decides it: "
        f"read with the {one} first (--dates {other}-first reads them the other way)"
    )


def _tasks(sources: Sequence[Source], zone: int, notes: Notes, *, day_first: bool) -> Iterator[Task]:
    for number, source in enumerate(sources):
        if source.sliced:
            for start, finish in offsets(source):
                yield Task(number, source, start, finish, None, zone, day_first)
        else:
            for text in stream(source, notes):
                yield Task(number, source, 0, 0, text, zone, day_first)


def _results(tasks: Iterator[Task], workers: int) -> Iterator[Done]:
    """The blocks in their order. Each process has one block at a time, in turn: the same input gives the same index."""
    if workers <= 1:
        reader = Reader()
        yield from map(reader.read, tasks)
        return
    with _started(workers) as lines:
        waiting: deque[Connection] = deque()
        for line in lines:
            _next(tasks, line, waiting)
        while waiting:
            line = waiting.popleft()
            try:
                answer = line.recv()
            except EOFError as error:
                raise ToolError("a process reading the logs was killed (out of memory?)") from error
            _next(tasks, line, waiting)
            if isinstance(answer, Exception):
                raise answer
            yield answer


def _next(tasks: Iterator[Task], line: Connection, waiting: deque[Connection]) -> None:
    task = next(tasks, None)
    if task is not None:
        line.send(task)
        waiting.append(line)


@contextmanager
def _started(workers: int) -> Iterator[list[Connection]]:
    """Connections to processes that read blocks; they end with this context."""
    context = multiprocessing.get_context("spawn")
    lines: list[Connection] = []
    processes = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()
            processes.append(process)
            lines.append(ours)
        yield lines
    finally:
        for line in lines:
            line.close()
        for process in processes:
            process.terminate()
            process.join()


def _take(found: _Found, done: Done) -> None:
    """Put one block into the index."""
    source = found.sources[done.task.source]
    number, first_line = found.blocks, source.lines + 1
    own = found.own.setdefault(done.reader, [])
    for new in done.new:
        known = found.numbers.setdefault(new.shape, len(found.numbers))
        if known == len(found.shapes):
            found.shapes.append((new, done.task.source, first_line + new.place))
        own.append(known)
    found.told.zones.update(done.told.zones)
    found.told.formats.update(done.told.formats)
    found.told.yearless |= done.told.yearless
    for sentence in done.notes.counted():
        found.notes.add(*sentence)
    if not done.shapes.size:
        return
    shapes = np.array(own, dtype=np.uint32)[done.shapes]
    found.counts.update(dict(enumerate(np.bincount(shapes).tolist())))
    times = _filled(done.times, source)
    for at, trace in done.traces:
        _trace(found, trace, done.task.at.path, first_line + at, int(times[at]))
    earliest, latest = int(times.min()), int(times.max())
    block = Block(number, done.task.source, first_line, len(shapes), *done.span, earliest, latest)
    found.writer.block(block, shapes, times, done.text)
    found.blocks += 1
    source.lines += len(shapes)


def _filled(times: Times, source: _Source) -> Times:
    """Lines without a time take that of the line before; those before the first time have none."""
    dated = times != UNDATED
    source.undated += int(times.size - dated.sum())
    seen = times[dated]
    if not seen.size:
        return np.full(times.shape, source.latest, dtype=np.int64)
    steps = np.diff(seen, prepend=source.latest if source.latest != UNDATED else seen[0])
    source.back += int((steps < -BACK).sum())
    source.ahead += int((steps > AHEAD).sum())
    last = np.maximum.accumulate(np.where(dated, np.arange(times.size), -1))
    filled = np.where(last >= 0, times[np.maximum(last, 0)], source.latest)
    source.latest = int(seen[-1])
    return np.asarray(filled, dtype=np.int64)


def _trace(found: _Found, trace: Trace, file: str, line: int, time: int) -> None:
    known = found.traces.get(trace.fingerprint)
    if known is None:
        if len(found.traces) >= 20_000:
            found.notes.add("{n} stack traces beyond the 20,000 that are told apart")
            return
        update = {"file": file, "line": line, "first": time, "last": time, "count": 1}
        found.traces[trace.fingerprint] = trace.model_copy(update=update)
        return
    found.traces[trace.fingerprint] = known.model_copy(
        update={"count": known.count + 1, "last": max(known.last, time), "first": min(known.first, time)}
    )


def _templates(found: _Found) -> None:
    """Mine the shapes' texts and write templates, the first shape of each giving its example."""
    texts = {_mined(shape): None for shape, _, _ in found.shapes}
    template_of = mine(text for text in texts if text != STACK) | {STACK: STACK}
    numbers: dict[str, int] = {}
    lines: Counter[int] = Counter()
    first: list[tuple[NewShape, int, int]] = []
    rows: list[tuple[int, int, str]] = []
    for shape_number, entry in enumerate(found.shapes):
        number = numbers.setdefault(template_of[_mined(entry[0])], len(numbers))
        if number == len(first):
            first.append(entry)
        lines[number] += found.counts[shape_number]
        rows.append((shape_number, number, entry[0].level))
    found.writer.shapes(rows)
    found.writer.templates(
        (template_id(text), number, text, *_beginning(first[number]), lines[number], *first[number][1:],
         first[number][0].example)
        for text, number in numbers.items()
    )  # fmt: skip


def template_id(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def _beginning(entry: tuple[NewShape, int, int]) -> tuple[str, str]:
    return entry[0].level, entry[0].component


def _mined(shape: NewShape) -> str:
    return STACK if shape.kind == traces.FRAME else shape.text


def _remarks(found: _Found, sources: Iterable[Source]) -> None:
    for source, read in zip(sources, found.sources, strict=True):
        if read.lines and read.undated == read.lines:
            found.notes.add(f"{source.path}: no line has a time that is understood")
        found.notes.add(f"{source.path}: the clock goes back by more than {BACK} s at {{n}} lines", read.back)
        found.notes.add(
            f"{source.path}: nothing is written for more than {AHEAD // 3600} hours before {{n}} lines", read.ahead
        )
    zones = sorted(zone for zone in found.told.zones if zone != "none")
    if len({"+0000" if zone in ("UTC", "+00:00") else zone for zone in zones}) > 1:
        found.notes.add(f"times are written in several zones ({', '.join(zones[:6])}); all are compared in UTC")
    if found.told.zones["none"] and zones:
        found.notes.add("some times say their zone and some do not; those that do not are read as --zone says")
    if found.told.yearless:
        found.notes.add("times without a year are taken from the year before the file's last change")
