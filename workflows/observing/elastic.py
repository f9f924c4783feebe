"""Lines from Elasticsearch or OpenSearch, the oldest first, page after page with `search_after`.

https://www.elastic.co/guide/en/elasticsearch/reference/current/paginate-search-results.html. Without a point in time
there is no tie-breaker that both allow, so a page begins with the last time of the one before, and what was seen is
known by its id. Where one time fills a page, its documents are paged by the number that their shard gave them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.oplogs.asking import written
from tools.tool import ToolError
from tools.triage.observed import service_of
from workflows.observing.lines import Book, Entry, Fetched, kept, whole
from workflows.observing.wire import Wire
from workflows.text import line

PAGE = 1000
MOST_PAGES = 500
TIME = "@timestamp"
Sort = Mapping[str, Mapping[str, str]]
_BY_TIME: Sort = {TIME: {"order": "asc", "unmapped_type": "date", "numeric_type": "date"}}
_BY_NUMBER: Sort = {"_seq_no": {"order": "asc"}}  # unique in a shard
_MOST_NUMBER = 2**63 - 1
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
    search = Search(wire, query, book.notes)
    book.fill(_entry(wire, hit) for hit in search.pages(since * 1000, until * 1000 + 999, _BY_TIME))
    body = json.dumps(search.body(since * 1000, until * 1000 + 999, _BY_TIME, None))
    again = f"curl -H 'Content-Type: application/json' {shlex.quote(wire.url + '/_search')} -d {shlex.quote(body)}"
    return kept(book, folder, "elasticsearch", wire.url, again)


@dataclass(frozen=True)
class Search:
    """What is asked of a source. query: of Lucene, "" for all; notes: get what cannot be had."""

    wire: Wire
    query: str
    notes: list[str]

    def pages(self, since_ms: int, until_ms: int, sort: Sort) -> Iterator[Mapping[str, Any]]:
        """Documents of a time, ascending; a page begins with the last key of the one before, which was seen already."""
        low, high = (since_ms, until_ms) if sort is _BY_TIME else (0, _MOST_NUMBER)
        seen: set[tuple[str, str]] = set()
        after: int | None = None
        again = -1  # the last key of the page before
        for _ in range(MOST_PAGES):
            hits = _hits(self.wire, self.wire.post("/_search", self.body(since_ms, until_ms, sort, after)))
            yield from (hit for hit in hits if _name(hit) not in seen)
            within = [key for hit in hits if low <= (key := _key(self.wire, hit)) <= high]
            if len(hits) < PAGE or not within:
                return
            first, last = within[0], within[-1]
            seen = {_name(hit) for hit in hits if _key(self.wire, hit) == last} | (seen if last == again else set())
            again = last
            if first == last:  # a page of one key alone: the next one would be the same
                yield from self._crowd(last if sort is _BY_TIME else since_ms, sort, seen)
            after = last if first == last else last - 1
        self.notes.append(f"{self.wire.name}: more pages than {MOST_PAGES} were there; the later lines are left out")

    def body(self, since_ms: int, until_ms: int, sort: Sort, after: int | None) -> dict[str, Any]:
        """What is sent."""
        within = {"range": {TIME: {"gte": since_ms, "lte": until_ms, "format": "epoch_millis"}}}
        asked = [{"query_string": {"query": self.query}}] if self.query else []
        body: dict[str, Any] = {
            "size": PAGE, "track_total_hits": False, "query": {"bool": {"filter": [within, *asked]}}, "sort": [sort],
        }  # fmt: skip
        return body if after is None else body | {"search_after": [after]}

    def _crowd(self, at_ms: int, sort: Sort, seen: Collection[tuple[str, str]]) -> Iterator[Mapping[str, Any]]:
        """The others of a time that fills a page; its documents bear that time, whatever they were sorted by."""
        told = f"{self.wire.name}: of the lines at {written(at_ms // 1000)} not all are here"
        if sort is not _BY_TIME:
            self.notes.append(f"{told}: more than {PAGE} shards gave the same number")
            return
        try:
            for hit in self.pages(at_ms, at_ms, _BY_NUMBER):
                if _name(hit) not in seen:
                    yield {**hit, "sort": [at_ms]}
        except ToolError as error:
            self.notes.append(f"{told}: {error}")


def _hits(wire: Wire, answer: Any) -> list[Mapping[str, Any]]:
    outer = answer.get("hits") if isinstance(answer, dict) else None
    hits = outer.get("hits") if isinstance(outer, dict) else None
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise ToolError(f"{wire}: not the answer of a search: is this the right address?")
    return hits


def _name(hit: Mapping[str, Any]) -> tuple[str, str]:
    return str(hit.get("_index")), str(hit.get("_id"))


def _key(wire: Wire, hit: Mapping[str, Any]) -> int:
    """What a document is sorted by, as milliseconds since 1970; -1 for what is no number."""
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
    return service, Entry(_key(wire, hit) * 10**6, f"{text}\n{trace}" if trace and trace not in text else text, level)


def _field(fields: Mapping[str, Any], name: str) -> str:
    """A field by its path, written with dots or as objects."""
    value: Any = fields.get(name)
    if value is None:
        value = fields
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    return str(value) if isinstance(value, str | int | float) else ""
