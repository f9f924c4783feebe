"""What Alertmanager, Grafana, PagerDuty, Opsgenie, Sentry and Datadog send to a webhook, read as alerts.

Shapes as their makers document them: Alertmanager's webhook version 4 (Grafana's is it and more), PagerDuty's webhooks
V3, Opsgenie's alert action data, Sentry's event_alert, metric_alert and issue resources, Datadog's default payload and
its documented variables under their own names. Texts are masked and bounded.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from tools.git import plain
from tools.oplogs.masking import mask
from tools.tool import ToolError
from tools.triage.alerts import Alert

MOST = 1_000  # alerts of one message
MAX_BYTES = 4 << 20
_LABELS, _WIDTH = 60, 500
_SERVICES = ("service", "service_name", "app", "app_kubernetes_io_name", "application", "job", "component", "project")
Fields = Mapping[str, Any]


def read_alerts(source: str, body: bytes) -> tuple[Alert, ...]:
    """The alerts of one message; none for messages about something else. Raises ToolError that says what is wrong."""
    reader = _READERS.get(source)
    if reader is None:
        raise ToolError(f"no such source of alerts: {plain(source, 60)!r} (known: {', '.join(sorted(_READERS))})")
    if len(body) > MAX_BYTES:
        raise ToolError(f"{source}: more than {MAX_BYTES >> 20} MB")
    try:
        read = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"{source}: no JSON ({plain(str(error), 100)})") from error
    if not isinstance(read, dict):
        raise ToolError(f"{source}: an object is expected")
    return reader(source, read)


def _prometheus(source: str, body: Fields) -> tuple[Alert, ...]:
    alerts = body.get("alerts")
    if not isinstance(alerts, list):
        raise ToolError(f"{source}: `alerts` is missing")
    if len(alerts) > MOST:
        raise ToolError(f"{source}: {len(alerts)} alerts in one message; at most {MOST} are taken")
    found = []
    for each in map(_object, alerts):
        labels = {**_labels(body.get("commonLabels")), **_labels(each.get("labels"))}
        notes = {**_labels(body.get("commonAnnotations")), **_labels(each.get("annotations"))}
        key = _text(each.get("fingerprint")) or json.dumps(sorted(labels.items()))
        found.append(
            _alert(
                source, key, resolved=each.get("status") == "resolved", labels=labels,
                title=labels.get("alertname") or notes.get("summary") or _text(body.get("title")),
                severity=labels.get("severity", ""), starts=time_of(each.get("startsAt")),
                ends=time_of(each.get("endsAt")), link=_text(each.get("generatorURL")),
                text=notes.get("description") or notes.get("summary", ""),
            )
        )  # fmt: skip
    return tuple(found)


def _pagerduty(source: str, body: Fields) -> tuple[Alert, ...]:
    event = _object(body.get("event"))
    data = _object(event.get("data"))
    kind = _text(event.get("event_type"))
    if not kind:
        raise ToolError(f"{source}: `event.event_type` is missing (webhooks V3 are expected)")
    if kind not in ("incident.triggered", "incident.resolved", "incident.reopened"):
        return ()
    resolved = kind == "incident.resolved"
    priority = _object(data.get("priority"))
    alert = _alert(
        source, _text(data.get("id")), resolved=resolved, title=_text(data.get("title")), labels={},
        service=_text(_object(data.get("service")).get("summary")), link=_text(data.get("html_url")),
        severity=_text(priority.get("summary")) or _text(data.get("urgency")), starts=time_of(data.get("created_at")),
        ends=time_of(event.get("occurred_at")) if resolved else -1,
    )  # fmt: skip
    again = {"starts": time_of(event.get("occurred_at"))} if kind == "incident.reopened" else {}
    return (alert.model_copy(update=again),)


def _opsgenie(source: str, body: Fields) -> tuple[Alert, ...]:
    data, action = _object(body.get("alert")), _text(body.get("action"))
    if not data or not action:
        raise ToolError(f"{source}: `action` and `alert` are missing")
    if action not in ("Create", "Close", "Delete"):
        return ()
    labels = {**_labels(data.get("details")), **_tags(data.get("tags"))}
    alert = _alert(
        source, _text(data.get("alias")) or _text(data.get("alertId")), resolved=action != "Create", labels=labels,
        title=_text(data.get("message")), severity=_text(data.get("priority")), starts=time_of(data.get("createdAt")),
        ends=time_of(data.get("updatedAt")) if action != "Create" else -1, text=_text(data.get("description")),
    )  # fmt: skip
    return (alert if alert.service else alert.model_copy(update={"service": _text(data.get("entity"))}),)


def _sentry(source: str, body: Fields) -> tuple[Alert, ...]:
    data, action = _object(body.get("data")), _text(body.get("action"))
    event, metric, issue = (_object(data.get(name)) for name in ("event", "metric_alert", "issue"))
    if event:
        return (
            _alert(
                source, f"issue {_text(event.get('issue_id'))}", resolved=False, labels=_tags(event.get("tags")),
                title=_text(event.get("title")), severity=_text(event.get("level")),
                starts=time_of(event.get("datetime")), link=_text(event.get("web_url")),
                text=_text(data.get("triggered_rule")),
            ),
        )  # fmt: skip
    if metric:
        resolved = action == "resolved"
        ends = time_of(metric.get("date_closed")) if resolved else -1
        return (
            _alert(
                source, f"metric {_text(metric.get('id'))}", resolved=resolved, labels={},
                title=_text(data.get("description_title")), severity="" if resolved else action, ends=ends,
                starts=time_of(metric.get("date_started")), link=_text(data.get("web_url")),
                text=_text(data.get("description_text")),
            ),
        )  # fmt: skip
    if not issue:
        raise ToolError(f"{source}: `data` has no event, metric_alert or issue")
    if action not in ("created", "unresolved", "resolved", "archived"):
        return ()
    resolved = action in ("resolved", "archived")
    project = _text(_object(issue.get("project")).get("slug"))
    seen = time_of(issue.get("lastSeen"))
    return (
        _alert(
            source, f"issue {_text(issue.get('id'))}", resolved=resolved, labels={}, title=_text(issue.get("title")),
            service=project, severity=_text(issue.get("level")), starts=time_of(issue.get("firstSeen")),
            ends=seen if resolved else -1, link=_text(issue.get("web_url")),
        ),
    )  # fmt: skip


def _datadog(source: str, body: Fields) -> tuple[Alert, ...]:
    title = _text(body.get("alert_title")) or _text(body.get("title"))
    key = _text(body.get("alert_cycle_key")) or _text(body.get("aggreg_key"))
    key = key or _text(body.get("alert_id")) or _text(body.get("id"))
    if not title or not key:
        raise ToolError(f"{source}: `title` and `id` are missing")
    transition = _text(body.get("alert_transition"))
    resolved = transition == "Recovered" or (not transition and title.startswith("[Recovered"))
    when = time_of(body.get("date")) if body.get("date") else time_of(body.get("last_updated"))
    labels = {**_tags(body.get("tags")), **_tags(body.get("alert_scope"))}
    return (
        _alert(
            source, key, resolved=resolved, labels=labels, title=title, starts=when, ends=when if resolved else -1,
            severity=_text(body.get("alert_priority")) or _text(body.get("alert_type")), link=_text(body.get("link")),
            text=_text(body.get("body")),
        ),
    )  # fmt: skip


_READERS: Mapping[str, Callable[[str, Fields], tuple[Alert, ...]]] = {
    "alertmanager": _prometheus, "grafana": _prometheus, "pagerduty": _pagerduty, "opsgenie": _opsgenie,
    "sentry": _sentry, "datadog": _datadog,
}  # fmt: skip


def _alert(
    source: str, key: str, *, resolved: bool, title: str, labels: Mapping[str, str], service: str = "",
    severity: str = "", starts: int = -1, ends: int = -1, link: str = "", text: str = "",
) -> Alert:  # fmt: skip
    if not key:
        raise ToolError(f"{source}: the alert has no id")
    named = service or next((labels[name] for name in _SERVICES if labels.get(name)), "")
    return Alert(
        source=source, fingerprint=hashlib.sha256(f"{source}\n{key}".encode("utf-8", "replace")).hexdigest()[:16],
        status="resolved" if resolved else "firing", title=title or "(no title)", service=named, severity=severity,
        starts=starts, ends=ends if resolved else -1, link=link if link.startswith(("https://", "http://")) else "",
        text=text, labels=labels,
    )  # fmt: skip


def _object(value: Any) -> Fields:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return plain(mask(str(value)[: 4 * _WIDTH]), _WIDTH) if isinstance(value, str | int | float) else ""


def _labels(value: Any) -> dict[str, str]:
    return {_text(name): _text(item) for name, item in list(_object(value).items())[:_LABELS]}


def _tags(value: Any) -> dict[str, str]:
    """Of "name:value" texts, a comma-separated text of them, or pairs."""
    rows = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    found: dict[str, str] = {}
    for row in rows[:_LABELS]:
        pair = row if isinstance(row, list) and len(row) == 2 else _text(row).partition(":")[::2]
        if _text(pair[0]):
            found[_text(pair[0]).strip()] = _text(pair[1]).strip()
    return found


def time_of(value: Any) -> int:
    """Seconds since 1970 of ISO 8601, or of seconds, milli-, micro- or nanoseconds; -1 for none, and for year 1."""
    if isinstance(value, str) and not value.isdecimal():
        try:
            read = dt.datetime.fromisoformat(value[:40])
        except ValueError:
            return -1
        read = read if read.tzinfo else read.replace(tzinfo=dt.UTC)
        return int(read.timestamp()) if read.year > 1970 else -1
    if not isinstance(value, int | str) or isinstance(value, bool) or len(str(value)) > 20:
        return -1
    seconds = int(value)
    while seconds > 100_000_000_000:
        seconds //= 1000
    return seconds if seconds > 0 else -1
