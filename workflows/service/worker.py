"""A worker: takes runs from the queue, works on them, takes over those of silent workers, and stops without loss.

All workers and API nodes share one PATCHWRIGHT_HOME: a run that changes its worker goes on in its own directory. With
PATCHWRIGHT_ARTIFACTS they share the storage that it names, and a home only for what is uploaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from procrastinate import JobContext
from procrastinate.jobs import DeleteJobCondition, Job
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from workflows.service.attempt import PAUSE_S, Attempt
from workflows.service.callbacks import send
from workflows.service.fence import EXIT, Fence
from workflows.service.files import Kept
from workflows.service.ports import StoreDown
from workflows.service.reaping import reap
from workflows.service.retention import Keeper
from workflows.service.store import PostgresStore
from workflows.service.store.envelope import RequestSealed
from workflows.service.store.queue import QUEUE, TASK
from workflows.service.sweeping import OF_SERVICE, sweep
from workflows.settings import Settings
from workflows.telemetry.figures import Figures
from workflows.telemetry.watched import Watcher

POLL_S = 2.0
SWEEP_S = 600.0


class Released(Exception):
    """The run goes back to the queue."""


class _AtOnce(BaseRetryStrategy):
    """Released runs, and those whose database stayed away, may be taken by anybody now."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """See the library."""
        del job
        return RetryDecision(retry_in={"seconds": 0}) if isinstance(exception, Released | StoreDown) else None


@dataclass(frozen=True)
class Worker:
    """concurrency: runs at the same time; figures: what is counted about them."""

    store: PostgresStore
    settings: Settings
    concurrency: int
    kept: Kept
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    figures: Figures = field(default_factory=Figures)

    async def run(self) -> None:
        """Work until `draining` is set and the runs at hand are finished or given back."""
        log = structlog.get_logger().bind(pid=os.getpid())
        app = self.store.queue
        app.task(name=TASK, queue=QUEUE, pass_context=True, retry=_AtOnce())(self._job)
        awake = threading.Event()
        threading.Thread(target=watch_clock, args=(self.settings.stall_seconds, awake.is_set), daemon=True).start()
        chores = {
            "rescue": self._rescue(), "sweep": self._sweep(), "reap": reap(self.settings),
            "callbacks": send(self.store, self.settings, self.figures.called_back),
        }  # fmt: skip
        keeping = [asyncio.create_task(chore, name=name) for name, chore in chores.items()]
        for task in keeping:
            task.add_done_callback(_said)
        log.info("worker begins", concurrency=self.concurrency)
        try:
            while not self.draining.is_set():
                await self._serve()
        finally:
            awake.set()
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
        log.info("worker ends")

    async def _serve(self) -> None:
        """Fetch jobs until it is time to stop; a queue that ends by itself is begun again."""
        serving = asyncio.create_task(
            self.store.queue.run_worker_async(
                queues=[QUEUE], concurrency=self.concurrency, install_signal_handlers=False,
                fetch_job_polling_interval=POLL_S, delete_jobs=DeleteJobCondition.ALWAYS,
                stalled_worker_timeout=max(60.0, 2 * self.settings.stall_seconds),
            ),
            name="queue",
        )  # fmt: skip
        stop = asyncio.create_task(self.draining.wait(), name="stop")
        try:
            await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stop.cancel()
            serving.cancel()  # means: fetch nothing more, and wait for the jobs at hand
            await asyncio.wait({serving})
        if not serving.cancelled() and (error := serving.exception()):
            structlog.get_logger().error("the queue broke off", exc_info=error)
            await asyncio.sleep(1.0)

    async def _job(self, context: JobContext, *, tenant: str, run: str, trace: str = "", previous: str = "") -> None:
        """Trace and previous: the `traceparent` of the submission, and of the attempt before this one."""
        job = context.job.id or 0
        try:
            claim = await self.store.claim(tenant, run, job)
        except RequestSealed as error:
            structlog.get_logger().error("a run waits for a worker that has its key", run=run, why=str(error))
            await asyncio.sleep(PAUSE_S)
            raise
        if claim is None:
            return
        watched = Watcher(self.figures).attempt(run, claim.run.epoch, trace, previous)
        with structlog.contextvars.bound_contextvars(run=run, epoch=claim.run.epoch), watched as (watcher, here):
            log = structlog.get_logger()
            log.info("attempt begins")
            if here:
                with contextlib.suppress(StoreDown):  # then the next attempt has no link to this one
                    await self.store.traced(job, here)
            fence = Fence(claim)
            ended = await Attempt(self.store, self.settings, fence, self.draining, self.kept, watcher=watcher).work()
            log.info("attempt ends", how=ended)
        if ended == "released":
            raise Released

    async def _rescue(self) -> None:
        log = structlog.get_logger()
        while True:
            try:
                moved = await self.store.rescue(self.settings.stall_seconds)
                if moved:
                    log.warning("runs of silent workers went back to the queue", runs=moved)
            except StoreDown as error:
                log.warning("nothing is rescued while the database is away", why=str(error))
            await asyncio.sleep(min(5.0, self.settings.stall_seconds / 4))

    async def _sweep(self) -> None:
        log, keeper = structlog.get_logger(), Keeper(self.store, self.settings, self.kept)
        while True:
            try:
                gone = await asyncio.to_thread(sweep, self.settings.uploads, await self.store.uploads())
                if gone:
                    log.info("uploads that no run needs were removed", uploads=gone)
                if not self.kept.blobs.here:
                    alive = await self.store.alive()
                    await asyncio.to_thread(sweep, self.settings.home / "runs", alive, only=OF_SERVICE)
                await keeper.look()
            except (StoreDown, OSError) as error:
                log.warning("old runs and uploads are not swept", why=str(error))
            await asyncio.sleep(SWEEP_S)


def _said(chore: asyncio.Task[None]) -> None:
    """A chore ends with its worker; one that ends before that is a bug, and the worker goes on without it."""
    if not chore.cancelled() and (error := chore.exception()):
        structlog.get_logger().error("a chore of the worker broke off", chore=chore.get_name(), exc_info=error)


def watch_clock(
    stall_s: float, done: Callable[[], bool], *, end: Callable[[int], object] = os._exit, every_s: float = 0.1
) -> None:
    """End the process when it finds that it was paused for longer than `stall_s`: its runs have been taken over.

    In a thread of its own, so that it wakes with the process and not when the loop comes round to it.
    """
    last = time.monotonic()
    while not done():
        time.sleep(every_s)
        now = time.monotonic()
        if now - last > stall_s:
            end(EXIT)
            return
        last = now
