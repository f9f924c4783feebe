"""All that a triage asks of other sources, in one go: lines as files, figures as series, answers as observations."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, cast, get_args

from tools.tool import ToolError
from tools.triage.observed import Seen, Series
from workflows.observing import elastic, loki, prometheus
from workflows.observing.lines import Fetched
from workflows.observing.servers import Servers
from workflows.observing.wire import Wire, wire

Source = Literal["prometheus", "loki", "elasticsearch"]
WHOLE_S = 60.0
SOURCES: tuple[Source, ...] = get_args(Source)


@dataclass(frozen=True)
class Asked:
    """Sources by name: address, queries, reference to a credential; servers: that are asked over MCP."""

    addresses: Mapping[Source, str] = field(default_factory=dict)
    queries: Mapping[Source, Sequence[str]] = field(default_factory=dict)
    credentials: Mapping[Source, str] = field(default_factory=dict)
    servers: Servers | None = None

    @property
    def lines(self) -> bool:
        """Whether one of them has lines."""
        return any(name in self.addresses for name in ("loki", "elasticsearch"))


@dataclass
class Gathered:
    """What they said."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    series: tuple[Series, ...] = ()
    seen: list[Seen] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def asked(
    addresses: Mapping[Source, str | None], queries: Sequence[str], credentials: Sequence[str],
    servers: Servers | None = None,
) -> Asked:  # fmt: skip
    """What a command line says. Raises ToolError for a source that is not asked."""
    known = {name: address for name, address in addresses.items() if address}
    chosen: dict[Source, list[str]] = {}
    for source, text in (_named("--query", each, known) for each in queries):
        chosen.setdefault(source, []).append(text)
    for name in ("loki", "elasticsearch"):
        if len(chosen.get(name, ())) > 1:
            raise ToolError(f"--query {name}=…: one query for lines is taken")
    return Asked(known, chosen, dict(_named("--credential", each, known) for each in credentials), servers)


def _named(option: str, given: str, known: Mapping[Source, str]) -> tuple[Source, str]:
    source, equals, text = given.partition("=")
    if source not in SOURCES or not equals or not text:
        raise ToolError(f"{option} takes SOURCE=TEXT, with one of {', '.join(SOURCES)} as the source")
    if source not in known:
        raise ToolError(f"{option} {source}=…: name its address with --{source}")
    return source, text


def gather(asked: Asked, since: int, until: int, folder: Path, *, whole_s: float = WHOLE_S) -> Gathered:
    """Ask them all about a time (seconds since 1970). What one of them cannot say is noted, and the others are asked.

    whole_s: seconds for each source, over all its answers; what it said by then is kept.
    Raises ToolError for an address or a credential that is none, and OSError.
    """
    found = Gathered()
    servers = [wire(name, address, asked.credentials.get(name, "")) for name, address in asked.addresses.items()]
    for server in servers:
        try:
            _ask(replace(server, end=time.monotonic() + whole_s), asked.queries, (since, until), folder, found)
        except ToolError as error:
            found.notes.append(str(error))
        except RecursionError:
            found.notes.append(f"{server}: an answer that is nested too deep")
    return found


def _ask(
    server: Wire, queries: Mapping[Source, Sequence[str]], when: tuple[int, int], folder: Path, found: Gathered
) -> None:
    chosen = queries.get(cast("Source", server.name), ())
    if server.name == "prometheus":
        found.series = prometheus.series(server, *when, chosen, found.notes)
        return
    reading = loki.lines if server.name == "loki" else elastic.lines
    _take(found, reading(server, *when, chosen[0] if chosen else "", folder))


def _take(found: Gathered, fetched: Fetched) -> None:
    for service, path in fetched.files.items():
        found.files.setdefault(service, []).append(path)
    found.seen += fetched.seen
    found.notes += fetched.notes
