"""What the hub knows: accounts, repositories, the App, its installations and tokens. One process, one thread."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from workflows.github.hub.things import Account, Place, now

LEVELS = ("none", "read", "write", "admin")
DEFAULT_PERMISSIONS: Mapping[str, str] = {
    "actions": "write", "checks": "write", "contents": "write", "issues": "write", "metadata": "read",
    "pull_requests": "write", "statuses": "read",
}  # fmt: skip
DEFAULT_EVENTS = (
    "check_run", "check_suite", "issue_comment", "issues", "pull_request", "push", "repository", "status",
    "workflow_job", "workflow_run",
)  # fmt: skip


@dataclass
class App:
    """A GitHub App. key: its public key (PEM); hook: where its events go."""

    id: int
    slug: str
    name: str
    owner: Account
    account: Account
    key: str
    secret: str
    hook: str = ""
    permissions: dict[str, str] = field(default_factory=lambda: dict(DEFAULT_PERMISSIONS))
    events: tuple[str, ...] = DEFAULT_EVENTS
    made: datetime = field(default_factory=now)


@dataclass
class Installation:
    """An App in an account's repositories."""

    id: int
    app: int
    account: Account
    repositories: set[int]
    permissions: dict[str, str]
    suspended: datetime | None = None
    made: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Token:
    """What an installation token opens. label: how the audit calls it; process: who asked for it (User-Agent)."""

    label: str
    installation: int
    repositories: frozenset[int]
    permissions: Mapping[str, str]
    ends: datetime
    process: str = ""


@dataclass(frozen=True, repr=False)
class Pending:
    """An App whose key was not fetched yet; ends: until when it can be."""

    app: int
    pem: str
    ends: datetime


@dataclass
class World:
    """Everything, by its ids. people: whose password each secret is, for git; wanted: manifests that nobody agreed to
    yet, with their states and owners; codes: what they become.
    """

    folder: Path
    web: str
    logs: str
    accounts: dict[str, Account] = field(default_factory=dict)
    places: dict[int, Place] = field(default_factory=dict)
    apps: dict[int, App] = field(default_factory=dict)
    installations: dict[int, Installation] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    people: dict[str, Account] = field(default_factory=dict)
    wanted: dict[str, tuple[Any, str, str]] = field(default_factory=dict)
    codes: dict[str, Pending] = field(default_factory=dict)
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    @property
    def api(self) -> str:
        """The interface's address."""
        return f"{self.web}/api/v3"

    def account(self, login: str, kind: Literal["User", "Organization", "Bot"] = "User") -> Account:
        """The account, made where it is new."""
        if login not in self.accounts:
            self.accounts[login] = Account(next(self.ids), login, kind)
        return self.accounts[login]

    def named(self, owner: str, name: str) -> Place | None:
        """The repository of that name; names do not tell upper from lower case."""
        wanted = f"{owner}/{name}".lower()
        return next((p for p in self.places.values() if p.repository.full_name.lower() == wanted), None)

    def moved(self, owner: str, name: str) -> Place | None:
        """The repository that had that name."""
        wanted = f"{owner}/{name}".lower()
        return next((p for p in self.places.values() if wanted in (old.lower() for old in p.repository.old)), None)

    def installed(self, repository: int) -> Installation | None:
        """The installation that a repository belongs to."""
        found = (i for i in self.installations.values() if repository in i.repositories)
        return next(found, None)
