"""Deliveries, cases and what was said, on the service's Postgres."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from agent.domain import Report
from tools.values import Value
from workflows.github.book import Claim, Delivery, Kept, Over
from workflows.github.events import lane_of
from workflows.github.ledger import Result
from workflows.github.values import AccessChanged, Case, Event, Nod, Nothing, Place, Published, Reaction
from workflows.service.files import DiskBlobs
from workflows.service.files import Kept as KeptFiles
from workflows.service.files import Place as Files
from workflows.service.store.pool import Database, asked, lost
from workflows.service.store.queries import queries
from workflows.service.store.rows import is_run, text

Counted = Literal["todo", "done", "dead"]
_SHOWN = ("digest", "guid", "state", "attempts", "received", "due", "problem")
EPOCH = datetime.fromtimestamp(0, UTC)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def _kept(value: Value) -> str:
    """JSON in ASCII, whatever characters it holds."""
    return json.dumps(value.model_dump(mode="json"))


def _case(row: dict[str, str]) -> Case:
    return Case.model_validate(json.loads(row["value"]))


class PostgresDeliveries:
    """Implements Deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, delivery: Delivery) -> bool:
        """See the protocol."""
        idle = isinstance(delivery.event, Nothing)
        row = await self._database.write(
            "github_put", digest=delivery.digest, guid=text(delivery.guid, 100), event=text(delivery.name, 100),
            lane=lane_of(delivery.event), body=_kept(delivery.event), state="done" if idle else "todo",
            problem=text(delivery.event.reason, 500) if isinstance(delivery.event, Nothing) else "",
        )  # fmt: skip
        return row is not None

    async def claim(self, lease_s: float) -> Claim | None:
        """See the protocol. Claims are made one after the other, or two could have deliveries of one repository."""
        async with self._database.transaction() as cursor:
            await asked(cursor, "github_claiming")
            row = await asked(cursor, "github_claim", lease=lease_s)
        if row is None:
            return None
        event = _EVENT.validate_python(json.loads(row["body"]))
        delivery = Delivery(digest=row["digest"], guid=row["guid"], name=row["event"], event=event)
        return Claim(delivery=delivery, attempt=row["attempts"])

    async def hold(self, claim: Claim, lease_s: float) -> bool:
        """See the protocol."""
        row = await self._database.write("github_hold", **_whose(claim), lease=lease_s)
        return row is not None

    async def done(self, claim: Claim, note: str = "") -> None:
        """See the protocol."""
        await self._database.write("github_close", **_whose(claim), state="done", problem=text(note, 500))

    async def dead(self, claim: Claim, problem: str) -> None:
        """See the protocol."""
        await self._database.write("github_close", **_whose(claim), state="dead", problem=text(problem, 500))

    async def later(self, claim: Claim, after_s: float, problem: str, *, counted: bool = True) -> None:
        """See the protocol."""
        free = 0 if counted else 1
        await self._database.write(
            "github_later", **_whose(claim), after=after_s, problem=text(problem, 500), free=free
        )  # fmt: skip

    async def forget(self) -> None:
        """See the protocol."""
        await self._database.write("github_forget")
        await self._database.write("github_forget_reactions")
        await self._database.write("github_forget_asked")

    async def listed(self, state: str = "", most: int = 50) -> tuple[Kept, ...]:
        """See the protocol."""
        rows = await self._database.rows("github_list", state=state, limit=most)
        return tuple(Kept(name=row["event"], **{key: row[key] for key in _SHOWN}) for row in rows)

    async def retry(self, one: str = "") -> int:
        """See the protocol."""
        return len(await self._database.rows("github_retry", one=text(one, 200)))

    async def counts(self) -> dict[Counted, int]:
        """See the protocol."""
        rows = {row["state"]: row["many"] for row in await self._database.rows("github_counts")}
        return {"todo": rows.get("todo", 0), "done": rows.get("done", 0), "dead": rows.get("dead", 0)}

    async def asked_again(self, delivery: int) -> bool:
        """See the protocol."""
        return await self._database.row("github_asked_again", delivery=delivery) is not None

    async def keep_asked(self, delivery: int) -> None:
        """See the protocol."""
        await self._database.write("github_keep_asked", delivery=delivery)

    async def log_read(self) -> datetime | None:
        """See the protocol."""
        row = await self._database.row("github_log_read")
        return row["read_until"] if row else None

    async def keep_log_read(self, until: datetime) -> None:
        """See the protocol."""
        await self._database.write("github_keep_log_read", until=until)


def _whose(claim: Claim) -> dict[str, str | int]:
    return {"digest": claim.delivery.digest, "attempt": claim.attempt}


class PostgresLedger:
    """Implements Ledger and Book. folder: of runs; kept: where their reports are, if not there; tenant: whose."""

    def __init__(self, database: Database, folder: Path, kept: KeptFiles | None = None, tenant: str = "") -> None:
        self._database = database
        self._files = kept or KeptFiles(DiskBlobs(folder))
        self._tenant = tenant

    async def open_case(self, case: Case) -> tuple[Case, bool]:
        """See the protocol."""
        made = await self._database.write("github_open_case", **_columns(case))
        if made is not None:
            return case, True
        known = await self.case(case.key)
        return (known, False) if known is not None else await self.open_case(case)

    async def case(self, key: str) -> Case | None:
        """See the protocol."""
        row = await self._database.row("github_case", key=text(key, 1000))
        return _case(row) if row else None

    async def case_of(self, diagnosis: str) -> Case | None:
        """See the protocol."""
        row = await self._database.row("github_case_of", diagnosis=text(diagnosis, 100))
        return _case(row) if row else None

    async def cases(self, place: Place, subject: int) -> tuple[Case, ...]:
        """See the protocol."""
        return tuple(map(_case, await self._database.rows("github_cases", place=place.id, subject=subject)))

    async def change(self, case: Case) -> None:
        """See the protocol."""
        await self._database.write("github_change_case", **_columns(case))

    async def published(self, place: Place, subject: int) -> Published:
        """See the protocol."""
        row = await self._database.row("github_published", place=place.id, subject=subject)
        return Published.model_validate(json.loads(row["value"])) if row else Published()

    async def keep_published(self, place: Place, subject: int, said: Published) -> None:
        """See the protocol."""
        await self._database.write("github_keep_published", place=place.id, subject=subject, value=_kept(said))

    @asynccontextmanager
    async def alone(self, place: Place, subject: int) -> AsyncIterator[bool]:
        """See the protocol. The lock is the connection's: it goes when this process does."""
        key = {"place": place.id, "subject": subject}
        with lost():
            async with self._database.pool.connection() as connection:
                row = await (await connection.execute(queries()["github_alone"], key)).fetchone()
                got = bool(row and row["got"])
                try:
                    yield got
                finally:
                    if got:
                        await connection.execute(queries()["github_together"], key)

    async def result(self, diagnosis: str) -> Result | None:
        """See the protocol."""
        if not is_run(diagnosis):
            return None
        return await _result(self._files, Files(self._tenant, diagnosis))

    async def cases_at(self, place: Place, head_sha: str) -> tuple[Case, ...]:
        """See the protocol."""
        return tuple(map(_case, await self._database.rows("github_cases_at", place=place.id, head_sha=head_sha)))

    async def any_case(self, place: Place) -> bool:
        """See the protocol."""
        return await self._database.row("github_any_case", place=place.id) is not None

    async def open_cases(self, installation: int, repository: int = 0) -> tuple[Case, ...]:
        """See the protocol."""
        asked_for = {"installation": installation, "repository": repository}
        return tuple(map(_case, await self._database.rows("github_cases_open", **asked_for)))

    async def over(self, most: int = 100) -> tuple[Over, ...]:
        """See the protocol."""
        rows = await self._database.rows("github_cases_over", limit=most)
        return tuple(
            Over(case=_case(row), state=row["state"], outcome=row["outcome"], problem=row["problem"]) for row in rows
        )

    async def changed(self, since: datetime = EPOCH, most: int = 200) -> tuple[tuple[int, int, datetime], ...]:
        """Repositories' ids and pull requests of which a case changed after a moment, and when it last did."""
        rows = await self._database.rows("github_subjects", since=since, limit=most)
        return tuple((row["place"], row["subject"], row["changed"]) for row in rows)

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        """See the protocol."""
        told = {"place": place.id, "comment": comment, "reaction": reaction, "value": _kept(place)}
        await self._database.write("github_react", **told)

    async def nods(self, most: int = 50) -> tuple[Nod, ...]:
        """See the protocol."""
        rows = await self._database.rows("github_reactions", limit=most)
        return tuple(Nod.model_validate({**row, "place": json.loads(row["place"])}) for row in rows)

    async def nodded(self, nod: Nod) -> None:
        """See the protocol."""
        await self._database.write("github_reacted", **_which(nod))

    async def nod_later(self, nod: Nod, after_s: float) -> None:
        """See the protocol."""
        await self._database.write("github_react_later", **_which(nod), after=after_s)

    async def keep_access(self, changed: AccessChanged) -> None:
        """See the protocol."""
        async with self._database.transaction() as cursor:
            if not changed.repositories:
                await asked(cursor, "github_all_access", installation=changed.installation)
            for repository in changed.repositories or (0,):
                told = {"installation": changed.installation, "repository": repository, "gone": changed.gone}
                await asked(cursor, "github_keep_access", **told)

    async def may_ask(self, place: Place) -> bool:
        """See the protocol."""
        row = await self._database.row("github_access", installation=place.installation, repository=place.id)
        return not (row and row["gone"])


def _which(nod: Nod) -> dict[str, str | int]:
    return {"place": nod.place.id, "comment": nod.comment, "reaction": nod.reaction}


def _columns(case: Case) -> dict[str, str | int]:
    return {
        "key": case.key, "place": case.place.id, "subject": case.subject, "installation": case.place.installation,
        "head_sha": case.head_sha, "state": case.state, "diagnosis": case.diagnosis, "value": _kept(case),
    }  # fmt: skip


async def _result(kept: KeptFiles, place: Files) -> Result | None:
    """What a worker wrote when it finished the run."""
    try:
        report = Report.model_validate_json(await kept.read(place, "report.json"))
    except FileNotFoundError:
        return None
    try:
        diff = (await kept.read(place, "patch.diff")).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        diff = None
    return Result(report=report, diff=diff)
