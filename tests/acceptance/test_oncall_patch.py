"""From an alert to the message that has a verified patch: the incident is handed over to a diagnosis of the service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.incidents.bench import Ran
from tests.oncall import CHANNEL, TOKEN, proof, slack, sources
from tests.oncall_node import node, until
from tests.unit.test_triage_alerts import PROMETHEUS
from tests.waiting import PATIENCE_S


def _configuration(folder: Path, ran: Ran, base: str) -> Path:
    (folder / "token").write_text(TOKEN)
    file = folder / "oncall.toml"
    file.write_text(
        f'patch = true\ntell = ["team"]\nsettle_seconds = 0\nlinks = "https://patchwright.example"\n{sources(folder)}'
        f'[services.orders]\nrepository = "{ran.repo}"\nlogs = ["{ran.logs}/orders.log"]\ndeploys = "{ran.deploys}"\n'
        f'[channels.team]\nkind = "slack"\nchannel = "{CHANNEL}"\ntoken = "file:{folder / "token"}"\nurl = "{base}"\n'
    )
    return file


def test_an_alert_becomes_a_message_with_a_verified_patch(
    patchwright: Patchwright, unfilled: Ran, tmp_path: Path
) -> None:
    """Nobody asks: the operator's file does. The patch applies to what ran; the command names the same run."""
    body, desk = json.dumps(PROMETHEUS).encode(), Patchwright(tmp_path / "desk", patchwright.cache)
    with (
        slack() as (channel, base), postgres.running() as address,
        node(patchwright, address, file := _configuration(tmp_path, unfilled, base), workers=1) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S) as http,
    ):  # fmt: skip
        assert http.post("/v1/alerts/alertmanager", content=body, headers=proof("alertmanager", body)).is_success
        until(lambda: any("Fix forward: " in text for text in channel.shown), lambda: channel.shown)
        (shown,) = channel.shown
        (incident,) = http.get("/v1/incidents").json()["incidents"]
        detail: dict[str, Any] = http.get(f"/v1/incidents/{incident['id']}").json()
        run = detail["patch"]["run"]
        (listed,) = http.get("/v1/diagnoses").json()["runs"]
        note = http.get(f"/v1/incidents/{incident['id']}/note", headers={"Accept": "text/markdown"}).text
        patch = http.get(f"/v1/diagnoses/{run}/patch").text
        again = desk.run("oncall", "patch", incident["id"], database_url=address, oncall=file)
        unknown = desk.run("oncall", "patch", "inc-0", database_url=address, oncall=file)
        assert len(http.get("/v1/diagnoses").json()["runs"]) == 1
    assert (listed["id"], listed["outcome"], incident["stage"]) == (run, "verified_patch", "patched")
    assert f"https://patchwright.example/v1/diagnoses/{run}/patch" in shown
    assert "git revert --no-edit" in shown, "to roll back stays possible"
    assert f"diagnosis {run} has a verified patch" in note
    assert channel.calls.count("chat.postMessage") == 1
    assert channel.wrong == []
    subprocess.run(["git", "clone", "-q", str(unfilled.repo), str(tmp_path / "clone")], check=True)
    subprocess.run(["git", "apply", "-"], cwd=tmp_path / "clone", input=patch.encode(), check=True)
    assert (again.code, f"diagnosis {run} has a verified patch" in again.out) == (0, True), again.text
    assert (unknown.code, "there is no incident inc-0" in unknown.text) == (65, True), unknown.text
