"""The processes of the service: a worker, and the API with its workers, each from its start to a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import uvicorn

from workflows.exits import IO_FAILED, SIGNALLED, USAGE, Refused
from workflows.loopback import is_loopback
from workflows.service import log
from workflows.service.api.metrics import Metrics
from workflows.service.api.oidc import trust
from workflows.service.api.wire import Wire
from workflows.service.crew import crew
from workflows.service.files import Kept, kept_in
from workflows.service.postgres import DatabaseUnavailable, database, place
from workflows.service.schema import migrate
from workflows.service.standings import standing_kept
from workflows.service.store import PostgresStore, open_store
from workflows.service.values import SCOPES, Principal
from workflows.service.worker import Worker
from workflows.settings import Settings, host_variables
from workflows.telemetry.exposing import exposed
from workflows.telemetry.figures import Figures
from workflows.telemetry.tracing import sent

if TYPE_CHECKING:
    from fastapi import FastAPI

TENANT = "default"
VERSION = metadata.version("patchwright")
SAME_S = 1.0
BESIDE_API = 10  # niceness of workers on the API's machine: who asks is answered first
Chore = Callable[[PostgresStore], Coroutine[Any, Any, None]]  # goes on until it is cancelled
ENDING = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Plan:
    """What `patchwright serve` runs. workers: processes; concurrency: runs of each; tokens: whether to ask for them.

    beside: commands of other parts, each kept alive as a process that does not give way; without: options of workers
    that leave these parts to them. Both only where there are workers.
    """

    host: str
    port: int
    workers: int
    concurrency: int
    tokens: bool = True
    beside: tuple[tuple[str, ...], ...] = ()
    without: tuple[str, ...] = ()

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)


@contextlib.contextmanager
def ready_database(settings: Settings) -> Iterator[str]:
    """The address of a database with this version's schema. Raises DatabaseUnavailable."""
    with database(settings) as address:
        try:
            asyncio.run(migrate(address))
        except psycopg.Error as error:
            why = " ".join(str(error).split())[:500]
            raise DatabaseUnavailable(f"the schema of the database {place(address)} cannot be made: {why}") from error
        yield address


def work(
    settings: Settings, *, concurrency: int, parent: int | None = None, more: Mapping[str, Chore] | None = None
) -> None:
    """Be a worker until a signal asks to stop, or until the process `parent` is gone. more: chores of other parts."""
    log.configure(settings.secrets)
    if parent is not None:
        _give_way()
    with sent(host_variables(), VERSION), ready_database(settings) as address:
        asyncio.run(_work(settings, address, concurrency, parent, more or {}))


def attend(settings: Settings, chore: Chore, *, parent: int | None = None) -> None:
    """Do one chore until a signal asks to stop, or until the process `parent` is gone. Who asks for it cannot wait for
    diagnoses: unlike a worker it does not give way. Raises DatabaseUnavailable, and what the chore raises.
    """
    log.configure(settings.secrets)
    with sent(host_variables(), VERSION), ready_database(settings) as address:
        asyncio.run(_attend(settings, address, chore, parent))


async def _attend(settings: Settings, address: str, chore: Chore, parent: int | None) -> None:
    draining = asyncio.Event()
    async with open_store(address, settings, size=8, wait_s=10.0) as store:
        with told(draining.set):
            tasks = [
                asyncio.ensure_future(each) for each in (_orphaned(parent, draining), chore(store), draining.wait())
            ]
            try:
                await asyncio.wait(tasks[1:], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
    if isinstance(ended[1], Exception):
        raise ended[1]


def _give_way() -> None:
    """Let those who ask the API be answered first: this process, its session (sched(7), "autogroup"), its sandboxes."""
    niceness = os.nice(BESIDE_API)
    with contextlib.suppress(OSError):  # a kernel without: niceness says it all
        Path("/proc/self/autogroup").write_text(str(niceness), "ascii")


async def _work(
    settings: Settings, address: str, concurrency: int, parent: int | None, more: Mapping[str, Chore]
) -> None:
    async with open_store(address, settings, size=6 + 3 * concurrency, wait_s=10.0) as store:
        chores = {name: functools.partial(begin, store) for name, begin in more.items()}
        worker = Worker(store, settings, concurrency, await _kept(settings), figures=Figures(), more=chores)
        with exposed(worker.figures.registry, settings), told(worker.draining.set):
            watching = asyncio.create_task(_orphaned(parent, worker.draining))
            try:
                await worker.run()
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)


async def _kept(settings: Settings) -> Kept:
    """Where files of runs are kept, when it answers. Raises Refused, FilesAway."""
    kept = kept_in(settings, settings.home / "runs")
    await kept.blobs.reach()
    return kept


async def _orphaned(parent: int | None, draining: asyncio.Event) -> None:
    """Stop when whoever started this process did not live to say so."""
    while parent is None or os.getppid() == parent:  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(1.0)
    draining.set()


@contextlib.contextmanager
def told(stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGTERM or SIGINT calls `stop`, a later one ends the process at once.

    One that comes within a second is the same: `timeout` and others signal the process and its group.
    """
    loop = asyncio.get_running_loop()
    received: list[float] = []

    def hear(number: int) -> None:
        if received and loop.time() - received[0] > SAME_S:
            os._exit(SIGNALLED + number)  # sandboxes die with their parent
        received.append(loop.time())
        stop()

    for number in ENDING:
        loop.add_signal_handler(number, hear, number)
    try:
        yield
    finally:
        for number in ENDING:
            loop.remove_signal_handler(number)


def _nothing(app: FastAPI, store: PostgresStore) -> None:
    """No more routes."""


def serve(
    settings: Settings, plan: Plan, say: Callable[[str], None],
    extend: Callable[[FastAPI, PostgresStore], None] = _nothing,
) -> None:  # fmt: skip
    """Be the API, with its workers, until a signal asks to stop. `say`: what a person at the terminal should read;
    `extend`: adds the routes of parts that this one does not know.

    Raises Refused for a plan that would answer strangers, DatabaseUnavailable.
    """
    if not plan.tokens and not plan.loopback:
        raise Refused(f"--no-tokens is for this machine alone, and {plan.host} can be reached from others", USAGE)
    log.configure(settings.secrets)
    with sent(host_variables(), VERSION), ready_database(settings) as address:
        asyncio.run(_serve(settings, address, plan, say, extend))


async def _serve(
    settings: Settings, address: str, plan: Plan, say: Callable[[str], None],
    extend: Callable[[FastAPI, PostgresStore], None],
) -> None:  # fmt: skip
    async with open_store(address, settings) as store:
        await _tokens(store, settings, plan, say)
        listening = listening_on(plan)
        anonymous = None if plan.tokens else Principal(tenant=TENANT, token="anonymous", scopes=frozenset(SCOPES))  # noqa: S106
        kept, metrics, runs = await _kept(settings), Metrics(), settings.home / "runs"
        from workflows.service.api import create_app  # noqa: PLC0415 - a worker does without it

        app = create_app(store, settings=settings, folder=runs, anonymous=anonymous, kept=kept, metrics=metrics)
        extend(app, store)
        gc.freeze()  # what is here from the start stays: to look through it again and again delays answers
        server = Server(configured(app, plan.host, plan.port))
        with exposed(metrics.registry, settings), told(server.stop):
            async with standing_kept(store, metrics), _workers(settings, address, plan):
                say(f"Patchwright listens on http://{_shown(plan.host)}:{plan.port}; Ctrl-C ends it")
                await server.serve([listening])


def listening_on(plan: Plan) -> socket.socket:
    """The socket to serve on, before anything is started for it. Raises Refused."""
    family = socket.AF_INET6 if ":" in plan.host else socket.AF_INET
    try:
        made = socket.create_server((plan.host, plan.port), family=family, backlog=2048)
    except OSError as error:
        raise Refused(
            f"cannot listen on {plan.host}, port {plan.port}: {error.strerror or error}", IO_FAILED
        ) from error
    # Connections inherit it. asyncio sets it only on sockets that it made itself; without it answers wait 40 ms.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


@contextlib.asynccontextmanager
async def _workers(settings: Settings, address: str, plan: Plan) -> AsyncIterator[None]:
    common = {**host_variables(), "PATCHWRIGHT_DATABASE_URL": address, "PATCHWRIGHT_HOME": str(settings.home)}

    def variables(number: int) -> Mapping[str, str]:
        port = settings.metrics_port
        return {**common, "PATCHWRIGHT_METRICS_PORT": str(port + number)} if port else common

    worker = ("worker", "--concurrency", str(plan.concurrency), *plan.without)
    beside = plan.beside if plan.workers else ()
    async with crew([*[worker] * plan.workers, *beside], variables, settings.drain_seconds):
        yield


async def _tokens(store: PostgresStore, settings: Settings, plan: Plan, say: Callable[[str], None]) -> None:
    """See to it that somebody can ask, and that not everybody can. Raises Refused."""
    if not plan.tokens or trust(settings) or await store.any_token():
        return
    if not plan.loopback:
        raise Refused(
            "there is no token yet, and others could connect: make one with `patchwright token create`", USAGE
        )
    _, secret = await store.issue(TENANT, "first", frozenset(SCOPES))
    say(f"The first token, shown only now: {secret}")


def configured(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How the service is served."""
    return uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=5,
        http=Wire,
    )  # fmt: skip


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """See the library."""
        yield

    def stop(self) -> None:
        """Answer what is asked, and end."""
        self.should_exit = True
