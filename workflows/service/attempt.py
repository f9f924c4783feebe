"""One attempt at one run: from the claim to its end, its release, or the end of the process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from agent.artifacts import ArtifactMissing, ArtifactsFull, Bounds, Unsealed
from agent.asking import Answer, Question, kept
from agent.certificate import patch_of
from agent.diagnose import Asked, GraphDrained, RunControl
from agent.domain import Report
from sandbox.environment_cache import remove_tree
from sandbox.protocol import SandboxError
from tools.tool import ToolError
from workflows.exits import Refused
from workflows.report.render import OPTIONAL, files_of
from workflows.service.fence import PATIENCE_S, Fence, fenced
from workflows.service.files import Carrier, Kept, Place
from workflows.service.journal import Journal
from workflows.service.logins import login
from workflows.service.ports import FilesAway, StoreDown
from workflows.service.store.attempts import Attempts, Claim, Order, Superseded
from workflows.service.values import Reply
from workflows.settings import UPLOAD, Settings
from workflows.telemetry.figures import Figures
from workflows.telemetry.watched import Watcher
from workflows.text import line
from workflows.wiring import RunBusy, RunRef, RunUnknown, diagnose_run, keep_answers, keep_request

T = TypeVar("T")
MOST_LOST = 5
PAUSE_S = 5.0
TOLD = (SandboxError, ToolError, Refused, RunBusy, RunUnknown, OSError, ArtifactsFull)
Ended = Literal["ended", "released", "waiting"]


@dataclass(frozen=True)
class Attempt:
    """kept: where the run's files end up; draining: set when the worker is to stop; watcher: counts and traces."""

    store: Attempts
    settings: Settings
    fence: Fence
    draining: asyncio.Event
    kept: Kept
    watcher: Watcher = field(default_factory=lambda: Watcher(Figures()))

    @property
    def claim(self) -> Claim:
        """What this is an attempt at."""
        return self.fence.claim

    async def work(self) -> Ended:
        """Run it. Raises StoreDown when the database stays away: the run is then found and taken over."""
        refused = self._refusal()
        if refused:
            return await refused
        ended = await self._worked()
        await self._tidied(ended)
        return ended

    async def _worked(self) -> Ended:
        journal, control = Journal(self.store, self.fence), RunControl()
        async with journal.kept():
            work = asyncio.create_task(self._diagnose(journal, control), name=f"run {self.claim.run.id}")
            orders = asyncio.create_task(self._orders(), name="orders")
            drain = asyncio.create_task(self.draining.wait(), name="drain")
            try:
                await asyncio.wait({work, orders, drain}, return_when=asyncio.FIRST_COMPLETED)
                if drain.done() and not (work.done() or orders.done()):
                    control.request_drain()
                    await asyncio.wait(
                        {work, orders}, timeout=self.settings.drain_seconds, return_when=asyncio.FIRST_COMPLETED
                    )
            finally:
                for task in (work, orders, drain):
                    await _cancelled(task)
        return await self._close(work, orders, journal)

    def _refusal(self) -> Awaitable[Ended] | None:
        """What ends the run before anything is run."""
        if self.claim.run.cancelling:
            return self._end("cancelled")
        if self.claim.late:
            return self._end("timed_out")
        if self.claim.lost >= MOST_LOST:
            return self._failed(f"its worker died {self.claim.lost} times while working on it: it is not tried again")
        return None

    @property
    def _place(self) -> Place:
        return Place(self.claim.run.tenant, self.claim.run.id)

    @cached_property
    def _carrier(self) -> Carrier:
        folder = self.settings.home / "runs" / self.claim.run.id
        return Carrier(self.kept, self._place, folder, self.claim.run.epoch)

    async def _diagnose(self, journal: Journal, control: RunControl) -> Report:
        bounds = Bounds(self.settings.artifact_mb << 20, self.settings.artifacts_mb << 20)
        run = RunRef(self.claim.run.id, self._carrier.folder, self.kept.codec(self._place), bounds)
        run.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        shown = await login(self.store, self.settings, self._place.tenant, self.claim.run.request.source)
        await self._carrier.bring()
        if not run.request.exists():
            given = await self.store.submission(self.claim)
            keep_request(run, given.request, log=given.log, issue=given.issue, patches=given.patches)
        replies = await self.store.replies(self._place.tenant, self._place.run)
        keep_answers(run, [_answer(reply, run) for reply in replies])
        checkpoints = fenced(self.store.pool, self.fence, self._carrier.carry)
        report = await diagnose_run(
            self.settings,
            run,
            journal.emit,
            checkpoints=checkpoints,
            control=control,
            login=shown,
            watcher=self.watcher,
        )
        diff = patch_of(report.certificate).decode("utf-8", "surrogateescape") if report.certificate else report.patch
        contents = await asyncio.to_thread(files_of, report, diff)
        await self.kept.publish(self._place, contents, sorted(OPTIONAL - contents.keys()))
        return report

    async def _tidied(self, ended: Ended) -> None:
        """What is left here is kept, or goes. An end that is written down stays one."""
        try:
            await self._carrier.carry()  # a transcript up to the end
            await asyncio.to_thread(self._carrier.tidy, ended=ended == "ended")
            source = self.claim.run.request.source
            if self.kept.keys and ended == "ended" and source.startswith(UPLOAD):  # else the sweep has time
                await asyncio.to_thread(remove_tree, self.settings.uploads / source.removeprefix(UPLOAD).split("/")[0])
        except (StoreDown, OSError) as error:
            structlog.get_logger().warning("files are left behind", run=self.claim.run.id, why=str(error)[:300])

    async def _orders(self) -> Order:
        """Give signs of life until there is an order; ends the process when the run has a newer attempt."""
        async with self.store.orders(self.claim.run.id) as told:
            while True:
                with contextlib.suppress(StoreDown):
                    order = await self._fenced(lambda: self.store.beat(self.claim))
                    if order is not None:
                        return order
                await told.wait(min(5.0, self.settings.stall_seconds / 5))

    async def _close(self, work: asyncio.Task[Report], orders: asyncio.Task[Order], journal: Journal) -> Ended:
        """Write down how it ended. A report that is finished counts, whatever was ordered meanwhile."""
        if work.cancelled():
            await self._patiently(journal.write)
            order = None if orders.cancelled() else orders.result()
            return await (self._end(order) if order else self._release())
        error = work.exception()
        if isinstance(error, GraphDrained):
            await self._patiently(journal.write)
            return await self._release()
        if isinstance(error, FilesAway):
            structlog.get_logger().error("a run waits for its files", run=self.claim.run.id, why=str(error))
            await asyncio.sleep(PAUSE_S)
            return await self._release("its files cannot be reached")
        if isinstance(error, StoreDown):
            raise error
        await self._patiently(journal.write)
        if isinstance(error, Asked):
            return await self._waiting(error.question)
        if error is None:
            return await self._finished(work.result())
        told = _problem(error, self.claim).replace(f"{self.settings.uploads}/", UPLOAD)  # its owner knows it so
        return await self._failed(told)

    async def _finished(self, report: Report) -> Ended:
        headline = line(report.reason or report.root_cause, 300)
        await self._patiently(
            lambda: self.store.end(self.claim, "finished", "finished", outcome=report.outcome, headline=headline)
        )
        self.watcher.figures.ended("finished", report.outcome)
        return "ended"

    async def _waiting(self, question: Question) -> Ended:
        """Leave the run to whoever answers."""
        waits = await self._patiently(lambda: self.store.wait(self.claim, question, self.settings.wait_seconds))
        if not waits:
            return await self._end("cancelled")
        self.watcher.figures.asked(question.subject)
        return "waiting"

    async def _failed(self, problem: str) -> Ended:
        await self._patiently(lambda: self.store.end(self.claim, "failed", "failed", problem=problem))
        self.watcher.figures.ended("failed")
        return "ended"

    async def _end(self, order: Order) -> Ended:
        problem = "its deadline passed" if order == "timed_out" else ""
        await self._patiently(lambda: self.store.end(self.claim, order, order, problem=problem))
        self.watcher.figures.ended(order)
        return "ended"

    async def _release(self, why: str = "its worker is stopping") -> Ended:
        await self._patiently(lambda: self.store.release(self.claim, why))
        self.watcher.figures.released()
        return "released"

    async def _patiently(self, write: Callable[[], Awaitable[T]]) -> T:
        """A last write, tried again while the database is away."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(StoreDown), stop=stop_after_delay(PATIENCE_S),
            wait=wait_random_exponential(multiplier=0.1, max=2.0), reraise=True,
        )  # fmt: skip
        async for attempt in attempts:
            with attempt:
                return await self._fenced(write)
        raise StoreDown("the database does not answer")

    async def _fenced(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except Superseded as error:
            raise self.fence.fall() from error


async def _cancelled(task: asyncio.Task[Any]) -> None:
    """End a task and wait for it: what it opened (sandboxes) is closed then."""
    task.cancel()
    await asyncio.wait({task})


def _answer(reply: Reply, run: RunRef) -> Answer:
    """A reply as the machine takes it: its texts are artifacts of the run."""
    told = kept(reply.more, run.artifacts) if reply.more else None
    return Answer.model_validate({**reply.model_dump(exclude={"more"}), "more": told})


def _problem(error: BaseException, claim: Claim) -> str:
    """What its owner reads; a bug is told in the log with its traceback."""
    if isinstance(error, OSError):
        return line(f"{error.strerror or error}", 500)
    if isinstance(error, Unsealed):
        return line(f"what an earlier attempt kept cannot be used: {error}", 500)
    if isinstance(error, (*TOLD, ArtifactMissing)):
        return line(str(error.args[0]) if error.args else type(error).__name__, 500)
    structlog.get_logger().error("a bug ended a run", run=claim.run.id, exc_info=error)
    return line(f"a bug in Patchwright: {type(error).__name__}: {error}", 500)
