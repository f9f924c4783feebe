"""The servers of a search: started together, replaced when they die, closed at the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from tools.repair.outcome import SearchRequest
from tools.repair.plan import Measured, spread
from tools.repair.trials import measure
from tools.repair.wire import Mode, TrialServer

_MOST_RESTARTS = 6
_SAMPLE = 20
_SAMPLE_S = 0.7
_SAMPLE_LIMIT = (2.0, 4.0)
_MOST_FAILING = 24
Prepare = Callable[[TrialServer], Awaitable[object]]


class OutOfServers(Exception):
    """A server died more often than it is replaced."""


class Slot:
    """A place for one server. prepare: what is done with each server before it is used."""

    def __init__(self, request: SearchRequest, mode: Mode, prepare: Prepare, warm: tuple[str, ...] = ()) -> None:
        self.mode: Mode = mode
        self._cpu_s = 0.0
        self._request = request
        self._prepare = prepare
        self.warm = warm
        self._server: TrialServer | None = None
        self._starts = 0
        self._lock = asyncio.Lock()

    @property
    def cpu_s(self) -> float:
        """CPU seconds that its servers used for what they were asked."""
        return self._cpu_s + (self._server.cpu_s if self._server is not None else 0.0)

    async def server(self) -> TrialServer:
        """The server, started when there is none. Raises ServerGone, OutOfServers, SandboxUnavailable."""
        async with self._lock:
            if self._server is None:
                if self._starts > _MOST_RESTARTS:
                    raise OutOfServers(f"the {self.mode} trial server died {self._starts} times")
                self._starts += 1
                server = await TrialServer(self._request, self.mode, self.warm).__aenter__()
                try:
                    await self._prepare(server)
                except BaseException:
                    await server.__aexit__()
                    raise
                self._server = server
            return self._server

    async def drop(self, server: TrialServer | None = None) -> None:
        """Close the server (only if it is still this one); the next call of `server` starts another."""
        async with self._lock:
            gone = self._server
            if gone is None or (server is not None and gone is not server):
                return
            self._server = None
            self._cpu_s += gone.cpu_s
            await gone.__aexit__()


@contextlib.asynccontextmanager
async def closing(slots: Sequence[Slot]) -> AsyncIterator[Sequence[Slot]]:
    """The slots, with their servers closed at the end."""
    try:
        yield slots
    finally:
        await asyncio.gather(*(slot.drop() for slot in slots), return_exceptions=True)


async def baseline(server: TrialServer, request: SearchRequest) -> tuple[Measured, ...]:
    """Some passing tests, then the failing ones that are not known to hang, on the original code. Raises ServerGone.

    The limit of a failing test is taken from what it and the passing ones are known to take.
    """
    sample = await measure(server, spread(request.passing, _SAMPLE), limit=_SAMPLE_LIMIT, budget_s=_SAMPLE_S)
    failing = [name for name in request.failing if name not in request.hanging][:_MOST_FAILING]
    slowest = max([m.wall_s for m in sample if m.passed], default=0.0)
    known = max([request.seconds.get(name, 0.0) for name in failing], default=0.0)
    usual = max(2.0, 20 * slowest, 5 * known)
    cpu = min(request.limits.baseline_s, usual) if known else request.limits.baseline_s
    measured = await measure(server, failing, limit=(cpu, cpu * 3), budget_s=request.limits.baseline_s * 2)
    hanging = tuple(
        Measured(name, passed=False, ending="timeout") for name in request.failing if name in request.hanging
    )
    return (*sample, *measured, *hanging)
