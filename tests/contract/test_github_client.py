"""The client against GitHub's own description: every request it can make, and example answers that GitHub wrote."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.github_description import Asked, violations
from tests.github_server import TOKEN, GithubServer, Said, github_server
from tests.waiting import PATIENCE_S
from workflows.github.client import GithubForge, app_of, office
from workflows.github.client.access import Access
from workflows.github.client.address import address_of
from workflows.github.client.credentials import AppKey, Clock
from workflows.github.client.pace import Pace
from workflows.github.client.wire import Wire
from workflows.github.forge import (
    Absent,
    Expired,
    Forbidden,
    ForgeAway,
    ForgeBusy,
    ForgeError,
    Refused,
    Unreadable,
)
from workflows.github.names import RepositoryName
from workflows.github.values import Button, Check, FixBranch, Note, Place, Suggestion

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
NAME = RepositoryName(owner="octocat", name="Hello-World")
PLACE = Place(id=1296269, name=NAME, installation=5)
BASE = "/repos/octocat/Hello-World"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
Acted = Callable[[GithubForge], Awaitable[object]]


@pytest.fixture
def github() -> Iterator[GithubServer]:
    with github_server() as server:
        yield server


async def _no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def _access(
    server: GithubServer, http: httpx.AsyncClient, *, writes: bool = True, clock: Clock | None = None
) -> Access:
    wire = Wire(http, address_of(server.url), clock or Clock(), _no_sleep)
    return Access(wire, AppKey(77, KEY), writes=writes)


@pytest.fixture
async def forge(github: GithubServer) -> AsyncIterator[GithubForge]:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        yield GithubForge(_access(github, http), http)


def note(at: int) -> Note:
    return Note(path="a.py", start=at, end=at, level="failure", title="t", message="m")


CHECK = Check(
    name="patchwright", head_sha=SHA, external="k", status="completed", conclusion="neutral", title="Title",
    summary="Words", text="More", notes=tuple(note(at) for at in range(1, 121)), url="https://example.org/x",
    buttons=(Button(label="Apply", description="Make a branch", identifier="apply"),),
)  # fmt: skip
LINES = (
    Suggestion(path="a.py", start=2, end=2, body="```suggestion\nx\n```"),
    Suggestion(path="a.py", start=4, end=6, body="```suggestion\ny\n```"),
)
FIX = FixBranch(branch="patchwright/fix-1", parent=SHA, message="fix: it", files={"a/b.py": "x = 1\n", "gone.py": None})


async def _read(context: object) -> None:
    async with context as file:  # type: ignore[attr-defined]
        file.read()


CALLS: dict[str, Acted] = {
    "place": lambda f: f.place(PLACE),
    "run": lambda f: f.run(PLACE, 30433642),
    "attempt": lambda f: f.run(PLACE, 30433642, 1),
    "runs": lambda f: f.runs(PLACE, branch="main", head_sha=SHA, status="success"),
    "runs of a workflow": lambda f: f.runs(PLACE, workflow=161335, status="completed", most=5),
    "jobs": lambda f: f.jobs(PLACE, 29679449, 1),
    "pull": lambda f: f.pull(PLACE, 1347),
    "pulls with": lambda f: f.pulls_with(PLACE, SHA),
    "pulls from": lambda f: f.pulls_from(PLACE, NAME, "new-topic"),
    "changed": lambda f: f.changed(PLACE, 1347),
    "merge base": lambda f: f.merge_base(PLACE, "main", SHA),
    "file": lambda f: f.file(PLACE, "docs/a b#c.md", "main"),
    "permission": lambda f: f.permission(PLACE, "octocat"),
    "comments": lambda f: f.comments(PLACE, 1),
    "comment": lambda f: f.comment(PLACE, 1),
    "checks": lambda f: f.checks(PLACE, SHA),
    "add comment": lambda f: f.add_comment(PLACE, 1, "hello"),
    "edit comment": lambda f: f.edit_comment(PLACE, 1, "hello"),
    "react": lambda f: f.react(PLACE, 1, "eyes"),
    "add check": lambda f: f.add_check(PLACE, CHECK),
    "edit check": lambda f: f.edit_check(PLACE, 4, CHECK),
    "suggest": lambda f: f.suggest(PLACE, 1, SHA, "Words", LINES),
    "rerun": lambda f: f.rerun(PLACE, 1),
    "head of": lambda f: f.head_of(PLACE, "feature/a"),
    "open pull": lambda f: f.open_pull(PLACE, title="t", body="b", head="patchwright/fix", base="main"),
}


def _broken(asked: list[Asked]) -> list[str]:
    return [f"{one.method} {one.target}: {wrong}" for one in asked for wrong in violations(one)]


@pytest.mark.parametrize("name", CALLS)
async def test_what_is_asked_is_what_github_describes(name: str, github: GithubServer, forge: GithubForge) -> None:
    await CALLS[name](forge)
    own = [one for one in github.asked if not one.target.endswith("/access_tokens")]
    assert own
    assert _broken(github.asked) == []
    assert all(one.headers["authorization"] == f"Bearer {TOKEN}" for one in own)
    assert all(one.headers["x-github-api-version"] == "2022-11-28" for one in own)


async def test_answers_of_githubs_own_examples_become_values(forge: GithubForge) -> None:
    run = await forge.run(PLACE, 30433642)
    pull = await forge.pull(PLACE, 1347)
    jobs = await forge.jobs(PLACE, 29679449, 1)
    comments = await forge.comments(PLACE, 1)
    changed = await forge.changed(PLACE, 1347)
    assert (run.id, run.workflow, run.head_branch, run.event) == (30433642, 159038, "main", "push")
    assert (pull.number, pull.head_ref, pull.open, pull.base_ref) == (1347, "new-topic", True, "master")
    assert [(job.name, job.conclusion) for job in jobs] == [("build", "success")]
    assert comments[0].author == "octocat"
    assert changed[0].patch.startswith("@@")


async def test_tokens_are_for_one_repository_and_for_what_the_call_needs(
    github: GithubServer, forge: GithubForge
) -> None:
    await forge.comments(PLACE, 1)
    await forge.add_comment(PLACE, 1, "a")
    await forge.add_comment(PLACE, 1, "b")
    await forge.add_check(PLACE, CHECK.model_copy(update={"notes": ()}))
    minted = [json.loads(one.body) for one in github.calls("POST", "access_tokens")]
    assert all(one["repository_ids"] == [PLACE.id] for one in minted)
    assert len(minted) == 3
    assert "write" not in minted[0]["permissions"].values()
    assert minted[2]["permissions"] == {"checks": "write", "metadata": "read"}
    signed = github.calls("POST", "access_tokens")[0].headers["authorization"].removeprefix("Bearer ")
    claims = jwt.decode(signed, KEY.public_key(), algorithms=["RS256"], options={"verify_iat": False})
    assert claims["iss"] == "77"
    assert claims["exp"] - claims["iat"] == 600


async def test_a_reader_never_asks_for_a_token_that_writes(github: GithubServer) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        forge = GithubForge(_access(github, http, writes=False), http)
        with pytest.raises(Forbidden, match="only read"):
            await forge.add_comment(PLACE, 1, "a")
    assert github.asked == []


async def test_a_token_near_its_end_is_made_anew_and_one_that_ended_early_too(
    github: GithubServer, forge: GithubForge
) -> None:
    github.expires = "2020-01-01T00:00:00Z"
    await forge.pull(PLACE, 1347)
    await forge.pull(PLACE, 1347)
    assert len(github.calls("POST", "access_tokens")) == 2
    github.expires = "2999-01-01T00:00:00Z"
    github.on(f"GET {BASE}/pulls/9", Said(401, {"message": "Bad credentials"}), Said(404, {"message": "Not Found"}))
    with pytest.raises(Absent):
        await forge.pull(PLACE, 9)
    assert len(github.calls("POST", "access_tokens")) == 4


async def test_a_clock_that_is_wrong_is_set_by_githubs(github: GithubServer) -> None:
    def judged(asked: Asked) -> Said:
        token = asked.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        if claims["exp"] < 1_900_000_000:
            date = {"Date": "Sun, 17 Mar 2030 17:46:40 GMT"}
            return Said(401, {"message": "'Expiration time' claim ('exp') is too far in the past"}, date)
        body = {"token": TOKEN, "expires_at": "2031-01-01T00:00:00Z", "permissions": {}}
        return Said(201, body, {"Date": "Sun, 17 Mar 2030 17:46:40 GMT"})

    github.on("POST /app/installations/5/access_tokens", judged)
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        forge = GithubForge(_access(github, http, clock=Clock(lambda: 1_600_000_000.0)), http)
        assert (await forge.pull(PLACE, 1347)).number == 1347


ERRORS: tuple[tuple[Said, type[ForgeError], str], ...] = (
    (Said(403, {"message": "Resource not accessible"}, {"x-accepted-github-permissions": "issues=write"}),
     Forbidden, "issues=write"),
    (Said(404, {"message": "Not Found"}), Absent, "Not Found"),
    (Said(410, {"message": "Gone"}), Expired, "Gone"),
    (Said(422, {"message": "Validation Failed", "errors": [{"code": "too_long"}]}), Refused, "too_long"),
    (Said(500, raw=b"<html>oops"), ForgeAway, "500"),
    (Said(503, {"message": "x"}), ForgeAway, "503"),
    (Said(200, raw=b"not json"), Unreadable, "JSON"),
    (Said(200, {"number": "x"}), Unreadable, "described"),
    (Said(200, [1]), Unreadable, "described"),
    (Said(200, raw=b"[" * 100_000), Unreadable, "JSON"),
    (Said(302, headers={"Location": "https://evil.example/"}), Unreadable, "elsewhere"),
    (Said(200, raw=b" " * (9 << 20)), Unreadable, "larger"),
)  # fmt: skip


@pytest.mark.parametrize(("said", "kind", "word"), ERRORS)
async def test_every_answer_that_is_no_success_has_its_error(
    said: Said, kind: type[ForgeError], word: str, github: GithubServer, forge: GithubForge
) -> None:
    github.on(f"GET {BASE}/pulls/1", said)
    with pytest.raises(kind, match=word) as caught:
        await forge.pull(PLACE, 1)
    assert TOKEN not in str(caught.value)
    assert type(caught.value) is kind


LIMITS = (
    Said(429, {"message": "slow down"}, {"Retry-After": "7"}),
    Said(403, {"message": "You have exceeded a secondary rate limit"}),
    Said(
        403, {"message": "API rate limit exceeded"}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1600000030"}
    ),
)


@pytest.mark.parametrize(("said", "after"), list(zip(LIMITS, (7.0, 60.0, 31.0), strict=True)))
async def test_a_rate_limit_is_told_and_obeyed(said: Said, after: float, github: GithubServer) -> None:
    said.headers["Date"] = "Sun, 13 Sep 2020 12:26:40 GMT"
    github.on(f"GET {BASE}/pulls/1", said)
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        access = _access(github, http, clock=Clock(lambda: 1_600_000_000.0))
        access.wire.clock.read("Sun, 13 Sep 2020 12:26:40 GMT")
        token = {"token": TOKEN, "expires_at": "2999-01-01T00:00:00Z"}
        github.on("POST /app/installations/5/access_tokens", Said(201, token, dict(said.headers)))
        forge = GithubForge(access, http)
        with pytest.raises(ForgeBusy) as caught:
            await forge.pull(PLACE, 1)
        assert caught.value.after_s == after
        before = len(github.asked)
        with pytest.raises(ForgeBusy):
            await forge.comments(PLACE, 1)
    assert len(github.asked) == before  # not even asked


async def test_a_budget_that_just_ran_out_closes_the_door_before_github_does(
    github: GithubServer, forge: GithubForge
) -> None:
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999"}
    github.on(f"GET {BASE}/issues/1/comments", Said(200, [], spent))
    assert await forge.comments(PLACE, 1) == ()
    with pytest.raises(ForgeBusy):
        await forge.pull(PLACE, 1)


async def test_a_lost_answer_is_asked_for_again_only_where_that_says_nothing_twice(
    github: GithubServer, forge: GithubForge
) -> None:
    github.on(f"GET {BASE}/issues/1/comments", Said(drop=True), Said(200, []))
    github.on(f"POST {BASE}/issues/1/comments", Said(drop=True))
    github.on(f"PATCH {BASE}/issues/comments/3", Said(drop=True), Said(200, {"id": 3}))
    assert await forge.comments(PLACE, 1) == ()
    await forge.edit_comment(PLACE, 3, "b")
    with pytest.raises(ForgeAway):
        await forge.add_comment(PLACE, 1, "a")
    assert len(github.calls("POST", "/issues/1/comments")) == 1


async def test_what_has_not_changed_is_not_sent_again(github: GithubServer, forge: GithubForge) -> None:
    def told(asked: Asked) -> Said:
        if asked.headers.get("if-none-match") == '"a"':
            return Said(304)
        return Said(200, [{"id": 1, "body": "x"}], {"ETag": '"a"'})

    github.on(f"GET {BASE}/issues/1/comments", told)
    first = await forge.comments(PLACE, 1)
    assert await forge.comments(PLACE, 1) == first
    assert [one.headers.get("if-none-match") for one in github.calls("GET", "/comments")] == [None, '"a"']
    await forge.add_comment(PLACE, 1, "a")
    await forge.comments(PLACE, 1)
    assert github.calls("GET", "/comments")[-1].headers.get("if-none-match") is None


async def test_all_pages_are_read_and_no_page_of_somebody_else(github: GithubServer, forge: GithubForge) -> None:
    def page(asked: Asked) -> Said:
        if "page=2" in asked.target.replace("per_page=", ""):
            return Said(200, [{"id": 2, "body": "two"}])
        following = f'<{github.url}{BASE}/issues/1/comments?per_page=100&page=2>; rel="next"'
        return Said(200, [{"id": 1, "body": "one"}], {"Link": following})

    github.on(f"GET {BASE}/issues/1/comments", page)
    assert [one.id for one in await forge.comments(PLACE, 1)] == [1, 2]
    evil = {"Link": '<https://evil.example/x>; rel="next"'}
    github.on(f"GET {BASE}/issues/2/comments", Said(200, [{"id": 1}], evil))
    with pytest.raises(Unreadable, match="not its own"):
        await forge.comments(PLACE, 2)


async def test_a_renamed_repository_is_followed_and_a_stranger_with_its_name_is_not(
    github: GithubServer, forge: GithubForge
) -> None:
    there = {"Location": f"{github.url}/repositories/1296269"}
    github.on(f"GET {BASE}", Said(301, {"message": "Moved Permanently"}, there))
    github.on("GET /repositories/1296269", Said(200, {"id": 1296269, "full_name": "octocat/Renamed"}))
    assert str((await forge.place(PLACE)).name) == "octocat/Renamed"
    moved = {"Location": f"{github.url}/repositories/1296269/issues/1/comments"}
    github.on(f"POST {BASE}/issues/1/comments", Said(307, None, moved))
    github.on("POST /repositories/1296269/issues/1/comments", Said(201, {"id": 8}))
    assert await forge.add_comment(PLACE, 1, "a") == 8
    github.on(f"GET {BASE}", Said(200, {"id": 5, "full_name": str(NAME)}))
    with pytest.raises(Absent, match="another repository"):
        await forge.place(PLACE)


def _zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("0_test.txt", "hello")
    return made.getvalue()


async def test_logs_are_fetched_where_the_redirect_leads_and_without_the_token(
    github: GithubServer, forge: GithubForge
) -> None:
    path = f"{BASE}/actions/runs/1/attempts/2/logs"
    github.on(f"GET {path}", Said(302, headers={"Location": f"{github.url}/storage/x?sig=1"}))
    github.on("GET /storage/x", Said(200, raw=_zip()))
    async with forge.archive(PLACE, 1, 2) as file:
        assert zipfile.ZipFile(file).read("0_test.txt") == b"hello"
    assert "authorization" not in github.calls("GET", "/storage/x")[0].headers
    assert violations(github.calls("GET", path)[0]) == []


LOGS: tuple[tuple[Said, Said, type[ForgeError]], ...] = (
    (Said(302, headers={"Location": "https://evil.example/x"}), Said(), Unreadable),
    (Said(302, headers={"Location": "https://169.254.169.254/latest"}), Said(), Unreadable),
    (Said(302, headers={"Location": "file:///etc/passwd"}), Said(), Unreadable),
    (Said(410, {"message": "Gone"}), Said(), Expired),
    (Said(404, {"message": "Not Found"}), Said(), Absent),
    (Said(302, headers={"Location": "STORAGE"}), Said(404), Expired),
    (Said(302, headers={"Location": "STORAGE"}), Said(403), ForgeAway),
    (Said(302, headers={"Location": "STORAGE"}), Said(500), ForgeAway),
    (Said(302, headers={"Location": "STORAGE"}), Said(302, headers={"Location": "https://evil.example/"}), Unreadable),
    (Said(302, headers={"Location": "STORAGE"}), Said(302, headers={"Location": "STORAGE"}), Unreadable),
)


@pytest.mark.parametrize(("first", "second", "kind"), LOGS)
async def test_logs_that_cannot_be_had(
    first: Said, second: Said, kind: type[ForgeError], github: GithubServer, forge: GithubForge
) -> None:
    storage = f"{github.url}/storage/x"
    for said in (first, second):
        said.headers = {name: value.replace("STORAGE", storage) for name, value in said.headers.items()}
    github.on(f"GET {BASE}/actions/jobs/7/logs", first)
    github.on("GET /storage/x", second)
    with pytest.raises(kind):
        await _read(forge.job_log(PLACE, 7))


async def test_a_check_run_that_is_edited_gets_only_the_notes_it_lacks(
    github: GithubServer, forge: GithubForge
) -> None:
    there = [{"path": "a.py", "start_line": at, "title": "t", "message": "m"} for at in range(1, 61)]
    github.on(f"GET {BASE}/check-runs/4/annotations", Said(200, there))
    await forge.edit_check(PLACE, 4, CHECK)
    sent = [json.loads(one.body)["output"].get("annotations", []) for one in github.calls("PATCH", "/check-runs/4")]
    assert [len(notes) for notes in sent] == [50, 10]
    assert min(one["start_line"] for notes in sent for one in notes) == 61


async def test_a_fix_is_one_commit_and_asking_again_finds_it(github: GithubServer, forge: GithubForge) -> None:
    tree, made = "a" * 40, "b" * 40
    entries = [{"path": "a", "mode": "040000", "type": "tree", "sha": "c" * 40}]
    inner = [{"path": "b.py", "mode": "100755", "type": "blob", "sha": "d" * 40}]
    commit = {"sha": SHA, "tree": {"sha": "e" * 40}, "parents": []}
    github.on(f"GET {BASE}/git/commits/{SHA}", Said(200, commit))
    github.on(f"GET {BASE}/git/trees/{'e' * 40}", Said(200, {"sha": "e" * 40, "tree": entries}))
    github.on(f"GET {BASE}/git/trees/{'c' * 40}", Said(200, {"sha": "c" * 40, "tree": inner}))
    github.on(f"POST {BASE}/git/trees", Said(201, {"sha": tree}))
    github.on(f"POST {BASE}/git/commits", Said(201, {"sha": made}))
    ref = f"GET {BASE}/git/ref/heads/patchwright/fix-1"
    github.on(ref, Said(404, {"message": "Not Found"}), Said(200, {"object": {"sha": made}}))
    github.on(
        f"GET {BASE}/git/commits/{made}", Said(200, {"sha": made, "tree": {"sha": tree}, "parents": [{"sha": SHA}]})
    )
    github.on(f"POST {BASE}/git/refs", Said(422, {"message": "Reference already exists"}))  # an answer was lost before
    assert await forge.branch(PLACE, FIX) == made
    assert await forge.branch(PLACE, FIX) == made
    assert len(github.calls("POST", "/git/commits")) == 1
    sent = json.loads(github.calls("POST", "/git/trees")[0].body)["tree"]
    assert sent == [
        {"path": "a/b.py", "mode": "100755", "type": "blob", "content": "x = 1\n"},
        {"path": "gone.py", "mode": "100644", "type": "blob", "sha": None},
    ]
    assert _broken(github.asked) == []
    other = {"sha": made, "tree": {"sha": "f" * 40}, "parents": [{"sha": SHA}]}
    github.on(f"GET {BASE}/git/commits/{made}", Said(200, other))
    with pytest.raises(Refused, match="another commit"):
        await forge.branch(PLACE, FIX)


async def test_a_pull_request_that_is_open_is_not_opened_twice(github: GithubServer, forge: GithubForge) -> None:
    end = {"ref": "fix", "sha": SHA, "repo": {"id": 1296269, "full_name": str(NAME)}}
    pull = {"number": 12, "head": end, "base": end}
    github.on(f"GET {BASE}/pulls", Said(200, []), Said(200, [pull]))
    github.on(f"POST {BASE}/pulls", Said(422, {"message": "A pull request already exists"}))
    assert await forge.open_pull(PLACE, title="t", body="b", head="fix", base="main") == 12


async def test_folders_and_paths_that_lead_out_are_no_files(github: GithubServer, forge: GithubForge) -> None:
    github.on(f"GET {BASE}/contents/docs", Said(200, [], {"Content-Type": "application/json; charset=utf-8"}))
    github.on(
        f"GET {BASE}/contents/a.py",
        Said(200, raw=b"x\xff", headers={"Content-Type": "application/vnd.github.raw+json"}),
    )
    assert await forge.file(PLACE, "docs", "main") is None
    assert await forge.file(PLACE, "../../x", "main") is None
    assert await forge.file(PLACE, "a.py", "main") == b"x\xff"
    github.on(f"GET {BASE}/contents/none", Said(404, {"message": "Not Found"}))
    assert await forge.file(PLACE, "none", "main") is None


async def test_deliveries_that_no_later_try_brought_are_missed(github: GithubServer, tmp_path: Path) -> None:
    tried = (("c", 500), ("c", 404), ("b", 502), ("a", 0), ("b", 500), ("a", 202))
    log = [
        {"id": number, "guid": guid, "status_code": code, "delivered_at": f"2026-11-01T10:00:0{number}Z"}
        for number, (guid, code) in enumerate(tried)
    ]
    github.on("GET /app/hook/deliveries", Said(200, log[::-1]))
    pem = tmp_path / "key.pem"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    async with office(app_of(github.url, 77, pem)) as own:
        known = own.missed
        assert [one async for one in known.failed(datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC))] == [4, 1]
        assert [one async for one in known.failed(datetime(2026, 11, 1, 10, 0, 2, tzinfo=UTC))] == [4]
        await known.redeliver(4)
    assert _broken(github.asked) == []


async def test_more_writes_than_github_allows_are_not_tried(github: GithubServer) -> None:
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        forge = GithubForge(_access(github, http), http, Pace(((60.0, 2), (3600.0, 500))))
        await forge.add_comment(PLACE, 1, "a")
        await forge.add_comment(PLACE, 1, "b")
        with pytest.raises(ForgeBusy):
            await forge.add_comment(PLACE, 1, "c")
        await forge.add_comment(PLACE.model_copy(update={"installation": 6}), 1, "c")
    assert len(github.calls("POST", "/issues/1/comments")) == 3


async def test_both_ends_are_made_from_a_key_file(github: GithubServer, tmp_path: Path) -> None:
    pem = tmp_path / "key.pem"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    app = app_of(github.url, 77, pem)
    async with office(app) as own:
        assert (await own.reads.pull(PLACE, 1347)).number == 1347
        assert own.forge.app == 77
        assert "PRIVATE" not in repr(app)
