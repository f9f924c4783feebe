"""What the bot's work needs, as one value."""

from __future__ import annotations

from dataclasses import dataclass

from workflows.github.book import Book
from workflows.github.configuration import NAME, BotConfiguration, configuration_of
from workflows.github.forge import ForgeAway, ForgeError, Source
from workflows.github.values import Place
from workflows.service.ports import Store
from workflows.service.values import Principal
from workflows.settings import Settings


class Later(Exception):
    """It cannot be done now. after_s: when to try again, in seconds; it is no attempt that counts."""

    def __init__(self, message: str, after_s: float) -> None:
        super().__init__(message)
        self.after_s = after_s


@dataclass(frozen=True)
class Parts:
    """reads: the forge, by way of the publisher; who: in whose name diagnoses are submitted."""

    reads: Source
    book: Book
    store: Store
    who: Principal
    settings: Settings


async def configuration(parts: Parts, place: Place, ref: str) -> BotConfiguration:
    """What the owners want, as it is on a branch of theirs. Raises ConfigurationInvalid, ForgeAway."""
    try:
        return configuration_of(await parts.reads.file(place, NAME, ref or place.default_branch))
    except ForgeAway:
        raise
    except ForgeError:
        return BotConfiguration(enabled=False)
