"""Slack: one message for each incident, changed in place (chat.postMessage, chat.update, Block Kit).

What strangers wrote stands in plain_text objects, where neither mentions nor markup mean anything. The message carries
metadata with the incident's id: one that may have been posted without our knowing is found by it, not posted again.
While Slack does not let us look (a scope that is missing, too many calls), nothing is posted. The bot's token needs the
scopes chat:write, channels:history and groups:history, and the bot is to be a member of the channel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.oncall.channels.channel import Untold, asked
from workflows.oncall.telling import Told, asking, paragraphs

SCOPES = ("chat:write", "channels:history", "groups:history")
EVENT = "patchwright_incident"
PAGE, PAGES = 50, 20  # messages of one answer, which is to stay below MOST_ANSWER; answers that are read at most
HEADER, SECTION, BLOCKS = 150, 3000, 50  # characters, characters, blocks of a message
_BROKEN = frozenset({
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission",
    "missing_scope", "channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "msg_too_long",
})  # fmt: skip
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_WAIT, WAIT_S = frozenset({"ratelimited", "rate_limited"}), 30.0
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
        """The message about an incident among the newest of the channel; "" where it is not. Raises Untold if unseen.

        A message with PAGES * PAGE newer ones counts as not there: nobody would see it change.
        """
        cursor = ""
        for _ in range(PAGES):
            read = await self._page(cursor)
            for each in read["messages"]:
                metadata = each.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                if metadata.get("event_type") == EVENT and payload.get("incident") == incident:
                    return str(each["ts"])
            cursor = (read.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                break
        return ""

    async def _page(self, cursor: str) -> dict[str, Any]:
        """Some messages of the channel, the newest first. Raises Untold, uncertain: who cannot look does not know."""
        asks = {"channel": self.channel, "limit": str(PAGE), "include_all_metadata": "true"}
        try:
            read = await self._call("conversations.history", None, asks | ({"cursor": cursor} if cursor else {}))
        except _Refused as error:
            needs = f" (needed: {', '.join(SCOPES)})" if str(error) == "missing_scope" else ""
            raise Untold(
                f"whether the message is there is not known: Slack says {error} to conversations.history{needs}",
                after_s=WAIT_S if str(error) in _WAIT else None, uncertain=True,
            ) from None  # fmt: skip
        if not isinstance(read.get("messages"), list) or not all(isinstance(each, dict) for each in read["messages"]):
            raise Untold("the answer to conversations.history is not Slack's", uncertain=True)
        return read

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
    after = WAIT_S if said in _WAIT else None
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
