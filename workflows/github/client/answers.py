"""From an answer of GitHub that is no success to the error of `forge.py` it means."""

from __future__ import annotations

import json
from collections.abc import Mapping

from workflows.github.forge import Absent, Expired, Forbidden, ForgeAway, ForgeBusy, ForgeError, Refused
from workflows.text import line

SECONDARY_S = 60.0
_LONGEST_S = 3600.0
_LIMITED = ("secondary rate limit", "abuse detection", "rate limit exceeded", "submitted too quickly")


class Unproved(Forbidden):
    """401: the token or JWT is not good (any more)."""


def problem(status: int, headers: Mapping[str, str], body: bytes, now: float) -> ForgeError:
    """The error to raise. now: seconds since the epoch at the forge."""
    told = _message(body)
    if status in (403, 429) and (after := _busy(status, headers, told, now)) is not None:
        return ForgeBusy(f"GitHub asks to wait {after:.0f} s ({told})", after)
    if status >= 500 or status == 408:
        return ForgeAway(f"GitHub answered {status}")
    if status in (401, 403):
        needs = line(headers.get("x-accepted-github-permissions", ""), 200)
        kind = Unproved if status == 401 else Forbidden
        return kind(f"GitHub answered {status}: {told}" + (f" (needed: {needs})" if needs else ""))
    kinds: dict[int, type[ForgeError]] = {404: Absent, 410: Expired, 451: Absent}
    return kinds.get(status, Refused)(f"GitHub answered {status}: {told}")


def spent(headers: Mapping[str, str], now: float) -> float:
    """How many seconds a budget that just ran out stays empty; 0 where there is some left, or none is named."""
    if headers.get("x-ratelimit-remaining") != "0":
        return 0.0
    return _bounded(_number(headers.get("x-ratelimit-reset", "")) - now + 1)


def _busy(status: int, headers: Mapping[str, str], told: str, now: float) -> float | None:
    if "retry-after" in headers:
        return _bounded(_number(headers["retry-after"]) or SECONDARY_S)
    if after := spent(headers, now):
        return after
    limited = any(word in told.lower() for word in _LIMITED)
    return SECONDARY_S if status == 429 or limited else None


def _message(body: bytes) -> str:
    """What the answer says, on one line: GitHub's words, which may repeat ours."""
    try:
        data = json.loads(body[:20_000] or b"{}")
    except ValueError:
        return "no explanation"
    if not isinstance(data, dict):
        return "no explanation"
    errors = data.get("errors")
    more = "; ".join(_part(one) for one in errors[:3]) if isinstance(errors, list) else ""
    return line(": ".join(filter(None, (str(data.get("message", "")), more))) or "no explanation", 300)


def _part(error: object) -> str:
    if not isinstance(error, dict):
        return str(error)
    return str(error.get("message") or " ".join(str(error.get(name, "")) for name in ("resource", "field", "code")))


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), _LONGEST_S)
