"""A workflow of Microsoft Teams: an Adaptive Card for each step (noted, resolved); a workflow cannot change its post.

A workflow answers 202 before it posts, names no message, takes no key that would make a repetition harmless, and
cannot be asked what it posted. What it refused or never received is sent again; after a lost answer nobody knows.

What strangers wrote stands in TextRun elements, which know no Markdown and no mentions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.oncall.channels.channel import Unsure, asked
from workflows.oncall.telling import Told, asking, paragraphs

MOST = 20_000  # bytes: a message of Teams has at most 28 KB


@dataclass(frozen=True)
class TeamsChannel:
    """Implements Channel. url: of the workflow, a secret."""

    url: str
    edits: bool = False

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """See the protocol. A post whose end is unknown is not repeated: the message after it says so."""
        if uncertain:
            raise Unsure(reference)
        await asked("POST", self.url, headers={}, json=card(told))
        return f"{told.incident}/{told.stage}"


def card(told: Told) -> dict[str, Any]:
    """The message, within the size that Teams takes."""
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
        "body": list(_body(told)),
    }  # fmt: skip
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": content}],
    }


def _body(told: Told) -> Iterator[dict[str, Any]]:
    left = MOST
    yield _row(told.headline, weight="Bolder", size="Large")
    for heading, rows in paragraphs(told):
        if heading:
            yield _row(heading, weight="Bolder")
        for row in rows:
            left -= len(row.encode("utf-8", "replace"))
            if left > 0:
                yield _row(row)
    if told.unsure:
        yield _row("The message before this one may not have arrived.")
    yield _row(asking(told) or f"{told.incident}, revision {told.revision}")


def _row(text: str, **more: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **more}]}
