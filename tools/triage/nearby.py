"""What else a log says where a stack trace stands: the request that failed, the message that was worked on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.oplogs.index import Index
from tools.oplogs.traces import Trace
from tools.tool import ToolError
from tools.triage.reading import Log

BEFORE, AFTER, MAX_LINE = 30, 12, 8_000  # lines on each side of a trace, characters of one


def nearby(logs: Mapping[str, Log], traces: Sequence[Trace], text: str) -> str:
    """The lines before and after the first occurrence of a trace with this text, then the trace; "" for ""."""
    found = next((trace for trace in traces if trace.text == text), None)
    if found is None:
        return text
    for log in logs.values():
        before, after = _around(log.index, found)
        if before or after:
            return "\n".join((*before, *after, text))
    return text


def _around(index: Index, trace: Trace) -> tuple[list[str], list[str]]:
    before: list[str] = []
    after: list[str] = []
    own = set(trace.text.split("\n"))
    first, last = trace.line - BEFORE, trace.line + trace.text.count("\n") + AFTER
    for block in index.blocks():
        here = index.sources[block.source].path == trace.file
        if not here or block.first_line > last or block.first_line + block.lines <= first:
            continue
        try:
            rows = index.text(block).split(b"\n")
        except ToolError:  # the file was rotated meanwhile
            continue
        start = max(first, block.first_line)
        for at, row in enumerate(rows[start - block.first_line : last + 1 - block.first_line], start):
            text = row[:MAX_LINE].decode("utf-8", "replace").rstrip("\r")
            if text not in own:
                (before if at <= trace.line else after).append(text)
    return before, after
