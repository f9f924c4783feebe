"""Files that deploy the service: they name images, commands, settings and times that are there and fit together."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose
from typer.testing import CliRunner

from workflows.cli import app
from workflows.github import setup
from workflows.github.broker import meeting
from workflows.github.broker.app import HOST
from workflows.service.crew import GRACE_S
from workflows.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
SERVICE, UNITS = ROOT / "deploy" / "service", ROOT / "deploy" / "systemd"
TAG = f"patchwright:{tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['version']}"
COMPOSE = yaml.safe_load((SERVICE / "compose.yaml").read_text())
# Seconds that a worker may take to end: its drain, and what ends it after that.
ENDING_S = Settings().drain_seconds + GRACE_S


CLUSTER, BESIDE, DUTY = (SERVICE / name for name in ("kubernetes", "kubernetes-github", "kubernetes-oncall"))
OURS = ("api", "worker", "oncall", "publisher", "bot")
BUBBLING = ("worker", "oncall")  # run what is diagnosed, or git on somebody's repository


def kustomization(folder: Path = CLUSTER) -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return told


def manifests(folder: Path = BESIDE) -> list[dict[str, Any]]:
    """All of a folder, after those of the folder that it builds on."""
    named = kustomization(folder)["resources"]
    files = [name for name in named if (folder / name).is_file()]
    assert {*files, "kustomization.yaml"} == {path.name for path in folder.iterdir()}
    below = [one for name in named if name not in files for one in manifests(folder / name)]
    found = below + [one for name in files for one in yaml.safe_load_all((folder / name).read_text())]
    for patch in kustomization(folder).get("patches", ()):
        (target,) = (
            one for one in found if patch["target"] == {"kind": one["kind"], "name": one["metadata"]["name"]}
        )  # fmt: skip
        for step in yaml.safe_load(patch["patch"]):
            added(target, **step)
    return found


def added(target: Any, *, op: str, path: str, value: Any) -> None:
    """A step of a JSON patch (RFC 6902) that adds to the end of a list, the only one that is used."""
    *names, last = path.split("/")[1:]
    assert (op, last) == ("add", "-")
    for name in names:
        target = target[int(name) if isinstance(target, list) else name]
    target.append(value)


def everything() -> list[dict[str, Any]]:
    """All manifests with those that stand beside the service in either way; the API as it is with those on call."""
    ours = manifests(DUTY)
    known = {(one["kind"], one["metadata"]["name"]) for one in ours}
    return ours + [one for one in manifests() if (one["kind"], one["metadata"]["name"]) not in known]


def deployments() -> dict[str, dict[str, Any]]:
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"] for one in everything() if one["kind"] == "Deployment"
    }


def containers() -> dict[str, dict[str, Any]]:
    return {one["name"]: one for pod in deployments().values() for one in pod["containers"]}


def units() -> dict[str, dict[str, list[str]]]:
    found = {}
    for path in sorted(UNITS.glob("*.service")):
        pairs = [line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] not in "#["]
        found[path.name] = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    return found


def commands() -> Iterator[list[str]]:
    """Command lines of Patchwright in all of the files."""
    yield from (COMPOSE["services"][name]["command"] for name in OURS)
    yield from (one["args"] for one in containers().values())
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
    for folder in (CLUSTER, BESIDE, DUTY):
        (pinned,) = kustomization(folder)["images"]
        assert f"{pinned['name']}:{pinned['newTag']}" == TAG
    assert {one["image"] for one in containers().values()} == {TAG.split(":", maxsplit=1)[0]}


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
    told = dict(pair.split("=", 1) for pair in kustomization()["configMapGenerator"][0]["literals"])
    pod = deployments()["patchwright-worker"]
    assert pod["terminationGracePeriodSeconds"] >= float(told["PATCHWRIGHT_DRAIN_SECONDS"]) + GRACE_S
    for unit in units().values():
        assert float(unit["TimeoutStopSec"][0]) >= ENDING_S


def test_only_workers_have_what_bubblewrap_needs() -> None:
    """Nobody has capabilities, or can get more rights than it began with."""
    for name in OURS:
        service = COMPOSE["services"][name]
        more = {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"} if name in BUBBLING else set()
        assert set(service["security_opt"]) == {"no-new-privileges:true", *more}
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True)
    for name, pod in deployments().items():
        assert pod["securityContext"]["runAsNonRoot"]
        bubbles = name.removeprefix("patchwright-") in BUBBLING
        assert (pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault") is not bubbles
        assert (pod.get("hostUsers") is False) is bubbles
        assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
        for context in (one["securityContext"] for one in pod["containers"]):
            assert (context["allowPrivilegeEscalation"], context["capabilities"]) == (False, {"drop": ["ALL"]})
            assert context["readOnlyRootFilesystem"]
            assert ("procMount" in context) is bubbles


def test_manifests_are_what_kubernetes_takes() -> None:
    """By its own schemas, where a name that it does not know is an error."""
    for folder in (BESIDE, DUTY, ROOT / "deploy" / "vllm"):
        found = (
            manifests(folder)
            if folder in (BESIDE, DUTY)
            else yaml.safe_load_all((folder / "kubernetes.yaml").read_text())
        )
        for one in found:
            kubernetes_validate.validate(one, "1.33", strict=True)
    pod = manifests()[-1]
    pod["spec"]["template"]["spec"]["containers"][0]["arguments"] = []
    with pytest.raises(kubernetes_validate.ValidationError, match="arguments"):
        kubernetes_validate.validate(pod, "1.33", strict=True)


def test_compose_files_are_what_compose_takes() -> None:
    for folder in ("service", "vllm"):
        told = yaml.safe_load((ROOT / "deploy" / folder / "compose.yaml").read_text())
        assert set(PyCompose.from_json(json.dumps(told)).service_names()) == told["services"].keys()
    with pytest.raises(ValueError, match="comand"):
        PyCompose.from_json(json.dumps({"services": {"api": {"image": TAG, "comand": ["serve"]}}}))


def test_manifests_fit_together() -> None:
    """Selectors find their pods; volumes, ports, settings and secrets that are used are declared."""
    folders = (CLUSTER, BESIDE, DUTY)
    generated = {one["name"] for folder in folders for one in kustomization(folder)["configMapGenerator"]}
    claims = {one["metadata"]["name"] for one in everything() if one["kind"] == "PersistentVolumeClaim"}
    for one in everything():
        if one["kind"] != "Deployment":
            continue
        template = one["spec"]["template"]
        assert one["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        mounted = {mount["name"] for each in template["spec"]["containers"] for mount in each["volumeMounts"]}
        assert mounted == {volume["name"] for volume in template["spec"]["volumes"]}
        asked = (volume.get("persistentVolumeClaim") for volume in template["spec"]["volumes"])
        assert {each["claimName"] for each in asked if each} <= claims
        for container in template["spec"]["containers"]:
            assert {source["configMapRef"]["name"] for source in container["envFrom"]} <= generated
            ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
            probes = [probe for name, probe in container.items() if name.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes if "httpGet" in probe} <= ports.keys()
            scraped = template["metadata"].get("annotations", {}).get("prometheus.io/port")
            assert scraped == (str(ports["metrics"]) if ports else None)


def test_those_on_call_and_the_api_read_the_same_file() -> None:
    """Where the setting says that it is, with the secrets where the example looks for them; nobody else has either."""
    (told,) = kustomization(DUTY)["configMapGenerator"]
    (setting,) = told["literals"]
    example = (ROOT / "deploy" / "oncall" / "oncall.yaml").read_text()
    secrets = {name.rpartition("/")[0] for name in re.findall(r'"file:(/[^"]+)"', example)}
    reading = {}
    for name, one in containers().items():
        mounts = {mount["mountPath"]: mount for mount in one["volumeMounts"] if mount["name"].startswith("oncall-")}
        if mounts:
            reading[name] = mounts
            assert {"configMapRef": {"name": told["name"]}} in one["envFrom"]
    assert reading.keys() == {"api", "oncall"}
    assert reading["api"] == reading["oncall"]
    assert f"PATCHWRIGHT_ONCALL={next(path for path in reading['api'] if path not in secrets)}" == setting
    assert secrets <= reading["api"].keys()


def test_compose_mounts_what_exists() -> None:
    for one in COMPOSE["services"].values():
        sources = [volume.split(":")[0] for volume in one.get("volumes", ())]
        assert all(
            (SERVICE / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
            for source in sources
        )
        assert set(one.get("networks", ())) <= COMPOSE["networks"].keys()
        assert ("networks" in one) != ("network_mode" in one)
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


def test_the_key_is_in_the_publishers_hands_alone() -> None:
    """Bot and publisher are on one loopback, with one folder for the note, and nothing else of the publisher's."""
    services = COMPOSE["services"]
    assert {name for name in services if services[name].get("secrets")} == {"publisher"}
    key = services["publisher"]["environment"]["PATCHWRIGHT_GITHUB_KEY_FILE"]
    assert key == f"/run/secrets/{services['publisher']['secrets'][0]}"
    assert set(services["publisher"]["secrets"]) == COMPOSE["secrets"].keys()
    assert services["bot"]["network_mode"] == "service:publisher"

    pod = deployments()["patchwright-github"]
    publisher, bot = containers()["publisher"], containers()["bot"]
    assert pod["containers"] == [publisher, bot]
    assert not pod["shareProcessNamespace"]
    mounts = {
        one["name"]: {each["name"]: each["mountPath"] for each in one["volumeMounts"]} for one in (publisher, bot)
    }
    note = f"{mounts['bot']['home']}/{meeting.FOLDER}"
    assert mounts["bot"]["note"] == mounts["publisher"]["note"] == note
    assert mounts["publisher"].keys() & mounts["bot"].keys() == {"home", "note"}
    (secret,) = (volume for volume in pod["volumes"] if "secret" in volume)
    given = {one["name"]: one.get("value") for one in publisher["env"]}
    assert given["PATCHWRIGHT_GITHUB_KEY_FILE"] == f"{mounts['publisher'][secret['name']]}/{setup.KEY}"
    assert secret["secret"]["items"] == [{"key": setup.KEY, "path": setup.KEY}]
    (hook,) = (one for one in containers()["api"]["env"] if one["name"] == "PATCHWRIGHT_GITHUB_SECRET")
    assert hook["valueFrom"]["secretKeyRef"]["key"] == setup.SECRET

    holder = units()["patchwright-github-publish.service"]
    assert holder["LoadCredential"] == [f"{setup.KEY}:/etc/patchwright-github/{setup.KEY}"]
    assert f"PATCHWRIGHT_GITHUB_KEY_FILE=%d/{setup.KEY}" in holder["Environment"][0]
    for name, unit in units().items():
        if name != "patchwright-github-publish.service":
            assert unit["InaccessiblePaths"] == ["-/run/credentials"]
            assert "LoadCredential" not in unit


def test_the_probe_of_the_publisher_fails_where_it_does_not_answer(tmp_path: Path) -> None:
    """The same lines on this machine: no note, a note of one that answers, a note of one that is gone."""
    *python, lines = containers()["publisher"]["livenessProbe"]["exec"]["command"]
    assert python == ["python", "-c"]
    probe = [sys.executable, "-c", lines.replace("/var/lib/patchwright", str(tmp_path))]
    assert subprocess.run(probe, capture_output=True, check=False).returncode == 1
    with socket.create_server((HOST, 0)) as server:
        meeting.folder_of(tmp_path).mkdir(parents=True)
        meeting.leave(tmp_path, meeting.Meeting(f"http://{HOST}:{server.getsockname()[1]}", "word"))
        assert subprocess.run(probe, capture_output=True, check=False).returncode == 0
    assert subprocess.run(probe, capture_output=True, check=False).returncode == 1
