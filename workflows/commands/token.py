"""`patchwright token`: who may ask the service."""

from __future__ import annotations

from typing import Annotated

import typer

from workflows.commands.storing import check_tenant, with_store
from workflows.exits import USAGE, Refused

Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose token.")]
app = typer.Typer(name="token", help="API tokens of the service.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    tenant: Tenant = "default",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="submit|read|approve|admin", help="What it allows, again for more; submit and read if not said."
        ),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=36_500, help="How long it is good for.")] = None,
) -> None:
    """Make a token and print it: it is never shown again."""
    from datetime import UTC, datetime, timedelta

    from workflows.service.values import SCOPES

    check_tenant(tenant)
    until = datetime.now(UTC) + timedelta(days=days) if days else None
    asked = scope or ["submit", "read"]
    scopes = frozenset(known for known in SCOPES if known in asked)
    if len(scopes) != len(set(asked)):
        raise Refused(f"scopes are {', '.join(SCOPES)}, not {', '.join(sorted(set(asked) - scopes))}", USAGE)
    _, secret = with_store(lambda store: store.issue(tenant, name, scopes, expires=until))
    typer.echo(secret)


@app.command("callback-secret")
def callback_secret(tenant: Tenant = "default") -> None:
    """Print what a tenant's callbacks are signed with: their receiver needs it."""
    from workflows.service.callbacks import key_of, secret_of
    from workflows.settings import load

    typer.echo(secret_of(key_of(load()), tenant))


@app.command("list")
def show(tenant: Tenant = "default") -> None:
    """List a tenant's tokens, without their secrets."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from workflows.text import line

    table = Table(box=None, pad_edge=False)
    for head in ("ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "REVOKED", "USED"):
        table.add_column(head, no_wrap=head == "ID", overflow="fold")
    for token in with_store(lambda store: store.tokens(tenant)):
        times = (token.created, token.expires, token.revoked, token.used)
        shown = [f"{at.astimezone():%Y-%m-%d %H:%M}" if at else "" for at in times]
        table.add_row(token.id, Text(line(token.name)), " ".join(sorted(token.scopes)), *shown)
    Console().print(table)


@app.command()
def revoke(token: Annotated[str, typer.Argument(metavar="ID")], tenant: Tenant = "default") -> None:
    """End a token at once."""
    if not with_store(lambda store: store.revoke(tenant, token)):
        raise Refused(f"tenant {tenant} has no token {token}")
    typer.echo(f"{token} is revoked")
