"""`patchwright settings`: what can be set, what is, and whether it is right."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from workflows.exits import BAD_INPUT, Refused
from workflows.text import line

if TYPE_CHECKING:
    from pathlib import Path

    from workflows.settings import Settings

app = typer.Typer(name="settings", help="Settings of this machine.", invoke_without_command=True)


@app.callback()
def overview(ctx: typer.Context) -> None:
    """Settings of this machine; without a command, `list`."""
    if ctx.invoked_subcommand is None:
        show()


@app.command("list")
def show() -> None:
    """Print every setting: its variable, its value and what it means. Secrets are masked."""
    from workflows.settings import Settings, load, unknown

    current, console = load(), Console()
    for name, field in Settings.model_fields.items():
        console.print(Text(_line(current, name)), soft_wrap=True)
        console.print(Text(f"    {field.description}", style="dim"), soft_wrap=True)
    for name in unknown():
        Console(stderr=True).print(Text(f"{line(name)} is set, but there is no such setting"))


@app.command()
def check() -> None:
    """Show what is set, secrets masked, and all that is wrong with it and with the files that it names: then the exit
    code is 65. Nobody is asked over the network.
    """
    from workflows.settings import load, unknown, wrong

    console, found = Console(), [*wrong(), *(f"{line(name)}: there is no such setting" for name in unknown())]
    if not wrong():
        current = load()
        found += _unusable(current)
        for name in sorted(current.model_fields_set):
            console.print(Text(f"set    {_line(current, name)}"), soft_wrap=True)
        if "database_url" not in current.model_fields_set and current.database_url.get_secret_value():
            console.print(Text("set    PATCHWRIGHT_DATABASE_URL, from DATABASE_URL"), soft_wrap=True)
    for problem in found:
        console.print(Text(f"WRONG  {problem}"), soft_wrap=True)
    if found:
        raise typer.Exit(BAD_INPUT)
    console.print("all settings can be used")


def _line(current: Settings, name: str) -> str:
    from workflows.settings import PREFIX

    by = "" if name in current.model_fields_set else " (default)"
    return f"{PREFIX}{name.upper()}={line(str(getattr(current, name)))}{by}"


def _unusable(current: Settings) -> Iterator[str]:
    """Files that are named and cannot be read, and what is wrong with those that say more."""
    from workflows.settings import PREFIX

    checks = {"mcp": _servers, "oncall": _oncall}
    for name, path in current:
        if path is None or not (name in checks or name.endswith("_file")):
            continue
        if path.is_file() and os.access(path, os.R_OK):
            yield from (f"{PREFIX}{name.upper()}: {line(each, 1000)}" for each in checks.get(name, _nothing)(path))
        elif name != "callback_key_file" or path.exists():  # it is made where there is none
            yield f"{PREFIX}{name.upper()}: {line(str(path))} is no file that can be read"


def _nothing(path: Path) -> Sequence[str]:
    del path
    return ()


def _servers(path: Path) -> Sequence[str]:
    from workflows.observing.checking import lacking

    return lacking(path)


def _oncall(path: Path) -> Sequence[str]:
    from workflows.oncall.checking import found

    try:
        return found(path).missing
    except Refused as error:
        return (error.message,)
