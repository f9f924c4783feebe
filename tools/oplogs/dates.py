"""Whether dates such as 04/03/2026 have the day or the month first: by what the files show, before they are read.

Evidence, the strongest first: a part above 12; days that follow each other instead of leaping by months; a last date
that is not after the file's last change, or is the day of it. Without any, the month is read first, and that is said.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tools.oplogs.reading import Notes, Source, piece, stream, undocked
from tools.oplogs.stamps import FORMATS, HEAD, NUMERIC, beginning
from tools.values import Value

FILES, PLACES, PART = 20, 8, 64_000  # about as many files and parts of each are looked at; bytes of a part
DAY_S = 86_400
LEAP = 20  # days between two dates that follow each other, from which on a reading is odd
Span = tuple[int, int]


class Dates(Value):
    """How numeric dates are read. sure: something in the files decides it, or nothing has to be decided.

    example: a date that can be read in two ways; as_month, as_day: first and last time in either reading, (-1, -1)
    where there are no such dates.
    """

    day_first: bool = False
    sure: bool = True
    example: str = ""
    as_month: Span = (-1, -1)
    as_day: Span = (-1, -1)


@dataclass(frozen=True)
class _Seen:
    """A date with its time of day. one, two: its first and second number."""

    one: int
    two: int
    year: int
    second: int
    text: str

    def read(self, *, day_first: bool) -> int:
        day, month = (self.one, self.two) if day_first else (self.two, self.one)
        return calendar.timegm((self.year, month, day, 0, 0, self.second))


def dates_of(sources: Sequence[Source]) -> Dates:
    """How the numeric dates of these files, which one program wrote, are to be read."""
    few = sources[:: max(1, len(sources) // FILES)]
    files = [(source, list(_seen(source))) for source in few]
    seen = [each for _, several in files for each in several]
    first, second = (sum(part > 12 for part in parts) for parts in (_parts(seen, 0), _parts(seen, 1)))
    if first or second:
        return Dates(day_first=first > second)
    if all(each.one == each.two for each in seen):
        return Dates()
    as_month, as_day = (_span(seen, day_first=day_first) for day_first in (False, True))
    odd = [sum(_odd(several, day_first=day_first) for _, several in files) for day_first in (False, True)]
    late = [sum(_late(*file, day_first=day_first) for file in files) for day_first in (False, True)]
    month, day = odd if odd[0] != odd[1] else late
    example = next(each.text for each in seen if each.one != each.two)
    return Dates(day_first=day < month, sure=month != day, example=example, as_month=as_month, as_day=as_day)


def _parts(seen: Sequence[_Seen], place: int) -> list[int]:
    return [(each.one, each.two)[place] for each in seen]


def _seen(source: Source) -> Iterator[_Seen]:
    """Numeric dates that lines begin with, from some parts of a file."""
    pattern = FORMATS[NUMERIC]
    for text in _sampled(source):
        lines = text.split(b"\n")
        form = beginning(lines)
        if form != NUMERIC:
            if form:
                return
            continue
        for line in lines:
            match = pattern.search(line, 0, HEAD)
            if match and match["sep"] != b"." and int(match["m"]) and int(match["d"]):
                yield _date(match.groupdict(), match[0])


def _date(parts: dict[str, bytes], text: bytes) -> _Seen:
    second = int(parts["h"]) * 3600 + int(parts["mi"]) * 60 + int(parts["s"])
    return _Seen(int(parts["m"]), int(parts["d"]), int(parts["y"]), second, text.split(b" ")[0].decode().rstrip(","))


def _sampled(source: Source) -> Iterator[bytes]:
    notes = Notes()  # told when the file is read
    if not source.sliced:
        yield next(stream(source, notes), b"")
        return
    step = max(PART, source.size // PLACES)
    starts = dict.fromkeys((*range(0, source.size, step), max(0, source.size - PART)))
    for start in starts:
        text = piece(source, start, min(source.size, start + PART), notes)[1]
        yield undocked(text) if source.flavour == "docker" else text


def _span(seen: Sequence[_Seen], *, day_first: bool) -> Span:
    times = [each.read(day_first=day_first) for each in seen]
    return min(times), max(times)


def _odd(seen: Sequence[_Seen], *, day_first: bool) -> int:
    """Steps from one date to the next that go back or leap by weeks."""
    times = [each.read(day_first=day_first) for each in seen]
    return sum(not -DAY_S < after - before < LEAP * DAY_S for before, after in pairwise(times))


def _late(source: Source, seen: Sequence[_Seen], *, day_first: bool) -> int:
    """How badly a reading's last date fits the file's last change: after it, or long before it."""
    if not seen:
        return 0
    away = source.mtime_ns // 10**9 - seen[-1].read(day_first=day_first)
    return 2 if away < -DAY_S else int(away > DAY_S)


def agreed(dates: Dates, others: Sequence[Span]) -> bool | None:
    """Whether the day is first, by when other logs and deploys were; None where they do not decide it.

    others: first and last time of each.
    """
    if dates.sure or not others:
        return None
    month, day = (
        any(first - DAY_S < end and begin < last + DAY_S for begin, end in others)
        for first, last in (dates.as_month, dates.as_day)
    )
    return day if month != day else None
