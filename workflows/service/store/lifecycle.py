"""What happens to runs after their end: somebody is told, and one day they are removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workflows.service.store.pool import Database, asked
from workflows.service.store.queries import queries
from workflows.service.store.rows import text
from workflows.service.values import Callback, CallbackState


@dataclass(frozen=True)
class Leased:
    """A callback that one sender has for a while. tries: this one included; about: a question's id, or "ended"."""

    run: str
    tenant: str
    id: str
    url: str
    tries: int
    about: str = "ended"


POINTS = ("forget_points", "forget_blobs", "forget_writes")


class Lifecycle:
    """The part of the store that outlives runs. Any call may raise StoreDown."""

    _database: Database

    async def callback(self, tenant: str, run: str) -> Callback | None:
        """See the protocol."""
        row = await self._database.row("callback", tenant=tenant, run=run)
        if row is None:
            return None
        return Callback(
            id=row["id"], state=row["state"], tries=row["tries"], status=row["status"], problem=row["problem"],
            next=row["due"], settled=row["settled"],
        )  # fmt: skip

    async def lease(self, lease_s: float, share: int) -> Leased | None:
        """A callback to send now; nobody else gets it for `lease_s` seconds. share: of one tenant at the same time."""
        row = await self._database.write("lease", lease_s=lease_s, share=share)
        return Leased(row["run"], row["tenant"], row["id"], row["url"], row["tries"], row["about"]) if row else None

    async def settle(
        self, leased: Leased, state: CallbackState, *, status: int | None, problem: str = "", pause_s: float = 0.0
    ) -> None:
        """Keep how a try went; that of a lease which ran out changes nothing. pause_s: to the next, when it is due."""
        await self._database.write(
            "settle", run=leased.run, about=leased.about, tries=leased.tries, state=state, status=status,
            problem=text(problem, 500), pause_s=pause_s,
        )  # fmt: skip

    async def lapsed(self, age_s: float, most: int) -> tuple[tuple[str, str], ...]:
        """Runs that ended longer ago, as (tenant, id), for the caller to remove: files first, then `forget`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(queries()["lapsed"], {"age_s": age_s, "most": most})
            return tuple((row["tenant"], row["id"]) for row in await cursor.fetchall())

    async def kept_runs(self) -> tuple[tuple[str, str, bool], ...]:
        """All runs that have ended, as (tenant, id, whether within the hour), the newest first."""
        rows = await self._database.rows("kept_runs")
        return tuple((row["tenant"], row["id"], row["young"]) for row in rows)

    async def excess(self, runs: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Of these runs those that the caller may remove now, as (tenant, id): files first, then `forget`."""
        async with self._database.transaction() as cursor:
            await cursor.execute(queries()["excess"], {"runs": list(runs)})
            return tuple((row["tenant"], row["id"]) for row in await cursor.fetchall())

    async def forget(self, runs: Sequence[str]) -> None:
        """Remove runs, with their events and checkpoints."""
        async with self._database.transaction() as cursor:
            for name in (*POINTS, "forget_runs"):
                await asked(cursor, name, runs=list(runs))

    async def forget_points(self, run: str) -> None:
        """Remove the checkpoints of a run that has ended: it needs them no more."""
        async with self._database.transaction() as cursor:
            for name in POINTS:
                await asked(cursor, name, runs=[run])

    async def forget_audit(self, age_s: float) -> int:
        """Remove old lines of the audit, at most 1,000; how many went."""
        async with self._database.transaction() as cursor:
            await cursor.execute(queries()["forget_audit"], {"age_s": age_s})
            return cursor.rowcount
