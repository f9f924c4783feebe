"""What the logs say, as text and as plain data, with secrets and personal data masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.oplogs.asking import written
from tools.oplogs.index import Index
from tools.oplogs.masking import mask
from tools.oplogs.rates import Activity, Rate
from tools.oplogs.search import Found
from tools.oplogs.traces import Trace

_WIDTH = 200


def masked(value: Any, *, addresses: bool = False) -> Any:
    """Plain data with every string masked."""
    if isinstance(value, str):
        return mask(value, addresses=addresses)
    if isinstance(value, dict):
        return {name: masked(item, addresses=addresses) for name, item in value.items()}
    return [masked(item, addresses=addresses) for item in value] if isinstance(value, list | tuple) else value


def overview(index: Index) -> dict[str, Any]:
    """What was read, as plain data."""
    return {
        "files": [source.path for source in index.sources], "lines": index.lines, "undated": index.about["undated"],
        "notes": index.about["notes"],
    }  # fmt: skip


def heading(index: Index, since: int, until: int) -> Iterator[str]:
    files = len(index.sources)
    named = index.sources[0].path if files == 1 else f"{files:,} files"
    span = f", {written(since)} to {written(until - 1)}" if since >= 0 else ""
    yield f"{named}: {index.lines:,} lines{span}"
    for note in index.about["notes"]:
        yield f"note: {note}"


def story(activity: Activity, traces: tuple[Trace, ...], *, top: int, onset: int | None) -> Iterator[str]:
    """Templates, changed ones first when there is an onset, bursts and stack traces: at most `top` of each."""
    if onset is not None:
        changed = [rate for rate in activity.rates if rate.state not in ("same", "unknown")]
        yield f"\nChanged at {written(onset)} (lines a minute before and after, two-sample Poisson test)"
        yield from map(_changed, changed[:top])
        yield from _rest(len(changed), top, "changed templates")
    frequent = sorted(activity.rates, key=lambda rate: -rate.lines)
    yield "\nMost frequent"
    yield from map(_frequent, frequent[:top])
    yield from _rest(len(frequent), top, "templates")
    yield from _bursts(activity, top)
    if traces:
        yield "\nStack traces"
        for trace in traces[:top]:
            yield f"  {trace.count:,}x {trace.language} {trace.exception}: {_cut(trace.message)}  [{trace.fingerprint}]"
            yield f"      first {trace.file}:{trace.line} at {written(trace.first)}; {_cut(_innermost(trace))}"
        yield from _rest(len(traces), top, "stack traces")


def _bursts(activity: Activity, top: int) -> Iterator[str]:
    if not activity.bursts:
        return
    yield f"\nBursts (modified z-score over {activity.bucket_s} s, median and MAD)"
    texts = {rate.template.id: rate.template.text for rate in activity.rates}
    for burst in activity.bursts[:top]:
        span = f"{written(burst.start)} to {written(burst.end)}"
        named = f"{burst.template}  {_cut(texts.get(burst.template, ''))}"
        yield f"  {span}  {burst.lines:,} lines, usually {burst.usual:g} in {activity.bucket_s} s  {named}"
    yield from _rest(len(activity.bursts), top, "bursts")


def _innermost(trace: Trace) -> str:
    if not trace.frames:
        return ""
    return trace.frames[-1] if trace.language == "python" else trace.frames[0]


def _changed(rate: Rate) -> str:
    where = f"{rate.template.file}:{rate.template.line}"
    first = f"  first {where} at {written(rate.first)}" if rate.state == "new" else ""
    return f"  {rate.state:<8} {rate.rate_before:>9,.2f} -> {rate.rate_after:>9,.2f}  {_named(rate)}{first}"


def _frequent(rate: Rate) -> str:
    return f"  {rate.lines:>10,}  {_named(rate)}"


def _named(rate: Rate) -> str:
    level = f"{rate.template.level} " if rate.template.level else ""
    return f"{rate.template.id}  {level}{_cut(rate.template.text)}"


def _rest(count: int, top: int, what: str) -> Iterator[str]:
    if count > top:
        yield f"  … and {count - top:,} more {what}"


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * _WIDTH].split())
    return line if len(line) <= _WIDTH else f"{line[:_WIDTH]}…"


def found_lines(found: Found, *, context: bool) -> Iterator[str]:
    """Hits as grep writes them: `file:line:text`, lines around with `-`."""
    for hit in found.hits:
        first = hit.line - len(hit.before)
        for number, line in enumerate(hit.before, first):
            yield f"{hit.file}-{number}-{line}"
        yield f"{hit.file}:{hit.line}:{hit.text}"
        for number, line in enumerate(hit.after, hit.line + 1):
            yield f"{hit.file}-{number}-{line}"
        if context:
            yield "--"
    more = "" if found.complete else " or more (--limit)"
    yield f"{found.count:,}{more} lines found, {len(found.hits):,} shown"
