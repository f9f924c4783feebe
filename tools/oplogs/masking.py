"""Secrets and personal data out of whatever leaves the logs: credentials, keys, e-mail addresses, card numbers.

Adds to `sandbox/redact.py` what stands in logs of running services. Addresses of machines stay unless asked for: an
incident is read by them.
"""

from __future__ import annotations

import re

from sandbox.redact import harmless, redact

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b")
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.?[\w-]*")
_BEARER = re.compile(r"(?i)\b(bearer\s+|basic\s+)[A-Za-z0-9._~+/=-]{12,}")
_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)")
_KEY_LINE = re.compile(r"(?<![\w+/=.-])(?![0-9a-fA-F]{64}\b)[A-Za-z0-9+/]{64,76}={0,2}(?![\w+/=-])")  # no digest
_QUERY = re.compile(
    r"(?i)([?&;](?:access_token|token|sig|signature|key|api_?key|code|password|pwd|secret|auth|session\w*)=)[^&\s\"'#]+"
)
_QUOTED = re.compile(
    r"(?i)([\"']?\b[\w.-]{0,40}(?:password|passwd|pwd|secret|api[_-]?key|access[_-]?key|token|authorization|cookie|session[_-]?id)"
    r"[\w-]{0,10}[\"']?\s{0,3}[=:]\s{0,3})(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|[^\s\"',;&}\]]+)"
)
_CARD = re.compile(  # in one piece, or in the groups that cards have; not a part of a hexadecimal id
    r"(?<![\da-fA-F.-])(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{4,5})(?![\w-])"
)
_WELL_KNOWN = re.compile(
    r"\b(?:sk_live_|sk_test_|rk_live_|AIza|ya29\.|SG\.|dop_v1_|hvs\.|shpat_|ATATT|xapp-)[\w.-]{10,}"
)
_IPV4 = re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])")
_IPV6 = re.compile(
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}(?::?[0-9a-fA-F]{1,4}){1,4}(?![\w:])|(?<![\w:])[0-9a-fA-F]{0,4}::[0-9a-fA-F:]{2,35}(?![\w:])"
)


def mask(text: str, *, addresses: bool = False) -> str:
    """`text` without secrets and personal data. addresses: those of machines (IP) too."""
    if not addresses and harmless(text):
        return text
    text = _KEY.sub("*** private key ***", text)
    text = _KEY_LINE.sub("***", text)  # keys come line by line
    text = _JWT.sub("***jwt***", text)
    text = _QUERY.sub(r"\1***", text)
    text = _BEARER.sub(r"\1***", text)
    text = _QUOTED.sub(r"\1***", text)
    text = _WELL_KNOWN.sub("***", text)
    text = redact(text)
    text = _EMAIL.sub("***@***", text)
    text = _CARD.sub(_card, text)
    if addresses:
        text = _IPV6.sub("*.*.*.*", _IPV4.sub("*.*.*.*", text))
    return text


def _card(match: re.Match[str]) -> str:
    """A number that passes Luhn's check and begins as cards do (ISO/IEC 7812; those with 2: 2221 to 2720, no years)."""
    digits = [int(sign) for sign in match[0] if sign.isdigit()]
    doubled = [d if place % 2 == 0 else d * 2 - 9 * (d > 4) for place, d in enumerate(reversed(digits))]
    first = int("".join(map(str, digits[:4])))
    begins = 3000 <= first < 7000 or 2221 <= first <= 2720
    return "***card***" if begins and sum(doubled) % 10 == 0 else match[0]
