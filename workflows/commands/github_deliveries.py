"""`patchwright github deliveries`: what GitHub delivered, and what the bot gave up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from workflows.commands.storing import with_store
from workflows.exits import USAGE, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from workflows.github.store import PostgresDeliveries

T = TypeVar("T")
STATES = ("todo", "done", "dead")
app = typer.Typer(name="deliveries", help="GitHub's deliveries.", no_args_is_help=True)


def _ask(asking: Callable[[PostgresDeliveries], Awaitable[T]]) -> T:
    from workflows.github.store import PostgresDeliveries
    from workflows.service.store.pool import Database

    return with_store(lambda store: asking(PostgresDeliveries(Database(store.pool))))


@app.command("list")
def show(
    state: Annotated[str, typer.Option(metavar="todo|done|dead", help="Only these; all if not said.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output, one object a line.")] = False,
) -> None:
    """List deliveries: those that wait, that are worked off, and that were given up, each with what came of it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from workflows.text import line

    if state and state not in STATES:
        raise Refused(f"states are {', '.join(STATES)}, not {line(state, 50)}", USAGE)
    found = _ask(lambda deliveries: deliveries.listed(state, limit))
    if json:
        for one in found:
            typer.echo(one.model_dump_json())
        return
    table = Table(box=None, pad_edge=False)
    for head in ("GUID", "EVENT", "STATE", "TRIES", "RECEIVED", "WHAT CAME OF IT"):
        table.add_column(head, no_wrap=head == "GUID", overflow="fold")
    for one in found:
        at = f"{one.received.astimezone():%Y-%m-%d %H:%M:%S}"
        table.add_row(one.guid, one.name, one.state, str(one.attempts), at, Text(line(one.problem, 200)))
    Console().print(table)


@app.command()
def retry(
    delivery: Annotated[
        str, typer.Argument(metavar="[GUID]", help="One that was given up; all of them with --all.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
) -> None:
    """Work on deliveries again that the bot gave up, as if they had just arrived."""
    if bool(delivery) == every:
        raise Refused("name the GUID of one delivery, or say --all", USAGE)
    many = _ask(lambda deliveries: deliveries.retry(delivery))
    if delivery and not many:
        raise Refused("no delivery with this GUID was given up (patchwright github deliveries list --state dead)")
    typer.echo(f"{many} to be tried again")
