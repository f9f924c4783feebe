"""Diagnoses on a service, through its client; a checkout of this machine is sent as an archive."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar, cast

from pydantic import ValidationError

from agent.bench import Progress
from agent.domain import Report
from workflows.assistant.answers import Checked, RunStatus, Task
from workflows.client import Client, ServiceAway, ServiceRefused
from workflows.exits import UNAVAILABLE, Refused
from workflows.inputs import is_url
from workflows.packing import pack
from workflows.service.bodies import RunView, Wanted
from workflows.text import line

if TYPE_CHECKING:
    from agent.bench import Emit
    from workflows.service.values import Event

T = TypeVar("T")
SPOOLED = 64 << 20


@dataclass(frozen=True)
class There:
    """A service. client: makes one for each question, as they are asked from several threads."""

    server: str
    client: Callable[[], Client]

    async def start(self, task: Task) -> str:
        """Queue it. Cancelled meanwhile: a thread cannot be stopped, so what it queued is ended."""
        submitting = asyncio.create_task(self._ask(lambda service: _submitted(service, task)))
        try:
            return (await asyncio.shield(submitting)).id
        except asyncio.CancelledError:
            await asyncio.wait({submitting})
            if submitting.exception() is None:
                await self._ask(lambda service: service.cancel(submitting.result().id))
            raise

    async def follow(self, run: str, emit: Emit) -> None:
        """Its events, to the last one. Cancelled: the service is told to end the run."""
        loop = asyncio.get_running_loop()

        def tell(event: Event) -> None:
            progress = Progress(node=event.node or "queue", text=event.text or event.kind)
            loop.call_soon_threadsafe(emit, progress)

        def events(service: Client) -> None:
            for event in service.events(run):
                tell(event)

        try:
            await self._ask(events)
        except asyncio.CancelledError:
            await self._ask(lambda service: service.cancel(run))
            raise
        ended = await self._ask(lambda service: service.run(run))
        if ended.state != "finished":
            said = f": {line(ended.problem)}" if ended.problem else ""
            raise Refused(f"run {run} ended as {ended.state.replace('_', ' ')}{said}")

    async def status(self, run: str) -> RunStatus:
        """Of a run of the tenant."""
        return _status(await self._ask(lambda service: service.run(run)))

    async def runs(self, limit: int) -> tuple[RunStatus, ...]:
        """Those of the tenant."""
        found = await self._ask(lambda service: service.runs(limit=limit))
        return tuple(map(_status, found.runs))

    async def report(self, run: str) -> tuple[Report, str | None]:
        """As the service keeps it."""

        def both(service: Client) -> tuple[Report, bytes | None]:
            report = service.report(run)
            return report, service.patch(run) if report.patch else None

        report, patch = await self._ask(both)
        return report, patch.decode("utf-8", "surrogateescape") if patch else None

    async def verify(self, certificate: str, source: str, emit: Emit) -> Checked:
        """A service has no such question."""
        del certificate, source, emit
        raise Refused("a certificate is verified on this machine: start the server without --server")

    async def _ask(self, question: Callable[[Client], T]) -> T:
        """In a thread; errors of the service as what the user reads."""

        def asked() -> T:
            with self.client() as service:
                return question(service)

        try:
            return await asyncio.to_thread(asked)
        except ServiceRefused as error:
            hint = "; set PATCHWRIGHT_TOKEN or PATCHWRIGHT_TOKEN_FILE" if error.status == 401 else ""
            raise Refused(f"{self.server}: {error}{hint}") from error
        except ServiceAway as error:
            raise Refused(f"{self.server}: {error}", UNAVAILABLE) from error


def _submitted(service: Client, task: Task) -> RunView:
    if is_url(task.source):
        return service.submit(_wanted(task, url=task.source))
    with tempfile.SpooledTemporaryFile(max_size=SPOOLED) as archive:
        packed = pack(Path(task.source), cast("BinaryIO", archive))
        return service.submit(_wanted(task, subdirectory=packed.subdirectory), cast("BinaryIO", archive))


def _wanted(task: Task, *, url: str | None = None, subdirectory: str = "") -> Wanted:
    limits = {} if task.limit_s is None else {"wall_s": task.limit_s}
    fields = task.model_dump(exclude={"source", "limit_s"}) | {"limits": limits}
    try:
        return Wanted.model_validate({**fields, "url": url, "subdirectory": subdirectory})
    except ValidationError as error:
        first = error.errors()[0]
        raise Refused(f"a service does not take {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _status(run: RunView) -> RunStatus:
    note = line(run.problem or run.headline)
    return RunStatus(
        run=run.id, state=run.state, outcome=run.outcome, source=line(run.source), created=run.created.isoformat(),
        note=note,
    )  # fmt: skip
