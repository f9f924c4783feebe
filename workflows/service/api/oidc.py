"""Bearer tokens of an identity provider (OpenID Connect): JWTs that its published keys verify, and whom they speak for.

Keys are fetched when they are first needed, again when a token names one that is not known (not more often than
`refresh_s`) and when they are old. Only asymmetric algorithms are taken, whatever a token asks for.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import structlog

from workflows.exits import USAGE, Refused
from workflows.loopback import is_loopback
from workflows.service.values import SCOPES, Principal, Scope
from workflows.settings import PREFIX, Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
MOST_TOKEN = 16 << 10
FRESH_S, STALE_S = 3600.0, 86_400.0
_MOST_ANSWER, _ANSWER_S, _MOST_KEYS = 1 << 20, 5.0, 100
Fetch = Callable[[str], Awaitable[bytes]]


class TokenRefused(ValueError):
    """A token that does not count; the message says why without anything of the token."""


class IssuerAway(RuntimeError):
    """The keys of the issuer cannot be had."""


@dataclass(frozen=True)
class Trust:
    """Whose tokens count, and what their claims mean. tenant, scope: names of claims; prefix: before each scope;
    leeway_s: by which clocks may differ; refresh_s: between two looks for an unknown key.
    """

    issuer: str
    audience: str
    tenant: str = "tenant"
    scope: str = "scope"
    prefix: str = ""
    leeway_s: float = 30.0
    refresh_s: float = 60.0


def trust(settings: Settings) -> Trust | None:
    """What the settings say; None where they name no issuer. Raises Refused."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_audience:
        raise Refused(f"{PREFIX}OIDC_ISSUER needs {PREFIX}OIDC_AUDIENCE: tokens for others are not for us", USAGE)
    if not _safe(settings.oidc_issuer):
        raise Refused(f"{PREFIX}OIDC_ISSUER must be an https URL", USAGE)
    return Trust(
        settings.oidc_issuer, settings.oidc_audience, settings.oidc_tenant_claim, settings.oidc_scope_claim,
        settings.oidc_scope_prefix, settings.oidc_leeway_seconds, settings.oidc_refresh_seconds,
    )  # fmt: skip


def _safe(url: str) -> bool:
    """Whether nobody between us and there can answer in its place."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    clear = parts.scheme == "http" and is_loopback(host)
    return bool(host) and parts.username is None and (parts.scheme == "https" or clear)


async def fetched(url: str) -> bytes:
    """What an address answers. Raises IssuerAway."""
    try:
        async with (
            asyncio.timeout(_ANSWER_S), httpx.AsyncClient(follow_redirects=False, timeout=_ANSWER_S) as client,
            client.stream("GET", url) as answer,
        ):  # fmt: skip
            return await _whole(answer)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
        raise IssuerAway(f"it does not answer: {type(error).__name__}") from error


async def _whole(answer: httpx.Response) -> bytes:
    """The body of an answer, if it is a good one. Raises IssuerAway, httpx.HTTPError."""
    if answer.status_code != httpx.codes.OK:
        raise IssuerAway(f"it answers with status {answer.status_code}")
    data = b""
    async for piece in answer.aiter_bytes():
        data += piece
        if len(data) > _MOST_ANSWER:
            raise IssuerAway("its answer is too large")
    return data


@dataclass
class Issuer:
    """clock: seconds that only grow."""

    trust: Trust
    fetch: Fetch = fetched
    clock: Callable[[], float] = time.monotonic
    _keys: dict[str, jwt.PyJWK] = field(default_factory=dict)
    _got: float | None = None
    _tried: float | None = None
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def principal(self, token: str) -> Principal:
        """Whom a token speaks for. Raises TokenRefused, IssuerAway."""
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise TokenRefused("it is no JWT") from None
        if header.get("alg") not in ALGORITHMS:
            raise TokenRefused("it is not signed with an algorithm that is taken")
        key = await self._key(header.get("kid"))
        return self._read(self._verified(token, key, str(header["alg"])))

    def _verified(self, token: str, key: jwt.PyJWK, algorithm: str) -> Mapping[str, Any]:
        if key.algorithm_name not in ALGORITHMS:
            raise TokenRefused("its key is not one that signatures are verified with")
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, key, algorithms=[algorithm], audience=self.trust.audience, issuer=self.trust.issuer,
                leeway=self.trust.leeway_s, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise TokenRefused("it has expired") from None
        except jwt.InvalidAudienceError:
            raise TokenRefused("it is for another audience") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise TokenRefused(f"it is not valid ({type(error).__name__})") from None
        return claims

    def _read(self, claims: Mapping[str, Any]) -> Principal:
        tenant, subject = claims.get(self.trust.tenant), claims["sub"]
        if (
            not isinstance(tenant, str)
            or not tenant.isascii()
            or not tenant.isprintable()
            or not 0 < len(tenant) <= 100
        ):
            raise TokenRefused("it names no tenant")
        who = "".join(character for character in str(subject) if character.isprintable())[:200]
        return Principal(tenant=tenant, token=f"oidc:{who}", scopes=self._scopes(claims.get(self.trust.scope)))

    def _scopes(self, claimed: object) -> frozenset[Scope]:
        """Words of a text, or of a list; those that are none of ours mean nothing."""
        words = claimed.split() if isinstance(claimed, str) else claimed if isinstance(claimed, list) else []
        return frozenset(scope for scope in SCOPES if self.trust.prefix + scope in words)

    async def _key(self, kid: object) -> jwt.PyJWK:
        key = self._known(kid)
        if key is None or self._age() > FRESH_S:
            await self._refresh()
            key = self._known(kid)
        if key is None:
            raise TokenRefused("its key is not one of the issuer's")
        return key

    def _known(self, kid: object) -> jwt.PyJWK | None:
        """The key that a token names; the only one, for a token that names none."""
        if self._age() > STALE_S:
            return None
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid) if isinstance(kid, str) else None

    def _age(self) -> float:
        return float("inf") if self._got is None else self.clock() - self._got

    async def _refresh(self) -> None:
        """Fetch the keys, one caller for all, and not soon after the last time. Raises IssuerAway without any keys."""
        async with self._one:
            if self._tried is not None and self.clock() - self._tried < self.trust.refresh_s:
                if self._age() > STALE_S:
                    raise IssuerAway("its keys could not be had a moment ago")
                return
            self._tried = self.clock()
            try:
                self._keys = await self._fetched()
                self._got = self.clock()
            except IssuerAway as error:
                structlog.get_logger("patchwright.api").warning("no keys of the issuer", why=str(error))
                if self._age() > STALE_S:
                    raise

    async def _fetched(self) -> dict[str, jwt.PyJWK]:
        about = _object(await self.fetch(f"{self.trust.issuer.rstrip('/')}/.well-known/openid-configuration"))
        if about.get("issuer") != self.trust.issuer:
            raise IssuerAway("its configuration is another issuer's")
        where = about.get("jwks_uri")
        if not isinstance(where, str) or not _safe(where):
            raise IssuerAway("its configuration names no https URL of keys")
        listed = _object(await self.fetch(where)).get("keys")
        keys = [_key(one) for one in listed[:_MOST_KEYS]] if isinstance(listed, list) else []
        return {key.key_id or "": key for key in keys if key is not None}


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise IssuerAway("its answer is no JSON object")
    return found


def _key(given: object) -> jwt.PyJWK | None:
    """A public key for signatures; None for one that is of no use here."""
    if not isinstance(given, dict) or given.get("use", "sig") != "sig" or given.get("kty") == "oct":
        return None
    try:
        return jwt.PyJWK.from_dict(given)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        return None
