"""An incident as it is kept, and what came with a message about alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from tools.triage.alerts import Alert
from tools.triage.values import Note
from tools.values import Value

State = Literal["open", "resolved", "merged"]
Stage = Literal["opened", "noted", "patched", "resolved", "merged"]
Handing = Literal["wanted", "running", "ended", "refused"]


class Message(Value):
    """What one request brought. digest: of source and body, "" where the same body may be about something new."""

    digest: str
    alerts: tuple[Alert, ...]
    manual: bool = False


class Handover(Value):
    """A diagnosis that looks for a patch of an incident.

    cause: id of the cause that it is about; turn: how often one was asked for; token: id of the token that asked.
    run: "" before it is queued; outcome, headline: of its report; problem: why there is none, or not yet.
    attempts: to queue it, ever; tries: since it was asked for.
    """

    state: Handing
    cause: str
    turn: int
    token: str
    run: str = ""
    outcome: str = ""
    headline: str = ""
    problem: str = ""
    attempts: int = 0
    tries: int = 0

    @property
    def verified(self) -> bool:
        """Whether there is a verified patch."""
        return self.state == "ended" and self.outcome == "verified_patch"


class Incident(Value):
    """An incident. since, until: seconds since 1970; revision: of all that is told; note: None before the first look.

    attempts: to look into it, ever; tries: since the last one that came to an end.
    merged: the incident that it became part of; cause: id of its cause, "" for none; problem: of the last look;
    handover: the last one, whatever it was about.
    """

    id: str
    seq: int
    tenant: str
    state: State
    title: str
    severity: str
    services: tuple[str, ...]
    titles: tuple[str, ...]
    messages: int
    alerts: int
    firing: int
    flaps: int
    since: int
    until: int
    storm: bool
    manual: bool
    merged: str
    opened: datetime
    closed: datetime | None
    revision: int
    wanted: int
    looks: int
    attempts: int
    tries: int = 0
    note: Note | None
    cause: str
    problem: str
    handover: Handover | None = None

    @property
    def patching(self) -> Handover | None:
        """The handover of the cause that the note names."""
        return self.handover if self.handover and self.handover.cause == self.cause else None

    @property
    def stage(self) -> Stage:
        """How far it is."""
        if self.state != "open":
            return self.state
        if self.note is None:
            return "opened"
        return "patched" if self.patching and self.patching.verified else "noted"


class Before(Value):
    """An earlier incident with the same cause."""

    id: str
    title: str
    since: int


UNSURE = "may not have arrived"
Telling = Literal["waiting", "shown", "unsure", "given_up"]


class Delivery(Value):
    """What a channel shows of an incident. trying: a revision that it may show without our knowing; 0 for none.

    turns: how often the stage that it shows has changed; attempts: ever, each of one worker; tries: since it was
    last told; dead: not told before the next stage.
    """

    incident: str
    channel: str
    told: int
    stage: str
    turns: int
    reference: str
    trying: int
    attempts: int
    tries: int
    problem: str = ""
    dead: bool = False

    @property
    def state(self) -> Telling:
        """What became of the last step; unsure: nobody can say whether it arrived."""
        if self.dead:
            return "given_up"
        if self.problem.startswith(UNSURE):
            return "unsure"
        return "shown" if self.told else "waiting"
