"""Messages about alerts, and the incidents that they change: pure functions over what is known.

The rules are those of `tools/triage/alerts.py`, by the time at which messages come: clocks of strangers decide nothing.
An alert that still fires stays in its incident however long that takes; one that fires again soon after the incident's
end opens it again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from tools.triage.alerts import MOST_KEPT, QUIET_S, STORM, STORM_S, Alert, related
from tools.triage.topology import Topology
from workflows.oncall.values import Message, State

_EPISODES = ("alertmanager", "grafana")  # their `startsAt` names one time that an alert fired


@dataclass
class Open:
    """An incident while messages are read. touched, opened: seconds since 1970, of the database's clock."""

    id: str
    title: str
    since: int
    until: int
    touched: float
    opened: float
    severity: str = ""
    services: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    messages: int = 0
    alerts: int = 0
    firing: int = 0
    flaps: int = 0
    storm: bool = False
    manual: bool = False
    merged: str = ""
    state: State = "open"
    changed: bool = False
    news: bool = False


@dataclass
class Known:
    """An alert that came before."""

    incident: str
    firing: bool
    starts: int
    ends: int


@dataclass
class Standing:
    """What is known when messages are read. recent: alerts that joined within STORM_S seconds; now: of the database.

    Filled while they are: latest: the alerts to keep, by fingerprint.
    """

    incidents: dict[str, Open]
    known: dict[str, Known]
    recent: int
    now: float
    latest: dict[str, Alert] = field(default_factory=dict)


def read(standing: Standing, messages: Sequence[Message], topology: Topology) -> None:
    """Change the incidents, and make new ones."""
    for message in messages:
        for alert in message.alerts:
            _take(standing, _dated(alert, standing.now), topology, manual=message.manual)


def _dated(alert: Alert, now: float) -> Alert:
    """With a time of its own: what has none, or one that is yet to come, is of now."""
    starts = alert.starts if 0 <= alert.starts <= now + 300 else int(now)
    ends = alert.ends if 0 <= alert.ends <= now + 300 else int(now)
    return alert.model_copy(update={"starts": starts, "ends": ends if alert.status == "resolved" else -1})


def _take(standing: Standing, alert: Alert, topology: Topology, *, manual: bool) -> None:
    known = standing.known.get(alert.fingerprint)
    mine = standing.incidents.get(known.incident) if known else None
    if known is not None and mine is not None and _goes_on(alert, known, mine, standing.now):
        _again(standing, alert, known, mine)
    elif alert.status == "firing":
        _new(standing, alert, topology, manual=manual)


def _goes_on(alert: Alert, known: Known, mine: Open, now: float) -> bool:
    """Whether a message is about an alert of a known incident, and not about a new one."""
    return alert.status == "resolved" or known.firing or now - mine.touched <= QUIET_S


def _again(standing: Standing, alert: Alert, known: Known, mine: Open) -> None:
    firing = alert.status == "firing"
    mine.messages += 1
    mine.changed = True
    if firing and not known.firing and alert.source in _EPISODES and alert.starts <= known.starts:
        return  # a message that came late: that time is over
    if firing == known.firing:
        return
    mine.flaps += firing
    mine.firing += 1 if firing else -1
    mine.until = max(mine.until, alert.when)
    known.firing, known.starts, known.ends = firing, alert.starts, alert.ends
    standing.latest[alert.fingerprint] = alert
    state: State = "open" if mine.firing > 0 else "resolved"
    mine.news = mine.news or state != mine.state
    mine.state = state
    mine.touched = standing.now


def _new(standing: Standing, alert: Alert, topology: Topology, *, manual: bool) -> None:
    standing.recent += 1
    storm = not manual and standing.recent >= STORM
    found = None if manual else _home(standing, alert, topology, storm=storm)
    if found is None:
        found = Open(
            f"inc-{secrets.token_hex(8)}", alert.title, alert.starts, alert.starts, standing.now, standing.now,
            manual=manual,
        )  # fmt: skip
        standing.incidents[found.id] = found
    _join(standing, alert, found)
    if storm:
        _merge(standing, found)


def _home(standing: Standing, alert: Alert, topology: Topology, *, storm: bool) -> Open | None:
    """The incident that a new alert belongs to, the newest that fits."""
    moving = [
        each for each in standing.incidents.values()
        if each.state != "merged" and not each.manual and standing.now - each.touched <= QUIET_S
    ]  # fmt: skip
    if storm:
        young = [each for each in moving if standing.now - each.opened <= STORM_S]
        return next((each for each in moving if each.storm), young[0] if young else None)
    return next((each for each in reversed(moving) if related(alert, each.services, each.titles, topology)), None)


def _join(standing: Standing, alert: Alert, mine: Open) -> None:
    mine.messages += 1
    mine.alerts += 1
    mine.firing += 1
    mine.since, mine.until = min(mine.since, alert.starts), max(mine.until, alert.starts)
    mine.severity = mine.severity or alert.severity
    fresh = bool(alert.service) and alert.service not in mine.services
    if fresh and len(mine.services) < MOST_KEPT:
        mine.services.append(alert.service)
        mine.news = True
    if alert.title not in mine.titles and len(mine.titles) < MOST_KEPT:
        mine.titles.append(alert.title)
    mine.news = mine.news or mine.state == "resolved"
    mine.state, mine.changed, mine.touched = "open", True, standing.now
    standing.known[alert.fingerprint] = Known(mine.id, True, alert.starts, -1)
    standing.latest[alert.fingerprint] = alert


def _merge(standing: Standing, storm: Open) -> None:
    """All incidents that began with the storm are one."""
    storm.storm = True
    others = [
        each for each in standing.incidents.values()
        if each is not storm and each.state != "merged" and not each.manual and standing.now - each.opened <= STORM_S
    ]  # fmt: skip
    for other in others:
        storm.messages += other.messages
        storm.alerts += other.alerts
        storm.firing += other.firing
        storm.flaps += other.flaps
        storm.since, storm.until = min(storm.since, other.since), max(storm.until, other.until)
        storm.services += [name for name in other.services if name not in storm.services][:MOST_KEPT]
        storm.titles += [name for name in other.titles if name not in storm.titles][:MOST_KEPT]
        del storm.services[MOST_KEPT:], storm.titles[MOST_KEPT:]
        other.state, other.merged, other.changed = "merged", storm.id, True
    if others:
        gone = {each.id for each in others}
        for known in standing.known.values():
            if known.incident in gone:
                known.incident = storm.id
