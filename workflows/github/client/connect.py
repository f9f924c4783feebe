"""From the settings of a process to what it may do on GitHub: only read, or publish too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from workflows.github.client.access import Access
from workflows.github.client.address import Address, AddressInvalid, address_of
from workflows.github.client.credentials import AppKey, Clock, KeyInvalid, app_key
from workflows.github.client.github import GithubForge
from workflows.github.client.missed import GithubMissed
from workflows.github.client.reads import GithubReads
from workflows.github.client.wire import Wire

_TIMES = httpx.Timeout(30.0, connect=10.0)
_NAMES = {True: "patchwright-publish", False: "patchwright-bot"}  # in GitHub's own audit, who asked
_KEY_BYTES = 64 << 10


class AppInvalid(ValueError):
    """The App is not set up; the message says what is missing or wrong."""


@dataclass(frozen=True)
class App:
    """The App and where it lives."""

    address: Address
    key: AppKey


def app_of(url: str, app: int, key_file: Path | None, log_hosts: tuple[str, ...] = ()) -> App:
    """From settings. Raises AppInvalid."""
    if not app or key_file is None:
        raise AppInvalid(
            "no App: set PATCHWRIGHT_GITHUB_APP and PATCHWRIGHT_GITHUB_KEY_FILE (patchwright github setup)"
        )
    try:
        with key_file.open("rb") as file:
            pem = file.read(_KEY_BYTES)
        return App(address_of(url, log_hosts), app_key(app, pem))
    except OSError as error:
        raise AppInvalid(f"the App's key cannot be read: {error.strerror}") from None
    except (AddressInvalid, KeyInvalid) as error:
        raise AppInvalid(str(error)) from None


@asynccontextmanager
async def accessed(app: App, *, writes: bool) -> AsyncIterator[tuple[Access, httpx.AsyncClient]]:
    """Access and the client for downloads, for as long as the block runs."""
    headers = {"User-Agent": _NAMES[writes]}
    async with (
        httpx.AsyncClient(timeout=_TIMES, headers=headers) as http,
        httpx.AsyncClient(timeout=_TIMES, headers=headers) as downloads,
    ):
        yield Access(Wire(http, app.address, Clock()), app.key, writes=writes), downloads


@asynccontextmanager
async def reader(app: App) -> AsyncIterator[GithubReads]:
    """What the bot's process has: no token of it can write."""
    async with accessed(app, writes=False) as (access, downloads):
        yield GithubReads(access, downloads)


@asynccontextmanager
async def publisher(app: App) -> AsyncIterator[GithubForge]:
    """What the publisher's process has, and no other."""
    async with accessed(app, writes=True) as (access, downloads):
        yield GithubForge(access, downloads)


@asynccontextmanager
async def missed(app: App) -> AsyncIterator[GithubMissed]:
    """The log of deliveries."""
    async with accessed(app, writes=False) as (access, _):
        yield GithubMissed(access)
