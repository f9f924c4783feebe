"""Issues and the comments of issues and pulls, with reactions."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from workflows.github.hub import happen
from workflows.github.hub.answers import absent, invalid, paged, text
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import talk
from workflows.github.hub.things import Comment

READ = {"issues": "read", "pull_requests": "read"}
WRITE = {"issues": "write", "pull_requests": "write"}
_REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def _comment(ask: Ask) -> Comment:
    found = ask.place.comments.get(ask.number("comment"))
    if found is None:
        raise absent()
    return found


async def issue(ask: Ask) -> Response:
    """GET issues/{number}."""
    found = ask.place.issues.get(ask.number("number"))
    if found is None:
        raise absent()
    return JSONResponse(talk.issue(ask.world, ask.place, found))


async def comments(ask: Ask) -> Response:
    """GET issues/{number}/comments: the oldest first."""
    number = ask.number("number")
    if number not in ask.place.issues:
        raise absent()
    found = [one for one in ask.place.comments.values() if one.number == number]
    return paged(ask.request, found, lambda one: talk.comment(ask.world, ask.place, one))


async def add_comment(ask: Ask) -> Response:
    """POST issues/{number}/comments."""
    body = text(ask.body, "body", "IssueComment")
    app = ask.app
    made = happen.said(ask.hub, ask.place, ask.number("number"), body, by=ask.account, app=app.id if app else None)
    return JSONResponse(talk.comment(ask.world, ask.place, made), 201)


async def comment(ask: Ask) -> Response:
    """GET issues/comments/{comment}."""
    return JSONResponse(talk.comment(ask.world, ask.place, _comment(ask)))


async def edit_comment(ask: Ask) -> Response:
    """PATCH issues/comments/{comment}."""
    known = _comment(ask)
    happen.changed(ask.hub, ask.place, known, text(ask.body, "body", "IssueComment"), ask.account)
    return JSONResponse(talk.comment(ask.world, ask.place, known))


async def drop_comment(ask: Ask) -> Response:
    """DELETE issues/comments/{comment}."""
    happen.unsaid(ask.hub, ask.place, _comment(ask), ask.account)
    return Response(status_code=204)


async def reactions(ask: Ask) -> Response:
    """GET issues/comments/{comment}/reactions."""
    known = _comment(ask)
    given = list(enumerate(known.reactions, known.id * 100))
    return paged(ask.request, given, lambda one: talk.reaction(ask.world, one[0], *one[1]))


async def react(ask: Ask) -> Response:
    """POST issues/comments/{comment}/reactions: each one once."""
    known, content = _comment(ask), ask.body.get("content")
    if content not in _REACTIONS:
        raise invalid("Reaction", "content")
    given = (str(content), ask.account)
    there = given in known.reactions
    if not there:
        known.reactions.append(given)
    number = known.id * 100 + known.reactions.index(given)
    return JSONResponse(talk.reaction(ask.world, number, *given), 200 if there else 201)


APIS: tuple[Api, ...] = (
    Api("GET", "/issues/{number:int}", issue, READ),
    Api("GET", "/issues/{number:int}/comments", comments, READ),
    Api("POST", "/issues/{number:int}/comments", add_comment, WRITE, content=True),
    Api("GET", "/issues/comments/{comment:int}", comment, READ),
    Api("PATCH", "/issues/comments/{comment:int}", edit_comment, WRITE, content=True),
    Api("DELETE", "/issues/comments/{comment:int}", drop_comment, WRITE),
    Api("GET", "/issues/comments/{comment:int}/reactions", reactions, READ),
    Api("POST", "/issues/comments/{comment:int}/reactions", react, WRITE, content=True),
)
