"""`patchwright answer`: see what a run of a service asks, and answer it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from workflows.commands.asking import show, told
from workflows.commands.remote import connected, message_of, shortened
from workflows.exits import USAGE, Refused
from workflows.text import line

if TYPE_CHECKING:
    from agent.asking import More
    from workflows.client import Client
    from workflows.service.values import Approval


def answer(  # noqa: PLR0917 - typer reads the signature
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run of the service.")],
    approve: Annotated[bool, typer.Option("--approve", help="Agree to what it asks.")] = False,
    deny: Annotated[bool, typer.Option("--deny", help="Do not, or say that there is no more to tell.")] = False,
    note: Annotated[str, typer.Option(metavar="TEXT", help="Why; the report says it.")] = "",
    test: Annotated[list[str] | None, typer.Option(metavar="ID|CMD", help="Failing test ids, or one command.")] = None,
    log: Annotated[str | None, typer.Option(metavar="FILE|-", help="Log of the failure, - for stdin.")] = None,
    text: Annotated[str, typer.Option(metavar="TEXT", help="Added to the bug report.")] = "",
    install: Annotated[list[str] | None, typer.Option(metavar="CMD", help="Commands that install it.")] = None,
    test_command: Annotated[str | None, typer.Option(metavar="CMD", help="What runs the tests.")] = None,
    python: Annotated[str | None, typer.Option(metavar="X.Y", help="Python to use.")] = None,
    rev: Annotated[str | None, typer.Option(metavar="REV", help="Diagnose this revision instead.")] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="The service.")] = None,
) -> None:
    """See what a run asks, or answer it: --approve or --deny, or with what it lacks."""
    from workflows.settings import load

    settings = load()
    more = told(
        tests=test or (), log=log, install=install or (), text=text, test_command=test_command, python=python, rev=rev
    )
    if approve + deny + (not more.empty) > 1:
        raise Refused("give one answer: --approve, --deny, or what the run lacks", USAGE)
    address = settings.server if server is None else server
    if not address:
        raise Refused("name the service: --server URL, or PATCHWRIGHT_SERVER", USAGE)
    with connected(address, settings) as service:
        if not (approve or deny) and more.empty:
            _listed(service.approvals(run).approvals)
            return
        said = _answered(service, run, more, note, approve=approve, deny=deny)
    Console().print(f"{said.id}: {said.decision}; the run goes on", markup=False, highlight=False)


def _answered(service: Client, run: str, more: More, note: str, *, approve: bool, deny: bool) -> Approval:
    if not more.empty:
        return service.tell(run, message_of(more.model_copy(update={"log": shortened(more.log)})))
    asked = service.approvals(run).approvals
    if not asked:
        raise Refused(f"run {run} asked nothing")
    return service.decide(run, asked[-1].id, "approve" if approve and not deny else "deny", note)


def _listed(asked: tuple[Approval, ...]) -> None:
    console = Console()
    if not asked:
        console.print("it asked nothing")
    for one in asked:
        show(console, f"{one.id}: {one.question}", one.detail, "" if one.decision else one.consequence)
        closed = f"{one.decision}{f': {one.note}' if one.note else ''}"
        console.print(Text(line(closed if one.decision else f"open until {one.expires:%Y-%m-%d %H:%M} UTC", 500)))
