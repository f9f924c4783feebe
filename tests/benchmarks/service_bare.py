"""The reference for `tests/benchmarks/service.py`: FastAPI alone, under the service's server settings.

    python -m tests.benchmarks.service_bare PORT EVENTS_PER_SECOND

It answers the same request with the same models, and sends every watcher events at a fixed rate.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, format_sse_event

from agent.domain import Request
from workflows.service.bodies import RunView, Wanted, view
from workflows.service.node import Server, configured
from workflows.service.values import Event, Run


@dataclass
class Board:
    """The last event, and who is told of the next one."""

    event: Event | None = None
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def ring(self, rate: float) -> None:
        """Events for ever."""
        while True:
            await asyncio.sleep(1 / rate)
            seq = self.event.seq + 1 if self.event else 1
            self.event = Event(run="r", seq=seq, at=datetime.now(UTC), kind="progress", node="search", text="tried 100")
            bell, self.bell = self.bell, asyncio.Event()
            bell.set()

    async def stream(self) -> AsyncIterator[bytes]:
        while True:
            await self.bell.wait()
            assert self.event is not None
            yield format_sse_event(id=str(self.event.seq), event=self.event.kind, data_str=self.event.to_json())


def bare(rate: float) -> FastAPI:
    """The application."""
    board = Board()

    @asynccontextmanager
    async def ringing(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(board.ring(rate))
        yield
        task.cancel()

    app = FastAPI(lifespan=ringing)

    @app.post("/v1/diagnoses", status_code=202)
    async def submit(wanted: Wanted) -> RunView:
        request = Request(source=wanted.url or "", rev=wanted.rev, tests=wanted.tests)
        return view(Run(id="r", tenant="t", state="queued", request=request, created=datetime.now(UTC)))

    @app.get("/v1/diagnoses/{run}/events")
    async def events(run: str) -> EventSourceResponse:
        return EventSourceResponse(board.stream())

    return app


if __name__ == "__main__":
    asyncio.run(Server(configured(bare(float(sys.argv[2])), "127.0.0.1", int(sys.argv[1]))).serve())
