"""What tests of alerts share: messages of every source with their proof, Slack as it answers, mail and web hooks."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tools.triage.values import Note, Observation, Sentence

SECRET = "a-secret-of-the-source-0123456789"
TOKEN = "xoxb-a-token-of-the-bot"
CHANNEL = "C0123456789"
HOOK = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
JSON = "application/json"
TRACE = """\
Traceback (most recent call last):
  File "shop/prices.py", line 20, in cheapest
    raise ValueError("no price")
ValueError: no price
"""


def proof(source: str, body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers with which a source sends a body."""
    mark = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    basic = base64.b64encode(f"user:{secret}".encode()).decode()
    shown = {
        "sentry": {"Sentry-Hook-Signature": mark, "Sentry-Hook-Resource": "event_alert"},
        "pagerduty": {"X-PagerDuty-Signature": f"v1={'0' * 64},v1={mark}"},
        "grafana": {"X-Grafana-Alerting-Signature": mark},
        "alertmanager": {"Authorization": f"Bearer {secret}"},
        "opsgenie": {"X-Patchwright-Token": secret},
        "datadog": {"Authorization": f"Basic {basic}"},
        "generic": {"X-Patchwright-Token": secret},
    }
    return {"Content-Type": JSON, **shown[source]}


def sources(folder: Path) -> str:
    """The part of a configuration about them; writes the secrets into files."""
    (folder / "secret").write_text(SECRET)
    (folder / "basic").write_text(f"user:{SECRET}")
    how = {
        "sentry": "secret", "pagerduty": "secret", "grafana": "secret", "alertmanager": "bearer", "opsgenie": "token",
        "datadog": "basic", "generic": "token",
    }  # fmt: skip
    return "".join(
        f'[sources.{name}]\n{key} = "file:{folder / ("basic" if key == "basic" else "secret")}"\n'
        for name, key in how.items()
    )


@dataclass
class Slack:
    """Messages by ts, as the channel shows them; calls: methods in their order; lose: answers that get lost.

    refuse: errors that the next calls are answered with, "" for none; pages: messages of the channel in one answer.
    """

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    lose: int = 0
    refuse: list[str] = field(default_factory=list)
    pages: int = 50
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, token: str, content: Mapping[str, Any]) -> dict[str, Any]:
        with self.lock:
            self.calls.append(method)
            error = self._error(method, token, content)
            if error:
                return {"ok": False, "error": error}
            if method == "conversations.history":
                first, newest = int(content.get("cursor", 0)), list(reversed(self.messages.values()))
                after = str(first + self.pages) if first + self.pages < len(newest) else ""
                page = newest[first : first + self.pages]
                return {"ok": True, "messages": page, "response_metadata": {"next_cursor": after}}
            ts = content.get("ts") or f"1700000000.{len(self.messages):06d}"
            self.messages[ts] = {**content, "ts": ts}
            return {"ok": True, "ts": ts, "channel": CHANNEL}

    def _error(self, method: str, token: str, content: Mapping[str, Any]) -> str:
        if token != f"Bearer {TOKEN}":
            return "invalid_auth"
        if self.refuse and (error := self.refuse.pop(0)):
            return error
        if content.get("channel") != CHANNEL:
            return "channel_not_found"
        problems = faults(content) if method != "conversations.history" else []
        self.wrong += problems
        if method == "chat.update" and content.get("ts") not in self.messages:
            return "message_not_found"
        return "invalid_blocks" if problems else ""

    @property
    def shown(self) -> list[str]:
        """What a person reads of each message."""
        return [texts(message) for message in self.messages.values()]


def texts(message: Mapping[str, Any]) -> str:
    found = []
    for block in message["blocks"]:
        found += [part["text"] for part in block.get("elements", [block.get("text")])]
    return "\n".join(found)


def faults(content: Mapping[str, Any]) -> list[str]:
    """What of a message Slack would refuse, by the limits of its reference of blocks."""
    found = [] if 0 < len(content.get("text", "")) <= 40_000 else ["text"]
    blocks = content.get("blocks")
    if not isinstance(blocks, list) or not 0 < len(blocks) <= 50:
        return [*found, "blocks"]
    for block in blocks:
        kind = block.get("type")
        parts = block["elements"] if kind == "context" else [block.get("text")]
        most = {"header": 150, "section": 3000, "context": 3000}.get(kind, 0)
        fine = len(parts) <= 10 and all(
            part.get("type") in (("plain_text",) if kind == "header" else ("plain_text", "mrkdwn"))
            and 0 < len(part.get("text", "")) <= most
            for part in parts
        )
        found += [] if fine else [f"{kind}: {str(block)[:200]}"]
    return found


@contextlib.contextmanager
def slack() -> Iterator[tuple[Slack, str]]:
    """Slack on this machine, and the base of its methods."""
    made = Slack()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answered(content)

        def do_GET(self) -> None:
            self._answered(dict(urllib.parse.parse_qsl(self.path.partition("?")[2])))

        def _answered(self, content: Mapping[str, Any]) -> None:
            method = self.path.partition("?")[0].removeprefix("/api/")
            answer = made.answer(method, self.headers.get("Authorization", ""), content)
            if made.lose and method == "chat.postMessage":
                made.lose -= 1
                self.close_connection = True
                return  # done, and nobody hears of it
            data = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", JSON)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as port:
        yield made, f"http://127.0.0.1:{port}/api"


@contextlib.contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()


def quiet_note(said: str) -> Note:
    """A note of a healthy day."""
    return Note(
        cause="healthy", confidence=0.4, onset=-1, service="", summary=(Sentence(text=said, cites=("E1",)),),
        timeline=(), suspects=(), symptoms=(), blast=(), actions=(), decide=(),
        evidence=(Observation(id="E1", kind="log", summary="looked"),), reproduction="", revision="", good="",
        citations="",
    )  # fmt: skip


def faulty_note(said: str, *, revision: str = "", good: str = "", trace: str = TRACE) -> Note:
    """A note of a day on which a change of the code broke something."""
    more = {"cause": "change", "service": "orders", "reproduction": trace, "revision": revision, "good": good}
    return quiet_note(said).model_copy(update=more)


@contextlib.contextmanager
def pager(lose: int = 0) -> Iterator[tuple[list[tuple[str, str]], str]]:
    """PagerDuty's notes, as (path, text), and its base. lose: answers that get lost."""
    notes: list[tuple[str, str]] = []
    left = [lose]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.headers["Authorization"].startswith("Token token=") and "@" in self.headers["From"]:
                notes.append((self.path, content["note"]["content"]))
            if left[0]:
                left[0] -= 1
                self.close_connection = True
                return
            self._answered({"note": content["note"]})

        def do_GET(self) -> None:
            self._answered({"notes": [{"content": text} for path, text in notes if path == self.path]})

        def _answered(self, content: Mapping[str, Any]) -> None:
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with _serving(Handler) as port:
        yield notes, f"http://127.0.0.1:{port}"
