"""Frames of stack traces as places in the repository at the deployed commit, and who last wrote those lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.git import git
from tools.history import BlameLine, History
from tools.oplogs.masking import mask
from tools.oplogs.traces import Trace
from tools.testing.frames import frames_in
from tools.testing.paths import Paths
from tools.tool import ToolError
from tools.triage.changed import files_at, kind_of, text_at
from tools.triage.ledger import Ledger
from tools.triage.values import Symptom

MESSAGES, LEAST_PART, AROUND = 4, 12, 6  # messages looked for, characters of one, lines of code above it
MESSAGE = 2  # the depth at which a message counts: it tells less than a frame
MOST = 8  # frames of a trace, the innermost
_INSTALLED = re.compile(r'(?<=["\s(])/(?:usr/src|opt)/')  # where images put programs


@dataclass(frozen=True)
class Place:
    """A frame at the deployed commit. depth: 0 for the innermost in the repository; commit: who wrote it.

    failing: the part of its line that failed, where the trace marks it; code: the lines around, of a message that is
    written there (which is no frame: trace is ""); raised: evidence of the trace.
    """

    service: str
    file: str
    line: int
    function: str
    depth: int
    commit: str
    evidence: str
    trace: str
    failing: str = ""
    code: str = ""
    raised: str = ""


async def places(
    history: History, traces: Mapping[str, Sequence[tuple[Trace, str]]], revisions: Mapping[str, str], ledger: Ledger,
    notes: list[str],
) -> tuple[Place, ...]:  # fmt: skip
    """Frames of each service's traces in the repository, mapped at the revision that the service ran."""
    found: list[Place] = []
    for service, several in traces.items():
        revision = revisions.get(service) or revisions.get("") or "HEAD"
        try:
            known = Paths(root="/nowhere", files=await files_at(history, revision))
        except ToolError as error:
            notes.append(f"frames of {service} cannot be mapped: {error}")
            continue
        for trace, seen in several[:5]:
            found += await _mapped(history, (service, revision, seen), trace, known, ledger)
    return tuple(found)


async def writers(
    history: History, symptoms: Sequence[Symptom], revisions: Mapping[str, str], ledger: Ledger
) -> tuple[Place, ...]:
    """Where the code writes the new errors: the one line that has the longest fixed part of a message."""
    found: list[Place] = []
    for symptom in symptoms[:MESSAGES]:
        part = max(re.split(r"<\*>|['\"\\]", symptom.text), key=len, default="").strip()
        revision = revisions.get(symptom.service) or revisions.get("") or "HEAD"
        if symptom.state == "silent" or not symptom.template or len(part) < LEAST_PART:
            continue
        try:
            commit = await history.resolve(revision)
            seen = await git(history.repository, "grep", "-n", "-I", "-F", "-e", part, commit, "--")
        except ToolError:
            continue
        rows = [row.split(":", 3) for row in seen.text.splitlines()] if seen.code == 0 else []
        rows = [row for row in rows if len(row) == 4 and kind_of((row[1],)) == "code"]
        if len(rows) == 1 and rows[0][2].isdigit():
            found.append(await _writer(history, symptom, revision, (rows[0][1], int(rows[0][2])), ledger))
    return tuple(found)


async def _writer(
    history: History, symptom: Symptom, revision: str, at: tuple[str, int], ledger: Ledger
) -> Place:  # fmt: skip
    file, line = at
    rows = (await text_at(history, revision, file)).splitlines()
    code = "\n".join(rows[max(0, line - 1 - AROUND) : line + 1])
    blamed = await _blame(history, revision, file)
    summary = f"`{mask(symptom.text[:120])}` is written at {file}:{line} at {revision[:12]}"
    seen = ledger.add("frame", summary, where=f"{file}:{line}", query=f"git blame {revision[:12]} -- {file}")
    commit = blamed[line].commit if line in blamed else ""
    return Place(symptom.service, file, line, "", MESSAGE, commit, seen, "", code=code)


async def _mapped(
    history: History, at: tuple[str, str, str], trace: Trace, known: Paths, ledger: Ledger
) -> list[Place]:
    service, revision, seen = at
    frames = [f for f in frames_in(_INSTALLED.sub("/srv/", trace.text), known) if f.inside and f.line > 0]
    found: list[Place] = []
    for depth, frame in enumerate(reversed(frames[-MOST:])):
        blamed = await _blame(history, revision, frame.file)
        commit = blamed[frame.line].commit if frame.line in blamed else ""
        wrote = f", last written by {commit[:12]}" if commit else ""
        where = f"{frame.file}:{frame.line}"
        summary = f"frame {where} in {frame.function or '?'} at {revision[:12]} ({seen}){wrote}"
        mapped = ledger.add(
            "frame", summary, time=trace.first, where=where, query=f"git blame {revision[:12]} -- {frame.file}"
        )
        failing = marked(trace.text, frame.file, frame.line)
        where_found = (service, frame.file, frame.line, frame.function)
        found.append(Place(*where_found, depth, commit, mapped, trace.text, failing, raised=seen))
    return found


def marked(trace: str, file: str, line: int) -> str:
    """The part of a frame's line that Python 3.11 and later mark as what failed, "" where nothing is marked."""
    rows = trace.split("\n")
    for number, row in enumerate(rows[:-2]):
        if f'{file}", line {line},' in row and not rows[number + 2].strip(" ~^") and rows[number + 2].strip():
            marks, code = rows[number + 2], rows[number + 1]
            return code[len(marks) - len(marks.lstrip()) : len(marks.rstrip())].strip()
    return ""


async def _blame(history: History, revision: str, file: str) -> dict[int, BlameLine]:
    try:
        return await history.blame(revision, file)
    except ToolError:
        return {}
