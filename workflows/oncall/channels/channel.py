"""What a channel is: something that shows an incident, and can be asked to show it anew."""

from __future__ import annotations

from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from workflows.oncall.telling import Told

SEND_S = 15.0
MOST_ANSWER = 1 << 20


class Untold(Exception):
    """It could not be told. after_s: when to try again, None for the usual pause; final: never.

    uncertain: it may be shown all the same.
    """

    def __init__(
        self, message: str, *, after_s: float | None = None, final: bool = False, uncertain: bool = False
    ) -> None:
        super().__init__(message)
        self.after_s, self.final, self.uncertain = after_s, final, uncertain


class Unsure(Exception):
    """Whether it is shown is not known and never will be: it is not shown again. reference: of the message before."""

    def __init__(self, reference: str) -> None:
        super().__init__("nothing tells whether it arrived, and it is not repeated")
        self.reference = reference


class Channel(Protocol):
    """edits: whether what was told can be changed in place; others are told only of steps (noted, resolved)."""

    @property
    def edits(self) -> bool: ...

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """Show it; what the channel calls its message. reference: of the message to change, "" for a new one.

        uncertain: an attempt before this one may have been shown without our knowing. Raises Untold, Unsure.
        """


async def asked(
    method: str, url: str, *, headers: dict[str, str], json: Any = None, content: bytes | None = None,
    params: dict[str, str] | None = None,
) -> tuple[httpx.Response, bytes]:  # fmt: skip
    """An answer and its bounded body, when it is a success. No redirect is followed. Raises Untold."""
    here = urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")
    try:
        async with (
            httpx.AsyncClient(trust_env=not here, follow_redirects=False, timeout=SEND_S) as client,
            client.stream(method, url, headers=headers, json=json, content=content, params=params) as answer,
        ):
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > MOST_ANSWER:
                    break
    except httpx.ConnectError as error:
        raise Untold(f"no connection: {type(error).__name__}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Untold(f"no answer: {type(error).__name__}", uncertain=True) from None
    if answer.status_code == 429:
        raise Untold("asked to wait", after_s=_pause(answer.headers.get("retry-after", "")))
    if not answer.is_success:
        final = answer.status_code in (400, 401, 403, 404, 410)
        raise Untold(f"answered with {answer.status_code}", final=final, uncertain=answer.status_code >= 500)
    return answer, body


def _pause(text: str) -> float:
    return min(3600.0, max(1.0, float(text))) if text.isdecimal() and len(text) < 8 else 30.0
