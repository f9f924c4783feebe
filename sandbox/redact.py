"""Secrets out of text that is kept or shown: logs of builds, messages of failed clones."""

from __future__ import annotations

import re

SHORT = 12  # characters: every token is longer, and what names a secret has one of these signs
SIGNS = frozenset(":=@")
_PATTERNS = (
    (re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]{0,40}://)[^/\s@'\"]+@"), r"\1***@"),
    (re.compile(r"\b(gh[pousr]_|github_pat_|glpat-|xox[abps]-|npm_|pypi-|sk-)[A-Za-z0-9_-]{10,}"), r"\1***"),
    (re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"), r"\1***"),
    (re.compile(r"(?i)\b(authorization\s*[:=]\s*(?:basic|bearer|token)\s+)\S+"), r"\1***"),
    (re.compile(r"(?i)([\w-]{0,80}(?:password|passwd|secret|api[_-]?key|token)\s*[=:]\s*)[^\s'\",;]{6,}"), r"\1***"),
)


def redact(text: str) -> str:
    """`text` with credentials in URLs, well-known tokens and values called password, secret or token blotted out."""
    if harmless(text):
        return text
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def harmless(text: str) -> bool:
    """Whether a text is too short for a secret and names none: most words of logs and labels, told at once."""
    return len(text) <= SHORT and SIGNS.isdisjoint(text)


def has_credentials(value: str) -> bool:
    """Whether a setting holds something that `redact` would hide."""
    return redact(value) != value
