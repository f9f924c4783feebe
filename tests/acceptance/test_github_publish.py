"""`patchwright github publish` as a process, on a real Postgres, against a server that answers as GitHub describes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.github import PLACE, commit, pull
from tests.github_description import Asked, violations
from tests.github_server import TOKEN, GithubServer, Said, github_server
from tests.publishing import DIFF, FIXED, RUN, case, settled
from workflows.github.store import PostgresLedger
from workflows.github.values import Case
from workflows.report.render import write_report
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings

BASE = "/repos/ada/shop"
WAIT_S = 60.0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def patchwright(tmp_path: Path) -> Patchwright:
    """The command in a home of its own; nothing here needs a built environment."""
    return Patchwright(tmp_path, tmp_path / "cache")


@pytest.fixture
def github() -> Iterator[GithubServer]:
    with github_server() as server:
        comments: list[dict[str, object]] = []

        def add(asked: Asked) -> Said:
            comments.append(
                {"id": 8000 + len(comments), "performed_via_github_app": {"id": 77}, **json.loads(asked.body)}
            )
            return Said(201, comments[-1])

        shown = pull()
        end = {"repo": {"id": 42, "full_name": "ada/shop"}}
        shape = {
            "number": 1, "state": "open", "head": {**end, "ref": "topic-1", "sha": shown.head_sha},
            "base": {**end, "ref": "main", "sha": commit(1)},
        }  # fmt: skip
        server.on(f"GET {BASE}", Said(200, {"id": 42, "full_name": "ada/shop", "default_branch": "main"}))
        server.on(f"GET {BASE}/pulls/1", Said(200, shape))
        server.on(f"GET {BASE}/contents/.patchwright.yml", Said(404, {"message": "Not Found"}))
        files = [{"filename": one.path, "status": one.status, "patch": one.patch} for one in DIFF]
        server.on(f"GET {BASE}/pulls/1/files", Said(200, files))
        server.on(f"GET {BASE}/issues/1/comments", lambda _: Said(200, comments))
        server.on(f"POST {BASE}/issues/1/comments", add)
        server.on(f"PATCH {BASE}/issues/comments/8000", Said(200, {"id": 8000}))
        server.on(f"GET {BASE}/commits/{shown.head_sha}/check-runs", Said(200, {"check_runs": []}))
        server.on(f"POST {BASE}/check-runs", Said(201, {"id": 9000}))
        server.on(f"PATCH {BASE}/check-runs/9000", Said(200, {"id": 9000}))
        server.on(f"GET {BASE}/check-runs/9000/annotations", Said(200, []))
        server.on(f"POST {BASE}/pulls/1/reviews", Said(200, {"id": 1}))
        yield server


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def keep(address: str, home: Path, told: Case) -> None:
    """Write a case as the bot does."""

    async def write() -> None:
        settings = Settings(home=home)
        async with open_store(address, settings, size=2) as store:
            ledger = PostgresLedger(Database(store.pool), home / "runs")
            await ledger.open_case(told)
            await ledger.change(told)

    asyncio.run(write())


def until(github: GithubServer, method: str, part: str, many: int = 1) -> list[Asked]:
    end = time.monotonic() + WAIT_S
    while len(found := github.calls(method, part)) < many:
        assert time.monotonic() < end, [f"{one.method} {one.target}" for one in github.asked]
        time.sleep(0.05)
    return found


def publisher(patchwright: Patchwright, address: str, github: GithubServer, key_file: Path) -> subprocess.Popen[str]:
    return patchwright.start(
        "github", "publish", database_url=address, github_url=github.url, github_app=77, github_key_file=key_file
    )  # fmt: skip


def test_a_case_becomes_one_comment_and_a_restart_says_nothing_twice(
    patchwright: Patchwright, address: str, github: GithubServer, key_file: Path
) -> None:
    """Looking at it, then the fix with check run and suggestion; each request as GitHub describes it; no token seen."""
    process = publisher(patchwright, address, github, key_file)
    try:
        keep(address, patchwright.home, case())
        first = json.loads(until(github, "POST", "/issues/1/comments")[0].body)["body"]
        assert "Looking at it" in first
        write_report(FIXED.report, FIXED.diff, patchwright.home / "runs" / RUN)
        keep(address, patchwright.home, settled())
        until(github, "POST", "/pulls/1/reviews")
        edited = json.loads(until(github, "PATCH", "/issues/comments/8000")[0].body)["body"]
        assert "Verified fix" in edited
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        assert TOKEN.encode() not in environment
        process.terminate()
        out, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, err
        assert TOKEN not in out + err
        assert "PRIVATE KEY" not in out + err
        looked = len(github.calls("GET", "/pulls/1/files"))
        again = publisher(patchwright, address, github, key_file)
        until(github, "GET", "/pulls/1/files", looked + 1)  # the last thing it asks before it speaks
        again.terminate()  # what is being said is said to its end
        again.communicate(timeout=WAIT_S)
    finally:
        process.kill()
    assert len(github.calls("POST", "/issues/1/comments")) == 1
    assert len(github.calls("POST", "/pulls/1/reviews")) == 1
    assert len(github.calls("POST", "/check-runs")) == 1
    assert [wrong for one in github.asked for wrong in violations(one)] == []
    minted = [json.loads(one.body) for one in github.calls("POST", "access_tokens")]
    assert all(one["repository_ids"] == [PLACE.id] for one in minted)


def test_wrong_settings_end_in_one_line(patchwright: Patchwright, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n")
    cases: tuple[dict[str, Any], ...] = (
        {}, {"github_app": 1, "github_key_file": tmp_path / "none"}, {"github_app": 1, "github_key_file": bad},
        {"github_app": 1, "github_key_file": bad, "github_url": "http://ghe.example.com"},
    )  # fmt: skip
    for settings in cases:
        process = patchwright.start("github", "publish", **settings)
        ended = patchwright.end(process, time.monotonic(), Path(), WAIT_S)
        assert ended.code == 65
        assert len(ended.err.strip().splitlines()) == 1
        assert "canary" not in ended.text
    assert patchwright.run("github", "setup").code == 64


def test_the_schema_is_printed(patchwright: Patchwright) -> None:
    ended = patchwright.run("github", "schema")
    assert ended.code == 0
    assert "fix_branch" in json.loads(ended.out)["properties"]
