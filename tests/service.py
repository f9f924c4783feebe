"""A service over the store in memory, with tokens of two tenants and clients for them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tests.fakes.store import FakeStore
from workflows.service.api import create_app
from workflows.service.values import SCOPES, Principal, Scope
from workflows.settings import Settings

URL = "https://github.com/example/project.git"


async def resolve(host: str, port: int) -> Sequence[str]:
    """Addresses as tests need them; nothing is asked of a network."""
    private = {"localhost": "127.0.0.1", "inside.example": "10.1.2.3", "meta.example": "169.254.169.254"}
    if host.endswith(".invalid"):
        raise OSError("no such name")
    if host == "two-faced.example":
        return "93.184.216.34", "127.0.0.1"
    return (private.get(host, "93.184.216.34"),)


@dataclass
class Site:
    """The application and who may use it. secrets: (tenant, scopes as one word) → token."""

    app: FastAPI
    store: FakeStore
    folder: Path
    settings: Settings
    secrets: dict[tuple[str, str], str] = field(default_factory=dict)

    async def token(self, tenant: str, *scopes: Scope) -> str:
        """A token with these scopes."""
        known = (tenant, " ".join(scopes))
        if known not in self.secrets:
            self.secrets[known] = (await self.store.issue(tenant, "test", frozenset(scopes)))[1]
        return self.secrets[known]

    @asynccontextmanager
    async def client(
        self, tenant: str = "red", *scopes: Scope, secret: str | None = None, at: str = "127.0.0.1"
    ) -> AsyncIterator[httpx.AsyncClient]:
        """A client with a token of a tenant (all scopes when none is named), with another token, or with none ("")."""
        if secret is None:
            secret = await self.token(tenant, *(scopes or SCOPES))
        headers = [(b"Authorization", f"Bearer {secret}".encode())] if secret else []
        transport = httpx.ASGITransport(app=self.app, client=(at, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as made:
            yield made

    async def submitted(self, tenant: str = "red", **body: Any) -> str:
        """The id of a run that was just submitted."""
        async with self.client(tenant) as http:
            answer = await http.post("/v1/diagnoses", json={"url": URL, **body})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def site(home: Path, *, anonymous: Principal | None = None, waiting: int = 100, **settings: Any) -> Site:
    """A service whose files are below `home`."""
    store = FakeStore(waiting=waiting)
    given: dict[str, Any] = {"home": home, "sandbox": "auto", "model_url": "", **settings}
    chosen = Settings(**given)
    folder = home / "runs"
    app = create_app(store, settings=chosen, folder=folder, anonymous=anonymous, resolve=resolve, heartbeat_s=0.05)
    return Site(app, store, folder, chosen)


def tarball(files: Mapping[str, bytes], *, mode: str = "w:gz") -> bytes:
    """An archive with these files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()
