"""Lines from Elasticsearch or OpenSearch, the oldest first, page after page with `search_after`.

https://www.elastic.co/guide/en/elasticsearch/reference/current/paginate-search-results.html. Without a point in time
there is no tie-breaker that both allow, so a page begins with the last time of the one before, and what was seen is
known by its id.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.tool import ToolError
from tools.triage.observed import service_of
from workflows.observing.lines import Book, Entry, Fetched, kept, whole
from workflows.observing.wire import Wire
from workflows.text import line

PAGE = 1000
MOST_PAGES = 500
TIME = "@timestamp"
_TEXTS = ("message", "msg", "log", "event.original", "body")
_LEVELS = ("log.level", "level", "severity", "severity_text")
_TRACES = ("error.stack_trace", "exception.stacktrace", "stack_trace")
_NAMES = {
    "service.name": "service", "service": "service", "app": "app", "application": "application",
    "kubernetes.labels.app": "app", "kubernetes.container.name": "container", "container.name": "container",
}  # fmt: skip


def lines(wire: Wire, since: int, until: int, query: str, folder: Path) -> Fetched:
    """The lines of a time. query: of Lucene; the address may end in an index. Raises ToolError, OSError."""
    book = Book(since, until)
    for hit in _pages(wire, since * 1000, until * 1000 + 999, query):
        service, entry = _entry(wire, hit)
        book.add(service, entry)
        if book.full:
            break
    body = json.dumps(_body(since * 1000, until * 1000 + 999, query, None))
    again = f"curl -H 'Content-Type: application/json' {shlex.quote(wire.url + '/_search')} -d {shlex.quote(body)}"
    return kept(book, folder, "elasticsearch", wire.url, again)


def _body(since_ms: int, until_ms: int, query: str, after: int | None) -> dict[str, Any]:
    within = {"range": {TIME: {"gte": since_ms, "lte": until_ms, "format": "epoch_millis"}}}
    asked = [{"query_string": {"query": query}}] if query else []
    body: dict[str, Any] = {
        "size": PAGE, "track_total_hits": False, "query": {"bool": {"filter": [within, *asked]}},
        "sort": [{TIME: {"order": "asc", "unmapped_type": "date", "numeric_type": "date"}}],
    }  # fmt: skip
    return body if after is None else body | {"search_after": [after]}


def _pages(wire: Wire, since_ms: int, until_ms: int, query: str) -> Iterator[Mapping[str, Any]]:
    seen: set[tuple[str, str]] = set()
    after: int | None = None
    for _ in range(MOST_PAGES):
        hits = _hits(wire, wire.post("/_search", _body(since_ms, until_ms, query, after)))
        fresh = [hit for hit in hits if _key(hit) not in seen]
        yield from fresh
        within = [at for hit in hits if since_ms <= (at := _at(wire, hit)) <= until_ms]
        if len(hits) < PAGE or not within:
            return
        last = within[-1]
        # of the last time there may be more: once again with it, unless the whole page was of that time
        after = last - 1 if fresh and last > within[0] else last
        seen = {_key(hit) for hit in hits if _at(wire, hit) == last}


def _hits(wire: Wire, answer: Any) -> list[Mapping[str, Any]]:
    outer = answer.get("hits") if isinstance(answer, dict) else None
    hits = outer.get("hits") if isinstance(outer, dict) else None
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise ToolError(f"{wire}: not the answer of a search: is this the right address?")
    return hits


def _key(hit: Mapping[str, Any]) -> tuple[str, str]:
    return str(hit.get("_index")), str(hit.get("_id"))


def _at(wire: Wire, hit: Mapping[str, Any]) -> int:
    """Milliseconds since 1970; -1 for what is none."""
    try:
        return whole(hit["sort"][0])
    except (TypeError, IndexError, KeyError) as error:
        raise ToolError(f"{wire}: a document without {TIME}") from error


def _entry(wire: Wire, hit: Mapping[str, Any]) -> tuple[str, Entry]:
    source = hit.get("_source")
    fields: Mapping[str, Any] = source if isinstance(source, dict) else {}
    text = next((found for name in _TEXTS if (found := _field(fields, name))), "") or json.dumps(fields)[:4000]
    trace = next((found for name in _TRACES if (found := _field(fields, name))), "")
    labels = {label: found for name, label in _NAMES.items() if (found := _field(fields, name))}
    level = next((line(found, 20) for name in _LEVELS if (found := _field(fields, name))), "")
    service = service_of(labels) or line(str(hit.get("_index") or "elasticsearch"), 100)
    return service, Entry(_at(wire, hit) * 10**6, f"{text}\n{trace}" if trace and trace not in text else text, level)


def _field(fields: Mapping[str, Any], name: str) -> str:
    """A field by its path, written with dots or as objects."""
    value: Any = fields.get(name)
    if value is None:
        value = fields
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int | float) else ""
