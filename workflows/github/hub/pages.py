"""Pages for people: repositories, pulls with their talk and checks, runs with their logs. No text is trusted."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from workflows.github.hub import git, happen
from workflows.github.hub.answers import Problem, absent
from workflows.github.hub.hub import Hub
from workflows.github.hub.things import Account, Place, Pull
from workflows.text import clean

# Forms of pages that name no referrer at all come from the origin "null", and those are not ours.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
}  # fmt: skip
_HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)
_FOLDS = re.compile(r"&lt;(/?(?:details|summary|sub|sup|kbd|br))&gt;")
_MOST_FORM = 100_000


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("workflows.github.hub", "templates"), autoescape=True, undefined=StrictUndefined
    )
    made.filters |= {"markdown": markdown, "clean": clean}
    return made


@cache
def _reader() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def markdown(text: str) -> Markup:
    """A text as GitHub shows it, with no HTML of its own but folds; images are not fetched."""
    shown = _reader().render(_HIDDEN.sub("", clean(text)))
    return Markup(_FOLDS.sub(r"<\1>", shown))  # noqa: S704 - rendered with HTML off; the folds have no attributes


def _page(name: str, **told: Any) -> Response:
    return HTMLResponse(_templates().get_template(f"{name}.html.j2").render(**told), headers=HEADERS)


def shown(name: str, *, allowed: str, **told: Any) -> Response:
    """A page whose form may lead to another place. allowed: its scheme, host and port."""
    page = _page(name, **told)
    policy = HEADERS["Content-Security-Policy"].replace("form-action 'self'", f"form-action 'self' {allowed}")
    page.headers["Content-Security-Policy"] = policy
    return page


def _place(hub: Hub, request: Request) -> Place:
    found = hub.world.named(request.path_params["owner"], request.path_params["name"])
    if found is None:
        raise absent()
    return found


def _pull(hub: Hub, request: Request) -> tuple[Place, Pull]:
    place = _place(hub, request)
    pull = place.pulls.get(request.path_params["number"])
    if pull is None:
        raise absent()
    return place, pull


async def home(hub: Hub, _: Request) -> Response:
    """GET /: all repositories."""
    return _page("home", places=list(hub.world.places.values()), deliveries=hub.post.log[-20:][::-1])


async def repository(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}: its pulls, issues and runs."""
    place = _place(hub, request)
    issues = [one for one in place.issues.values() if one.number not in place.pulls]
    heads = {
        ref.removeprefix("refs/heads/"): sha for ref, sha in (await git.refs(place.repository.path)).items()
        if ref.startswith("refs/heads/")
    }  # fmt: skip
    return _page("repository", place=place, issues=issues, heads=heads, runs=list(place.runs.values())[::-1][:50])


async def pull(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/pull/{number}: talk, checks with their buttons, and the diff."""
    place, known = _pull(hub, request)
    path = place.repository.path
    start = await git.merge_base(path, known.base, known.head) or known.base
    talk = [one for one in place.comments.values() if one.number == known.number]
    newest = {(one.app, one.name): one for one in place.checks.values() if one.head == known.head}
    reviews = [one for one in place.reviews.values() if one.number == known.number]
    files = await git.diff(path, start, known.head)
    return _page(
        "pull", place=place, pull=known, talk=talk, checks=list(newest.values()), reviews=reviews, files=files
    )  # fmt: skip


async def issue(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/issues/{number}."""
    place = _place(hub, request)
    known = place.issues.get(request.path_params["number"])
    if known is None:
        raise absent()
    talk = [one for one in place.comments.values() if one.number == known.number]
    return _page("issue", place=place, issue=known, talk=talk)


async def run(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/actions/runs/{run}: its attempts and jobs."""
    place = _place(hub, request)
    known = place.runs.get(request.path_params["run"])
    if known is None:
        raise absent()
    return _page("run", place=place, run=known)


async def job(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/actions/runs/{run}/job/{job}: its log."""
    place = _place(hub, request)
    found = place.job(request.path_params["job"])
    if found is None or found[0].id != request.path_params["run"]:
        raise absent()
    return _page("job", place=place, run=found[0], attempt=found[1], job=found[2])


async def check(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/runs/{check}: what a check run says."""
    place = _place(hub, request)
    known = place.checks.get(request.path_params["check"])
    if known is None:
        raise absent()
    return _page("check", place=place, check=known)


async def commit(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/commit/{sha}."""
    place = _place(hub, request)
    if await git.kind(place.repository.path, request.path_params["sha"]) != "commit":
        raise absent()
    known = await git.one(place.repository.path, request.path_params["sha"])
    before = known.parents[0] if known.parents else git.EMPTY_TREE
    return _page("commit", place=place, commit=known, files=await git.diff(place.repository.path, before, known.sha))


async def blob(hub: Hub, request: Request) -> Response:
    """GET /{owner}/{name}/blob/{revision}/{path}: a file, with numbers for its lines."""
    place, path = _place(hub, request), request.path_params["path"]
    sha = await git.resolve(place.repository.path, request.path_params["revision"])
    found = await git.entry(place.repository.path, sha, path) if sha else None
    if found is None or found.kind != "blob":
        raise absent()
    text = (await git.blob(place.repository.path, found.sha)).decode(errors="replace")
    return _page("blob", place=place, path=path, lines=text.splitlines()[:20_000])


async def _form(hub: Hub, request: Request) -> tuple[dict[str, str], Account, Place]:
    """What a form of our own pages says, who the owner of the repository is, and the repository. Raises Problem."""
    if request.headers.get("origin") != hub.world.web:
        raise Problem(403, "This form is not ours.")
    size = request.headers.get("content-length", "")
    if not size.isascii() or not size.isdigit() or int(size) > _MOST_FORM:
        raise Problem(413, "Payload too large")
    place = _place(hub, request)
    async with request.form(max_files=0, max_fields=10) as form:
        told = {key: value for key, value in form.items() if isinstance(value, str)}
    return told, place.repository.owner, place


async def press(hub: Hub, request: Request) -> Response:
    """POST …/pull/{number}/press: a button of a check run, by the repository's owner."""
    told, owner, place = await _form(hub, request)
    wanted = told.get("check", "")
    known = place.checks.get(int(wanted)) if wanted.isascii() and wanted.isdigit() and len(wanted) < 15 else None
    if known is None:
        raise absent()
    happen.pressed(hub, place, known, told.get("identifier", ""), owner)
    return _back(hub, request)


async def speak(hub: Hub, request: Request) -> Response:
    """POST …/pull/{number}/comment: by the repository's owner."""
    told, owner, place = await _form(hub, request)
    if told.get("body", "").strip():
        happen.said(hub, place, request.path_params["number"], told["body"], by=owner)
    return _back(hub, request)


def _back(hub: Hub, request: Request) -> Response:
    place, number = _place(hub, request), request.path_params["number"]
    kind = "pull" if number in place.pulls else "issues"
    return RedirectResponse(f"/{place.repository.full_name}/{kind}/{number}", 303)


_BASE = "/{owner}/{name}"
PAGES: tuple[tuple[str, str, Callable[[Hub, Request], Awaitable[Response]]], ...] = (
    ("GET", "/", home),
    ("GET", _BASE, repository),
    ("GET", _BASE + "/pull/{number:int}", pull),
    ("POST", _BASE + "/pull/{number:int}/press", press),
    ("POST", _BASE + "/pull/{number:int}/comment", speak),
    ("GET", _BASE + "/issues/{number:int}", issue),
    ("GET", _BASE + "/actions/runs/{run:int}", run),
    ("GET", _BASE + "/actions/runs/{run:int}/job/{job:int}", job),
    ("GET", _BASE + "/runs/{check:int}", check),
    ("GET", _BASE + "/commit/{sha}", commit),
    ("GET", _BASE + "/blob/{revision}/{path:path}", blob),
)
