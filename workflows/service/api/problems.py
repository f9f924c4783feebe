"""Every error as an RFC 9457 problem: what went wrong and what to do, never a stack, never what was sent.

Problem         raised by routes; carries status, title and detail
StoreDown       503 with Retry-After
validation      422 with the field and what is wrong with it, without its value
anything else   500 with the request's id, under which the log has the rest (`around.py`)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from workflows.service.bodies import FieldProblem, ProblemBody
from workflows.service.ports import FilesAway, StoreDown

MEDIA = "application/problem+json"
_DETAILS = {
    400: "the request cannot be read: its body or its headers are malformed",
    404: "there is nothing here for this token",
    405: "this method is not offered here",
}


class Problem(HTTPException):
    """An answer that says what is wrong. kind: its stable short name, such as "queue-full"."""

    def __init__(
        self, status: int, kind: str, detail: str, *, headers: Mapping[str, str] | None = None,
        errors: tuple[FieldProblem, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind
        self.errors = errors


def answer(
    status: int, kind: str, detail: str, *, request: str, headers: Mapping[str, str] | None = None,
    errors: tuple[FieldProblem, ...] = (),
) -> Response:  # fmt: skip
    """The response of a problem. request: the request's id."""
    body = ProblemBody(
        type=f"urn:patchwright:problem:{kind}" if kind else "about:blank", title=HTTPStatus(status).phrase,
        status=status, detail=detail, request=request, errors=errors,
    )  # fmt: skip
    return Response(body.model_dump_json(), status, dict(headers or {}), MEDIA)


class Unchanged(Exception):
    """What was asked for is as the client has it. tag: its ETag."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def missing() -> Problem:
    """There is none, or it is another tenant's: nobody can tell which."""
    return Problem(404, "not-found", _DETAILS[404])


def invalid(field: str, problem: str) -> Problem:
    """One field cannot be taken."""
    return Problem(422, "invalid", f"{field}: {problem}", errors=(FieldProblem(field=field, problem=problem),))


def field_problems(errors: Sequence[Any]) -> tuple[FieldProblem, ...]:
    """What pydantic found, without any value and without names that the sender invented."""
    return tuple(FieldProblem(field=_path(error), problem=str(error["msg"])[:500]) for error in errors[:50])


def _path(error: Mapping[str, Any]) -> str:
    places = [str(part) for part in error["loc"]]
    if error["type"] == "extra_forbidden":
        places[-1:] = ["?"]
    return ".".join(places)[:200]


def install(app: FastAPI) -> None:
    """Answer every kind of error of the application's routes."""
    app.add_exception_handler(Problem, _told)
    app.add_exception_handler(Unchanged, _unchanged)
    app.add_exception_handler(HTTPException, _plain)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreDown, _down)


def id_of(request: Request) -> str:
    """The request's id."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for it alone
    return answer(
        error.status_code, error.kind, error.detail, request=id_of(request), headers=error.headers, errors=error.errors
    )


async def _plain(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    detail = _DETAILS.get(error.status_code, "")
    headers = {"Allow": _offered(request)} if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED else error.headers
    return answer(error.status_code, "", detail, request=id_of(request), headers=headers)


def _offered(request: Request) -> str:
    """The methods of all routes of a path: the error knows those of the first one alone."""
    scope = {**request.scope, "path_params": {}}
    methods = {"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}
    taken = {m for m in methods for r in request.app.routes if r.matches({**scope, "method": m})[0] is Match.FULL}
    return ", ".join(sorted(taken))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it alone
    if any(isinstance(one.get("input"), bytes) for one in error.errors()):  # nobody has parsed it
        return answer(415, "media-type", "send application/json", request=id_of(request))
    found = field_problems(error.errors())
    return answer(422, "invalid", "the request does not fit", request=id_of(request), errors=found)


async def _down(request: Request, error: Exception) -> Response:
    # Its message speaks of the database, not to clients.
    if isinstance(error, FilesAway):
        structlog.get_logger("patchwright.api").error("files are away", request=id_of(request), why=str(error))
        detail = "the service cannot reach its storage of reports; try again"
        return answer(503, "unavailable", detail, request=id_of(request), headers={"Retry-After": "5"})
    detail = "the service cannot reach its database; try again, with the same Idempotency-Key"
    return answer(503, "unavailable", detail, request=id_of(request), headers={"Retry-After": "5"})


async def _unchanged(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, Unchanged)  # noqa: S101 - registered for it alone
    return Response(status_code=304, headers={"ETag": error.tag})
