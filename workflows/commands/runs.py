"""Commands about runs that exist: `resume`, `replay`, `runs`, `show`; and `verify`, about what came of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from workflows.commands.session import Ways, door_of, finish, watch
from workflows.exits import DIFFERS, Refused
from workflows.text import clean, line

if TYPE_CHECKING:
    from workflows.wiring import RunRef

Run = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or how it begins.")]
Json = Annotated[bool, typer.Option("--json", help="Only report.json on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Format = Literal["md", "json", "html", "diff"]
FILES: dict[Format, str] = {"md": "report.md", "json": "report.json", "html": "report.html", "diff": "patch.diff"}


def resume(
    ctx: typer.Context,
    run: Run,
    json: Json = False,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Keep the report's files here too.")] = None,
    quiet: Quiet = False,
) -> None:
    """Go on with an interrupted run after its last finished step."""
    from workflows.settings import load

    settings, door = load(), door_of(ctx)
    found = door.find_run(settings, run)
    raise typer.Exit(finish(door, settings, found, Ways(json=json, quiet=quiet, out=out)))


def replay(ctx: typer.Context, run: Run, json: Json = False, quiet: Quiet = False) -> None:
    """Run a finished run again from its record, executing nothing; says whether the same report is reached."""
    from workflows.commands.session import print_json
    from workflows.settings import load

    settings, door = load(), door_of(ctx)
    found = door.find_run(settings, run)
    ways = Ways(json=json, quiet=quiet)
    report, differences = watch(ways, None, lambda emit: door.replay_run(settings, found, emit))
    if json:
        print_json(report)
    verdict = f"{len(differences)} differences" if differences else f"the same report: {report.outcome}"
    _say([*differences, verdict], stderr=json)
    raise typer.Exit(DIFFERS if differences else 0)


def runs(ctx: typer.Context) -> None:
    """List runs, the newest first."""
    from workflows.settings import load

    settings = load()
    rows = door_of(ctx).list_runs(settings)
    if not rows:
        _say([f"no runs in {settings.home}"])
        return
    table = Table(box=None, pad_edge=False)
    for name in ("RUN", "BEGUN", "STATE", "OUTCOME", "SOURCE"):
        table.add_column(name, no_wrap=name != "SOURCE", overflow="fold")
    for row in rows:
        begun = row.created.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        table.add_row(row.id, begun, row.state, row.outcome or "", Text(line(row.source)))
    Console().print(table)


def show(
    ctx: typer.Context,
    run: Run,
    format: Annotated[Format, typer.Option(help="What to print.")] = "md",  # noqa: A002
) -> None:
    """Print the report or the patch of a finished run."""
    from workflows.settings import load

    found = door_of(ctx).find_run(load(), run)
    path = found.folder / FILES[format]
    if not path.is_file():
        raise Refused(_missing(found, format))
    data = path.read_bytes()
    if sys.stdout.isatty():
        data = clean(data.decode("utf-8", "surrogateescape")).encode()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _missing(run: RunRef, format: Format) -> str:  # noqa: A002
    if format == "diff" and (run.folder / FILES["json"]).is_file():
        return f"run {run.id} has no patch"
    return f"run {run.id} is not finished; go on with it: patchwright resume {run.id}"


def verify(  # noqa: PLR0917 - typer reads the signature
    ctx: typer.Context,
    certificate: Annotated[Path, typer.Argument(metavar="CERTIFICATE", help="certificate.json of a report.")],
    repo: Annotated[
        str | None, typer.Option(metavar="PATH|URL", help="Where the repository is now, if it moved.")
    ] = None,
    image: Annotated[str | None, typer.Option(metavar="NAME", help="Docker image to run it in.")] = None,
    dockerfile: Annotated[
        str | None, typer.Option(metavar="FILE|auto", help="Build the image from the repository's Dockerfile.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Run again what a certificate claims, and say whether it still holds."""
    from workflows.inputs import source_of, text_of
    from workflows.settings import load

    settings, door = load(), door_of(ctx)
    named = {name: value for name, value in (("image", image), ("dockerfile", dockerfile)) if value}
    settings = settings.model_copy(update=named)
    text = text_of("CERTIFICATE", str(certificate)) or ""
    source = source_of(repo) if repo else None
    result = watch(Ways(quiet=quiet), None, lambda emit: door.recheck(settings, text, source, emit))
    _say([*result.lines, "the certificate holds" if result.holds else "the certificate does NOT hold"])
    raise typer.Exit(0 if result.holds else DIFFERS)


def _say(lines: list[str], *, stderr: bool = False) -> None:
    console = Console(stderr=stderr)
    for one in lines:
        console.print(Text(line(one, 2000)), soft_wrap=True)
