"""`/_hub/…`: what people and time do to the hub, for tests and the demo. JSON in, JSON out.

Only for those who know the hub's word, which it writes into a file of its owner: other users of this machine can reach
the port too.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import InstanceOf, ValidationError, validate_call
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from workflows.github.hub import ci, git, happen
from workflows.github.hub.answers import Problem, absent, body_of, refused
from workflows.github.hub.faults import fault_of
from workflows.github.hub.happen import named
from workflows.github.hub.hub import Hub
from workflows.github.hub.installing import apps, hook, install, permissions, selection, suspend, uninstall
from workflows.github.hub.post import Disorder
from workflows.github.hub.things import Account, Level, Place, Pull

Answer = dict[str, Any]
Its = InstanceOf[Hub]


def _by(hub: Hub, login: str) -> Account:
    return hub.world.account(login)


def _pull(place: Place, number: int) -> Pull:
    if number not in place.pulls:
        raise absent()
    return place.pulls[number]


async def people(hub: Its, login: str) -> Answer:
    """Make a person, with a password for git."""
    password = secrets.token_hex(12)
    hub.world.people[password] = _by(hub, login)
    return {"login": login, "password": password}


async def repositories(
    hub: Its, name: str, private: bool = False, folder: Path | None = None, fork_of: str = ""
) -> Answer:
    """Make a repository: empty, from a folder of this machine that is your own, or as a fork."""
    parent = named(hub, fork_of) if fork_of else None
    made = await happen.made(hub, name, private=private, folder=folder, parent=parent)
    return {"id": made.repository.id, "clone_url": f"{hub.world.web}/{made.repository.full_name}.git"}


async def access(hub: Its, repository: str, login: str, level: Level | None) -> Answer:
    """What a person may do in a repository."""
    held = named(hub, repository).repository.access
    held.pop(login, None)
    if level is not None:
        held[_by(hub, login).login] = level
    return {}


async def commits(
    hub: Its, *, repository: str, branch: str, files: dict[str, str | None], by: str, message: str = "Change",
    parent: str = "",
) -> Answer:  # fmt: skip
    """Commit files and push them. parent: other than the branch's tip, it is a forced push."""
    place = named(hub, repository)
    sha = await happen.committed(hub, place, branch, files, message=message, by=_by(hub, by), parent=parent)
    return {"sha": sha}


async def branches(hub: Its, repository: str, branch: str, by: str, to: str | None = None) -> Answer:
    """Point a branch to a commit (a forced push), or delete it."""
    place = named(hub, repository)
    sha = await git.resolve(place.repository.path, to) if to else None
    if to and sha is None:
        raise absent()
    await happen.pushed(hub, place, branch, sha, _by(hub, by))
    return {"sha": sha}


async def pulls(
    hub: Its, *, repository: str, title: str, head: str, by: str, base: str = "main", body: str = ""
) -> Answer:
    """Open a pull."""
    place = named(hub, repository)
    made = await happen.opened(hub, place, title=title, body=body, head=head, base=base, by=_by(hub, by))
    return {"number": made.number, "head": made.head}


async def close(hub: Its, repository: str, number: int, by: str, merge: bool = False) -> Answer:
    """Close a pull, or merge it."""
    place = named(hub, repository)
    await happen.closed(hub, place, _pull(place, number), _by(hub, by), merge=merge)
    return {}


async def reopen(hub: Its, repository: str, number: int, by: str) -> Answer:
    """Open a pull again."""
    place = named(hub, repository)
    await happen.reopened(hub, place, _pull(place, number), _by(hub, by))
    return {}


async def issues(hub: Its, repository: str, title: str, by: str, body: str = "") -> Answer:
    """Open an issue."""
    return {"number": happen.opened_issue(hub, named(hub, repository), title, body, _by(hub, by)).number}


async def labels(hub: Its, repository: str, number: int, label: str, by: str) -> Answer:
    """Put a label on an issue or a pull."""
    await happen.labelled(hub, named(hub, repository), number, label, _by(hub, by))
    return {}


async def comments(hub: Its, repository: str, number: int, body: str, by: str) -> Answer:
    """Say something."""
    return {"id": happen.said(hub, named(hub, repository), number, body, by=_by(hub, by)).id}


async def uncomment(hub: Its, repository: str, comment: int, by: str) -> Answer:
    """Delete a comment."""
    place = named(hub, repository)
    if comment not in place.comments:
        raise absent()
    happen.unsaid(hub, place, place.comments[comment], _by(hub, by))
    return {}


async def press(hub: Its, repository: str, check: int, by: str, identifier: str = "") -> Answer:
    """Press a button of a check run; without one, its re-run."""
    place = named(hub, repository)
    if check not in place.checks:
        raise absent()
    happen.pressed(hub, place, place.checks[check], identifier, _by(hub, by))
    return {}


async def runs(
    hub: Its, *, repository: str, head: str, branch: str, by: str, jobs: list[dict[str, Any]] | None = None,
    workflow: str = ".github/workflows/ci.yml", name: str = "CI", event: str = "push", home: str = "",
) -> Answer:  # fmt: skip
    """Run a workflow at a commit: for real, or with results that are given."""
    place = named(hub, repository)
    sha = await git.resolve(place.repository.path, head)
    if sha is None or (jobs is None and workflow not in dict(await ci.workflows(place, sha))):
        raise absent()
    for job in jobs or ():
        ci.outcome(job)
    started = await ci.begun(
        hub, place, home=named(hub, home) if home else place, path=workflow, name=name, sha=sha, branch=branch,
        event=event, actor=_by(hub, by), given=jobs,
    )  # fmt: skip
    return {"id": started.id}


async def rerun(
    hub: Its, repository: str, run: int, failed_only: bool = True, jobs: list[dict[str, Any]] | None = None
) -> Answer:
    """Run a run again; with other results, where they are given."""
    place = named(hub, repository)
    if run not in place.runs:
        raise absent()
    await ci.rerun(hub, place, place.runs[run], failed_only=failed_only, given=jobs)
    return {"attempt": len(place.runs[run].attempts)}


async def expire(hub: Its, repository: str, run: int) -> Answer:
    """Let the logs of a run be too old."""
    place = named(hub, repository)
    if run not in place.runs:
        raise absent()
    for attempt in place.runs[run].attempts:
        attempt.expired = True
    return {}


async def rename(hub: Its, repository: str, name: str, by: str) -> Answer:
    """Give a repository another name."""
    happen.renamed(hub, named(hub, repository), name, _by(hub, by))
    return {}


async def transfer(hub: Its, repository: str, owner: str) -> Answer:
    """Give a repository another owner."""
    known = named(hub, repository).repository
    known.old.append(known.full_name)
    known.owner = _by(hub, owner)
    return {}


async def delete(hub: Its, repository: str) -> Answer:
    """Delete a repository."""
    happen.deleted(hub, named(hub, repository))
    return {}


async def faults(hub: Its, faults: list[dict[str, Any]]) -> Answer:
    """What goes wrong from now on; an empty list ends it."""
    hub.faults = [fault_of(one) for one in faults]
    return {}


async def disorder(
    hub: Its, twice: float = 0.0, lost: float = 0.0, mixed: int = 1, seed: int = 0
) -> Answer:  # fmt: skip
    """How deliveries go wrong from now on."""
    hub.post.upset(Disorder(twice, lost, max(mixed, 1), seed))
    return {}


async def limits(hub: Its, installation: int, seconds: float = 0.0) -> Answer:
    """Spend an installation's budget for so many seconds; 0 fills it."""
    hub.limits.budgets.pop(installation, None)
    if seconds > 0:
        hub.limits.spend(installation, seconds)
    return {}


async def automatic(hub: Its, on: bool) -> Answer:
    """Whether pushes and pulls start workflows."""
    hub.automatic = on
    return {}


async def settle(hub: Its) -> Answer:
    """Wait until all runs ended and everything is delivered."""
    await hub.settled()
    return {}


async def audit(hub: Its) -> Answer:
    """Who asked what, the oldest first; and every token that was given out, by its label."""
    tokens = [
        {"label": one.label, "installation": one.installation, "process": one.process}
        for one in hub.world.tokens.values()
    ]
    return {"heard": [asdict(one) for one in hub.audit], "tokens": tokens, "troubles": hub.troubles}


Handler = Callable[..., Awaitable[Answer]]
HANDLERS: tuple[Handler, ...] = (
    people, apps, hook, install, uninstall, suspend, permissions, selection, repositories, access, commits, branches,
    pulls, close, reopen, issues, labels, comments, uncomment, press, runs, rerun, expire, rename, transfer, delete,
    faults, disorder, limits, automatic, settle, audit,
)  # fmt: skip
_CHECKED = {one.__name__: validate_call(one) for one in HANDLERS}


async def answer(hub: Hub, request: Request) -> Response:
    """POST /_hub/{name}, with the hub's word as a bearer token. JSON only: no form of another page can ask for it."""
    said = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not secrets.compare_digest(said.encode(), hub.word.encode()):
        return refused(Problem(401, "Say the hub's word"))
    wanted = _CHECKED.get(request.path_params["what"])
    try:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return refused(Problem(415, "Content-Type must be application/json"))
        return JSONResponse(await wanted(hub, **await body_of(request)) if wanted else {}, 200 if wanted else 404)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[0]
        return refused(Problem(422, f"{'.'.join(map(str, told['loc']))}: {told['msg']}"))
    except Problem as problem:
        return refused(problem)
