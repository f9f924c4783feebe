"""Attempts of one run in several workers: one trace, each linked to the one before."""

from __future__ import annotations

import asyncio
import subprocess
import time
from pathlib import Path

from agent.domain import Limits, Request
from tests import postgres
from tests.acceptance.command import Patchwright
from tests.acceptance.observed import CALLER, TRACE, samples, scrape, stopped, traced
from tests.acceptance.repositories import SHOP, repository
from tests.collector import Collector, Seen
from tests.ports import free_ports
from tests.waiting import PATIENCE_S
from workflows.service.store import PostgresStore, open_store
from workflows.service.values import Principal, Submission
from workflows.settings import Settings

ADA = Principal(tenant="ada", token="t1", scopes=frozenset({"submit", "read"}))
LIMITS = Limits(repeats=2, rounds=1, workers=1, wall_s=240, test_s=60, suite_s=60)
SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(0.8)\n"


async def test_attempts_of_two_workers_share_a_trace_and_are_linked(patchwright: Patchwright, tmp_path: Path) -> None:
    """The first one drains in mid-run; the submission's span is above both. Each worker has its own port of figures."""
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_slow.py": SLOW})
    ports = free_ports(2)
    wanted = Submission(request=Request(source=str(repo), limits=LIMITS), trace=f"00-{TRACE}-{CALLER}-01")
    with postgres.running() as address, Collector() as collector:

        def worker(port: int) -> subprocess.Popen[str]:
            return patchwright.start(
                "worker", wrap=traced(collector), database_url=address, drain_seconds=5, metrics_port=port
            )

        async with open_store(address, Settings(home=patchwright.home), poll_s=0.5) as store:
            run, _ = await store.submit(ADA, wanted, key=None, fingerprint="f")
            assert (await store.standing()).waiting == 1
            with stopped(worker(ports)):
                await _until(store, run.id, "reproduce")
                assert (await store.standing()).running == 1
                first = await asyncio.to_thread(scrape, ports)
            with stopped(worker(ports + 1)):
                await _until(store, run.id, "finished")
                second = await asyncio.to_thread(scrape, ports + 1)
        spans = await asyncio.to_thread(collector.wait, lambda found: len(_attempts(found)) == 2)
    one, two = _attempts(spans)
    assert (one.trace, two.trace) == (TRACE, TRACE)
    assert (one.parent, two.parent) == (CALLER, CALLER)
    assert (one.links, two.links) == ((), (one.id,))
    above = {span.parent for span in spans if span.name.startswith("node ")}
    assert above == {one.id, two.id}
    assert samples(first)["patchwright_runs_working", ()] == 1
    assert samples(second)["patchwright_runs_total", (("outcome", "verified_patch"), ("state", "finished"))] == 1


def test_port_of_figures_that_is_taken_is_said(patchwright: Patchwright) -> None:
    with postgres.running() as address:
        refused = patchwright.run("worker", database_url=address, metrics_port=1, metrics_host="192.0.2.1")
    assert refused.code == 74
    assert "cannot listen on 192.0.2.1, port 1 for metrics" in refused.err


async def _until(store: PostgresStore, run: str, what: str) -> None:
    """Wait for an event of that node or kind. Raises AssertionError, with all events, where it does not come."""
    ends = time.monotonic() + 2 * PATIENCE_S
    async with store.watch(run) as watch:
        while True:
            events = await store.events(ADA.tenant, run)
            if any(what in (event.node, event.kind) for event in events):
                return
            assert not any(event.last for event in events), events
            assert time.monotonic() < ends, events
            await watch.wait(2.0)


def _attempts(spans: list[Seen]) -> list[Seen]:
    runs = [span for span in spans if span.name == "run"]
    return sorted(runs, key=lambda span: int(span.attributes["patchwright.attempt"]))
