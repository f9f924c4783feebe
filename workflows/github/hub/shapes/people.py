"""Accounts, times, reactions: what most answers hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from workflows.github.hub.things import Account, Repository
from workflows.github.hub.world import World

Json = dict[str, Any]
_LISTS = {
    "followers_url": "/followers", "following_url": "/following{/other_user}", "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}", "subscriptions_url": "/subscriptions", "organizations_url": "/orgs",
    "repos_url": "/repos", "events_url": "/events{/privacy}", "received_events_url": "/received_events",
}  # fmt: skip
_REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def stamp(when: datetime | None) -> str | None:
    """A time as GitHub writes it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def node(kind: str, number: int) -> str:
    """A node id."""
    return f"{kind}_{number:012d}"


def account(world: World, known: Account) -> Json:
    """A simple user."""
    named = quote(known.login)
    url = f"{world.api}/users/{named}"
    return {
        "login": known.login, "id": known.id, "node_id": node("U", known.id), "gravatar_id": "",
        "avatar_url": f"{world.web}/avatars/{known.id}", "html_url": f"{world.web}/{named}", "url": url,
        **{key: url + end for key, end in _LISTS.items()}, "type": known.kind, "site_admin": False,
        "user_view_type": "public",
    }  # fmt: skip


def public(world: World, known: Account) -> Json:
    """A user as `GET /users/NAME` tells it."""
    nothing = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username"))
    counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return {**account(world, known), **nothing, **counts, **times}


def reactions(url: str, given: Sequence[tuple[str, Account]]) -> Json:
    """How often each reaction was given."""
    counts = {kind: sum(kind == content for content, _ in given) for kind in _REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}


def association(repository: Repository, user: Account) -> str:
    """What a person is to a repository; says nothing about what they may do."""
    if user == repository.owner:
        return "OWNER"
    return "COLLABORATOR" if user.login in repository.access else "NONE"
