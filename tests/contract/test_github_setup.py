"""`patchwright github setup`: the page on this machine, GitHub's code, the files; and what an App lacks."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.github_description import description, resolved, shallow, violations
from tests.github_server import GithubServer, Said, github_server
from tests.waiting import PATIENCE_S
from workflows.exits import Refused
from workflows.github import setup
from workflows.github.client import app_of
from workflows.github.client.access import READ
from workflows.github.client.address import address_of

WANTED = setup.Wanted(name="Fixes & more", webhook="https://pw.example/webhooks/github", organization="acme")


@pytest.fixture
def github() -> Iterator[GithubServer]:
    with github_server() as server:
        yield server


class Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.manifest = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.action = found.get("action") or self.action
        self.manifest = found.get("value") or self.manifest


def browse(github: GithubServer, *visits: str) -> tuple[str, list[int], Form]:
    """What `received` returns while a browser opens the page, makes these visits, and comes back from GitHub."""
    told: list[str] = []
    ready = threading.Event()
    codes: list[str] = []

    def say(text: str) -> None:
        told.append(text.split()[1].rstrip("/"))
        ready.set()

    def serve() -> None:
        codes.append(setup.received(address_of(github.url), WANTED, port=0, say=say))

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(PATIENCE_S)
    form = Form()
    with httpx.Client(timeout=PATIENCE_S) as http:
        form.feed(http.get(f"{told[0]}/").text)
        state = parse_qs(urlsplit(form.action).query)["state"][0]
        statuses = [http.get(f"{told[0]}{visit}").status_code for visit in visits]
        statuses.append(http.get(f"{told[0]}/", headers={"Host": "evil.example"}).status_code)
        http.get(f"{told[0]}/made", params={"code": "c0de", "state": state})
    thread.join(PATIENCE_S)
    return codes[0], statuses, form


def test_the_page_hands_over_a_manifest_and_takes_only_its_own_answer(github: GithubServer) -> None:
    code, statuses, form = browse(
        github, "/made?code=x", "/made?code=x&state=wrong", "/made?code=x&state=%C3%A4", "/else"
    )
    assert code == "c0de"
    assert statuses == [404, 404, 404, 404, 400]
    told = json.loads(form.manifest)
    assert form.action.startswith(f"{github.url}/organizations/acme/settings/apps/new?state=")
    assert told["name"] == "Fixes & more"
    assert told["hook_attributes"]["url"] == WANTED.webhook
    assert told["public"] is False
    assert told["default_permissions"]["contents"] == "read"
    assert urlsplit(told["redirect_url"]).hostname == "127.0.0.1"


def test_an_app_can_do_what_the_bot_asks_for() -> None:
    """What tokens are asked for is among the permissions of the manifest, in the words of GitHub's description."""
    known = resolved(description()["components"]["schemas"]["app-permissions"])["properties"]
    for name, level in setup.PERMISSIONS.items():
        assert level in known[name]["enum"]
    for name, level in READ.items():
        assert setup.LEVELS.index(setup.PERMISSIONS[name]) >= setup.LEVELS.index(level)


def test_the_key_and_the_secret_become_files_for_their_owner_alone(github: GithubServer, tmp_path: Path) -> None:
    told = description()["paths"]["/app-manifests/{code}/conversions"]["post"]["responses"]["201"]
    example = shallow(next(iter(told["content"]["application/json"]["examples"].values())))["value"]
    github.on("POST /app-manifests/c0de/conversions", Said(201, example))
    with httpx.Client(timeout=PATIENCE_S) as http:
        made = setup.converted(address_of(github.url), "c0de", http)
    assert violations(github.asked[0]) == []
    assert "PRIVATE KEY" not in repr(made)
    folder = tmp_path / "app"
    setup.fresh(folder)
    files = setup.saved(made, folder)
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600, 0o600]
    assert files[0].read_text() == example["pem"]
    assert files[1].read_text().strip() == example["webhook_secret"]
    with pytest.raises(Refused, match="already"):
        setup.fresh(folder)
    with pytest.raises(FileExistsError):
        setup.saved(made, folder)


@pytest.mark.parametrize("said", [Said(404, {"message": "Not Found"}), Said(201, {"id": "x"}), Said(drop=True)])
def test_a_code_that_is_worth_nothing_is_told_in_one_line(said: Said, github: GithubServer) -> None:
    github.on("POST /app-manifests/a%2Fb/conversions", said)
    with httpx.Client(timeout=PATIENCE_S) as http, pytest.raises(Refused, match="GitHub"):
        setup.converted(address_of(github.url), "a/b", http)


def test_what_an_app_lacks_is_named(github: GithubServer, tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = tmp_path / "key.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    app = app_of(github.url, 1, pem)
    given = {**setup.PERMISSIONS, "checks": "read"}
    del given["issues"]
    github.on("GET /app", Said(200, {"permissions": given, "events": ["check_run", *setup.EVENTS[2:]]}))
    with httpx.Client(timeout=PATIENCE_S) as http:
        assert setup.missing(app, http) == [
            "permission checks: write (it has read)", "permission issues: write (it has none)", "event check_suite",
        ]  # fmt: skip
        assert violations(github.asked[0]) == []
        github.on("GET /app", Said(401, {"message": "A JSON web token could not be decoded"}))
        with pytest.raises(Refused, match="JSON web token"):
            setup.missing(app, http)
