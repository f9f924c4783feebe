"""Lines of the service's log, whoever writes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from workflows.settings import Settings

PROGRAM = """
import logging, sys, warnings
import structlog
from workflows.service.log import configure
configure({"hunter2-of-ada"})
with structlog.contextvars.bound_contextvars(run="r1"):
    structlog.get_logger().info("ours", why="the password is hunter2-of-ada", at=["https://ada:pw@host/x", {"n": 1}])
    logging.getLogger("uvicorn.error").error("theirs: %s", "hunter2-of-ada")
    try:
        raise ValueError("Authorization: Bearer hunter2-of-ada")
    except ValueError:
        logging.getLogger("procrastinate.worker").exception("broke off")
    warnings.warn("deprecated: hunter2-of-ada", stacklevel=1)
logging.getLogger("procrastinate.worker").error("lost", extra={"job": {"id": 1, "task_kwargs": {"run": "r2"}}})
"""


def lines(program: str) -> list[dict[str, Any]]:
    """What a process logs that runs this."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not done.stdout
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_every_line_is_json_names_its_run_and_holds_no_secret() -> None:
    """Ours, libraries', tracebacks and warnings; a line of the queue names the run of its job."""
    found = lines(PROGRAM)
    assert [line.get("run") for line in found] == ["r1", "r1", "r1", "r1", "r2"]
    assert all({"event", "level", "timestamp"} <= line.keys() for line in found)
    assert found[0]["at"] == ["https://***@host/x", {"n": 1}]
    assert "ValueError" in found[2]["exception"]
    assert "hunter2" not in json.dumps(found)
    assert found[1]["event"] == "theirs: ***"


def test_settings_tell_what_is_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also the password within an address, as it is and as it is written there, and headers for a collector."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=collector%20word,x=abc")
    settings = Settings(
        model_key=SecretStr("key-of-model"), token_file=tmp_path / "token",
        database_url=SecretStr("postgresql://ada:p%40ssword@db/x"),
    )  # fmt: skip
    (tmp_path / "token").write_text("token-in-file\n")
    assert {"key-of-model", "p@ssword", "collector word", "token-in-file"} <= settings.secrets
    assert "abc" not in settings.secrets, "too short to be blotted out everywhere"


def test_traces_without_the_libraries_that_send_them_are_refused() -> None:
    """With what to install; without a collector nothing is asked for."""
    program = (
        "import sys; sys.modules['opentelemetry.sdk.trace'] = None\n"
        "from workflows.telemetry.tracing import sent\n"
        "with sent({}, '1'): print('not asked')\n"
        "with sent({'OTEL_EXPORTER_OTLP_ENDPOINT': 'http://localhost:4318'}, '1'): print('sent')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "not asked\n")
    assert "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces" in done.stderr
    assert "pip install 'patchwright[otel]'" in done.stderr
