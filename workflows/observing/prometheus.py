"""Figures from Prometheus: those that a user asks for, or the golden signals by the names that its conventions give.

https://prometheus.io/docs/prometheus/latest/querying/api/ and https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tools.oplogs.asking import written
from tools.tool import ToolError
from tools.triage.observed import Series, Worse, service_of
from workflows.observing.lines import whole
from workflows.observing.wire import Away, Wire
from workflows.text import line

T = TypeVar("T")
MOST_QUERIES, MOST_SERIES = 30, 40
POINTS = 240
_BY = "by (service, app, job, instance)"
_BAD = re.compile(r"error|fail|exception|timeout|timed_out|reject|dropped|retries|panic|abort")
_REQUESTS = re.compile(r"requests?(?:_count)?_total$|responses?_total$")
_LATENCY = re.compile(r"(?:duration|latency|response_time|request|wait)\w*_bucket$")
_SATURATED = re.compile(
    r"queue|backlog|pool|in_?flight|connections|saturation|utili[sz]ation|lag(?:_|$)|resident_memory_bytes$|open_fds$"
)
_OWN = re.compile(r"^(?:prometheus_|promhttp_|scrape_|go_|python_gc|net_conntrack|alertmanager_)")
_COUNTED = re.compile(r"_(?:total|bucket|sum|count|created|info)$")


@dataclass(frozen=True)
class Query:
    """What is asked. name: for people; expression: of PromQL."""

    name: str
    expression: str
    worse: Worse = "any"


def series(wire: Wire, since: int, until: int, queries: Sequence[str], notes: list[str]) -> tuple[Series, ...]:
    """The figures of a time, by the queries or by conventions. Raises ToolError."""
    step = max(5, -(-(until - since) // POINTS))
    chosen = [Query(text, text) for text in queries] or conventional(_names(wire, since, until), max(60, 4 * step))
    if len(chosen) > MOST_QUERIES:
        notes.append(
            f"{wire.name}: {len(chosen) - MOST_QUERIES} figures were left out; name those that matter (--query)"
        )
    found: list[Series] = []
    for query in chosen[:MOST_QUERIES]:
        try:
            found += _asked(wire, query, (since, until, step), notes)
        except Away as error:
            notes.append(f"{error}; {line(query.name, 100)} is missing, and what was to be asked after it")
            break
        except ToolError as error:  # it may have an answer to the next one
            if str(error) not in notes:
                notes.append(str(error))
    return tuple(found)


def conventional(names: Sequence[str], window_s: int) -> list[Query]:
    """Rates of errors, latency and saturation, as far as names tell; what Prometheus says of itself is left out."""
    found = [Query("up", f"min {_BY} (up)", "down")]
    for name in names:
        if _OWN.match(name) or not re.fullmatch(r"[A-Za-z_:][A-Za-z0-9_:]*", name):
            continue
        found += _by_name(name, f"[{window_s}s]")
    return found


def _by_name(name: str, window: str) -> Iterator[Query]:
    if name.endswith("_total") and _BAD.search(name):
        yield Query(f"rate of {name}", f"sum {_BY} (rate({name}{window}))", "up")
    elif _REQUESTS.search(name):
        for label in ("code", "status"):
            yield Query(f"rate of {name} with {label} 5xx", f'sum {_BY} (rate({name}{{{label}=~"5.."}}{window}))', "up")
        yield Query(f"rate of {name}", f"sum {_BY} (rate({name}{window}))", "down")
    elif _LATENCY.search(name):
        by = _BY.replace("(", "(le, ")
        expression = f"histogram_quantile(0.95, sum {by} (rate({name}{window})))"
        yield Query(f"95th percentile of {name.removesuffix('_bucket')}", expression, "up")
    elif _SATURATED.search(name) and not _COUNTED.search(name):
        yield Query(name, f"max {_BY} ({name})", "up")


def _names(wire: Wire, since: int, until: int) -> list[str]:
    answer = _data(wire, wire.get("/api/v1/label/__name__/values", {"start": since, "end": until}), list)
    return [name for name in answer[:20_000] if isinstance(name, str)]


def _asked(wire: Wire, query: Query, when: tuple[int, int, int], notes: list[str]) -> list[Series]:
    since, until, step = when
    asked: dict[str, str | int] = {"query": query.expression, "start": since, "end": until, "step": step}
    data = _data(wire, wire.get("/api/v1/query_range", asked), dict)
    rows = data.get("result")
    if data.get("resultType") != "matrix" or not isinstance(rows, list):
        raise ToolError(f"{wire}: {line(query.expression, 200)}: a matrix was expected")
    if len(rows) > MOST_SERIES:
        notes.append(f"{wire.name}: {len(rows) - MOST_SERIES} series of {line(query.name, 100)} were left out")
    times = f"--start={written(since)} --end={written(until)} --step={step}s"
    again = f"promtool query range {times} {shlex.quote(wire.url)} {shlex.quote(query.expression)}"
    found = [_series(row, query, wire, again) for row in rows[:MOST_SERIES] if isinstance(row, dict)]
    kept = [_within(each, since - step, until + step) for each in found]  # some servers align times to steps
    odd = sum(len(each.times) for each in found) - sum(len(each.times) for each in kept)
    if odd:
        told = f"{wire.name}: {odd} points of {line(query.name, 100)}"
        notes.append(f"{told} bear times that were not asked for; they are left out")
    return kept


def _within(series: Series, since: int, until: int) -> Series:
    kept = [(time, value) for time, value in zip(series.times, series.values, strict=True) if since <= time <= until]
    return replace(series, times=tuple(time for time, _ in kept), values=tuple(value for _, value in kept))


def _series(row: Mapping[str, Any], query: Query, wire: Wire, again: str) -> Series:
    given = row.get("metric")
    labels = {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    told = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
    name = f"{query.name} ({told})" if told else query.name
    try:
        points = [(whole(float(time)), float(value)) for time, value in row.get("values") or ()]
    except (TypeError, ValueError, OverflowError) as error:
        raise ToolError(f"{wire}: points were expected, a time and a value each") from error
    return Series(
        service=service_of(labels), name=line(name, 200), times=tuple(time for time, _ in points),
        values=tuple(value for _, value in points), worse=query.worse, where=wire.url, query=again,
    )  # fmt: skip


def _data(wire: Wire, answer: Any, kind: type[T]) -> T:
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or answer.get("status") != "success" or not isinstance(data, kind):
        raise ToolError(f"{wire}: not the answer of a Prometheus: is this the right address?")
    return data
