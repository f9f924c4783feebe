"""Incidents on the service's Postgres: taken in, looked up, claimed by workers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from tools.triage.alerts import QUIET_S, STORM_S, Alert
from tools.triage.topology import Topology
from tools.triage.values import Note
from workflows.oncall.configuration import Configuration
from workflows.oncall.correlate import Known, Open, Standing, read
from workflows.oncall.values import Before, Delivery, Handover, Incident, Message
from workflows.service.store.pool import Cursor, Database, asked
from workflows.service.store.queries import queries
from workflows.service.store.rows import text

BY_ITSELF = "oncall"  # who asked, where the operator's file did
MOST_TOGETHER = 200  # messages of one transaction
_INCIDENT = tuple(name for name in Incident.model_fields if name != "handover")


def ascii_of(value: Any) -> str:
    """JSON in ASCII, whatever characters it holds."""
    return json.dumps(value)


def incident_of(row: Mapping[str, Any]) -> Incident:
    """A row of `oncall_incidents`."""
    values = {name: row[name] for name in _INCIDENT}
    note = Note.model_validate(json.loads(row["note"])) if row["note"] else None
    lists = {name: tuple(json.loads(row[name])) for name in ("services", "titles")}
    return Incident.model_validate({**values, **lists, "note": note, "handover": _handover(row)})


def _handover(row: Mapping[str, Any]) -> Handover | None:
    if not row["patch_state"]:
        return None
    return Handover.model_validate({name: row[f"patch_{name}"] for name in Handover.model_fields})


class PostgresIncidents:
    """All that is asked of the database. configuration: the operator's; topology: which service calls which."""

    def __init__(self, database: Database, configuration: Configuration, topology: Topology) -> None:
        self._database = database
        self._configuration = configuration
        self._topology = topology
        self._tenant = configuration.tenant
        self._waiting: list[tuple[Message, asyncio.Future[bool]]] = []
        self._draining: asyncio.Task[None] | None = None

    # taking in

    async def take(self, message: Message) -> bool:
        """Keep a message and what it changes, in one transaction; False: it was known. Raises StoreDown.

        Messages that come at the same time share a transaction: a storm takes one connection of the pool.
        """
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, future))
        if self._draining is None or self._draining.done():
            self._draining = asyncio.create_task(self._drain(), name="alerts")
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
            try:
                fresh = await self._kept([message for message, _ in batch])
            except Exception as error:  # noqa: BLE001 - each of those who wait is told
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_, future), new in zip(batch, fresh, strict=True):
                    if not future.done():
                        future.set_result(new)

    async def _kept(self, messages: Sequence[Message]) -> list[bool]:
        async with self._database.transaction() as cursor:
            alone = await asked(cursor, "oncall_alone", tenant=self._tenant)
            new = await self._new(cursor, messages)
            chosen = [message for message, fresh in zip(messages, new, strict=True) if fresh]
            if chosen:
                standing = await self._standing(cursor, chosen, alone["now"] if alone else 0.0)
                read(standing, chosen, self._topology)
                await self._write(cursor, standing)
        return new

    async def _new(self, cursor: Cursor, messages: Sequence[Message]) -> list[bool]:
        """Which messages are new: of equal ones the first."""
        digests = list(dict.fromkeys(message.digest for message in messages if message.digest))
        await cursor.execute(queries()["oncall_fresh"], {"tenant": self._tenant, "digests": digests})
        left = {row["digest"] for row in await cursor.fetchall()}
        found = []
        for message in messages:
            found.append(not message.digest or message.digest in left)
            left.discard(message.digest)
        return found

    async def _standing(self, cursor: Cursor, messages: Sequence[Message], now: float) -> Standing:
        prints = list({alert.fingerprint for message in messages for alert in message.alerts})
        await cursor.execute(queries()["oncall_known"], {"tenant": self._tenant, "fingerprints": prints})
        known = {
            row["fingerprint"]: Known(row["incident"], row["firing"], row["starts"], row["ends"])
            for row in await cursor.fetchall()
        }
        ids = list({each.incident for each in known.values()})
        await cursor.execute(queries()["oncall_live"], {"tenant": self._tenant, "quiet": QUIET_S, "ids": ids})
        live = {row["id"]: _open(row) for row in await cursor.fetchall()}
        recent = await asked(cursor, "oncall_recent", tenant=self._tenant, window=STORM_S)
        return Standing(live, known, recent["many"] if recent else 0, now)

    async def _write(self, cursor: Cursor, standing: Standing) -> None:
        changed = [each for each in standing.incidents.values() if each.changed]
        await cursor.executemany(queries()["oncall_put_incident"], [self._columns(each) for each in changed])
        merged: dict[str, list[str]] = {}
        for each in changed:
            if each.merged:
                merged.setdefault(each.merged, []).append(each.id)
            channels = list(self._configuration.told(tuple(each.services)))
            await asked(cursor, "oncall_put_delivery", tenant=self._tenant, incident=each.id, channels=channels)
        for target, gone in merged.items():
            await asked(cursor, "oncall_move_alerts", tenant=self._tenant, incident=target, merged=gone)
        rows = [_alert(self._tenant, alert, standing.known[name]) for name, alert in standing.latest.items()]
        if rows:  # after those that moved, which joined before
            await cursor.executemany(queries()["oncall_put_alert"], rows)

    def _columns(self, each: Open) -> dict[str, Any]:
        return {
            "tenant": self._tenant, "id": each.id, "state": each.state, "title": text(each.title, 500),
            "severity": text(each.severity, 100), "services": ascii_of(each.services), "titles": ascii_of(each.titles),
            "messages": each.messages, "alerts": each.alerts, "firing": each.firing, "flaps": each.flaps,
            "since": each.since, "until": each.until, "storm": each.storm, "manual": each.manual,
            "merged": each.merged, "settle": self._configuration.settle_seconds,
            "update": self._configuration.update_seconds, "more": int(each.news),
        }  # fmt: skip

    # looking up

    async def incident(self, name: str) -> Incident | None:
        """One incident."""
        row = await self._database.row("oncall_incident", tenant=self._tenant, incident=name)
        return incident_of(row) if row else None

    async def of(self, fingerprint: str) -> str:
        """The incident of an alert, "" for none."""
        row = await self._database.row("oncall_known", tenant=self._tenant, fingerprints=[fingerprint])
        return str(row["incident"]) if row else ""

    async def incidents(self, *, state: str = "", before: int = 0, limit: int = 50) -> tuple[Incident, ...]:
        """Incidents, the newest first. before: the number of the last one of the part before."""
        rows = await self._database.rows(
            "oncall_incidents", tenant=self._tenant, state=state, before=before, limit=limit
        )
        return tuple(map(incident_of, rows))

    async def alerts(self, name: str, limit: int = 1000) -> tuple[Alert, ...]:
        """The alerts of an incident, the first ones first."""
        rows = await self._database.rows("oncall_alerts", tenant=self._tenant, incident=name, limit=limit)
        return tuple(Alert.model_validate(json.loads(row["value"])) for row in rows)

    async def deliveries(self, name: str) -> tuple[Delivery, ...]:
        """What its channels show."""
        rows = await self._database.rows("oncall_deliveries", tenant=self._tenant, incident=name)
        return tuple(map(_delivery, rows))

    async def before(self, incident: Incident) -> tuple[Before, ...]:
        """Earlier incidents with the same cause."""
        rows = await self._database.rows(
            "oncall_same_cause", tenant=self._tenant, incident=incident.id, cause=incident.cause
        )
        return tuple(Before(id=row["id"], title=row["title"], since=row["since"]) for row in rows)

    async def rated(self, name: str) -> bool:
        """Whether somebody has said what the note was worth."""
        return await self._database.row("oncall_rated", tenant=self._tenant, incident=name) is not None

    async def resolve(self, name: str) -> bool:
        """End an incident by hand, with its alerts; False when it was over, or there is none."""
        async with self._database.transaction() as cursor:
            await asked(cursor, "oncall_alone", tenant=self._tenant)
            if await asked(cursor, "oncall_resolve", tenant=self._tenant, incident=name) is None:
                return False
            await asked(cursor, "oncall_still_alerts", tenant=self._tenant, incident=name)
        return True

    async def rate(self, name: str, token: str, verdict: str, comment: str) -> bool:
        """Keep what somebody thinks of the note; False when there is no such incident."""
        row = await self._database.write(
            "oncall_feedback", tenant=self._tenant, incident=name, token=text(token, 100), verdict=verdict,
            comment=text(comment, 4000),
        )  # fmt: skip
        return row is not None

    # work

    async def claim(self, lease_s: float) -> Incident | None:
        """An incident to look into, held for `lease_s` seconds."""
        row = await self._database.write("oncall_claim", tenant=self._tenant, lease=lease_s)
        return incident_of(row) if row else None

    async def hold(self, incident: Incident, lease_s: float) -> bool:
        """Go on holding it; False: it is somebody else's."""
        return await self._database.write("oncall_hold", **_whose(incident), lease=lease_s) is not None

    async def release(self, incident: Incident) -> None:
        """Let another look into it at once: this process ends, which says nothing about the incident."""
        await self._database.write("oncall_release", tenant=self._tenant, **_whose(incident))

    async def noted(
        self, incident: Incident, note: Note, cause: str, *, again_s: float, hand_over: bool = False
    ) -> bool:
        """Keep the note of what was wanted when it was claimed. again_s: when to look once more, negative for never.

        hand_over: its cause to a diagnosis, unless it was.
        """
        async with self._database.transaction() as cursor:
            row = await asked(
                cursor, "oncall_noted", **_whose(incident), note=ascii_of(note.model_dump(mode="json")),
                cause=text(cause, 100), wanted=incident.wanted, again=again_s,
                update=self._configuration.update_seconds,
            )  # fmt: skip
            if row is not None and hand_over:
                await asked(cursor, "oncall_want_patch", **self._one(incident.id), token=BY_ITSELF, again=False)
        return row is not None

    async def unlooked(self, incident: Incident, problem: str, *, after_s: float, given_up: bool) -> None:
        """Keep why there is no note, and when to try again. given_up: not before something new is wanted."""
        await self._database.write(
            "oncall_unlooked", **_whose(incident), problem=text(problem, 500), after=after_s, given_up=given_up,
            wanted=incident.wanted,
        )  # fmt: skip

    async def tell(self, lease_s: float) -> Delivery | None:
        """A channel that does not show its incident as it is."""
        row = await self._database.write(
            "oncall_tell", tenant=self._tenant, lease=lease_s, settle=min(2.0, self._configuration.settle_seconds)
        )
        return _delivery(row) if row else None

    async def trying(self, delivery: Delivery, revision: int) -> bool:
        """From here on the channel may show it without our knowing; False: somebody else is at it."""
        return await self._database.write("oncall_trying", **_which(delivery), revision=revision) is not None

    async def told(
        self, delivery: Delivery, revision: int, stage: str, reference: str, *, pause_s: float, problem: str = ""
    ) -> None:
        """Keep what the channel shows. problem: what stands against it, "" for nothing."""
        await self._database.write(
            "oncall_told", **_which(delivery), revision=revision, stage=stage, reference=text(reference, 500),
            pause=pause_s, problem=text(problem, 500),
        )  # fmt: skip

    async def untold(self, delivery: Delivery, problem: str, *, after_s: float, died: str, trying: int) -> None:
        """Keep why it could not be told. died: the stage that it is given up for, "" to try again after `after_s`.

        trying: the revision that may be shown all the same, 0 for none.
        """
        await self._database.write(
            "oncall_untold", **_which(delivery), problem=text(problem, 500), after=0.0 if died else after_s,
            dead=bool(died), died=died, trying=trying,
        )  # fmt: skip

    # handing over to a diagnosis

    def _one(self, name: str) -> dict[str, Any]:
        return {"tenant": self._tenant, "incident": name}

    async def want_patch(self, name: str, token: str) -> bool:
        """Ask for a diagnosis of the cause that the note names; False when one has begun, or has found a patch."""
        row = await self._database.write("oncall_want_patch", **self._one(name), token=text(token, 100), again=True)
        return row is not None

    async def claim_patch(self, lease_s: float) -> Incident | None:
        """An incident to hand over, held for `lease_s` seconds."""
        row = await self._database.write("oncall_claim_patch", tenant=self._tenant, lease=lease_s)
        return incident_of(row) if row else None

    async def hold_patch(self, incident: Incident, lease_s: float) -> bool:
        """Go on holding it; False: it is somebody else's."""
        return await self._database.write("oncall_hold_patch", **self._mine(incident), lease=lease_s) is not None

    async def release_patch(self, incident: Incident) -> None:
        """Let another hand it over at once: this process ends."""
        await self._database.write("oncall_release_patch", **self._mine(incident))

    async def handed(self, incident: Incident, run: str) -> None:
        """Keep the run that looks for the patch."""
        await self._database.write("oncall_handed", **self._mine(incident), run=run)

    async def unhanded(self, incident: Incident, problem: str, *, after_s: float, given_up: bool) -> None:
        """Keep why it is not handed over, and when to try again. given_up: not before somebody asks."""
        await self._database.write(
            "oncall_unhanded", **self._mine(incident), problem=text(problem, 500), after=after_s, given_up=given_up
        )

    def _mine(self, incident: Incident) -> dict[str, Any]:
        return {**self._one(incident.id), "attempt": incident.handover.attempts if incident.handover else -1}

    async def patches_over(self) -> int:
        """Take over what came of diagnoses that have ended; how many."""
        rows = await self._database.rows("oncall_patches_over", tenant=self._tenant)
        for row in rows:
            await self._database.write(
                "oncall_patched", **self._one(row["id"]), run=row["patch_run"], outcome=row["outcome"],
                headline=text(row["headline"], 500), problem=text(row["problem"], 500),
            )  # fmt: skip
        return len(rows)

    async def forget(self, days: float) -> None:
        """Remove what is old. days: for which ended incidents are kept, 0 for ever."""
        await self._database.write("oncall_forget_messages")
        if days:
            await self._database.write("oncall_forget_incidents", days=max(1, int(days)))


def _open(row: Mapping[str, Any]) -> Open:
    same = ("id", "title", "since", "until", "severity", "messages", "alerts", "firing", "flaps", "storm", "manual",
            "merged", "state")  # fmt: skip
    lists = {name: json.loads(row[name]) for name in ("services", "titles")}
    return Open(**{name: row[name] for name in same}, **lists, touched=row["touched_at"], opened=row["opened_at"])


def _alert(tenant: str, alert: Alert, known: Known) -> dict[str, Any]:
    return {
        "tenant": tenant, "fingerprint": alert.fingerprint, "incident": known.incident, "firing": known.firing,
        "starts": known.starts, "ends": known.ends, "value": ascii_of(alert.model_dump(mode="json")),
    }  # fmt: skip


def _delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery.model_validate({name: row[name] for name in Delivery.model_fields})


def _whose(incident: Incident) -> dict[str, Any]:
    return {"incident": incident.id, "attempt": incident.attempts}


def _which(delivery: Delivery) -> dict[str, Any]:
    return {"incident": delivery.incident, "channel": delivery.channel, "attempt": delivery.attempts}
