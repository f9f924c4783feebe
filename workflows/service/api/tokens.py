"""Routes about a tenant's API tokens and the secret of its callbacks, for tokens with the scope admin."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath

from workflows.service.api.access import Admin, WithParts
from workflows.service.api.problems import Problem, missing
from workflows.service.bodies import CallbackSecret, Issued, TokenList, TokenWanted
from workflows.service.callbacks import key_of, secret_of

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])
secrets = APIRouter(prefix="/v1", tags=["callbacks"])
TokenId = Annotated[str, InPath(max_length=64, pattern=r"^[A-Za-z0-9_-]+$", description="Id of a token.")]


@router.get("")
async def tokens(asker: Admin, parts: WithParts) -> TokenList:
    """The tenant's tokens, without their secrets."""
    return TokenList(tokens=await parts.store.tokens(asker.tenant))


@router.post("", status_code=201)
async def issue(wanted: TokenWanted, asker: Admin, parts: WithParts) -> Issued:
    """Issue a token; its secret is in this answer and nowhere else."""
    expires = datetime.now(UTC) + timedelta(days=wanted.expires_days) if wanted.expires_days else None
    token, secret = await parts.store.issue(asker.tenant, wanted.name, frozenset(wanted.scopes), expires=expires)
    await parts.store.audit(asker, "issue-token", token.id, ", ".join(sorted(wanted.scopes)))
    return Issued(token=token, secret=secret)


@router.delete("/{token}", status_code=204)
async def revoke(token: TokenId, asker: Admin, parts: WithParts) -> None:
    """End a token at once."""
    if not await parts.store.revoke(asker.tenant, token):
        raise missing()
    await parts.store.audit(asker, "revoke-token", token)


@secrets.get("/callback-secret")
async def callback_secret(asker: Admin, parts: WithParts) -> CallbackSecret:
    """What the tenant's callbacks are signed with: give it to what receives them."""
    try:
        key = await asyncio.to_thread(key_of, parts.settings)
    except OSError:
        raise Problem(503, "no-key", "the service cannot read the key that signs callbacks") from None
    await parts.store.audit(asker, "show-callback-secret", "")
    return CallbackSecret(secret=secret_of(key, asker.tenant))
