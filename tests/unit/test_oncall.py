"""The operator's file: what is taken, what is refused in a line, and that no secret is shown; proofs of sources."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.oncall import HOOK, SECRET
from tools.triage.topology import Topology
from workflows import cli
from workflows.oncall.configuration import Configuration, Service, SourceRules, configuration_in
from workflows.oncall.looking import looked_at
from workflows.oncall.signatures import Keys, proven
from workflows.oncall.values import Incident

NOW = 1_772_445_600.0
BODY = b'{"alerts":[]}'


def _file(folder: Path, text: str, name: str = "oncall.toml") -> Path:
    (folder / "secret").write_text(SECRET)
    (folder / "hook").write_text(HOOK)
    (folder / "app.log").write_text("2026-03-02T10:00:00Z INFO it runs\n")
    file = folder / name
    file.write_text(text.replace("HERE", str(folder)))
    return file


GOOD = """
tell = ["hook"]
[sources.sentry]
secret = "file:HERE/secret"
[services.orders]
logs = ["*.log"]
[channels.hook]
kind = "webhook"
url = "https://hooks.shop.example/in"
secret = "file:HERE/hook"
"""


def test_a_file_that_is_fine_is_said_to_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["oncall", "check", str(_file(tmp_path, GOOD))]) == 0
    told = capsys.readouterr().out
    assert "orders: everything it names is there; told: hook" in told
    assert SECRET not in told


def test_the_scopes_that_slack_is_asked_for_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hook = GOOD[GOOD.index("[channels.hook]") :]
    channel = '[channels.hook]\nkind = "slack"\nchannel = "C0123456789"\ntoken = "file:HERE/secret"\n'
    assert cli.run(["oncall", "check", str(_file(tmp_path, GOOD.replace(hook, channel)))]) == 0
    assert "hook: the bot's token needs chat:write, channels:history, groups:history" in capsys.readouterr().out


def test_yaml_says_the_same(tmp_path: Path) -> None:
    text = """
tell: [hook]
services: {orders: {logs: ["*.log"]}}
channels: {hook: {kind: webhook, url: "https://hooks.shop.example/in", secret: "file:HERE/hook"}}
sources: {sentry: {secret: "file:HERE/secret"}}
"""
    assert configuration_in(_file(tmp_path, text, "oncall.yaml")).model_copy(
        update={"folder": tmp_path}
    ) == configuration_in(_file(tmp_path, GOOD)).model_copy(update={"folder": tmp_path})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('secret = "file:HERE/secret"', f'secret = "{SECRET}"', "sources.sentry.secret"),
        ('secret = "file:HERE/secret"', "", "name secret, bearer, basic or token"),
        ('tell = ["hook"]', 'tell = ["nobody"]', "no such channel: nobody"),
        ("https://hooks", "http://hooks", "https is expected"),
        ("[sources.sentry]", "[sources.nagios]", "sources.nagios"),
        ('kind = "webhook"', 'kind = "fax"', "channels.hook"),
        ('logs = ["*.log"]', 'logs = ["*.log"]\nshell = "rm -rf /"', "services.orders.shell"),
        ("[services.orders]", "[services.orders", "cannot be read"),
        ('tell = ["hook"]', 'folder = "/etc"', "there is no such setting"),
        ('logs = ["*.log"]', 'logs = ["*.txt"]', "missing: orders: *.txt"),
        ("HERE/secret", "HERE/gone", "missing: sources.sentry: file:"),
        ("file:HERE/hook", "file:HERE/secret", "missing: channels.hook: file:"),
        ('logs = ["*.log"]', 'commands = [["no-such-program-here"]]', "missing: orders: no-such-program-here"),
        ('logs = ["*.log"]', 'logs = ["*.log"]\nrepository = "nowhere"', "missing: orders: nowhere"),
    ],
)
def test_what_is_wrong_is_named_without_a_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    assert old in GOOD
    assert cli.run(["oncall", "check", str(_file(tmp_path, GOOD.replace(old, new)))]) == 65
    printed = capsys.readouterr()
    told = printed.out + printed.err
    assert said in told
    assert SECRET not in told
    assert "Traceback" not in told


def test_a_service_of_the_api_is_not_begun_with_a_file_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHWRIGHT_ONCALL", str(_file(tmp_path, "x = 1")))
    monkeypatch.setenv("PATCHWRIGHT_HOME", str(tmp_path / "home"))
    assert cli.run(["serve", "--port", "1"]) == 65
    assert not (tmp_path / "home").exists()
    assert "oncall.toml" in capsys.readouterr().err


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["oncall", "schema"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert {"sources", "services", "channels"} < set(described["properties"])
    assert "folder" not in described["properties"]


def _mark(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_the_secret_before_is_good_while_it_is_changed() -> None:
    rules = SourceRules(secret="env:NEW", old_secret="env:OLD")
    keys = Keys(rules, (b"the-new-secret-0123", SECRET.encode()))
    assert proven("sentry", keys, {"sentry-hook-signature": _mark(BODY)}, BODY, NOW)
    assert not proven("sentry", keys, {"sentry-hook-signature": _mark(BODY, "another")}, BODY, NOW)
    assert not proven("opsgenie", keys, {"sentry-hook-signature": _mark(BODY)}, BODY, NOW), "it signs nothing"


@pytest.mark.parametrize(
    ("when", "good"), [(str(int(NOW)), True), (str(int(NOW) - 301), False), ("", False), ("9" * 30, False)]
)
def test_grafanas_time_is_part_of_what_it_signs(when: str, good: bool) -> None:
    """A message that is captured cannot be sent again later, nor with another time."""
    keys = Keys(SourceRules(secret="env:S", timestamp_header="X-Time"), (SECRET.encode(),))
    headers = {"x-grafana-alerting-signature": _mark(f"{when}:".encode() + BODY), "x-time": when}
    assert proven("grafana", keys, headers, BODY, NOW) is good
    assert not proven("grafana", keys, {**headers, "x-time": str(int(NOW) - 5)}, BODY, NOW)
    assert not proven("grafana", keys, {"x-grafana-alerting-signature": _mark(BODY)}, BODY, NOW)


def test_what_is_looked_at_are_the_services_of_the_incident_and_their_neighbours() -> None:
    configuration = Configuration(services={name: Service() for name in ("batch", "gateway", "orders", "stock")})
    topology = Topology(calls={"gateway": ("orders",), "orders": ("stock",), "batch": ()})
    incident = Incident(
        id="inc-1", seq=1, tenant="default", state="open", title="x", severity="", services=("orders", "elsewhere"),
        titles=(), messages=1, alerts=1, firing=1, flaps=0, since=0, until=0, storm=False, manual=False, merged="",
        opened=datetime.now(UTC), closed=None, revision=1, wanted=1, looks=0, attempts=1, note=None, cause="",
        problem="",
    )  # fmt: skip
    assert list(looked_at(incident, configuration, topology)) == ["orders", "gateway", "stock"]
    unknown = incident.model_copy(update={"services": ("elsewhere",)})
    assert len(looked_at(unknown, configuration, topology)) == 4
