"""Seconds from an alert to what people read, while every worker is busy with a diagnosis.

    python -m tests.benchmarks.first_note [ALERTS] [MEGABYTES OF LOG]

A running `patchwright serve` with two workers, all of them at runs whose tests never end. Each alert is about a service
of its own, whose log nobody has read before: `message` is the first post at a Slack-format receiver, `note` the same
post with the probable cause. Ends with 1 when a note took longer than 20 s, the product's figure, or did not name the
culprit.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from agent.domain import Limits, Request
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.incidents.bench import Ran
from tests.incidents.catalogue import HANDED_OVER
from tests.oncall import CHANNEL, TOKEN, Slack, proof, slack, sources
from tests.oncall_node import node, until
from tests.unit.test_triage_alerts import PROMETHEUS
from workflows.service.store import open_store
from workflows.service.values import Principal, Submission
from workflows.settings import Settings

LIMIT_S, PATIENCE_S = 20.0, 300.0
WORKERS = 2
BURNS = (
    "import threading\n\n\ndef test_burns():\n    def burn():\n        while True:\n            pass\n\n"
    "    for _ in range(3):\n        threading.Thread(target=burn, daemon=True).start()\n    burn()\n"
)
ASKER = Principal(tenant="default", token="bench", scopes=frozenset({"submit", "read"}))


def configuration(folder: Path, ran: Ran, base: str, alerts: int, megabytes: int) -> Path:
    """A file that names one service for each alert, with a log of its own of a size."""
    (folder / "token").write_text(TOKEN)
    services = ""
    for number in range(alerts):
        log = folder / f"orders-{number}.log"
        _grown(ran.logs / "orders.log", log, megabytes << 20)
        deploys = folder / f"{number}.jsonl"
        deploys.write_text(ran.deploys.read_text().replace('"orders"', f'"orders-{number}"'))
        services += f'[services.orders-{number}]\nrepository = "{ran.repo}"\nlogs = ["{log}"]\ndeploys = "{deploys}"\n'
    file = folder / "oncall.toml"
    file.write_text(
        f'tell = ["team"]\n{sources(folder)}{services}'
        f'[channels.team]\nkind = "slack"\nchannel = "{CHANNEL}"\ntoken = "file:{folder / "token"}"\nurl = "{base}"\n'
    )
    return file


def _grown(source: Path, target: Path, size: int) -> None:
    """The log after its own first, healthy part again and again, up to a size in bytes."""
    data = source.read_bytes()
    healthy = data[: data.rindex(b"\n", 0, len(data) // 4) + 1]
    with target.open("wb") as file:
        for _ in range(max(0, size - len(data)) // len(healthy)):
            file.write(healthy)
        file.write(data)


async def occupy(command: Patchwright, address: str) -> None:
    """Give every worker a run, wait until their tests burn, and queue more behind."""
    repo = repository(command.folder / "burning", {**SHOP, "tests/test_burns.py": BURNS})
    limits = Limits(repeats=2, rounds=1, workers=1, wall_s=3600, test_s=1800, suite_s=1800)
    wanted = Submission(request=Request(source=str(repo), tests=("tests/test_burns.py",), limits=limits))
    async with open_store(address, Settings(home=command.home)) as store:
        runs = [(await store.submit(ASKER, wanted, key=None, fingerprint="f"))[0] for _ in range(3 * WORKERS)]
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            events = [await store.events(ASKER.tenant, run.id) for run in runs]
            if sum(any(each.node == "reproduce" for each in of_one) for of_one in events) >= WORKERS:
                return
            await asyncio.sleep(0.5)
    raise TimeoutError


def told(url: str, channel: Slack, number: int) -> tuple[float, float]:
    """Post one alert: seconds until it is told, and until its cause is."""
    labels = {"alertname": "ErrorRate", "service": f"orders-{number}"}
    each = {**PROMETHEUS["alerts"][0], "labels": labels, "fingerprint": f"f{number}"}  # type: ignore[index]
    body = json.dumps({**PROMETHEUS, "commonLabels": {}, "alerts": [each]}).encode()
    began = time.monotonic()
    httpx.post(
        f"{url}/v1/alerts/alertmanager", content=body, headers=proof("alertmanager", body), trust_env=False, timeout=60
    ).raise_for_status()

    def shown(text: str) -> bool:
        return any(f"orders-{number}," in each and text in each for each in channel.shown)

    until(lambda: shown(""))
    message = time.monotonic() - began
    until(lambda: shown("Probable cause"))
    return message, time.monotonic() - began


def _spread(seconds: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(seconds), 1), "most": round(max(seconds), 1)}


def main() -> None:
    alerts, megabytes = map(int, [*sys.argv[1:3], *("10", "20")[len(sys.argv) - 1 :]])
    folder = Path(tempfile.mkdtemp(prefix="patchwright-note-"))
    try:
        command = Patchwright(folder / "home", folder / "cache")
        ran = HANDED_OVER.play(folder / "incident")
        with slack() as (channel, base), postgres.running() as address:
            file = configuration(folder, ran, base, alerts, megabytes)
            with node(command, address, file, workers=WORKERS) as url:
                asyncio.run(occupy(command, address))
                load = os.getloadavg()[0]
                took = [told(url, channel, number) for number in range(alerts)]
        named = sum(ran.culprit[:12] in each for each in channel.shown)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    messages, notes = map(list, zip(*took, strict=True))
    found = {
        "alerts": alerts, "megabytes": megabytes, "load": round(load, 1), "message_s": _spread(messages),
        "note_s": _spread(notes), "messages": len(channel.messages), "culprit_named": named,
    }  # fmt: skip
    print(json.dumps(found, indent=2))
    sys.exit(0 if max(notes) <= LIMIT_S and named == len(channel.messages) == alerts else 1)


if __name__ == "__main__":
    main()
