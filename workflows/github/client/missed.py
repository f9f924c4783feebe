"""The App's log of deliveries: what did not arrive, and the wish to have it sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

import structlog

from workflows.github.client.access import Access
from workflows.github.client.shapes import Delivery, many
from workflows.github.client.wire import Call

MOST_ENTRIES = 20_000
_PAGE = 100
_log = structlog.get_logger("patchwright.publish")


class GithubMissed:
    """Implements Missed."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def failed(self, since: datetime) -> AsyncIterator[int]:
        """See the protocol. The log's entries come newest first; at most `MOST_ENTRIES` are looked at."""
        seen: set[str] = set()
        async for delivery in self._log(since):
            if delivery.guid not in seen and not delivery.arrived:
                yield delivery.id
            seen.add(delivery.guid)

    async def redeliver(self, delivery: int) -> None:
        """See the protocol."""
        await self._access.as_app(Call("POST", f"/app/hook/deliveries/{delivery}/attempts", ""))

    async def _log(self, since: datetime) -> AsyncIterator[Delivery]:
        call = Call("GET", "/app/hook/deliveries", "", params={"per_page": _PAGE})
        for _ in range(MOST_ENTRIES // _PAGE):
            answer = await self._access.as_app(call)
            page = many(Delivery, answer.json())
            for delivery in page:
                if delivery.delivered_at < since:
                    return
                yield delivery
            if not answer.next or not page:
                return
            call = Call("GET", answer.next, "")
        _log.warning("the forge's log of deliveries is too long to be read whole", entries=MOST_ENTRIES)
