"""Tokens of an identity provider: who they speak for, and all that is no such token."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests import issuer
from tests.issuer import AUDIENCE, Provider
from tests.service import Site, site
from tests.unit.test_api_access import NAMES, ROUTES, Route
from workflows.exits import Refused
from workflows.service.api.oidc import Issuer, IssuerAway, TokenRefused, Trust, trust
from workflows.service.values import SCOPES
from workflows.settings import Settings

OTHER = rsa.generate_private_key(65537, 2048)
LIST = "/v1/diagnoses"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with issuer.running() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, provider: Provider) -> Site:
    return site(tmp_path, oidc_issuer=provider.url, oidc_audience=AUDIENCE)


async def status(place: Site, token: str, path: str = LIST, method: str = "GET") -> int:
    async with place.client(secret=token) as http:
        answer = await http.request(method, path)
    if answer.status_code == 401:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert token[:20] not in answer.text
    return answer.status_code


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_speaks_for_its_tenant_with_its_scopes(algorithm: str, place: Site, provider: Provider) -> None:
    """Only runs of its tenant, only what its scopes allow; beside tokens of our own."""
    provider.add("new", algorithm)
    mine, theirs = await place.submitted("red"), await place.submitted("blue")
    reader = provider.token("new", scope="read profile")
    assert await status(place, reader) == 200
    assert await status(place, reader, f"{LIST}/{mine}") == 200
    assert await status(place, reader, f"{LIST}/{theirs}") == 404
    assert await status(place, reader, f"{LIST}/{mine}/cancel", "POST") == 403
    assert await status(place, provider.token("new", scope=["submit"]), f"{LIST}/{mine}/cancel", "POST") == 200
    assert place.store.audited[-1][0].token == "oidc:ada"
    assert await status(place, provider.token("new", scope=None)) == 403
    assert await status(place, await place.token("red", "read")) == 200


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_every_route_asks_for_the_scopes_of_a_token(route: Route, place: Site, provider: Provider) -> None:
    """As it does for tokens of our own; an expired one opens nothing."""
    method, path, needed, _, body = route
    where = path.format(run="nowhere", evidence="e", token="nobody", approval="q1")
    for scope in SCOPES:
        async with place.client(secret=provider.token(scope=scope)) as http:
            answer = await http.request(method, where, json=body)
        assert (answer.status_code == 403) == (scope != needed), (scope, answer.text)
    async with place.client(secret=provider.token(exp=1)) as http:
        assert (await http.request(method, where, json=body)).status_code == 401


WRONG: dict[str, Callable[[Provider], str]] = {
    "expired": lambda p: p.token(exp=int(time.time()) - 120),
    "not yet": lambda p: p.token(nbf=int(time.time()) + 120),
    "without an end": lambda p: p.token(exp=None),
    "another audience": lambda p: p.token(aud="https://other.example"),
    "no audience": lambda p: p.token(aud=None),
    "another issuer": lambda p: p.token(iss="https://other.example"),
    "no issuer": lambda p: p.token(iss=None),
    "no subject": lambda p: p.token(sub=None),
    "no tenant": lambda p: p.token(tenant=None),
    "a tenant that is none": lambda p: p.token(tenant="\n"),
    "many tenants": lambda p: p.token(tenant=["red", "blue"]),
    "another key": lambda p: p.token(signed_by=(OTHER, "RS256")),
    "unknown key": lambda p: p.token("two", signed_by=(OTHER, "RS256")),
    "no signature": issuer.unsigned,
    "cut off": lambda p: p.token()[:-9],
    "another body": lambda p: ".".join(
        (p.token().split(".")[0], p.token(tenant="blue").split(".")[1], p.token().split(".")[2])
    ),
    "another algorithm": lambda p: p.token(signed_by=(p.keys["one"][0], "RS512")),
    "no base64": lambda p: "a.b.c",
    "nothing": lambda p: "..",
    "deep": lambda p: f"{'W1tb' * 2000}.e30.x",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_what_is_no_good_token_is_refused(
    wrong: Callable[[Provider], str], place: Site, provider: Provider
) -> None:
    assert await status(place, provider.token()) == 200, "so that the refusal is the token's"
    assert await status(place, wrong(provider)) == 401


async def test_the_public_key_is_no_shared_secret(place: Site, provider: Provider) -> None:
    """A token signed by HMAC with the published key, which anybody has: made by hand, the library refuses to."""
    import base64
    import hashlib
    import hmac
    import json

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    _, body, _ = provider.token().split(".")
    head = part({"alg": "HS256", "kid": "one", "typ": "JWT"})
    made = hmac.new(provider.public_pem("one"), f"{head}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(made).decode().rstrip('=')}"
    assert await status(place, forged) == 401
    secret = base64.urlsafe_b64encode(b"s" * 32).decode().rstrip("=")
    provider.answers["/keys"] = {"keys": [{"kty": "oct", "k": secret, "kid": "one", "alg": "HS256"}]}
    assert await status(place, jwt.encode({"sub": "x"}, b"s" * 32, "HS256", headers={"kid": "one"})) == 401


async def test_clocks_may_differ_a_little(place: Site, provider: Provider) -> None:
    assert await status(place, provider.token(exp=int(time.time()) - 10)) == 200


async def test_new_keys_are_found_and_unknown_ones_asked_for_rarely(provider: Provider) -> None:
    """At most once in `refresh_s`, whoever asks; keys that are no longer published do not count after a look."""
    now = [0.0]
    known = Issuer(Trust(provider.url, AUDIENCE, refresh_s=60.0), clock=lambda: now[0])
    assert (await known.principal(provider.token())).tenant == "red"
    assert len(provider.asked) == 2
    provider.add("two")
    for _ in range(5):
        with pytest.raises(TokenRefused):
            await known.principal(provider.token("two"))
    assert len(provider.asked) == 2, "a moment ago"
    now[0] = 61.0
    assert (await known.principal(provider.token("two"))).tenant == "red"
    old = provider.token("one")
    del provider.keys["one"]
    assert (await known.principal(old)).tenant == "red"
    now[0] = 3700.0
    with pytest.raises(TokenRefused):
        await known.principal(old)


async def test_keys_outlive_an_issuer_that_is_away_for_a_while(provider: Provider) -> None:
    now = [0.0]
    known = Issuer(Trust(provider.url, AUDIENCE), clock=lambda: now[0])
    token = provider.token()
    await known.principal(token)
    provider.broken = True
    now[0] = 80_000.0
    assert (await known.principal(token)).tenant == "red"
    now[0] = 90_000.0
    with pytest.raises(IssuerAway):
        await known.principal(token)
    provider.broken = False
    now[0] = 90_061.0
    assert (await known.principal(token)).tenant == "red"


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/.well-known/openid-configuration", {"issuer": "https://other.example", "jwks_uri": "x"}),
        ("/.well-known/openid-configuration", ["no object"]),
        ("/.well-known/openid-configuration", {}),
        ("/keys", "x" * (2 << 20)),
    ],
)
async def test_an_issuer_that_answers_nonsense_is_away(
    path: str, answer: object, place: Site, provider: Provider
) -> None:
    provider.answers[path] = answer
    assert await status(place, provider.token()) == 503


async def test_keys_are_only_taken_from_where_nobody_stands_between(place: Site, provider: Provider) -> None:
    provider.answers["/.well-known/openid-configuration"] = {
        "issuer": provider.url, "jwks_uri": "http://keys.example/keys",
    }  # fmt: skip
    assert await status(place, provider.token()) == 503


async def test_keys_that_are_of_no_use_are_passed_over(place: Site, provider: Provider) -> None:
    usual = provider.answer("/keys")["keys"]
    provider.answers["/keys"] = {"keys": [None, 7, {}, {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "x"}, *usual]}
    assert await status(place, provider.token()) == 200


async def test_claims_may_be_called_otherwise(tmp_path: Path, provider: Provider) -> None:
    named: dict[str, Any] = {"oidc_tenant_claim": "org", "oidc_scope_claim": "roles", "oidc_scope_prefix": "pw:"}
    place = site(tmp_path, oidc_issuer=provider.url, oidc_audience=AUDIENCE, **named)
    assert await status(place, provider.token(tenant=None, org="red", scope=None, roles=["pw:read"])) == 200
    assert await status(place, provider.token(tenant=None, org="red", scope=None, roles=["read"])) == 403


async def test_without_an_issuer_a_jwt_is_an_unknown_token(tmp_path: Path, provider: Provider) -> None:
    async with site(tmp_path).client(secret=provider.token()) as http:
        assert (await http.get(LIST)).status_code == 401
    assert provider.asked == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"oidc_issuer": "https://id.example"}, "OIDC_AUDIENCE"),
        ({"oidc_issuer": "http://id.example", "oidc_audience": "x"}, "https"),
        ({"oidc_issuer": "file:///etc/passwd", "oidc_audience": "x"}, "https"),
        ({"oidc_issuer": "https://ada:pw@id.example", "oidc_audience": "x"}, "https"),
    ],
)
def test_an_issuer_that_cannot_be_trusted_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said):
        trust(Settings.model_validate(given))
