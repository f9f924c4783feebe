"""The command `triage`: from logs, deploys and a repository to a note for the person on call."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workflows.commands.dated import FIRST, Dated, DatedOption
from workflows.exits import USAGE, Refused

if TYPE_CHECKING:
    from sandbox.source import Checkout
    from tools.history import History
    from tools.oplogs.index import Index
    from tools.triage.alerts import Alert
    from tools.triage.reading import Log
    from tools.triage.topology import Topology
    from tools.triage.values import Deploy, Note
    from workflows.observing.gather import Asked, Gathered, Source
    from workflows.settings import Settings

HEALTHY, CAUSE, INCONCLUSIVE = 0, 2, 3
ASKED, HOUR_S = "Other sources", 3600
_TIME = "2026-11-24T16:00, seconds since 1970, or 15m before the last line"


def triage(  # noqa: PLR0917 - typer reads the signature
    ctx: typer.Context,
    log: Annotated[
        list[str] | None,
        typer.Option(metavar="[SERVICE=]FILE", help="A service's log; named by the file if not said."),
    ] = None,
    repo: Annotated[str | None, typer.Option(metavar="PATH|URL", help="The repository that was deployed.")] = None,
    deploys: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Records of deploys and flags (JSON lines, JSON, YAML; what GitHub, GitLab, kubectl, Argo CD, Flux, "
            "Helm, LaunchDarkly and Unleash print). None: the repository's tags, else its commits.",
        ),
    ] = None,
    since: Annotated[str, typer.Option(help=f"Only lines and deploys from this time on: {_TIME}.")] = "",
    until: Annotated[
        str, typer.Option(help="Ask --loki and others up to this time. None: the last line, or now.")
    ] = "",
    onset: Annotated[str, typer.Option(help="When it began, if known.")] = "",
    topology: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Which service calls which, and where its code is (YAML).")
    ] = None,
    alert: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=FILE", help="A message of alertmanager, grafana, pagerduty, opsgenie, sentry or datadog."
        ),
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(metavar="URL", help="Ask for figures around the onset.", rich_help_panel=ASKED)
    ] = None,
    loki: Annotated[str | None, typer.Option(metavar="URL", help="Ask for lines.", rich_help_panel=ASKED)] = None,
    elasticsearch: Annotated[
        str | None,
        typer.Option(metavar="URL[/INDEX]", help="Ask it, or OpenSearch, for lines.", rich_help_panel=ASKED),
    ] = None,
    mcp: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Ask the servers that it allows (MCP).", rich_help_panel=ASKED),
    ] = None,
    query: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE=TEXT", help='What to ask, as in loki={app="a"}.', rich_help_panel=ASKED),
    ] = None,
    credential: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE=REF",
            rich_help_panel=ASKED,
            help="What it wants to see: file:/PATH or env:NAME. With a colon in it, it is sent as user:password, "
            "unless it begins with 'Bearer '.",
        ),
    ] = None,
    runbooks: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Runbooks (*.md). None: runbooks/ of the repository.")
    ] = None,
    zone: Annotated[
        str, typer.Option(help="Zone of times that do not say it: UTC or an offset such as +02:00.")
    ] = "UTC",
    dates: DatedOption = "auto",
    model_url: Annotated[str | None, typer.Option(metavar="URL", help="Endpoint of a model that thinks along.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model that it serves.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the model's words from a record.jsonl of --out; ask nobody."),
    ] = None,
    style: Annotated[Literal["text", "markdown", "json"], typer.Option("--format", help="How it is printed.")] = "text",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep note.html (with a picture), note.md, note.json here.")
    ] = None,
    patch: Annotated[
        bool, typer.Option("--patch", help="Where the bug is in the code, go on to a verified patch (runs the tests).")
    ] = False,
) -> None:
    """Triage an incident: when it began, what changed, which change is suspect and how sure that is, what to do now.

    Nothing is executed (but with --patch). A model, where one is named, adds hypotheses; it cannot move the verdict.
    Every sentence cites evidence. Exit codes: 0 healthy, 2 a cause is named, 3 inconclusive; with --patch those of a
    diagnosis, where there is one.
    """
    from workflows.commands.looking import servers_of
    from workflows.commands.session import writable
    from workflows.commands.thinking import Thinking, thought_over
    from workflows.observing.gather import asked
    from workflows.reasoners import chosen
    from workflows.settings import load

    if patch and (repo is None or style == "json"):
        raise Refused("--patch needs --repo, and prints a report: take note.json and report.json from --out DIR")
    settings = load()
    if replay and (model_url or model):
        raise Refused("--replay asks no model: leave --model-url and --model out")
    addresses: dict[Source, str | None] = {"prometheus": prometheus, "loki": loki, "elasticsearch": elasticsearch}
    sources = asked(addresses, query or (), credential or (), servers_of(mcp))
    if not log and not sources.lines:
        raise Refused("name a log: --log FILE, or where lines are: --loki URL, --elasticsearch URL", USAGE)
    named = _named(log or ())
    fired = _alerts(alert or ())
    if out:
        writable(out)
    files = Files(tuple(deploys or ()), topology, runbooks, since, onset, zone, until, dates)
    note = note_of(settings, named, repo, files, alerts=fired, sources=sources)
    thinking = Thinking(chosen(settings, model_url, model), out, replay, sources.servers)
    note = asyncio.run(thought_over(settings, note, thinking))
    if out:
        _keep(note, out)
    _print(note, style)
    if patch and repo and _can_be_handed_over(note):
        raise typer.Exit(_diagnosed(ctx, settings, note, repo, out))
    raise typer.Exit(HEALTHY if note.cause == "healthy" else INCONCLUSIVE if note.cause == "inconclusive" else CAUSE)


@dataclass(frozen=True)
class Files:
    """What is read beside the logs, and times as a person writes them; zone: of times that do not say theirs."""

    deploys: tuple[Path, ...] = ()
    topology: Path | None = None
    runbooks: Path | None = None
    since: str = ""
    onset: str = ""
    zone: str = "UTC"
    until: str = ""
    dates: Dated = "auto"


def note_of(
    settings: Settings, named: Mapping[str, Sequence[Path]], repo: str | None, files: Files,
    *, alerts: tuple[Alert, ...] = (), sources: Asked | None = None,
) -> Note:  # fmt: skip
    """The note on these logs (service -> its files), and what sources say. Raises Refused, ToolError, SourceInvalid."""
    from tools.oplogs import asking
    from workflows.commands.looking import gathered

    minutes = asking.offset(files.zone)
    records = _deploys(files.deploys, minutes)
    services = _topology(files.topology)
    reading = _Reading(settings.cache / "logs", minutes, FIRST[files.dates], records or ())
    with _opened(named, reading) as logs, contextlib.ExitStack() as stack:
        spans = {name: log.span() for name, log in logs.items()}
        found = gathered(settings, spans, sources, since=files.since, until=files.until, zone=minutes)
        both = {name: [*named.get(name, ()), *found.files.get(name, ())] for name in {**named, **found.files}}
        every = stack.enter_context(_opened(both, reading)) if found.files else logs
        times = _moment(files.since, every, minutes), _moment(files.onset, every, minutes)
        given = _Given(repo, records, services, files.runbooks, *times, alerts, found)
        return asyncio.run(_note(settings, every, given))


@dataclass(frozen=True)
class _Given:
    """What was asked for, read. deploys: None for tags; since, onset: seconds since 1970."""

    repo: str | None
    deploys: tuple[Deploy, ...] | None
    topology: Topology
    runbooks: Path | None
    since: int | None
    onset: int | None
    alerts: tuple[Alert, ...] = ()
    found: Gathered | None = None


def _named(given: Sequence[str]) -> dict[str, list[Path]]:
    """Service -> its files. Raises Refused."""
    found: dict[str, list[Path]] = {}
    for text in given:
        name, equals, rest = text.partition("=")
        path = Path(rest if equals and name and "/" not in name else text)
        service = name if equals and name and "/" not in name else path.name.split(".")[0]
        if not service or not path.name:
            raise Refused(f"--log {text}: name a file, or SERVICE=FILE")
        found.setdefault(service, []).append(path)
    return found


def _deploys(paths: Sequence[Path], zone: int) -> tuple[Deploy, ...] | None:
    from tools.triage.deploys import read_deploys
    from workflows.inputs import text_of

    texts = [text_of("--deploys", str(path)) or "" for path in paths]
    return read_deploys(*texts, zone=zone) if texts else None


def _alerts(given: Sequence[str]) -> tuple[Alert, ...]:
    """The alerts of messages that were kept in files. Raises Refused."""
    from tools.triage.sources import MAX_BYTES, read_alerts

    found: list[Alert] = []
    for text in given:
        source, equals, name = text.partition("=")
        if not equals or not name:
            raise Refused(f"--alert {text}: write SOURCE=FILE")
        with Path(name).open("rb") as file:
            found += read_alerts(source, file.read(MAX_BYTES + 1))
    return tuple(found)


def _topology(path: Path | None) -> Topology:
    from tools.triage.topology import Topology, read_topology
    from workflows.inputs import text_of

    text = text_of("--topology", str(path)) if path else None
    return Topology() if text is None else read_topology(text)


@dataclass(frozen=True)
class _Reading:
    """How logs are read. zone: minutes; day_first: None to find out, which deploys can help with."""

    cache: Path
    zone: int
    day_first: bool | None
    deploys: tuple[Deploy, ...]


@contextlib.contextmanager
def _opened(named: Mapping[str, Sequence[Path]], reading: _Reading) -> Iterator[dict[str, Log]]:
    """The log of each service, read into its index."""
    from tools.oplogs.opening import opened
    from tools.triage.dating import settled
    from tools.triage.reading import Log

    with contextlib.ExitStack() as stack:

        def read(service: str, day_first: bool | None) -> Index:
            index = opened(named[service], cache=reading.cache, zone=reading.zone, day_first=day_first)
            stack.callback(index.close)
            return index

        logs = {service: Log(service, read(service, reading.day_first)) for service in named}
        yield settled(logs, reading.deploys, read)


def _moment(text: str, logs: Mapping[str, Log], zone: int) -> int | None:
    from tools.oplogs.asking import moment

    latest = max((log.span()[1] - 1 for log in logs.values()), default=-1)
    return moment(text, zone=zone, latest=max(latest, -1)) if text else None


async def _note(settings: Settings, logs: Mapping[str, Log], given: _Given) -> Note:
    from tools.triage.investigate import Incident, triage

    async with _checkout(settings, given.repo) as (checkout, history):
        base = checkout.base if checkout else None
        own = base / "runbooks" if base and not (base / "runbooks").is_symlink() else None
        runbooks = given.runbooks or own
        incident = Incident(
            logs=logs, deploys=given.deploys, history=history, base=base, topology=given.topology,
            runbooks=runbooks, since=given.since, onset=given.onset, alerts=given.alerts,
            series=given.found.series if given.found else (), seen=tuple(given.found.seen) if given.found else (),
            notes=tuple(given.found.notes) if given.found else (),
        )  # fmt: skip
        return await triage(incident)


@asynccontextmanager
async def _checkout(settings: Settings, repo: str | None) -> AsyncIterator[tuple[Checkout | None, History | None]]:
    """The repository as our own clone, gone afterwards. Raises SourceInvalid."""
    if repo is None:
        yield None, None
        return
    from sandbox.access import access_from
    from sandbox.source import acquire
    from sandbox.urls import UrlPolicy
    from tools.history import History
    from workflows.engines import engine
    from workflows.inputs import source_of
    from workflows.settings import host_variables

    with tempfile.TemporaryDirectory(prefix="patchwright-triage-") as folder:
        async with engine(settings, settings.sandbox) as chosen:
            checkout = await acquire(
                source_of(repo), destination=Path(folder) / "source", sandboxes=chosen.sandboxes,
                access=access_from(host_variables()), policy=UrlPolicy(private_hosts=settings.private_hosts),
            )  # fmt: skip
            yield checkout, History(checkout.repository) if checkout.repository else None


def _keep(note: Note, out: Path) -> None:
    from tools.triage.page import page
    from tools.triage.telling import markdown
    from workflows.text import clean

    (out / "note.html").write_text(clean(page(note)), encoding="utf-8")
    (out / "note.md").write_text("".join(f"{clean(row)}\n" for row in markdown(note)), encoding="utf-8")
    (out / "note.json").write_text(note.to_json(indent=2) + "\n", encoding="utf-8")


def _print(note: Note, style: str) -> None:
    from tools.triage.telling import markdown, text
    from workflows.text import clean

    if style == "json":
        sys.stdout.write(note.to_json(indent=2) + "\n")
        return
    for row in markdown(note) if style == "markdown" else text(note):
        sys.stdout.write(clean(row) + "\n")


def _can_be_handed_over(note: Note) -> bool:
    """Whether a diagnosis can start from the note; what is missing is said."""
    from tools.triage.handing import lacking

    missing = lacking(note)
    if missing:
        sys.stdout.write(f"\nNo patch was looked for: {missing}.\n")
    return not missing


def _diagnosed(ctx: typer.Context, settings: Settings, note: Note, repo: str, out: Path | None) -> int:
    """Hand the trace and the revisions to a diagnosis; its exit code."""
    from agent.domain import Request
    from workflows.commands.session import Ways, door_of, finish
    from workflows.inputs import source_of
    from workflows.reasoners import chosen

    request = Request(
        source=source_of(repo), rev=note.revision or None, good=note.good or None, sandbox=settings.sandbox,
        limits=settings.limits, dockerfile=settings.dockerfile, reasoner=chosen(settings),
    )  # fmt: skip
    door = door_of(ctx)
    run = door.new_run(settings, request, log=note.reproduction, issue=None, patches=())
    sys.stdout.write(
        "\nHanded over: the trace with the lines around it, at the revision that ran; good: the one before.\n"
    )
    sys.stdout.flush()
    return finish(door, settings, run, Ways(out=out))
