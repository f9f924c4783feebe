"""Servers of the Model Context Protocol at an address: bounded in bytes, never redirected, asked with what they want.

The transport is the SDK's; what goes through it is checked below it, so that no answer is held that is too long.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from urllib.parse import urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tools.tool import ToolError
from workflows.observing.servers import Server
from workflows.observing.wire import authorization
from workflows.references import ReferenceBroken, secret

CONNECT_S = 5.0
_UNTOLD = logging.CRITICAL + 1
_REFUSED = (401, 403)


@asynccontextmanager
async def over_http(server: Server) -> AsyncIterator[Client]:
    """A connection to the server. Raises ToolError, and what the SDK raises; the caller limits its time."""
    logging.getLogger("mcp").setLevel(_UNTOLD)  # it logs what servers say, and their words are strangers'
    bounded = Bounded(server.most_bytes)
    http = httpx2.AsyncClient(
        transport=bounded, headers={**_headers(server), "Accept-Encoding": "identity"}, trust_env=False,
        timeout=httpx2.Timeout(server.timeout_s, connect=min(CONNECT_S, server.timeout_s)),
    )  # fmt: skip
    try:
        async with http:
            wire = streamable_http_client(server.url, http_client=http, max_sse_event_size=server.most_bytes)
            async with Client(wire, mode="auto") as client:
                yield client
    except Exception:
        if bounded.problem:
            raise ToolError(f"{urlsplit(server.url).hostname}: {bounded.problem}") from None
        raise


def _headers(server: Server) -> dict[str, str]:
    """Raises ToolError for a reference that leads nowhere; it names no secret."""
    try:
        found = {name: secret(reference) for name, reference in server.headers.items()}
    except ReferenceBroken as error:
        raise ToolError(str(error)) from error
    return {name: authorization(kept) if name.lower() == "authorization" else kept for name, kept in found.items()}


class Bounded(httpx2.AsyncBaseTransport):
    """problem: what was wrong with an answer, which the SDK may have told otherwise. most: bytes of one answer."""

    def __init__(self, most: int) -> None:
        self._inner = httpx2.AsyncHTTPTransport(trust_env=False)
        self.most = most
        self.problem = ""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See the library."""
        answer = await self._inner.handle_async_request(request)
        why = self._wrong(answer)
        if why:
            await answer.aclose()
            raise self.refused(why)
        stream = _Counted(cast("httpx2.AsyncByteStream", answer.stream), self)
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=stream, extensions=answer.extensions)

    def _wrong(self, answer: httpx2.Response) -> str:
        if 300 <= answer.status_code < 400:
            return "it redirects, which is not followed: name the address that answers itself"
        if answer.status_code in _REFUSED:
            return f"it answers {answer.status_code}: name a credential (headers: {{Authorization: file:/PATH}})"
        packed = answer.headers.get("content-encoding", "identity").strip().lower()
        return "" if packed == "identity" else "it answers packed, which was not asked for"

    def refused(self, why: str) -> ToolError:
        """Keep the first problem, and raise it."""
        self.problem = self.problem or why
        return ToolError(why)

    async def aclose(self) -> None:
        """See the library."""
        await self._inner.aclose()


class _Counted(httpx2.AsyncByteStream):
    """The bytes of an answer, up to the most."""

    def __init__(self, inner: httpx2.AsyncByteStream, bounded: Bounded) -> None:
        self._inner, self._bounded = inner, bounded

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ToolError."""
        seen = 0
        async for block in self._inner:
            seen += len(block)
            if seen > self._bounded.most:
                raise self._bounded.refused(f"an answer of more than {self._bounded.most:,} bytes was cut off")
            yield block

    async def aclose(self) -> None:
        """See the library."""
        await self._inner.aclose()
