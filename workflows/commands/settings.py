"""`patchwright settings`: what can be set, what is, and whether it is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from workflows.exits import BAD_INPUT
from workflows.text import line

if TYPE_CHECKING:
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
    """Show what is set, secrets masked, and all that is wrong with it: then the exit code is 65."""
    from workflows.settings import load, unknown, wrong

    console, found = Console(), [*wrong(), *(f"{line(name)}: there is no such setting" for name in unknown())]
    if not wrong():
        current = load()
        found += _unreadable(current)
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


def _unreadable(current: Settings) -> Iterator[str]:
    """Files that are named and cannot be read."""
    from workflows.settings import PREFIX

    for name in ("model_key_file", "token_file"):
        path = getattr(current, name)
        if path is not None and not (path.is_file() and os.access(path, os.R_OK)):
            yield f"{PREFIX}{name.upper()}: {line(str(path))} is no file that can be read"
