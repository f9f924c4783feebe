"""`patchwright credential` and `patchwright hosts`: what the service's fetcher may do for a tenant."""

from __future__ import annotations

from typing import Annotated

import typer

from workflows.commands.storing import check_tenant, with_store
from workflows.exits import Refused

Tenant = Annotated[str, typer.Option(metavar="NAME", help="Whose.")]
Host = Annotated[str, typer.Argument(metavar="HOST", help="Such as github.com, or git.example:8443.")]
app = typer.Typer(name="credential", help="What the service shows to git hosts, by reference.", no_args_is_help=True)
hosts = typer.Typer(name="hosts", help="Git hosts that a tenant of the service may clone from.", no_args_is_help=True)


@app.command("set")
def set_(
    host: Host,
    source: Annotated[
        str, typer.Option("--from", metavar="file:/PATH|env:NAME", help="Where workers find the secret.")
    ],
    tenant: Tenant = "default",
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Shown with it; most hosts take any.")] = None,
) -> None:
    """Name a secret (a token or a password) that clones of a host show. Only the reference is kept."""
    from workflows.references import ReferenceBroken, checked
    from workflows.service.logins import USER

    check_tenant(tenant)
    where, name = _authority(host), user or USER
    if not name.isascii() or not name.isprintable() or ":" in name or not 0 < len(name) <= 200:
        raise Refused("a user's name is 1 to 200 printable ASCII characters without a colon")
    try:
        reference = checked(source)
    except ReferenceBroken as error:
        raise Refused(f"--from: {error}") from error
    with_store(lambda store: store.set_credential(tenant, where, name, reference))
    typer.echo(f"clones of {where} for {tenant} show what {reference} holds; workers read it when they clone")


@app.command("list")
def show(tenant: Tenant = "default") -> None:
    """List a tenant's credentials: where they are kept, never what they are."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from workflows.text import line

    table = Table(box=None, pad_edge=False)
    for head in ("HOST", "USER", "FROM", "SET"):
        table.add_column(head, overflow="fold")
    for known in with_store(lambda store: store.credentials(tenant)):
        named = [Text(line(part)) for part in (known.host, known.username, known.reference)]
        table.add_row(*named, f"{known.created.astimezone():%Y-%m-%d %H:%M}")
    Console().print(table)


@app.command()
def remove(host: Host, tenant: Tenant = "default") -> None:
    """Forget a credential; the secret stays where it is."""
    where = _authority(host)
    if not with_store(lambda store: store.remove_credential(tenant, where)):
        raise Refused(f"tenant {tenant} has no credential for {where}")
    typer.echo(f"clones of {where} for {tenant} show nothing")


@hosts.command("set")
def allow(
    names: Annotated[list[str], typer.Argument(metavar="HOST...", help="Host names; * for every public one.")],
    tenant: Tenant = "default",
) -> None:
    """Let a tenant clone from these hosts and no others, whatever PATCHWRIGHT_GIT_HOSTS says."""
    from workflows.service.logins import AUTHORITY

    check_tenant(tenant)
    wanted = tuple(dict.fromkeys(name.lower() for name in names))
    wrong = [name for name in wanted if name != "*" and (not AUTHORITY.fullmatch(name) or ":" in name)]
    if wrong:
        raise Refused(f"{wrong[0]!r} is no host name: name it without https://, port and path")
    with_store(lambda store: store.set_git_hosts(tenant, wanted))
    typer.echo(f"{tenant} may clone from {', '.join(wanted)}")


@hosts.command("show")
def shown(tenant: Tenant = "default") -> None:
    """What a tenant may clone from."""
    from workflows.settings import load, split

    own = with_store(lambda store: store.git_hosts(tenant))
    names = split(load().git_hosts) if own is None else own
    whose = "PATCHWRIGHT_GIT_HOSTS" if own is None else "a list of its own"
    typer.echo(f"{', '.join(names) or 'none'} ({whose})")


@hosts.command("reset")
def reset(tenant: Tenant = "default") -> None:
    """Let PATCHWRIGHT_GIT_HOSTS decide for a tenant again."""
    with_store(lambda store: store.set_git_hosts(tenant, None))
    typer.echo(f"PATCHWRIGHT_GIT_HOSTS decides for {tenant}")


def _authority(host: str) -> str:
    from workflows.service.logins import AUTHORITY

    name = host.lower().removesuffix(":443")
    if not AUTHORITY.fullmatch(name):
        raise Refused(f"{host!r} is no host: HOST or HOST:PORT is expected, without https:// and path")
    return name
