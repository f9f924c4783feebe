"""Files that deploy the service: they name images, commands, settings and times that are there and fit together."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from workflows.cli import app
from workflows.service.crew import GRACE_S
from workflows.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SERVICE, UNITS = ROOT / "deploy" / "service", ROOT / "deploy" / "systemd"
TAG = f"patchwright:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"
COMPOSE = yaml.safe_load((SERVICE / "compose.yaml").read_text())
# Seconds that a worker may take to end: its drain, and what ends it after that.
ENDING_S = Settings().drain_seconds + GRACE_S


def manifests() -> list[dict[str, Any]]:
    folder = SERVICE / "kubernetes"
    named = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    assert {*named, "kustomization.yaml"} == {path.name for path in folder.iterdir()}
    return [one for name in named for one in yaml.safe_load_all((folder / name).read_text())]


def deployments() -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in manifests() if one["kind"] == "Deployment"
    }


def units() -> dict[str, dict[str, list[str]]]:
    found = {}
    for path in sorted(UNITS.glob("*.service")):
        pairs = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] not in "#["]
        found[path.name] = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    return found


def commands() -> Iterator[list[str]]:
    """Command lines of Patchwright in all of the files."""
    yield from (COMPOSE["services"][name]["command"] for name in ("api", "worker", "oncall"))
    yield from (spec["containers"][0]["args"] for spec in deployments().values())
    yield from (shlex.split(unit["ExecStart"][0])[1:] for unit in units().values())


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_commands_are_what_the_command_line_takes(command: list[str]) -> None:
    """Parsed for real, up to the option that ends it before anything is started."""
    shown = CliRunner().invoke(app, [*command, "--help"])
    assert shown.exit_code == 0, shown.output
    wrong = CliRunner().invoke(app, [*command, "--no-such-option"])
    assert "--no-such-option" in wrong.output
    taken = set(re.findall(r"--[a-z-]+", shown.output))
    assert {word for word in command if word.startswith("--")} <= taken


def test_every_setting_that_is_named_exists() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for path in [*SERVICE.rglob("*"), *UNITS.iterdir()]:
        if path.is_file():
            named = set(re.findall(r"PATCHWRIGHT_[A-Z_]+[A-Z]", path.read_text()))
            assert named <= known, path


def test_images_are_pinned_by_public_names() -> None:
    """Except our own, whose tag is this version."""
    images = {one["image"] for one in COMPOSE["services"].values()}
    assert TAG in images
    images |= {line.split()[1] for line in (SERVICE / "Dockerfile").read_text().splitlines() if line.startswith("FROM")}
    for image in images - {TAG}:
        assert re.fullmatch(r"(?:[a-z]+/)?[a-z]+:v?\d+[\w.-]*", image), image
    (pinned,) = yaml.safe_load((SERVICE / "kubernetes" / "kustomization.yaml").read_text())["images"]
    assert f"{pinned['name']}:{pinned['newTag']}" == TAG


def test_dockerfile_copies_what_exists_and_ends_as_an_ordinary_user() -> None:
    lines = (SERVICE / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert all((ROOT / name).exists() for names in copied for name in names)
    let_in = (SERVICE / "Dockerfile.dockerignore").read_text().split()
    assert (SERVICE / "requirements.lock").read_text().count("opentelemetry-sdk==") == 1
    assert {name for names in copied for name in names} == {line[1:] for line in let_in if line.startswith("!")}
    assert [line for line in lines if line.startswith("USER")] == ["USER 10001:10001"]


def test_workers_get_the_time_that_they_need_to_end() -> None:
    worker = COMPOSE["services"]["worker"]
    assert int(worker["stop_grace_period"].removesuffix("s")) >= ENDING_S
    kustomization = yaml.safe_load((SERVICE / "kubernetes" / "kustomization.yaml").read_text())
    told = dict(pair.split("=", 1) for pair in kustomization["configMapGenerator"][0]["literals"])
    pod = deployments()["patchwright-worker"]
    assert pod["terminationGracePeriodSeconds"] >= float(told["PATCHWRIGHT_DRAIN_SECONDS"]) + GRACE_S
    for unit in units().values():
        assert float(unit["TimeoutStopSec"][0]) >= ENDING_S


def test_only_workers_have_what_bubblewrap_needs() -> None:
    """Nobody has capabilities, or can get more rights than it began with."""
    api, worker = (COMPOSE["services"][name] for name in ("api", "worker"))
    assert api["security_opt"] == ["no-new-privileges:true"]
    assert {"no-new-privileges:true", "systempaths=unconfined"} <= set(worker["security_opt"])
    assert api["cap_drop"] == worker["cap_drop"] == ["ALL"]
    for name, pod in deployments().items():
        context = pod["containers"][0]["securityContext"]
        assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
        assert pod["securityContext"]["runAsNonRoot"]
        assert ("procMount" in context) == (pod.get("hostUsers") is False) == (name == "patchwright-worker")


def test_manifests_fit_together() -> None:
    """Selectors find their pods; volumes, ports and secrets that are used are declared."""
    for one in manifests():
        if one["kind"] != "Deployment":
            continue
        template = one["spec"]["template"]
        assert one["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        (container,) = template["spec"]["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            one["name"] for one in template["spec"]["volumes"]
        }
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        probes = [probe for name, probe in container.items() if name.endswith("Probe")]
        assert {probe["httpGet"]["port"] for probe in probes} <= ports.keys()
        assert template["metadata"]["annotations"]["prometheus.io/port"] == str(ports["metrics"])


def test_compose_mounts_what_exists() -> None:
    for one in COMPOSE["services"].values():
        sources = [volume.split(":")[0] for volume in one.get("volumes", ())]
        assert all(
            (SERVICE / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            for source in sources
        )
        assert set(one["networks"]) <= COMPOSE["networks"].keys()
    (scraped,) = yaml.safe_load((SERVICE / "prometheus.yml").read_text())["scrape_configs"]
    (named,) = scraped["dns_sd_configs"]
    assert set(named["names"]) <= COMPOSE["services"].keys()
    assert str(named["port"]) == COMPOSE["x-patchwright"]["environment"]["PATCHWRIGHT_METRICS_PORT"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Its own checker finds nothing wrong, with the command where it is on this machine."""
    here = str(Path(sys.executable).with_name("patchwright"))
    for path in UNITS.glob("*.service"):
        unit = tmp_path / path.name.replace("@.", "@1.")
        unit.write_text(path.read_text().replace("/opt/patchwright/bin/patchwright", here))
        checked = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_what_a_unit_for_workers_leaves_out_is_what_would_stop_bubblewrap() -> None:
    worker, api = units()["patchwright-worker@.service"], units()["patchwright-api.service"]
    harmful = {"ProtectKernelTunables", "ProtectKernelLogs", "ProtectProc", "ProtectControlGroups", "ProtectHostname"}
    harmful |= {"RestrictNamespaces", "PrivateUsers", "SystemCallFilter"}
    assert not harmful & worker.keys()
    assert harmful <= api.keys()
    assert worker["NoNewPrivileges"] == api["NoNewPrivileges"] == ["yes"]
