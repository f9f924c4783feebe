"""Runs of workflows, their attempts, jobs and logs; running them again."""

from __future__ import annotations

import io
import secrets
import time
import zipfile

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from workflows.github.hub import ci, git
from workflows.github.hub.answers import Problem, absent, paged
from workflows.github.hub.hub import Hub, Link
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import checks as shapes
from workflows.github.hub.shapes.people import Json
from workflows.github.hub.things import Attempt, Run

READ, WRITE = {"actions": "read"}, {"actions": "write"}
LINK_S = 60.0
_UNFIT = str.maketrans("", "", '/\\:<>|*?"')


def _run(ask: Ask) -> Run:
    found = ask.place.runs.get(ask.number("run"))
    if found is None:
        raise absent()
    return found


def _attempt(ask: Ask) -> tuple[Run, Attempt]:
    run = _run(ask)
    if "attempt" not in ask.request.path_params:
        return run, run.last
    number = ask.number("attempt")
    if not 1 <= number <= len(run.attempts):
        raise absent()
    return run, run.attempts[number - 1]


async def _shape(ask: Ask, run: Run, attempt: Attempt) -> Json:
    head = await git.one(ask.place.repository.path, run.head)
    return shapes.run(ask.world, ask.place, run, attempt, head)


async def runs(ask: Ask) -> Response:
    """GET actions/runs, actions/workflows/{workflow}/runs: the newest first."""
    asked = ask.request.query_params
    wanted = ask.request.path_params.get("workflow")
    known = {str(number): path for path, number in ask.place.workflows.items()}
    if wanted is not None and wanted not in known and f".github/workflows/{wanted}" not in ask.place.workflows:
        raise absent()
    path = known.get(str(wanted), f".github/workflows/{wanted}") if wanted is not None else None
    status = asked.get("status")
    found = [
        run for run in ask.place.runs.values()
        if path in (None, run.workflow) and asked.get("branch", run.branch) == run.branch
        and asked.get("head_sha", run.head) == run.head and asked.get("event", run.event) == run.event
        and status in (None, run.last.status, run.last.conclusion)
    ]  # fmt: skip
    told = {run.id: await _shape(ask, run, run.last) for run in found}
    return paged(ask.request, found[::-1], lambda run: told[run.id], "workflow_runs")


async def run(ask: Ask) -> Response:
    """GET actions/runs/{run}, …/attempts/{attempt}."""
    return JSONResponse(await _shape(ask, *_attempt(ask)))


async def jobs(ask: Ask) -> Response:
    """GET actions/runs/{run}/jobs, …/attempts/{attempt}/jobs."""
    known, attempt = _attempt(ask)
    return paged(ask.request, attempt.jobs, lambda one: shapes.job(ask.world, ask.place, known, attempt, one), "jobs")


async def job(ask: Ask) -> Response:
    """GET actions/jobs/{job}."""
    found = ask.place.job(ask.number("job"))
    if found is None:
        raise absent()
    return JSONResponse(shapes.job(ask.world, ask.place, *found))


async def logs(ask: Ask) -> Response:
    """GET actions/runs/{run}/logs, …/attempts/{attempt}/logs: the way to a zip."""
    _, attempt = _attempt(ask)
    if attempt.expired:
        raise Problem(410, "Server Error")
    if attempt.status != "completed":
        raise absent()
    return _elsewhere(ask, archive(attempt), "application/zip")


async def job_logs(ask: Ask) -> Response:
    """GET actions/jobs/{job}/logs: the way to a text."""
    found = ask.place.job(ask.number("job"))
    if found is None or found[2].status != "completed":
        raise absent()
    if found[1].expired:
        raise Problem(410, "Server Error")
    return _elsewhere(ask, b"\xef\xbb\xbf" + found[2].log.encode(), "text/plain")


def archive(attempt: Attempt) -> bytes:
    """The logs of an attempt as GitHub packs them: each job whole, and by its steps."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for at, one in enumerate(attempt.jobs):
            name = one.name.translate(_UNFIT)[:90].strip()
            made.writestr(f"{at}_{name}.txt", "\ufeff" + one.log)
            for step in one.steps:
                if step.log:
                    title = step.name.translate(_UNFIT)[:90].strip()
                    made.writestr(f"{name}/{step.number}_{title}.txt", "\ufeff" + step.log)
    return packed.getvalue()


def _elsewhere(ask: Ask, data: bytes, kind: str) -> Response:
    links, at = ask.hub.links, time.monotonic()
    for old in [key for key, one in links.items() if one.ends < at]:
        del links[old]
    key = secrets.token_urlsafe(24)
    links[key] = Link(data, kind, at + LINK_S)
    return RedirectResponse(f"{ask.world.logs}/{key}", 302)


def linked(hub: Hub, request: Request) -> Response:
    """What a link leads to; refused like a storage does when a token comes along or the minute is over."""
    found = hub.links.get(request.path_params["key"])
    if found is None or found.ends < time.monotonic():
        return Response("AuthenticationFailed", 403)
    if "authorization" in request.headers:
        return Response("InvalidAuthenticationInfo", 400)
    return Response(found.data, media_type=found.kind)


async def rerun_failed(ask: Ask) -> Response:
    """POST actions/runs/{run}/rerun-failed-jobs."""
    await ci.rerun(ask.hub, ask.place, _run(ask), failed_only=True)
    return JSONResponse({}, 201)


async def rerun(ask: Ask) -> Response:
    """POST actions/runs/{run}/rerun."""
    await ci.rerun(ask.hub, ask.place, _run(ask), failed_only=False)
    return JSONResponse({}, 201)


APIS: tuple[Api, ...] = (
    Api("GET", "/actions/runs", runs, READ),
    Api("GET", "/actions/workflows/{workflow}/runs", runs, READ),
    Api("GET", "/actions/runs/{run:int}", run, READ),
    Api("GET", "/actions/runs/{run:int}/attempts/{attempt:int}", run, READ),
    Api("GET", "/actions/runs/{run:int}/jobs", jobs, READ),
    Api("GET", "/actions/runs/{run:int}/attempts/{attempt:int}/jobs", jobs, READ),
    Api("GET", "/actions/runs/{run:int}/logs", logs, READ),
    Api("GET", "/actions/runs/{run:int}/attempts/{attempt:int}/logs", logs, READ),
    Api("GET", "/actions/jobs/{job:int}", job, READ),
    Api("GET", "/actions/jobs/{job:int}/logs", job_logs, READ),
    Api("POST", "/actions/runs/{run:int}/rerun", rerun, WRITE),
    Api("POST", "/actions/runs/{run:int}/rerun-failed-jobs", rerun_failed, WRITE),
)
