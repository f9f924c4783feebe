"""Alerts as six makers send them, and the incidents that they become; storms, flapping, odd and hostile bodies."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.tool import ToolError
from tools.triage.alerts import Alert, correlated
from tools.triage.sources import read_alerts
from tools.triage.topology import Topology

AT = 1_772_445_600  # 2026-03-02T10:00:00Z
SHOP = Topology(calls={"gateway": ("orders",), "orders": ("inventory",), "batch": ()})
PROMETHEUS = {
    "version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "hook", "groupLabels": {},
    "truncatedAlerts": 0,
    "commonLabels": {"service": "orders"}, "commonAnnotations": {}, "externalURL": "https://alerts.shop.example",
    "alerts": [
        {
            "status": "firing", "labels": {"alertname": "ErrorRate", "severity": "page"},
            "annotations": {"description": "password=hunter22"}, "startsAt": "2026-03-02T10:00:00.123Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "https://prometheus.shop.example/graph",
            "fingerprint": "f1",
        }
    ],
}  # fmt: skip
GRAFANA = {**PROMETHEUS, "orgId": 1, "title": "[FIRING:1]", "state": "alerting", "message": "it fires"}
PAGERDUTY = {
    "event": {
        "id": "01", "event_type": "incident.triggered", "resource_type": "incident",
        "occurred_at": "2026-03-02T10:00:00.000Z", "agent": None, "client": None,
        "data": {
            "id": "PT4", "type": "incident", "html_url": "https://shop.pagerduty.example/incidents/PT4", "number": 1,
            "status": "triggered", "incident_key": "k", "created_at": "2026-03-02T10:00:00Z", "title": "ErrorRate",
            "service": {"id": "P1", "summary": "orders", "type": "service_reference"}, "urgency": "high",
            "priority": None,
        },
    }
}  # fmt: skip
OPSGENIE = {
    "source": {"name": "web", "type": "API"}, "action": "Create", "integrationId": "i", "integrationName": "hook",
    "alert": {
        "updatedAt": AT * 1_000_000_000 + 5, "tags": ["service:orders", "page"], "message": "ErrorRate", "alertId": "a",
        "alias": "orders-errors", "tinyId": "23", "createdAt": AT * 1000, "entity": "", "priority": "P1",
    },
}  # fmt: skip
SENTRY = {
    "action": "triggered", "actor": {"id": "sentry"},
    "data": {
        "event": {
            "issue_id": "11", "title": "ErrorRate", "level": "error", "datetime": "2026-03-02T10:00:00.000000Z",
            "web_url": "https://sentry.shop.example/1", "tags": [["service", "orders"]],
        },
        "triggered_rule": "errors of orders",
    },
}  # fmt: skip
DATADOG = {
    "id": "42", "last_updated": str(AT * 1000), "event_type": "metric_alert_monitor", "title": "ErrorRate",
    "date": str(AT * 1000), "org": {"id": "1", "name": "shop"}, "body": "errors", "tags": "service:orders,team:a",
    "alert_transition": "Triggered", "alert_priority": "P1",
}  # fmt: skip
BODIES: dict[str, dict[str, Any]] = {
    "alertmanager": PROMETHEUS, "grafana": GRAFANA, "pagerduty": PAGERDUTY, "opsgenie": OPSGENIE, "sentry": SENTRY,
    "datadog": DATADOG,
}  # fmt: skip


def changed(source: str) -> dict[str, Any]:
    """The message that ends the alert, ten minutes later."""
    later = "2026-03-02T10:10:00Z"
    if source in ("alertmanager", "grafana"):
        return {**PROMETHEUS, "alerts": [{**PROMETHEUS["alerts"][0], "status": "resolved", "endsAt": later}]}  # type: ignore[index]
    if source == "pagerduty":
        return {"event": {**PAGERDUTY["event"], "event_type": "incident.resolved", "occurred_at": later}}
    if source == "opsgenie":
        alert = {**OPSGENIE["alert"], "updatedAt": (AT + 600) * 1_000_000_000}  # type: ignore[dict-item]
        return {**OPSGENIE, "action": "Close", "alert": alert}
    if source == "sentry":
        issue = {"id": "11", "title": "ErrorRate", "level": "error", "lastSeen": later, "firstSeen": later}
        return {"action": "resolved", "data": {"issue": issue}}
    return {**DATADOG, "alert_transition": "Recovered", "date": str((AT + 600) * 1000)}


@pytest.mark.parametrize("source", BODIES)
def test_each_source_gives_the_same_alert(source: str) -> None:
    """Title, service, time; the message that ends it has the same fingerprint; both are one incident, over."""
    (alert,) = read_alerts(source, json.dumps(BODIES[source]).encode())
    assert (alert.title, alert.service, alert.starts, alert.status) == ("ErrorRate", "orders", AT, "firing")
    assert alert.severity
    (over,) = read_alerts(source, json.dumps(changed(source)).encode())
    assert (over.fingerprint, over.status, over.ends) == (alert.fingerprint, "resolved", AT + 600)
    (incident,) = correlated([alert, over], SHOP)
    assert (incident.messages, incident.alerts, incident.firing, incident.until) == (2, 1, 0, AT + 600)


def test_secrets_stay_out() -> None:
    """Of texts and labels."""
    (alert,) = read_alerts("alertmanager", json.dumps(PROMETHEUS).encode())
    assert "hunter22" not in alert.to_json()


@pytest.mark.parametrize(
    ("source", "body", "said"),
    [
        ("nagios", b"{}", "no such source"),
        ("grafana", b"{", "no JSON"),
        ("grafana", b"[]", "an object is expected"),
        ("grafana", b"[" * 100_000, "no JSON"),
        ("alertmanager", b"{}", "`alerts` is missing"),
        ("alertmanager", json.dumps({"alerts": [{}] * 1001}).encode(), "at most 1000"),
        ("pagerduty", b'{"messages": []}', "webhooks V3"),
        ("opsgenie", b'{"action": 3}', "are missing"),
        ("sentry", b'{"data": {"event": []}}', "no event"),
        ("datadog", b'{"title": "x"}', "are missing"),
        ("datadog", b" " * (5 << 20), "more than 4 MB"),
    ],
)
def test_bad_bodies_are_told(source: str, body: bytes, said: str) -> None:
    """With what is wrong, and nothing else."""
    with pytest.raises(ToolError, match=said):
        read_alerts(source, body)


def test_messages_about_something_else_are_none() -> None:
    """Acknowledgements and notes."""
    event = {**PAGERDUTY["event"], "event_type": "incident.acknowledged"}
    assert read_alerts("pagerduty", json.dumps({"event": event}).encode()) == ()
    assert read_alerts("opsgenie", json.dumps({**OPSGENIE, "action": "Acknowledge"}).encode()) == ()


def alert(name: str, second: int, *, service: str = "", status: str = "firing") -> Alert:
    ends = AT + second if status == "resolved" else -1
    return Alert.model_validate({
        "source": "x", "fingerprint": name, "status": status, "title": name, "service": service,
        "starts": AT + second, "ends": ends,
    })  # fmt: skip


def test_services_that_call_each_other_are_one_incident() -> None:
    """And others, or later ones, are incidents of their own; the order of arrival does not matter."""
    alerts = [
        alert("late", 5000, service="orders"), alert("a", 0, service="orders"), alert("b", 60, service="gateway"),
        alert("c", 90, service="batch"), alert("d", 120, service="inventory"),
    ]  # fmt: skip
    first, second, third = correlated(alerts, SHOP)
    assert (first.services, first.alerts) == (("orders", "gateway", "inventory"), 3)
    assert (second.services, third.titles) == (("batch",), ("late",))


def test_flapping_is_one_alert() -> None:
    """Ten times on and off: one incident with nine flaps; what ends without having begun is none."""
    alerts = [
        alert("a", 30 * number, service="orders", status="resolved" if number % 2 else "firing") for number in range(20)
    ]
    (incident,) = correlated([*alerts, alert("z", 3, service="batch", status="resolved")], SHOP)
    assert (incident.messages, incident.alerts, incident.flaps, incident.firing) == (20, 1, 9, 0)


def test_a_storm_is_one_incident() -> None:
    """10,000 alerts of 5,000 unknown services in a minute; an incident that was over before it stays apart."""
    storm = [alert(f"s{number}", 4000 + number % 60, service=f"node-{number % 5000}") for number in range(10_000)]
    before, incident = correlated([alert("before", 0, service="orders"), *storm])
    assert (before.alerts, before.storm) == (1, False)
    assert (incident.alerts, incident.messages, incident.storm) == (10_000, 10_000, True)
    assert len(incident.services) <= 50
