"""Lines from Loki, the oldest first, page after page.

https://grafana.com/docs/loki/latest/reference/loki-http-api/, "Query logs within a range of time".
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.oplogs.asking import written
from tools.tool import ToolError
from tools.triage.observed import SERVICES, service_of
from workflows.observing.lines import Book, Entry, Fetched, kept, whole
from workflows.observing.wire import Wire
from workflows.text import line

PAGE, MOST_AT_ONCE = 2000, 5000  # lines; servers allow 5,000 unless configured otherwise
MOST_PAGES = 500
_LEVELS = ("level", "detected_level", "severity")
Row = tuple[int, str, str, str, str]  # nanoseconds, service, level, line, stream


def lines(wire: Wire, since: int, until: int, query: str, folder: Path) -> Fetched:
    """The lines of a time, by a log query or of all services. Raises ToolError, OSError."""
    chosen = query or _everything(wire, since, until)
    book = Book(since, until)
    rows = _pages(wire, chosen, since * 10**9, (until + 1) * 10**9, book.notes)
    book.fill((service or "loki", Entry(stamp, text, level)) for stamp, service, level, text, _ in rows)
    again = f"logcli query --addr={shlex.quote(wire.url)} --forward --from={written(since)} --to={written(until)}"
    return kept(book, folder, "loki", wire.url, f"{again} --limit=0 {shlex.quote(chosen)}")


def _everything(wire: Wire, since: int, until: int) -> str:
    """All streams that name a service, by the first label that does."""
    data = _data(wire, wire.get("/loki/api/v1/labels", {"start": since * 10**9, "end": until * 10**9}))
    known = set(data) if isinstance(data, list) else set()
    label = next((name for name in SERVICES if name in known), "")
    if not label:
        raise ToolError(f"{wire}: no label names a service: say which lines with --query 'loki={{label=\"value\"}}'")
    return f'{{{label}=~".+"}}'


def _pages(wire: Wire, query: str, start: int, end: int, notes: list[str]) -> Iterator[Row]:
    """Rows from `start` to before `end`. A page begins at the last time of the one before: those were seen already."""
    seen: set[Row] = set()
    for _ in range(MOST_PAGES):
        rows = _page(wire, query, (start, end), PAGE)
        yield from (row for row in rows if row not in seen)
        within = [stamp for stamp, *_ in rows if start <= stamp < end]
        if len(rows) < PAGE or not within:
            return
        first, last = within[0], within[-1]
        seen = {row for row in rows if row[0] == last}
        if first == last:  # a page of one time alone: the next one would be the same
            yield from (row for row in _crowd(wire, query, last, notes) if row not in seen)
        start = last + 1 if first == last else last
    notes.append(f"loki: more pages than {MOST_PAGES} were there; the later lines are left out")


def _crowd(wire: Wire, query: str, stamp: int, notes: list[str]) -> list[Row]:
    """As many lines of one time as a server gives at once. That there are more is noted: those cannot be asked for."""
    try:
        rows = _page(wire, query, (stamp, stamp + 1), MOST_AT_ONCE)
    except ToolError as error:
        rows = []
        notes.append(f"loki: of the lines at {written(stamp // 10**9)} only {PAGE} are here: {error}")
    if len(rows) >= MOST_AT_ONCE:
        notes.append(
            f"loki: of the lines at {written(stamp // 10**9)} only {len(rows)} are here, as many as it gives at once; "
            "a narrower query shows the others (--query)"
        )
    return rows


def _page(wire: Wire, query: str, when: tuple[int, int], limit: int) -> list[Row]:
    start, end = when
    asked: dict[str, str | int] = {"query": query, "start": start, "end": end, "limit": limit, "direction": "forward"}
    return sorted(_rows(wire, wire.get("/loki/api/v1/query_range", asked)))


def _rows(wire: Wire, answer: Any) -> Iterator[Row]:
    data = _data(wire, answer)
    if not isinstance(data, dict) or data.get("resultType") != "streams" or not isinstance(data.get("result"), list):
        raise ToolError(f"{wire}: streams were expected: is the query one for lines?")
    for stream in data["result"]:
        given = stream.get("stream") if isinstance(stream, dict) else None
        labels = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
        yield from _values(wire, stream, labels)


def _values(wire: Wire, stream: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Row]:
    level = next((line(labels[name], 20) for name in _LEVELS if name in labels), "")
    service, name = service_of(labels), str(sorted(labels.items()))
    try:
        for stamp, text, *_ in stream["values"]:
            yield whole(stamp), service, level, str(text), name
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(f"{wire}: values were expected, a time and a line each") from error


def _data(wire: Wire, answer: Any) -> Any:
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise ToolError(f"{wire}: not the answer of a Loki: is this the right address?")
    return answer.get("data")
