"""How often a tenant may ask one node: a sliding minute, counted in the node's memory."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter


@dataclass(frozen=True)
class Rates:
    """per_minute: requests of one tenant, 0 for any number."""

    per_minute: int
    _window: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )

    async def wait_s(self, tenant: str) -> int:
        """Count a request; seconds to wait when it is one too many, else 0."""
        if not self.per_minute:
            return 0
        item = RateLimitItemPerMinute(self.per_minute)
        if await self._window.hit(item, tenant):
            return 0
        seen = await self._window.get_window_stats(item, tenant)
        return max(1, math.ceil(seen.reset_time - time.time()))
