"""How the bot proves that it is its App: a short-lived JWT, signed with the App's key, by the forge's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_BACK_S = 60
_FORWARD_S = 540  # GitHub takes ten minutes at most


class KeyInvalid(ValueError):
    """No private key of an App; the message holds nothing of it."""


@dataclass(frozen=True, repr=False)
class AppKey:
    """The App's id and its private key. Never shown: it has no representation."""

    app: int
    key: RSAPrivateKey

    def token(self, at: float) -> str:
        """A JWT for the moment `at` (seconds since the epoch), a minute in the past for clocks that differ."""
        claims = {"iat": int(at) - _BACK_S, "exp": int(at) + _FORWARD_S, "iss": str(self.app)}
        return jwt.encode(claims, self.key, algorithm="RS256")


def app_key(app: int, pem: bytes) -> AppKey:
    """From the file that GitHub gives out. Raises KeyInvalid."""
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise KeyInvalid("the App's key is no private key in PEM form") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < 2048:
        raise KeyInvalid("the App's key must be an RSA key of 2048 bits or more")
    return AppKey(app, key)


class Clock:
    """The forge's time: ours, and by how much it differs, as the `Date` of its answers says."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.ahead_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch at the forge."""
        return self._now() + self.ahead_s

    def read(self, date: str | None) -> None:
        """Set it by a `Date` header; one that is none is passed over. A second is what the header can tell."""
        try:
            ahead = parsedate_to_datetime(date or "").timestamp() - self._now()
        except (ValueError, TypeError, OverflowError):
            return
        self.ahead_s = ahead if abs(ahead) > 2 else 0.0
