"""Requests whose lines tell an HTTP status (access logs, JSON, logfmt, words): which share failed, where, since when.

A request failed with a status of 500 or above. Only requests that a service answered count: lines with the address of
another server tell of those that it made.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from tools.oplogs.asking import written
from tools.oplogs.index import Block, Index
from tools.oplogs.windows import line_of, newlines
from tools.triage.ledger import Ledger
from tools.triage.onset import stretch
from tools.triage.values import Sentence

BLOCKS, LINES = 40, 200_000  # read at most, of a log
LEAST = 20  # requests
SURE = 5.0  # log-likelihood ratio from which more failures are no chance
SHOWN = 3  # routes
NAME = 24  # characters of a part of a path that names a route; longer ones are somebody's data
DEEP = 6  # parts of a path
_METHODS = "GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS"
_STATUS = r"(?P<status>[1-5]\d\d)(?![\w.])"
_QUOTED = re.compile(rf'"(?P<method>{_METHODS}) (?P<path>[^"\s]{{1,2000}})[^"]{{0,40}}" {_STATUS}')
_WORDS = re.compile(
    rf"\b(?P<method>{_METHODS}) (?P<path>/[^\s\"]{{0,2000}})(?: HTTP/[\d.]+)?\"?[\s:,;|=>(\[-]{{1,6}}"
    rf"(?:(?:status|code|returned|answered|completed)[\s:=]{{1,3}})?{_STATUS}(?! ?(?:[nµum]?s|[kKMG]?i?[bB]|bytes)\b)"
)
_NAMED = re.compile(
    rf"(?i)(?<![a-z])(?:(?:http|response|res|resp)[._-]?)?(?:status(?:[._-]?code)?)[\"']?\s?[=:]\s?[\"']?{_STATUS}"
)
_PATH = re.compile(
    r"(?i)(?<![a-z])(?:(?:http|request|req)[._-]?)?(?:path|uri|url|route|target)[\"']?\s?[=:]\s?[\"']?(?P<path>[^\s\"',}]{1,2000})"
)
_METHOD = re.compile(
    rf"(?i)(?<![a-z])(?:(?:http|request|req)[._-]?)?(?:method|verb)[\"']?\s?[=:]\s?[\"']?({_METHODS})\b"
)
_PLAIN = re.compile(rf"[a-zA-Z._~-]{{1,{NAME}}}|v\d{{1,2}}")


@dataclass(frozen=True)
class Requests:
    """What a log tells of requests, in the order of their times (seconds since 1970). names: of the routes.

    sampled: only some of its lines were read.
    """

    times: NDArray[np.int64]
    failed: NDArray[np.bool_]
    routes: NDArray[np.int64]
    names: tuple[str, ...]
    sampled: bool
    file: str


@dataclass(frozen=True)
class Failing:
    """Where more of them fail than elsewhere. start, end: places of the requests, [start, end)."""

    start: int
    end: int


def requests(index: Index, since: int | None = None) -> Requests | None:
    """The requests in a log from `since` on; None where its lines tell of fewer than LEAST."""
    wanted = [each.number for each in index.templates() if request_of(each.example)]
    if not wanted:
        return None
    blocks = index.blocks(since or 0)
    if not blocks:
        return None
    most = LINES // min(len(blocks), BLOCKS)
    chosen = [blocks[at] for at in np.unique(np.linspace(0, len(blocks) - 1, min(len(blocks), BLOCKS)).astype(int))]
    names: dict[str, int] = {}
    rows: list[tuple[int, bool, int]] = []
    templates = index.template_of_shape()
    ids = np.array(sorted(wanted), dtype=np.uint32)
    sampled = len(chosen) < len(blocks)
    for block in chosen:
        places = np.flatnonzero(np.isin(templates[index.shapes(block)], ids) & (index.times(block) >= (since or 0)))
        sampled |= len(places) > most
        for time, line in _lines(index, block, places[:: max(1, math.ceil(len(places) / most))].tolist()):
            told = request_of(line)
            if told is not None:
                rows.append((time, told[1] >= 500, names.setdefault(told[0], len(names))))
    if len(rows) < LEAST:
        return None
    rows.sort(key=itemgetter(0))  # lines of a second stay as they were written
    times, failed, routes = (np.array(column) for column in zip(*rows, strict=True))
    return Requests(times, failed, routes, tuple(names), sampled, index.sources[0].path)


def _lines(index: Index, block: Block, places: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Time and text of lines of a block."""
    if not places:
        return
    times, text = index.times(block), index.text(block)
    ends = newlines(text)
    for place in places:
        yield int(times[place]), line_of(text, ends, place)


def request_of(line: str) -> tuple[str, int] | None:
    """Route and status of a request that a line tells of; None for a line that tells of none."""
    line = line[:4_000]
    match = _QUOTED.search(line) or _WORDS.search(line)
    if match:
        path = match["path"]
        return (route_of(match["method"], path), int(match["status"])) if path.startswith("/") else None
    status = _NAMED.search(line)
    path_named, method = _PATH.search(line), _METHOD.search(line)
    if status is None or path_named is None or not path_named["path"].replace("\\/", "/").startswith("/"):
        return None
    path = path_named["path"].replace("\\/", "/")
    return route_of(method[1].upper() if method else "", path), int(status["status"])


def route_of(method: str, path: str) -> str:
    """The method and the path without what callers fill in: numbers, keys, addresses and everything after `?`."""
    parts = [part for part in re.split(r"[?#;]", path, maxsplit=1)[0].split("/") if part]
    named = [part if _PLAIN.fullmatch(part) else "*" for part in parts[:DEEP]]
    return f"{method} /{'/'.join(named)}{'/…' if len(parts) > DEEP else ''}".strip()


def failing(read: Requests) -> Failing | None:
    """The requests among which far more fail than among the others; None where no part of the log stands out."""
    seen = stretch(np.flatnonzero(read.failed).tolist(), 0, len(read.failed) + 1, SURE)
    return None if seen is None else Failing(seen.start, seen.end)


def told(service: str, read: Requests, ledger: Ledger) -> tuple[Sentence, ...]:
    """Which share of a service's requests failed, since when, and on which routes."""
    found = failing(read)
    among = " in a sample" if read.sampled else ""
    query = f"patchwright logs {read.file} --field level=error"
    if found is None:
        same = ", no more than before" if read.failed.any() else ""
        text = f"{service}: {_share(read.failed)} failed with a status of 500 or above{among}{same}."
        return (Sentence(text=text, cites=(ledger.add("log", text, where=read.file, query=query),)),)
    inside = np.zeros(len(read.failed), dtype=bool)
    inside[found.start : found.end] = True
    since, last = int(read.times[found.start]), int(read.times[found.end - 1])
    ended = found.end < len(read.failed) - LEAST
    when = f"from {written(since)} to {written(last)}" if ended else f"since {written(since)}"
    usual = f"; {'else' if ended else 'before'} {_percent(read.failed[~inside])}" if (~inside).any() else ""
    text = f"{service}: {_share(read.failed[inside])} failed with a status of 500 or above{among} {when}{usual}."
    where = _routes(read, inside)
    seen = ledger.add("log", f"{text} {where}", time=since, where=read.file, query=query)
    return (Sentence(text=text, cites=(seen,)), Sentence(text=where, cites=(seen,)))


def _routes(read: Requests, inside: NDArray[np.bool_]) -> str:
    """The routes with most failures beyond those that they have else, each with its share, and what is left."""
    asked = _counts(read, inside)
    failed = _counts(read, inside & read.failed)
    usual = _counts(read, ~inside & read.failed) / np.maximum(1, _counts(read, ~inside))
    beyond = failed - asked * usual
    worst = [route for route in np.argsort(-beyond, kind="stable")[:SHOWN].tolist() if beyond[route] > 0]
    rows = [
        f"`{read.names[route]}` {_percent_of(int(failed[route]), int(asked[route]))}"
        f" ({failed[route]:,} of {asked[route]:,})"
        for route in worst
    ]
    rest, left = (int(each.sum() - each[worst].sum()) for each in (asked, failed))
    others = f"; all other routes {_percent_of(left, rest)}" if rest else ""
    return f"Hit: {', '.join(rows) or 'all routes alike'}{others}."


def _counts(read: Requests, wanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.bincount(read.routes[wanted], minlength=len(read.names))


def _share(failed: NDArray[np.bool_]) -> str:
    return f"{_percent(failed)} of requests ({int(failed.sum()):,} of {len(failed):,})"


def _percent(failed: NDArray[np.bool_]) -> str:
    return _percent_of(int(failed.sum()), len(failed))


def _percent_of(count: int, total: int) -> str:
    """A share as people say it: never 0 % where some failed, never 100 % where some did not."""
    share = 100 * count / max(1, total)
    if 0 < share < 0.1:
        return "under 0.1 %"
    if 99.9 < share < 100:
        return "over 99.9 %"
    return f"{share:.0f} %" if share in {0, 100} or 10 <= share < 99 else f"{share:.1f} %"
