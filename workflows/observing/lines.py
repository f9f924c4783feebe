"""Lines of a log store as files that the same reading takes as any other log: one file for each service."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.oplogs.asking import written
from tools.oplogs.stamps import UNDATED, Clock
from tools.tool import ToolError
from tools.triage.observed import Seen

MOST_LINES, MOST_BYTES = 200_000, 128 << 20
MOST_LINE = 64 << 10
_SAMPLE = 200
_NEAR_S = 300  # a line's own time is taken for it when it is about when the store says that it came


@dataclass(frozen=True)
class Entry:
    """A line as a store keeps it. stamp: nanoseconds since 1970; level: "" for none; text: may be several lines."""

    stamp: int
    text: str
    level: str = ""


@dataclass
class Book:
    """Entries by service, of the seconds from `since` to `until`, up to a bound.

    odd: how many were of times that were not asked for; full: the bound is reached, what comes later is left out.
    notes: what else a reader should know.
    """

    since: int
    until: int
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    lines: int = 0
    size: int = 0
    odd: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return self.lines >= MOST_LINES or self.size >= MOST_BYTES

    def fill(self, found: Iterable[tuple[str, Entry]]) -> None:
        """Add entries, the oldest first; where they end early is noted, and raised as ToolError if there is none."""
        last = -1
        try:
            for service, entry in found:
                self.add(service, entry)
                last = max(last, min(entry.stamp // 10**9, self.until))
                if self.full:
                    return
        except ToolError as error:
            if not self.lines:
                raise
            self.notes.append(f"{error}; the lines after {written(last)} are missing")

    def add(self, service: str, entry: Entry) -> None:
        """One more, while there is room."""
        if not self.since <= entry.stamp // 10**9 <= self.until:
            self.odd += 1
        elif not self.full:
            kept = entry if len(entry.text) <= MOST_LINE else Entry(entry.stamp, entry.text[:MOST_LINE], entry.level)
            self.entries.setdefault(service, []).append(kept)
            self.lines, self.size = self.lines + 1, self.size + len(kept.text)


@dataclass(frozen=True)
class Fetched:
    """Service -> its file, what was seen, and what a reader should know."""

    files: dict[str, Path]
    seen: tuple[Seen, ...]
    notes: tuple[str, ...] = ()


def whole(given: str | float) -> int:
    """A number as a source writes it; -1, a time that nobody asks for, where it is no finite one. Raises TypeError."""
    try:
        return int(given)
    except (ValueError, OverflowError):
        return -1


def kept(book: Book, folder: Path, source: str, where: str, query: str) -> Fetched:
    """Write a file for each service into `folder`. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files: dict[str, Path] = {}
    seen = []
    for number, (service, entries) in enumerate(sorted(book.entries.items())):
        entries.sort(key=lambda entry: entry.stamp)
        path = folder / f"{source}-{number}.log"
        with path.open("w", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{row}\n" for row in rows(entries))
        files[service] = path
        first, last = entries[0].stamp // 10**9, entries[-1].stamp // 10**9
        summary = f"{source}: {len(entries)} lines of {service} in {max(1, last - first)} s"
        seen.append(Seen(kind="log", summary=summary, time=first, where=where, query=query))
    return Fetched(files, tuple(seen), (*book.notes, *_notes(book, source)))


def _notes(book: Book, source: str) -> Iterator[str]:
    if book.full:
        yield f"{source}: more lines than {book.lines} were there; the later ones are left out"
    if book.odd:
        yield f"{source}: {book.odd} lines bear times that were not asked for; they are left out"


def rows(entries: Sequence[Entry]) -> Iterator[str]:
    """Lines as they were written where those bear their times, else with the store's time and level before them."""
    own = _own_times(entries[:_SAMPLE])
    for entry in entries:
        text = entry.text.replace("\0", "\ufffd").rstrip("\r\n")
        if own or text[:1].isspace():
            yield text
        else:
            at = dt.datetime.fromtimestamp(entry.stamp // 10**9, dt.UTC)
            level = f"{entry.level.upper()} " if entry.level.isalpha() else ""
            yield f"{at:%Y-%m-%dT%H:%M:%S}.{entry.stamp // 10**6 % 1000:03d}Z {level}{text}"


def _own_times(entries: Sequence[Entry]) -> bool:
    clock = Clock(zone=0, latest=entries[-1].stamp / 10**9)
    times = clock.times([entry.text.partition("\n")[0].encode("utf-8", "replace") for entry in entries])
    near = sum(
        time != UNDATED and abs(time - entry.stamp / 10**9) <= _NEAR_S
        for time, entry in zip(times, entries, strict=True)
    )
    return near * 3 >= len(entries)
