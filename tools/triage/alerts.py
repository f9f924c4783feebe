"""Alerts as one value whatever sent them, and incidents made of them: pure functions of what came in.

Alerts with the same fingerprint are one alert. An alert joins an incident that is still moving when it is of the same
service, of one that depends on it, or comes in a storm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from tools.triage.topology import Topology
from tools.values import Value

QUIET_S = 600  # without alerts, after which an incident takes no others
STORM, STORM_S = 100, 60  # so many different alerts in so many seconds have one cause
MOST_KEPT = 50  # titles, services


class Alert(Value):
    """An alert. fingerprint: the same for every message about it; starts, ends: seconds since 1970, -1 unknown."""

    source: str
    fingerprint: str
    status: Literal["firing", "resolved"]
    title: str
    service: str = ""
    severity: str = ""
    starts: int = -1
    ends: int = -1
    link: str = ""
    text: str = ""
    labels: Mapping[str, str] = Field(default_factory=dict)

    @property
    def when(self) -> int:
        """When the message is about: the end of what is resolved."""
        return self.ends if self.status == "resolved" and self.ends >= 0 else self.starts


class AlertIncident(Value):
    """Alerts that belong together. messages: how many came; alerts: how many different ones; flaps: fired again.

    firing: those that have not been resolved; since, until: of the first and the last message.
    """

    id: str
    messages: int
    alerts: int
    firing: int
    flaps: int
    since: int
    until: int
    services: tuple[str, ...]
    titles: tuple[str, ...]
    storm: bool


@dataclass
class _Open:
    """An incident while alerts are read. state: fingerprint -> whether it is firing."""

    first: Alert
    since: int
    until: int
    messages: int = 0
    flaps: int = 0
    storm: bool = False
    state: dict[str, bool] = field(default_factory=dict)
    services: dict[str, None] = field(default_factory=dict)
    titles: dict[str, None] = field(default_factory=dict)

    def take(self, alert: Alert) -> None:
        firing = alert.status == "firing"
        self.flaps += firing and self.state.get(alert.fingerprint) is False
        self.state[alert.fingerprint] = firing
        self.messages += 1
        self.until = max(self.until, alert.when)
        if alert.service and len(self.services) < MOST_KEPT:
            self.services[alert.service] = None
        if len(self.titles) < MOST_KEPT:
            self.titles[alert.title] = None

    def swallow(self, other: _Open) -> None:
        """Everything of another incident."""
        self.messages, self.flaps = self.messages + other.messages, self.flaps + other.flaps
        self.since, self.until = min(self.since, other.since), max(self.until, other.until)
        self.state.update(other.state)
        self.services.update(dict.fromkeys(list(other.services)[: MOST_KEPT - len(self.services)]))
        self.titles.update(dict.fromkeys(list(other.titles)[: MOST_KEPT - len(self.titles)]))

    def told(self) -> AlertIncident:
        return AlertIncident(
            id=self.first.fingerprint, messages=self.messages, alerts=len(self.state), firing=sum(self.state.values()),
            flaps=self.flaps, since=self.since, until=self.until, services=tuple(self.services),
            titles=tuple(self.titles), storm=self.storm,
        )  # fmt: skip


def related(alert: Alert, services: Collection[str], titles: Collection[str], topology: Topology) -> bool:
    """Whether an alert is of an incident with these services: its own, one that it calls or that calls it."""
    if not alert.service:
        return alert.title in titles
    below = topology.below(alert.service)
    return any(name == alert.service or name in below or alert.service in topology.below(name) for name in services)


class _Desk:
    """Where alerts become incidents, in the order of their time."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self.incidents: list[_Open] = []
        self._of: dict[str, _Open] = {}
        self._recent: deque[int] = deque()

    def take(self, alert: Alert) -> None:
        known = self._of.get(alert.fingerprint)
        if known is not None and (alert.when - known.until <= QUIET_S or alert.status == "resolved"):
            known.take(alert)
            return
        if alert.status == "resolved":
            return  # of something that was never seen to fire
        storm = self._storming(alert.when)
        found = self._related(alert, storm=storm)
        if found is None:
            found = _Open(alert, alert.when, alert.when)
            self.incidents.append(found)
        self._of[alert.fingerprint] = found
        found.take(alert)
        if storm:
            self._merged(alert.when)

    def _storming(self, now: int) -> bool:
        self._recent.append(now)
        while self._recent[0] < now - STORM_S:
            self._recent.popleft()
        return len(self._recent) >= STORM

    def _related(self, alert: Alert, *, storm: bool) -> _Open | None:
        for each in reversed(self.incidents[-MOST_KEPT * 4 :]):
            if alert.when - each.until <= QUIET_S and (
                storm or related(alert, each.services, each.titles, self._topology)
            ):
                return each
        return None

    def _merged(self, now: int) -> None:
        """All incidents that began with the storm are one."""
        first = next(each for each in self.incidents if each.until >= now - STORM_S)
        first.storm = True
        others = [each for each in self.incidents if each is not first and each.until >= now - STORM_S]
        for other in others:
            first.swallow(other)
            self._of.update(dict.fromkeys(other.state, first))
        if others:
            self.incidents = [each for each in self.incidents if each not in others]


def correlated(alerts: Iterable[Alert], topology: Topology | None = None) -> tuple[AlertIncident, ...]:
    """The incidents that alerts are of, the oldest first. Alerts without a time count as of the one before."""
    desk = _Desk(topology or Topology())
    ordered: list[Alert] = []
    last = 0
    for alert in alerts:
        last = alert.when if alert.when >= 0 else last
        ordered.append(alert if alert.when >= 0 else alert.model_copy(update={"starts": last, "ends": -1}))
    for alert in sorted(ordered, key=lambda each: each.when):
        desk.take(alert)
    return tuple(each.told() for each in desk.incidents)
