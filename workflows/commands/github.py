"""`patchwright github`: the bot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from workflows.commands.github_bot import bot
from workflows.commands.github_deliveries import app as deliveries
from workflows.commands.github_demo import demo

app = typer.Typer(name="github", help="The GitHub bot.", no_args_is_help=True)


@app.callback()
def overview() -> None:
    """The GitHub bot: from a red check to a comment that proves its fix."""


app.command()(bot)
app.command()(demo)
app.add_typer(deliveries)


@app.command()
def publish(
    concurrency: Annotated[
        int, typer.Option(min=1, max=32, help="Pull requests spoken about at the same time by this process.")
    ] = 4,
) -> None:
    """Say what is known on GitHub: one comment for each pull request, check runs, suggestions, branches where allowed.

    The only process with the App's key and tokens; it also answers what `patchwright github bot` asks of GitHub, so one
    runs wherever a bot does, with the same home. Any number of these may run. Needs PATCHWRIGHT_GITHUB_APP,
    PATCHWRIGHT_GITHUB_KEY_FILE, and the database and home of the service.
    """
    from workflows.github.publish.process import publish as run
    from workflows.settings import load

    run(load(), concurrency=concurrency)


@app.command()
def setup(  # noqa: PLR0917 - typer reads the signature
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Where GitHub reaches the service: https://HOST/webhooks/github.")
    ] = "",
    name: Annotated[str, typer.Option(help="What the App is called; no two on GitHub have the same name.")] = "",
    organization: Annotated[str, typer.Option(metavar="NAME", help="Whose App it is; yours if not said.")] = "",
    branches: Annotated[bool, typer.Option(help="Let fixes become branches: the App may then write contents.")] = False,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Where key and secret go.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Of the page on this machine; 0: any.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Only say what the App of the settings lacks.")] = False,
) -> None:
    """Make the GitHub App in your browser, keep its key and webhook secret in files, and check what it may do."""
    import httpx

    from workflows.exits import DIFFERS, USAGE, Refused
    from workflows.github import setup as making
    from workflows.github.client.address import AddressInvalid, address_of
    from workflows.github.publish.process import app_in
    from workflows.settings import load

    settings = load()
    with httpx.Client(timeout=30.0, headers={"User-Agent": "patchwright"}) as http:
        if check:
            wanted = making.Wanted(name="", webhook="", branches=branches)
            lacks = making.missing(app_in(settings), http, wanted.permissions)
            for one in lacks:
                typer.echo(f"missing: {one}")
            typer.echo("the App lacks what is named above" if lacks else "the App has all that it needs")
            raise typer.Exit(DIFFERS if lacks else 0)
        if not webhook.startswith(("https://", "http://")) or not name:
            raise Refused("say --webhook URL and --name NAME (or --check)", USAGE)
        try:
            address = address_of(settings.github_url)
        except AddressInvalid as error:
            raise Refused(str(error)) from None
        folder = out or settings.home / "github"
        making.fresh(folder)
        wanted = making.Wanted(name=name, webhook=webhook, organization=organization, branches=branches)
        code = making.received(address, wanted, port=port, say=typer.echo)
        made = making.converted(address, code, http)
    key, secret = making.saved(made, folder)
    typer.echo(f"PATCHWRIGHT_GITHUB_APP={made.id}")
    typer.echo(f"PATCHWRIGHT_GITHUB_KEY_FILE={key}")
    typer.echo(f"PATCHWRIGHT_GITHUB_SECRET_FILE={secret}")
    if address.own(made.html_url) or made.html_url.startswith(f"{address.web}/"):
        typer.echo(f"Install it on repositories: {made.html_url}/installations/new")


@app.command()
def schema() -> None:
    """Print the JSON schema of the section `github` of .patchwright.yml."""
    from workflows.github.configuration import configuration_schema

    typer.echo(configuration_schema(), nl=False)
