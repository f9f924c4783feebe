"""Git's own data: refs, commits, trees, blobs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.responses import JSONResponse, Response

from workflows.github.hub import git, happen
from workflows.github.hub.answers import Problem, absent, invalid, text
from workflows.github.hub.git import Signature
from workflows.github.hub.route import Api, Ask
from workflows.github.hub.shapes import repositories as shapes
from workflows.github.hub.things import now

READ, WRITE = {"contents": "read"}, {"contents": "write"}
_MODES = {"100644": "blob", "100755": "blob", "120000": "blob", "040000": "tree", "160000": "commit"}


async def ref(ask: Ask) -> Response:
    """GET git/ref/{ref}."""
    name = f"refs/{ask.text('ref')}"
    sha = (await git.refs(ask.place.repository.path)).get(name)
    if sha is None:
        raise absent()
    return JSONResponse(shapes.ref(ask.world, ask.place.repository, name, sha))


async def matching(ask: Ask) -> Response:
    """GET git/matching-refs/{ref}."""
    found = await git.refs(ask.place.repository.path)
    start = f"refs/{ask.text('ref')}"
    rows = [(name, sha) for name, sha in sorted(found.items()) if name.startswith(start)]
    return JSONResponse([shapes.ref(ask.world, ask.place.repository, *one) for one in rows])


async def make_ref(ask: Ask) -> Response:
    """POST git/refs."""
    name, sha = text(ask.body, "ref", "Reference", 300), text(ask.body, "sha", "Reference", 40)
    path = ask.place.repository.path
    if not name.startswith("refs/heads/") or await git.kind(path, sha) != "commit":
        raise Problem(422, "Object does not exist" if name.startswith("refs/heads/") else "Reference name is not valid")
    if name in await git.refs(path):
        raise Problem(422, "Reference already exists")
    await happen.pushed(ask.hub, ask.place, name.removeprefix("refs/heads/"), sha, ask.account)
    return JSONResponse(shapes.ref(ask.world, ask.place.repository, name, sha), 201)


async def move_ref(ask: Ask) -> Response:
    """PATCH git/refs/{ref}."""
    name, sha = f"refs/{ask.text('ref')}", text(ask.body, "sha", "Reference", 40)
    path = ask.place.repository.path
    before = (await git.refs(path)).get(name)
    if before is None or await git.kind(path, sha) != "commit":
        raise Problem(422, "Reference does not exist" if before is None else "Object does not exist")
    if not ask.body.get("force") and await git.merge_base(path, before, sha) != before:
        raise Problem(422, "Update is not a fast forward")
    await happen.pushed(ask.hub, ask.place, name.removeprefix("refs/heads/"), sha, ask.account)
    return JSONResponse(shapes.ref(ask.world, ask.place.repository, name, sha))


async def drop_ref(ask: Ask) -> Response:
    """DELETE git/refs/{ref}."""
    name = f"refs/{ask.text('ref')}"
    if name not in await git.refs(ask.place.repository.path):
        raise Problem(422, "Reference does not exist")
    await happen.pushed(ask.hub, ask.place, name.removeprefix("refs/heads/"), None, ask.account)
    return Response(status_code=204)


async def commit(ask: Ask) -> Response:
    """GET git/commits/{sha}."""
    path = ask.place.repository.path
    if await git.kind(path, ask.text("sha")) != "commit":
        raise absent()
    return JSONResponse(shapes.git_commit(ask.world, ask.place.repository, await git.one(path, ask.text("sha"))))


async def make_commit(ask: Ask) -> Response:
    """POST git/commits."""
    message, tree = text(ask.body, "message", "Commit"), text(ask.body, "tree", "Commit", 40)
    parents = ask.body.get("parents", [])
    path = ask.place.repository.path
    if await git.kind(path, tree) != "tree":
        raise Problem(422, "Tree SHA does not exist")
    if not isinstance(parents, list) or any([await git.kind(path, str(one)) != "commit" for one in parents]):
        raise Problem(422, "Parent SHA does not exist or is not a commit object")
    who = Signature(ask.account.login, f"{ask.account.id}+{ask.account.login}@users.noreply.example", now())
    sha = await git.commit_tree(path, tree, parents, message, who)
    return JSONResponse(shapes.git_commit(ask.world, ask.place.repository, await git.one(path, sha)), 201)


async def tree(ask: Ask) -> Response:
    """GET git/trees/{sha}: of a tree, or of a commit."""
    path, wanted = ask.place.repository.path, ask.text("sha")
    if await git.kind(path, wanted) not in ("tree", "commit"):
        found = await git.resolve(path, wanted)
        if found is None:
            raise absent()
        wanted = found
    if await git.kind(path, wanted) == "commit":
        wanted = (await git.one(path, wanted)).tree
    rows = await git.entries(path, wanted, recursive="recursive" in ask.request.query_params)
    return JSONResponse(shapes.tree(ask.world, ask.place.repository, wanted, rows))


async def make_tree(ask: Ask) -> Response:
    """POST git/trees."""
    path, rows = ask.place.repository.path, ask.body.get("tree")
    if not isinstance(rows, list) or not rows:
        raise invalid("Tree", "tree", "missing_field")
    base = ask.body.get("base_tree")
    if base is not None and await git.kind(path, str(base)) not in ("tree", "commit"):
        raise Problem(422, "base_tree is not a valid tree oid")
    made = await git.tree_of(path, base, [await _change(ask, row) for row in rows])
    return JSONResponse(shapes.tree(ask.world, ask.place.repository, made, await git.entries(path, made)), 201)


async def _change(ask: Ask, row: Any) -> tuple[str, str, str | None]:
    if not isinstance(row, dict) or row.get("mode") not in _MODES or not isinstance(row.get("path"), str):
        raise Problem(422, "Must supply a valid tree.mode")
    if any(part in ("", ".", "..", ".git") for part in row["path"].split("/")):
        raise Problem(422, "tree.path contains a malformed path component")
    if "content" in row:
        return row["mode"], row["path"], await git.store(ask.place.repository.path, str(row["content"]).encode())
    if row.get("sha") is None:
        return row["mode"], row["path"], None
    if await git.kind(ask.place.repository.path, str(row["sha"])) != _MODES[row["mode"]]:
        raise Problem(422, "tree.sha is not a valid object")
    return row["mode"], row["path"], row["sha"]


async def blob(ask: Ask) -> Response:
    """GET git/blobs/{sha}."""
    path = ask.place.repository.path
    if await git.kind(path, ask.text("sha")) != "blob":
        raise absent()
    data = await git.blob(path, ask.text("sha"))
    return JSONResponse(shapes.blob(ask.world, ask.place.repository, ask.text("sha"), data))


async def make_blob(ask: Ask) -> Response:
    """POST git/blobs."""
    told = ask.body.get("content")
    if not isinstance(told, str):
        raise invalid("Blob", "content", "missing_field")
    try:
        data = base64.b64decode(told, validate=True) if ask.body.get("encoding") == "base64" else told.encode()
    except binascii.Error:
        raise Problem(422, "content is not valid Base64") from None
    sha = await git.store(ask.place.repository.path, data)
    at = f"{shapes.url(ask.world, ask.place.repository)}/git/blobs/{sha}"
    return JSONResponse({"sha": sha, "url": at}, 201)


APIS: tuple[Api, ...] = (
    Api("GET", "/git/ref/{ref:path}", ref, READ),
    Api("GET", "/git/matching-refs/{ref:path}", matching, READ),
    Api("POST", "/git/refs", make_ref, WRITE),
    Api("PATCH", "/git/refs/{ref:path}", move_ref, WRITE),
    Api("DELETE", "/git/refs/{ref:path}", drop_ref, WRITE),
    Api("GET", "/git/commits/{sha}", commit, READ),
    Api("POST", "/git/commits", make_commit, WRITE),
    Api("GET", "/git/trees/{sha}", tree, READ),
    Api("POST", "/git/trees", make_tree, WRITE),
    Api("GET", "/git/blobs/{sha}", blob, READ),
    Api("POST", "/git/blobs", make_blob, WRITE),
)
