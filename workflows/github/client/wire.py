"""One request to GitHub and its answer: retried where nothing was done yet, redirected within the forge, bounded.

What is not answered with success raises the errors of `forge.py`. Tokens go only to the interface's own origin, and
never into a message.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from workflows.github.client.address import Address
from workflows.github.client.answers import problem, spent
from workflows.github.client.credentials import Clock
from workflows.github.forge import ForgeAway, ForgeBusy, Unreadable

VERSION = "2022-11-28"
JSON = "application/vnd.github+json"
MOST_BYTES = 8 << 20
_MOST_HOPS = 3
_MOST_KEPT = 256
_KEPT_BYTES = 256 << 10
_NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
_REPEATABLE = frozenset({"GET", "PATCH", "PUT", "DELETE"})
_MOVED = frozenset({301, 307, 308})  # renamed or transferred; a 302 leads to logs, and is its caller's
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Call:
    """What to ask. path: below the interface's base, or an address that the forge named; who: whose budget it is.

    token: goes along as a bearer token, and never into a message.
    """

    method: str
    path: str
    token: str
    who: int = 0
    params: Mapping[str, str | int] | None = None
    body: Mapping[str, Any] | None = None
    accept: str = JSON
    most_bytes: int = MOST_BYTES

    def __repr__(self) -> str:
        return f"Call({self.method} {self.path})"


@dataclass(frozen=True)
class Answer:
    """status: a success; next: the address of the next page, "" on the last one."""

    status: int
    body: bytes
    type: str = ""
    next: str = ""
    tag: str = ""

    def json(self) -> Any:
        """The body's value. Raises Unreadable."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unreadable("GitHub's answer is no JSON") from None


class Wire:
    """Requests of all installations. Budgets that ran out are remembered: nobody asks before they are filled again."""

    def __init__(
        self, http: httpx.AsyncClient, address: Address, clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.address = address
        self.clock = clock
        self._http = http
        self._sleep = sleep
        self._closed: dict[int, float] = {}
        self._kept: OrderedDict[tuple[int, str, str], Answer] = OrderedDict()

    async def ask(self, call: Call) -> Answer:
        """The whole answer. Raises ForgeError."""
        url = self._url(call)
        key = (call.who, url, call.accept)
        known = self._kept.get(key) if call.method == "GET" else None
        async with self.opened(call, {"If-None-Match": known.tag} if known else {}) as response:
            if response.status_code == 304 and known:
                return self._keep(key, call.method, known)  # others may have let it go meanwhile
            if response.status_code >= 300:
                raise Unreadable("GitHub sends us elsewhere")
            return self._keep(key, call.method, await _answer(response, call.most_bytes))

    @asynccontextmanager
    async def opened(self, call: Call, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.Response]:
        """An answer that is a success or a redirect away from the interface, not yet read. Raises ForgeError."""
        self._open(call.who)
        response = await self._sent(call, self._url(call), headers or {})
        try:
            for _ in range(_MOST_HOPS):
                target = response.headers.get("location", "")
                if response.status_code not in _MOVED or not self.address.own(str(response.url.join(target))):
                    break
                await response.aclose()
                response = await self._sent(call, str(response.url.join(target)), headers or {})
            await self._judge(call, response)
            yield response
        except httpx.TransportError as error:
            raise ForgeAway(f"GitHub's answer broke off ({type(error).__name__})") from None
        finally:
            await response.aclose()

    def _url(self, call: Call) -> str:
        url = call.path if "://" in call.path else self.address.api + call.path
        if not self.address.own(url):
            raise Unreadable("GitHub named an address that is not its own")
        return str(httpx.URL(url).copy_merge_params(call.params)) if call.params else url

    def _open(self, who: int) -> None:
        after = self._closed.get(who, 0.0) - self.clock.now()
        if after > 0:
            raise ForgeBusy(f"GitHub asked to wait {after:.0f} s more", after)

    async def _sent(self, call: Call, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """Tried again while nothing can have been done; a lost answer of a POST is the caller's to find out about."""
        kinds = httpx.TransportError if call.method in _REPEATABLE else _UNSENT
        sent = {"Accept": call.accept, "Authorization": f"Bearer {call.token}", "X-GitHub-Api-Version": VERSION}
        try:
            async for attempt in AsyncRetrying(
                retry=retry_if_exception_type(kinds), stop=stop_after_attempt(3), sleep=self._sleep,
                wait=wait_random_exponential(multiplier=0.3, max=5), reraise=True,
            ):  # fmt: skip
                with attempt:
                    request = self._http.build_request(call.method, url, json=call.body, headers={**sent, **headers})
                    return await self._http.send(request, stream=True, follow_redirects=False)
        except httpx.TransportError as error:
            raise ForgeAway(f"GitHub does not answer ({type(error).__name__})") from None
        raise ForgeAway("GitHub does not answer")  # pragma: no cover - the loop returns or raises

    async def _judge(self, call: Call, response: httpx.Response) -> None:
        self.clock.read(response.headers.get("date"))
        now = self.clock.now()
        if after := spent(response.headers, now):
            self._closed[call.who] = now + after
        if response.status_code < 400:
            return
        error = problem(response.status_code, response.headers, await _read(response, 64 << 10, cut=True), now)
        if isinstance(error, ForgeBusy):
            self._closed[call.who] = now + error.after_s
        raise error

    def _keep(self, key: tuple[int, str, str], method: str, answer: Answer) -> Answer:
        if method != "GET":  # what was read may be different now
            for old in [old for old in self._kept if old[0] == key[0]]:
                del self._kept[old]
        elif answer.tag and len(answer.body) <= _KEPT_BYTES:
            self._kept.pop(key, None)
            self._kept[key] = answer
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return answer


async def _answer(response: httpx.Response, most: int) -> Answer:
    following = _NEXT.search(response.headers.get("link", ""))
    body = await _read(response, most)
    return Answer(
        response.status_code, body, response.headers.get("content-type", ""), following[1] if following else "",
        response.headers.get("etag", ""),
    )  # fmt: skip


async def _read(response: httpx.Response, most: int, *, cut: bool = False) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > most:
            if cut:
                break
            raise Unreadable(f"GitHub's answer is larger than {most >> 20} MB")
    return bytes(body[:most])
