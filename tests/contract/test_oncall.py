"""Alerts on a real database: what proves itself is kept once, correlated, and told; what does not is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests import postgres
from tests.oncall import SECRET, faulty_note, proof, quiet_note, sources
from tests.service import resolve
from tests.unit.test_api_access import declared
from tests.unit.test_triage_alerts import BODIES, PROMETHEUS, changed
from workflows.oncall.parts import OnCall, configured, store_of
from workflows.oncall.serving import alerts
from workflows.oncall.store import PostgresIncidents
from workflows.service.api import create_app
from workflows.service.store import PostgresStore, open_store
from workflows.service.values import SCOPES
from workflows.settings import Settings

GENERIC = {"name": "ErrorRate", "service": "orders", "status": "firing", "severity": "page"}
TOPOLOGY = "services:\n  gateway: {calls: [orders]}\n  orders: {calls: []}\n  batch: {calls: []}\n"
MESSAGES: dict[str, dict[str, Any]] = {**BODIES, "generic": {**GENERIC, "started": "2026-03-02T10:00:00Z"}}


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@dataclass
class Desk:
    """Nodes of the API over one database; the first one is asked if no other is named."""

    app: FastAPI
    store: PostgresStore
    incidents: PostgresIncidents
    oncall: OnCall
    nodes: list[httpx.AsyncClient]

    async def post(self, source: str, body: Any, *, node: int = 0, **headers: str) -> httpx.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.nodes[node].post(
            f"/v1/alerts/{source}", content=data, headers={**proof(source, data), **headers}
        )

    async def api(self, method: str, path: str, tenant: str = "default", **more: Any) -> httpx.Response:
        scopes = frozenset(more.pop("scopes", SCOPES))
        _, secret = await self.store.issue(tenant, "test", scopes)
        headers = {"Authorization": f"Bearer {secret}", **more.pop("headers", {})}
        return await self.nodes[0].request(method, path, headers=headers, **more)


@asynccontextmanager
async def open_desk(address: str, home: Path, extra: str = "") -> AsyncIterator[Desk]:
    (home / "topology.yaml").write_text(TOPOLOGY)
    (home / "oncall.toml").write_text(
        f'topology = "topology.yaml"\nsettle_seconds = 0\nupdate_seconds = 0\n{extra}\n{sources(home)}'
    )
    settings = Settings(home=home, oncall=home / "oncall.toml")
    async with open_store(address, settings, wait_s=60.0) as store:
        async with store.pool.connection() as connection:
            await connection.execute("truncate oncall_incidents, oncall_messages cascade")
        mount, nodes = alerts(settings), []
        for _ in range(2):
            app = create_app(store, settings=settings, folder=home, resolve=resolve)
            mount(app, store)
            transport = httpx.ASGITransport(app=app)
            nodes.append(httpx.AsyncClient(transport=transport, base_url="http://service"))
        oncall = configured(settings)
        assert oncall is not None
        yield Desk(app, store, store_of(oncall, store), oncall, nodes)
        for node in nodes:
            await node.aclose()


@pytest.fixture
async def desk(server: postgres.Server, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(server.address, tmp_path) as made:
        yield made


def fired(number: int, *, service: str = "orders", start: str = "2026-03-02T10:00:00Z") -> dict[str, Any]:
    """A message of Alertmanager about one alert."""
    labels = {"alertname": f"Alert{number}", "service": service}
    each = {**PROMETHEUS["alerts"][0], "labels": labels, "fingerprint": f"f{number}", "startsAt": start}  # type: ignore[index]
    return {**PROMETHEUS, "commonLabels": {}, "alerts": [each]}


def ended(message: dict[str, Any], end: str = "2026-03-02T10:10:00Z") -> dict[str, Any]:
    return {**message, "alerts": [{**message["alerts"][0], "status": "resolved", "endsAt": end}]}


@pytest.mark.parametrize("source", MESSAGES)
async def test_a_source_is_believed_by_its_proof_alone(desk: Desk, source: str) -> None:
    body = json.dumps(MESSAGES[source]).encode()
    for headers in (
        {"Content-Type": "application/json"},
        proof(source, body, "another-secret-0123456789"),
        proof(source, body + b" ") if source in ("sentry", "pagerduty", "grafana") else proof(source, body, ""),
        {"Content-Type": "application/json", "Authorization": "Basic ====", "X-Patchwright-Token": "\x7f"},
    ):
        answer = await desk.nodes[0].post(f"/v1/alerts/{source}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:patchwright:problem:signature")
        assert SECRET not in answer.text
    assert await desk.incidents.incidents() == ()
    answer = await desk.post(source, MESSAGES[source])
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted", "alerts": 1})
    (incident,) = await desk.incidents.incidents()
    assert (incident.title, incident.firing, incident.state) == ("ErrorRate", 1, "open")
    assert incident.services == ("orders",)


@pytest.mark.parametrize("source", [name for name in BODIES if name != "sentry"])
async def test_an_end_resolves_and_a_replay_changes_nothing(desk: Desk, source: str) -> None:
    await desk.post(source, BODIES[source])
    await desk.post(source, changed(source))
    (before,) = await desk.incidents.incidents()
    assert (before.state, before.firing, before.flaps) == ("resolved", 0, 0)
    again = await desk.post(source, BODIES[source], node=1)
    assert again.json()["status"] == "known"
    assert await desk.incidents.incidents() == (before,)


async def test_messages_without_a_time_are_each_of_now(desk: Desk) -> None:
    """The same body may be about the alert firing again: it is no replay where it says no time."""
    states = []
    for status in ("firing", "ok", "firing"):
        assert (await desk.post("generic", {**GENERIC, "status": status})).json()["status"] == "accepted"
        (incident,) = await desk.incidents.incidents()
        states.append((incident.state, incident.flaps))
    assert states == [("open", 0), ("resolved", 0), ("open", 1)]


async def test_alerts_join_by_service_and_topology_and_others_stand_apart(desk: Desk) -> None:
    for number, service in enumerate(("orders", "gateway", "batch")):
        await desk.post("alertmanager", fired(number, service=service), node=number % 2)
    batch, shop = await desk.incidents.incidents()
    assert (shop.services, shop.alerts, shop.wanted) == (("orders", "gateway"), 2, 2)
    assert (batch.services, batch.alerts) == (("batch",), 1)
    await desk.post("alertmanager", ended(fired(0)))
    assert [each.state for each in await desk.incidents.incidents()] == ["open", "open"]
    await desk.post("alertmanager", ended(fired(1, service="gateway")))
    assert [each.state for each in await desk.incidents.incidents()] == ["open", "resolved"]


async def test_a_late_message_about_a_time_that_is_over_opens_nothing(desk: Desk) -> None:
    await desk.post("alertmanager", fired(1))
    await desk.post("alertmanager", ended(fired(1)))
    await desk.post("alertmanager", {**fired(1), "receiver": "another"})
    (incident,) = await desk.incidents.incidents()
    assert (incident.state, incident.flaps) == ("resolved", 0)
    await desk.post("alertmanager", fired(1, start="2026-03-02T10:12:00Z"))
    (incident,) = await desk.incidents.incidents()
    assert (incident.state, incident.flaps) == ("open", 1)


async def test_two_nodes_make_one_incident_of_what_comes_at_once(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.post("alertmanager", fired(n), node=n % 2) for n in range(60)))
    assert {answer.status_code for answer in answers} == {202}
    (incident,) = await desk.incidents.incidents()
    assert (incident.alerts, incident.messages, incident.firing) == (60, 60, 60)
    assert len(await desk.incidents.alerts(incident.id)) == 60


async def test_a_storm_over_many_services_is_one_incident_with_one_look(desk: Desk) -> None:
    """What began before it was known to be a storm becomes part of it, and is not looked into."""
    first = [desk.post("alertmanager", fired(n, service=f"service-{n}"), node=n % 2) for n in range(150)]
    await asyncio.gather(*first)
    rows = await desk.incidents.incidents(limit=200)
    (storm,) = [each for each in rows if each.state == "open"]
    assert (storm.storm, storm.alerts, storm.messages) == (True, 150, 150)
    assert {each.merged for each in rows if each.state == "merged"} == {storm.id}
    assert len(await desk.incidents.alerts(storm.id)) == 150
    claimed = await desk.incidents.claim(30)
    assert claimed is not None
    assert claimed.id == storm.id
    assert await desk.incidents.claim(30) is None


def storm(status: str = "firing", start: str = "2026-03-02T10:00:00Z", part: int = 20) -> list[dict[str, Any]]:
    """Messages about alerts of 100 services, `part` in each."""
    each = [fired(n, service=f"service-{n}", start=start) for n in range(100)]
    if status == "resolved":
        each = [ended(message) for message in each]
    parts = [[message["alerts"][0] for message in each[n : n + part]] for n in range(0, 100, part)]
    return [{**PROMETHEUS, "commonLabels": {}, "alerts": alerts} for alerts in parts]


async def _hours_later(desk: Desk) -> None:
    """As if all that is known were from hours ago."""
    async with desk.store.pool.connection() as connection:
        await connection.execute(
            "update oncall_incidents set touched = touched - interval '3 hours', opened = opened - interval '3 hours'"
        )
        await connection.execute("update oncall_alerts set joined = joined - interval '3 hours'")


async def test_a_storm_that_comes_again_is_one_incident_as_well(desk: Desk) -> None:
    """Its alerts are known from the storm before, which is over: they count anew."""
    for message in (*storm(), *storm("resolved")):
        await desk.post("alertmanager", message)
    (before,) = [each for each in await desk.incidents.incidents(limit=200) if each.state == "resolved"]
    await _hours_later(desk)
    for message in storm(start="2026-03-02T13:00:00Z"):
        await desk.post("alertmanager", message)
    (again,) = [each for each in await desk.incidents.incidents(limit=200) if each.state == "open"]
    assert (again.storm, again.alerts, again.firing) == (True, 100, 100)
    assert again.id != before.id
    assert len(await desk.incidents.alerts(again.id)) == 100


async def test_an_incident_that_is_over_keeps_its_alerts(desk: Desk) -> None:
    """The same alert fires hours later: it belongs to both, as it was in each."""
    await desk.post("alertmanager", fired(1))
    await desk.post("alertmanager", ended(fired(1)))
    await _hours_later(desk)
    await desk.post("alertmanager", fired(1, start="2026-03-02T13:00:00Z"))
    again, before = await desk.incidents.incidents()
    assert (again.state, before.state) == ("open", "resolved")
    shown = [(await desk.incidents.alerts(each.id))[0] for each in (again, before)]
    assert [each.status for each in shown] == ["firing", "resolved"]
    assert await desk.incidents.of(shown[0].fingerprint) == again.id
    await desk.post("alertmanager", ended(fired(1, start="2026-03-02T13:00:00Z"), "2026-03-02T13:05:00Z"))
    assert [each.state for each in await desk.incidents.incidents()] == ["resolved", "resolved"]
    assert await desk.incidents.incident(before.id) == before


async def test_an_alert_of_both_incidents_that_become_one_is_there_once(desk: Desk) -> None:
    """It left a storm that was silent; the storm goes on, and takes the incident that the alert began."""
    for message in storm():
        await desk.post("alertmanager", message)
    await desk.post("alertmanager", ended(fired(0, service="service-0")))
    await _hours_later(desk)
    await desk.post("alertmanager", fired(0, service="service-0", start="2026-03-02T13:00:00Z"))
    await desk.post("alertmanager", ended(fired(1, service="service-1")))  # the storm is not silent any more
    more = [fired(n, service=f"service-{n}", start="2026-03-02T13:00:00Z")["alerts"][0] for n in range(100, 200)]
    await desk.post("alertmanager", {**PROMETHEUS, "commonLabels": {}, "alerts": more})
    (going,) = [each for each in await desk.incidents.incidents(limit=200) if each.state == "open"]
    alerts = {each.labels["alertname"]: each for each in await desk.incidents.alerts(going.id)}
    assert len(alerts) == len(await desk.incidents.alerts(going.id)) == 200
    assert alerts["Alert0"].status == "firing"
    await desk.post("alertmanager", ended(fired(0, service="service-0"), "2026-03-02T13:05:00Z"))
    assert (await desk.incidents.incidents(state="open"))[0].firing == going.firing - 1


async def test_who_looks_and_dies_loses_the_incident_to_another(desk: Desk) -> None:
    """The lease lapses; what the first one brings when it wakes up is not kept."""
    await desk.post("alertmanager", fired(1))
    dead = await desk.incidents.claim(0.0)
    assert dead is not None
    heir = await desk.incidents.claim(30)
    assert heir is not None
    assert (heir.id, heir.attempts) == (dead.id, 2)
    assert not await desk.incidents.hold(dead, 30)
    assert not await desk.incidents.noted(dead, quiet_note("late"), "", again_s=-1)
    assert await desk.incidents.noted(heir, quiet_note("kept"), "", again_s=-1)
    assert await desk.incidents.claim(30) is None
    (incident,) = await desk.incidents.incidents()
    assert incident.note is not None
    assert incident.note.summary[0].text == "kept"


@pytest.mark.parametrize(
    ("source", "body", "headers", "status"),
    [
        ("nagios", b"{}", {}, 404), ("generic", b"[1]", {}, 400), ("generic", b"{", {}, 400),
        ("generic", b"{}", {}, 400), ("alertmanager", b"{}", {}, 400), ("sentry", b'{"data":{}}', {}, 400),
        ("datadog", b"\xff\xfe", {}, 400), ("opsgenie", b"[" * 100_000, {}, 400),
        ("grafana", b"{}", {"Content-Type": "text/plain"}, 415), ("pagerduty", b" " * (5 << 20), {}, 413),
    ],
)  # fmt: skip
async def test_what_cannot_be_taken_is_refused_in_a_line(
    desk: Desk, source: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    shown = proof(source if source != "nagios" else "generic", body) | headers
    answer = await desk.nodes[0].post(f"/v1/alerts/{source}", content=body, headers=shown)
    assert answer.status_code == status, answer.text
    assert len(answer.json()["detail"]) < 400
    assert await desk.incidents.incidents() == ()


async def test_what_strangers_wrote_is_masked_and_kept_whatever_it_is(desk: Desk) -> None:
    nasty = {**GENERIC, "name": "x\x00\ud800 password=hunter22 <!channel>", "labels": {"a": {"b": 1}, "c": "\x1b[31m"}}
    assert (await desk.post("generic", nasty)).status_code == 202
    (incident,) = await desk.incidents.incidents()
    assert "hunter22" not in incident.title
    assert incident.title.isprintable()


ROUTES = [
    ("POST", "/v1/incidents", "submit", 202, {"title": "slow"}),
    ("GET", "/v1/incidents", "read", 200, None),
    ("GET", "/v1/incidents/{incident}", "read", 200, None),
    ("GET", "/v1/incidents/{incident}/note", "read", 200, None),
    ("GET", "/v1/incidents/{incident}/postmortem", "read", 200, None),
    ("POST", "/v1/incidents/{incident}/feedback", "submit", 204, {"verdict": "right"}),
    ("POST", "/v1/incidents/{incident}/resolve", "submit", 200, None),
    ("POST", "/v1/incidents/{incident}/patch", "submit", 202, None),
]


async def _over(desk: Desk) -> str:
    """A resolved incident with a note."""
    await desk.post("alertmanager", fired(1))
    claimed = await desk.incidents.claim(30)
    assert claimed is not None
    await desk.incidents.noted(claimed, faulty_note("Nothing <b>happened</b>."), "a-cause", again_s=-1)
    await desk.post("alertmanager", ended(fired(1)))
    return claimed.id


async def test_routes_need_their_scope_and_show_other_tenants_nothing(desk: Desk) -> None:
    incident = await _over(desk)
    ours = {each for each in declared(desk.app) if " /v1/incidents" in each}
    assert ours == {f"{method} {path}" for method, path, *_ in ROUTES}
    for method, path, scope, status, body in ROUTES:
        where = path.format(incident=incident)
        assert (await desk.nodes[0].request(method, where, json=body)).status_code == 401
        for each in SCOPES:
            answer = await desk.api(method, where, scopes=[each], json=body)
            assert answer.status_code == (status if each == scope else 403), (method, path, answer.text)
        other = await desk.api(method, where, tenant="blue", json=body)
        assert incident not in other.text
        if "{" in path:
            assert other.status_code == 404
    assert (await desk.api("GET", "/v1/incidents", tenant="blue")).json() == {"incidents": [], "next": 0}


async def test_a_note_comes_in_the_form_that_is_asked_for(desk: Desk) -> None:
    """JSON, Markdown, HTML and text; hostile words in it are text everywhere; unchanged, it is not sent again."""
    where = f"/v1/incidents/{await _over(desk)}/note"
    for accept, begins in (
        ("*/*", "{"), ("text/markdown", "# Triage"), ("text/plain", "Triage:"), ("text/html", "<!DOCTYPE html>"),
    ):  # fmt: skip
        answer = await desk.api("GET", where, headers={"Accept": accept})
        assert answer.text.startswith(begins)
        same = await desk.api("GET", where, headers={"Accept": accept, "If-None-Match": answer.headers["etag"]})
        assert same.status_code == 304
    assert "<b>" not in answer.text
    assert "&lt;b&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert (await desk.api("GET", where, headers={"Accept": "image/png"})).status_code == 406


async def test_a_report_by_hand_is_one_incident_however_often_it_is_sent(desk: Desk) -> None:
    body, key = {"title": "Checkout is slow", "service": "orders"}, {"Idempotency-Key": "k1"}
    made = [await desk.api("POST", "/v1/incidents", json=body, headers=key) for _ in range(2)]
    assert made[0].json()["id"] == made[1].json()["id"]
    await desk.post("alertmanager", fired(1))
    listed = (await desk.api("GET", "/v1/incidents?limit=1")).json()
    assert listed["incidents"][0]["id"] != made[0].json()["id"]
    rest = (await desk.api("GET", f"/v1/incidents?limit=1&before={listed['next']}")).json()
    assert [each["id"] for each in rest["incidents"]] == [made[0].json()["id"]]
    over = await desk.api("POST", f"/v1/incidents/{made[0].json()['id']}/resolve")
    assert (over.json()["state"], over.json()["firing"]) == ("resolved", 0)
    assert (await desk.api("POST", "/v1/incidents", json={"title": ""})).status_code == 422
