"""Limit the rate of requests; the caller tells the time."""


class TokenBucket:
    """Holds up to ``capacity`` tokens and gains ``rate`` of them every second."""

    def __init__(self, capacity: int, rate: int, now: int = 0) -> None:
        if capacity < 1 or rate < 1:
            raise ValueError("capacity and rate must be positive")
        self.capacity = capacity
        self.rate = rate
        self._tokens = capacity
        self._updated = now

    def _refill(self, now: int) -> None:
        if now < self._updated:
            raise ValueError("time runs backwards")
        gained = (now - self._updated) * self.rate
        self._tokens = min(self.capacity, self._tokens + gained)
        self._updated = now

    def tokens(self, now: int) -> int:
        """Return the number of tokens at a time."""
        self._refill(now)
        return self._tokens

    def allow(self, now: int, cost: int = 1) -> bool:
        """Take the tokens for a request; return False if there are too few."""
        self._refill(now)
        if cost > self._tokens:
            return False
        self._tokens -= cost
        return True

    def wait(self, now: int, cost: int = 1) -> int:
        """Return the whole seconds until a request of this cost is allowed."""
        if cost > self.capacity:
            raise ValueError("a request of this cost is never allowed")
        missing = max(0, cost - self.tokens(now))
        return -(-missing // self.rate)


def admit(capacity: int, rate: int, requests: list[tuple[int, int]]) -> list[bool]:
    """Tell for each request, a pair of time and cost, whether it is allowed."""
    bucket = TokenBucket(capacity, rate)
    return [bucket.allow(time, cost) for time, cost in requests]
