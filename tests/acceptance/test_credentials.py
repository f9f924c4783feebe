"""Repositories that need a secret: set on the command line by reference, shown by the fetcher alone, found nowhere."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certifi
import psycopg
import pytest

from agent.domain import Request
from tests import git_server, postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, TEST_PRICES, repository
from tests.acceptance.test_service_files import api
from tests.acceptance.test_service_runs import LIMITS, Service, opened
from tests.git_server import GitServer
from tests.waiting import PATIENCE_S
from workflows.service.values import SCOPES, Principal, Submission

PASSWORD = "canary-9e2c47d5-git"
LOOKING = """\
import glob, os

def look():
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        try:
            print(open(path).read())
        except OSError:
            pass
    print(sorted(os.environ.items()))
"""
LOUD = LOOKING + TEST_PRICES.replace("    assert", "    look()\n    assert")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with postgres.running() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server.running(tmp_path / "git", PASSWORD) as made:
        shop = repository(tmp_path / "shop", {**SHOP, "tests/test_prices.py": LOUD})
        subprocess.run(["git", "clone", "-q", "--bare", str(shop), str(made.root / "shop.git")], check=True)
        yield made


@pytest.fixture
def patchwright(tmp_path: Path, cache: Path, server: GitServer, monkeypatch: pytest.MonkeyPatch) -> Patchwright:
    """With the git server's certificate, and both ways to keep its password."""
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    known = Path(os.environ.get("SSL_CERT_FILE") or certifi.where()).read_bytes()
    (tmp_path / "all.pem").write_bytes(known + server.ca.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "all.pem"))
    monkeypatch.setenv("TEST_GIT_PASSWORD", PASSWORD)
    made = Patchwright(tmp_path / "node", cache)
    made.settings |= {"private_hosts": "true"}
    return made


def everything(address: str) -> str:
    """All rows of all tables."""
    with psycopg.connect(address) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        found = []
        for (name,) in names:
            query = psycopg.sql.SQL("select to_jsonb(t)::text from {} t").format(psycopg.sql.Identifier(name))
            found += [f"{name}: {row}" for (row,) in connection.execute(query)]
        blobs = connection.execute("select blob from checkpoint_blobs union all select blob from checkpoint_writes")
        found += [bytes(blob).decode("latin-1") for (blob,) in blobs if blob]
        return "\n".join(found)


def finished(service: Service, token: str) -> list[str]:
    """The logs of the workers, which end."""
    said = []
    for process in service.workers:
        process.terminate()
        said += list(process.communicate(timeout=PATIENCE_S))
    return [*said, token]


@pytest.mark.parametrize("kept", ["file", "env"])
async def test_a_secret_is_shown_to_its_host_and_found_nowhere(
    kept: str, address: str, server: GitServer, patchwright: Patchwright, tmp_path: Path
) -> None:
    """From the command line to the patch. The password is in the environment of git while it clones and in no other
    process of the machine, no argument, no log, no row, no file, and not where the repository's code runs.
    """
    tenant = f"ada-{kept}"
    source = f"file:{tmp_path}/password" if kept == "file" else "env:TEST_GIT_PASSWORD"
    told = [
        patchwright.run("hosts", "set", "localhost", "--tenant", tenant, database_url=address),
        patchwright.run(
            "credential", "set", server.authority, "--from", source, "--user", "ada", "--tenant", tenant,
            database_url=address,
        ),
        patchwright.run("credential", "list", "--tenant", tenant, database_url=address),
    ]  # fmt: skip
    assert [one.code for one in told] == [0, 0, 0], [one.err for one in told]
    assert server.authority in told[2].out
    url = f"https://{server.authority}/shop.git"
    async with opened(address, patchwright) as service:
        _, token = await service.store.issue(tenant, "t", frozenset(SCOPES))
        _, strange = await service.store.issue(f"blue-{kept}", "t", frozenset(SCOPES))
        service.worker()
        body: dict[str, Any] = {"url": url, "limits": LIMITS.model_dump(mode="json")}
        async with api(patchwright, address, token) as client:
            asked = await client.post("/v1/diagnoses", json=body)
            assert asked.status_code == 202, asked.text
            refused = await client.post("/v1/diagnoses", json=body, headers={"Authorization": f"Bearer {strange}"})
            assert (refused.status_code, "PATCHWRIGHT_GIT_HOSTS" in refused.text) == (422, True)
            run = f"/v1/diagnoses/{asked.json()['id']}"
            texts = [(await client.get(f"{run}/events", timeout=120)).text]
            assert "event: finished" in texts[0], texts[0][-2000:]
            report = await client.get(f"{run}/report")
            assert report.json()["outcome"] == "verified_patch"
            texts += [report.text, (await client.get(f"{run}/transcript")).text]
            for piece in report.json()["evidence"]:
                texts.append((await client.get(f"{run}/evidence/{piece['id']}")).text)
            assert any("PYTHONHASHSEED" in text for text in texts), "the code under diagnosis looked around"
        texts += await asyncio.to_thread(finished, service, token)
    assert f"Basic {server.encoded}" in server.shown
    speaking = {one for one in server.seen if one[0].startswith("git")}
    assert speaking
    assert all(where == "environ" for _, where in server.seen), server.seen
    texts += [one.text for one in told] + [await asyncio.to_thread(everything, address)]
    for secret in (PASSWORD, server.encoded):
        assert [text[:300] for text in texts if secret in text] == []
        assert patchwright.files_with(secret) == []


@dataclass
class Cy:
    """A tenant who submits again and again, and whose operator changes what is allowed."""

    service: Service
    operator: Patchwright
    address: str
    server: GitServer

    async def set(self, *words: str) -> None:
        ended = await asyncio.to_thread(self.operator.run, *words, "--tenant", "cy", database_url=self.address)
        assert ended.code == 0, ended.err

    async def credential(self, source: str, *more: str) -> None:
        await self.set("credential", "set", self.server.authority, "--from", source, *more)

    async def problem(self) -> str:
        """Why a run failed."""
        who = Principal(tenant="cy", token="t", scopes=frozenset(SCOPES))
        request = Request(source=f"https://{self.server.authority}/shop.git", limits=LIMITS)
        run, _ = await self.service.store.submit(who, Submission(request=request), key=None, fingerprint="f")
        told = (await self.service.until(run, "failed", who=who))[-1].text
        assert PASSWORD not in told
        assert self.server.encoded not in told
        return told


@pytest.fixture
async def cy(address: str, patchwright: Patchwright, server: GitServer, tmp_path: Path) -> AsyncIterator[Cy]:
    async with opened(address, patchwright) as service:
        service.worker()
        made = Cy(service, Patchwright(tmp_path / "operator", patchwright.cache), address, server)
        await made.set("hosts", "set", "localhost")
        yield made


async def test_a_tenant_shows_what_it_has_now_and_no_other(cy: Cy, server: GitServer, tmp_path: Path) -> None:
    """Nothing without a credential; a file that is gone is said without its name; nothing once it was removed."""
    assert "cannot be cloned" in await cy.problem()
    assert set(server.shown) == {""}
    await cy.credential(f"file:{tmp_path}/gone")
    told = await cy.problem()
    assert f"the credential that your service has for {server.authority} cannot be read" in told
    assert "gone" not in told
    await cy.credential(f"file:{tmp_path}/password")
    assert "cannot be cloned" in await cy.problem(), "shown as another user, it is refused"
    assert any(server.shown)
    server.shown.clear()
    await cy.set("credential", "remove", server.authority)
    assert "cannot be cloned" in await cy.problem()
    assert set(server.shown) == {""}


async def test_a_secret_does_not_follow_a_redirect(cy: Cy, server: GitServer, tmp_path: Path) -> None:
    """Neither to another host nor to another port."""
    await cy.credential(f"file:{tmp_path}/password", "--user", "ada")
    with git_server.running(tmp_path / "other" / "git", "another") as other:
        server.moved = f"https://{other.authority}"
        assert "cannot be cloned" in await cy.problem()
        assert f"Basic {server.encoded}" in server.shown
        assert other.shown == []


async def test_a_list_that_was_shortened_counts_for_what_waits(cy: Cy, server: GitServer) -> None:
    await cy.set("hosts", "set", "github.com")
    assert "your service's list for you: github.com" in await cy.problem()
    await cy.set("hosts", "reset")
    assert "PATCHWRIGHT_GIT_HOSTS" in await cy.problem()
    assert server.shown == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("credential", "set", "github.com", "--from", "ghp_canary-secret"), "never given itself"),
        (("credential", "set", "github.com", "--from", "file:relative"), "file:/PATH"),
        (("credential", "set", "github.com", "--from", "env:A B"), "env:NAME"),
        (("credential", "set", "https://github.com/a", "--from", "env:A"), "is no host"),
        (("credential", "set", "github.com", "--from", "env:A", "--user", "a:b"), "without a colon"),
        (("credential", "remove", "never.example"), "has no credential"),
        (("hosts", "set", "https://github.com"), "is no host name"),
        (("hosts", "set", "github.com:443"), "is no host name"),
    ],
)
def test_what_cannot_be_set_is_said(words: tuple[str, ...], says: str, address: str, patchwright: Patchwright) -> None:
    refused = patchwright.run(*words, database_url=address)
    assert refused.code == 65
    assert says in refused.err
    assert "canary-secret" not in refused.text


def test_a_tenant_without_a_list_has_that_of_the_settings(address: str, patchwright: Patchwright) -> None:
    patchwright.settings |= {"git_hosts": "git.example"}
    for words, says in (
        (("show",), "git.example (PATCHWRIGHT_GIT_HOSTS)"), (("set", "a.example", "*"), "a.example, *"),
        (("show",), "a.example, * (a list of its own)"), (("reset",), "decides"), (("show",), "git.example ("),
    ):  # fmt: skip
        assert says in patchwright.run("hosts", *words, "--tenant", "dee", database_url=address).out
    assert os.environ["TEST_GIT_PASSWORD"] == PASSWORD
