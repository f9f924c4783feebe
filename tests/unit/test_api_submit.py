"""Submissions: what is taken and what is refused, idempotency, full queues, uploads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Message, Scope

from tests.service import URL, Site, site, tarball
from workflows.service.api.around import Allowance, Around
from workflows.service.api.metrics import Metrics
from workflows.service.bodies import RunView
from workflows.service.ports import StoreDown
from workflows.service.values import SCOPES, Run

FILES = {"pkg/__init__.py": b"", "tests/test_x.py": b"def test_x(): assert False\n"}

NO_FILE = b"--x\r\nContent-Disposition: form-data; name=archive\r\n\r\na\r\n--x--\r\n"


@pytest.fixture
def place(tmp_path: Path) -> Site:
    return site(tmp_path)


async def _post(place: Site, body: Any = None, *, tenant: str = "red", **more: Any) -> httpx.Response:
    async with place.client(tenant) as http:
        return await http.post("/v1/diagnoses", json={"url": URL} if body is None else body, **more)


async def _upload(place: Site, archive: bytes, request: Any = None, **more: Any) -> httpx.Response:
    data = {} if request is None else {"request": json.dumps(request)}
    async with place.client() as http:
        return await http.post("/v1/diagnoses", files={"archive": ("a.tgz", archive)}, data=data, **more)


def _uploads(place: Site) -> list[str]:
    folder = place.settings.uploads
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


async def test_a_submission_is_queued_and_answered_with_its_place(place: Site) -> None:
    wanted = {
        "url": URL,
        "rev": "main",
        "good": "v1",
        "tests": ["tests/test_x.py::test_x"],
        "log": "a\x00b",
        "goal": "triage",
    }
    answer = await _post(place, wanted)
    shown = RunView.model_validate_json(answer.content)
    assert (answer.status_code, shown.state, shown.rev) == (202, "queued", "main")
    assert answer.headers["location"] == f"/v1/diagnoses/{shown.id}" == shown.links["self"]
    kept = place.store.submissions[shown.id]
    assert (kept.log, kept.request.good, kept.request.goal) == ("a\ufffdb", "v1", "triage")
    assert [entry[1:3] for entry in place.store.audited] == [("submit", shown.id)]


async def test_limits_are_never_above_those_of_the_settings(tmp_path: Path) -> None:
    place = site(tmp_path, limit_seconds=600, repeats=3)
    answer = await _post(place, {"url": URL, "limits": {"wall_s": 86400, "repeats": 2, "workers": 64}})
    limits = answer.json()["limits"]
    assert (limits["wall_s"], limits["repeats"]) == (600, 2)
    assert limits["workers"] == place.settings.workers


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("url", {}),
        ("callback", {"url": URL, "callback": "http://hooks.example/"}),
        ("callback", {"url": URL, "callback": "https://inside.example/"}),
        ("callback", {"url": URL, "callback": "https://meta.example/"}),
        ("callback", {"url": URL, "callback": "https://user:pass@hooks.example/"}),
        ("url", {"url": "/etc"}),
        ("url", {"url": "."}),
        ("url", {"url": "file:///etc"}),
        ("url", {"url": "http://github.com/a/b"}),
        ("url", {"url": "ssh://git@github.com/a/b"}),
        ("url", {"url": "git@github.com:a/b.git"}),
        ("url", {"url": "ext::sh -c id"}),
        ("url", {"url": "https://evil.example/a/b"}),
        ("url", {"url": "https://github.com.evil.example/a"}),
        ("url", {"url": "https://github.com\\@evil.example/a"}),
        ("url", {"url": "https://user:pass@github.com/a"}),
        ("url", {"url": "https://github.com/a?x=1"}),
        ("url", {"url": "https://github.com:0/a"}),
        ("url", {"url": "https://[::1"}),
        ("url", {"url": "https://"}),
        ("url", {"url": "https://gïthub.com/a"}),
        ("sandbox", {"url": URL, "sandbox": "none"}),
        ("install", {"url": URL, "install": ["make"]}),
        ("allow", {"url": URL, "allow": ["skip"]}),
        ("subdirectory", {"url": URL, "subdirectory": "x"}),
        ("patches.0", {"url": URL, "patches": ["--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n"]}),
        ("rev", {"url": URL, "rev": "--upload-pack=id"}),
        ("python", {"url": URL, "python": "/usr/bin/python3"}),
        ("limits.wall_s", {"url": URL, "limits": {"wall_s": 0}}),
        ("tests.0", {"url": URL, "tests": ["a\x00b"]}),
    ],
)
async def test_what_the_service_does_not_take_is_named(field: str, body: Any, place: Site) -> None:
    answer = await _post(place, body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
    assert not place.store.submissions


async def test_hosts_and_options_are_the_settings_to_permit(tmp_path: Path) -> None:
    place = site(tmp_path, git_hosts="*", permit="install, allow,none", private_hosts=True)
    body = {"url": "https://inside.example/a", "install": ["make"], "allow": ["skip"], "sandbox": "none"}
    assert (await _post(place, body)).status_code == 202
    assert (await _post(place, {**body, "allow": ["everything"]})).status_code == 422
    strict = site(tmp_path / "strict", git_hosts="*")
    assert (await _post(strict, {"url": "https://inside.example/a"})).status_code == 422


async def test_priority_above_the_usual_is_for_admins(place: Site) -> None:
    async with place.client("red", "submit") as http:
        assert (await http.post("/v1/diagnoses", json={"url": URL, "priority": 1})).status_code == 403
        assert (await http.post("/v1/diagnoses", json={"url": URL, "priority": -5})).status_code == 202


async def test_an_idempotency_key_names_one_run(place: Site) -> None:
    key = {"Idempotency-Key": "k1"}
    first, again = await _post(place, headers=key), await _post(place, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    other = await _post(place, {"url": URL, "rev": "v2"}, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:patchwright:problem:key-conflict")
    foreign = await _post(place, headers=key, tenant="blue")
    assert foreign.json()["id"] != first.json()["id"], "keys are per tenant"
    assert (await _post(place, headers={"Idempotency-Key": "k\t1"})).status_code == 422


async def test_a_key_whose_first_request_is_under_way_is_a_conflict(place: Site) -> None:
    known = (await _post(place, headers={"Idempotency-Key": "k1"})).json()["id"]
    fingerprint = place.store._keys["red", "k1"].fingerprint
    assert known
    place.store.hold_key("red", "k2", fingerprint)
    answer = await _post(place, headers={"Idempotency-Key": "k2"})
    assert (answer.status_code, answer.headers["retry-after"]) == (409, "1")


async def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    place = site(tmp_path, waiting=1)
    assert (await _post(place)).status_code == 202
    full = await _upload(place, tarball(FILES))
    assert (full.status_code, full.headers["retry-after"]) == (429, "30")
    assert _uploads(place) == [], "what was uploaded for it is gone"


async def test_a_database_that_is_away_is_said_before_anything_is_unpacked(place: Site) -> None:
    await place.token("red", *SCOPES)
    place.store.down = True
    answer = await _upload(place, tarball(FILES))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert _uploads(place) == []


async def test_a_run_whose_commit_was_not_confirmed_keeps_its_source(place: Site) -> None:
    """The database went away after it had queued the run; asking again with the same key finds that run."""
    key, real, archive = {"Idempotency-Key": "k"}, place.store.submit, tarball(FILES)

    async def cut(*arguments: Any, **more: Any) -> tuple[Run, bool]:
        await real(*arguments, **more)
        raise StoreDown("the connection was lost")

    place.store.submit = cut  # type: ignore[method-assign]
    assert (await _upload(place, archive, headers=key)).status_code == 503
    place.store.submit = real  # type: ignore[method-assign]
    again = await _upload(place, archive, headers=key)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (202, "true")
    source = place.store.submissions[again.json()["id"]].request.source
    assert (place.settings.uploads / source.removeprefix("upload:") / "tests" / "test_x.py").exists()
    assert len(_uploads(place)) == 1, "the second one was not needed"


async def test_an_upload_is_unpacked_and_named_in_the_submission(place: Site) -> None:
    answer = await _upload(place, tarball(FILES), {"tests": ["tests/test_x.py"]})
    assert answer.status_code == 202, answer.text
    kept = place.store.submissions[answer.json()["id"]]
    kind, _, name = kept.request.source.partition(":")
    assert kind == "upload"
    assert (place.settings.uploads / name / "tests" / "test_x.py").read_bytes() == FILES["tests/test_x.py"]


async def test_an_upload_sent_twice_with_one_key_is_kept_once(place: Site) -> None:
    key = {"Idempotency-Key": "up"}
    first = await _upload(place, tarball(FILES, mode="w"), headers=key)
    again = await _upload(place, tarball(FILES, mode="w"), headers=key)
    other = await _upload(place, tarball({"x": b"1"}, mode="w"), headers=key)
    assert (first.json()["id"], other.status_code) == (again.json()["id"], 422)
    assert len(_uploads(place)) == 1


async def test_a_subdirectory_of_an_upload_stays_inside(place: Site) -> None:
    answer = await _upload(place, tarball({"a/b/x.py": b"", "c.py": b""}), {"subdirectory": "a/b"})
    kept = place.store.submissions[answer.json()["id"]]
    assert kept.request.source.endswith("/a/b")
    before = _uploads(place)
    for name in ("..", "../..", "/etc", "a/b/x.py", "nothing", "a/../../..", "x" * 900):
        assert (await _upload(place, tarball({"a/x": b"", "c": b""}), {"subdirectory": name})).status_code == 422
    assert _uploads(place) == before


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"", "application/json", 422),
        (b"{", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b'{"url": "\\ud800"}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b"x", "multipart/form-data", 400),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x", 400),
        (NO_FILE, "multipart/form-data; boundary=x", 422),
        (b"", "multipart/form-data; boundary=x", 422),
        (b"no boundary", "multipart/form-data; boundary=x", 400),
        (b"x", "multipart/form-data; boundary=" + "x" * 5000, 400),
    ],
)  # fmt: skip
async def test_malformed_bodies_are_refused(content: bytes, media: str, status: int, place: Site) -> None:
    async with place.client() as http:
        answer = await http.post("/v1/diagnoses", content=content, headers={"Content-Type": media})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_holds_an_archive_and_a_request_only(place: Site) -> None:
    async with place.client() as http:
        more = await http.post("/v1/diagnoses", files={"archive": b"x"}, data={"request": "{}", "extra": "1"})
        none = await http.post("/v1/diagnoses", files={"other": b"x"})
        two = await http.post("/v1/diagnoses", files=[("archive", b"x"), ("archive", b"y")])
    assert (more.status_code, none.status_code, two.status_code) == (400, 422, 400)


async def _allowed(tmp_path: Path, allowance: Allowance, body: AsyncIterator[bytes], **headers: str) -> httpx.Response:
    place = site(tmp_path)
    metrics = Metrics()
    tight = Around(place.app, allowance=allowance, metrics=metrics)
    secret = await place.token("red", "submit")
    kept = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json", **headers}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=tight), base_url="http://service") as http:
        return await http.post("/v1/diagnoses", content=body, headers=kept)


async def test_a_body_that_is_too_large_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"[" * 4096

    answer = await _allowed(tmp_path, Allowance(json_bytes=100_000), endless())
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:patchwright:problem:too-large")


async def test_a_declared_size_is_believed_when_it_is_too_large(tmp_path: Path) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"{"

    answer = await _allowed(tmp_path, Allowance(json_bytes=1000), nothing(), **{"Content-Length": "5000"})
    assert answer.status_code == 413


async def test_a_body_that_trickles_in_is_given_up(tmp_path: Path) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b"["
            await asyncio.sleep(0.02)

    answer = await _allowed(tmp_path, Allowance(patience_s=0.1, rate=1000), trickle())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


async def test_a_client_that_takes_no_byte_is_given_up(tmp_path: Path) -> None:
    place = site(tmp_path)
    tight = Around(place.app, allowance=Allowance(send_s=0.05), metrics=Metrics())
    sent: list[str] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def stuck(message: Message) -> None:
        sent.append(message["type"])
        await asyncio.sleep(30)

    scope: Scope = {
        "type": "http", "method": "GET", "path": "/livez", "query_string": b"", "headers": [], "client": None,
        "server": ("x", 80), "scheme": "http", "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    async with asyncio.timeout(25):  # it would be stuck for longer
        await tight(scope, receive, stuck)
    assert sent == ["http.response.start"]


async def test_a_callback_is_kept_with_the_run_and_shown_as_it_stands(place: Site) -> None:
    run = await place.submitted("red", callback="https://hooks.example/a")
    plain = await place.submitted("red")
    assert place.store.submissions[run].callback == "https://hooks.example/a"
    async with place.client() as http:
        shown = await http.get(f"/v1/diagnoses/{run}/callback")
        assert (shown.status_code, shown.json()["state"]) == (200, "waiting")
        assert (await http.get(f"/v1/diagnoses/{plain}/callback")).status_code == 404


async def test_a_tenant_that_asks_too_often_is_told_when_to_ask_again(tmp_path: Path) -> None:
    """Its own requests alone count."""
    place = site(tmp_path, requests_per_minute=5)
    async with place.client("red") as red, place.client("blue") as blue:
        answers = [await red.get("/v1/diagnoses") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert answers[-1].json()["type"] == "urn:patchwright:problem:too-many-requests"
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert (await blue.get("/v1/diagnoses")).status_code == 200
