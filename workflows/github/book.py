"""What the bot keeps beyond the ledger, as protocols: deliveries that wait, and what it may still look at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol

from tools.values import Value
from workflows.github.ledger import Ledger
from workflows.github.values import AccessChanged, Case, Event, Place, Reaction
from workflows.service.values import RunState


class Delivery(Value):
    """An event as it arrived. digest: of the event's name and the signed body; guid: the forge's own name of it."""

    digest: str
    guid: str
    name: str
    event: Event


class Claim(Value):
    """A delivery that one worker has, for as long as it holds it. attempt: 1 for the first."""

    delivery: Delivery
    attempt: int


class Over(Value):
    """A diagnosis that has ended, with its case. outcome: None without a report; problem: why there is none."""

    case: Case
    state: RunState
    outcome: str | None = None
    problem: str = ""


class Kept(Value):
    """A delivery as people see it. state: "todo", "done" or "dead"; due: when it is tried next."""

    digest: str
    guid: str
    name: str
    state: Literal["todo", "done", "dead"]
    attempts: int
    received: datetime
    due: datetime
    problem: str = ""


class Deliveries(Protocol):
    """Deliveries between the receiver and the bot. Any call may raise StoreDown."""

    async def put(self, delivery: Delivery) -> bool:
        """Keep a delivery; False when it is there already. One that was given up is tried again."""

    async def claim(self, lease_s: float) -> Claim | None:
        """The oldest one that is due, of a repository of which nobody has one; None when there is none."""

    async def hold(self, claim: Claim, lease_s: float) -> bool:
        """Keep it for longer; False when somebody else has it by now."""

    async def done(self, claim: Claim, note: str = "") -> None:
        """It is worked off."""

    async def dead(self, claim: Claim, problem: str) -> None:
        """It is given up."""

    async def later(self, claim: Claim, after_s: float, problem: str, *, counted: bool = True) -> None:
        """Try it again. counted: whether this was one of the attempts that it has."""

    async def forget(self) -> None:
        """Drop what was worked off long ago."""

    async def listed(self, state: str = "", most: int = 50) -> tuple[Kept, ...]:
        """The newest ones of a state ("": of all)."""

    async def retry(self, one: str = "") -> int:
        """Try again what was given up: one, by its guid or digest, or all of it; how many."""

    async def counts(self) -> Mapping[Literal["todo", "done", "dead"], int]:
        """How many there are."""

    async def asked_again(self, delivery: int) -> bool:
        """Whether the forge's delivery was asked for in the last quarter of an hour."""

    async def keep_asked(self, delivery: int) -> None:
        """It was, just now."""

    async def log_read(self) -> datetime | None:
        """Until when all that did not arrive, by the forge's log, was asked for; None: it was never looked at."""

    async def keep_log_read(self, until: datetime) -> None:
        """All until then was; an earlier time than is kept changes nothing."""


class Book(Ledger, Protocol):
    """The ledger, and what only the bot asks of it."""

    async def cases_at(self, place: Place, head_sha: str) -> tuple[Case, ...]:
        """The cases of a commit, oldest first."""

    async def any_case(self, place: Place) -> bool:
        """Whether a repository has cases that later runs may close."""

    async def open_cases(self, installation: int, repository: int = 0) -> tuple[Case, ...]:
        """Cases that are new or being diagnosed, of an installation or of one of its repositories."""

    async def over(self, most: int = 100) -> tuple[Over, ...]:
        """Cases that wait for a diagnosis that has ended."""

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        """Have a reaction shown, once."""

    async def keep_access(self, changed: AccessChanged) -> None:
        """Remember what may be asked of the forge."""

    async def may_ask(self, place: Place) -> bool:
        """Whether the App still has the repository, as far as it was told."""
