"""A question about logs as a person writes it: times, fields, zones."""

from __future__ import annotations

import datetime as dt
import re

from tools.tool import ToolError

_AGO = re.compile(r"-?(\d{1,6})(s|m|h|d)")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")


def moment(text: str, *, zone: int, latest: int) -> int:
    """Seconds since 1970 of "2026-11-24T16:00", an epoch, or "15m" (before the latest line). Raises ToolError.

    zone: minutes east of Greenwich, where `text` does not say it.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        if latest < 0:
            raise ToolError(f"{text}: the log has no times to count back from")
        return latest - int(ago[1]) * _SECONDS[ago[2]]
    if re.fullmatch(r"\d{9,11}(\.\d+)?", text):
        return int(float(text))
    try:
        read = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise ToolError(f"no time: {text} (write 2026-11-24T16:00, seconds since 1970, or 15m)") from error
    if read.tzinfo is None:
        read = read.replace(tzinfo=dt.timezone(dt.timedelta(minutes=zone)))
    return int(read.timestamp())


def offset(text: str) -> int:
    """Minutes east of Greenwich of "UTC" or "+02:00". Raises ToolError."""
    if text.upper() in ("UTC", "Z", "GMT"):
        return 0
    match = _OFFSET.fullmatch(text)
    if match is None or int(match[2]) > 14 or int(match[3]) > 59:
        raise ToolError(f"no zone: {text} (write UTC or an offset such as +02:00)")
    return (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1)


def field(text: str) -> tuple[str, str]:
    """Name and value of "name=value". Raises ToolError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ToolError(f"no field: {text} (write name=value)")
    return name, value


def written(seconds: int) -> str:
    """A time for people, in UTC; "?" where it is unknown."""
    try:
        return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds >= 0 else "?"
    except (OverflowError, ValueError, OSError):
        return "?"
