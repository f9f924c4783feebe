"""HTTP to an OpenAI-compatible endpoint: streamed requests, typed errors, retries only where a retry can help."""

from __future__ import annotations

import asyncio
import json
from codecs import getincrementaldecoder
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from agent.model import (
    ContextOverflow,
    EndpointAway,
    EndpointBusy,
    EndpointFault,
    KeyRefused,
    ModelError,
    ModelUnknown,
    RequestRefused,
)
from agent.vllm.stream import Raw, Reading, ServerSaid, StreamBroken

T = TypeVar("T")
MAX_BODY = 1_000_000
MAX_LINE = 4_000_000
_OVERFLOW = (
    "maximum context length",
    "context length",
    "context size",
    "context window",
    "too many tokens",
    "max_model_len",
)


@dataclass(frozen=True)
class Patience:
    """attempts: requests in all; longest_s: of a pause between two; connect_s; silence_s: between two pieces of an
    answer, and before the first one, while the request may wait in the server's queue. Signs of life are no pieces.
    """

    attempts: int = 4
    longest_s: float = 20.0
    connect_s: float = 10.0
    silence_s: float = 180.0


class Retryable(Exception):
    """Something a retry may mend. after_s: how long the server asked to wait."""

    def __init__(self, error: ModelError, after_s: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.after_s = after_s


class Transport:
    """An endpoint. url: up to and with /v1. The key is sent, and shown nowhere: messages are scrubbed of it."""

    def __init__(self, url: str, key: str = "", patience: Patience = Patience()) -> None:
        self.url = url.rstrip("/")
        self.patience = patience
        self._key = key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(patience.silence_s, connect=patience.connect_s)
        # The environment is not trusted: a netrc or a proxy of the shell has no say in where prompts and the key go.
        self._client = httpx.AsyncClient(headers=headers, timeout=timeout, trust_env=False, follow_redirects=False)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def chat(self, body: dict[str, Any], reading: Callable[[], Reading]) -> Raw:
        """One streamed chat completion. reading: a fresh reader for each attempt. Raises ModelError."""
        return await self._patiently(partial(self._chat, body, reading))

    async def get(self, path: str) -> Any:
        """The JSON of a GET below the url (or below the host, for a path that begins with "//"). Raises ModelError."""
        return await self._patiently(partial(self._json, "GET", path, None))

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """The JSON that a POST answers. Raises ModelError."""
        return await self._patiently(partial(self._json, "POST", path, body))

    async def _patiently(self, once: Callable[[], Awaitable[T]]) -> T:
        again = AsyncRetrying(
            retry=retry_if_exception_type(Retryable), stop=stop_after_attempt(self.patience.attempts),
            wait=self._pause, reraise=True,
        )  # fmt: skip
        try:
            return await again(once)
        except Retryable as last:
            raise last.error from last

    def _pause(self, state: RetryCallState) -> float:
        drawn = wait_random_exponential(multiplier=0.5, max=self.patience.longest_s)(state)
        error = state.outcome.exception() if state.outcome else None
        asked = error.after_s if isinstance(error, Retryable) else 0.0
        return min(self.patience.longest_s, max(drawn, asked))

    async def _chat(self, body: dict[str, Any], reading: Callable[[], Reading]) -> Raw:
        reader = reading()
        try:
            async with self._client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise self._refusal(response, await _text(response))
                return await reader.read(_lines(response), self.patience.silence_s)
        except StreamBroken as error:
            raise Retryable(EndpointAway(self._scrubbed(f"the answer broke off: {error}"))) from error
        except ServerSaid as error:
            raise self._failure(error.code, str(error), 0.0) from error
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._lost(error) from error

    async def _json(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        url = self.url.removesuffix("/v1") + path[1:] if path.startswith("//") else f"{self.url}{path}"
        try:
            async with self._client.stream(method, url, json=body) as response:
                text = await _text(response)
                if response.status_code != httpx.codes.OK:
                    raise self._refusal(response, text)
                return json.loads(text)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise self._lost(error) from error
        except (ValueError, RecursionError) as error:
            raise EndpointAway(self._scrubbed(f"{url} answers with no JSON: {text[:80]!r}")) from error

    def _lost(self, error: Exception) -> Retryable:
        what = str(error) or type(error).__name__
        return Retryable(EndpointAway(self._scrubbed(f"{self.url}: {what[:300]}")))

    def _refusal(self, response: httpx.Response, body: str) -> Exception:
        return self._failure(response.status_code, _reason(body), _seconds(response))

    def _failure(self, status: int, text: str, after_s: float) -> Exception:
        """What a status means, whether it came as such or within a stream; after_s: how long it asks to wait."""
        text = self._scrubbed(text)
        told = f"{status}: {text}" if text else f"{status}"
        if status in (429, 503):
            return Retryable(EndpointBusy(f"the endpoint is overloaded ({told})"), after_s)
        if status >= 500 and is_overflow(text):
            return ContextOverflow(text)
        if not 300 <= status < 500:
            return Retryable(EndpointFault(f"the endpoint fails ({told})"))
        return _refused(status, text, told)

    def _scrubbed(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _refused(status: int, text: str, told: str) -> ModelError:
    if status in (401, 403):
        return KeyRefused(f"the endpoint refuses the key ({told})")
    if status == 404:
        return ModelUnknown(told)
    if 300 <= status < 400:
        return EndpointAway(f"the endpoint redirects ({status}), which is not followed: give its final address")
    return ContextOverflow(text) if is_overflow(text) else RequestRefused(told)


def is_overflow(text: str) -> bool:
    """Whether a server's message says that a prompt is too long."""
    return any(words in text.lower() for words in _OVERFLOW)


async def _text(response: httpx.Response) -> str:
    kept = bytearray()
    async for piece in response.aiter_bytes():
        kept += piece
        if len(kept) > MAX_BODY:
            break
    return kept.decode(errors="replace")


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines of a stream of events; one without an end is an end.

    They are UTF-8, as the standard of such streams has it: what a server says about that decides nothing.
    """
    left, decoder = "", getincrementaldecoder("utf-8")("replace")
    async for piece in response.aiter_bytes():
        *whole, left = (left + decoder.decode(piece)).split("\n")
        for line in whole:
            yield line
        if len(left) > MAX_LINE:
            raise StreamBroken("a line without an end")
        await asyncio.sleep(0)
    if left:
        yield left


def _reason(body: str) -> str:
    """What an error body says, in the forms that servers use."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return " ".join(body.split())[:300]
    error = value.get("error", value) if isinstance(value, dict) else value
    said = error.get("message", error) if isinstance(error, dict) else error
    return " ".join(str(said).split())[:500]


def _seconds(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
