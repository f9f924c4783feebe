"""What goes wrong on purpose, and how much may be asked: faults at the nth call of a route, rate limits."""

from __future__ import annotations

import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

from workflows.github.hub.answers import Problem

Sort = Literal["status", "lost", "delay", "primary", "secondary"]
SORTS: tuple[Sort, ...] = ("status", "lost", "delay", "primary", "secondary")
LIMIT, HOUR_S = 5000, 3600.0
CONTENT = ((60.0, 80), (HOUR_S, 500))
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass
class Fault:
    """From the nth call (1: the next) that method and path fit, `times` calls go wrong.

    sort: "status" answers so at once; "lost" does what was asked and breaks the answer off; "delay" waits `seconds`
    first; "primary" and "secondary" are the rate limits, for `seconds`. path: a regular expression.
    """

    path: str
    sort: Sort = "status"
    method: str = ""
    nth: int = 1
    times: int = 1
    status: int = 500
    seconds: float = 1.0
    message: str = "Server Error"
    seen: int = 0

    def due(self, method: str, path: str) -> bool:
        """Whether this call is one of them; counts it."""
        if (self.method and self.method != method) or not re.search(self.path, path):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


def fault_of(told: dict[str, Any]) -> Fault:
    """From a control request. Raises Problem."""
    try:
        fault = Fault(**told)
        re.compile(fault.path)
        if fault.sort not in SORTS or not 100 <= fault.status <= 599 or fault.nth + fault.times + fault.seconds < 0:
            raise Problem(422, f"a fault is one of {', '.join(SORTS)}, with a status of 100 to 599")
    except (TypeError, re.error) as error:
        raise Problem(422, f"no fault: {error}") from None
    return fault


@dataclass
class Budget:
    """What one installation may still ask in this hour."""

    ends: float
    used: int = 0
    limit: int = LIMIT
    written: deque[float] = field(default_factory=deque)


@dataclass
class Limits:
    """Budgets by installation (0: the App itself)."""

    budgets: dict[int, Budget] = field(default_factory=dict)

    def budget(self, installation: int) -> Budget:
        """The one of this hour."""
        known = self.budgets.get(installation)
        if known is None or known.ends <= time.time():
            known = Budget(time.time() + HOUR_S)
            self.budgets[installation] = known
        return known

    def take(self, installation: int, *, content: bool) -> None:
        """Count a call. content: it writes something that people are told of. Raises Problem."""
        known = self.budget(installation)
        if known.used >= known.limit:
            raise Problem(403, f"API rate limit exceeded for installation ID {installation}.")
        known.used += 1
        if not content:
            return
        at = time.time()
        while known.written and known.written[0] <= at - HOUR_S:
            known.written.popleft()
        if any(sum(one > at - window for one in known.written) >= most for window, most in CONTENT):
            raise secondary(60)
        known.written.append(at)

    def spend(self, installation: int, seconds: float) -> None:
        """Let nothing be left, for so long."""
        self.budgets[installation] = Budget(time.time() + seconds, LIMIT)

    def headers(self, installation: int) -> dict[str, str]:
        """What every answer says of it."""
        known = self.budget(installation)
        return {
            "X-RateLimit-Limit": str(known.limit), "X-RateLimit-Remaining": str(known.limit - known.used),
            "X-RateLimit-Used": str(known.used), "X-RateLimit-Reset": str(int(known.ends) + 1),
            "X-RateLimit-Resource": "core",
        }  # fmt: skip


def secondary(seconds: float) -> Problem:
    """The refusal of somebody who asks too much at once."""
    return Problem(403, SECONDARY, {"Retry-After": str(max(1, round(seconds)))})
