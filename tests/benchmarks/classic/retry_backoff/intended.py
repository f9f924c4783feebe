"""Work out when to repeat requests that failed."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """Delays grow from ``first`` by ``factor`` but never beyond ``longest``."""

    first: int
    factor: int = 2
    longest: int = 60
    retries: int = 5

    def delays(self) -> Iterator[int]:
        """Yield the delay before each retry, in seconds."""
        for retry in range(self.retries):
            yield min(self.longest, self.first * self.factor**retry)

    def retry_times(self, budget: int, took: int = 0) -> list[int]:
        """Return the seconds after the first failure at which to try again.

        Each try takes ``took`` seconds to fail. A retry is made only if it
        starts no later than ``budget``.
        """
        times = []
        now = 0
        for delay in self.delays():
            now += delay
            if now > budget:
                break
            times.append(now)
            now += took
        return times


def parse_retry_after(value: str, longest: int = 60) -> int | None:
    """Return the delay a server asks for, None if it makes no sense."""
    text = value.strip()
    if not text.isdigit():
        return None
    return min(int(text), longest)


def plan(
    first: int,
    factor: int,
    longest: int,
    retries: int,
    budget: int,
    took: int,
) -> list[int]:
    """Return the retry times of a policy given by its numbers."""
    return Policy(first, factor, longest, retries).retry_times(budget, took)
