"""journald's export format as lines: `time host program[process]: message`."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterable, Iterator

MAX_FIELD = 1_000_000  # bytes kept of one field
_WANTED = frozenset(
    (b"MESSAGE", b"PRIORITY", b"_HOSTNAME", b"SYSLOG_IDENTIFIER", b"_COMM", b"_PID", b"__REALTIME_TIMESTAMP")
)
_GRADES = (b"EMERGENCY", b"ALERT", b"CRITICAL", b"ERROR", b"WARNING", b"NOTICE", b"INFO", b"DEBUG")


class _Reader:
    """Bytes out of chunks, by line and by number."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = bytearray()

    def _more(self) -> bool:
        chunk = next(self._chunks, b"")
        self._held += chunk
        return bool(chunk)

    def line(self) -> bytes | None:
        """The next line without its newline, cut at MAX_FIELD; None at the end."""
        looked, kept = 0, b""
        while (at := self._held.find(b"\n", looked)) < 0:
            looked = len(self._held)
            if looked > MAX_FIELD:
                kept = kept or bytes(self._held[:MAX_FIELD])
                self._held.clear()
                looked = 0
            if not self._more():
                rest = kept or bytes(self._held)
                self._held.clear()
                return rest or None
        line = kept or bytes(self._held[: min(at, MAX_FIELD)])
        del self._held[: at + 1]
        return line

    def take(self, count: int) -> bytes:
        """`count` bytes, cut at MAX_FIELD; fewer at the end."""
        kept = bytearray()
        while count > 0:
            if not self._held and not self._more():
                break
            part = self._held[:count]
            if len(kept) < MAX_FIELD:
                kept += part
            count -= len(part)
            del self._held[: len(part)]
        return bytes(kept[:MAX_FIELD])


def entries(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """One line per entry, newlines in messages kept as further lines."""
    reader = _Reader(chunks)
    fields: dict[bytes, bytes] = {}
    while (line := reader.line()) is not None:
        if not line:
            if fields:
                yield _written(fields)
            fields = {}
            continue
        name, equals, value = line.partition(b"=")
        if not equals:
            size = reader.take(8)
            value = reader.take(struct.unpack("<Q", size)[0]) if len(size) == 8 else b""
            reader.take(1)
        if name in _WANTED:
            fields[name] = value
    if fields:
        yield _written(fields)


def _written(fields: dict[bytes, bytes]) -> bytes:
    stamp = fields.get(b"__REALTIME_TIMESTAMP", b"")
    time = b""
    if stamp.isdigit() and len(stamp) < 18:
        moment = dt.datetime.fromtimestamp(int(stamp) / 1_000_000, dt.UTC)
        time = moment.strftime("%Y-%m-%dT%H:%M:%SZ ").encode()
    program = fields.get(b"SYSLOG_IDENTIFIER") or fields.get(b"_COMM") or b"-"
    process = b"[" + fields[b"_PID"] + b"]" if fields.get(b"_PID") else b""
    grade = fields.get(b"PRIORITY", b"")
    level = _GRADES[int(grade)] + b" " if grade.isdigit() and int(grade) < 8 else b""
    host = fields.get(b"_HOSTNAME") or b"-"
    return time + level + host + b" " + program + process + b": " + fields.get(b"MESSAGE", b"") + b"\n"
