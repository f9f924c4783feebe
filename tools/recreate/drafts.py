"""The one door: a log and the sources at the deployed commit in, ways to repeat the failure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.git import plain
from tools.recreate.apps import Entry, entries
from tools.recreate.calls import calls_of, stated
from tools.recreate.evidence import lines_of, raised_in, requests_in
from tools.recreate.modules import importable
from tools.recreate.values import Asked, Draft, Drafts

MOST_REQUESTS = 24
NO_TRACE = "the log holds no Python traceback with a frame in the repository's code"
NOTHING = (
    "the log shows no request that an application in the repository answers, and no values that the functions of the "
    "trace could be called with"
)


def drafted(log: str, sources: Mapping[str, str], tests: Sequence[str]) -> Drafts:
    """Ways to repeat the last exception of a log: requests first, then calls. tests: those of the files that are."""
    raised = raised_in(log, tuple(sources))
    if raised is None or any(file in tests for file, _, _ in raised.calls):
        return Drafts(note=NO_TRACE)  # a test's own trace names a test, which is run instead
    lines = lines_of(log)
    requests = requests_in(lines)
    found = entries({file: text for file, text in sources.items() if file not in tests}, [c[0] for c in raised.calls])
    asked = [draft for entry in found for each in requests if (draft := _request(entry, each, sources))]
    calls = calls_of(raised, sources, stated(raised, lines, requests), tests)
    drafts = (*asked[:MOST_REQUESTS], *calls)
    return Drafts(raised=raised, drafts=drafts, note="" if drafts else NOTHING)


def _request(entry: Entry, asked: Asked, sources: Mapping[str, str]) -> Draft | None:
    place = importable(entry.file, sources)
    if place is None or not entry.name.isascii():
        return None
    target = f"{entry.name}()" if entry.made else entry.name
    literals = ", ".join(ascii(part) for part in (asked.method, asked.target, asked.body, asked.kind))
    said = f"sends {asked.method} {plain(asked.target, 200)} to {entry.name} of {entry.file}"
    return Draft(
        driver=entry.driver, act=f"{entry.driver}({target}, {literals})", module=place[1], name=entry.name,
        root=place[0], said=said, quote=asked.quote,
    )  # fmt: skip
