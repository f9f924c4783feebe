"""Repositories, and the commits, files and refs in them."""

from __future__ import annotations

import base64
from typing import Any

from workflows.github.hub.git import Changed, Commit, Entry, Signature
from workflows.github.hub.shapes.people import Json, account, node, stamp
from workflows.github.hub.things import Repository
from workflows.github.hub.world import World

_PARTS = {
    "archive_url": "/{archive_format}{/ref}", "assignees_url": "/assignees{/user}", "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}", "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}", "commits_url": "/commits{/sha}", "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}", "contributors_url": "/contributors", "deployments_url": "/deployments",
    "downloads_url": "/downloads", "events_url": "/events", "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}", "git_refs_url": "/git/refs{/sha}", "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks", "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}", "issues_url": "/issues{/number}", "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}", "languages_url": "/languages", "merges_url": "/merges",
    "milestones_url": "/milestones{/number}", "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}", "releases_url": "/releases{/id}", "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}", "subscribers_url": "/subscribers", "subscription_url": "/subscription",
    "tags_url": "/tags", "teams_url": "/teams", "trees_url": "/git/trees{/sha}",
}  # fmt: skip
_COUNTS = (
    "forks", "forks_count", "open_issues", "open_issues_count", "stargazers_count", "watchers", "watchers_count", "size"
)  # fmt: skip


def url(world: World, repository: Repository) -> str:
    """Its address in the interface."""
    return f"{world.api}/repos/{repository.full_name}"


def page(world: World, repository: Repository) -> str:
    """Its address for people."""
    return f"{world.web}/{repository.full_name}"


def minimal(world: World, repository: Repository) -> Json:
    """A repository as others hold it."""
    base = url(world, repository)
    return {
        "id": repository.id, "node_id": node("R", repository.id), "name": repository.name,
        "full_name": repository.full_name, "private": repository.private, "owner": account(world, repository.owner),
        "html_url": page(world, repository), "description": None, "fork": repository.parent is not None, "url": base,
        **{key: base + end for key, end in _PARTS.items()},
    }  # fmt: skip


def usual(world: World, repository: Repository) -> Json:
    """A repository in lists, pulls and webhooks."""
    git = f"{page(world, repository)}.git"
    features = ("has_issues", "has_projects", "has_wiki")
    return {
        **minimal(world, repository), "clone_url": git, "git_url": git, "ssh_url": git,
        "svn_url": page(world, repository), "mirror_url": None, "homepage": None, "language": None, "license": None,
        "default_branch": repository.default_branch, **dict.fromkeys(_COUNTS, 0), **dict.fromkeys(features, True),
        "has_pages": False, "has_discussions": False, "has_downloads": False, "has_pull_requests": True,
        "archived": False, "disabled": False, "is_template": False, "allow_forking": True, "topics": [],
        "web_commit_signoff_required": False, "visibility": "private" if repository.private else "public",
        "pushed_at": stamp(repository.made), "created_at": stamp(repository.made),
        "updated_at": stamp(repository.made),
    }  # fmt: skip


def full(world: World, repository: Repository) -> Json:
    """A repository as `GET /repos/OWNER/NAME` tells it."""
    parent = world.places.get(repository.parent or 0)
    origin = usual(world, parent.repository) if parent else None
    family = {"parent": origin, "source": origin} if origin else {}
    return {**usual(world, repository), "network_count": 0, "subscribers_count": 0, **family}


def short(world: World, repository: Repository) -> Json:
    """A repository by its name, as pulls of a check hold it."""
    return {"id": repository.id, "url": url(world, repository), "name": repository.name}


def person(known: Signature) -> Json:
    """Who wrote a commit."""
    return {"name": known.name, "email": known.email, "date": stamp(known.when)}


def _unsigned() -> Json:
    return {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def _parents(world: World, repository: Repository, known: Commit, below: str) -> list[Json]:
    base, shown = url(world, repository), page(world, repository)
    return [{"sha": sha, "url": f"{base}/{below}/{sha}", "html_url": f"{shown}/commit/{sha}"} for sha in known.parents]


def commit(world: World, repository: Repository, known: Commit) -> Json:
    """A commit of a repository."""
    base = url(world, repository)
    git = f"{base}/git/commits/{known.sha}"
    return {
        "url": f"{base}/commits/{known.sha}", "sha": known.sha, "node_id": f"C_{known.sha}",
        "html_url": f"{page(world, repository)}/commit/{known.sha}",
        "comments_url": f"{base}/commits/{known.sha}/comments",
        "commit": {
            "url": git, "author": person(known.author), "committer": person(known.committer),
            "message": known.message, "comment_count": 0, "verification": _unsigned(),
            "tree": {"sha": known.tree, "url": f"{base}/git/trees/{known.tree}"},
        },
        "author": None, "committer": None, "parents": _parents(world, repository, known, "commits"),
    }  # fmt: skip


def git_commit(world: World, repository: Repository, known: Commit) -> Json:
    """A commit of the git data interface."""
    base = url(world, repository)
    return {
        "sha": known.sha, "node_id": f"C_{known.sha}", "url": f"{base}/git/commits/{known.sha}",
        "html_url": f"{page(world, repository)}/commit/{known.sha}", "author": person(known.author),
        "committer": person(known.committer), "message": known.message, "verification": _unsigned(),
        "tree": {"sha": known.tree, "url": f"{base}/git/trees/{known.tree}"},
        "parents": _parents(world, repository, known, "git/commits"),
    }  # fmt: skip


def head_commit(known: Commit) -> Json:
    """A commit as runs and suites hold it."""
    people = {
        role: {"name": who.name, "email": who.email}
        for role, who in (("author", known.author), ("committer", known.committer))
    }
    return {
        "id": known.sha, "tree_id": known.tree, "message": known.message, "timestamp": stamp(known.committer.when),
        **people,
    }  # fmt: skip


def changed(world: World, repository: Repository, file: Changed, head: str) -> Json:
    """A file of a diff."""
    base, shown = url(world, repository), page(world, repository)
    told: Json = {
        "sha": file.sha, "filename": file.path, "status": file.status, "additions": file.added,
        "deletions": file.removed, "changes": file.added + file.removed, "blob_url": f"{shown}/blob/{head}/{file.path}",
        "raw_url": f"{shown}/raw/{head}/{file.path}", "contents_url": f"{base}/contents/{file.path}?ref={head}",
    }  # fmt: skip
    if file.patch:
        told["patch"] = file.patch
    if file.was:
        told["previous_filename"] = file.was
    return told


def ref(world: World, repository: Repository, name: str, sha: str) -> Json:
    """A ref of the git data interface."""
    base = url(world, repository)
    target = {"type": "commit", "sha": sha, "url": f"{base}/git/commits/{sha}"}
    return {"ref": name, "node_id": f"REF_{name}", "url": f"{base}/git/{name}", "object": target}


def tree(world: World, repository: Repository, sha: str, entries: list[Entry]) -> Json:
    """A tree of the git data interface."""
    base = url(world, repository)
    rows: list[Json] = []
    for entry in entries:
        size: dict[str, Any] = {"size": entry.size} if entry.size >= 0 else {}
        at = f"{base}/git/{entry.kind}s/{entry.sha}"
        rows.append(
            {"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha, "url": at, **size},
        )
    return {"sha": sha, "url": f"{base}/git/trees/{sha}", "tree": rows, "truncated": False}


def blob(world: World, repository: Repository, sha: str, data: bytes) -> Json:
    """A blob of the git data interface."""
    return {
        "sha": sha, "node_id": f"B_{sha}", "size": len(data), "url": f"{url(world, repository)}/git/blobs/{sha}",
        "content": base64.encodebytes(data).decode("ascii"), "encoding": "base64",
    }  # fmt: skip


def content(world: World, repository: Repository, entry: Entry, revision: str, data: bytes | None) -> Json:
    """A file, or with no data an entry of a directory, of the contents interface."""
    base, shown = url(world, repository), page(world, repository)
    own = f"{base}/contents/{entry.path}?ref={revision}"
    git = f"{base}/git/{entry.kind}s/{entry.sha}"
    sort = "file" if entry.kind == "blob" else "dir"
    seen = f"{shown}/{'blob' if sort == 'file' else 'tree'}/{revision}/{entry.path}"
    told: Json = {
        "name": entry.path.rsplit("/", 1)[-1], "path": entry.path, "sha": entry.sha, "size": max(entry.size, 0),
        "url": own, "html_url": seen, "git_url": git, "type": sort,
        "download_url": f"{shown}/raw/{revision}/{entry.path}" if sort == "file" else None,
        "_links": {"self": own, "git": git, "html": seen},
    }  # fmt: skip
    if data is not None:
        told |= {"content": base64.encodebytes(data).decode("ascii"), "encoding": "base64"}
    return told
