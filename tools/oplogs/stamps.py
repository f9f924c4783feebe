"""The time of each line: the common ways of writing one, found by looking at a sample of the block.

Times are whole seconds since 1970. Where no zone is written `zone` counts, where no year is written the last one that
is not after `latest`.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

UNDATED = -1
NUMERIC = "numeric date"  # the day or the month first; with dots the day, as where dates are written so
HEAD = 300  # bytes of a line in which its time is looked for
_SAMPLE = 120
_KEPT = 200_000
_MONTHS = {name: place for place, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_MONTH = rb"(?P<mon>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = rb"(?P<h>[01]\d|2[0-3]):(?P<mi>[0-5]\d):(?P<s>[0-5]\d|60)"
_DENSE = rb"(?P<h>[01]\d|2[0-3])(?P<mi>[0-5]\d)(?P<s>[0-5]\d)"
# minutes east of Greenwich; names that are several zones' (CST, IST, BST) are no times of ours to guess
ZONES = {
    b"Z": 0, b"UTC": 0, b"GMT": 0, b"WET": 0, b"WEST": 60, b"CET": 60, b"CEST": 120, b"EET": 120, b"EEST": 180,
    b"MSK": 180, b"JST": 540, b"EST": -300, b"EDT": -240, b"CDT": -300, b"MST": -420, b"MDT": -360, b"PST": -480,
    b"PDT": -420,
}  # fmt: skip
_ZONE = rb"(?:[.,:]\d{1,9})?(?: ?(?P<zone>(?:" + b"|".join(ZONES) + rb")\b|[+-][01]\d(?::?[0-5]\d)?(?![\w.:/-])))?"
_HALVES = rb"(?P<h>[01]?\d|2[0-3]):(?P<mi>[0-5]\d):(?P<s>[0-5]\d|60)(?:[.,]\d{1,9})?(?: ?(?P<half>[AaPp])[Mm]\b)?"
_DAY = rb"(?P<d>0[1-9]|[12]\d|3[01])"
_NUMBER = rb"(?P<m>0[1-9]|1[0-2])"
FORMATS: dict[str, re.Pattern[bytes]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "ISO 8601": rb"(?<!\d)(?P<y>(?:19|20)\d\d)([-/.])" + _NUMBER + rb"\2" + _DAY
        + rb"[T _-](?P<h>[01]\d|2[0-3])[:.](?P<mi>[0-5]\d)[:.](?P<s>[0-5]\d|60)" + _ZONE,
        "common log": rb"\b" + _DAY + rb"/" + _MONTH + rb"/(?P<y>\d{4}):" + _CLOCK + _ZONE,
        "ctime": _MONTH + rb" +(?P<d>\d{1,2}) " + _CLOCK
        + rb"(?:\.\d+)?(?: (?P<zone>[A-Z]{3,4}))? (?P<y>(?:19|20)\d\d)\b",
        "syslog": rb"\b" + _MONTH + rb" +(?P<d>\d{1,2}) " + _CLOCK,
        "day month year": rb"\b(?P<d>\d{1,2})[- ]" + _MONTH + rb"[- ](?P<y>\d{4})[ :]" + _CLOCK + _ZONE,
        "klog": rb"^[IWEF]" + _NUMBER + _DAY + rb" " + _CLOCK,
        "compact": rb"(?<!\d)(?P<y>(?:19|20)\d\d)" + _NUMBER + _DAY + rb"[-T ]?" + _DENSE + rb"(?!\d)" + _ZONE,
        "compact date": rb"(?<!\d)(?P<y>(?:19|20)\d\d)" + _NUMBER + _DAY
        + rb"[-T ](?P<h>\d\d?):(?P<mi>\d\d?):(?P<s>\d\d?)(?!\d)" + _ZONE,
        "six digits": rb"(?<!\d)(?P<y>\d\d)" + _NUMBER + _DAY + rb" " + _DENSE + rb"\b",
        "short year": rb"(?<![\d/])(?P<y>\d\d)/" + _NUMBER + rb"/" + _DAY + rb" " + _CLOCK,
        "numeric date": rb"(?<![\w/.:-])(?P<m>\d\d?)(?P<sep>[/.-])(?P<d>\d\d?)(?P=sep)(?P<y>(?:19|20)\d\d)"
        rb"[ ,T]+" + _HALVES,
        "month and day": rb"(?<![\d-])" + _NUMBER + rb"[-.]" + _DAY + rb" " + _CLOCK,
        "epoch": rb"(?<![\w.-])(?P<epoch>1\d{9})(?:\.\d{1,9}|\d{3}|\d{6}|\d{9})?(?![\w.-])",
    }.items()
}  # fmt: skip


@dataclass
class Told:
    """What was seen of times: lines by the zone written, lines by format, and whether years had to be guessed."""

    zones: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    yearless: bool = False


class Clock:
    """Reads the times of a source's blocks. zone: minutes east of Greenwich where none is written.

    day_first: whether 04/03/2026 is in March.
    """

    def __init__(self, *, zone: int, latest: float, day_first: bool = False) -> None:
        self._zone = zone
        self._day_first = day_first
        self._latest = latest
        self._known: dict[tuple[str, bytes], int] = {}
        self.told = Told()

    def times(self, lines: Sequence[bytes]) -> list[int]:
        """Seconds per line, UNDATED where none stands."""
        names = _formats(lines)
        if not names:
            return [UNDATED] * len(lines)
        self.told.formats[names[0]] += len(lines)
        span = _column(FORMATS[names[0]], lines)
        first = partial(self._at, names[0], *span) if span else partial(self._found, names[:1])
        times = [first(line) for line in lines]
        rest = names if span else names[1:]
        if rest and UNDATED in times:
            again = partial(self._found, rest)
            times = [
                again(line) if time == UNDATED and line[:1].strip() else time
                for time, line in zip(times, lines, strict=True)
            ]
        return times

    def _at(self, name: str, start: int, end: int, line: bytes) -> int:
        key = (name, line[start:end])
        time = self._known.get(key)
        return self._read(key) if time is None else time

    def _found(self, names: Sequence[str], line: bytes) -> int:
        for name in names:
            match = FORMATS[name].search(line, 0, HEAD)
            if match:
                key = (name, match[0])
                time = self._known.get(key)
                return self._read(key, match) if time is None else time
        return UNDATED

    def _read(self, key: tuple[str, bytes], match: re.Match[bytes] | None = None) -> int:
        if len(self._known) > _KEPT:
            self._known.clear()
        match = match or FORMATS[key[0]].search(key[1])
        time = self._seconds(match.groupdict()) if match else UNDATED
        self._known[key] = time
        return time

    def _seconds(self, parts: dict[str, bytes | None]) -> int:
        if parts.get("epoch"):
            return int(parts["epoch"] or 0)
        month = _MONTHS[parts["mon"] or b""] if parts.get("mon") else int(parts["m"] or 0)
        day = int(parts["d"] or 0)
        separator = parts.get("sep")
        if month > 12 or (separator and day <= 12 and (self._day_first or separator == b".")):
            month, day = day, month
        clock = [int(parts[name] or 0) for name in ("h", "mi", "s")]
        if parts.get("half"):
            clock[0] = clock[0] % 12 + (12 if parts["half"] in (b"P", b"p") else 0)
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return UNDATED
        zone = self._offset(parts.get("zone"))
        read: Callable[[int], int] = lambda year: calendar.timegm((year, month, day, *clock)) - zone * 60  # noqa: E731
        written = parts.get("y")
        if written:
            year = int(written)
            return max(0, read(year + (2000 if year < 70 else 1900) if year < 100 else year))
        self.told.yearless = True
        year = calendar.EPOCH + int(self._latest // 31_556_952)
        return next(
            (time for time in map(read, (year + 1, year, year - 1)) if time <= self._latest + 86_400), read(year)
        )

    def _offset(self, written: bytes | None) -> int:
        if not written:
            self.told.zones["none"] += 1
            return self._zone
        if written[:1] not in b"+-":
            self.told.zones["UTC" if ZONES.get(written) == 0 else written.decode()] += 1
            return ZONES.get(written, self._zone)
        digits = written[1:].replace(b":", b"")
        minutes = int(digits[:2]) * 60 + int(digits[2:4] or 0)
        self.told.zones[written.decode()] += 1
        return -minutes if written[:1] == b"-" else minutes


def beginning(lines: Sequence[bytes]) -> str:
    """The name of the format that most of these lines have their time in, "" for none."""
    return next(iter(_formats(lines)), "")


def _formats(lines: Sequence[bytes]) -> list[str]:
    """The formats that lines of the sample begin with, the most frequent first."""
    step = max(1, len(lines) // _SAMPLE)
    places: dict[str, list[int]] = {}
    for line in lines[::step]:
        found = [(match.start(), name) for name, at in FORMATS.items() if (match := at.search(line, 0, HEAD))]
        if found:
            calendars = [place for place in found if place[1] != "epoch"]
            start, name = min(calendars or found)
            places.setdefault(name, []).append(start)
    return sorted(places, key=lambda name: -len(places[name]))


def _column(pattern: re.Pattern[bytes], lines: Sequence[bytes]) -> tuple[int, int] | None:
    """Where the time stands when it stands in the same columns in the whole sample, zone included."""
    step = max(1, len(lines) // _SAMPLE)
    found = [match for line in lines[::step] if (match := pattern.search(line, 0, HEAD))]
    spans = {match.span() for match in found}
    seconds = {match.end("s") if "s" in pattern.groupindex else match.end() for match in found}
    zoned = any(match.groupdict().get("zone") for match in found)
    if len({start for start, _ in spans}) != 1 or len(seconds) != 1:
        return None
    start = next(iter(spans))[0]
    if zoned or any(match.groupdict().get("half") for match in found):
        return (start, next(iter(spans))[1]) if len(spans) == 1 else None
    return start, seconds.pop()
