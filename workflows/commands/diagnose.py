"""`patchwright diagnose`: from a failing test, a log or a red suite to a verified patch, or an honest no."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workflows.commands.asking import can_ask
from workflows.commands.remote import Asked
from workflows.commands.session import Ways, door_of, finish
from workflows.exits import Refused

if TYPE_CHECKING:
    from agent.domain import Limits, Request
    from workflows.settings import Settings

WEEK = 604_800
WHAT, HOW, LIMITS, OUTPUT = "What is wrong", "How to run it", "Limits", "Output"


def diagnose(  # noqa: PLR0917 - typer reads the signature
    ctx: typer.Context,
    source: Annotated[
        str, typer.Argument(metavar="PATH|URL", help="A checkout, a plain directory or a git URL.")
    ] = ".",
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="ID|CMD", help="Failing test ids, or one command. None: the suite.", rich_help_panel=WHAT),
    ] = None,
    rev: Annotated[
        str | None,
        typer.Option(metavar="REV", help="Diagnose this revision, not the tree as it is.", rich_help_panel=WHAT),
    ] = None,
    good: Annotated[
        str | None, typer.Option(metavar="REV", help="It worked here: bisect to the culprit.", rich_help_panel=WHAT)
    ] = None,
    log: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Log of the failure, - for stdin.", rich_help_panel=WHAT)
    ] = None,
    issue: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Text of a bug report, - for stdin.", rich_help_panel=WHAT)
    ] = None,
    patch: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="A diff to verify before searching.", rich_help_panel=WHAT)
    ] = None,
    reported_only: Annotated[
        bool,
        typer.Option("--reported-only", help="Only failing tests that the issue names count.", rich_help_panel=WHAT),
    ] = False,
    goal: Annotated[
        Literal["patch", "triage"], typer.Option(help="triage ends after localization.", rich_help_panel=WHAT)
    ] = "patch",
    install: Annotated[
        list[str] | None,
        typer.Option(metavar="CMD", help="Install with these commands, not as detected.", rich_help_panel=HOW),
    ] = None,
    test_command: Annotated[
        str | None, typer.Option(metavar="CMD", help="What runs the tests, if not as detected.", rich_help_panel=HOW)
    ] = None,
    python: Annotated[
        str | None, typer.Option(metavar="X", help="Python to use: a version (3.11) or a path.", rich_help_panel=HOW)
    ] = None,
    sandbox: Annotated[
        Literal["auto", "bubblewrap", "docker", "none"] | None,
        typer.Option(help="What isolates the code; none only for your own code.", rich_help_panel=HOW),
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME", help="Docker image to make sandboxes from.", rich_help_panel=HOW)
    ] = None,
    dockerfile: Annotated[
        str | None,
        typer.Option(metavar="FILE|auto", help="Build it from this file of the repository.", rich_help_panel=HOW),
    ] = None,
    allow: Annotated[
        list[str] | None, typer.Option(metavar="RULE", help="Lift a rule of the guard by name.", rich_help_panel=HOW)
    ] = None,
    limit_seconds: Annotated[
        float | None, typer.Option(min=1, max=WEEK, help="Wall clock of the whole run.", rich_help_panel=LIMITS)
    ] = None,
    test_seconds: Annotated[
        float | None, typer.Option(min=0.1, max=WEEK, help="Wall clock of one test.", rich_help_panel=LIMITS)
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, max=50, help="Runs before and after a patch.", rich_help_panel=LIMITS)
    ] = None,
    candidates: Annotated[
        int | None, typer.Option(min=1, help="Patches to try at most.", rich_help_panel=LIMITS)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Sandboxes at the same time.", rich_help_panel=LIMITS)
    ] = None,
    model_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Endpoint of a model that thinks along.", rich_help_panel=HOW)
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model that it serves.", rich_help_panel=HOW)
    ] = None,
    mcp: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="MCP servers that the model may ask.", rich_help_panel=HOW),
    ] = None,
    ask: Annotated[
        bool,
        typer.Option("--ask", help="Let it ask: here at the terminal, on a service whoever may.", rich_help_panel=HOW),
    ] = False,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Let a service do it; '' for here.", rich_help_panel=HOW)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Only report.json on stdout.", rich_help_panel=OUTPUT)] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep the report's files here too.", rich_help_panel=OUTPUT)
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write a verified patch into the checkout.", rich_help_panel=OUTPUT)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)] = False,
) -> None:
    """Reproduce a failure, find its cause, and prove a fix by running it."""
    from agent.domain import Request
    from tools.guard import RULES
    from workflows import inputs
    from workflows.reasoners import chosen
    from workflows.settings import load

    settings = load()
    where = inputs.source_of(source)
    ways = Ways(json=json, quiet=quiet, out=out, checkout=_checkout(where) if apply else None, ask=ask)
    if reported_only and issue is None:
        raise Refused("--reported-only needs --issue: what was reported stands there")
    if [log, issue, *(patch or ())].count("-") > 1:
        raise Refused("only one of --log, --issue and --patch can be - (standard input)")
    given = {"limit_seconds": limit_seconds, "test_seconds": test_seconds, "repeats": repeats}
    limits = _limits(settings, {**given, "candidates": candidates, "workers": workers})
    request = Request(
        source=where, rev=inputs.revision("--rev", rev), good=inputs.revision("--good", good), tests=tuple(test or ()),
        goal=goal, allow=inputs.allowed(allow or (), RULES), install=tuple(install or ()), test_command=test_command,
        python=python, sandbox=sandbox or settings.sandbox, limits=limits, image=image or "",
        dockerfile=dockerfile or settings.dockerfile, reported_only=reported_only,
        reasoner=chosen(settings, model_url, model), ask=ask,
    )  # fmt: skip
    texts = inputs.text_of("--log", log), inputs.text_of("--issue", issue), inputs.patches_of(patch or ())
    if address := settings.server if server is None else server:
        here_only = {"--apply": apply, "--image": image, "--dockerfile": dockerfile, "--model-url": model_url or model}
        here_only |= {"--reported-only": reported_only, "--mcp": mcp is not None}
        bounds = {"wall_s": limit_seconds, "test_s": test_seconds, "repeats": repeats}
        bounds |= {"candidates": candidates, "workers": workers}
        asked = Asked(request, {name: value for name, value in bounds.items() if value is not None}, *texts, sandbox)
        raise typer.Exit(_remotely(address, settings, asked, ways, here_only))
    if ask and not can_ask():
        raise Refused("--ask needs a terminal to ask at, or a service (--server URL)")
    if mcp is not None:
        settings = settings.model_copy(update={"mcp": _servers(mcp, request)})
    door = door_of(ctx)
    run = door.new_run(settings, request, log=texts[0], issue=texts[1], patches=texts[2])
    raise typer.Exit(finish(door, settings, run, ways))


def _servers(file: Path, request: Request) -> Path:
    """The file, read once so that what is wrong with it is said before anything runs. Raises Refused, ToolError."""
    from workflows.commands.looking import servers_of

    if request.reasoner is None:
        raise Refused("--mcp is for a model to ask: name one (--model-url URL --model NAME)")
    servers_of(file)
    return file.absolute()


def _remotely(server: str, settings: Settings, asked: Asked, ways: Ways, here_only: Mapping[str, object]) -> int:
    from workflows.commands import remote

    named = [option for option, value in here_only.items() if value]
    if named:
        raise Refused(
            f"{named[0]} is for diagnoses on this machine; with --server the service decides (or --server '')"
        )
    return remote.diagnose(server, settings, asked, ways)


def _checkout(source: str) -> Path:
    from workflows.inputs import is_url

    if is_url(source):
        raise Refused("--apply needs a local checkout, not a URL; take the patch from --out DIR instead")
    return Path(source)


def _limits(settings: Settings, given: dict[str, float | int | None]) -> Limits:
    """The settings' limits with what the command line says."""
    chosen = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update=chosen).limits
