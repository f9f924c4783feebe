"""What is counted and traced where things go wrong, and what a caller's trace may look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent.domain import Reasoner
from agent.model import Ask, EndpointBusy, Message, Reply
from sandbox.protocol import ExecResult, Imaged, Output, Quota, SandboxGone, Workspace
from tests.fakes.sandbox import FakeSandbox, FakeSandboxes
from tests.service import URL, Site, site
from workflows.service.api.metrics import Metrics
from workflows.service.values import Standing
from workflows.telemetry.figures import Figures
from workflows.telemetry.models import WatchedModel
from workflows.telemetry.sandboxes import watched

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
NOWHERE = Workspace(())


def figures(text: bytes) -> Mapping[str, float]:
    """By name and values of labels, without buckets."""
    families = text_string_to_metric_families(text.decode())
    rows = [one for family in families for one in family.samples if "le" not in one.labels]
    return {" ".join([one.name, *(value for _, value in sorted(one.labels.items()))]): one.value for one in rows}


async def test_commands_are_counted_by_their_end() -> None:
    """Also those of a sandbox that dies; while one is open it is counted as that."""
    counted, fake = Figures(), FakeSandboxes()
    async with watched(fake, counted).open(NOWHERE) as sandbox:
        assert figures(generate_latest(counted.registry))["patchwright_sandboxes_open fake"] == 1
        assert (await sandbox.exec(["true"])).ok
        assert not (await sandbox.exec(["false"])).ok
        assert (await sandbox.exec(["sleep", "9"], quota=Quota(wall_s=0.01))).timed_out
        async with sandbox.spawn(["cat"]) as process:
            await process.write(b"x\n")
            assert await process.read_line(timeout_s=5) == b"x\n"
        died = fake.opened[0]
        assert isinstance(died, FakeSandbox)
        died.die()
        with pytest.raises(SandboxGone):
            await sandbox.exec(["true"])
    counted.ran("fake", ExecResult(None, 9, Output(), Output(), 1.0, cpu_s=0.5, exceeded=("memory",)))
    found = figures(generate_latest(counted.registry))
    by_end = {
        end: found[f"patchwright_sandbox_commands_total fake {end}"]
        for end in ("ok", "exit", "limit", "gone", "stopped")
    }
    assert by_end == {"ok": 1, "exit": 1, "limit": 2, "gone": 1, "stopped": 1}
    assert found["patchwright_sandbox_exceeded_total fake memory"] == 1
    assert found["patchwright_sandbox_exceeded_total fake wall"] == 1
    assert found["patchwright_sandbox_cpu_seconds_total fake"] == 0.5
    assert found["patchwright_sandboxes_open fake"] == 0


def test_a_watched_provider_has_images_only_where_it_had_them() -> None:
    """What is built depends on it."""
    assert not isinstance(watched(FakeSandboxes(), Figures()), Imaged)


class Busy:
    """A model that is overloaded."""

    window = 1000

    async def reply(self, ask: Ask) -> Reply:
        raise EndpointBusy("later")


async def test_errors_of_the_model_are_counted_by_their_type() -> None:
    counted = Figures()
    model = WatchedModel(Busy(), Reasoner(url="http://localhost:1/v1", name="m"), counted)
    with pytest.raises(EndpointBusy):
        await model.reply(Ask(messages=(Message(role="user", text="x"),)))
    assert figures(generate_latest(counted.registry))["patchwright_model_requests_total EndpointBusy"] == 1


def test_a_database_that_is_away_leaves_the_last_figures_of_the_queue() -> None:
    metrics = Metrics()
    metrics.standing(Standing(waiting=3, running=1, oldest_s=7.5))
    metrics.standing(None)
    found = figures(metrics.text())
    assert [found[f"patchwright_{name}"] for name in ("database_up", "queue_waiting", "queue_oldest_seconds")] == [
        0,
        3,
        7.5,
    ]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (PARENT, PARENT), ("", ""), ("00-0-0-01", ""), (PARENT + "\x7f", ""), ("ff" + PARENT[2:], ""),
        ("00-" + "0" * 32 + PARENT[35:], ""), ("00-'; drop table runs; --", ""), ("x" * 5000, ""),
    ],
    ids=range(8),
)  # fmt: skip
async def test_a_callers_trace_is_kept_with_the_run_when_it_is_one(tmp_path: Path, sent: str, kept: str) -> None:
    """Whether or not anybody collects traces here; one that is malformed is nobody's error."""
    place: Site = site(tmp_path)
    async with place.client() as http:
        answer = await http.post("/v1/diagnoses", json={"url": URL}, headers={"traceparent": sent})
    assert answer.status_code == 202, answer.text
    assert place.store.submissions[answer.json()["id"]].trace == kept
