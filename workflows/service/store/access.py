"""Who may fetch what: a tenant's git hosts, and its credentials for them, by reference."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.service.store.pool import Database, asked
from workflows.service.store.rows import text
from workflows.service.values import Credential

OPERATOR = "operator"  # in the audit: the command line


class Access:
    """The part of the store that knows hosts. What changes them is audited."""

    _database: Database

    async def git_hosts(self, tenant: str) -> tuple[str, ...] | None:
        """See the protocol."""
        row = await self._database.row("git_hosts", tenant=tenant)
        return tuple(row["git_hosts"]) if row and row["git_hosts"] is not None else None

    async def set_git_hosts(self, tenant: str, hosts: Sequence[str] | None) -> None:
        """Give a tenant hosts of its own; None: those of the settings."""
        kept = None if hosts is None else [text(host, 300) for host in hosts]
        await self._changed(
            "set_git_hosts", tenant, "git-hosts", "default" if kept is None else " ".join(kept), hosts=kept
        )

    async def ended(self, after: str = "") -> tuple[tuple[str, str], ...]:
        """Some of the runs that have ended, as (tenant, id) in the order of ids: those after one; () at the end."""
        return tuple((row["tenant"], row["id"]) for row in await self._database.rows("ended", after=after))

    async def credential(self, tenant: str, host: str) -> Credential | None:
        """What a tenant shows to a host."""
        row = await self._database.row("credential", tenant=tenant, host=text(host, 300))
        return Credential(**row) if row else None

    async def credentials(self, tenant: str) -> tuple[Credential, ...]:
        """All of a tenant's."""
        return tuple(Credential(**row) for row in await self._database.rows("credentials", tenant=tenant))

    async def set_credential(self, tenant: str, host: str, username: str, reference: str) -> None:
        """Name what a tenant shows to a host, in the place of what it showed."""
        await self._changed(
            "set_credential", tenant, "set-credential", host, host=host, username=username, reference=reference
        )

    async def remove_credential(self, tenant: str, host: str) -> bool:
        """Forget it; False when there is none."""
        return await self._changed("remove_credential", tenant, "remove-credential", host, host=text(host, 300))

    async def _changed(self, query: str, tenant: str, action: str, subject: str, **values: object) -> bool:
        """Run a query and audit it, both or neither; whether it changed anything."""
        async with self._database.transaction() as cursor:
            row = await asked(cursor, query, tenant=tenant, **values)
            if row is not None:
                told = {"action": action, "subject": text(subject, 500), "detail": ""}
                await asked(cursor, "audit", tenant=tenant, token=OPERATOR, **told)
        return row is not None
