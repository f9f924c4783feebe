"""The signature of a failure: what the jobs of a matrix share when one cause failed them all."""

from __future__ import annotations

import hashlib
import re

from tools.ci.values import JobLog
from workflows.github.values import FailedJob
from workflows.text import line

MOST_TESTS = 200
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-f]{7,64}\b"), "#"),  # addresses, hashes
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?"), "/"),  # absolute paths, of any system
    (re.compile(r"\b(?:py)?\d+(?:[.:,_-]\d+)*(?:ms|s|kB|MB|GB|%)?"), "#"),
    (re.compile(r"\s+"), " "),
)


def masked(error: str) -> str:
    """An error without its numbers, hashes, addresses and absolute paths."""
    text = line(error, 1000)
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text.strip()


def signature_of(log: JobLog) -> str:
    """16 hexadecimal digits; "" when the log names no failure. Tests decide where there are any, else the error."""
    found = log.finding
    if found is None:
        return ""
    shared = sorted(set(found.tests))[:MOST_TESTS] or [masked(found.error)]
    return _digest(found.kind, masked(found.error) if not found.tests else "", *shared)


def signature_of_job(failed: FailedJob) -> str:
    """The signature of its log; without one, of why there is none (of its step, where the log tells nothing)."""
    told = signature_of(failed.log) if failed.log else ""
    return told or _digest(failed.no_log or "untold", "" if failed.no_log else masked(failed.job.step))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
