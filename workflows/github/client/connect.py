"""From settings to the App, and to all that speaks to GitHub in its name."""

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
NAME = "patchwright-publish"  # in GitHub's own audit, who asked
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


@dataclass(frozen=True)
class Office:
    """What the publisher's process has, and no other. forge: may write; what the bot asks for (`broker/`) goes by
    `reads`, `missed` and `access`, which never ask for a token that writes. The forge's budgets are known to both.
    """

    forge: GithubForge
    reads: GithubReads
    missed: GithubMissed
    access: Access


@asynccontextmanager
async def office(app: App) -> AsyncIterator[Office]:
    """All that speaks to the forge, for as long as the block runs."""
    headers = {"User-Agent": NAME}
    async with (
        httpx.AsyncClient(timeout=_TIMES, headers=headers) as http,
        httpx.AsyncClient(timeout=_TIMES, headers=headers) as downloads,
    ):
        wire = Wire(http, app.address, Clock())
        reading = Access(wire, app.key, writes=False)
        forge = GithubForge(Access(wire, app.key, writes=True), downloads)
        yield Office(forge, GithubReads(reading, downloads), GithubMissed(reading), reading)
