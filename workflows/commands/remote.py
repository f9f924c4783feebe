"""`patchwright diagnose --server URL`: the same diagnosis on a service, with its questions; `patchwright openapi`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast
from urllib.parse import urlsplit

import typer
from rich.console import Console

from workflows.commands.asking import can_ask, prompted, show
from workflows.commands.session import Ways, print_json, writable
from workflows.exits import BAD_INPUT, SIGNALLED, UNAVAILABLE, Refused

if TYPE_CHECKING:
    from pydantic import BaseModel

    from agent.asking import More
    from agent.bench import Progress
    from agent.domain import Request
    from workflows.client import Client
    from workflows.service.bodies import Message, RunView, Wanted
    from workflows.service.values import Approval, Event
    from workflows.settings import Settings

V = TypeVar("V", bound="BaseModel")
SPOOLED = 64 << 20
MOST_TEXT = 8 << 20
MOST_TOKEN = 500
CODES = {"cancelled": SIGNALLED + 2, "timed_out": UNAVAILABLE, "failed": BAD_INPUT}


@dataclass(frozen=True)
class Asked:
    """What the command line said. limits: those that were named; texts: log, issue and patches."""

    request: Request
    limits: dict[str, float | int]
    log: str | None = None
    issue: str | None = None
    patches: tuple[str, ...] = ()
    sandbox: str | None = None


def diagnose(server: str, settings: Settings, asked: Asked, ways: Ways) -> int:
    """Have it diagnosed by a service; returns the exit code of its outcome. Raises Refused."""
    if ways.out:
        writable(ways.out)
    with connected(server, settings) as service, _packed(asked) as (wanted, archive):
        run = service.submit(wanted, archive)
        return _followed(service, server, run, ways)


@contextmanager
def connected(server: str, settings: Settings) -> Iterator[Client]:
    """A client of the service, whose refusals are told as the user's. Raises Refused."""
    from workflows.client import Client, ServiceAway, ServiceRefused

    check(server)
    try:
        with Client.to(server, token_of(settings)) as service:
            yield service
    except ServiceRefused as error:
        hint = "; set PATCHWRIGHT_TOKEN or PATCHWRIGHT_TOKEN_FILE" if error.status == 401 else ""
        raise Refused(f"{server}: {error}{hint}", BAD_INPUT if error.status < 500 else UNAVAILABLE) from error
    except ServiceAway as error:
        raise Refused(f"{server}: {error}", UNAVAILABLE) from error


def check(server: str) -> None:
    """Raises Refused for what is no address of a service."""
    try:
        parts = urlsplit(server)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise Refused("--server must be an http or https URL without a user or a query, such as http://localhost:8321")


def token_of(settings: Settings) -> str:
    """The token for the service, "" when there is none. Raises Refused."""
    token = settings.token.get_secret_value().strip()
    if settings.token_file is not None:
        try:
            token = settings.token_file.read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise Refused(f"PATCHWRIGHT_TOKEN_FILE {settings.token_file}: {error}") from error
    if len(token) > MOST_TOKEN or not token.isascii() or not (token.isprintable() and " " not in token):
        raise Refused("the token for the service is none: it has other characters or is too long")
    return token


@contextmanager
def _packed(asked: Asked) -> Iterator[tuple[Wanted, BinaryIO | None]]:
    """The body of the submission, with the archive of a local checkout."""
    from workflows.inputs import is_url
    from workflows.packing import pack

    source = asked.request.source
    if is_url(source):
        yield _wanted(asked, url=source), None
        return
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED) as archive:
        packed = pack(Path(source), cast("BinaryIO", archive))
        for note in packed.notes[:20]:
            _say(note)
        yield _wanted(asked, subdirectory=packed.subdirectory), cast("BinaryIO", archive)


def _wanted(asked: Asked, *, url: str | None = None, subdirectory: str = "") -> Wanted:
    from workflows.service.bodies import Wanted

    request = asked.request
    fields = {
        "url": url, "subdirectory": subdirectory, "log": shortened(asked.log), "issue": shortened(asked.issue),
        "patches": asked.patches, "limits": asked.limits, "sandbox": asked.sandbox,
        **{name: getattr(request, name) for name in
           ("rev", "good", "tests", "goal", "allow", "install", "test_command", "python", "ask")},
    }  # fmt: skip
    return _body(Wanted, fields)


def message_of(more: More) -> Message:
    """What a person adds, as a service takes it. Raises Refused."""
    from workflows.service.bodies import Message

    return _body(Message, more.model_dump())


def _body(kind: type[V], fields: Mapping[str, object]) -> V:
    from pydantic import ValidationError

    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"a service does not take {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def shortened(text: str | None) -> str | None:
    """The head and the tail of a text that is longer than a service takes."""
    if text is None or len(text) <= MOST_TEXT:
        return text
    half = MOST_TEXT // 2 - 100
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def _followed(service: Client, server: str, run: RunView, ways: Ways) -> int:
    """Show the run until it ends, then what came of it."""
    if not ways.quiet:
        _say(f"run {run.id} on {server}")
    try:
        seen = 0
        while asking := _until_asked(service, run, ways, seen):
            seen = asking.seq
            _question(service, server, run, ways)
    except (KeyboardInterrupt, typer.Abort):
        place = f"{server.rstrip('/')}{run.links['self']}"
        _say(f"run {run.id} goes on there; end it with: curl -X POST {place}/cancel -H 'Authorization: Bearer …'")
        return SIGNALLED + 2
    return _told(service, service.run(run.id), ways)


def _until_asked(service: Client, run: RunView, ways: Ways, seen: int) -> Event | None:
    """Show what happens up to the next question; None: up to the end."""
    from workflows.progress import display

    shown = display(Console(stderr=True), quiet=ways.quiet)
    with shown.shown(), closing(service.events(run.id, after=seen)) as events:
        for event in events:
            if event.kind == "approval_requested":
                return event
            for progress in _progress(event):
                shown(progress)
    return None


def _question(service: Client, server: str, run: RunView, ways: Ways) -> None:
    """What the run asks now: answered at the terminal where that was asked for, else how to answer it is said."""
    asked = next((one for one in service.approvals(run.id).approvals if one.decision is None), None)
    if asked is None:
        return  # somebody was faster
    show(Console(stderr=True), asked.question, asked.detail, asked.consequence)
    if ways.ask and can_ask():
        _answer(service, run, asked)
        return
    how = "--text TEXT --test ID --log FILE, or --deny" if asked.subject == "information" else "--approve or --deny"
    _say(f"answer it with: patchwright answer {run.id} --server {server} {how}")


def _answer(service: Client, run: RunView, asked: Approval) -> None:
    from workflows.client import ServiceRefused

    decision, more = prompted(asked.subject)
    try:
        if more is not None:
            service.tell(run.id, message_of(more))
        else:
            service.decide(run.id, asked.id, "approve" if decision == "approve" else "deny")
    except ServiceRefused as error:
        _say(f"the answer is not taken: {error}")


def _progress(event: Event) -> Iterator[Progress]:
    """An event as the local display takes it: waiting in the queue is a step of its own."""
    from agent.bench import Progress

    if event.kind == "queued":
        yield Progress(node="queue", text="started")
    elif event.kind in ("started", "resumed"):
        yield Progress(node="queue", text=f"finished: {event.text or 'a worker has it'}")
    elif event.node:
        yield Progress(node=event.node, text=event.text)


def _told(service: Client, run: RunView, ways: Ways) -> int:
    from agent.domain import EXIT_CODES
    from workflows.report.render import write_report
    from workflows.summary import print_summary

    if run.state != "finished":
        reason = f": {run.problem}" if run.problem else ""
        raise Refused(f"run {run.id} ended as {run.state.replace('_', ' ')}{reason}", CODES.get(run.state, UNAVAILABLE))
    report = service.report(run.id)
    patch = service.patch(run.id) if report.patch else None
    diff = patch.decode("utf-8", "surrogateescape") if patch else None
    files = write_report(report, diff, ways.out) if ways.out else ()
    if ways.json:
        print_json(report)
    else:
        print_summary(Console(), report, files)
    return EXIT_CODES[report.outcome]


def _say(message: str) -> None:
    from workflows.text import line

    Console(stderr=True).print(line(message, 1000), markup=False, highlight=False, soft_wrap=True)


def openapi() -> None:
    """Print the OpenAPI document of the service."""
    from workflows.service.api.app import published

    sys.stdout.write(published())
