"""The App, its installations, and what was delivered to it."""

from __future__ import annotations

from workflows.github.hub.shapes.people import Json, account, node, stamp
from workflows.github.hub.world import App, Installation, World


def app(world: World, known: App) -> Json:
    """An App."""
    count = sum(i.app == known.id for i in world.installations.values())
    return {
        "id": known.id, "slug": known.slug, "node_id": node("A", known.id), "owner": account(world, known.owner),
        "client_id": f"Iv1.{known.id:016d}", "name": known.name, "description": None, "external_url": world.web,
        "html_url": f"{world.web}/apps/{known.slug}", "created_at": stamp(known.made), "updated_at": stamp(known.made),
        "permissions": dict(known.permissions), "events": list(known.events), "installations_count": count,
    }  # fmt: skip


def actions(world: World) -> Json:
    """GitHub's own App, which runs workflows."""
    owner = world.account("github", "Organization")
    made = "2018-07-30T09:30:17Z"
    return {
        "id": 15368, "slug": "github-actions", "node_id": node("A", 15368), "owner": account(world, owner),
        "client_id": "Iv1.actions", "name": "GitHub Actions", "description": "Automate your workflow",
        "external_url": world.web, "html_url": f"{world.web}/apps/github-actions", "created_at": made,
        "updated_at": made, "permissions": {"actions": "write", "checks": "write"}, "events": [],
    }  # fmt: skip


def author(world: World, number: int | None) -> Json:
    """The App of a check or comment; None is GitHub's own."""
    return app(world, world.apps[number]) if number in world.apps else actions(world)


def installation(world: World, known: Installation) -> Json:
    """An installation."""
    owner = world.apps[known.app]
    base = f"{world.api}/app/installations/{known.id}"
    return {
        "id": known.id, "app_id": known.app, "app_slug": owner.slug, "account": account(world, known.account),
        "target_id": known.account.id, "target_type": known.account.kind, "client_id": f"Iv1.{known.app:016d}",
        "repository_selection": "selected", "access_tokens_url": f"{base}/access_tokens",
        "repositories_url": f"{world.api}/installation/repositories",
        "html_url": f"{world.web}/installations/{known.id}",
        "permissions": dict(known.permissions), "events": list(owner.events), "single_file_name": None,
        "has_multiple_single_files": False, "single_file_paths": [], "suspended_by": None,
        "suspended_at": stamp(known.suspended), "created_at": stamp(known.made), "updated_at": stamp(known.made),
    }  # fmt: skip


def named(known: Installation) -> Json:
    """An installation as webhooks name it."""
    return {"id": known.id, "node_id": node("MDIzOkludGVncmF0aW9u", known.id)}


def repositories(world: World, known: Installation, only: set[int] | None = None) -> list[Json]:
    """An installation's repositories, or those that are named, in short."""
    held = [world.places[number].repository for number in sorted(known.repositories if only is None else only)]
    return [
        {"id": r.id, "node_id": node("R", r.id), "name": r.name, "full_name": r.full_name, "private": r.private}
        for r in held
    ]
