"""The App's log of deliveries: what did not arrive, and the wish to have it sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator

from workflows.github.client.access import Access
from workflows.github.client.shapes import Delivery, many
from workflows.github.client.wire import Call

_PAGE = 100


class GithubMissed:
    """Implements Missed."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def failed(self, *, most: int) -> AsyncIterator[int]:
        """See the protocol. Looks at `most` entries of the log, which come newest first."""
        seen: set[str] = set()
        async for delivery in self._log(most):
            if delivery.guid not in seen and not delivery.arrived:
                yield delivery.id
            seen.add(delivery.guid)

    async def redeliver(self, delivery: int) -> None:
        """See the protocol."""
        await self._access.as_app(Call("POST", f"/app/hook/deliveries/{delivery}/attempts", ""))

    async def _log(self, most: int) -> AsyncIterator[Delivery]:
        call = Call("GET", "/app/hook/deliveries", "", params={"per_page": min(most, _PAGE)})
        left = most
        while left > 0:
            answer = await self._access.as_app(call)
            page = many(Delivery, answer.json())[:left]
            for delivery in page:
                yield delivery
            left -= len(page)
            if not answer.next or not page:
                return
            call = Call("GET", answer.next, "")
