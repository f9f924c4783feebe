"""Logs: a redirect to an allowed host, streamed to a temporary file, without the token and up to a bound."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import BinaryIO, cast

import httpx

from workflows.github.client.access import READ, Access
from workflows.github.client.answers import problem
from workflows.github.client.wire import Call
from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, Unreadable
from workflows.github.values import Place

MOST_BYTES = 512 << 20
_MOST_HOPS = 3


@asynccontextmanager
async def downloaded(
    access: Access, http: httpx.AsyncClient, place: Place, path: str, most: int = MOST_BYTES
) -> AsyncIterator[BinaryIO]:
    """What lies at the end of the redirect, as an open file at its start. Raises ForgeError."""
    token = await access.token(place, READ)
    with tempfile.TemporaryFile(prefix="patchwright-log-") as opened:
        file = cast("BinaryIO", opened)
        call = replace(Call("GET", path, token), who=place.installation)
        async with access.wire.opened(call) as response:
            target = response.headers.get("location", "")
            if response.status_code < 300:
                await _stream(response, file, most)
        if target:
            await _follow(access, http, str(response.url.join(target)), file, most)
        file.seek(0)
        yield file


async def _follow(access: Access, http: httpx.AsyncClient, url: str, file: BinaryIO, most: int) -> None:
    for _ in range(_MOST_HOPS):
        if not access.wire.address.may_hold_logs(url):
            raise Unreadable(f"logs were to be fetched from a host that is not allowed: {_host(url)}")
        try:
            async with http.stream("GET", url, follow_redirects=False) as response:
                target = response.headers.get("location", "")
                if not response.is_redirect or not target:
                    return await _received(access, response, file, most)
                url = str(response.url.join(target))
        except httpx.TransportError as error:
            raise ForgeAway(f"the host of the logs does not answer ({type(error).__name__})") from None
    raise Unreadable("the logs' address leads to others again and again")


async def _received(access: Access, response: httpx.Response, file: BinaryIO, most: int) -> None:
    if response.status_code >= 400:
        error = problem(response.status_code, response.headers, b"", access.wire.clock.now())
        # A storage's 403 is a link that ended, and its 404 a log that was removed: neither is about permissions.
        if isinstance(error, Forbidden):
            raise ForgeAway("the link to the logs is not good any more")
        raise Expired("the logs are gone") if isinstance(error, Absent) else error
    await _stream(response, file, most)


async def _stream(response: httpx.Response, file: BinaryIO, most: int) -> None:
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > most:
            raise Unreadable(f"the logs are larger than {most >> 20} MB")
        file.write(chunk)


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host[:100] or "none"
    except httpx.InvalidURL:
        return "none"
