"""What the operator's file becomes: the store, the channels with their secrets, the way of looking."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tools.triage.alerts import Alert
from tools.triage.topology import Topology
from tools.triage.values import Note
from workflows.exits import Refused
from workflows.oncall.channels.channel import Channel
from workflows.oncall.channels.mail import EmailChannel
from workflows.oncall.channels.pagerduty import PagerDutyChannel
from workflows.oncall.channels.slack import SlackChannel
from workflows.oncall.channels.teams import TeamsChannel
from workflows.oncall.channels.webhook import WebhookChannel, usable
from workflows.oncall.configuration import Channel as Named
from workflows.oncall.configuration import (
    Configuration,
    Email,
    PagerDuty,
    Slack,
    Teams,
    Webhook,
    address,
    configuration_in,
)
from workflows.oncall.handing import hand_over
from workflows.oncall.looking import look
from workflows.oncall.store import PostgresIncidents
from workflows.oncall.values import Incident
from workflows.oncall.work import Work
from workflows.references import ReferenceBroken, secret
from workflows.service.store import PostgresStore
from workflows.service.store.pool import Database
from workflows.settings import Settings


@dataclass(frozen=True)
class OnCall:
    """What is configured, read once."""

    configuration: Configuration
    topology: Topology


def configured(settings: Settings) -> OnCall | None:
    """What PATCHWRIGHT_ONCALL names; None where it names nothing. Raises Refused, ToolError, OSError."""
    if settings.oncall is None:
        return None
    configuration = configuration_in(settings.oncall)
    return OnCall(configuration, configuration.topology_read())


def store_of(oncall: OnCall, store: PostgresStore) -> PostgresIncidents:
    """Its incidents."""
    return PostgresIncidents(Database(store.pool), oncall.configuration, oncall.topology)


def channels_of(configuration: Configuration) -> dict[str, Channel]:
    """The channels by name, with their secrets read. Raises Refused."""
    found: dict[str, Channel] = {}
    for name, each in configuration.channels.items():
        try:
            found[name] = _channel(each)
        except ReferenceBroken as error:
            raise Refused(f"channels.{name}: {error}") from None
    return found


def _channel(named: Named) -> Channel:
    if isinstance(named, Slack):
        return SlackChannel(named.url, secret(named.token), named.channel)
    if isinstance(named, Webhook):
        key = secret(named.secret)
        if not usable(key):
            raise ReferenceBroken(f"{named.secret}: whsec_ and 24 to 64 bytes as base64 are expected")
        return WebhookChannel(named.url, key)
    if isinstance(named, Email):
        return EmailChannel(named, secret(named.login) if named.login else "")
    if isinstance(named, PagerDuty):
        return PagerDutyChannel(named.url, secret(named.token), named.sender)
    return TeamsChannel(_checked(named, secret(named.url)))


def _checked(named: Teams, url: str) -> str:
    try:
        return address(url)
    except ValueError as error:
        raise ReferenceBroken(f"{named.url}: {error}") from None


def work_of(settings: Settings, oncall: OnCall, store: PostgresStore) -> Work:
    """A worker's part in it. Raises Refused."""

    async def looked(incident: Incident, alerts: Sequence[Alert]) -> Note:
        """On a thread with a loop of its own: reading logs takes the processor for seconds."""
        return await asyncio.to_thread(
            asyncio.run, look(settings, oncall.configuration, oncall.topology, incident, alerts)
        )

    async def handed(incident: Incident) -> str:
        return await hand_over(settings, oncall.configuration, oncall.topology, store, incident)

    return Work(
        store_of(oncall, store), oncall.configuration, channels_of(oncall.configuration), looked,
        hand_over=handed, keep_days=settings.keep_days,
    )  # fmt: skip
