"""A publisher's answering side in this process, and the bot's side that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import until_async
from workflows.github.broker import meeting
from workflows.github.broker.app import lending
from workflows.github.broker.asking import BrokerMissed, BrokerReads, line
from workflows.github.client import App, GithubForge, Office, office


@dataclass(frozen=True)
class Asking:
    """What the bot has; office: what the other side has."""

    reads: BrokerReads
    missed: BrokerMissed
    office: Office


@asynccontextmanager
async def asking(app: App, home: Path) -> AsyncIterator[Asking]:
    """Both sides, once they have met."""
    async with office(app) as own, lending(home, own.reads, own.missed, own.access), line(home) as way:
        await until_async(lambda: meeting.found(home), lambda: list(home.iterdir()))
        yield Asking(BrokerReads(way), BrokerMissed(way), own)


@asynccontextmanager
async def speaker(app: App) -> AsyncIterator[GithubForge]:
    """What the publisher speaks with."""
    async with office(app) as own:
        yield own.forge
