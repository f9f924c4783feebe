"""What operators see of a run through the real service: metrics over HTTP, a trace across processes, its log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from agent.graph import NODES
from tests.acceptance.observed import CALLER, HEADER, KEY, STORY, TRACE, Observed, observe, samples
from tests.acceptance.promql import asked
from tests.collector import Seen
from tests.fakes.model_server import MODEL
from tools.toolbox.using import ALL

DEPLOY = Path(__file__).parents[2] / "deploy" / "service"
pytestmark = pytest.mark.xdist_group("observed")


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Observed:
    return observe(tmp_path_factory.mktemp("observed"), cache)


def test_worker_counts_what_its_run_did(seen: Observed) -> None:
    found = samples(seen.worker)
    assert found["patchwright_runs_total", (("outcome", "verified_patch"), ("state", "finished"))] == 1
    for node in ("prepare", "reproduce", "think", "verify", "explain", "report"):
        assert found["patchwright_node_seconds_count", (("node", node),)] == 1
    engine = ("engine", "bubblewrap")
    assert found["patchwright_sandbox_commands_total", (engine, ("result", "ok"))] > 2
    assert found["patchwright_sandbox_seconds_total", (engine,)] > 0
    assert found["patchwright_sandbox_cpu_seconds_total", (engine,)] > 0
    assert found["patchwright_sandboxes_open", (engine,)] == 0
    assert found["patchwright_runs_working", ()] == 0
    assert found["patchwright_callbacks_total", (("state", "delivered"),)] == 1
    assert found["process_resident_memory_bytes", ()] > 1e6


def test_worker_counts_its_model_and_tools(seen: Observed) -> None:
    """Five replies of 100 and 20 tokens each, 64 of them cached; a tool that the model made up has no name."""
    found = samples(seen.worker)
    assert found["patchwright_model_requests_total", (("result", "ok"),)] == 5
    kinds = {
        kind: found["patchwright_model_tokens_total", (("kind", kind),)] for kind in ("prompt", "completion", "cached")
    }
    assert kinds == {"prompt": 500, "completion": 100, "cached": 320}
    assert found["patchwright_model_first_token_seconds_count", ()] == 5
    assert found["patchwright_tool_calls_total", (("result", "ok"), ("tool", "edit"))] == 1
    assert found["patchwright_tool_calls_total", (("result", "error"), ("tool", "unknown"))] == 1


def test_api_counts_requests_and_knows_the_queue(seen: Observed) -> None:
    found = samples(seen.api)
    submitted = (("method", "POST"), ("route", "/v1/diagnoses"), ("status", "202"))
    assert found["patchwright_http_requests_total", submitted] == 1
    assert found["patchwright_submissions_total", (("answer", "queued"),)] == 1
    assert found["patchwright_database_up", ()] == 1
    assert found["patchwright_queue_waiting", ()] == 0
    assert found["patchwright_queue_oldest_seconds", ()] == 0


def test_labels_have_few_values_known_beforehand(seen: Observed) -> None:
    """No tenant, no run, no path as it was sent."""
    allowed = {
        "node": set(NODES), "tool": {tool.name for tool in ALL} | {"unknown"}, "engine": {"bubblewrap"},
        "kind": {"prompt", "completion", "cached"}, "state": {"finished", "delivered"}, "outcome": {"verified_patch"},
    }  # fmt: skip
    for name, labels in samples(seen.worker):
        for label, value in labels:
            assert label != "tenant"
            assert value in allowed.get(label, {value}), (name, label, value)
    assert seen.run not in seen.worker + seen.api


def test_one_trace_from_the_callers_request_to_the_sandbox(seen: Observed) -> None:
    """Across two processes, each span below the one that caused it."""
    spans = [span for span in seen.spans if span.trace == TRACE]
    by_id = {span.id: span for span in spans}

    def above(span: Seen) -> str:
        return by_id[span.parent].name

    (request,) = (span for span in spans if span.name == "POST /v1/diagnoses")
    (run,) = (span for span in spans if span.name == "run")
    assert (request.parent, run.parent, run.links) == (CALLER, request.id, ())
    assert run.attributes["patchwright.run"] == seen.run
    assert request.attributes["http.response.status_code"] == 202
    nodes = [span for span in spans if span.name.startswith("node ")]
    assert {"node prepare", "node reproduce", "node think", "node verify", "node report"} <= {one.name for one in nodes}
    assert {node.parent for node in nodes} == {run.id}
    chats = [span for span in spans if span.name == f"chat {MODEL}"]
    assert sorted(map(above, chats)) == ["node explain"] + ["node think"] * 4
    tools = {span.name: above(span) for span in spans if span.name.startswith("execute_tool ")}
    assert tools == {f"execute_tool {name}": "node think" for name in ("edit", "unknown", "run_tests")}
    inside = {above(span) for span in spans if span.name in ("sandbox exec", "sandbox spawn")}
    assert {"node reproduce", "node verify", "execute_tool run_tests"} <= inside
    assert {span.service for span in spans} == {"patchwright"}


def test_model_spans_follow_the_conventions_and_hold_no_words(seen: Observed) -> None:
    chat = next(span for span in seen.spans if span.name == f"chat {MODEL}")
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.request.model"] == MODEL
    assert (chat.attributes["gen_ai.usage.input_tokens"], chat.attributes["gen_ai.usage.output_tokens"]) == (100, 20)
    assert chat.attributes["server.address"] == "127.0.0.1"
    refused = next(span for span in seen.spans if span.name == "execute_tool unknown")
    assert (refused.failed, refused.attributes["error.type"]) == (True, "tool_error")
    assert "merged" not in repr(seen.spans)


def test_lines_of_the_log_name_their_run_and_trace(seen: Observed) -> None:
    """API and worker alike; every line is JSON."""
    assert all({"event", "level", "timestamp"} <= line.keys() for line in seen.lines)
    about = [line for line in seen.lines if line.get("trace_id") == TRACE]
    assert {line["run"] for line in about} == {seen.run}
    assert {"answered", "attempt begins", "attempt ends"} == {line["event"] for line in about}
    polled = [line for line in seen.lines if line.get("route") == "/v1/diagnoses/{run}"]
    assert polled
    assert all(line["run"] == seen.run and line["request"] for line in polled)


def test_secrets_and_what_people_wrote_are_nowhere(seen: Observed) -> None:
    """The collector gets its header; no figure, span or line holds it, the model's key, a token or an issue's text."""
    assert {headers["authorization"] for headers in seen.sent} == {HEADER}
    printed = seen.text.replace(f"The first token, shown only now: {seen.token}", "")
    for word in (KEY, HEADER, STORY, seen.token):
        for place in (printed, seen.api, seen.worker, repr(seen.spans)):
            assert word not in place


def expressions() -> dict[str, str]:
    """What the dashboard's panels and the alerts ask for, by their titles."""
    board = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert all(panel["targets"] for panel in panels)
    found = {f"{one['title']} {target['refId']}": target["expr"] for one in panels for target in one["targets"]}
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return found | {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def test_dashboard_and_alerts_ask_for_figures_that_exist(seen: Observed) -> None:
    """And every figure of ours is on the dashboard."""
    families = [*text_string_to_metric_families(seen.api), *text_string_to_metric_families(seen.worker)]
    endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    there = {family.name + ending for family in families for ending in endings.get(family.type, ("",))}
    labels = {label for family in families for one in family.samples for label in one.labels}
    shown = set()
    for title, expression in expressions().items():
        names, grouped = asked(expression)
        assert names, title
        assert names <= there | {"up"}, title
        assert grouped <= labels | {"limit", "job", "instance"}, title
        shown |= names
    ours = {family.name for family in families if family.name.startswith("patchwright_")}
    assert {name for name in ours if not any(one.startswith(name) for one in shown)} == set()
