"""The hub against GitHub's own description: every endpoint, every delivery; and against the product's own client."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.routing import compile_path

from tests.hub import FILES, Town, town
from workflows.github.hub.app import TABLES
from workflows.github.hub.route import Api, AppApi, OpenApi

BASE = "/repos/ada/shop"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path / "hub") as made:
        yield made


async def populated(hub: Town, end: str = "failure") -> tuple[str, str, int]:
    """(base, head, run): a pull whose workflow ended so."""
    base = (await hub.does("commits", repository="ada/shop", branch="main", files=FILES, by="ada"))["sha"]
    await hub.settled()
    await hub.does("automatic", on=False)
    changed = {"a.py": "one = 1\ntwo = 3\n"}
    head = (await hub.does("commits", repository="ada/shop", branch="work", files=changed, by="ada"))["sha"]
    await hub.does("pulls", repository="ada/shop", title="Three", head="work", by="ada", body="Why not")
    hub.runner.ends[head] = end
    run = (await hub.does("runs", repository="ada/shop", head=head, branch="work", by="ada", event="pull_request"))[
        "id"
    ]
    await hub.settled()
    return base, head, run


def payloads(hub: Town, event: str, action: str = "") -> list[dict[str, Any]]:
    told = [json.loads(one.body) for one in hub.received if one.event == event]
    return [one for one in told if not action or one["action"] == action]


async def test_every_endpoint_answers_as_github_describes(hub: Town) -> None:
    base, head, run = await populated(hub)
    token = await hub.token()
    check = {
        "name": "patchwright", "head_sha": head, "status": "completed", "conclusion": "failure", "external_id": "k",
        "output": {"title": "T", "summary": "S", "annotations": [
            {"path": "a.py", "start_line": 2, "end_line": 2, "annotation_level": "failure", "message": "m",
             "title": "t"}
        ]},
        "actions": [{"label": "Apply", "description": "Make a branch", "identifier": "apply"}],
    }  # fmt: skip
    made = (await hub.asks("POST", f"{BASE}/check-runs", token, json=check)).json()["id"]
    said = (await hub.asks("POST", f"{BASE}/issues/1/comments", token, json={"body": "Hello"})).json()["id"]
    gone = (await hub.asks("POST", f"{BASE}/issues/1/comments", token, json={"body": "Bye"})).json()["id"]
    tree = (await hub.asks("GET", f"{BASE}/git/commits/{head}", token)).json()["tree"]["sha"]
    blob = (await hub.asks("POST", f"{BASE}/git/blobs", token, json={"content": "x", "encoding": "utf-8"})).json()[
        "sha"
    ]
    entry = {"path": "c.py", "mode": "100644", "type": "blob", "content": "c = 3\n"}
    wanted = {"base_tree": tree, "tree": [entry, {"path": "a.py", "mode": "100644", "type": "blob", "sha": None}]}
    new = (await hub.asks("POST", f"{BASE}/git/trees", token, json=wanted)).json()["sha"]
    parts = {"message": "fix: c", "tree": new, "parents": [head]}
    commit = (await hub.asks("POST", f"{BASE}/git/commits", token, json=parts)).json()["sha"]
    job = (await hub.asks("GET", f"{BASE}/actions/runs/{run}/jobs", token)).json()["jobs"][0]["id"]
    remark = {"path": "a.py", "line": 2, "side": "RIGHT", "body": "```suggestion\ntwo = 2\n```"}
    review = {"commit_id": head, "body": "Look", "event": "COMMENT", "comments": [remark]}
    delivery = (await hub.asks("GET", "/app/hook/deliveries", hub.signed())).json()[0]["id"]
    ref = {"ref": "refs/heads/fix", "sha": commit}
    calls: list[tuple[str, str, Any, int]] = [
        ("GET", BASE, None, 200), ("GET", f"{BASE}/branches", None, 200), ("GET", f"{BASE}/branches/main", None, 200),
        ("GET", f"{BASE}/commits", None, 200), ("GET", f"{BASE}/commits/{head}", None, 200),
        ("GET", f"{BASE}/compare/{base}...{head}", None, 200), ("GET", f"{BASE}/contents/a.py", None, 200),
        ("GET", f"{BASE}/contents/docs", None, 200), ("GET", f"{BASE}/collaborators/ada/permission", None, 200),
        ("POST", f"{BASE}/git/refs", ref, 201), ("GET", f"{BASE}/git/ref/heads/fix", None, 200),
        ("GET", f"{BASE}/git/matching-refs/heads/f", None, 200), ("GET", f"{BASE}/git/trees/{new}", None, 200),
        ("GET", f"{BASE}/git/blobs/{blob}", None, 200),
        ("PATCH", f"{BASE}/git/refs/heads/fix", {"sha": head, "force": True}, 200),
        ("GET", f"{BASE}/pulls", None, 200), ("GET", f"{BASE}/pulls/1", None, 200),
        ("GET", f"{BASE}/pulls/1/files", None, 200), ("GET", f"{BASE}/pulls/1/commits", None, 200),
        ("POST", f"{BASE}/pulls/1/reviews", review, 200), ("GET", f"{BASE}/pulls/1/reviews", None, 200),
        ("GET", f"{BASE}/pulls/1/comments", None, 200), ("GET", f"{BASE}/commits/{head}/pulls", None, 200),
        ("POST", f"{BASE}/pulls", {"title": "Fix", "head": "fix", "base": "main"}, 201),
        ("PATCH", f"{BASE}/pulls/2", {"state": "closed"}, 200), ("DELETE", f"{BASE}/git/refs/heads/fix", None, 204),
        ("GET", f"{BASE}/issues/1", None, 200), ("GET", f"{BASE}/issues/1/comments", None, 200),
        ("GET", f"{BASE}/issues/comments/{said}", None, 200),
        ("PATCH", f"{BASE}/issues/comments/{said}", {"body": "Other"}, 200),
        ("DELETE", f"{BASE}/issues/comments/{gone}", None, 204),
        ("POST", f"{BASE}/issues/comments/{said}/reactions", {"content": "eyes"}, 201),
        ("GET", f"{BASE}/issues/comments/{said}/reactions", None, 200),
        ("GET", f"{BASE}/check-runs/{made}", None, 200), ("PATCH", f"{BASE}/check-runs/{made}", {"name": "other"}, 200),
        ("GET", f"{BASE}/check-runs/{made}/annotations", None, 200),
        ("GET", f"{BASE}/commits/{head}/check-runs", None, 200), ("GET", f"{BASE}/actions/runs", None, 200),
        ("GET", f"{BASE}/actions/workflows/ci.yml/runs", None, 200), ("GET", f"{BASE}/actions/runs/{run}", None, 200),
        ("GET", f"{BASE}/actions/runs/{run}/attempts/1", None, 200),
        ("GET", f"{BASE}/actions/runs/{run}/attempts/1/jobs", None, 200),
        ("GET", f"{BASE}/actions/runs/{run}/logs", None, 302),
        ("GET", f"{BASE}/actions/runs/{run}/attempts/1/logs", None, 302),
        ("GET", f"{BASE}/actions/jobs/{job}", None, 200),
        ("GET", f"{BASE}/actions/jobs/{job}/logs", None, 302),
        ("POST", f"{BASE}/actions/runs/{run}/rerun-failed-jobs", None, 201),
    ]  # fmt: skip
    for method, path, body, status in calls:
        answer = await hub.asks(method, path, token, json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.text}"
    await hub.settled()
    assert (await hub.asks("POST", f"{BASE}/actions/runs/{run}/rerun", token)).status_code == 201
    own = (
        ("GET", "/app", 200), ("GET", "/app/installations", 200), ("GET", f"{BASE}/installation", 200),
        ("GET", f"/app/installations/{hub.installation}", 200), ("GET", f"/app/hook/deliveries/{delivery}", 200),
        ("POST", f"/app/hook/deliveries/{delivery}/attempts", 202),
    )  # fmt: skip
    for method, path, status in own:
        assert (await hub.asks(method, path, hub.signed())).status_code == status, path
    made = await hub.asks("POST", f"/app-manifests/{await code(hub, MANIFEST)}/conversions")
    assert made.status_code == 201
    await hub.settled()
    assert sorted(set(hub.wrong)) == []
    asked = [(one.method, one.path) for one in hub.hub.audit if one.status < 400]
    assert [api for table in TABLES for api in table if not any(_fits(api, *one) for one in asked)] == []


MANIFEST: dict[str, Any] = {
    "name": "Fixes & more", "url": "https://pw.example/", "redirect_url": "http://127.0.0.1:9/made", "public": False,
    "hook_attributes": {"url": "https://pw.example/webhooks/github", "active": True},
    "default_permissions": {"checks": "write", "contents": "read"}, "default_events": ["check_run", "workflow_run"],
}  # fmt: skip


async def code(hub: Town, manifest: dict[str, Any]) -> str:
    """GitHub's code for a manifest, as a browser comes back with it."""
    web = hub.hub.world.web
    page = await hub.http.post(f"{web}/settings/apps/new?state=s-1", data={"manifest": json.dumps(manifest)})
    assert page.status_code == 200, page.text
    key = page.text.partition('name="key" value="')[2].partition('"')[0]
    back = await hub.http.post(f"{web}/settings/apps", data={"key": key}, headers={"Origin": web})
    assert back.status_code == 302, back.text
    where, _, query = back.headers["location"].partition("?")
    told = parse_qs(query)
    assert (where, told["state"]) == ("http://127.0.0.1:9/made", ["s-1"])
    return told["code"][0]


async def test_a_manifest_becomes_an_app_whose_key_is_told_once(hub: Town) -> None:
    """In an organization's name too; the App has what the manifest says, and its key signs for it."""
    first = await code(hub, MANIFEST)
    made = (await hub.asks("POST", f"/app-manifests/{first}/conversions")).json()
    assert (made["name"], made["slug"], made["events"]) == ("Fixes & more", "fixes-more", ["check_run", "workflow_run"])
    assert made["permissions"] == {"checks": "write", "contents": "read", "metadata": "read"}
    hub.app, hub.pem = made["id"], made["pem"]
    assert (await hub.asks("GET", "/app", hub.signed())).json()["id"] == made["id"]
    assert (await hub.asks("POST", f"/app-manifests/{first}/conversions")).status_code == 404
    assert (await hub.asks("POST", "/app-manifests/x/conversions")).status_code == 404


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": ""}, "name is missing"), ({"name": "x" * 35}, "too long"),
    ({"redirect_url": "javascript:1"}, "valid URL"), ({"hook_attributes": {"url": "http://["}}, "valid URL"),
    ({"default_permissions": {"checks": "all"}}, "read, write"),
    ({"default_events": ["stars"]}, "unsupported"), ({"default_events": "check_run"}, "unsupported"),
)  # fmt: skip


@pytest.mark.parametrize(("wrong", "why"), WRONG, ids=[why for _, why in WRONG])
async def test_a_manifest_that_is_wrong_makes_no_app(wrong: dict[str, Any], why: str, hub: Town) -> None:
    web = hub.hub.world.web
    told = {"manifest": json.dumps({**MANIFEST, **wrong})}
    page = await hub.http.post(f"{web}/organizations/acme/settings/apps/new", data=told)
    assert (page.status_code, why in page.text) == (422, True)
    assert (await hub.http.post(f"{web}/settings/apps/new", data={"manifest": "["})).status_code == 422
    mine = await hub.http.post(f"{web}/settings/apps/new", data={"manifest": json.dumps(MANIFEST)})
    key = mine.text.partition('name="key" value="')[2].partition('"')[0]
    elsewhere = await hub.http.post(
        f"{web}/settings/apps", data={"key": key}, headers={"Origin": "https://evil.example"}
    )
    assert elsewhere.status_code == 403
    assert len(hub.hub.world.apps) == 1


def _fits(api: Api | AppApi | OpenApi, method: str, path: str) -> bool:
    base = "/api/v3/repos/{owner}/{name}" if isinstance(api, Api) else "/api/v3"
    return api.method == method and compile_path(base + api.path)[0].match(path) is not None


async def test_an_invalid_workflow_is_a_startup_failure(hub: Town) -> None:
    files = {**FILES, ".github/workflows/ci.yml": "jobs: ["}
    head = (await hub.does("commits", repository="ada/shop", branch="main", files=files, by="ada"))["sha"]
    await hub.does("runs", repository="ada/shop", head=head, branch="main", by="ada")
    await hub.settled()
    (told,) = payloads(hub, "workflow_run", "completed")
    assert told["workflow_run"]["conclusion"] == "startup_failure"


async def test_every_delivery_is_as_github_describes_and_signed(hub: Town) -> None:
    _, head, run = await populated(hub)
    await hub.does("issues", repository="ada/shop", title="Broken", by="ben", body="It fails")
    await hub.does("labels", repository="ada/shop", number=2, label="patchwright", by="ada")
    await hub.does("labels", repository="ada/shop", number=1, label="patchwright", by="ada")
    said = await hub.does("comments", repository="ada/shop", number=1, body="/patchwright diagnose", by="ada")
    token = await hub.token()
    check = {
        "name": "patchwright", "head_sha": head, "output": {"title": "T", "summary": "S"},
        "actions": [{"label": "Apply", "description": "Make a branch", "identifier": "apply"}],
    }  # fmt: skip
    made = (await hub.asks("POST", f"{BASE}/check-runs", token, json=check)).json()["id"]
    await hub.asks("PATCH", f"{BASE}/check-runs/{made}", token, json={"conclusion": "success"})
    await hub.does("press", repository="ada/shop", check=made, identifier="apply", by="ada")
    await hub.does("press", repository="ada/shop", check=made, by="ada")
    await hub.does("uncomment", repository="ada/shop", comment=said["id"], by="ada")
    await hub.does("commits", repository="ada/shop", branch="work", files={"a.py": "x = 1\n"}, by="ada")
    await hub.does("close", repository="ada/shop", number=1, by="ada")
    await hub.does("reopen", repository="ada/shop", number=1, by="ada")
    await hub.does("close", repository="ada/shop", number=1, by="ada", merge=True)
    await hub.does("rerun", repository="ada/shop", run=run)
    await hub.does("rename", repository="ada/shop", name="store", by="ada")
    await hub.does("selection", installation=hub.installation, repository="ada/store", on=False)
    await hub.does("selection", installation=hub.installation, repository="ada/store", on=True)
    await hub.does("suspend", installation=hub.installation, on=True)
    await hub.does("suspend", installation=hub.installation, on=False)
    await hub.does("permissions", installation=hub.installation, permissions={"issues": "read"})
    received = await hub.settled()
    events = {one.event for one in received}
    assert events >= {
        "push", "pull_request", "issues", "issue_comment", "check_run", "check_suite", "workflow_run", "workflow_job",
        "installation", "installation_repositories", "repository",
    }  # fmt: skip
    actions = {one["action"] for one in payloads(hub, "pull_request")}
    assert actions >= {"opened", "synchronize", "closed", "reopened", "labeled"}
    assert sorted(set(hub.wrong)) == []
    for one in received:
        assert one.signature == "sha256=" + hmac.new(hub.secret.encode(), one.body, hashlib.sha256).hexdigest()
    assert len({one.guid for one in received}) == len(received)


async def test_a_failing_run_is_told_with_its_logs_and_runs_again(hub: Town) -> None:
    _, head, run = await populated(hub)
    (told,) = payloads(hub, "workflow_run", "completed")[-1:]
    assert (told["workflow_run"]["conclusion"], told["workflow_run"]["head_sha"]) == ("failure", head)
    assert [one["number"] for one in told["workflow_run"]["pull_requests"]] == [1]
    token = await hub.token(permissions={"actions": "write"})
    led = await hub.asks("GET", f"{BASE}/actions/runs/{run}/attempts/1/logs", token)
    packed = await hub.http.get(led.headers["location"])
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == ["0_test.txt", "test/1_Run make test.txt"]
        assert b"Z it ran" in archive.read("0_test.txt")
    refused = await hub.http.get(led.headers["location"], headers={"Authorization": f"Bearer {token}"})
    assert refused.status_code == 400
    hub.runner.ends.clear()
    await hub.asks("POST", f"{BASE}/actions/runs/{run}/rerun-failed-jobs", token)
    await hub.settled()
    again = (await hub.asks("GET", f"{BASE}/actions/runs/{run}", token)).json()
    assert (again["run_attempt"], again["conclusion"]) == (2, "success")
    assert (await hub.asks("POST", f"{BASE}/actions/runs/{run}/rerun-failed-jobs", token)).status_code == 403
    await hub.does("expire", repository="ada/shop", run=run)
    assert (await hub.asks("GET", f"{BASE}/actions/runs/{run}/attempts/1/logs", token)).status_code == 410


async def test_who_may_not_is_told_so(hub: Town) -> None:
    await populated(hub)
    await hub.does("repositories", name="ada/secret", private=True)
    reader = await hub.token(permissions={"issues": "read", "metadata": "read"})
    refused = await hub.asks("POST", f"{BASE}/issues/1/comments", reader, json={"body": "x"})
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    assert "issues=write" in refused.headers["x-accepted-github-permissions"]
    assert (await hub.asks("GET", "/repos/ada/secret", reader)).status_code == 404
    assert (await hub.asks("GET", BASE)).status_code == 404
    assert (await hub.asks("GET", BASE, "ghs_wrong")).status_code == 401
    path = f"/app/installations/{hub.installation}/access_tokens"
    for jwt in (hub.signed(ahead=-3600), hub.signed(life=7200), hub.signed(ahead=3600), "a.b.c"):
        assert (await hub.asks("POST", path, jwt)).status_code == 401
    assert (await hub.asks("POST", path, hub.signed(), json={"permissions": {"secrets": "write"}})).status_code == 422
    for body in ({"repository_ids": [1]}, {"repository_ids": 1}, {"repository_ids": ["x"]}, {"repositories": ["no"]}):
        assert (await hub.asks("POST", path, hub.signed(), json=body)).status_code == 422
    await hub.does("uninstall", installation=hub.installation)
    assert (await hub.asks("GET", BASE, reader)).status_code == 401
    assert (await hub.asks("POST", path, hub.signed())).status_code == 404


async def test_a_renamed_repository_is_found_by_its_old_name_and_its_id(hub: Town) -> None:
    await populated(hub)
    token = await hub.token()
    number = (await hub.asks("GET", BASE, token)).json()["id"]
    await hub.does("rename", repository="ada/shop", name="store", by="ada")
    moved = await hub.asks("GET", f"{BASE}/pulls/1", token)
    assert (moved.status_code, moved.headers["location"]) == (
        301, f"{hub.hub.world.api}/repositories/{number}/pulls/1",
    )  # fmt: skip
    found = await hub.http.get(moved.headers["location"], headers={"Authorization": f"Bearer {token}"})
    assert found.json()["base"]["repo"]["full_name"] == "ada/store"


async def test_what_is_too_much_or_wrong_is_refused_whole(hub: Town) -> None:
    _, head, _ = await populated(hub)
    token = await hub.token()
    note = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}
    button = {"label": "A label that is far too long", "description": "d", "identifier": "i"}
    check = {"name": "x", "head_sha": head, "output": {"title": "t", "summary": "s"}}
    wrong: tuple[tuple[str, Any], ...] = (
        (f"{BASE}/issues/1/comments", {"body": "x" * 65_537}),
        (f"{BASE}/check-runs", {**check, "output": {"title": "t", "summary": "s", "annotations": [note] * 51}}),
        (f"{BASE}/check-runs", {**check, "output": {"title": "t", "summary": "s" * 65_536}}),
        (f"{BASE}/check-runs", {**check, "actions": [button]}),
        (f"{BASE}/check-runs", {**check, "actions": [{**button, "label": "l"}] * 4}),
        (f"{BASE}/pulls/1/reviews", {"event": "COMMENT", "comments": [
            {"path": "a.py", "line": 2, "side": "RIGHT", "body": "in the diff"},
            {"path": "a.py", "line": 900, "side": "RIGHT", "body": "not in it"},
        ]}),
        (f"{BASE}/git/refs", {"ref": "refs/heads/work", "sha": head}),
        (f"{BASE}/pulls", {"title": "again", "head": "work", "base": "main"}),
    )  # fmt: skip
    for path, body in wrong:
        answer = await hub.asks("POST", path, token, json=body)
        assert answer.status_code == 422, f"{path}: {answer.text[:200]}"
    place = hub.hub.world.named("ada", "shop")
    assert place is not None
    assert not place.reviews
    assert not [one for one in place.checks.values() if one.app]


async def test_faults_happen_at_the_call_they_are_set_for(hub: Town) -> None:
    await populated(hub)
    token = await hub.token()
    path, body = f"{BASE}/issues/1/comments", {"body": "Hello"}
    await hub.does("faults", faults=[{"path": "/comments$", "method": "POST", "nth": 2, "status": 502}])
    codes = [(await hub.asks("POST", path, token, json=body)).status_code for _ in range(3)]
    assert codes == [201, 502, 201]
    await hub.does("faults", faults=[{"path": "/comments$", "method": "POST", "sort": "lost"}])
    with pytest.raises(Exception, match=r"peer closed|incomplete"):
        await hub.asks("POST", path, token, json=body)
    assert len((await hub.asks("GET", path, token)).json()) == 3, "a lost answer's comment is there all the same"
    await hub.does("faults", faults=[{"path": "/comments$", "sort": "secondary", "seconds": 7}])
    slow = await hub.asks("POST", path, token, json=body)
    assert (slow.status_code, slow.headers["retry-after"]) == (403, "7")
    await hub.does("faults", faults=[])
    await hub.does("limits", installation=hub.installation, seconds=60)
    spent = await hub.asks("GET", path, token)
    assert (spent.status_code, spent.headers["x-ratelimit-remaining"]) == (403, "0")
    await hub.does("limits", installation=hub.installation)
    codes = [(await hub.asks("POST", path, token, json=body)).status_code for _ in range(81)]
    assert codes[79:] == [201, 403], "eighty contents a minute"


async def test_deliveries_are_lost_doubled_and_sent_again_under_their_guid(hub: Town) -> None:
    await populated(hub)
    await hub.does("disorder", twice=1.0)
    before = len(hub.received)
    await hub.does("comments", repository="ada/shop", number=1, body="twice", by="ada")
    await hub.settled()
    first, second = hub.received[before:]
    assert first.guid == second.guid
    await hub.does("disorder", lost=1.0)
    before = len(hub.received)
    await hub.does("comments", repository="ada/shop", number=1, body="lost", by="ada")
    await hub.settled()
    assert len(hub.received) == before
    log = (await hub.asks("GET", "/app/hook/deliveries", hub.signed())).json()
    assert (log[0]["event"], log[0]["status_code"]) == ("issue_comment", 0)
    await hub.asks("POST", f"/app/hook/deliveries/{log[0]['id']}/attempts", hub.signed())
    await hub.settled()
    assert hub.received[-1].guid == log[0]["guid"]
    assert (await hub.asks("GET", "/app/hook/deliveries", hub.signed())).json()[0]["redelivery"] is True
    await hub.does("disorder", mixed=50, seed=3)
    before = len(hub.received)
    for at in range(30):
        await hub.does("comments", repository="ada/shop", number=1, body=str(at), by="ada")
    await hub.settled()
    assert len(hub.received) == before + 30


async def test_control_wants_json_and_says_what_is_wrong(hub: Town) -> None:
    web = hub.hub.world.web
    for word in ({}, {"Authorization": "Bearer wrong"}):
        assert (await hub.http.post(f"{web}/_hub/people", json={"login": "eve"}, headers=word)).status_code == 401
    hub.http.headers.update(hub.steering)
    assert (await hub.http.post(f"{web}/_hub/people", data={"login": "eve"})).status_code == 415
    wrong = await hub.http.post(f"{web}/_hub/people", json={"name": "eve"})
    assert (wrong.status_code, "login" in wrong.json()["message"]) == (422, True)
    assert (await hub.http.post(f"{web}/_hub/nothing", json={})).status_code == 404
    wrong = await hub.http.post(f"{web}/_hub/repositories", json={"name": "ada/x", "folder": "/nowhere"})
    assert (wrong.status_code, wrong.json()["message"]) == (422, "the folder is no repository of git")
    assert (await hub.http.get(f"{web}/", headers={"Host": "evil.example"})).status_code == 400


UNFIT: tuple[object, ...] = (None, 1, -1, 1e300, True, "x", "--help", "x" * 300, [], {}, [None], [1], {"a": 1})
WRITES: dict[str, tuple[str, ...]] = {
    "POST /pulls": ("title", "head", "base", "body"), "PATCH /pulls/1": ("title", "state", "body"),
    "POST /pulls/1/reviews": ("comments", "event", "commit_id", "body"), "POST /issues/1/comments": ("body",),
    "POST /check-runs": ("name", "head_sha", "status", "conclusion", "output", "actions", "started_at", "external_id"),
    "POST /git/trees": ("tree", "base_tree"), "POST /git/commits": ("tree", "message", "parents"),
    "POST /git/refs": ("ref", "sha"), "POST /git/blobs": ("content", "encoding"),
}  # fmt: skip
ODD = (
    "/git/ref/..%2f..", "/contents/..%2f..%2fetc", "/contents/%00", "/compare/a...", "/compare/--output=x...main",
    "/commits/--all", "/git/trees/--x", "/git/commits/zz", "/commits/%0a/pulls", "/branches/-x", "/issues/99999999999",
    "/collaborators/%ff/permission", "/pulls?per_page=-1&page=99999999999", "/commits?sha=--help",
    "/contents/a.py?ref=--x", "/git/matching-refs/..", "/actions/workflows/%00/runs",
)  # fmt: skip


async def test_nothing_that_is_sent_makes_it_fall_over(hub: Town) -> None:
    _, head, _ = await populated(hub)
    secret = {"Authorization": f"Bearer {await hub.token()}"}
    base = hub.hub.world.api + BASE
    fit: dict[str, object] = {
        "title": "t", "head": "work", "base": "main", "name": "c", "head_sha": head, "tree": head, "message": "m",
        "output": {"title": "t", "summary": "s"}, "parents": [head], "ref": "refs/heads/q", "sha": head, "body": "b",
        "content": "x", "comments": [], "event": "COMMENT", "commit_id": head,
    }  # fmt: skip
    broken = []
    for call, fields in WRITES.items():
        method, path = call.split()
        for name in fields:
            hub.hub.limits.budgets.clear()
            for value in UNFIT:
                body = {one: fit[one] for one in fields if one in fit} | {name: value}
                answer = await hub.http.request(method, base + path, json=body, headers=secret)
                broken += [f"{call} {name}={value!r}"[:80]] if answer.status_code >= 500 else []
    for path in ODD:
        answer = await hub.http.get(base + path, headers=secret)
        broken += [path] if answer.status_code >= 500 else []
    for raw in (b"{", b"[]", b"\xff", b"[" * 100_000):
        answer = await hub.http.post(f"{base}/pulls", content=raw, headers=secret)
        assert answer.status_code == 400
    assert broken == []


async def test_the_audit_says_which_process_asked_for_which_token(hub: Town) -> None:
    await populated(hub)
    path = f"{hub.hub.world.api}/app/installations/{hub.installation}/access_tokens"
    for name, level in (("bot", "read"), ("publisher", "write")):
        headers = {"Authorization": f"Bearer {hub.signed()}", "User-Agent": name}
        made = await hub.http.post(path, json={"permissions": {"issues": level}}, headers=headers)
        headers["Authorization"] = f"Bearer {made.json()['token']}"
        assert (await hub.http.get(f"{hub.hub.world.api}{BASE}/issues/1/comments", headers=headers)).status_code == 200
    told = await hub.does("audit")
    held = [(one["process"], "(write" in one["label"]) for one in told["tokens"]]
    assert held == [("bot", False), ("publisher", True)]
    assert [one["who"] for one in told["heard"] if one["path"].endswith("/comments")] == [
        one["label"] for one in told["tokens"]
    ]
    assert "ghs_" not in str(told)


def test_tables_name_each_endpoint_once() -> None:
    named = [(api.method, isinstance(api, Api), api.path) for table in TABLES for api in table]
    assert len(named) == len(set(named))
