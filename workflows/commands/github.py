"""`patchwright github`: the bot."""

from __future__ import annotations

import typer

from workflows.commands.github_bot import bot

app = typer.Typer(name="github", help="The GitHub bot.", no_args_is_help=True)


@app.callback()
def overview() -> None:
    """The GitHub bot: from a red check to a comment that proves its fix."""


app.command()(bot)
