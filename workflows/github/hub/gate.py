"""Who asks, and may they: the App by its JWT, an installation by its token, with the permissions that it was given."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import jwt

from workflows.github.hub.answers import Problem, absent
from workflows.github.hub.things import Place, now
from workflows.github.hub.world import LEVELS, App, Token, World

MOST_LIFE_S, SKEW_S = 600, 60
Needs = Mapping[str, str]


@dataclass(frozen=True)
class Caller:
    """Either the App itself, or one of its installations with a token; both None for nobody."""

    app: App | None = None
    token: Token | None = None

    @property
    def name(self) -> str:
        """As the audit calls it."""
        if self.token:
            return self.token.label
        return f"app {self.app.id}" if self.app else ""

    @property
    def installation(self) -> int:
        """Whose budget it is."""
        return self.token.installation if self.token else 0


def caller(world: World, authorization: str) -> Caller:
    """From the header. Raises Problem for credentials that are not good."""
    scheme, _, secret = authorization.partition(" ")
    if not authorization:
        return Caller()
    if scheme.lower() not in ("bearer", "token") or not secret:
        raise Problem(401, "Bad credentials")
    if secret.count(".") == 2:
        return Caller(app=_app(world, secret))
    return Caller(token=token_of(world, secret))


def token_of(world: World, secret: str) -> Token:
    """An installation token that is good now. Raises Problem."""
    known = world.tokens.get(secret)
    if known is None or known.ends <= now() or known.installation not in world.installations:
        raise Problem(401, "Bad credentials")
    if world.installations[known.installation].suspended:
        raise Problem(403, "This installation has been suspended")
    return known


def _app(world: World, secret: str) -> App:
    try:
        claims = jwt.decode(secret, options={"verify_signature": False})
        known = world.apps[int(claims["iss"])]
        claims = jwt.decode(
            secret, known.key, algorithms=["RS256"],
            options={"verify_exp": False, "verify_iat": False, "require": ["exp", "iat", "iss"]},
        )  # fmt: skip
        made, ends = int(claims["iat"]), int(claims["exp"])
    except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
        raise Problem(401, "A JSON web token could not be decoded") from None
    at = time.time()
    if made > at + SKEW_S:
        raise Problem(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    if ends <= at:
        raise Problem(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
    if ends > at + MOST_LIFE_S + SKEW_S:
        raise Problem(401, "'Expiration time' claim ('exp') is too far in the future")
    return known


def allows(token: Token, needs: Needs) -> bool:
    """Whether one of the named permissions is given at its level or a higher one."""
    return any(
        LEVELS.index(token.permissions.get(name, "none")) >= LEVELS.index(level) for name, level in needs.items()
    )


def admit(known: Caller, place: Place, needs: Needs) -> Token | None:
    """Let a caller do something in a repository; None: nobody, who may read what is public. Raises Problem.

    A repository that a token does not cover is not there for it, except to read it where it is public.
    """
    reading = "write" not in needs.values()
    repository = place.repository
    if known.token is None:
        if known.app is not None:
            raise Problem(403, "Resource not accessible by integration")
        if repository.private or not reading:
            raise absent() if repository.private else Problem(401, "Requires authentication")
        return None
    if repository.id not in known.token.repositories:
        if repository.private:
            raise absent()
        if not reading:
            raise _forbidden(needs)
        return known.token
    if not allows(known.token, needs):
        raise _forbidden(needs)
    return known.token


def _forbidden(needs: Needs) -> Problem:
    accepted = "; ".join(f"{name}={level}" for name, level in needs.items())
    return Problem(403, "Resource not accessible by integration", {"X-Accepted-GitHub-Permissions": accepted})
