"""How the interface answers: successes with pages and tags, and refusals in GitHub's words."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

T = TypeVar("T")
DOCUMENTATION = "https://docs.github.com/rest"
MOST_BODY = 4 << 20


@dataclass
class Problem(Exception):
    """A refusal. errors: what is wrong with which field."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: Sequence[Mapping[str, str]] = ()


def absent() -> Problem:
    """404, which is also said of what a token may not see."""
    return Problem(404, "Not Found")


def invalid(resource: str, name: str, code: str = "invalid", message: str = "") -> Problem:
    """422 for a field."""
    error = {"resource": resource, "field": name, "code": code, **({"message": message} if message else {})}
    return Problem(422, "Validation Failed", errors=(error,))


def refused(problem: Problem) -> Response:
    """The answer that a refusal is."""
    told: dict[str, Any] = {"message": problem.message, "documentation_url": DOCUMENTATION}
    if problem.errors:
        told["errors"] = list(problem.errors)
    return JSONResponse({**told, "status": str(problem.status)}, problem.status, dict(problem.headers))


def tagged(request: Request, response: Response) -> Response:
    """With an ETag, or 304 where the asker has it already."""
    if request.method != "GET" or response.status_code != 200:
        return response
    tag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response


def paged(request: Request, items: Sequence[T], shape: Callable[[T], Any], key: str = "") -> Response:
    """One page of a list, bare or under a key with its total, with the links to the others."""
    size = _number(request, "per_page", 30, 100)
    at = _number(request, "page", 1, 1_000_000)
    told: Any = [shape(item) for item in items[(at - 1) * size : at * size]]
    if key:
        told = {"total_count": len(items), key: told}
    links = []
    last = max(1, -(-len(items) // size))
    for name, number in (("next", at + 1), ("last", last), ("first", 1), ("prev", at - 1)):
        if (name in ("next", "last") and at < last) or (name in ("first", "prev") and at > 1):
            links.append(f'<{request.url.include_query_params(page=number)}>; rel="{name}"')
    return JSONResponse(told, headers={"Link": ", ".join(links)} if links else None)


def _number(request: Request, name: str, usual: int, most: int) -> int:
    told = request.query_params.get(name, "")
    return min(max(int(told), 1), most) if told.isascii() and told.isdigit() and len(told) < 9 else usual


async def body_of(request: Request) -> dict[str, Any]:
    """The object that was sent, {} where nothing was. Raises Problem."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BODY:
            raise Problem(413, "Payload too large")
    if not data:
        return {}
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise Problem(400, "Problems parsing JSON") from None
    if not isinstance(told, dict):
        raise Problem(400, "Body should be a JSON object")
    return told


def text(body: Mapping[str, Any], name: str, resource: str, most: int = 65_536) -> str:
    """A text that must be there. Raises Problem."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(resource, name, "missing_field")
    if len(value) > most:
        raise invalid(resource, name, "custom", f"{name} is too long (maximum is {most} characters)")
    return value
