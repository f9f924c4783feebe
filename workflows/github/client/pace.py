"""How fast GitHub lets one App write: 80 contents a minute and 500 an hour. Beyond it we do not even ask."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from workflows.github.forge import ForgeBusy

RULES = ((60.0, 80), (3600.0, 500))


class Pace:
    """Counts what was written in the last hour, by installation."""

    def __init__(self, rules: tuple[tuple[float, int], ...] = RULES, now: Callable[[], float] = time.monotonic) -> None:
        self._rules = rules
        self._now = now
        self._written: dict[int, deque[float]] = {}

    def take(self, installation: int) -> None:
        """Count one write. Raises ForgeBusy when it would be one too many."""
        now = self._now()
        written = self._written.setdefault(installation, deque())
        while written and written[0] <= now - self._rules[-1][0]:
            written.popleft()
        for window, most in self._rules:
            inside = [at for at in written if at > now - window]
            if len(inside) >= most:
                after = inside[-most] + window - now
                raise ForgeBusy(f"{most} writes in {window:.0f} s are what GitHub allows", max(after, 0.1))
        written.append(now)
