"""Incidents that are handed over to a diagnosis, on a real database with real repositories: once, and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.domain import Request
from tests import postgres
from tests.acceptance.repositories import SHOP, repository, write
from tests.contract.test_oncall import Desk, fired, open_desk
from tests.contract.test_oncall_channels import QUICK
from tests.oncall import CHANNEL, TOKEN, TRACE, Slack, faulty_note, quiet_note, slack
from tools.triage.ledger import sentences, uncited
from tools.triage.values import Note
from workflows.exits import Refused
from workflows.oncall.channels.slack import SlackChannel
from workflows.oncall.handing import NotYet, Queue, hand_over
from workflows.oncall.ledger import wanted
from workflows.oncall.looking import cause_of
from workflows.oncall.showing import note_of
from workflows.oncall.telling import told_of
from workflows.oncall.values import Incident
from workflows.oncall.work import MOST_LOOKS, Work
from workflows.service.ports import StoreDown
from workflows.service.store import open_store
from workflows.service.values import Principal, Run, Submission
from workflows.settings import Settings


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@dataclass
class Duty:
    """A desk, and one who works there. note: what every look finds."""

    desk: Desk
    settings: Settings
    work: Work
    channel: Slack
    note: Note

    async def drain(self) -> None:
        while await self.work.look():
            pass
        while await self.work.hand_over():
            pass
        await self.work.patched()
        while await self.work.tell():
            pass

    async def incident(self) -> Incident:
        (found,) = await self.desk.incidents.incidents()
        return found

    async def runs(self) -> tuple[Run, ...]:
        return (await self.desk.store.runs("default")).runs

    def uploads(self) -> list[str]:
        folder = self.settings.uploads
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@asynccontextmanager
async def duty(server: postgres.Server, home: Path, repository: str, *, patch: bool = True) -> AsyncIterator[Duty]:
    """repository: a line of the service's configuration, "" for none."""
    (home / "token").write_text(TOKEN)
    extra = (
        f'patch = {str(patch).lower()}\nlinks = "https://patchwright.example"\ntell = ["one"]\n'
        f'[channels.one]\nkind = "slack"\nchannel = "{CHANNEL}"\ntoken = "file:{home / "token"}"\n'
        f"[services.orders]\n{repository}"
    )
    with slack() as (channel, base):
        async with open_desk(server.address, home, extra) as desk:
            async with desk.store.pool.connection() as connection:
                await connection.execute("truncate runs, audit cascade")
            settings = Settings(home=home, oncall=home / "oncall.toml")
            made = Duty(desk, settings, None, channel, faulty_note("It broke.", revision="HEAD"))  # type: ignore[arg-type]

            async def looked(*_: object) -> Note:
                return made.note

            async def handed(incident: Incident) -> str:
                configuration, topology = desk.oncall.configuration, desk.oncall.topology
                return await hand_over(settings, configuration, topology, desk.store, incident)

            told = {"one": SlackChannel(base, TOKEN, CHANNEL)}
            made.work = Work(
                desk.incidents, desk.oncall.configuration, told, looked, hand_over=handed, pace=QUICK
            )  # fmt: skip
            yield made
    assert channel.wrong == []


def _repository(folder: Path) -> str:
    return f'repository = "{repository(folder / "shop", SHOP)}"\n'


async def test_a_cause_in_the_code_is_handed_over_once_and_its_end_is_told(
    server: postgres.Server, tmp_path: Path
) -> None:
    """The run has the trace, the revision and the history; the message is changed in place as it goes on."""
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        await on.drain()
        await on.desk.post("alertmanager", fired(2, service="gateway"))  # looked into again: the same cause
        await on.drain()
        (run,) = await on.runs()
        assert (run.request.rev, run.request.goal, run.request.source[:7]) == ("HEAD", "patch", "upload:")
        assert on.uploads() == [run.request.source.removeprefix("upload:")]
        given = await on.desk.store.submission(await _claimed(on, run))
        assert given.log == TRACE
        (shown,) = on.channel.shown
        assert f"Diagnosis {run.id} looks for a patch." in shown
        await on.desk.store.end(
            await _claimed(on, run),
            "finished",
            "finished",
            outcome="verified_patch",
            headline="wrong in cheapest",
        )
        await on.drain()
        (shown,) = on.channel.shown
        incident = await on.incident()
        detail = (await on.desk.api("GET", f"/v1/incidents/{incident.id}")).json()
        assert incident.stage == "patched"
    assert f"Fix forward: diagnosis {run.id} has a verified patch. wrong in cheapest" in shown
    assert f"https://patchwright.example/v1/diagnoses/{run.id}/patch" in shown
    assert on.channel.calls.count("chat.postMessage") == 1
    assert (detail["patch"]["state"], detail["patch"]["outcome"]) == ("ended", "verified_patch")
    note = note_of(incident)
    assert note is not None
    assert uncited(sentences(note), note.evidence) == ()
    assert note.actions[0].command == f"GET /v1/diagnoses/{run.id}/patch"
    assert note.evidence[-1].query == f"GET /v1/diagnoses/{run.id}/report"


async def _claimed(on: Duty, run: Run) -> Any:
    async with on.desk.store.pool.connection() as connection:
        row = await (await connection.execute("select job from runs where id = %s", (run.id,))).fetchone()
    claim = await on.desk.store.claim("default", run.id, row["job"] if row else 0)
    assert claim is not None
    return claim


async def test_nobody_is_handed_over_unless_the_operator_or_somebody_asks(
    server: postgres.Server, tmp_path: Path
) -> None:
    """By the interface, and by the command; asked again there is no second run until one ended without a patch."""
    async with duty(server, tmp_path, _repository(tmp_path), patch=False) as on:
        await on.desk.post("alertmanager", fired(1))
        await on.drain()
        incident = await on.incident()
        assert (await on.runs(), incident.handover) == ((), None)
        where = f"/v1/incidents/{incident.id}/patch"
        assert (await on.desk.api("POST", where, scopes=["read"])).status_code == 403
        assert (await on.desk.api("POST", where, tenant="blue")).status_code == 404
        for _ in range(3):
            answer = await on.desk.api("POST", where)
            assert answer.status_code == 202, answer.text
            await on.drain()
        (run,) = await on.runs()
        assert ((await on.desk.api("POST", where)).json()["run"]) == run.id
        await on.desk.store.end(
            await _claimed(on, run), "finished", "finished", outcome="diagnosed", headline="no patch holds"
        )
        await on.drain()
        (shown,) = on.channel.shown
        assert f"Diagnosis {run.id} ended without a verified patch: no patch holds" in shown
        assert (await on.incident()).stage == "noted"
        said = await wanted(on.settings, on.desk.store, incident.id)
        assert any("about to look for a patch" in each for each in said)
        await on.drain()
        second, first = await on.runs()
        assert first.id == run.id
        async with on.desk.store.pool.connection() as connection:
            rows = await connection.execute("select action, subject from audit where action = 'patch'")
            assert {(row["action"], row["subject"]) for row in await rows.fetchall()} == {("patch", incident.id)}
        await on.desk.store.cancel(_principal(), second.id)
        await on.drain()
        (shown,) = on.channel.shown
        assert f"Diagnosis {second.id} ended without a verified patch: the diagnosis cancelled" in shown


def _principal() -> Principal:
    return Principal(tenant="default", token="test", scopes=frozenset({"submit"}))


async def test_one_who_is_killed_in_between_makes_no_second_run(server: postgres.Server, tmp_path: Path) -> None:
    """After the run was queued, before that was kept: whoever takes over has the same run, and no upload stays."""
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        assert await on.work.look()
        dead = await on.desk.incidents.claim_patch(0.0)
        assert dead is not None
        configuration, topology = on.desk.oncall.configuration, on.desk.oncall.topology
        name = await hand_over(on.settings, configuration, topology, on.desk.store, dead)
        await asyncio.gather(*(on.work.hand_over() for _ in range(4)))
        (run,) = await on.runs()
        now = (await on.incident()).handover
        assert now is not None
        assert (run.id, now.run, now.state) == (name, name, "running")
        assert on.uploads() == [run.request.source.removeprefix("upload:")]
        await on.desk.incidents.handed(dead, "another")  # it was only slow
        after = (await on.incident()).handover
        assert after is not None
        assert after.run == name


async def test_an_upload_stays_when_nobody_knows_whether_the_run_was_queued(
    server: postgres.Server, tmp_path: Path
) -> None:
    """The database goes away after it has taken the run: who tries again finds the run, with what it needs."""
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        assert await on.work.look()
        claimed = await on.desk.incidents.claim_patch(30)
        assert claimed is not None
        configuration, topology = on.desk.oncall.configuration, on.desk.oncall.topology
        with pytest.raises(StoreDown):
            await hand_over(on.settings, configuration, topology, Unheard(on.desk.store), claimed)
        (run,) = await on.runs()
        again = await hand_over(on.settings, configuration, topology, on.desk.store, claimed)
        assert again == run.id
        assert on.uploads() == [run.request.source.removeprefix("upload:")]


class Unheard:
    """Takes what is submitted, and its answer gets lost."""

    def __init__(self, store: Queue) -> None:
        self._store = store

    async def submit(
        self, who: Principal, submission: Submission, *, key: str | None, fingerprint: str
    ) -> tuple[Run, bool]:
        await self._store.submit(who, submission, key=key, fingerprint=fingerprint)
        raise StoreDown("gone")


async def test_what_ends_those_who_hand_over_is_given_up_and_says_so(server: postgres.Server, tmp_path: Path) -> None:
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        assert await on.work.look()
        for _ in range(MOST_LOOKS):
            assert await on.desk.incidents.claim_patch(0.0) is not None
        await on.drain()
        (shown,) = on.channel.shown
        assert await on.runs() == ()
    assert "No patch is looked for: given up: 5 tries to hand it over did not come to an end" in shown


@pytest.mark.parametrize(
    ("configured", "note", "said"),
    [
        ("", faulty_note("x"), "the configuration names no repository for its services"),
        ('repository = "nowhere"\n', faulty_note("x"), "the repository cannot be used: no such directory"),
        ('repository = "plain"\n', faulty_note("x"), "the repository has no history to take a revision from"),
        ('repository = "shop/tests"\n', faulty_note("x"), "names a directory inside a repository"),
    ],
)
async def test_what_cannot_be_handed_over_is_said(
    server: postgres.Server, tmp_path: Path, configured: str, note: Note, said: str
) -> None:
    """In the message and to whoever asks; nothing is left among the uploads; asked, it is tried anew."""
    write(tmp_path / "plain", SHOP)
    repository(tmp_path / "shop", SHOP)
    async with duty(server, tmp_path, configured) as on:
        on.note = note
        await on.desk.post("alertmanager", fired(1))
        await on.drain()
        (shown,) = on.channel.shown
        assert "No patch is looked for: " in shown
        assert said in shown
        assert (await on.runs(), on.uploads()) == ((), [])
        incident = await on.incident()
        answer = await on.desk.api("POST", f"/v1/incidents/{incident.id}/patch")
        assert (answer.status_code, answer.json()["state"]) == (202, "wanted")


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (quiet_note("x"), "is no change of the code"),
        (faulty_note("x").model_copy(update={"cause": "infrastructure"}), "is no change of the code"),
        (faulty_note("x", trace=""), "no stack trace has a frame"),
    ],
)
async def test_a_cause_outside_the_code_is_not_handed_over(
    server: postgres.Server, tmp_path: Path, note: Note, said: str
) -> None:
    """A healthy day, an infrastructure's fault, a change without a trace: refused with the reason."""
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        on.note = note
        await on.desk.post("alertmanager", fired(1))
        await on.drain()
        incident = await on.incident()
        answer = await on.desk.api("POST", f"/v1/incidents/{incident.id}/patch")
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:patchwright:problem:no-cause-in-code")
        assert said in answer.json()["detail"]
        with pytest.raises(Refused, match=said):
            await wanted(on.settings, on.desk.store, incident.id)
        assert ((await on.incident()).handover, await on.runs()) == (None, ())


async def test_another_cause_puts_the_first_diagnosis_aside(server: postgres.Server, tmp_path: Path) -> None:
    """The note changes its mind: what the first run finds is not told as a patch of the second cause."""
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        await on.drain()
        (first,) = await on.runs()
        on.note = faulty_note("Another.").model_copy(update={"service": "payments"})
        assert cause_of(on.note) != (await on.incident()).cause
        await on.desk.post("alertmanager", fired(2, service="gateway"))
        await on.drain()
        assert len(await on.runs()) == 2
        await on.desk.store.end(
            await _claimed(on, first), "finished", "finished", outcome="verified_patch", headline="old"
        )
        await on.drain()
        incident = await on.incident()
        told = told_of(incident, ())
        assert "old" not in " ".join(told.patch)
        assert incident.stage == "noted"


async def test_a_full_queue_is_waited_for(server: postgres.Server, tmp_path: Path) -> None:
    async with duty(server, tmp_path, _repository(tmp_path)) as on:
        await on.desk.post("alertmanager", fired(1))
        assert await on.work.look()
        claimed = await on.desk.incidents.claim_patch(30)
        assert claimed is not None
        waiting = Submission(request=Request(source="https://git.example/shop.git"))
        await on.desk.store.submit(_principal(), waiting, key=None, fingerprint="")
        async with open_store(server.address, Settings(home=tmp_path, queue_limit=1)) as full:
            configuration, topology = on.desk.oncall.configuration, on.desk.oncall.topology
            with pytest.raises(NotYet, match="as many as may"):
                await hand_over(on.settings, configuration, topology, full, claimed)
        assert on.uploads() == []
