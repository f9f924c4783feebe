"""What a triage asks of sources beside the logs on this machine, about the time that it looks at."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from workflows.exits import Refused

if TYPE_CHECKING:
    from workflows.observing.gather import Asked, Gathered
    from workflows.observing.servers import Servers
    from workflows.settings import Settings

HOUR_S = 3600
KEPT, FRESH_S = 20, 3600  # fetched logs that stay for questions about the note; seconds for which new ones do


def gathered(
    settings: Settings, spans: Mapping[str, tuple[int, int]], sources: Asked | None, *, since: str, until: str,
    zone: int,
) -> Gathered:  # fmt: skip
    """What sources say of the time of the logs; without logs, of the last hour or of what is asked.

    spans: service -> its log's, -1 unknown; since, until: times as a person writes them.
    Raises Refused where there is no line at all, ToolError, OSError.
    """
    from tools.oplogs.asking import moment, written
    from workflows.observing.calls import answers
    from workflows.observing.gather import Gathered, gather

    if sources is None or not (sources.addresses or sources.servers):
        return Gathered()
    dated = [span for span in spans.values() if span[1] >= 0]
    last = max((end for _, end in dated), default=int(time.time()))
    end = moment(until, zone=zone, latest=last) if until else last
    first = min((start for start, _ in dated), default=end - HOUR_S)
    start = moment(since, zone=zone, latest=end) if since else first
    if start >= end:
        raise Refused("--since is not before --until")
    found = gather(sources, start, end, _folder(settings.cache / "observed"))
    if not spans and not found.files:
        raise Refused("; ".join(found.notes) or "the sources have no line of that time: see --since and --until")
    if sources.servers:
        services = ",".join([*spans, *(name for name in found.files if name not in spans)])
        places = {"start": written(start), "end": written(end), "service": services}
        found.seen += answers(sources.servers, places, found.notes)
    return found


def servers_of(path: Path | None) -> Servers | None:
    """The servers that a file allows. Raises Refused, ToolError."""
    from workflows.inputs import text_of
    from workflows.observing.servers import read_servers

    text = text_of("--mcp", str(path)) if path else None
    return None if text is None else read_servers(text)


def _folder(parent: Path) -> Path:
    """A place for lines, which the note's questions lead to; the oldest of others go."""
    known = sorted(parent.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True) if parent.is_dir() else []
    for old in known[KEPT:]:
        if time.time() - old.stat().st_mtime > FRESH_S:
            shutil.rmtree(old, ignore_errors=True)
    return parent / secrets.token_hex(8)
