"""Making the App: a page on this machine hands GitHub a manifest, GitHub sends a code back, the code becomes files.

Nobody but the browser on this machine reaches the page; a code counts only with the random word that the page sent
along. The key and the webhook secret go into files that only their owner can read, and nowhere else.
"""

from __future__ import annotations

import html
import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from workflows.exits import UNAVAILABLE, Refused
from workflows.github.client.address import Address
from workflows.github.client.answers import problem
from workflows.github.client.connect import App
from workflows.text import line

LEVELS = ("none", "read", "write", "admin")
PERMISSIONS: Mapping[str, str] = {
    "actions": "write", "checks": "write", "contents": "read", "issues": "write", "metadata": "read",
    "pull_requests": "write", "statuses": "read",
}  # fmt: skip
EVENTS = (
    "check_run", "check_suite", "issue_comment", "issues", "pull_request", "status", "workflow_job", "workflow_run",
)  # fmt: skip
KEY, SECRET = "github-app-key.pem", "github-webhook-secret"
_POLICY = "default-src 'none'; form-action {web}; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Wanted:
    """webhook: where the service takes deliveries; organization: whose App, "" for the person's; branches: whether
    fixes may become branches, which takes a permission to write contents.
    """

    name: str
    webhook: str
    organization: str = ""
    branches: bool = False

    @property
    def permissions(self) -> dict[str, str]:
        """What the App asks for."""
        return {**PERMISSIONS, **({"contents": "write"} if self.branches else {})}


class Made(BaseModel):
    """The App as GitHub made it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: int
    slug: str = ""
    html_url: str = ""
    pem: SecretStr
    webhook_secret: SecretStr | None = None


def manifest(wanted: Wanted, back: str) -> dict[str, Any]:
    """The App, in the form that GitHub takes. back: where it sends the browser afterwards."""
    return {
        "name": wanted.name, "url": "https://github.com/", "redirect_url": back, "public": False,
        "hook_attributes": {"url": wanted.webhook, "active": True}, "default_permissions": wanted.permissions,
        "default_events": list(EVENTS),
    }  # fmt: skip


def page(address: Address, wanted: Wanted, back: str, state: str) -> str:
    """The page with the one button that starts it."""
    whose = f"/organizations/{quote(wanted.organization, safe='')}" if wanted.organization else ""
    action = f"{address.web}{whose}/settings/apps/new?state={quote(state, safe='')}"
    rights = "".join(f"<li>{html.escape(n)}: {html.escape(v)}</li>" for n, v in wanted.permissions.items())
    told = html.escape(json.dumps(manifest(wanted, back)), quote=True)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Patchwright: a GitHub App</title>"
        f"<h1>A GitHub App named {html.escape(wanted.name)}</h1><p>It asks for:</p><ul>{rights}</ul>"
        f'<form method=post action="{html.escape(action, quote=True)}">'
        f'<input type=hidden name=manifest value="{told}"><button>Create it on GitHub</button></form></html>'
    )


def received(
    address: Address, wanted: Wanted, *, port: int, say: Callable[[str], None], wait_s: float = 900.0
) -> str:  # fmt: skip
    """Show the page and wait for GitHub's code. Raises Refused when none comes in time."""
    state = secrets.token_urlsafe(32)
    found: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            host, parts = self.headers.get("Host", ""), urlsplit(self.path)
            if host != urlsplit(base).netloc:  # a page elsewhere that calls itself this machine
                return self._say(400, "<p>Open the address that was printed.</p>")
            if parts.path == "/":
                return self._say(200, page(address, wanted, f"{base}/made", state))
            query = parse_qs(parts.query)
            code, told = query.get("code", [""])[0], query.get("state", [""])[0]
            if parts.path != "/made" or not code or not secrets.compare_digest(told.encode(), state.encode()):
                return self._say(404, "<p>There is nothing here.</p>")
            found.append(code)
            return self._say(200, "<p>The App was made. Go back to the terminal.</p>")

        def _say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", _POLICY.format(web=address.web))
            self.send_header("Referrer-Policy", "no-referrer")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - a name of the standard library
            """The address holds the code: nothing is logged."""

    try:
        server = HTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise Refused(f"port {port} of this machine cannot be used: {error.strerror}", UNAVAILABLE) from None
    base = f"http://127.0.0.1:{server.server_port}"
    with server:
        server.timeout = 1.0
        say(f"Open {base}/ in a browser on this machine.")
        end = time.monotonic() + wait_s
        while not found and time.monotonic() < end:
            server.handle_request()
    if not found:
        raise Refused("GitHub sent no code: was the App made?")
    return found[0]


def converted(address: Address, code: str, http: httpx.Client) -> Made:
    """The App that a code stands for; it counts once. Raises Refused."""
    url = f"{address.api}/app-manifests/{quote(code, safe='')}/conversions"
    try:
        answer = http.post(url, headers={"Accept": "application/vnd.github+json"})
    except httpx.TransportError as error:
        raise Refused(f"GitHub does not answer ({type(error).__name__})", UNAVAILABLE) from None
    if answer.status_code != 201:
        told = problem(answer.status_code, answer.headers, answer.content, time.time())
        raise Refused(f"GitHub gave no App for its code: {told}")
    try:
        return Made.model_validate_json(answer.content)
    except ValidationError:
        raise Refused("GitHub's answer is not as it describes it") from None


def fresh(folder: Path) -> None:
    """Make the folder. Raises Refused where an App's files lie there already."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (KEY, SECRET):
        if (folder / name).exists():
            raise Refused(f"{folder / name} is there already: name another folder, or move it away")


def saved(made: Made, folder: Path) -> tuple[Path, Path]:
    """(key, secret) as files that only their owner can read. Raises OSError where one is there already."""
    secret = made.webhook_secret.get_secret_value() if made.webhook_secret else ""
    texts = ((folder / KEY, made.pem.get_secret_value()), (folder / SECRET, f"{secret}\n"))
    for path, text in texts:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    return texts[0][0], texts[1][0]


def missing(app: App, http: httpx.Client, wanted: Mapping[str, str] = PERMISSIONS) -> list[str]:
    """What the App lacks, a line for each permission and event. Raises Refused when it is not ours or out of reach."""
    headers = {"Authorization": f"Bearer {app.key.token(time.time())}", "Accept": "application/vnd.github+json"}
    try:
        answer = http.get(f"{app.address.api}/app", headers=headers)
        data = answer.json() if answer.status_code == 200 else {}
    except (httpx.TransportError, ValueError) as error:
        raise Refused(f"GitHub does not answer ({type(error).__name__})", UNAVAILABLE) from None
    if answer.status_code != 200:
        raise Refused(f"the App: {problem(answer.status_code, answer.headers, answer.content, time.time())}")
    given, events = data.get("permissions") or {}, data.get("events") or []
    lacks = [
        f"permission {name}: {level} (it has {line(str(given.get(name, 'none')), 20)})"
        for name, level in wanted.items()
        if _level(given.get(name)) < LEVELS.index(level)
    ]  # fmt: skip
    return lacks + [f"event {name}" for name in EVENTS if name not in events]


def _level(given: object) -> int:
    return LEVELS.index(given) if isinstance(given, str) and given in LEVELS else 0
