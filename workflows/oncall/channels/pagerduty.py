"""Notes on the PagerDuty incident that an alert came from: one for each step, for notes cannot be changed.

A note that may be there without our knowing is looked for by the mark at its end, not written again.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from workflows.oncall.channels.channel import Untold, asked
from workflows.oncall.telling import Told, asking, paragraphs

MOST = 20_000
_ADDRESS = re.compile(r"https://[A-Za-z0-9.-]+/incidents/([A-Z0-9]{3,30})")


@dataclass(frozen=True)
class PagerDutyChannel:
    """Implements Channel. sender: the address of a user there."""

    url: str
    token: str
    sender: str
    edits: bool = False

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """See the protocol. An incident without an alert of PagerDuty has no place for a note."""
        theirs = next((match[1] for each in told.sources if (match := _ADDRESS.fullmatch(each))), "")
        if not theirs:
            return reference or "no incident of PagerDuty"
        mark = f"({told.incident}, {told.stage}, turn {told.turn},"
        where = f"{self.url.rstrip('/')}/incidents/{theirs}/notes"
        if uncertain and await self._there(where, mark):
            return theirs
        text = f"{note(told)}\n{mark} revision {told.revision})"
        await asked("POST", where, headers=self._headers, json={"note": {"content": text}})
        return theirs

    @property
    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Token token={self.token}", "Accept": "application/vnd.pagerduty+json;version=2",
            "From": self.sender,
        }  # fmt: skip

    async def _there(self, where: str, mark: str) -> bool:
        _, body = await asked("GET", where, headers=self._headers)
        try:
            notes: Any = json.loads(body)["notes"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Untold("the answer is not PagerDuty's", uncertain=True) from None
        return any(mark in str(each.get("content", "")) for each in notes if isinstance(each, dict))


def note(told: Told) -> str:
    """Plain text: notes know no markup."""
    parts = [told.headline]
    for heading, rows in paragraphs(told):
        parts += [f"\n{heading}"] if heading else []
        parts += [f"- {row}" if heading else row for row in rows]
    parts += [asking(told)] if told.asks else []
    return "\n".join(parts)[:MOST]
