"""git's own traffic, passed through: the bot's git speaks to us, we speak to the forge with a token that it never sees.

Only what a fetch needs goes through. Nothing of it is kept, and no repository is looked at here.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from workflows.github.client.access import Access
from workflows.github.forge import Absent, Forbidden, ForgeError
from workflows.github.names import RepositoryName
from workflows.github.values import Place

PULL = "git-upload-pack"
RIGHTS: Mapping[str, str] = {"contents": "read", "metadata": "read"}
_ASKED = ("accept", "content-type", "content-encoding", "content-length", "git-protocol")
_TOLD = ("content-type", "content-encoding", "cache-control")
_TIMES = httpx.Timeout(60.0, read=300.0, connect=10.0)


class Gitway:
    """http: a client of its own, which follows nobody elsewhere."""

    def __init__(self, access: Access, http: httpx.AsyncClient) -> None:
        self._access = access
        self._http = http

    async def answer(self, request: Request) -> Response:
        """One request of git's, below `/git/{installation}/{repository}/{owner}/{name}.git/`."""
        told = request.path_params
        try:
            name = RepositoryName(owner=told["owner"], name=told["name"])
        except ValueError:
            return PlainTextResponse("no such repository", 404)
        rest = told["rest"]
        fetches = rest == "info/refs" and request.method == "GET" and request.query_params.get("service") == PULL
        if not fetches and not (rest == PULL and request.method == "POST"):
            return PlainTextResponse("only fetching goes through here", 403)
        place = Place(id=told["repository"], name=name, installation=told["installation"])
        try:
            return await self._passed(request, place, rest)
        except ForgeError as error:
            status = 404 if isinstance(error, Absent) else 403 if isinstance(error, Forbidden) else 502
            return PlainTextResponse(str(error), status)
        except httpx.TransportError as error:
            return PlainTextResponse(f"GitHub does not answer ({type(error).__name__})", 502)

    async def _passed(self, request: Request, place: Place, rest: str) -> Response:
        """A token that ended early is asked for anew, while nothing was sent yet."""
        answer = await self._sent(request, place, rest)
        if answer.status_code == 401 and request.method == "GET":
            await answer.aclose()
            self._access.forget(await self._access.token(place, RIGHTS))
            answer = await self._sent(request, place, rest)
        if answer.is_redirect or answer.status_code == 401:  # not ours to follow, and nobody to ask for a password
            await answer.aclose()
            return PlainTextResponse("GitHub does not let the App in", 403)
        headers = {key: answer.headers[key] for key in _TOLD if key in answer.headers}
        closing = BackgroundTask(answer.aclose)
        return StreamingResponse(answer.aiter_raw(), answer.status_code, headers, background=closing)

    async def _sent(self, request: Request, place: Place, rest: str) -> httpx.Response:
        token = await self._access.token(place, RIGHTS)
        headers = {key: request.headers[key] for key in _ASKED if key in request.headers}
        url = f"{self._access.wire.address.web}/{place.name}.git/{rest}"
        asking = self._http.build_request(
            request.method, url, params={"service": PULL} if request.method == "GET" else None, headers=headers,
            content=request.stream() if request.method == "POST" else None, timeout=_TIMES,
        )  # fmt: skip
        return await self._http.send(asking, stream=True, auth=("x-access-token", token), follow_redirects=False)
