"""Tokens, the audit log, feedback."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from workflows.service.store.pool import Database
from workflows.service.store.rows import is_run, text, token_of
from workflows.service.values import Feedback, Principal, Scope, Token

PREFIX = "pw_"


def _hash(secret: str) -> bytes:
    """Of 256 random bits: there is nothing that a slow hash would protect."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class Tokens:
    """The part of the store that knows people. See the protocol for what each call promises."""

    _database: Database

    async def principal(self, secret: str) -> Principal | None:
        row = await self._database.row("token", hash=_hash(secret))
        if row is None:
            return None
        if row["stale"]:
            await self._database.write("used", id=row["id"], tenant=row["tenant"])
        return Principal(tenant=row["tenant"], token=row["id"], scopes=frozenset(row["scopes"]))

    async def issue(
        self, tenant: str, name: str, scopes: frozenset[Scope], *, expires: datetime | None = None
    ) -> tuple[Token, str]:
        secret = PREFIX + secrets.token_urlsafe(32)
        row = await self._database.write(
            "issue", id=secrets.token_hex(8), tenant=tenant, name=text(name, 200), hash=_hash(secret),
            scopes=sorted(scopes), expires=expires,
        )  # fmt: skip
        if row is None:
            raise LookupError("the database returned no token")
        return token_of(row), secret

    async def any_token(self) -> bool:
        """Whether anybody has one that is good."""
        return await self._database.row("any_token") is not None

    async def tokens(self, tenant: str) -> tuple[Token, ...]:
        return tuple(token_of(row) for row in await self._database.rows("tokens", tenant=tenant))

    async def revoke(self, tenant: str, token: str) -> bool:
        return await self._database.write("revoke", tenant=tenant, id=text(token, 100)) is not None

    async def audit(self, who: Principal, action: str, subject: str, detail: str = "") -> None:
        await self._database.write(
            "audit", tenant=who.tenant, token=who.token, action=text(action, 100), subject=text(subject, 500),
            detail=text(detail),
        )  # fmt: skip

    async def feedback(self, who: Principal, feedback: Feedback) -> bool:
        if not is_run(feedback.run):
            return False
        row = await self._database.write(
            "feedback", tenant=who.tenant, run=feedback.run, token=who.token, verdict=feedback.verdict,
            comment=text(feedback.comment),
        )  # fmt: skip
        return row is not None
