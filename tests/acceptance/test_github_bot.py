"""`patchwright serve` and `patchwright github bot` as processes: from GitHub's delivery to a queued diagnosis.

HTTP, database and git are real.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg.rows import dict_row

from sandbox.git import run_git
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import commit, git, repository
from tests.github import SECRET, headers, pull, pull_payload, run, run_payload
from tests.github_logs import red, zipped
from tests.github_server import TOKEN, GithubServer, Said, github_server
from tests.ports import free_ports
from tests.waiting import PATIENCE_S, until
from workflows.github.values import CiRun, PullRequest

HERE = "/repos/ada/shop"
APP_SECRET = SECRET.decode()


@dataclass
class Site:
    """All processes and what they speak to. heads: commits, the base first."""

    github: GithubServer
    patchwright: Patchwright
    address: str
    url: str
    heads: tuple[str, ...]
    settings: dict[str, object]

    def rows(self, query: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.address, row_factory=dict_row) as connection:
            return connection.execute(query).fetchall()

    def until(self, query: str, right: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """The rows, once they are as they must become."""
        (found,) = until(lambda: self._rows_if(query, right), lambda: f"{self.rows(query)}\n{self.log()}")
        return found

    def _rows_if(self, query: str, right: Callable[[list[dict[str, Any]]], bool]) -> list[list[dict[str, Any]]]:
        found = self.rows(query)
        return [found] if right(found) else []

    def log(self) -> str:
        return "".join(path.read_text(errors="replace")[-4000:] for path in self.patchwright.folder.glob("*.log"))

    def deliver(self, name: str, body: dict[str, Any]) -> httpx.Response:
        data = json.dumps(body).encode()
        return httpx.post(f"{self.url}/webhooks/github", content=data, headers=headers(name, data), timeout=PATIENCE_S)

    @contextlib.contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A patchwright process, which ends by itself when it is asked to."""
        log = self.patchwright.folder / f"{arguments[0]}-{time.monotonic_ns()}.log"
        wrap = ("sh", "-c", f'exec "$@" >>{log} 2>&1', "sh")
        process = self.patchwright.start(*arguments, wrap=wrap, **self.settings)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE_S)
            assert process.returncode in (0, -signal.SIGKILL), log.read_text()


@pytest.fixture
def site(tmp_path: Path, cache: Path) -> Iterator[Site]:
    root = repository(tmp_path / "origin")
    base = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "-q", "-b", "topic-1")
    heads = (base, commit(root, {"shop/more.py": "N = 1\n"}, "A change"))
    git(root, "clone", "-q", "--bare", str(root), str(tmp_path / "projects" / "ada" / "shop.git"))
    git(tmp_path / "projects" / "ada" / "shop.git", "update-ref", "refs/pull/1/head", heads[1])
    key = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    with postgres.running() as address, github_server() as github:
        github.projects = tmp_path / "projects"
        port = free_ports()
        settings: dict[str, object] = {
            "database_url": address, "github_secret": APP_SECRET, "github_url": github.url, "github_app": 77,
            "github_key_file": tmp_path / "key.pem",
        }  # fmt: skip
        patchwright = Patchwright(tmp_path / "place", cache)
        made = Site(github, patchwright, address, f"http://127.0.0.1:{port}", heads, settings)
        with made.process("serve", "--workers", "0", "--port", str(port)), made.process("github", "publish"):
            until(lambda: _listens(port), made.log)
            yield made


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), PATIENCE_S):
        return True
    return False


def _scripted(site: Site) -> tuple[PullRequest, CiRun]:
    """A pull request whose run failed in one test, as GitHub shows it."""
    opened = pull(head_sha=site.heads[1], base_sha=site.heads[0])
    failed = run(head_sha=site.heads[1])
    shape = run_payload(failed)["workflow_run"]
    job = {"id": 9, "run_id": 500, "name": "test", "conclusion": "failure", "steps": []}
    on = site.github.on
    on(f"GET {HERE}", Said(body={"id": 42, "full_name": "ada/shop", "private": True, "default_branch": "main"}))
    for path in ("500", "500/attempts/1"):
        on(f"GET {HERE}/actions/runs/{path}", Said(body=shape))
    on(f"GET {HERE}/actions/runs/500/attempts/1/jobs", Said(body={"total_count": 1, "jobs": [job]}))
    on(f"GET {HERE}/actions/runs/500/attempts/1/logs", Said(302, headers={"Location": f"{site.github.url}/logs.zip"}))
    on("GET /logs.zip", Said(raw=zipped({"test": red()})))
    on(f"GET {HERE}/actions/workflows/3/runs", Said(body={"total_count": 0, "workflow_runs": []}))
    on(f"GET {HERE}/pulls/1", Said(body=pull_payload(opened, "x")["pull_request"]))
    compared = {"merge_base_commit": {"sha": site.heads[0]}, "ahead_by": 1}
    on(f"GET {HERE}/compare/{site.heads[0]}...{site.heads[1]}", Said(body=compared))
    for name in (".github/workflows/tests.yml", ".patchwright.yml"):
        on(f"GET {HERE}/contents/{name}", Said(404, {"message": "Not Found"}))
    on("GET /app/hook/deliveries", Said(body=[]))
    return opened, failed


def test_a_delivery_becomes_a_queued_diagnosis_and_no_token_leaves_the_publisher(site: Site) -> None:
    """Fetched by git, by way of the publisher; the upload, the database and the logs have no token."""
    _, failed = _scripted(site)
    assert site.deliver("workflow_run", run_payload(failed)).status_code == 202
    with site.process("github", "bot"):
        (case,) = site.until(
            "select value, state from github_cases", lambda rows: [one["state"] for one in rows] == ["diagnosing"]
        )
        site.until("select state from github_deliveries", lambda rows: [one["state"] for one in rows] == ["done"])
    (made,) = site.rows("select id, request, state from runs")
    request = json.loads(made["request"])
    assert (request["rev"], request["good"], made["state"]) == (site.heads[1], site.heads[0], "queued")
    upload = site.patchwright.home / "uploads" / request["source"].removeprefix("upload:")
    assert asyncio.run(run_git(upload, "rev-parse", f"{site.heads[1]}:shop/more.py"))
    wanted = [json.loads(one.body) for one in site.github.calls("POST", "/access_tokens")]
    assert wanted
    for one in wanted:
        assert one["repository_ids"] == [42]
    queries = ("select * from github_deliveries", "select * from github_cases", "select * from submissions")
    kept = [str(row) for query in queries for row in site.rows(query)]
    for secret in (TOKEN, APP_SECRET, "PRIVATE KEY"):
        assert site.patchwright.files_with(secret) == []
        assert secret not in site.log()
        assert not any(secret in row for row in kept)
    assert all(TOKEN not in json.dumps(dict(one.headers)) for one in site.github.calls("GET", "/logs.zip"))
    assert json.loads(case["value"])["subject"] == 1


def test_a_bot_that_is_killed_in_the_middle_is_gone_on_with_by_the_next(site: Site) -> None:
    """Killed while GitHub answers: the delivery is another's when its lease is over, and one diagnosis comes of it."""
    _, failed = _scripted(site)
    hanging = f"GET {HERE}/actions/runs/500/attempts/1/jobs"
    right, killed = site.github.answers[hanging][-1], threading.Event()
    site.github.on(hanging, lambda asked: _slowly(right, killed), right)
    site.deliver("workflow_run", run_payload(failed))
    with site.process("github", "bot") as process:
        until(lambda: site.github.calls("GET", "/attempts/1/jobs"), site.log)
        process.kill()
    killed.set()
    with psycopg.connect(site.address, autocommit=True) as connection:
        connection.execute("update github_deliveries set lease = now()")  # as if a minute had gone by
    with site.process("github", "bot"), site.process("github", "bot"):
        site.until("select state from github_deliveries", lambda rows: [one["state"] for one in rows] == ["done"])
    assert len(site.rows("select id from runs")) == len(site.rows("select key from github_cases")) == 1


def _slowly(said: Any, killed: threading.Event) -> Said:
    killed.wait(PATIENCE_S)
    assert isinstance(said, Said)
    return said


def test_what_did_not_arrive_is_asked_for_again(site: Site) -> None:
    """GitHub sends nothing twice by itself."""
    at = {"delivered_at": datetime.now(UTC).isoformat()}
    log = [
        {"id": 3, "guid": "c", "status_code": 202, **at}, {"id": 2, "guid": "b", "status_code": 503, **at},
        {"id": 1, "guid": "a", "status_code": 0, **at},
    ]  # fmt: skip
    site.github.on("GET /app/hook/deliveries", Said(body=log))
    with site.process("github", "bot"):
        site.until("select delivery from github_redelivered order by 1", lambda rows: len(rows) == 2)
        until(lambda: len(site.github.calls("POST", "/attempts")) >= 2, site.log)
    sent = {one.target for one in site.github.calls("POST", "/attempts")}
    assert sent == {"/app/hook/deliveries/1/attempts", "/app/hook/deliveries/2/attempts"}


def test_what_the_bot_gave_up_is_listed_and_tried_again(site: Site) -> None:
    """By its GUID or all of it; a bot that runs works on it then."""
    _, failed = _scripted(site)
    site.deliver("workflow_run", run_payload(failed))
    with psycopg.connect(site.address, autocommit=True) as connection:
        connection.execute("update github_deliveries set state = 'dead', attempts = 8, problem = 'GitHub answered 502'")
        (guid,) = connection.execute("select guid from github_deliveries").fetchone() or ("",)

    def command(*arguments: str) -> tuple[int, str]:
        """Exit code and what was printed."""
        process = site.patchwright.start("github", "deliveries", *arguments, wrap=(), **site.settings)
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out + err

    told = json.loads(command("list", "--state", "dead", "--json")[1])
    assert (told["guid"], told["attempts"], told["problem"]) == (guid, 8, "GitHub answered 502")
    assert guid in command("list")[1]
    assert command("list", "--state", "lost")[0] == command("retry", guid, "--all")[0] == 64
    code, said = command("retry", "none")
    assert (code, "no delivery" in said) == (65, True)
    assert command("retry", guid) == (0, "1 to be tried again\n")
    with site.process("github", "bot"):
        site.until("select state from github_deliveries", lambda rows: [one["state"] for one in rows] == ["done"])
    assert command("retry", "--all") == (0, "0 to be tried again\n")


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        (("github", "publish"), {"github_app": 0}, "PATCHWRIGHT_GITHUB_APP"),
        (("github", "publish"), {"github_app": 7, "github_key_file": "/nowhere"}, "key cannot be read"),
        (("serve", "--port", "1"), {"github_secret": "tooshort"}, "webhook secret"),
        (("serve", "--port", "1"), {"github_secret_file": "/nowhere"}, "PATCHWRIGHT_GITHUB_SECRET_FILE"),
    ],
)
def test_what_is_missing_is_said_at_the_start(
    patchwright: Patchwright, arguments: tuple[str, ...], settings: dict[str, Any], told: str
) -> None:
    """In a line, without the secret."""
    ended = patchwright.run(*arguments, **settings)
    assert ended.code != 0
    assert told in ended.err
    assert "tooshort" not in ended.err
