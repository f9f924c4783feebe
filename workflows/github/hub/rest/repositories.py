"""A repository: itself, its branches, commits and files, comparisons, and what people may do in it."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from workflows.github.hub import git
from workflows.github.hub.answers import Problem, absent, paged
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import repositories as shapes
from workflows.github.hub.shapes.people import Json, account

CONTENTS = {"contents": "read"}
RAW = "application/vnd.github.raw"
_MOST_FILES = 300
_ROLES = ("pull", "triage", "push", "maintain", "admin")
_REACH = {"none": 0, "read": 1, "write": 3, "admin": 5}


async def repository(ask: Ask) -> Response:
    """GET /repos/{owner}/{name}."""
    return JSONResponse(shapes.full(ask.world, ask.place.repository))


async def sha_of(ask: Ask, revision: str) -> str:
    """The commit that a revision means here. Raises Problem."""
    found = await git.resolve(ask.place.repository.path, revision)
    if found is None:
        raise Problem(422, f"No commit found for SHA: {revision[:100]}") if git.SHA.match(revision) else absent()
    return found


async def branches(ask: Ask) -> Response:
    """GET branches."""
    heads = await _heads(ask)
    return paged(ask.request, sorted(heads.items()), lambda one: _short(ask, *one))


async def branch(ask: Ask) -> Response:
    """GET branches/{branch}."""
    wanted, base = ask.text("branch"), shapes.url(ask.world, ask.place.repository)
    sha = (await _heads(ask)).get(wanted)
    if sha is None:
        raise Problem(404, "Branch not found")
    known = await git.one(ask.place.repository.path, sha)
    protection = {
        "enabled": False,
        "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
    }
    return JSONResponse({
        "name": wanted, "commit": shapes.commit(ask.world, ask.place.repository, known), "protected": False,
        "protection": protection, "protection_url": f"{base}/branches/{wanted}/protection",
        "_links": {"self": f"{base}/branches/{wanted}", "html": f"{ask.world.web}/{ask.place.repository.full_name}"},
    })  # fmt: skip


async def _heads(ask: Ask) -> dict[str, str]:
    found = await git.refs(ask.place.repository.path)
    return {ref.removeprefix("refs/heads/"): sha for ref, sha in found.items() if ref.startswith("refs/heads/")}


def _short(ask: Ask, name: str, sha: str) -> Json:
    at = f"{shapes.url(ask.world, ask.place.repository)}/commits/{sha}"
    return {"name": name, "commit": {"sha": sha, "url": at}, "protected": False}


async def commits(ask: Ask) -> Response:
    """GET commits."""
    asked = ask.request.query_params
    start = await sha_of(ask, asked.get("sha", ask.place.repository.default_branch))
    paths = (asked["path"],) if asked.get("path") else ()
    found = await git.log(ask.place.repository.path, start, paths=paths)
    return paged(ask.request, found, lambda one: shapes.commit(ask.world, ask.place.repository, one))


async def commit(ask: Ask) -> Response:
    """GET commits/{ref}: with what it changes."""
    repository = ask.place.repository
    known = await git.one(repository.path, await sha_of(ask, ask.text("ref")))
    before = known.parents[0] if known.parents else git.EMPTY_TREE
    files = await git.diff(repository.path, before, known.sha)
    added, removed = sum(f.added for f in files), sum(f.removed for f in files)
    stats = {"total": added + removed, "additions": added, "deletions": removed}
    return JSONResponse({
        **shapes.commit(ask.world, repository, known), "stats": stats,
        "files": [shapes.changed(ask.world, repository, f, known.sha) for f in files[:_MOST_FILES]],
    })  # fmt: skip


async def compare(ask: Ask) -> Response:
    """GET compare/{base}...{head}."""
    base, dots, head = ask.text("basehead").partition("...")
    if not dots:
        raise absent()
    left, right = [await sha_of(ask, one.rpartition(":")[2]) for one in (base, head)]
    repository, world = ask.place.repository, ask.world
    start = await git.merge_base(repository.path, left, right)
    if start is None:
        raise Problem(404, f"No common ancestor between {base[:100]} and {head[:100]}.")
    ahead = await git.log(repository.path, f"{start}..{right}")
    behind = await git.log(repository.path, f"{start}..{left}")
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    page = f"{shapes.page(world, repository)}/compare/{base}...{head}"
    files = await git.diff(repository.path, start, right)
    return JSONResponse({
        "url": str(ask.request.url), "html_url": page, "permalink_url": page, "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": shapes.commit(world, repository, await git.one(repository.path, left)),
        "merge_base_commit": shapes.commit(world, repository, await git.one(repository.path, start)), "status": status,
        "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead),
        "commits": [shapes.commit(world, repository, one) for one in reversed(ahead)],
        "files": [shapes.changed(world, repository, f, right) for f in files[:_MOST_FILES]],
    })  # fmt: skip


async def contents(ask: Ask) -> Response:
    """GET contents/{path}: a file, raw or as JSON, or a directory."""
    repository = ask.place.repository
    revision = ask.request.query_params.get("ref", repository.default_branch)
    sha = await git.resolve(repository.path, revision)
    if sha is None:
        raise Problem(404, f"No commit found for the ref {revision[:100]}")
    wanted = ask.text("path").strip("/")
    if not wanted:
        return await _directory(ask, sha, revision, "")
    found = await git.entry(repository.path, sha, wanted)
    if found is None:
        raise absent()
    if found.kind != "blob":
        return await _directory(ask, sha, revision, f"{wanted}/")
    data = await git.blob(repository.path, found.sha)
    if RAW in ask.request.headers.get("accept", ""):
        return Response(data, media_type=f"{RAW}; charset=utf-8")
    return JSONResponse(shapes.content(ask.world, repository, found, revision, data))


async def _directory(ask: Ask, sha: str, revision: str, below: str) -> Response:
    tree = f"{sha}:{below.rstrip('/')}" if below else sha
    rows = await git.entries(ask.place.repository.path, tree)
    inside = [git.Entry(one.mode, one.kind, one.sha, one.size, below + one.path) for one in rows]
    return JSONResponse([shapes.content(ask.world, ask.place.repository, one, revision, None) for one in inside])


async def permission(ask: Ask) -> Response:
    """GET collaborators/{login}/permission."""
    known = ask.world.accounts.get(ask.text("login"))
    if known is None:
        raise absent()
    level = ask.place.repository.level(known.login)
    may = {role: at < _REACH[level] for at, role in enumerate(_ROLES)}
    user = {**account(ask.world, known), "permissions": may, "role_name": level}
    return JSONResponse({"permission": level, "role_name": level, "user": user})


APIS: tuple[Api, ...] = (
    Api("GET", "", repository),
    Api("GET", "/branches", branches, CONTENTS),
    Api("GET", "/branches/{branch:path}", branch, CONTENTS),
    Api("GET", "/commits", commits, CONTENTS),
    Api("GET", "/commits/{ref}", commit, CONTENTS),
    Api("GET", "/compare/{basehead:path}", compare, CONTENTS),
    Api("GET", "/contents/{path:path}", contents, CONTENTS),
    Api("GET", "/collaborators/{login}/permission", permission),
)
