"""One look into an incident: logs, deploys and repository that the operator named for its services; the note."""

from __future__ import annotations

import asyncio
import contextlib
import glob
import hashlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

from sandbox import places
from sandbox.access import access_from
from sandbox.protocol import SandboxError
from sandbox.source import Checkout, acquire
from sandbox.urls import UrlPolicy
from tools.history import History
from tools.oplogs.index import Index
from tools.oplogs.opening import opened
from tools.tool import ToolError
from tools.triage.alerts import Alert
from tools.triage.dating import settled
from tools.triage.deploys import read_deploys
from tools.triage.investigate import Incident as Asked
from tools.triage.investigate import triage
from tools.triage.reading import Log
from tools.triage.topology import Topology
from tools.triage.values import Deploy, Note
from workflows.engines import engine
from workflows.exits import Refused
from workflows.inputs import source_of
from workflows.oncall.configuration import Configuration, Service
from workflows.oncall.values import Incident
from workflows.settings import Settings, host_variables
from workflows.text import line

COMMAND_S, COMMAND_BYTES = 30.0, 256 << 20
LOOKBACK_S = 24 * 3600
MOST_SERVICES, MOST_FILES = 30, 500


# The kernel ends a command with this process (1 is PR_SET_PDEATHSIG, 9 is SIGKILL), which may have ended before:
# nothing of a killed look goes on.
_FROM_HERE = """\
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


class NothingToLookAt(ValueError):
    """The configuration names no log for the incident."""


def looked_at(incident: Incident, configuration: Configuration, topology: Topology) -> dict[str, Service]:
    """The services whose logs are read: the incident's and those that are connected; all where it names none known."""
    known = configuration.services
    mine = [name for name in incident.services if name in known]
    if not mine:
        return dict(list(known.items())[:MOST_SERVICES])
    below = {name: topology.below(name) for name in known}
    near = [
        name for name in known
        if name not in mine and any(name in below[own] or own in below[name] for own in mine)
    ]  # fmt: skip
    return {name: known[name] for name in [*mine, *near][:MOST_SERVICES]}


async def look(
    settings: Settings, configuration: Configuration, topology: Topology, incident: Incident, alerts: Sequence[Alert]
) -> Note:
    """The note. Raises NothingToLookAt, ToolError, SandboxError, OSError."""
    services = looked_at(incident, configuration, topology)
    notes: list[str] = []
    with a_place() as folder:
        files = await _files(services, configuration, folder, notes)
        if not files:
            raise NothingToLookAt("the configuration names no log that is there for the services of this incident")
        with _logs(settings, files, notes) as logs:
            async with _checkout(settings, configuration, services, folder, notes) as (checkout, history):
                asked = Asked(
                    logs=logs, deploys=_deploys(services, configuration, notes, tags=history is not None),
                    history=history, base=checkout.base if checkout else None, topology=topology,
                    runbooks=_runbooks(services, configuration, checkout), since=_since(incident, logs),
                    alerts=tuple(alerts),
                )  # fmt: skip
                note = await triage(asked)
    return note.model_copy(update={"notes": (*note.notes, *notes)})


@contextlib.contextmanager
def a_place() -> Iterator[Path]:
    """A directory for one look. What looks of killed processes have left is removed after it, when no note waits."""
    folder = places.fresh()
    try:
        yield folder
    finally:
        places.remove(folder)
        places.reap()


def cause_of(note: Note) -> str:
    """The id of a cause, the same when it comes again: the change, else service and symptom; "" where none is named."""
    if note.cause in ("healthy", "inconclusive"):
        return ""
    lead = note.suspects[0].commit if note.suspects and note.cause != "infrastructure" else ""
    seen = lead or f"{note.service}\n{next((each.template for each in note.symptoms), '')}"
    return hashlib.sha256(f"{note.cause}\n{seen}".encode("utf-8", "replace")).hexdigest()[:16]


async def _files(
    services: Mapping[str, Service], configuration: Configuration, folder: Path, notes: list[str]
) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for name, service in services.items():
        paths = [
            Path(path) for pattern in service.logs for path in sorted(glob.glob(str(configuration.path(pattern))))  # noqa: PTH207 - patterns are absolute
        ][:MOST_FILES]  # fmt: skip
        if service.logs and not paths:
            notes.append(f"{name}: there is no file of its logs")
        for number, command in enumerate(service.commands):
            output = folder / f"{len(found)}-{number}.log"
            problem = await _ran(command, output)
            notes += [f"{name}: `{line(command[0], 80)}` {problem}"] if problem else []
            paths += [output] if output.stat().st_size else []
        if paths:
            found[name] = paths
    return found


async def _ran(command: Sequence[str], output: Path) -> str:
    """Run an operator's command with its output into a file; what went wrong, "" for nothing."""
    with output.open("wb") as file:
        if shutil.which(command[0]) is None:
            return "cannot be started: there is no such program"
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-c", _FROM_HERE, str(os.getpid()), *command,
                stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return f"cannot be started: {error.strerror}"
        try:
            async with asyncio.timeout(COMMAND_S):
                while process.returncode is None and output.stat().st_size <= COMMAND_BYTES:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(process.wait(), 0.1)
        except TimeoutError:
            return f"was ended after {COMMAND_S:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if output.stat().st_size > COMMAND_BYTES:
        os.truncate(output, COMMAND_BYTES)
        return f"was ended after {COMMAND_BYTES >> 20} MB"
    return f"ended with {process.returncode}" if process.returncode else ""


@contextlib.contextmanager
def _logs(settings: Settings, files: Mapping[str, Sequence[Path]], notes: list[str]) -> Iterator[dict[str, Log]]:
    """The log of each service, read into its index; one that cannot be read is said, and the others are looked at."""
    with contextlib.ExitStack() as stack:

        def read(name: str, day_first: bool | None = None) -> Index:
            index = opened(files[name], cache=settings.cache / "logs", day_first=day_first)
            stack.callback(index.close)
            return index

        found: dict[str, Log] = {}
        for name in files:
            try:
                found[name] = Log(name, read(name))
            except (ToolError, OSError) as error:
                notes.append(f"{name}: {line(str(error), 200)}")
        if not found:
            raise NothingToLookAt("no log of the incident's services can be read")
        yield settled(found, (), read)


def _since(incident: Incident, logs: Mapping[str, Log]) -> int | None:
    """A day before it; all of the logs where they are of another time."""
    since = incident.since - LOOKBACK_S
    last = max(log.span()[1] for log in logs.values())
    return since if since < last else None


def _deploys(
    services: Mapping[str, Service], configuration: Configuration, notes: list[str], *, tags: bool
) -> tuple[Deploy, ...] | None:
    """All records; None where none are named and tags may say it."""
    named = dict.fromkeys(each.deploys for each in services.values() if each.deploys)
    if not named:
        return None if tags else ()
    found: list[Deploy] = []
    for name in named:
        try:
            found += read_deploys(configuration.path(name).read_text(encoding="utf-8", errors="replace"))
        except (OSError, ToolError) as error:
            notes.append(f"deploys: {line(str(error), 200)}")
    return tuple(sorted(found, key=lambda each: each.time))


def _runbooks(services: Mapping[str, Service], configuration: Configuration, checkout: Checkout | None) -> Path | None:
    named = next((each.runbooks for each in services.values() if each.runbooks), None)
    if named is not None:
        return configuration.path(named)
    own = checkout.base / "runbooks" if checkout else None
    return own if own is not None and not own.is_symlink() else None


def repository_of(services: Mapping[str, Service], configuration: Configuration) -> str | None:
    """Path or URL of the repository that is looked at, that of the first service which names one."""
    named = next((each.repository for each in services.values() if each.repository), None)
    return named if named is None or "://" in named else str(configuration.path(named))


@contextlib.asynccontextmanager
async def _checkout(
    settings: Settings, configuration: Configuration, services: Mapping[str, Service], folder: Path, notes: list[str]
) -> AsyncIterator[tuple[Checkout | None, History | None]]:
    """The repository as our own clone, gone afterwards; one that cannot be cloned is said."""
    where = repository_of(services, configuration)
    if where is None:
        yield None, None
        return
    async with engine(settings, settings.sandbox) as chosen:
        checkout: Checkout | None = None
        try:
            checkout = await acquire(
                source_of(where), destination=folder / "source", sandboxes=chosen.sandboxes,
                access=access_from(host_variables()), policy=UrlPolicy(private_hosts=settings.private_hosts),
            )  # fmt: skip
        except (SandboxError, Refused) as error:
            notes.append(f"the repository cannot be cloned: {line(str(error), 200)}")
        history = History(checkout.repository) if checkout is not None and checkout.repository else None
        yield checkout, history
