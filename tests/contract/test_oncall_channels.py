"""What is told on a real database: once, changed in place, tried again, and whatever strangers wrote stays text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Mailbox

from tests import postgres
from tests.contract.test_oncall import GENERIC
from tests.oncall import CHANNEL, TOKEN, Slack, faults, pager, quiet_note, slack, texts
from tests.ports import free_ports
from tests.unit.test_callbacks import receiving
from tools.tool import ToolError
from tools.triage.alerts import Alert
from tools.triage.topology import Topology
from tools.triage.values import Note
from workflows.oncall.channels.channel import Channel, Untold
from workflows.oncall.channels.mail import EmailChannel
from workflows.oncall.channels.pagerduty import PagerDutyChannel
from workflows.oncall.channels.slack import SlackChannel, message
from workflows.oncall.channels.teams import TeamsChannel, card
from workflows.oncall.configuration import Configuration, Email
from workflows.oncall.looking import NothingToLookAt
from workflows.oncall.store import PostgresIncidents
from workflows.oncall.telling import Told, told_of
from workflows.oncall.values import Incident, Message
from workflows.oncall.work import Pace, Work
from workflows.service.store import open_store
from workflows.service.store.pool import Database
from workflows.settings import Settings

QUICK = Pace(idle_s=0.01, lease_s=30.0, pause_s=0.0, retry_s=0.0, longest_s=0.0)
HOSTILE = "<!channel> @here *bold* <https://evil.example|click> `x` [a](https://evil.example) <at>all</at> \u202e"


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.server() as made:
        yield made


@dataclass
class Duty:
    """A worker's part over an empty database, with one channel."""

    incidents: PostgresIncidents
    work: Work

    async def fire(self, title: str = "ErrorRate", status: str = "firing", link: str = "") -> Incident:
        alert = Alert(source="hand", fingerprint="f1", status=status, title=title, service="orders", link=link)  # type: ignore[arg-type]
        await self.incidents.take(Message(digest="", alerts=(alert,)))
        return await self.incident()

    async def incident(self) -> Incident:
        (found,) = await self.incidents.incidents()
        return found

    async def drain(self) -> None:
        """All that is due."""
        while await self.work.look():
            pass
        while await self.work.tell():
            pass


@asynccontextmanager
async def duty(address: str, home: Path, channel: Channel, said: str = "looked") -> AsyncIterator[Duty]:
    configuration = Configuration.model_validate({
        "settle_seconds": 0, "update_seconds": 0, "looks": 1, "tell": ["one"],
        "channels": {"one": {"kind": "slack", "channel": CHANNEL, "token": "env:NONE"}},
    })  # fmt: skip

    async def look(incident: Incident, alerts: Sequence[Alert]) -> Note:
        if incident.title == "unknown":
            raise NothingToLookAt("no log is named")
        return quiet_note(f"{said} at {len(alerts)} alerts")

    async with open_store(address, Settings(home=home), wait_s=60.0) as store:
        async with store.pool.connection() as connection:
            await connection.execute("truncate oncall_incidents, oncall_messages cascade")
        incidents = PostgresIncidents(Database(store.pool), configuration, Topology())
        yield Duty(incidents, Work(incidents, configuration, {"one": channel}, look, pace=QUICK))


def _slack(base: str) -> SlackChannel:
    return SlackChannel(base, TOKEN, CHANNEL)


async def _shown(made: Slack) -> str:
    (shown,) = made.shown
    return shown


async def test_one_message_is_changed_as_the_incident_goes_on(server: postgres.Server, tmp_path: Path) -> None:
    with slack() as (made, base):
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            await on.work.tell()
            assert "Logs and changes are being looked at." in await _shown(made)
            await on.drain()
            assert "looked at 1 alerts [E1]" in await _shown(made)
            await on.fire(status="resolved")
            await on.drain()
            assert (await _shown(made)).startswith("Resolved: ErrorRate")
            assert "Was this note right?" in await _shown(made)
            incident = await on.incident()
            await on.incidents.rate(incident.id, "me", "right", "")
            await on.fire()
            await on.fire(status="resolved")
            await on.drain()
            assert "Was this note right?" not in await _shown(made), "it is asked once"
            (delivery,) = await on.incidents.deliveries(incident.id)
            assert (delivery.told, delivery.stage) == ((await on.incident()).revision, "resolved")
    assert made.calls.count("chat.postMessage") == 1
    assert made.wrong == []


async def test_an_answer_that_is_lost_makes_no_second_message(server: postgres.Server, tmp_path: Path) -> None:
    """Posted, and the connection broke: the message is found by its metadata and changed."""
    with slack() as (made, base):
        made.lose = 1
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            await on.drain()
    assert made.calls == ["chat.postMessage", "conversations.history", "chat.update"]
    assert "looked at 1 alerts" in await _shown(made)


async def test_who_dies_after_posting_is_followed_by_one_who_looks_first(
    server: postgres.Server, tmp_path: Path
) -> None:
    """Killed between the post and keeping its ts: the lease lapses, and nothing is posted twice."""
    with slack() as (made, base):
        channel = _slack(base)
        async with duty(server.address, tmp_path, channel) as on:
            incident = await on.fire()
            dead = await on.incidents.tell(0.0)
            assert dead is not None
            assert await on.incidents.trying(dead, incident.revision)
            await channel.tell(told_of(incident, ()), "", uncertain=False)
            await on.drain()
            assert not await on.incidents.trying(dead, incident.revision)
    assert len(made.messages) == 1
    assert made.calls.count("chat.postMessage") == 1


@pytest.mark.parametrize(
    "error", ["missing_scope", "ratelimited", "not_in_channel", "channel_not_found", "fatal_error", "no_such_word"]
)
async def test_where_slack_does_not_let_us_look_nothing_is_posted_twice(
    server: postgres.Server, tmp_path: Path, error: str
) -> None:
    """Posted, and nobody heard of it: until the channel can be read, whether the message is there is not known."""
    with slack() as (made, base):
        made.lose, made.refuse = 1, ["", error, error]
        async with duty(server.address, tmp_path, _slack(base)) as on:
            incident = await on.fire()
            for _ in range(2):
                await on.work.tell()
                await _at_once(on)
            (delivery,) = await on.incidents.deliveries(incident.id)
            assert f"Slack says {error} to conversations.history" in delivery.problem
            assert ("groups:history" in delivery.problem) is (error == "missing_scope")
            assert (delivery.dead, delivery.trying) == (False, incident.revision)
            for _ in range(4):
                await on.drain()
                await _at_once(on)
    assert "looked at 1 alerts" in await _shown(made)
    assert (made.calls.count("chat.postMessage"), made.refuse) == (1, [])


async def test_the_message_is_found_below_newer_ones(server: postgres.Server, tmp_path: Path) -> None:
    with slack() as (made, base):
        made.lose, made.pages = 1, 2
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            await on.work.tell()
            for number in range(5):
                made.messages[str(number)] = {"ts": str(number), "metadata": {"event_type": "another"}}
            await on.drain()
    assert made.calls[:5] == ["chat.postMessage", *["conversations.history"] * 3, "chat.update"]
    assert made.calls.count("chat.postMessage") == 1


@pytest.mark.parametrize(
    ("errors", "shown", "said"),
    [
        (["internal_error", "ratelimited"], 1, ""),
        (["channel_not_found"], 0, "Slack says channel_not_found"),
        (["fatal_error"] * 12, 0, "Slack says fatal_error"),
    ],
)
async def test_what_fails_is_tried_again_and_what_never_can_is_given_up(
    server: postgres.Server, tmp_path: Path, errors: list[str], shown: int, said: str
) -> None:
    with slack() as (made, base):
        made.refuse = [error for each in errors for error in (each, "")][:-1] if shown == 0 else errors
        async with duty(server.address, tmp_path, _slack(base)) as on:
            incident = await on.fire()
            for _ in range(30):
                await on.drain()
                await _at_once(on)
            (delivery,) = await on.incidents.deliveries(incident.id)
    assert (len(made.messages), delivery.problem, delivery.dead) == (shown, said, bool(said))


@pytest.mark.parametrize("errors", [["channel_not_found"], ["fatal_error", ""] * 12])
async def test_what_was_given_up_is_told_again_at_the_next_stage(
    server: postgres.Server, tmp_path: Path, errors: list[str]
) -> None:
    """The channel was broken when the incident began, and shows its end."""
    with slack() as (made, base):
        made.refuse = errors[:]
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            while await on.work.look():
                pass
            for _ in range(30):
                await on.work.tell()
                await _at_once(on)
            incident = await on.incident()
            (delivery,) = await on.incidents.deliveries(incident.id)
            assert (delivery.dead, len(made.messages), incident.stage) == (True, 0, "noted")
            made.refuse = ["fatal_error"]
            await on.fire(status="resolved")
            for _ in range(2):
                await on.drain()
            (delivery,) = await on.incidents.deliveries(incident.id)
            assert (delivery.dead, delivery.problem, delivery.stage) == (False, "", "resolved")
    assert (await _shown(made)).startswith("Resolved: ErrorRate")


async def _at_once(on: Duty) -> None:
    """As if the pause that Slack asked for were over."""
    async with on.incidents._database.pool.connection() as connection:
        await connection.execute("update oncall_deliveries set due = now()")


async def test_why_there_is_no_note_is_said(server: postgres.Server, tmp_path: Path) -> None:
    with slack() as (made, base):
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire("unknown")
            await on.drain()
    assert "No note: no log is named" in await _shown(made)


def _told(**more: Any) -> Told:
    given: dict[str, Any] = {
        "incident": "inc-1", "revision": 3, "stage": "noted", "title": HOSTILE, "severity": "page",
        "services": ("orders",), "counts": "1 alerts", "began": "now", "cause": "change", "sentences": (HOSTILE,) * 5,
        "suspects": (HOSTILE * 100,) * 3, "steps": (), "before": (HOSTILE * 40,) * 5,
    }  # fmt: skip
    return Told(**{**given, **more})


def test_what_strangers_wrote_is_no_markup_on_slack() -> None:
    """It stands in plain_text alone, or with entities where Slack reads markup; long texts stay within the limits."""
    made = message(_told())
    assert faults(made) == []
    assert "<!" not in made["text"]
    assert (made["mrkdwn"], made["parse"], made["link_names"]) == (False, "none", False)
    marked = [block["text"]["text"] for block in made["blocks"] if block.get("text", {}).get("type") == "mrkdwn"]
    assert all("evil" not in text for text in marked)
    assert "evil.example" in texts(made)


def test_what_strangers_wrote_is_no_markup_on_teams() -> None:
    made = card(_told(suspects=("\u8a9e" * 3000,) * 5))
    (attachment,) = made["attachments"]
    assert {row["type"] for row in attachment["content"]["body"]} == {"RichTextBlock"}
    assert {run["type"] for row in attachment["content"]["body"] for run in row["inlines"]} == {"TextRun"}
    assert len(json.dumps(made, ensure_ascii=False).encode()) < 28_000


async def test_teams_is_told_of_steps_alone(server: postgres.Server, tmp_path: Path) -> None:
    with receiving(202) as (workflow, port):
        async with duty(server.address, tmp_path, TeamsChannel(f"http://127.0.0.1:{port}/workflow")) as on:
            await on.fire()
            await on.work.tell()
            assert workflow.got == []
            await on.drain()
            await on.fire(status="resolved")
            await on.drain()
    heads = [json.loads(body)["attachments"][0]["content"]["body"][0]["inlines"][0] for _, body in workflow.got]
    assert [head["text"] for head in heads] == ["Incident: ErrorRate", "Resolved: ErrorRate"]


class _Kept(Mailbox):
    def __init__(self) -> None:
        super().__init__()
        self.got: list[Mapping[str, str]] = []

    def handle_message(self, message: Any) -> None:
        self.got.append({**dict(message.items()), "text": message.get_payload(decode=True).decode()})


async def test_mail_comes_in_one_thread(server: postgres.Server, tmp_path: Path) -> None:
    """One for the note, one for the end; a subject of strangers adds no header."""
    with postbox() as (box, channel):
        async with duty(server.address, tmp_path, channel) as on:
            await on.fire("x\r\nBcc: eve@evil.example")
            await on.drain()
            await on.fire(status="resolved")
            await on.drain()
    first, last = box.got
    assert "Bcc" not in first
    assert "looked at 1 alerts" in first["text"]
    assert last["Subject"].startswith("Resolved: ")
    assert last["In-Reply-To"] == last["References"] == first["Message-ID"] != last["Message-ID"]


async def test_a_step_that_is_mailed_again_is_the_same_message(server: postgres.Server, tmp_path: Path) -> None:
    """Who sent it died before that was kept, and more came since; a step that comes again is another message."""
    with postbox() as (box, channel):
        async with duty(server.address, tmp_path, channel) as on:
            await on.fire()
            await on.work.look()
            incident = await on.incident()
            dead = await on.incidents.tell(0.0)
            assert dead is not None
            assert await on.incidents.trying(dead, incident.revision)
            await channel.tell(told_of(incident, ()), "", uncertain=False)
            await on.fire()  # once more, which is another revision
            await on.drain()
            for status in ("resolved", "firing", "resolved"):
                await on.fire(status=status)
                await on.drain()
    first, again, *rest = [mail["Message-ID"] for mail in box.got]
    assert first == again
    assert len({first, *rest}) == 4
    assert [mail["Subject"].partition(":")[0] for mail in box.got[1:]] == ["Incident", "Resolved"] * 2


@contextmanager
def postbox() -> Iterator[tuple[_Kept, EmailChannel]]:
    """A mail server on this machine, and the channel to it."""
    box = _Kept()
    port = free_ports()
    mail = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=120)
    mail.start()
    try:
        where = Email(
            kind="email", host="127.0.0.1", port=port, tls="none", sender="bot@shop.example", to=("a@shop.example",)
        )
        yield box, EmailChannel(where)
    finally:
        mail.stop()


async def test_notes_stand_on_the_incident_of_pagerduty_once(server: postgres.Server, tmp_path: Path) -> None:
    """Found by the address of its alert; a note whose answer was lost is not written again."""
    link = "https://shop.pagerduty.com/incidents/PT4KHLK"
    with pager(lose=1) as (notes, base):
        channel = PagerDutyChannel(base, "a-token-of-pagerduty", "bot@shop.example")
        async with duty(server.address, tmp_path, channel) as on:
            await on.fire(link=link)
            await on.drain()
            await on.fire(status="resolved", link=link)
            await on.drain()
    assert [path for path, _ in notes] == ["/incidents/PT4KHLK/notes"] * 2
    assert [text.partition(":")[0] for _, text in notes] == ["Incident", "Resolved"]


async def test_a_second_end_is_noted_on_pagerduty_though_its_answer_is_lost(
    server: postgres.Server, tmp_path: Path
) -> None:
    """The note of the first end does not stand for it."""
    link = "https://shop.pagerduty.com/incidents/PT4KHLK"
    with pager() as (notes, base):
        channel = PagerDutyChannel(base, "a-token-of-pagerduty", "bot@shop.example")
        async with duty(server.address, tmp_path, channel) as on:
            for status in ("firing", "resolved", "firing"):
                await on.fire(status=status, link=link)
                await on.drain()
            incident = await on.fire(status="resolved", link=link)
            dead = await on.incidents.tell(0.0)
            assert dead is not None
            assert await on.incidents.trying(dead, incident.revision)  # and it dies before it writes
            await on.drain()
    assert [text.partition(":")[0] for _, text in notes] == ["Incident", "Resolved"] * 2


async def test_no_answer_is_no_delivery() -> None:
    for status, final in ((500, False), (404, True), (302, False)):
        with receiving(status) as (_, port), pytest.raises(Untold) as error:
            await TeamsChannel(f"http://127.0.0.1:{port}/").tell(_told(), "", uncertain=False)
        assert error.value.final is final


def test_a_generic_message_is_read_by_pointers() -> None:
    from workflows.oncall.configuration import Mapped
    from workflows.oncall.generic import read_generic

    mapping = Mapped(alerts="/events", name="/rule/a~1b", service="/tags/0", status="/s", resolved=("fine",))
    body = {"events": [{"rule": {"a/b": "Slow"}, "tags": ["orders"], "s": "FINE"}, {"rule": {"a/b": 7}, "tags": {}}]}
    over, firing = read_generic(mapping, json.dumps(body).encode())
    assert (over.title, over.service, over.status) == ("Slow", "orders", "resolved")
    assert (firing.title, firing.service, firing.status) == ("7", "", "firing")
    assert read_generic(Mapped(), json.dumps(GENERIC).encode())[0].severity == "page"


class _Looks:
    """Counts looks; fails as often as it is told to."""

    def __init__(self, fails: int = 0) -> None:
        self.fails, self.times = fails, 0

    async def __call__(self, incident: Incident, alerts: Sequence[Alert]) -> Note:
        self.times += 1
        await asyncio.sleep(0.01)
        if self.times <= self.fails:
            raise ToolError("the log is being rotated")
        return quiet_note("looked")


@pytest.mark.parametrize(("fails", "times", "noted"), [(0, 1, True), (2, 3, True), (99, 5, False)])
async def test_a_look_is_done_once_by_many_and_tried_again_a_few_times(
    server: postgres.Server, tmp_path: Path, fails: int, times: int, noted: bool
) -> None:
    looks = _Looks(fails)
    with slack() as (_, base):
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            workers = [Work(on.incidents, on.work._configuration, {}, looks, pace=QUICK) for _ in range(4)]
            for _ in range(10):
                await asyncio.gather(*(worker.look() for worker in workers))
            incident = await on.incident()
    assert (looks.times, incident.note is not None) == (times, noted)
    assert incident.problem == ("" if noted else "given up after 5 tries: the log is being rotated")


async def test_looks_that_failed_before_a_note_do_not_count_against_the_next(
    server: postgres.Server, tmp_path: Path
) -> None:
    """Four fail, a note; hours later four more fail, a note: five in a row are needed to give up."""
    looks = _Looks(4)
    with slack() as (_, base):
        async with duty(server.address, tmp_path, _slack(base)) as on:
            worker = Work(on.incidents, on.work._configuration, {}, looks, pace=QUICK)
            for status, told in (("firing", 1), ("resolved", 2), ("firing", 3)):
                looks.fails = looks.times + 4
                await on.fire(status=status)
                for _ in range(7):
                    await worker.look()
                incident = await on.incident()
                assert (looks.times, incident.looks, incident.problem) == (5 * told, told, "")


async def test_an_incident_that_ends_its_workers_is_given_up_and_says_so(
    server: postgres.Server, tmp_path: Path
) -> None:
    """Five had it and fell silent; news are looked into again."""
    looks = _Looks()
    with slack() as (made, base):
        async with duty(server.address, tmp_path, _slack(base)) as on:
            await on.fire()
            for attempt in range(1, 6):
                dead = await on.incidents.claim(0.0)
                assert dead is not None
                assert dead.attempts == attempt
            worker = Work(on.incidents, on.work._configuration, {}, looks, pace=QUICK)
            assert await worker.look()
            assert not await worker.look()
            await on.drain()
            incident = await on.incident()
            assert (looks.times, incident.note) == (0, None)
            assert incident.problem.startswith("given up: 5 looks into it did not come to an end")
            assert "No note: given up" in await _shown(made)
            await on.fire(status="resolved")
            assert await worker.look()
            incident = await on.incident()
            assert (looks.times, incident.problem) == (1, "")
