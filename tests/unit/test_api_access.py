"""Who gets what from the API: scopes, other tenants, problems that say nothing they should not."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import structlog
from fastapi import FastAPI
from starlette.routing import BaseRoute
from starlette.routing import Route as Route_
from structlog.testing import capture_logs

from agent.asking import Question
from tests.fakes.report import verified
from tests.service import URL, Site, site
from workflows.report.render import write_report
from workflows.service.values import SCOPES, Principal, Scope

RUN = "{run}"
Route = tuple[str, str, Scope, int, Any]  # method, path, scope, answer, body
ROUTES: list[Route] = [
    ("POST", "/v1/diagnoses", "submit", 202, {"url": URL}),
    ("GET", "/v1/diagnoses", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/events", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/report", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/patch", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/certificate", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/transcript", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/evidence/{{evidence}}", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/callback", "read", 200, None),
    ("GET", f"/v1/diagnoses/{RUN}/approvals", "read", 200, None),
    ("POST", f"/v1/diagnoses/{RUN}/approvals/{{approval}}", "approve", 200, {"decision": "deny"}),
    ("POST", f"/v1/diagnoses/{RUN}/messages", "submit", 200, {"text": "it fails on Windows alone"}),
    ("POST", f"/v1/diagnoses/{RUN}/cancel", "submit", 200, None),
    ("POST", f"/v1/diagnoses/{RUN}/feedback", "submit", 204, {"verdict": "right"}),
    ("GET", "/v1/callback-secret", "admin", 200, None),
    ("GET", "/v1/tokens", "admin", 200, None),
    ("POST", "/v1/tokens", "admin", 201, {"name": "ci", "scopes": ["read"]}),
    ("DELETE", "/v1/tokens/{token}", "admin", 204, None),
]
WAITING = ("messages", "approval}")  # routes about a run that asked
ASKED = Question(id="q1", subject="information", question="Which tests fail?")
NAMES = [f"{method} {path}" for method, path, *_ in ROUTES]


@pytest.fixture
def place(tmp_path: Path) -> Site:
    return site(tmp_path)


async def _path(place: Site, path: str) -> str:
    """The path of a finished run of the tenant red, or of a token of theirs."""
    more = {"callback": "https://hooks.example/"} if path.endswith("callback") else {}
    run = await place.submitted("red", **more)
    place.store.add(run, "started")
    report = verified()
    if path.endswith(("report", "patch", "certificate", "evidence}")):
        write_report(report, report.patch, place.folder / run)
    if path.endswith(WAITING):
        place.store.ask(run, ASKED)
    else:
        place.store.add(run, "finished")
    other, _ = await place.store.issue("red", "spare", frozenset({"read"}))
    return path.format(run=run, evidence=report.evidence[0].id, token=other.id, approval=ASKED.id)


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_every_route_needs_its_scope(route: Route, place: Site) -> None:
    method, path, needed, status, body = route
    where = await _path(place, path)
    for scope in SCOPES:
        async with place.client("red", scope) as http:
            answer = await http.request(method, where, json=body)
        assert answer.status_code == (status if scope == needed else 403), (scope, answer.text)
        if scope != needed:
            assert answer.json()["type"] == "urn:patchwright:problem:forbidden"
            assert f'scope="{needed}"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_every_route_needs_a_token(route: Route, place: Site) -> None:
    method, path, _, _, body = route
    where = await _path(place, path)
    for secret in ("", "wrong", "x" * 5000, "\x7f", "ü" * 3):
        async with place.client(secret=secret) as http:
            answer = await http.request(method, where, json=body)
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
async def test_what_is_another_tenants_is_not_there(route: Route, place: Site) -> None:
    method, path, _, status, body = route
    where = await _path(place, path)
    async with place.client("blue") as http:
        answer = await http.request(method, where, json=body)
        unknown = await http.request(
            method, path.format(run="nowhere", evidence="e1", token="nobody", approval="q1"), json=body
        )
    if path.endswith(("diagnoses", "tokens", "secret")):
        assert answer.status_code == status
        assert "red" not in answer.text
        if method == "GET" and path.endswith("diagnoses"):
            assert answer.json()["runs"] == []
        if path.endswith("secret"):
            async with place.client("red") as theirs:
                assert (await theirs.get(path)).json() != answer.json()
    else:
        same = {**answer.json(), "request": ""}, {**unknown.json(), "request": ""}
        assert (answer.status_code, same[0]) == (404, same[1]), "nobody can tell the two apart"


def test_the_table_names_every_route(place: Site) -> None:
    """Of the application itself, documented or not. Public: what says nothing of anybody; /metrics has its own test."""
    public = {"GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json"}
    assert declared(place.app) - public == set(NAMES)


def declared(app: FastAPI) -> set[str]:
    """Methods and paths of all routes. Fails for what is no plain route: mounted applications, web sockets."""
    found = set()
    for route in flat(app.routes):
        assert isinstance(route, Route_), f"{route}: has no place in the table"
        found |= {f"{method} {route.path}" for method in (route.methods or set()) - {"HEAD"}}
    return found


def flat(routes: Sequence[BaseRoute]) -> Iterator[BaseRoute]:
    """Routes, those of included routers among them."""
    for route in routes:
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        if inner is not None:
            yield from flat(inner.routes)
        else:
            yield route


def test_a_route_that_is_not_in_the_table_is_noticed(place: Site) -> None:
    place.app.get("/v1/secrets", include_in_schema=False)(lambda: None)
    assert "GET /v1/secrets" in declared(place.app)


async def test_revoked_and_expired_tokens_are_unknown(place: Site) -> None:
    token, secret = await place.store.issue("red", "short", frozenset({"read"}))
    async with place.client(secret=secret) as http:
        assert (await http.get("/v1/diagnoses")).status_code == 200
        assert await place.store.revoke("red", token.id)
        assert (await http.get("/v1/diagnoses")).status_code == 401


async def test_anonymous_access_is_only_for_those_who_show_nothing(tmp_path: Path) -> None:
    anonymous = Principal(tenant="local", token="anonymous", scopes=frozenset(SCOPES))
    place = site(tmp_path, anonymous=anonymous)
    async with place.client(secret="") as http:
        here = "http://127.0.0.1:8321/v1/diagnoses"
        assert (await http.post(here, json={"url": URL})).status_code == 202
        assert (await http.get(here, headers={"Origin": "http://localhost:3000"})).status_code == 200
        assert (await http.get("http://rebound.example/v1/diagnoses")).status_code == 403
        for name, value in (("Origin", "https://evil.example"), ("Origin", "null"), ("Origin", "http://[::1"),
                            ("Sec-Fetch-Site", "cross-site")):  # fmt: skip
            assert (await http.get(here, headers={name: value})).status_code == 403
    async with place.client(secret="wrong") as http:
        assert (await http.get("/v1/diagnoses")).status_code == 401
        assert (await http.get("/v1/diagnoses", headers={"Authorization": "Basic eA=="})).status_code == 401


async def test_a_token_is_issued_once_used_and_revoked(place: Site) -> None:
    async with place.client("red", "admin") as http:
        made = await http.post("/v1/tokens", json={"name": "ci", "scopes": ["read", "read"], "expires_days": 3})
        secret = made.json()["secret"]
        assert made.json()["token"]["scopes"] == ["read"]
        assert secret not in (await http.get("/v1/tokens")).text
        async with place.client(secret=secret) as other:
            assert (await other.get("/v1/diagnoses")).status_code == 200
            assert (await other.get("/v1/tokens")).status_code == 403
        gone = await http.delete(f"/v1/tokens/{made.json()['token']['id']}")
        assert (gone.status_code, gone.text) == (204, "")
    assert [entry[1] for entry in place.store.audited] == ["issue-token", "revoke-token"]


async def test_metrics_are_for_this_machine_or_an_admin(place: Site) -> None:
    async with place.client(secret="") as http:
        assert "patchwright_http_requests_total" in (await http.get("/metrics")).text
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "1.2.3.4"})).status_code == 401
    async with place.client(secret="", at="93.184.216.34") as http:
        assert (await http.get("/metrics")).status_code == 401
    async with place.client("red", "read", at="93.184.216.34") as http:
        assert (await http.get("/metrics")).status_code == 403
    async with place.client("red", "admin", at="93.184.216.34") as http:
        assert (await http.get("/metrics")).status_code == 200


async def test_health_needs_no_token_and_readiness_needs_the_database(place: Site) -> None:
    async with place.client(secret="") as http:
        assert (await http.get("/livez")).json() == {"status": "alive"}
        assert (await http.get("/readyz")).json() == {"status": "ready"}
        assert [(await http.head(path)).status_code for path in ("/livez", "/readyz")] == [200, 200]
        place.store.down = True
        assert (await http.get("/livez")).status_code == 200
        away = await http.get("/readyz")
    assert (away.status_code, away.headers["retry-after"]) == (503, "5")
    assert away.headers["content-type"] == "application/problem+json"


async def test_every_answer_carries_its_id_and_the_headers_of_security(place: Site) -> None:
    async with place.client() as http:
        for path, sent in (("/v1/diagnoses", "abc-1"), ("/nowhere", "bad id\t"), ("/v1/diagnoses/x", "x" * 65)):
            answer = await http.get(path, headers={"X-Request-ID": sent})
            assert (answer.headers["x-request-id"] == sent) == (sent == "abc-1")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert answer.headers["cache-control"] == "no-store"
        assert (await http.get("/nowhere")).json()["request"]


async def test_a_method_that_is_not_offered_is_answered_with_those_that_are(place: Site) -> None:
    async with place.client() as http:
        for path, allowed in {"/v1/diagnoses": "GET, POST", "/v1/diagnoses/x": "GET", "/v1/tokens/x": "DELETE"}.items():
            for method in ("PUT", "OPTIONS", "PROPFIND"):
                answer = await http.request(method, path)
                assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
                assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_that_is_not_said_to_be_json_is_another_media_type(media: str, place: Site) -> None:
    """Not a list of fields that do not fit: nobody has read them."""
    run = await place.submitted()
    async with place.client() as http:
        for path in (f"/v1/diagnoses/{run}/feedback", f"/v1/diagnoses/{run}/messages", "/v1/tokens"):
            answer = await http.post(path, content=b'{"verdict": "right"}', headers={"Content-Type": media})
            assert (answer.status_code, answer.json()["detail"]) == (415, "send application/json")


@pytest.mark.parametrize("path", ["/v1/diagnoses", "/v1/diagnoses/x/feedback", "/v1/tokens"])
async def test_a_compressed_body_is_refused_as_such(path: str, place: Site) -> None:
    packed = gzip.compress(b'{"verdict": "right"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with place.client() as http:
        answer = await http.post(path, content=packed, headers=headers)
        plain = await http.post(path, json={}, headers={"Content-Encoding": "identity"})
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")
    assert answer.json()["type"] == "urn:patchwright:problem:content-encoding"
    assert plain.status_code == 422


async def test_a_bug_becomes_a_problem_without_its_message(place: Site) -> None:
    async def broken(tenant: str, run: str) -> None:
        raise LookupError("CANARY-c0ffee at line 3")

    place.store.run = broken  # type: ignore[method-assign]
    with capture_logs() as logs:
        async with place.client() as http:
            answer = await http.get("/v1/diagnoses/x1")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:patchwright:problem:internal")
    assert "CANARY" not in answer.text + repr(logs)
    assert logs[0]["error"] == "LookupError"
    assert logs[0]["request"] == answer.json()["request"]


async def test_a_secret_that_was_sent_is_in_no_answer_and_no_log_line(place: Site) -> None:
    canary = "CANARY-5f1d0a"
    bodies: list[Any] = [
        {"url": f"https://user:{canary}@github.com/a/b"},
        {"url": f"https://github.com/a/b?token={canary}"},
        {"url": f"ssh://{canary}@github.com/a/b"},
        {"url": URL, "log": 5, canary: canary},
        {"url": URL, "limits": {canary: 1}},
        {"url": URL, "python": canary},
        {"url": URL, "goal": canary},
        {"url": URL, "install": [canary]},
        {"url": URL, "allow": [canary]},
        {"url": URL, "patches": [canary]},
        {"url": URL, "priority": canary},
        [canary],
        canary,
    ]
    with capture_logs() as logs:
        async with place.client() as http:
            answers = [await http.post("/v1/diagnoses", json=body) for body in bodies]
            raw = {"Content-Type": "application/json"}
            answers.append(await http.post("/v1/diagnoses", content=f'{{"url": {canary}', headers=raw))
            answers.append(await http.post("/v1/diagnoses", content=canary, headers={"Content-Type": canary}))
            answers.append(await http.get(f"/v1/diagnoses?cursor={canary}&state={canary}&limit={canary}"))
            answers.append(await http.get(f"/{canary}"))
            answers.append(await http.get(f"/v1/diagnoses/{canary}"))
            answers.append(await http.post("/v1/tokens", json={"name": "\n", "scopes": [canary]}))
        async with place.client(secret=canary) as http:
            answers.append(await http.get("/v1/diagnoses"))
    assert all(400 <= answer.status_code < 500 for answer in answers), [a.status_code for a in answers]
    shown = "".join(answer.text + repr(answer.headers) for answer in answers) + repr(logs)
    assert canary not in shown
    structlog.reset_defaults()
