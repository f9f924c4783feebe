"""From an alert as its maker sends it to the message that people read, through a running service."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks.webhooks import Webhook

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.contract.test_oncall import MESSAGES
from tests.incidents.bench import Ran
from tests.oncall import CHANNEL, HOOK, SECRET, TOKEN, Slack, proof, slack, sources
from tests.ports import free_ports
from tests.unit.test_callbacks import Receiver, receiving
from tests.unit.test_triage_alerts import changed

WAIT_S = 900  # a machine may be busy; nothing is measured here


@dataclass
class Service:
    """A running `patchwright serve` and those who hear of incidents."""

    http: httpx.Client
    slack: Slack
    hook: Receiver

    def post(self, source: str, body: Any, **headers: str) -> httpx.Response:
        data = json.dumps(body).encode()
        return self.http.post(f"/v1/alerts/{source}", content=data, headers={**proof(source, data), **headers})

    def shown(self, source: str) -> str:
        """What the channel shows of the incident of a source's service; "" for nothing."""
        found = [text for text in self.slack.shown if f"orders-{source}" in text]
        assert len(found) <= 1, "a second message about one incident"
        return found[0] if found else ""

    def wait(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not true():
            assert time.monotonic() < end, "\n\n".join(self.slack.shown)
            time.sleep(0.2)


def _configuration(folder: Path, ran: Ran, base: str, hook: int) -> Path:
    (folder / "token").write_text(TOKEN)
    (folder / "hook").write_text(HOOK)
    for name in MESSAGES:  # each source has the service under a name of its own
        (folder / f"{name}.jsonl").write_text(ran.deploys.read_text().replace('"orders"', f'"orders-{name}"'))
    services = "".join(
        f'[services.orders-{name}]\nrepository = "{ran.repo}"\nlogs = ["{ran.logs}/orders.log"]\n'
        f'deploys = "{folder}/{name}.jsonl"\n'
        for name in MESSAGES
    )
    file = folder / "oncall.toml"
    file.write_text(
        f'tell = ["team", "hook"]\nsettle_seconds = 0\nupdate_seconds = 1\n{sources(folder)}{services}'
        f'[channels.team]\nkind = "slack"\nchannel = "{CHANNEL}"\ntoken = "file:{folder / "token"}"\nurl = "{base}"\n'
        f'[channels.hook]\nkind = "webhook"\nurl = "http://127.0.0.1:{hook}/in"\nsecret = "file:{folder / "hook"}"\n'
    )
    return file


@contextmanager
def _service(command: Patchwright, ran: Ran, address: str) -> Iterator[Service]:
    port = free_ports()
    with slack() as (channel, base), receiving(204) as (hook, at):
        file = _configuration(command.folder, ran, base, at)
        checked = command.run("oncall", "check", file)
        assert checked.code == 0, checked.text
        serve = ("serve", "--port", str(port), "--workers", "1", "--no-tokens")
        log = command.folder / "log"
        logged = ("sh", "-c", f'exec "$@" >>{log} 2>&1', "sh")  # a pipe that nobody reads would fill
        serving = command.start(*serve, wrap=logged, database_url=address, oncall=file)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=120) as http:
                made = Service(http, channel, hook)
                made.wait(lambda: _ready(http, serving))
                yield made
        except AssertionError as error:
            error.add_note(log.read_text()[-6000:])
            raise
        finally:
            serving.terminate()
            serving.communicate(timeout=90)
        said = log.read_text()
    assert serving.returncode == 0, said[-3000:]
    assert not any(word in said for word in (SECRET, TOKEN, HOOK)), "a secret in the log"
    assert "Traceback" not in said
    assert channel.wrong == []


def _ready(http: httpx.Client, serving: subprocess.Popen[str]) -> bool:
    assert serving.poll() is None, serving.communicate()
    try:
        return http.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _own(source: str, body: Any) -> Any:
    """A message about a service of its own, so that each source makes an incident."""
    return json.loads(json.dumps(body).replace('"orders', f'"orders-{source}').replace(":orders", f":orders-{source}"))


def _resolved(source: str) -> Any:
    later = {**MESSAGES["generic"], "status": "resolved", "ended": "2026-03-02T10:10:00Z"}
    return _own(source, later if source == "generic" else changed(source))


def test_an_alert_of_every_source_becomes_one_message_that_is_changed_in_place(tmp_path: Path, unfilled: Ran) -> None:
    """Cause, culprit and revert are shown; the end changes the same message; a post-mortem is drafted."""
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    with postgres.running() as address, _service(command, unfilled, address) as service:
        forged = service.post("sentry", MESSAGES["sentry"], **{"Sentry-Hook-Signature": "0" * 64})
        assert forged.status_code == 401
        for source, body in MESSAGES.items():
            answer = service.post(source, _own(source, body))
            assert (answer.status_code, answer.json()) == (202, {"status": "accepted", "alerts": 1}), source
        service.wait(lambda: all(unfilled.culprit[:12] in service.shown(source) for source in MESSAGES))
        for source, body in MESSAGES.items():
            assert "Probable cause: a change of the code" in service.shown(source)
            assert f"git revert --no-edit {unfilled.culprit}" in service.shown(source)
            assert service.post(source, _own(source, body)).json()["status"] == "known"
            assert service.post(source, _resolved(source)).status_code == 202
        service.wait(lambda: all("Resolved: " in service.shown(source) for source in MESSAGES))
        incidents = service.http.get("/v1/incidents").json()["incidents"]
        assert len(incidents) == len(service.slack.messages) == len(MESSAGES)
        assert {each["state"] for each in incidents} == {"resolved"}
        _afterwards(service, incidents[0]["id"], unfilled.culprit)
        told = [Webhook(HOOK).verify(body, headers) for headers, body in service.hook.got]
    kinds = {message["type"] for message in told}
    assert {"incident.resolved"} < kinds
    ids = [headers["webhook-id"] for headers, _ in service.hook.got]
    assert len(ids) == len(set(ids))


def _afterwards(service: Service, incident: str, culprit: str) -> None:
    """Note, draft, recurring cause, opinion."""
    where = f"/v1/incidents/{incident}"
    note = service.http.get(f"{where}/note").json()
    assert note["suspects"][0]["commit"] == culprit
    draft = service.http.get(f"{where}/postmortem").text
    assert draft.startswith("# Post-mortem (draft): ErrorRate")
    assert culprit[:12] in draft
    known = service.http.get(where)
    assert len(known.json()["before"]) == 5
    assert known.json()["before"][0]["id"] != incident
    assert service.http.post(f"{where}/feedback", json={"verdict": "right"}).status_code == 204
