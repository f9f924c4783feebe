"""Commits by git over HTTP, from git's own server: what comes, and where the token is not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.broker import asking
from tests.github_server import TOKEN, GithubServer, Said, github_server
from workflows.github.broker.asking import BrokerReads
from workflows.github.client import App
from workflows.github.client.address import AddressInvalid, address_of
from workflows.github.client.credentials import AppKey
from workflows.github.client.fetch import fetched
from workflows.github.forge import Absent, Forbidden, ForgeAway, Unreadable
from workflows.github.names import RepositoryName
from workflows.github.values import Place

PLACE = Place(id=9, name=RepositoryName(owner="ada", name="old"), installation=5)


def git(folder: Path, *arguments: str) -> str:
    env = {
        "PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], env=env, capture_output=True, check=True, text=True
    ).stdout.strip()


@pytest.fixture
def github(tmp_path: Path) -> Iterator[GithubServer]:
    with github_server() as server:
        bare = tmp_path / "projects/ada/shop.git"
        bare.mkdir(parents=True)
        git(bare, "init", "--bare", "-q", "-b", "main")
        work = tmp_path / "work"
        work.mkdir()
        git(work, "init", "-q", "-b", "main")
        for name in ("one", "two"):
            (work / name).write_text(name)
            git(work, "add", ".")
            git(work, "commit", "-qm", name)
        git(work, "push", "-q", str(bare), "main", "main:refs/pull/3/head")
        server.projects = tmp_path / "projects"
        server.on("GET /repos/ada/old", Said(301, headers={"Location": f"{server.url}/repositories/9"}))
        server.on("GET /repositories/9", Said(200, {"id": 9, "full_name": "ada/shop"}))
        yield server


@pytest.fixture
async def reads(github: GithubServer, tmp_path: Path) -> AsyncIterator[BrokerReads]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    async with asking(App(address_of(github.url), AppKey(7, key)), tmp_path / "home") as made:
        yield made.reads


async def test_commits_and_their_history_come_and_the_token_stays_nowhere(
    github: GithubServer, reads: BrokerReads, tmp_path: Path
) -> None:
    head = git(tmp_path / "work", "rev-parse", "HEAD")
    base = git(tmp_path / "work", "rev-parse", "HEAD~1")
    folder = tmp_path / "out"
    await reads.fetch(PLACE, folder, (head, base, head), number=3)
    assert git(folder, "log", "--format=%s", head).split() == ["two", "one"]
    assert git(folder, "rev-parse", "refs/heads/pull-3") == head
    assert not any(TOKEN.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert "url" not in (folder / "config").read_text()


async def test_commits_that_are_gone_and_tokens_that_are_refused(
    github: GithubServer, reads: BrokerReads, tmp_path: Path
) -> None:
    with pytest.raises(Absent):
        await reads.fetch(PLACE, tmp_path / "out", ("a" * 40,))
    with pytest.raises(Forbidden):
        await fetched(f"{github.url}/ada/shop.git", "ghs_wrong", tmp_path / "out", ("a" * 40,), home=_home(tmp_path, 1))
    with pytest.raises(ForgeAway) as caught:
        await fetched("http://127.0.0.1:9/ada/shop.git", TOKEN, tmp_path / "out", ("a" * 40,), home=_home(tmp_path, 2))
    assert TOKEN not in str(caught.value)
    assert not (tmp_path / "out").exists()


async def test_a_repository_that_is_too_large_is_left(github: GithubServer, tmp_path: Path) -> None:
    head = git(tmp_path / "work", "rev-parse", "HEAD")
    with pytest.raises(Unreadable, match="larger"):
        await fetched(
            f"{github.url}/ada/shop.git", TOKEN, tmp_path / "out", (head,), home=_home(tmp_path, 1), most_bytes=10
        )


@pytest.mark.parametrize("revision", ["--upload-pack=touch /tmp/x", "main", "a" * 39, "HEAD"])
async def test_only_full_commit_ids_become_arguments(revision: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="commit id"):
        await fetched("http://127.0.0.1:9/x.git", TOKEN, tmp_path / "out", (revision,), home=tmp_path)


def _home(folder: Path, number: int) -> Path:
    made = folder / f"home{number}"
    made.mkdir()
    return made


ADDRESSES = (
    ("https://ghe.example.com/api/v3/", "https://ghe.example.com/api/v3", "https://ghe.example.com"),
    ("", "https://api.github.com", "https://github.com"),
    ("http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080/api/v3", "http://127.0.0.1:8080"),
)


@pytest.mark.parametrize(("url", "api", "web"), ADDRESSES)
def test_enterprise_servers_have_their_own_address(url: str, api: str, web: str) -> None:
    found = address_of(url)
    assert (found.api, found.web) == (api, web)


@pytest.mark.parametrize(
    "url", ["http://ghe.example.com", "ftp://x", "https://a:b@ghe.example.com", "https://x/?a=b", "ghe.example.com"]
)
def test_addresses_that_would_give_tokens_away_are_refused(url: str) -> None:
    with pytest.raises(AddressInvalid):
        address_of(url)


def test_logs_come_from_known_hosts_only() -> None:
    found = address_of("", ("logs.example.org",))
    good = (
        "https://productionresultssa12.blob.core.windows.net/x?sig=1",
        "https://pipelines.actions.githubusercontent.com/x", "https://logs.example.org/x", "https://api.github.com/x",
    )  # fmt: skip
    bad = (
        "https://evil.blob.core.windows.net/x", "http://logs.example.org/x", "https://logs.example.org:8443/x",
        "https://logs.example.org@evil.example/x", "https://u@logs.example.org/x", "https://127.0.0.1/x",
        "http://api.github.com/x", "https://actions.githubusercontent.com.evil.example/x", "//logs.example.org",
    )  # fmt: skip
    assert all(map(found.may_hold_logs, good))
    assert not any(map(found.may_hold_logs, bad))
