"""A real `patchwright serve` that took one run with a model to its end, and all that operators see of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository
from tests.acceptance.test_reasoner import ANSWER, NEW, OLD, TESTS, WRONG, explained
from tests.collector import Collector, Seen
from tests.fakes.model_server import MODEL, ModelServer, call, said
from tests.ports import free_ports
from tests.unit.test_callbacks import receiving
from tests.waiting import PATIENCE_S, until
from workflows.packing import pack

KEY = "canary-model-key-1f"
HEADER = "canary-collector-2f"
STORY = "canary-issue-text-3f"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ENDED = ("finished", "failed", "cancelled", "timed_out")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True)
class Observed:
    """run: its id; api, workers: their figures in Prometheus' text; spans; lines: of the log; text: the same as it was
    printed; sent: headers that the collector got; token: the first one.
    """

    run: str
    api: str
    worker: str
    spans: list[Seen]
    lines: list[dict[str, Any]]
    text: str
    sent: list[Any]
    token: str


def samples(text: str) -> Samples:
    """Figures by name and labels."""
    families = text_string_to_metric_families(text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def traced(collector: Collector) -> tuple[str, ...]:
    """What a command line begins with whose traces the collector gets."""
    named = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={HEADER}",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }  # fmt: skip
    return ("env", *(f"{name}={value}" for name, value in named.items()))


def scrape(port: int) -> str:
    """Figures from a port, as soon as somebody answers there."""
    answer = until(lambda: _scraped(port), lambda: f"nobody answers at port {port}")
    assert answer.status_code == 200
    return answer.text


def _scraped(port: int) -> httpx.Response | None:
    with contextlib.suppress(httpx.ConnectError):
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S)
    return None


@contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """End a process with the context; yields what will be its two outputs."""
    outputs: list[str] = []
    try:
        yield outputs
    finally:
        process.terminate()
        outputs += process.communicate(timeout=PATIENCE_S)
        sys.stderr.write("\n".join(outputs))  # shown where the test fails


def observe(folder: Path, cache: Path) -> Observed:
    """Run it."""
    patchwright = Patchwright(folder / "service", cache)
    repo = repository(folder / "spans", {"spans.py": WRONG, "tests/test_spans.py": TESTS, "conftest.py": ""})
    script = (
        call("edit", path="spans.py", old=OLD, new=NEW), call("conjure", what="a patch"), call("run_tests", tests=[]),
        said(ANSWER), lambda request: said(explained(request)),
    )  # fmt: skip
    port, figures = free_ports(1), free_ports(2)
    with (
        postgres.running() as address,
        ModelServer(*script, key=KEY) as model,
        Collector() as collector,
        receiving(200) as (_, heard),
    ):
        settings = {
            "database_url": address, "model_url": model.url, "model_name": MODEL, "model_key": KEY, "model_samples": 1,
            "candidates": 20, "repeats": 2, "metrics_port": figures, "private_hosts": True,
        }  # fmt: skip
        serving = patchwright.start("serve", "--port", str(port), "--workers", "1", wrap=traced(collector), **settings)
        with stopped(serving) as outputs:
            assert serving.stdout is not None
            token = serving.stdout.readline().rsplit(" ", 1)[1].strip()
            run = _diagnosed(port, token, repo, f"http://127.0.0.1:{heard}/")
            _until_called_back(figures + 1)
            api, worker = scrape(figures), scrape(figures + 1)
        spans = collector.wait(lambda found: any(span.name == "run" for span in found))
        sent = list(collector.headers)
    lines = [json.loads(line) for line in outputs[1].splitlines()]
    return Observed(run, api, worker, spans, lines, "".join(outputs), sent, token)


def _until_called_back(port: int) -> None:
    until(lambda: "patchwright_callbacks_total{" in scrape(port), lambda: scrape(port))


def _diagnosed(port: int, token: str, repo: Path, callback: str) -> str:
    archive = BytesIO()
    pack(repo, archive)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=PATIENCE_S) as client:
        asked = client.post(
            "/v1/diagnoses", files={"archive": ("spans.tgz", archive.getvalue())},
            data={"request": json.dumps({"issue": f"Spans are wrong. {STORY}", "callback": callback})},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )  # fmt: skip
        assert asked.status_code == 202, asked.text
        run = str(asked.json()["id"])
        now = _ended(client, run)
        assert (now["state"], now["outcome"]) == ("finished", "verified_patch"), now
        client.post(f"/v1/diagnoses/{run}/feedback", json={"verdict": "nonsense"})
    return run


def _ended(client: httpx.Client, run: str) -> dict[str, Any]:
    """The run, once it has ended."""
    known: dict[str, Any] = {}

    def ended() -> bool:
        known.update(client.get(f"/v1/diagnoses/{run}").json())
        return known["state"] in ENDED

    until(ended, lambda: known)
    return known
