"""git over HTTP, by git's own server program: with an installation's token, or a person's password."""

from __future__ import annotations

import asyncio
import base64
import binascii
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from sandbox.git import ENV, HARDENING, configured, git_program
from workflows.github.hub import git, happen
from workflows.github.hub.answers import Problem
from workflows.github.hub.gate import Caller, admit, token_of
from workflows.github.hub.git import NOTHING
from workflows.github.hub.hub import Hub
from workflows.github.hub.route import heard
from workflows.github.hub.things import Account, Place

MOST_BYTES = 256 << 20
_ASK = {"WWW-Authenticate": 'Basic realm="GitHub"'}


async def answer(hub: Hub, request: Request) -> Response:
    """A request of git for /{owner}/{name}.git/…: refs, a fetch, or a push, which is then told."""
    service = request.query_params.get("service", "") or request.path_params["rest"]
    writes = service == "git-receive-pack"
    who = ""
    try:
        place, account, who = _admitted(hub, request, "write" if writes else "read")
    except Problem as problem:
        headers = _ASK if problem.status == 401 else {}
        heard(hub, request, who, problem.status)
        return Response(problem.message, problem.status, headers, "text/plain")
    before = await git.refs(place.repository.path) if writes else {}
    response = await _served(hub, request, place.repository.path, who)
    heard(hub, request, who, response.status_code)
    if writes and request.method == "POST" and account is not None:
        after = await git.refs(place.repository.path)
        for ref in sorted(before.keys() | after.keys()):
            if not ref.startswith("refs/pull/"):
                await happen.noticed(
                    hub, place, ref, before=before.get(ref, NOTHING), after=after.get(ref, NOTHING), by=account
                )
    return response


def _admitted(hub: Hub, request: Request, level: str) -> tuple[Place, Account | None, str]:
    """The repository, and who acts on it. Raises Problem."""
    place = hub.world.named(request.path_params["owner"], request.path_params["name"])
    if place is None:
        raise Problem(404, "Repository not found.")
    secret = _secret(request.headers.get("authorization", ""))
    person = hub.world.people.get(secret)
    if person is not None:
        known = place.repository.level(person.login)
        if known == "none" or (level == "write" and known == "read"):
            raise Problem(403 if known == "read" else 404, "Permission denied.")
        return place, person, person.login
    if not secret:
        if level == "write" or place.repository.private:
            raise Problem(401, "Authentication required.")
        return place, None, ""
    token = token_of(hub.world, secret)
    admit(Caller(token=token), place, {"contents": level})
    app = hub.world.apps[hub.world.installations[token.installation].app]
    return place, app.account, token.label


def _secret(authorization: str) -> str:
    scheme, _, told = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return told
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(told, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise Problem(401, "Bad credentials") from None


async def _served(hub: Hub, request: Request, path: Path, who: str) -> Response:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            return Response("Payload too large", 413)
    program = git_program()
    env = {
        **ENV, **configured(HARDENING), "HOME": "/nonexistent", "PATH": f"{Path(program).parent}:/usr/bin:/bin",
        "GIT_PROJECT_ROOT": str(hub.world.folder), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": request.method,
        "PATH_INFO": f"/{path.name}/{request.path_params['rest']}", "QUERY_STRING": request.url.query,
        "CONTENT_TYPE": request.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(data)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""), "REMOTE_USER": who or "anybody",
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""), "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        program, "http-backend", env=env, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, cwd=path,
    )  # fmt: skip
    try:
        out, _ = await process.communicate(bytes(data))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    head, _, body = out.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n") if ": " in line)
    status = int(headers.pop("Status", "200").split()[0])
    return Response(body, status, headers)
