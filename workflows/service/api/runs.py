"""Routes about runs: submit, list, look at, cancel, give an opinion."""

from __future__ import annotations

import asyncio
import math
from contextlib import AsyncExitStack
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi import Path as InPath

from agent.domain import Outcome
from workflows.service.api.access import Parts, Reader, Submitter, WithParts
from workflows.service.api.intake import check, discard, stored, submission, taken
from workflows.service.api.problems import Problem, Unchanged, invalid, missing
from workflows.service.bodies import Opinion, RunList, RunView, view
from workflows.service.ports import KeyConflict, KeyInFlight, QueueFull, StoreDown
from workflows.service.values import Callback, Feedback, Principal, Run, RunState, Submission

router = APIRouter(prefix="/v1/diagnoses", tags=["diagnoses"])
RunId = Annotated[str, InPath(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$", description="Id of a run.")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, pattern=r"^[!-~]+$",
        description="Sent again with the same body it names the same run, for a day.",
    ),
]  # fmt: skip
UPLOAD = {
    "type": "object",
    "required": ["archive"],
    "additionalProperties": False,
    "properties": {
        "archive": {
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": "tar, tar.gz, zip or git bundle",
        },
        "request": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Wanted"},
        },
    },
}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/Wanted"}},
            "multipart/form-data": {"schema": UPLOAD},
        },
    }
}


async def found(parts: Parts, asker: Principal, run: str) -> Run:
    """One of the asker's runs. Raises Problem 404."""
    known = await parts.store.run(asker.tenant, run)
    if known is None:
        raise missing()
    return known


@router.post("", status_code=202, openapi_extra=BODY)
async def submit(request: Request, response: Response, asker: Submitter, parts: WithParts, key: Key = None) -> RunView:
    """Submit a diagnosis: a git URL as JSON, or an archive of the source as a form."""
    async with taken(request) as body, AsyncExitStack() as undo:
        await check(body.wanted, asker, parts, uploaded=body.archive is not None)
        archive = None
        if body.archive is not None:
            archive = await stored(body.archive, body.wanted.subdirectory, parts)
            undo.push_async_callback(discard, archive, parts.settings)
        queued = submission(body.wanted, parts.settings, archive)
        try:
            run, fresh = await _queued(parts, asker, queued, key, body.fingerprint)
        except (StoreDown, asyncio.CancelledError):  # it may be queued all the same: what it needs stays
            undo.pop_all()
            raise
        if fresh:
            undo.pop_all()
    request.state.run = run.id
    response.headers["Location"] = f"/v1/diagnoses/{run.id}"
    response.headers["ETag"] = etag(run)
    parts.metrics.submitted("queued" if fresh else "repeated")
    if not fresh:
        response.headers["Idempotency-Replayed"] = "true"
    return view(run)


async def _queued(
    parts: Parts, asker: Principal, wanted: Submission, key: str | None, fingerprint: str
) -> tuple[Run, bool]:
    """The run, and whether it is new. Raises Problem where the store has a reason."""
    try:
        return await parts.store.submit(asker, wanted, key=key, fingerprint=fingerprint)
    except KeyConflict:
        detail = "this Idempotency-Key was used with another body: use a new one"
        raise Problem(422, "key-conflict", detail) from None
    except KeyInFlight:
        detail = "the first request with this Idempotency-Key is not answered yet"
        raise Problem(409, "key-in-flight", detail, headers={"Retry-After": "1"}) from None
    except QueueFull as full:
        parts.metrics.submitted("full")
        later = {"Retry-After": str(max(1, math.ceil(full.retry_after_s)))}
        raise Problem(429, "queue-full", "as many diagnoses are waiting as may; try later", headers=later) from None


@router.get("")
async def listed(  # noqa: PLR0917 - FastAPI reads the signature
    asker: Reader,
    parts: WithParts,
    state: Annotated[list[RunState] | None, Query(max_length=7, description="Only runs in one of these.")] = None,
    outcome: Annotated[Outcome | None, Query(description="Only runs with this outcome.")] = None,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the previous part.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Runs in one part.")] = 50,
) -> RunList:
    """Diagnoses of the tenant, the newest first."""
    try:
        page = await parts.store.runs(
            asker.tenant, states=tuple(state or ()), outcome=outcome, cursor=cursor, limit=limit
        )
    except ValueError:
        raise invalid("cursor", "not a cursor of this list") from None
    return RunList(runs=tuple(map(view, page.runs)), next=page.next)


@router.get("/{run}", responses={304: {"description": "It has not changed since."}})
async def one(
    run: RunId,
    asker: Reader,
    parts: WithParts,
    response: Response,
    none_match: Annotated[str | None, Header(alias="If-None-Match", max_length=2000)] = None,
) -> RunView:
    """One diagnosis; with `If-None-Match` only when it changed."""
    known = await found(parts, asker, run)
    tag = etag(known)
    if none_match and _matches(none_match, tag):
        raise Unchanged(tag)
    response.headers["ETag"] = tag
    return view(known)


@router.post("/{run}/cancel")
async def cancel(run: RunId, asker: Submitter, parts: WithParts, response: Response) -> RunView:
    """End a diagnosis; one that has ended stays as it is."""
    known = await parts.store.cancel(asker, run)
    if known is None:
        raise missing()
    response.headers["ETag"] = etag(known)
    return view(known)


@router.get("/{run}/callback")
async def callback(run: RunId, asker: Reader, parts: WithParts) -> Callback:
    """What became of telling the callback URL that the run has ended."""
    known = await parts.store.callback(asker.tenant, run)
    if known is None:
        raise missing()
    return known


@router.post("/{run}/feedback", status_code=204)
async def feedback(run: RunId, opinion: Opinion, asker: Submitter, parts: WithParts) -> None:
    """Say whether a report was right."""
    kept = Feedback(run=run, verdict=opinion.verdict, comment=opinion.comment)
    if not await parts.store.feedback(asker, kept):
        raise missing()


def etag(run: Run) -> str:
    """What changes with every change of a run."""
    return f'"{run.id}.{run.version}"'


def _matches(header: str, tag: str) -> bool:
    names = [name.strip().removeprefix("W/") for name in header.split(",")]
    return "*" in names or tag in names
