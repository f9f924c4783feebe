"""What nobody can know is said: of a post to Teams whose answer was lost, wherever somebody looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.contract.test_oncall import Desk, open_desk
from tests.contract.test_oncall_channels import QUICK
from tests.oncall import quiet_note
from tests.unit.test_callbacks import Receiver, receiving
from tests.unit.test_triage_alerts import PROMETHEUS, changed
from tools.triage.values import Note
from workflows.oncall.channels.teams import TeamsChannel
from workflows.oncall.configuration import configuration_in
from workflows.oncall.values import Incident
from workflows.oncall.work import Work


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


async def _looked(_: Incident, alerts: object) -> Note:
    return quiet_note(f"looked at {alerts.__class__.__name__}")


async def _told(desk: Desk, work: Work) -> None:
    """All that is due, as if no pause were left between two tries."""
    while await work.look():
        pass
    for _ in range(4):
        while await work.tell():
            pass
        async with desk.store.pool.connection() as connection:
            await connection.execute("update oncall_deliveries set due = now()")


async def _state(desk: Desk) -> tuple[str, str]:
    (incident,) = await desk.incidents.incidents()
    (channel,) = (await desk.api("GET", f"/v1/incidents/{incident.id}")).json()["channels"]
    return channel["state"], channel["problem"]


def _texts(workflow: Receiver, number: int) -> list[str]:
    rows = json.loads(workflow.got[number][1])["attachments"][0]["content"]["body"]
    return [row["inlines"][0]["text"] for row in rows]


async def test_a_post_whose_answer_was_lost_is_not_repeated_and_said_to_be_unsure(
    server: postgres.Server, tmp_path: Path
) -> None:
    with receiving(502, 202) as (workflow, port):
        (tmp_path / "url").write_text(f"http://127.0.0.1:{port}/workflow")
        extra = f'tell = ["ops"]\n[channels.ops]\nkind = "teams"\nurl = "file:{tmp_path}/url"\n'
        async with open_desk(server.address, tmp_path, extra) as desk:
            configuration = configuration_in(tmp_path / "oncall.toml")
            channel = TeamsChannel(f"http://127.0.0.1:{port}/workflow")
            work = Work(desk.incidents, configuration, {"ops": channel}, _looked, pace=QUICK)
            await desk.post("alertmanager", PROMETHEUS)
            await _told(desk, work)
            assert (await _state(desk))[0] == "unsure"
            assert (await _state(desk))[1].startswith("may not have arrived: ")
            assert len(workflow.got) == 1, "it was repeated"
            await desk.post("alertmanager", {**PROMETHEUS, "externalURL": "https://again.shop.example"})
            await _told(desk, work)
            assert (await _state(desk))[0] == "unsure", "a change that is no step says nothing of the post"
            command = Patchwright(tmp_path / "home", tmp_path / "cache")
            ended = command.run("oncall", "told", database_url=server.address, oncall=tmp_path / "oncall.toml")
            assert (ended.code, "ops: may not have arrived, noted" in ended.out) == (0, True), ended.text
            await desk.post("alertmanager", changed("alertmanager"))
            await _told(desk, work)
            assert await _state(desk) == ("shown", "")
    before, after = _texts(workflow, 0), _texts(workflow, 1)
    assert before[0].startswith("Incident: ")
    assert after[0].startswith("Resolved: ")
    warned = "The message before this one may not have arrived."
    assert (warned in before, warned in after) == (False, True)


async def test_what_a_workflow_never_received_or_refused_for_now_is_sent_again(
    server: postgres.Server, tmp_path: Path
) -> None:
    """No connection, and 429: nothing can have been posted."""
    with receiving(429, 202) as (workflow, port):
        (tmp_path / "url").write_text("http://127.0.0.1:1/workflow")
        extra = f'tell = ["ops"]\n[channels.ops]\nkind = "teams"\nurl = "file:{tmp_path}/url"\n'
        async with open_desk(server.address, tmp_path, extra) as desk:
            configuration = configuration_in(tmp_path / "oncall.toml")
            gone, there = TeamsChannel("http://127.0.0.1:1/workflow"), TeamsChannel(f"http://127.0.0.1:{port}/w")
            await desk.post("alertmanager", PROMETHEUS)
            work = Work(desk.incidents, configuration, {"ops": gone}, _looked, pace=QUICK)
            assert [await work.look(), await work.tell()] == [True, True]
            assert await _state(desk) == ("waiting", "no connection: ConnectError")
            await _told(desk, Work(desk.incidents, configuration, {"ops": there}, _looked, pace=QUICK))
            assert await _state(desk) == ("shown", "")
    assert len(workflow.got) == 2
