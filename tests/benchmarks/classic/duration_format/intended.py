"""Durations such as ``1d 2h 5s``, held as whole seconds."""

import re

UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
PART = re.compile(r"(\d+)\s*([dhms])")


def split_seconds(seconds):
    """Return (days, hours, minutes, seconds) of a duration.

    Raise ValueError if it is negative.
    """
    if seconds < 0:
        raise ValueError("negative duration")
    days, rest = divmod(seconds, UNITS["d"])
    hours, rest = divmod(rest, UNITS["h"])
    minutes, rest = divmod(rest, UNITS["m"])
    return days, hours, minutes, rest


def format_duration(seconds):
    """Return the duration as text, leaving out zero parts; ``0s`` for none."""
    parts = [
        f"{amount}{unit}"
        for amount, unit in zip(split_seconds(seconds), "dhms")
        if amount
    ]
    return " ".join(parts) or "0s"


def parse_duration(text):
    """Return the seconds of a text such as ``1h 30m``.

    Parts may come in any order and repeat. Raise ValueError for anything else.
    """
    if not re.fullmatch(rf"\s*({PART.pattern}\s*)+", text):
        raise ValueError(f"not a duration: {text!r}")
    return sum(int(amount) * UNITS[unit] for amount, unit in PART.findall(text))


def clock(seconds):
    """Return the duration as ``h:mm:ss``, days counted as hours."""
    days, hours, minutes, rest = split_seconds(seconds)
    return f"{days * 24 + hours}:{minutes:02}:{rest:02}"
