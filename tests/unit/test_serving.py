"""How vLLM is to be started: the command line's word and the files of deploy/vllm/ are the same."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from agent.vllm.serving import Machine, serve_command
from workflows.commands.model import app

FOLDER = Path(__file__).parents[2] / "deploy" / "vllm"
TWO, ONE_SMALL = ["--gpus", "2", "--gpu-memory", "80"], ["--gpus", "1", "--gpu-memory", "24"]


def printed(*options: str) -> list[str]:
    """The command that `patchwright model serve` prints."""
    done = CliRunner().invoke(app, ["serve", *options])
    assert done.exit_code == 0, done.output
    return shlex.split(done.stdout)


def services() -> dict[str, Any]:
    return dict(yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"])


@pytest.mark.parametrize(("service", "options", "cards"), [("qwq", TWO, 2), ("qwq-awq", ONE_SMALL, 1)])
def test_compose_starts_what_model_serve_prints(service: str, options: list[str], cards: int) -> None:
    """The same program, flags and number of cards."""
    found = services()[service]
    assert [*found["entrypoint"], *found["command"]] == printed(*options)
    (device,) = found["deploy"]["resources"]["reservations"]["devices"]
    assert device["count"] == cards
    assert found["ports"] == ["127.0.0.1:8000:8000"]


def test_kubernetes_starts_what_model_serve_prints() -> None:
    """With the cards it wants, a key from a secret, and a service of the same port."""
    documents = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8")))
    kinds = {document["kind"]: document for document in documents}
    (container,) = kinds["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert [*container["command"], *container["args"]] == printed(*TWO)
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 2
    assert container["image"] == services()["qwq"]["image"]
    assert container["env"][0]["valueFrom"]["secretKeyRef"]["name"] == "qwq-key"
    labels = kinds["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert kinds["Service"]["spec"]["selector"].items() <= labels.items()
    assert kinds["Service"]["spec"]["ports"][0]["port"] == container["ports"][0]["containerPort"] == 8000


def test_printed_command_is_the_machine_s() -> None:
    """Quoted for a shell."""
    assert tuple(printed(*TWO)) == serve_command(Machine(2, 80))


def test_run_becomes_the_server(tmp_path: Path) -> None:
    """The program that is found on the path, with the very same arguments."""
    program = tmp_path / "vllm"
    program.write_text('#!/bin/sh\nprintf "%s\\n" vllm "$@"\n', encoding="ascii")
    program.chmod(0o755)
    command = [str(Path(sys.executable).parent / "patchwright"), "model", "serve", "--small", "--run"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}
    )
    assert done.stdout.splitlines() == printed("--small")


def test_run_without_vllm_says_what_to_install(tmp_path: Path) -> None:
    """And ends as other wrong usage does."""
    command = [str(Path(sys.executable).parent / "patchwright"), "model", "serve", "--small", "--run"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env={"PATH": str(tmp_path), "HOME": "/"}
    )
    assert done.returncode not in (0, 1)
    assert "no vllm" in done.stderr
