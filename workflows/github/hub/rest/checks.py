"""Check runs: made and changed by the App, listed with those of workflows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from workflows.github.hub import git, telling
from workflows.github.hub.answers import Problem, absent, invalid, paged, text
from workflows.github.hub.rest.repositories import sha_of
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import checks as shapes
from workflows.github.hub.things import Check, Suite, now

READ, WRITE = {"checks": "read"}, {"checks": "write"}
MOST_NOTES, MOST_TEXT, MOST_ACTIONS = 50, 65_535, 3
_STATES = ("queued", "in_progress", "completed")
_ENDS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
_LEVELS = ("notice", "warning", "failure")
_SIZES = {"label": 20, "description": 40, "identifier": 20}


def _check(ask: Ask) -> Check:
    found = ask.place.checks.get(ask.number("check"))
    if found is None:
        raise absent()
    return found


async def make_check(ask: Ask) -> Response:
    """POST check-runs."""
    name, head = text(ask.body, "name", "CheckRun", 1000), text(ask.body, "head_sha", "CheckRun", 40)
    if await git.kind(ask.place.repository.path, head) != "commit":
        raise Problem(422, f"No commit found for SHA: {head}")
    app = ask.app
    suite = _suite(ask, head, app.id if app else None)
    made = Check(next(ask.world.ids), suite.id, suite.app, name, head)
    _changed(made, ask.body)
    ask.place.checks[made.id] = made
    telling.check(ask.hub, ask.place, "created", made, ask.account)
    _completed(ask, made)
    return JSONResponse(shapes.check(ask.world, ask.place, made), 201)


async def edit_check(ask: Ask) -> Response:
    """PATCH check-runs/{check}: by the App that made it."""
    known, app = _check(ask), ask.app
    if known.app != (app.id if app else None):
        raise Problem(
            403,
            "Invalid app_id `"
            + str(app.id if app else "")
            + "` - check run can only be modified by the GitHub App that created it.",
        )
    ended = known.status == "completed"
    _changed(known, ask.body)
    if not ended:
        _completed(ask, known)
    return JSONResponse(shapes.check(ask.world, ask.place, known))


def _completed(ask: Ask, known: Check) -> None:
    if known.status == "completed":
        telling.check(ask.hub, ask.place, "completed", known, ask.account)


def _suite(ask: Ask, head: str, app: int | None) -> Suite:
    for one in ask.place.suites.values():
        if one.head == head and one.app == app:
            return one
    branch = next((one.head_ref for one in ask.place.pulls.values() if one.head == head), None)
    made = Suite(next(ask.world.ids), head, branch, app)
    ask.place.suites[made.id] = made
    return made


def _changed(known: Check, body: dict[str, Any]) -> None:
    """Take over what is said; nothing of it when one part is wrong. Raises Problem."""
    status, conclusion = body.get("status", known.status), body.get("conclusion", known.conclusion)
    if conclusion is not None and "conclusion" in body:
        status = "completed"
    if status not in _STATES or (conclusion is not None and conclusion not in _ENDS):
        raise invalid("CheckRun", "status")
    if status == "completed" and conclusion is None:
        raise invalid("CheckRun", "conclusion", "missing_field")
    notes, actions = _notes(body), _actions(body)
    _output(known, body.get("output"))
    known.status, known.conclusion = status, conclusion if status == "completed" else None
    known.ended = (known.ended or now()) if status == "completed" else None
    known.name = str(body.get("name", known.name))
    known.details = str(body.get("details_url", known.details))
    known.external = str(body.get("external_id", known.external))
    if "started_at" in body:
        known.started = _time(body["started_at"])
    known.annotations += notes
    known.actions = actions if "actions" in body else known.actions


def _output(known: Check, told: Any) -> None:
    if told is None:
        return
    if not isinstance(told, dict):
        raise invalid("CheckRun", "output")
    known.title = str(told.get("title", known.title))
    known.summary = text(told, "summary", "CheckRun", MOST_TEXT)
    if told.get("text") is not None:
        known.text = text(told, "text", "CheckRun", MOST_TEXT)


def _notes(body: dict[str, Any]) -> list[dict[str, object]]:
    output = body.get("output")
    rows = output.get("annotations", []) if isinstance(output, dict) else []
    if not isinstance(rows, list) or len(rows) > MOST_NOTES:
        raise Problem(422, "Invalid request.\n\nNo more than 50 items are allowed.")
    for row in rows:
        fits = isinstance(row, dict) and row.get("annotation_level") in _LEVELS and isinstance(row.get("path"), str)
        if (
            not fits
            or not all(isinstance(row.get(key), int) for key in ("start_line", "end_line"))
            or not row.get("message")
        ):
            raise invalid("CheckAnnotation", "annotation_level")
    return rows


def _actions(body: dict[str, Any]) -> list[dict[str, str]]:
    rows = body.get("actions", [])
    if not isinstance(rows, list) or len(rows) > MOST_ACTIONS:
        raise Problem(422, "Invalid request.\n\nNo more than 3 items are allowed.")
    for row in rows:
        for key, most in _SIZES.items():
            if not isinstance(row, dict) or not 0 < len(str(row.get(key, ""))) <= most:
                raise invalid("CheckRun", "actions", "custom", f"{key} is too long (maximum is {most} characters)")
    return rows


def _time(value: object) -> datetime:
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid("CheckRun", "started_at") from None


async def check(ask: Ask) -> Response:
    """GET check-runs/{check}."""
    return JSONResponse(shapes.check(ask.world, ask.place, _check(ask)))


async def notes(ask: Ask) -> Response:
    """GET check-runs/{check}/annotations."""
    known = _check(ask)
    return paged(ask.request, known.annotations, lambda one: shapes.annotation(ask.world, ask.place, known, one))


async def of_commit(ask: Ask) -> Response:
    """GET commits/{ref}/check-runs: the newest of each name, or all of them."""
    head, asked = await sha_of(ask, ask.text("ref")), ask.request.query_params
    found = [one for one in ask.place.checks.values() if one.head == head]
    if "app_id" in asked:
        found = [one for one in found if str(one.app) == asked["app_id"]]
    if "check_name" in asked:
        found = [one for one in found if one.name == asked["check_name"]]
    if asked.get("filter", "latest") == "latest":
        found = list({(one.app, one.name): one for one in found}.values())
    return paged(ask.request, found[::-1], lambda one: shapes.check(ask.world, ask.place, one), "check_runs")


APIS: tuple[Api, ...] = (
    Api("POST", "/check-runs", make_check, WRITE, content=True),
    Api("GET", "/check-runs/{check:int}", check, READ),
    Api("PATCH", "/check-runs/{check:int}", edit_check, WRITE, content=True),
    Api("GET", "/check-runs/{check:int}/annotations", notes, READ),
    Api("GET", "/commits/{ref}/check-runs", of_commit, READ),
)
