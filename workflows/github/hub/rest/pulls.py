"""Pulls, their files, commits and reviews."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import JSONResponse, Response

from workflows.github.hub import git, happen, telling
from workflows.github.hub.answers import Problem, absent, invalid, paged, text
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import repositories, talk
from workflows.github.hub.things import Pull, Remark, Review, now

READ, WRITE = {"pull_requests": "read"}, {"pull_requests": "write"}
CODE = {"contents": "read", "pull_requests": "read"}
_HUNK = re.compile(r"^@@ -\d+(?:,\d+)? \+(\d+)")
_EVENTS = ("COMMENT", "APPROVE", "REQUEST_CHANGES")


def _pull(ask: Ask) -> Pull:
    found = ask.place.pulls.get(ask.number("number"))
    if found is None:
        raise absent()
    return found


async def pulls(ask: Ask) -> Response:
    """GET pulls: by state, head and base, the newest first."""
    asked = ask.request.query_params
    state, base = asked.get("state", "open"), asked.get("base")
    owner, _, branch = asked.get("head", "").rpartition(":")
    found = [
        one for one in ask.place.pulls.values()
        if state in ("all", one.issue.state) and base in (None, one.base_ref)
        and (not owner or (one.head_ref == branch and _owner(ask, one) == owner))
    ]  # fmt: skip
    return paged(ask.request, found[::-1], lambda one: talk.simple(ask.world, ask.place, one))


def _owner(ask: Ask, pull: Pull) -> str:
    home = ask.world.places.get(pull.home or 0)
    return home.repository.owner.login if home else pull.issue.user.login


async def pull(ask: Ask) -> Response:
    """GET pulls/{number}."""
    known = _pull(ask)
    return JSONResponse(talk.pull(ask.world, ask.place, known, await telling.sizes(ask.place, known)))


async def open_pull(ask: Ask) -> Response:
    """POST pulls."""
    title, head, base = (text(ask.body, name, "PullRequest", 300) for name in ("title", "head", "base"))
    body = str(ask.body.get("body") or "")
    made = await happen.opened(ask.hub, ask.place, title=title, body=body, head=head, base=base, by=ask.account)
    return JSONResponse(talk.pull(ask.world, ask.place, made, await telling.sizes(ask.place, made)), 201)


async def edit_pull(ask: Ask) -> Response:
    """PATCH pulls/{number}."""
    known = _pull(ask)
    known.issue.title = str(ask.body.get("title", known.issue.title))
    known.issue.body = str(ask.body.get("body", known.issue.body))
    if ask.body.get("state") == "closed" and known.issue.state == "open":
        await happen.closed(ask.hub, ask.place, known, ask.account)
    if ask.body.get("state") == "open" and known.issue.state == "closed":
        await happen.reopened(ask.hub, ask.place, known, ask.account)
    return JSONResponse(talk.pull(ask.world, ask.place, known, await telling.sizes(ask.place, known)))


async def _diff(ask: Ask, known: Pull) -> list[git.Changed]:
    path = ask.place.repository.path
    start = await git.merge_base(path, known.base, known.head) or known.base
    return await git.diff(path, start, known.head)


async def files(ask: Ask) -> Response:
    """GET pulls/{number}/files."""
    known = _pull(ask)
    found = await _diff(ask, known)
    repository = ask.place.repository
    return paged(ask.request, found, lambda one: repositories.changed(ask.world, repository, one, known.head))


async def commits(ask: Ask) -> Response:
    """GET pulls/{number}/commits: the oldest first."""
    known, path = _pull(ask), ask.place.repository.path
    start = await git.merge_base(path, known.base, known.head) or known.base
    found = await git.log(path, f"{start}..{known.head}")
    repository = ask.place.repository
    return paged(ask.request, found[::-1], lambda one: repositories.commit(ask.world, repository, one))


async def of_commit(ask: Ask) -> Response:
    """GET commits/{sha}/pulls: those that have the commit."""
    path, sha = ask.place.repository.path, ask.text("sha")
    if await git.kind(path, sha) != "commit":
        raise Problem(422, f"No commit found for SHA: {sha[:100]}")
    found = []
    for one in ask.place.pulls.values():
        start = await git.merge_base(path, one.base, one.head) or one.base
        if sha in [known.sha for known in await git.log(path, f"{start}..{one.head}")]:
            found.append(one)
    return paged(ask.request, found, lambda one: talk.simple(ask.world, ask.place, one))


async def reviews(ask: Ask) -> Response:
    """GET pulls/{number}/reviews."""
    number = _pull(ask).number
    found = [one for one in ask.place.reviews.values() if one.number == number]
    return paged(ask.request, found, lambda one: talk.review(ask.world, ask.place, one))


async def remarks(ask: Ask) -> Response:
    """GET pulls/{number}/comments: those of its reviews."""
    number = _pull(ask).number
    found = [(one, said) for one in ask.place.reviews.values() if one.number == number for said in one.remarks]
    return paged(ask.request, found, lambda one: talk.remark(ask.world, ask.place, *one))


async def add_review(ask: Ask) -> Response:
    """POST pulls/{number}/reviews: refused whole when one line is not in the diff."""
    known, told = _pull(ask), ask.body.get("comments", [])
    event = ask.body.get("event", "COMMENT")
    if event not in _EVENTS or not isinstance(told, list):
        raise invalid("PullRequestReview", "event")
    commit = ask.body.get("commit_id", known.head)
    if await git.kind(ask.place.repository.path, str(commit)) != "commit":
        raise Problem(422, "Unprocessable Entity: commit_id is not part of the pull request")
    lines = {one.path: shown(one.patch) for one in await _diff(ask, known)}
    said = tuple(_remark(ask, row, lines) for row in told)
    made = Review(
        next(ask.world.ids), known.number, ask.account, str(ask.body.get("body") or ""), str(commit), event, said, now()
    )
    ask.place.reviews[made.id] = made
    return JSONResponse(talk.review(ask.world, ask.place, made))


def _remark(ask: Ask, row: Any, lines: dict[str, set[int]]) -> Remark:
    told = row if isinstance(row, dict) else {}
    path, line, start = told.get("path"), told.get("line"), told.get("start_line")
    body = text(told, "body", "PullRequestReviewComment")
    if not isinstance(path, str) or path not in lines:
        raise Problem(422, "Unprocessable Entity", errors=({"message": "Path could not be resolved"},))
    if not isinstance(line, int) or not {line, line if start is None else start} <= lines[path]:
        raise Problem(422, "Unprocessable Entity", errors=({"message": "Line could not be resolved"},))
    if start is not None and start >= line:
        raise Problem(422, "Unprocessable Entity", errors=({"message": "Start line must precede the end line."},))
    return Remark(next(ask.world.ids), path, line, body, str(told.get("side", "RIGHT")), start, now())


def shown(patch: str) -> set[int]:
    """The lines of the new file that hunks show."""
    found, at = set(), 0
    for row in patch.split("\n"):
        match = _HUNK.match(row)
        if match:
            at = int(match[1])
        elif row[:1] in ("+", " "):
            found.add(at)
            at += 1
    return found


APIS: tuple[Api, ...] = (
    Api("GET", "/pulls", pulls, READ),
    Api("POST", "/pulls", open_pull, WRITE, content=True),
    Api("GET", "/pulls/{number:int}", pull, READ),
    Api("PATCH", "/pulls/{number:int}", edit_pull, WRITE, content=True),
    Api("GET", "/pulls/{number:int}/files", files, READ),
    Api("GET", "/pulls/{number:int}/commits", commits, READ),
    Api("GET", "/pulls/{number:int}/comments", remarks, READ),
    Api("GET", "/pulls/{number:int}/reviews", reviews, READ),
    Api("POST", "/pulls/{number:int}/reviews", add_review, WRITE, content=True),
    Api("GET", "/commits/{sha}/pulls", of_commit, CODE),
)
