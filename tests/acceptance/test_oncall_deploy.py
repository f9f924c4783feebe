"""The examples of deploy/oncall/: the file is accepted, and what the three makers are told to send arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.oncall_node import node, until
from tests.ports import free_ports
from tests.unit.test_triage_alerts import GRAFANA, PAGERDUTY
from tests.waiting import PATIENCE_S
from tools.triage.sources import read_alerts

EXAMPLES = Path(__file__).parents[2] / "deploy" / "oncall"
PUBLIC = "https://patchwright.example.com"
SECRETS = ("alertmanager", "grafana", "pagerduty", "slack", "pagerduty-token")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The example, with everything that it names below a directory of the test."""
    text = (EXAMPLES / "oncall.yaml").read_text()
    for place in ("/etc/patchwright", "/var/log"):
        text = text.replace(place, f"{tmp_path}{place}")
    etc, log = tmp_path / "etc/patchwright", tmp_path / "var/log"
    for folder in (etc / "secrets", etc / "runbooks", log / "orders"):
        folder.mkdir(parents=True)
    for name in SECRETS:
        (etc / "secrets" / name).write_text(f"the-secret-of-{name}-0123456789\n")
    for each in (log / "orders/app.log", log / "payments.log"):
        each.write_text("2026-03-02T10:00:00Z INFO order placed\n")
    (log / "deploys.jsonl").write_text('{"time": "2026-03-02T09:58:00Z", "service": "orders", "revision": "a1b2c3"}\n')
    (etc / "oncall.yaml").write_text(text)
    return etc / "oncall.yaml"


def _secret(file: Path, name: str) -> str:
    return (file.parent / "secrets" / name).read_text().strip()


def test_the_example_is_accepted_and_what_it_names_is_looked_for(tmp_path: Path, file: Path) -> None:
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    checked = command.run("oncall", "check", file)
    assert checked.code == 0, checked.text
    assert "sources: alertmanager, grafana, pagerduty" in checked.out
    assert "payments: everything it names is there; told: team, pager" in checked.out
    (file.parent / "secrets" / "grafana").unlink()
    (tmp_path / "var/log/orders/app.log").unlink()
    checked = command.run("oncall", "check", file)
    assert checked.code != 0
    assert checked.out.count("missing: ") == 2, checked.text


def test_what_the_makers_are_told_to_send_becomes_incidents(tmp_path: Path, file: Path) -> None:
    """A real Alertmanager with its file; Grafana's signature as its contact point says; PagerDuty's subscription."""
    command = Patchwright(tmp_path / "home", tmp_path / "cache")
    with postgres.running() as address, node(command, address, file) as url:
        with alertmanager(tmp_path, url) as maker:
            _fire(maker, "Alertmanagers")
            until(lambda: _titles(url) == {"Alertmanagers"}, (tmp_path / "alertmanager.log").read_text)
        assert _grafana(url, file, "a-wrong-secret-0123456789").status_code == 401
        assert _grafana(url, file, _secret(file, "grafana")).json() == {"status": "accepted", "alerts": 1}
        _pagerduty(url, _secret(file, "pagerduty"))
        assert _titles(url) == {"Alertmanagers", "Grafanas", "PagerDutys"}


def _titles(url: str) -> set[str]:
    listed: list[dict[str, Any]] = httpx.get(f"{url}/v1/incidents", trust_env=False, timeout=PATIENCE_S).json()[
        "incidents"
    ]
    return {each["title"] for each in listed}


def _send(url: str, public: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """As a maker does that was told the public address, of which a reverse proxy makes this one."""
    assert public.startswith(f"{PUBLIC}/v1/alerts/")
    given = {"Content-Type": "application/json", **headers}
    return httpx.post(public.replace(PUBLIC, url), content=body, headers=given, trust_env=False, timeout=PATIENCE_S)


@contextmanager
def alertmanager(folder: Path, url: str) -> Iterator[str]:
    """A real one (Debian: prometheus-alertmanager) with the example, that waits for nothing; its address."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert program, "alertmanager is missing: sh deploy/test-parts.sh"
    text = (EXAMPLES / "alertmanager.yml").read_text()
    for old, new in (
        (PUBLIC, url),
        ("/etc/patchwright", f"{folder}/etc/patchwright"),
        ("group_wait: 10s", "group_wait: 0s"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "alertmanager.yml").write_text(text)
    address = f"127.0.0.1:{free_ports()}"
    arguments = [
        program, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with (folder / "alertmanager.log").open("w") as log, subprocess.Popen(
        arguments, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
    ) as process:  # fmt: skip
        try:
            until(lambda: _answers(f"http://{address}/-/ready"))
            yield f"http://{address}"
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _fire(maker: str, title: str) -> None:
    alert = {"labels": {"alertname": title, "service": "orders"}, "annotations": {"summary": "orders fail"}}
    httpx.post(f"{maker}/api/v2/alerts", json=[alert], trust_env=False, timeout=PATIENCE_S).raise_for_status()


def _grafana(url: str, file: Path, secret: str) -> httpx.Response:
    """Signed over time and body, in the headers that the contact point names."""
    provisioned = yaml.safe_load((EXAMPLES / "grafana-contact-points.yaml").read_text())
    (receiver,) = provisioned["contactPoints"][0]["receivers"]
    settings, signing = receiver["settings"], receiver["settings"]["hmacConfig"]
    assert (receiver["type"], settings["httpMethod"]) == ("webhook", "POST")
    labels = {"alertname": "Grafanas", "service": "billing"}
    body = json.dumps({**GRAFANA, "alerts": [{**GRAFANA["alerts"][0], "labels": labels}]}).encode()  # type: ignore[index]
    when = str(int(time.time()))
    mark = hmac.new(secret.encode(), f"{when}:".encode() + body, hashlib.sha256).hexdigest()
    return _send(url, settings["url"], body, {signing["header"]: mark, signing["timestampHeader"]: when})


def _pagerduty(url: str, secret: str) -> None:
    """Every event that is subscribed to says something, and one that comes is taken."""
    subscription = json.loads((EXAMPLES / "pagerduty-webhook.json").read_text())["webhook_subscription"]
    data = {**PAGERDUTY["event"]["data"], "title": "PagerDutys", "service": {"summary": "search"}}  # type: ignore[dict-item]
    for kind in subscription["events"]:
        body = json.dumps({"event": {**PAGERDUTY["event"], "event_type": kind, "data": data}}).encode()
        assert len(read_alerts("pagerduty", body)) == 1, kind
        mark = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        sent = _send(url, subscription["delivery_method"]["url"], body, {"X-PagerDuty-Signature": f"v1={mark}"})
        assert sent.json() == {"status": "accepted", "alerts": 1}, kind
