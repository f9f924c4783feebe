"""The runs that a server of ours works on: waited for or in the background, and ended with whoever asked."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

import anyio

from agent.bench import Progress
from workflows.assistant.hands import Hands
from workflows.exits import Refused
from workflows.progress import told

if TYPE_CHECKING:
    from workflows.assistant.answers import Task

T = TypeVar("T")
Say = Callable[[int, str], Awaitable[None]]
MOST_RUNS = 4  # at the same time
EVERY_S = 0.25
_KEPT = 200


class Relay:
    """Progress of a run, told at most every quarter of a second: `emit` may come from any thread and never waits."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._waiting: deque[Progress] = deque(maxlen=_KEPT)
        self._told = 0

    def __call__(self, progress: Progress) -> None:
        """Keep it; of the same step only the newest is told."""
        self._waiting.append(progress)

    async def tell(self) -> None:
        """What waits, in order."""
        newest: dict[str, str] = {}
        while self._waiting:
            progress = self._waiting.popleft()
            newest[progress.node] = f"{progress.node}: {told(progress)}"
        for text in newest.values():
            self._told += 1
            await self._say(self._told, text)


async def _quiet(_number: int, _text: str) -> None:
    """Nobody listens."""


class Desk:
    """Runs of one server, each a task of its own: a level cancellation of the caller cannot cut its cleaning up."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._tasks: set[asyncio.Task[str]] = set()
        self._runs: dict[str, asyncio.Task[str]] = {}
        self.problems: dict[str, str] = {}

    async def wait(self, task: Task, say: Say) -> str:
        """Make a run and follow it to its end, telling its progress; its id. Raises Refused where too many go on.

        Cancelled: it has ended, and left nothing, when this does.
        """
        relay = Relay(say)
        return await _told_while(self._begin(task, relay, asyncio.Event()), relay)

    async def background(self, task: Task) -> str:
        """Make a run and follow it though nobody waits; its id. Raises Refused. Cancelled before that: none is left."""
        made = asyncio.Event()
        work = self._begin(task, Relay(_quiet), made)
        waiting = asyncio.create_task(made.wait())
        try:
            await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _ended(work)
            raise
        finally:
            waiting.cancel()
        run = next((run for run, known in self._runs.items() if known is work), None)
        if run is None:
            return work.result()
        work.add_done_callback(lambda ended: self._note(run, ended))
        return run

    async def cancel(self, run: str) -> None:
        """End a run of this server. Raises Refused for others."""
        task = self._runs.get(run)
        if task is None:
            raise Refused(f"run {run[:80]} is not worked on by this server")
        await _ended(task)

    async def close(self) -> None:
        """End them all."""
        for task in list(self._tasks):
            await _ended(task)

    async def apart(self, work: Callable[[Relay], Coroutine[Any, Any, T]], say: Say) -> T:
        """Some other work, cancelled as cleanly."""
        relay = Relay(say)
        return await _told_while(asyncio.create_task(work(relay)), relay)

    def _begin(self, task: Task, relay: Relay, made: asyncio.Event) -> asyncio.Task[str]:
        if len(self._tasks) >= MOST_RUNS:  # those whose runs are being made count too
            raise Refused(f"{MOST_RUNS} runs are going on already: wait for one, or cancel one")
        work = asyncio.create_task(self._work(task, relay, made))
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)
        return work

    async def _work(self, task: Task, relay: Relay, made: asyncio.Event) -> str:
        run = await self._hands.start(task)
        self._runs[run] = cast("asyncio.Task[str]", asyncio.current_task())
        made.set()
        try:
            await self._hands.follow(run, relay)
        finally:
            del self._runs[run]
        return run

    def _note(self, run: str, ended: asyncio.Task[str]) -> None:
        error = None if ended.cancelled() else ended.exception()
        if error is not None:
            self.problems[run] = str(error)


async def _told_while(task: asyncio.Task[T], relay: Relay) -> T:
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=EVERY_S)
            await relay.tell()
    finally:
        if not task.done():
            await _ended(task)
    return task.result()


async def _ended(task: asyncio.Task[Any]) -> None:
    """Cancel it once and wait for its end, whatever happens to the caller meanwhile."""
    if not task.cancelling():  # again would cut its cleaning up
        task.cancel()
    with anyio.CancelScope(shield=True):
        await asyncio.wait({task})
