"""What owners do with the App: make it, install it, take it away, change what it may do."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from pydantic import InstanceOf

from workflows.github.hub import telling
from workflows.github.hub.answers import absent
from workflows.github.hub.happen import named
from workflows.github.hub.hub import Hub
from workflows.github.hub.things import Level, now
from workflows.github.hub.world import DEFAULT_EVENTS, DEFAULT_PERMISSIONS, LEVELS, App, Installation

Answer = dict[str, Any]
Its = InstanceOf[Hub]


async def apps(hub: Its, slug: str, hook: str = "", owner: str = "patchwright") -> Answer:
    """Make an App; its private key and webhook secret are told once."""
    made, private = registered(hub, slug, name=slug, hook=hook, owner=owner)
    return {"id": made.id, "pem": private, "webhook_secret": made.secret}


def registered(
    hub: Hub, slug: str, *, name: str, hook: str, owner: str, permissions: Mapping[str, str] = DEFAULT_PERMISSIONS,
    events: tuple[str, ...] = DEFAULT_EVENTS,
) -> tuple[App, str]:  # fmt: skip
    """A new App, and its private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    secret, number = secrets.token_hex(20), next(hub.world.ids)
    bot = hub.world.account(f"{slug}[bot]", "Bot")
    made = App(
        number, slug, name, hub.world.account(owner), bot, public, secret, hook, {**permissions, "metadata": "read"},
        events,
    )  # fmt: skip
    hub.world.apps[number] = made
    return made, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


async def hook(hub: Its, app: int, url: str) -> Answer:
    """Where the App's events go."""
    if app not in hub.world.apps:
        raise absent()
    hub.world.apps[app].hook = url
    return {}


async def install(hub: Its, app: int, account: str, repositories: list[str]) -> Answer:
    """Install an App in repositories of an account."""
    if app not in hub.world.apps:
        raise absent()
    number = next(hub.world.ids)
    held = {named(hub, one).repository.id for one in repositories}
    made = Installation(number, app, hub.world.account(account), held, dict(hub.world.apps[app].permissions))
    hub.world.installations[number] = made
    telling.installation(hub, "created", made, made.account)
    return {"id": number}


async def uninstall(hub: Its, installation: int) -> Answer:
    """Remove an installation; its tokens are worth nothing from now on."""
    known = _installation(hub, installation)
    telling.installation(hub, "deleted", known, known.account)
    del hub.world.installations[installation]
    return {}


async def suspend(hub: Its, installation: int, on: bool = True) -> Answer:
    """Suspend an installation, or end that."""
    known = _installation(hub, installation)
    known.suspended = None
    telling.installation(hub, "suspend" if on else "unsuspend", known, known.account)
    known.suspended = now() if on else None
    return {}


async def permissions(hub: Its, installation: int, permissions: dict[str, Level]) -> Answer:
    """What an installation may do from now on; tokens that are out have no more than that."""
    known = _installation(hub, installation)
    known.permissions = {**permissions, "metadata": "read"}
    for secret, one in hub.world.tokens.items():
        if one.installation == installation:
            hub.world.tokens[secret] = replace(one, permissions=fewer(one.permissions, known.permissions))
    telling.installation(hub, "new_permissions_accepted", known, known.account)
    return {}


async def selection(hub: Its, installation: int, repository: str, on: bool) -> Answer:
    """Add a repository to an installation, or take it out."""
    known, place = _installation(hub, installation), named(hub, repository)
    (known.repositories.add if on else known.repositories.discard)(place.repository.id)
    telling.selection(hub, "added" if on else "removed", known, [place], known.account)
    return {}


def _installation(hub: Hub, number: int) -> Installation:
    if number not in hub.world.installations:
        raise absent()
    return hub.world.installations[number]


def fewer(given: Mapping[str, str], most: Mapping[str, str]) -> dict[str, str]:
    """Permissions, none of them above another one's level."""
    return {
        name: min(level, most[name], key=LEVELS.index)
        for name, level in given.items()
        if most.get(name, "none") != "none"
    }
