"""One question to a server that may be slow, huge, wrong or hostile: bounded in time and bytes, never redirected."""

from __future__ import annotations

import asyncio
import base64
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from tools.tool import ToolError
from workflows.references import ReferenceBroken, secret
from workflows.text import line

MOST_BYTES = 32 << 20
_SCHEMES = ("Basic ", "Bearer ", "ApiKey ")
_AGAIN = (429, 502, 503, 504)


class Away(ToolError):
    """It does not answer, or not now; another try may help."""


@dataclass(frozen=True)
class Wire:
    """A source. name: as the option is called; url: without user and query; header: of Authorization, "" for none.

    limit_s: seconds of one answer, all of it; most: bytes of one answer; tries: how often one question is asked; end:
    when nothing is asked or waited for any more, by the monotonic clock.
    """

    name: str
    url: str
    header: str = ""
    limit_s: float = 20.0
    most: int = MOST_BYTES
    tries: int = 3
    end: float = math.inf

    def get(self, path: str, params: Mapping[str, str | int]) -> Any:
        """The JSON of an answer. Raises ToolError."""
        return self._again("GET", path, params=dict(params))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The same of a search that has a body. Raises ToolError."""
        return self._again("POST", path, content=orjson.dumps(body))

    def _again(self, method: str, path: str, **sent: Any) -> Any:
        tries = Retrying(
            retry=retry_if_exception_type(Away), stop=self._enough,
            wait=wait_exponential(multiplier=0.2, max=2.0), reraise=True,
        )  # fmt: skip
        return tries(self._once, method, path, **sent)

    def _enough(self, tried: RetryCallState) -> bool:
        return stop_after_attempt(self.tries)(tried) or time.monotonic() + tried.upcoming_sleep >= self.end

    def _once(self, method: str, path: str, **sent: Any) -> Any:
        left = self.end - time.monotonic()
        if left <= 0:
            raise ToolError(f"{self}: its time is over: ask for less (--since, --until)")
        try:
            return asyncio.run(self._asked(min(left, self.limit_s), method, path, **sent))
        except httpx.TransportError as error:
            raise Away(f"{self}: no answer ({line(str(error), 200) or type(error).__name__})") from None
        except httpx.InvalidURL as error:
            raise ToolError(f"{self}: {line(str(error), 200)}") from None

    async def _asked(self, limit_s: float, method: str, path: str, **sent: Any) -> Any:
        """One answer: its head and its body together take no more than the limit, however slowly they trickle in."""
        headers = {"Accept": "application/json", "User-Agent": "patchwright"}
        headers |= {"Authorization": self.header} if self.header else {}
        headers |= {"Content-Type": "application/json"} if method == "POST" else {}
        limits = httpx.Timeout(None, connect=min(5.0, limit_s))
        answer: httpx.Response | None = None
        try:
            async with (
                asyncio.timeout(limit_s),
                httpx.AsyncClient(headers=headers, timeout=limits, follow_redirects=False, trust_env=False) as client,
                client.stream(method, self.url + path, **sent) as answer,
            ):
                return self._json(answer, await self._read(answer))
        except TimeoutError:
            if answer is None:
                raise Away(f"{self}: no answer (within {limit_s:.3g} s)") from None
            raise ToolError(f"{self}: an answer that took more than {limit_s:.3g} s: ask for less") from None

    async def _read(self, answer: httpx.Response) -> bytes:
        found = bytearray()
        async for block in answer.aiter_bytes():  # without a size: what trickles in is seen at once
            found += block
            if len(found) > self.most:
                raise ToolError(f"{self}: an answer of more than {self.most >> 20} MB: ask for less")
        return bytes(found)

    def _json(self, answer: httpx.Response, data: bytes) -> Any:
        if answer.is_redirect:
            raise ToolError(f"{self}: it redirects, which is not followed: name the address that answers itself")
        if answer.is_error:
            hint = "; name a credential (--credential)" if answer.status_code in (401, 403) else ""
            kind = Away if answer.status_code in _AGAIN else ToolError
            raise kind(f"{self}: {answer.status_code} {line(data[:2000].decode('utf-8', 'replace'), 300)}{hint}")
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            raise ToolError(f"{self}: the answer is no JSON: is this the right address?") from None

    def __str__(self) -> str:
        """For messages."""
        return f"--{self.name} {self.url}"


def wire(name: str, url: str, credential: str = "") -> Wire:
    """A source at an address that a user named; credential: a reference. Raises ToolError."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise ToolError(f"--{name} must be an http or https URL without a user or a query")
    try:
        return Wire(name, url.rstrip("/"), authorization(secret(credential)) if credential else "")
    except ReferenceBroken as error:
        raise ToolError(f"--credential {name}: {error}") from error


def authorization(kept: str) -> str:
    """The header for a secret: as it stands where it names a scheme, user:password as Basic, else a bearer token."""
    if kept.startswith(_SCHEMES):
        return kept
    return f"Basic {base64.b64encode(kept.encode()).decode()}" if ":" in kept else f"Bearer {kept}"
