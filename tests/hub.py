"""A hub in this process, with a runner that does not run, and a receiver of its deliveries."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.github_answers import answered, delivered
from tests.github_description import Asked, violations
from workflows.github.hub.app import bound, serving
from workflows.github.hub.control import Answer
from workflows.github.hub.hub import Hub
from workflows.github.hub.runner import Outcome, Planned, stamped
from workflows.github.hub.things import Step, now

CI = "name: CI\non: [push, pull_request]\njobs:\n  test:\n    steps:\n      - run: make test\n"
FILES: dict[str, str | None] = {"a.py": "one = 1\ntwo = 2\n", "docs/b.md": "# B\n", ".github/workflows/ci.yml": CI}


@dataclass
class ScriptedRunner:
    """Jobs end as they were told to, with one step; "success" where nothing was said."""

    ends: dict[str, Any] = field(default_factory=dict)
    ran: list[Planned] = field(default_factory=list)

    async def run(self, planned: Planned) -> Outcome:
        """See the protocol."""
        self.ran.append(planned)
        end = self.ends.get(planned.sha, "success")
        return Outcome(end, (Step(1, "Run make test", end, now(), now(), stamped("it ran")),))


@dataclass
class Received:
    """A delivery as it arrived."""

    event: str
    guid: str
    signature: str
    body: bytes


@dataclass
class Town:
    """A hub with an App, a repository ada/shop that it is installed in, and what was delivered to it."""

    hub: Hub
    http: httpx.AsyncClient
    runner: ScriptedRunner
    app: int = 0
    pem: str = ""
    secret: str = ""
    installation: int = 0
    received: list[Received] = field(default_factory=list)
    answers: int = 202
    wrong: list[str] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)

    @property
    def steering(self) -> dict[str, str]:
        """The hub's word."""
        return {"Authorization": f"Bearer {self.hub.word}"}

    async def does(self, what: str, **told: Any) -> Answer:
        """Something happens. The answer must be a success."""
        answer = await self.http.post(f"{self.hub.world.web}/_hub/{what}", json=told, headers=self.steering)
        assert answer.status_code == 200, f"{what}: {answer.text}"
        found: Answer = answer.json()
        return found

    def signed(self, *, ahead: float = 0.0, life: float = 540.0) -> str:
        """The App's JWT."""
        at = time.time() + ahead
        claims = {"iat": int(at) - 60, "exp": int(at + life), "iss": str(self.app)}
        return jwt.encode(claims, self.pem, algorithm="RS256")

    async def token(self, **body: Any) -> str:
        """An installation's token."""
        path = f"/app/installations/{self.installation}/access_tokens"
        answer = await self.asks("POST", path, self.signed(), json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def asks(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        """Ask the interface; what breaks GitHub's description, on either side, is kept in `wrong`."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})} if token else more.pop("headers", {})
        answer = await self.http.request(method, self.hub.world.api + path, headers=headers, **more)
        target = answer.request.url.raw_path.decode().removeprefix("/api/v3")
        asked = Asked(method, target, dict(answer.request.headers), answer.request.content)
        if answer.status_code < 300:
            self.wrong += [f"request: {one}" for one in violations(asked)]
            kind = answer.headers.get("content-type", "")
            if "json" in kind:
                self.wrong += answered(asked, answer.status_code, answer.content)
        return answer

    async def settled(self) -> list[Received]:
        """What was delivered, when all is done; each checked against GitHub's description."""
        await self.does("settle")
        return self.received


@asynccontextmanager
async def town(folder: Path) -> AsyncIterator[Town]:
    """Everything, answering."""
    runner = ScriptedRunner()
    async with serving(folder, runner, bound(0)) as hub, httpx.AsyncClient(timeout=120, trust_env=False) as http:
        made = Town(hub, http, runner)
        async with _receiver(made) as hook:
            app = await made.does("apps", slug="patchwright", hook=hook)
            made.app, made.pem, made.secret = app["id"], app["pem"], app["webhook_secret"]
            await made.does("repositories", name="ada/shop", private=True)
            made.installation = (await made.does("install", app=made.app, account="ada", repositories=["ada/shop"]))[
                "id"
            ]
            yield made
            assert hub.troubles == []


@asynccontextmanager
async def _receiver(made: Town) -> AsyncIterator[str]:
    async def hook(request: Request) -> Response:
        body = await request.body()
        one = Received(
            request.headers["x-github-event"], request.headers["x-github-delivery"],
            request.headers["x-hub-signature-256"], body,
        )  # fmt: skip
        made.received.append(one)
        payload = await request.json()
        if (one.event, payload.get("action", "")) not in made.seen:
            made.seen.add((one.event, payload.get("action", "")))
            made.wrong += delivered(one.event, payload)
        return Response(status_code=made.answers)

    listening = bound(0)
    config = uvicorn.Config(Starlette(routes=[Route("/hook", hook, methods=["POST"])]), log_level="critical")
    server = uvicorn.Server(config)
    import asyncio

    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    ticking = asyncio.ensure_future(server.main_loop())
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    finally:
        server.should_exit = server.force_exit = True
        await ticking
        await server.shutdown(sockets=[listening])
