"""What a run asks, on the terminal: the question with what there is to read, and the answer of whoever sits there."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

from workflows.exits import Refused
from workflows.text import brief, line

if TYPE_CHECKING:
    from agent.asking import Decision, More, Subject

MOST_LINES = 40


def can_ask() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def show(console: Console, question: str, detail: str, consequence: str) -> None:
    """A question; texts from outside are cleaned and never taken as markup."""
    console.print(Text.assemble("\n", ("The run asks  ", "bold yellow"), line(question, 2000)), soft_wrap=True)
    rows = detail.strip("\n").split("\n") if detail.strip() else []
    for row in rows[:MOST_LINES]:
        console.print(Text(f"    {brief(row, 500)}", "dim"), soft_wrap=True)
    if len(rows) > MOST_LINES:
        console.print(Text(f"    … {len(rows) - MOST_LINES} more lines", "dim"))
    if consequence:
        console.print(Text(line(consequence, 1000)), soft_wrap=True)


def prompted(subject: Subject) -> tuple[Decision, More | None]:
    """What the person at the terminal says. Raises typer.Abort when they leave."""
    if subject != "information":
        return ("approve" if typer.confirm("Approve?", err=True) else "deny"), None
    while True:
        tests, log = _asked("Failing tests, or one command"), _asked("A file with a log of the failure")
        install, text = _asked("A command that installs it"), _asked("Anything else")
        try:
            more = told(tests=_one(tests), log=log or None, install=_one(install), text=text)
        except Refused as error:
            typer.echo(error.message, err=True)
            continue
        return ("deny", None) if more.empty else ("message", more)


def _asked(what: str) -> str:
    return str(typer.prompt(f"{what} (empty: none)", default="", show_default=False, err=True)).strip()


def _one(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def told(
    *, tests: Sequence[str] = (), log: str | None = None, install: Sequence[str] = (), text: str = "",
    test_command: str | None = None, python: str | None = None, rev: str | None = None,
) -> More:  # fmt: skip
    """What a person adds. log: a file. Raises Refused."""
    from agent.asking import More
    from workflows.inputs import revision, text_of

    return More(
        tests=tuple(tests), log=text_of("--log", log), install=tuple(install), text=text or None,
        test_command=test_command, python=python, rev=revision("--rev", rev),
    )  # fmt: skip
