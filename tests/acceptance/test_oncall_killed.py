"""A process that dies in the middle of a look, with real processes: another one looks, and people read one message."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests import postgres
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.oncall import CHANNEL, TOKEN, Slack, proof, slack, sources
from tests.oncall_node import node, process, until
from tests.unit.test_triage_alerts import PROMETHEUS
from tests.waiting import PATIENCE_S

# What an operator asks for a log: it says who asked, and the first time nothing more for as long as it is let live.
ASKED = """\
echo $PPID >> {folder}/askers
if [ "$(wc -l < {folder}/askers)" = 1 ]; then
    while [ -e {folder}/askers ]; do sleep 0.2; done
fi
cat {folder}/orders.log
"""
LOG = "".join(f"2026-03-02T09:{minute:02}:00Z INFO order placed id={minute}\n" for minute in range(60))


def _configuration(folder: Path, base: str) -> Path:
    (folder / "token").write_text(TOKEN)
    (folder / "orders.log").write_text(LOG + "2026-03-02T10:00:00Z ERROR cannot place order: no stock\n" * 40)
    (folder / "ask.sh").write_text(ASKED.format(folder=folder))
    file = folder / "oncall.toml"
    file.write_text(
        f'tell = ["team"]\nsettle_seconds = 0\n{sources(folder)}'
        f'[services.orders]\ncommands = [["sh", "{folder}/ask.sh"]]\n'
        f'[channels.team]\nkind = "slack"\nchannel = "{CHANNEL}"\ntoken = "file:{folder / "token"}"\nurl = "{base}"\n'
    )
    return file


def _askers(folder: Path) -> list[int]:
    file = folder / "askers"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def _rows(address: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as connection:
        return connection.execute(query).fetchall()


def _noted(channel: Slack) -> bool:
    return any("Probable cause: " in text for text in channel.shown)


def test_an_incident_is_looked_into_by_another_process_when_one_is_killed(tmp_path: Path) -> None:
    """kill -9 while it waits for a log: nothing of it goes on, one incident, one note, one message changed in place."""
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    body = json.dumps(PROMETHEUS).encode()
    with (
        slack() as (channel, base), postgres.running() as address,
        node(command, address, file := _configuration(tmp_path, base)) as url,
        process(command, "oncall", "work", address=address, file=file),
        process(command, "oncall", "work", address=address, file=file),
    ):  # fmt: skip
        sent = httpx.post(
            f"{url}/v1/alerts/alertmanager", content=body, headers=proof("alertmanager", body), trust_env=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        assert sent.json() == {"status": "accepted", "alerts": 1}
        until(lambda: bool(_askers(tmp_path) and channel.messages), lambda: channel.calls)
        (victim,) = _askers(tmp_path)
        os.kill(victim, signal.SIGKILL)
        until(lambda: _noted(channel), lambda: (command.folder / "log").read_text()[-4000:])
        with httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S) as http:
            (incident,) = http.get("/v1/incidents").json()["incidents"]
            told = http.get(f"/v1/incidents/{incident['id']}").json()["channels"]
        kept = _rows(address, "select attempts, looks, tries from oncall_incidents")
    first, second = _askers(tmp_path)
    assert first == victim != second
    assert (incident["alerts"], incident["messages"], incident["state"]) == (1, 1, "open")
    assert kept == [(2, 1, 0)]
    assert [(each["channel"], each["stage"], each["state"]) for each in told] == [("team", "noted", "shown")]
    assert len(channel.messages) == channel.calls.count("chat.postMessage") == 1
    assert channel.wrong == []
    assert leftovers.wait_for_none(tmp_path) == [], "what the dead one had started goes on"
    assert list(command.tmp.glob("patchwright-*/patchwright-*")) == [], "its directory is still there"


def test_who_is_told_to_stop_gives_the_incident_to_another_at_once(tmp_path: Path) -> None:
    """SIGTERM in the middle of a look: the lease does not have to lapse, and it is no failed try."""
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    body = json.dumps(PROMETHEUS).encode()
    with (
        slack() as (channel, base), postgres.running() as address,
        node(command, address, file := _configuration(tmp_path, base)) as url,
        process(command, "oncall", "work", address=address, file=file) as stopped,
    ):  # fmt: skip
        httpx.post(
            f"{url}/v1/alerts/alertmanager", content=body, headers=proof("alertmanager", body), trust_env=False,
            timeout=PATIENCE_S,
        )  # fmt: skip
        until(lambda: bool(_askers(tmp_path)), lambda: (command.folder / "log").read_text()[-4000:])
        stopped.terminate()
        until(lambda: _rows(address, "select lease is null, tries from oncall_incidents") == [(True, 0)])
        with process(command, "oncall", "work", address=address, file=file):
            until(lambda: _noted(channel), lambda: (command.folder / "log").read_text()[-4000:])
        stopped.communicate(timeout=120)
    assert stopped.returncode == 0
    assert len(channel.messages) == 1
    assert "Traceback" not in (command.folder / "log").read_text()
