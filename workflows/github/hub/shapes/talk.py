"""Issues, pulls, comments and reviews."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.github.hub.shapes import apps
from workflows.github.hub.shapes.people import Json, account, association, node, reactions, stamp
from workflows.github.hub.shapes.repositories import page, short, url, usual
from workflows.github.hub.things import Account, Comment, Issue, Place, Pull, Remark, Review
from workflows.github.hub.world import World


def label(world: World, place: Place, name: str) -> Json:
    """A label."""
    number = sum(map(ord, name))
    return {
        "id": number, "node_id": node("LA", number), "url": f"{url(world, place.repository)}/labels/{name}",
        "name": name, "description": None, "color": "ededed", "default": False,
    }  # fmt: skip


def issue(world: World, place: Place, known: Issue) -> Json:
    """An issue; of a pull it links there."""
    repository = place.repository
    base = f"{url(world, repository)}/issues/{known.number}"
    shown = f"{page(world, repository)}/{'pull' if known.number in place.pulls else 'issues'}/{known.number}"
    told: Json = {
        "id": known.id, "node_id": node("I", known.id), "number": known.number, "url": base, "html_url": shown,
        "repository_url": url(world, repository), "labels_url": base + "/labels{/name}",
        "comments_url": f"{base}/comments", "events_url": f"{base}/events", "title": known.title, "body": known.body,
        "user": account(world, known.user), "labels": [label(world, place, name) for name in known.labels],
        "state": known.state, "locked": False, "assignee": None, "assignees": [], "milestone": None,
        "comments": sum(c.number == known.number for c in place.comments.values()), "created_at": stamp(known.made),
        "updated_at": stamp(known.changed), "closed_at": stamp(known.closed), "active_lock_reason": None,
        "author_association": association(repository, known.user), "reactions": reactions(base, ()),
        "timeline_url": f"{base}/timeline", "performed_via_github_app": None, "state_reason": None,
    }  # fmt: skip
    if known.number in place.pulls:
        address = f"{url(world, repository)}/pulls/{known.number}"
        ends = {"diff_url": f"{shown}.diff", "patch_url": f"{shown}.patch", "merged_at": None}
        told["pull_request"] = {"url": address, "html_url": shown, **ends}
    return told


def comment(world: World, place: Place, known: Comment) -> Json:
    """A comment."""
    base = f"{url(world, place.repository)}/issues"
    kind = "pull" if known.number in place.pulls else "issues"
    own = f"{base}/comments/{known.id}"
    return {
        "id": known.id, "node_id": node("IC", known.id), "url": own, "issue_url": f"{base}/{known.number}",
        "html_url": f"{page(world, place.repository)}/{kind}/{known.number}#issuecomment-{known.id}",
        "user": account(world, known.user), "body": known.body, "created_at": stamp(known.made),
        "updated_at": stamp(known.changed), "author_association": association(place.repository, known.user),
        "reactions": reactions(own, known.reactions),
        "performed_via_github_app": apps.author(world, known.app) if known.app else None,
    }  # fmt: skip


def reaction(world: World, number: int, content: str, user: Account) -> Json:
    """A reaction."""
    made = "2026-01-01T00:00:00Z"
    return {
        "id": number, "node_id": node("REA", number), "user": account(world, user), "content": content,
        "created_at": made,
    }  # fmt: skip


def _end(world: World, place: Place | None, owner: Account, ref: str, sha: str) -> Json:
    """The head or base of a pull."""
    user = account(world, place.repository.owner if place else owner)
    return {
        "label": f"{(place.repository.owner if place else owner).login}:{ref}", "ref": ref, "sha": sha, "user": user,
        "repo": usual(world, place.repository) if place else None,
    }  # fmt: skip


def _links(base: str, shown: str, sha: str, number: int) -> Json:
    repository = base.rsplit("/pulls/", 1)[0]
    ends = {
        "self": base, "html": shown, "issue": f"{repository}/issues/{number}",
        "comments": f"{repository}/issues/{number}/comments", "review_comments": f"{base}/comments",
        "review_comment": f"{repository}/pulls/comments{{/number}}", "commits": f"{base}/commits",
        "statuses": f"{repository}/statuses/{sha}",
    }  # fmt: skip
    return {name: {"href": address} for name, address in ends.items()}


def simple(world: World, place: Place, known: Pull) -> Json:
    """A pull in lists."""
    repository, about = place.repository, known.issue
    base, shown = f"{url(world, repository)}/pulls/{known.number}", f"{page(world, repository)}/pull/{known.number}"
    links = _links(base, shown, known.head, known.number)
    closed = stamp(about.closed)
    return {
        "id": known.id, "node_id": node("PR", known.id), "number": known.number, "url": base, "html_url": shown,
        "diff_url": f"{shown}.diff", "patch_url": f"{shown}.patch", "state": about.state, "locked": False,
        "title": about.title, "body": about.body, "user": account(world, about.user),
        "labels": [label(world, place, name) for name in about.labels], "milestone": None, "assignee": None,
        "assignees": [], "requested_reviewers": [], "requested_teams": [], "active_lock_reason": None, "draft": False,
        "created_at": stamp(about.made), "updated_at": stamp(about.changed), "closed_at": closed,
        "merged_at": closed if known.merged else None, "merge_commit_sha": known.merge_commit, "auto_merge": None,
        "author_association": association(repository, about.user), "_links": links,
        **{f"{name}_url": links[name]["href"] for name in
           ("issue", "comments", "review_comments", "review_comment", "commits", "statuses")},
        "head": _end(world, world.places.get(known.home or 0), about.user, known.head_ref, known.head),
        "base": _end(world, place, repository.owner, known.base_ref, known.base),
    }  # fmt: skip


def pull(world: World, place: Place, known: Pull, sizes: Sequence[int] = (0, 0, 0, 0)) -> Json:
    """A pull by itself. sizes: commits, lines added, lines removed, files changed."""
    commits, added, removed, files = sizes
    return {
        **simple(world, place, known), "commits": commits, "additions": added, "deletions": removed,
        "changed_files": files, "merged": known.merged, "mergeable": True, "mergeable_state": "clean",
        "rebaseable": None, "merged_by": None, "maintainer_can_modify": False, "review_comments": 0,
        "comments": sum(c.number == known.number for c in place.comments.values()),
    }  # fmt: skip


def brief(world: World, place: Place, known: Pull) -> Json:
    """A pull as checks and runs hold it."""
    home = world.places.get(known.home or 0, place)
    return {
        "id": known.id, "number": known.number, "url": f"{url(world, place.repository)}/pulls/{known.number}",
        "head": {"ref": known.head_ref, "sha": known.head, "repo": short(world, home.repository)},
        "base": {"ref": known.base_ref, "sha": known.base, "repo": short(world, place.repository)},
    }  # fmt: skip


def of_commit(world: World, place: Place, sha: str) -> list[Json]:
    """The pulls that runs and checks of a commit name: of this repository only, as GitHub has none for forks."""
    own = place.repository.id
    return [
        brief(world, place, p)
        for p in place.pulls.values()
        if p.head == sha and p.home == own and p.issue.state == "open"
    ]


def review(world: World, place: Place, known: Review) -> Json:
    """A review."""
    base = f"{url(world, place.repository)}/pulls/{known.number}"
    shown = f"{page(world, place.repository)}/pull/{known.number}#pullrequestreview-{known.id}"
    return {
        "id": known.id, "node_id": node("PRR", known.id), "user": account(world, known.user), "body": known.body,
        "state": {"COMMENT": "COMMENTED", "APPROVE": "APPROVED"}.get(known.event, "CHANGES_REQUESTED"),
        "html_url": shown, "pull_request_url": base, "submitted_at": stamp(known.made), "commit_id": known.commit,
        "_links": {"html": {"href": shown}, "pull_request": {"href": base}},
        "author_association": association(place.repository, known.user),
    }  # fmt: skip


def remark(world: World, place: Place, known: Review, said: Remark) -> Json:
    """A comment of a review."""
    base = url(world, place.repository)
    own, parent = f"{base}/pulls/comments/{said.id}", f"{base}/pulls/{known.number}"
    shown = f"{page(world, place.repository)}/pull/{known.number}#discussion_r{said.id}"
    return {
        "id": said.id, "node_id": node("PRRC", said.id), "url": own, "pull_request_review_id": known.id,
        "diff_hunk": "", "path": said.path, "commit_id": known.commit, "original_commit_id": known.commit,
        "user": account(world, known.user), "body": said.body, "created_at": stamp(said.made),
        "updated_at": stamp(said.made), "html_url": shown, "pull_request_url": parent, "line": said.line,
        "side": said.side, "start_line": said.start, "author_association": association(place.repository, known.user),
        "_links": {"self": {"href": own}, "html": {"href": shown}, "pull_request": {"href": parent}},
    }  # fmt: skip
