"""Whether a message comes from whom it says: signatures over the raw body, or a secret that is shown.

Sentry      Sentry-Hook-Signature: hex HMAC-SHA256 of the body with the integration's client secret
PagerDuty   X-PagerDuty-Signature: v1=HEX, several by commas while secrets are changed
Grafana     X-Grafana-Alerting-Signature (its name can be changed): hex HMAC-SHA256 of the body, or of TIME:body where a
            header with the time is configured too
the others  Authorization: Bearer or Basic, or a header of their own: what each of them can be told to send
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workflows.exits import Refused
from workflows.oncall.configuration import Configuration, SourceRules
from workflows.references import ReferenceBroken, secret

FEWEST = 12  # characters of a secret
OLDEST_S = 300  # of a message that says when it was signed
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Keys:
    """The secrets of a source, read. signed: sources whose bodies are signed."""

    rules: SourceRules
    secrets: tuple[bytes, ...] = ()
    bearer: bytes = b""
    basic: bytes = b""
    token: bytes = b""


def keys_of(configuration: Configuration) -> dict[str, Keys]:
    """The secrets of all sources. Raises Refused for a reference that leads nowhere."""
    found = {}
    for name, rules in configuration.sources.items():
        try:
            found[str(name)] = Keys(
                rules, tuple(_read(each) for each in (rules.secret, rules.old_secret) if each),
                *(_read(each) if each else b"" for each in (rules.bearer, rules.basic, rules.token)),
            )  # fmt: skip
        except ReferenceBroken as error:
            raise Refused(f"sources.{name}: {error}") from None
    return found


def _read(reference: str) -> bytes:
    value = secret(reference)
    if len(value) < FEWEST:
        raise ReferenceBroken(f"{reference} has fewer than {FEWEST} characters")
    return value.encode()


def proven(source: str, keys: Keys, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a message proves that it comes from the source. now: seconds since 1970."""
    shown = _shown(keys, headers)
    return _signed(source, keys, headers, body, now) or shown


def _shown(keys: Keys, headers: Mapping[str, str]) -> bool:
    """Every comparison is made, whatever the others said."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    kind, given = scheme.lower(), credentials.strip()
    bearer = _same(given.encode("utf-8", "replace"), keys.bearer) and kind == "bearer"
    basic = _same(_decoded(given), keys.basic) and kind == "basic"
    token = _same(headers.get(keys.rules.header.lower(), "").encode("utf-8", "replace"), keys.token)
    return bearer or basic or token


def _same(given: bytes, right: bytes) -> bool:
    return hmac.compare_digest(given, right) and bool(right)


def _decoded(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _signed(source: str, keys: Keys, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    if source == "sentry":
        return _marked(keys.secrets, body, [headers.get("sentry-hook-signature", "")])
    if source == "pagerduty":
        given = [each.strip() for each in headers.get("x-pagerduty-signature", "").split(",")[:10]]
        return _marked(keys.secrets, body, [each[3:] for each in given if each.startswith("v1=")])
    if source == "grafana":
        mark = headers.get(keys.rules.signature_header.lower(), "")
        if keys.rules.timestamp_header is None:
            return _marked(keys.secrets, body, [mark])
        when = headers.get(keys.rules.timestamp_header.lower(), "")
        recent = when.isdecimal() and len(when) < 16 and abs(now - int(when)) <= OLDEST_S
        return _marked(keys.secrets, when.encode("utf-8", "replace") + b":" + body, [mark]) and recent
    return False


def _marked(secrets: Sequence[bytes], body: bytes, marks: Sequence[str]) -> bool:
    right = [hmac.new(one, body, hashlib.sha256).hexdigest() for one in secrets]
    same = [hmac.compare_digest(one, mark) for one in right for mark in marks if _HEX.fullmatch(mark)]
    return any(same)
