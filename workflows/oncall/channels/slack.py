"""Slack: one message for each incident, changed in place (chat.postMessage, chat.update, Block Kit).

What strangers wrote stands in plain_text objects, where neither mentions nor markup mean anything. The message carries
metadata with the incident's id: one that may have been posted without our knowing is found by it, not posted again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.oncall.channels.channel import Untold, asked
from workflows.oncall.telling import Told, asking, paragraphs

EVENT = "patchwright_incident"
HEADER, SECTION, BLOCKS = 150, 3000, 50  # characters, characters, blocks of a message
_BROKEN = frozenset({
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission",
    "missing_scope", "channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "msg_too_long",
})  # fmt: skip
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_MAYBE = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})


class _Refused(Exception):
    """Slack's own word for what is wrong."""


@dataclass(frozen=True)
class SlackChannel:
    """Implements Channel. url: of its methods."""

    url: str
    token: str
    channel: str
    edits: bool = True

    async def tell(self, told: Told, reference: str, *, uncertain: bool) -> str:
        """See the protocol."""
        if not reference and uncertain:
            reference = await self._found(told.incident)
        content = {"channel": self.channel, **message(told)}
        if reference:
            try:
                return str((await self._call("chat.update", {**content, "ts": reference}))["ts"])
            except _Refused as error:
                if str(error) not in _GONE:
                    raise _untold(error) from None
        try:
            return str((await self._call("chat.postMessage", content))["ts"])
        except _Refused as error:
            raise _untold(error) from None

    async def _found(self, incident: str) -> str:
        """The message about an incident among the newest of the channel; "" where none is seen."""
        asks = {"channel": self.channel, "limit": "200", "include_all_metadata": "true"}
        try:
            read = await self._call("conversations.history", None, asks)
        except _Refused:
            return ""
        for each in read.get("messages") or ():
            metadata = each.get("metadata") or {}
            if metadata.get("event_type") == EVENT and metadata.get("event_payload", {}).get("incident") == incident:
                return str(each.get("ts", ""))
        return ""

    async def _call(
        self, method: str, content: dict[str, Any] | None, params: dict[str, str] | None = None
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        verb = "GET" if content is None else "POST"
        _, body = await asked(verb, f"{self.url.rstrip('/')}/{method}", headers=headers, json=content, params=params)
        try:
            read = json.loads(body)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise Untold("the answer is not Slack's", uncertain=True)
        if read.get("ok") is not True:
            raise _Refused(str(read.get("error", "no reason"))[:100])
        if content is not None and not isinstance(read.get("ts"), str):
            raise Untold("the answer has no ts", uncertain=True)
        return read


def _untold(error: _Refused) -> Untold:
    said = str(error)
    after = 30.0 if said in ("ratelimited", "rate_limited") else None
    return Untold(f"Slack says {said}", after_s=after, final=said in _BROKEN, uncertain=said in _MAYBE)


def message(told: Told) -> dict[str, Any]:
    """The message, within Slack's limits. `text` is what notifications show; nothing in it is a link or a mention."""
    return {
        "text": escaped(told.headline)[:SECTION],
        "blocks": list(_blocks(told))[:BLOCKS],
        "metadata": {"event_type": EVENT, "event_payload": {"incident": told.incident, "revision": told.revision}},
        "mrkdwn": False, "parse": "none", "link_names": False, "unfurl_links": False, "unfurl_media": False,
    }  # fmt: skip


def escaped(text: str) -> str:
    """Text where Slack reads markup: its three characters as entities, so that <!channel> is only text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(told: Told) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(told.headline, HEADER)}
    for heading, rows in paragraphs(told):
        if heading:
            yield {"type": "section", "text": {"type": "mrkdwn", "text": f"*{heading}*"}}
        bullet = "\u2022 " if heading else ""
        yield {"type": "section", "text": _plain("\n".join(f"{bullet}{row}" for row in rows), SECTION)}
    if asking(told):
        yield {"type": "section", "text": _plain(asking(told), SECTION)}
    last = f"{told.incident}, revision {told.revision}" + (f", {told.link}" if told.link else "")
    yield {"type": "context", "elements": [_plain(last, SECTION)]}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": text if len(text) <= most else f"{text[: most - 1]}…", "emoji": False}
