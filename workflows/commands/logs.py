"""The command `logs`: what the logs of a running system say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workflows.commands.dated import FIRST, DatedOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.oplogs.index import Index
    from tools.oplogs.rates import Window
    from tools.oplogs.search import Query

_TIME = "2026-11-24T16:00, seconds since 1970, or 15m before the last line"


def logs(  # noqa: PLR0917 - typer reads the signature
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or directories, also compressed ones.")],
    onset: Annotated[str, typer.Option(help=f"When it began: what changed then? {_TIME}.")] = "",
    since: Annotated[str, typer.Option(help="Only lines from this time on.")] = "",
    until: Annotated[str, typer.Option(help="Only lines before this time.")] = "",
    grep: Annotated[str, typer.Option("--grep", "-e", help="Show lines that match (RE2).")] = "",
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Upper and lower case are the same.")
    ] = False,
    template: Annotated[
        list[str] | None, typer.Option(help="Show lines of this template (id, or its beginning).")
    ] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Show lines with this field; level=error works anywhere."),
    ] = None,
    context: Annotated[int, typer.Option("--context", "-C", min=0, max=1000, help="Lines around each.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Lines shown.")] = 100,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="Templates, bursts and stack traces shown.")] = 15,
    zone: Annotated[
        str, typer.Option(help="Zone of times that do not say it: UTC or an offset such as +02:00.")
    ] = "UTC",
    dates: DatedOption = "auto",
    index: Annotated[Path | None, typer.Option(help="Keep the index in this file instead of the cache.")] = None,
    mask_addresses: Annotated[bool, typer.Option("--mask-addresses", help="Hide IP addresses too.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Ask the logs of a running system: templates, what changed, bursts, stack traces, lines.

    The first question reads everything into an index; the next ones are answered from it. Nothing but the index is
    written. Secrets, e-mail addresses and card numbers are masked. (`log` is for the log of a CI job.)
    """
    from tools.oplogs import asking
    from tools.oplogs.search import Query

    minutes = asking.offset(zone)
    fields = tuple(map(asking.field, field or ()))
    opened = _opened(paths, index, minutes, FIRST[dates])
    try:
        window = _window(opened, onset, since, until, minutes)
        if grep or template or fields:
            query = Query(
                grep=grep or None, templates=tuple(template or ()), fields=fields, since=window.since,
                until=window.until, context=context, limit=limit, ignore_case=ignore_case,
            )  # fmt: skip
            _print(_lines_found(opened, query, json=json, addresses=mask_addresses))
        else:
            _print(_summary(opened, window, top, json=json, addresses=mask_addresses))
    finally:
        opened.close()


def _opened(paths: list[Path], place: Path | None, zone: int, day_first: bool | None) -> Index:
    from rich.console import Console
    from rich.progress import Progress

    from tools.oplogs.opening import opened
    from workflows.settings import load

    settings = load()
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as shown:
        bar = shown.add_task("reading", total=None)
        return opened(
            paths, cache=settings.cache / "logs", place=place, zone=zone, day_first=day_first,
            progress=lambda size: shown.update(bar, advance=size, description="reading"),
        )  # fmt: skip


def _window(index: Index, onset: str, since: str, until: str, zone: int) -> Window:
    from tools.oplogs.asking import moment
    from tools.oplogs.rates import Window

    latest = max((block.latest for block in index.blocks()), default=-1)

    def read(text: str) -> int | None:
        return moment(text, zone=zone, latest=latest) if text else None

    return Window(since=read(since), until=read(until), onset=read(onset))


def _lines_found(index: Index, query: Query, *, json: bool, addresses: bool) -> Iterator[str]:
    from tools.oplogs.search import search
    from tools.oplogs.telling import found_lines, masked

    found = search(index, query)
    if json:
        yield _json(masked(found.model_dump(), addresses=addresses))
        return
    yield from masked(list(found_lines(found, context=bool(query.context))), addresses=addresses)


def _summary(index: Index, window: Window, top: int, *, json: bool, addresses: bool) -> Iterator[str]:
    from tools.oplogs.rates import activity
    from tools.oplogs.telling import heading, masked, overview, story

    answer = activity(index, window)
    traces = index.traces()
    if json:
        told = answer.model_dump()
        told["rates"] = told["rates"][: max(top, 200)]
        whole = {
            **overview(index),
            **told,
            "templates": len(answer.rates),
            "traces": [t.model_dump() for t in traces[:200]],
        }
        yield _json(masked(whole, addresses=addresses))
        return
    lines = [*heading(index, answer.since, answer.until), *story(answer, traces, top=top, onset=window.onset)]
    yield from masked(lines, addresses=addresses)


def _json(value: Any) -> str:
    from json import dumps

    from tools.values import spelled

    return dumps(spelled(value), ensure_ascii=False, indent=2)


def _print(lines: Iterator[str]) -> None:
    from workflows.text import clean

    for line in lines:
        sys.stdout.write(clean(line) + "\n")
