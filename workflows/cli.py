"""The command line: what commands there are, and how every end of one becomes a message and an exit code.

Only typer and rich are imported at the start; commands import the rest when they run.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from workflows.commands import (
    about,
    answer,
    artifacts,
    credential,
    diagnose,
    github,
    images,
    log,
    logs,
    mcp,
    model,
    oncall,
    remote,
    runs,
    serve,
    settings,
    thoughts,
    token,
    triage,
    worker,
)
from workflows.commands import eval as evaluating
from workflows.exits import EPILOG, IO_FAILED, SIGNALLED, USAGE
from workflows.untraced import install

if TYPE_CHECKING:
    from workflows.door import Door

app = typer.Typer(
    name="patchwright", epilog=EPILOG, invoke_without_command=True, rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]}, pretty_exceptions_enable=False, add_completion=True,
)  # fmt: skip
COMMANDS: tuple[Callable[..., None], ...] = (
    diagnose.diagnose,
    runs.resume,
    runs.replay,
    runs.verify,
    runs.runs,
    runs.show,
    thoughts.transcript,
    log.log,
    logs.logs,
    triage.triage,
    evaluating.eval,
)
ABOUT: tuple[Callable[..., None], ...] = (about.doctor, about.schema, about.example)
for command in COMMANDS:
    app.command()(command)
SERVICE: tuple[Callable[..., None], ...] = (serve.serve, worker.worker, answer.answer, remote.openapi)
for command in SERVICE:
    app.command(rich_help_panel="The service")(command)
app.add_typer(token.app, rich_help_panel="The service")
app.add_typer(github.app, rich_help_panel="The service")
app.add_typer(oncall.app, rich_help_panel="The service")
app.add_typer(artifacts.app, rich_help_panel="The service")
app.add_typer(credential.app, rich_help_panel="The service")
app.add_typer(credential.hosts, rich_help_panel="The service")
for command in ABOUT:
    app.command(rich_help_panel="Patchwright itself")(command)
app.add_typer(mcp.app, rich_help_panel="Patchwright itself")
app.add_typer(model.app, rich_help_panel="Patchwright itself")
app.add_typer(settings.app, rich_help_panel="Patchwright itself")
app.add_typer(images.app, rich_help_panel="Patchwright itself")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"patchwright {version('patchwright')}")
        raise typer.Exit


@app.callback()
def overview(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Reproduces a software failure, localizes it, repairs it, and proves the repair by running it."""
    if ctx.invoked_subcommand is None and not version:
        typer.echo(ctx.get_help())


def run(arguments: Sequence[str], door: Door | None = None) -> int:
    """Run one command line and return its exit code; `door`: another composition root than `workflows/wiring.py`."""
    try:
        code = app(list(arguments), prog_name="patchwright", standalone_mode=False, obj=door)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        name = context.command_path if context else "patchwright"
        print(f"patchwright: {_printable(error.format_message())} (see {name} --help)", file=sys.stderr)
        return USAGE
    except typer.Abort:
        return SIGNALLED + 2
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - what is buffered has no reader
        return IO_FAILED
    except Exception as error:  # noqa: BLE001 - the one place where every end becomes a message
        return _told(error)
    return code if isinstance(code, int) else 0


def _printable(message: str) -> str:
    from workflows.text import line

    return line(message, 2000)


def _told(error: Exception) -> int:
    from workflows.interrupts import Interrupted
    from workflows.problems import tell

    if isinstance(error, Interrupted):
        return error.code
    return tell(error, debug=_debugging())


def _debugging() -> bool:
    from workflows.settings import debugging

    return debugging()


def main() -> NoReturn:
    """The console script."""
    install()
    gc.set_threshold(
        50_000, 20, 20
    )  # a thousand modules are imported: little of that is garbage, and looking costs 0.1 s
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows "?", and no traceback
    code = run(sys.argv[1:])
    gc.freeze()  # nor is it worth looking through at the end
    sys.exit(code)
