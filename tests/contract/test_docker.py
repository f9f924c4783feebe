"""What is particular to Docker: deaths from outside, leftovers, refusals in words, other engines, warm containers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox import places
from sandbox.docker import labels, launching
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.owners import owner
from sandbox.protocol import Mount, Quota, Sandbox, SandboxError, SandboxGone, SandboxUnavailable, Workspace
from tests.engines import docker_image, docker_sandboxes, engine_holds
from tests.waiting import PATIENCE_S, until_async

QUOTA = Quota(wall_s=20.0, memory_bytes=256 << 20, processes=64, disk_bytes=32 << 20)


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    top = tmp_path / "layer"
    (top / "package").mkdir(parents=True)
    (top / "package" / "module.py").write_text("VALUE = 1\n")
    return top


@pytest.fixture
async def sandboxes() -> AsyncIterator[DockerSandboxes]:
    provider = docker_sandboxes()
    yield provider
    await provider.close()
    nothing_is_left()


@pytest.fixture
async def warm() -> AsyncIterator[DockerSandboxes]:
    provider = docker_sandboxes(warm=2)
    yield provider
    await provider.close()
    nothing_is_left()


@pytest.fixture
def api() -> Any:
    client = docker.from_env(version="auto").api
    yield client
    client.close()


def nothing_is_left() -> None:
    assert engine_holds() == []
    assert [path for path in places.home().iterdir() if path.name.startswith(owner())] == []
    assert [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if owner() in line] == []


async def _refusal(sandboxes: DockerSandboxes, workspace: Workspace, *, mounts: tuple[Mount, ...] = ()) -> str:
    with pytest.raises(SandboxError) as caught:
        async with sandboxes.open(workspace, mounts=mounts):
            pass
    return str(caught.value)


async def _container(sandbox: Sandbox, api: Any) -> str:
    """The container behind the only open sandbox."""
    assert (await sandbox.exec(["true"])).ok
    (found,) = api.containers(filters={"label": [f"{labels.OWNER}={owner()}"]})
    return str(found["Id"])


# Deaths


@pytest.mark.parametrize("way", ["kill", "remove", "stop the runner"])
async def test_container_that_dies_in_mid_command_is_gone_at_once(
    sandboxes: DockerSandboxes, layer: Path, api: Any, way: str
) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        name = await _container(sandbox, api)
        task = asyncio.create_task(sandbox.exec(["sleep", "30"]))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        if way == "kill":
            await asyncio.to_thread(api.kill, name)
        elif way == "remove":
            await asyncio.to_thread(api.remove_container, name, force=True)
        else:
            os.kill(api.inspect_container(name)["State"]["Pid"], signal.SIGKILL)
        with pytest.raises(SandboxGone):
            await task
        assert time.monotonic() - began < 25, "the command ended by itself"
        with pytest.raises(SandboxGone):
            await sandbox.exec(["true"])
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        assert (await sandbox.exec(["cat", "package/module.py"])).stdout.text == "VALUE = 1\n"


HOST = """
import asyncio, sys
from pathlib import Path
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.protocol import Workspace

async def main():
    provider = DockerSandboxes(Choices({image!r}, warm=1, run="test"))
    print("up", flush=True)
    while True:
        for workspace in (Workspace((Path({layer!r}),)), Workspace((Path({layer!r}),), Path({upper!r}))):
            async with provider.open(workspace) as sandbox:
                await sandbox.exec(["sh", "-c", "setsid sleep 60 & dd if=/dev/zero of=f bs=1M count=1"])

asyncio.run(main())
"""


async def test_hosts_killed_at_any_point_leave_nothing_that_the_reaper_does_not_find(
    sandboxes: DockerSandboxes, layer: Path, tmp_path: Path
) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    script = tmp_path / "host.py"
    script.write_text(HOST.format(image=docker_image(), layer=str(layer), upper=str(upper)))
    chance = random.Random(20)  # noqa: S311
    rounds = int(os.environ.get("KILLED_HOSTS", "6"))
    for _ in range(rounds):
        host = await asyncio.create_subprocess_exec(
            sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}
        )
        assert host.stdout is not None
        assert await asyncio.wait_for(host.stdout.readline(), PATIENCE_S) == b"up\n"
        await asyncio.sleep(chance.uniform(0.0, 1.5))
        host.kill()
        await host.wait()
    async with asyncio.timeout(PATIENCE_S):
        while engine_holds():
            await sandboxes.reap()
            await asyncio.sleep(0.1)
    await sandboxes.reap()
    places.reap(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"layer", "upper", "host.py"}


async def test_cancelled_start_leaves_nothing(sandboxes: DockerSandboxes, layer: Path) -> None:
    async def start() -> None:
        async with sandboxes.open(Workspace((layer,))) as sandbox:
            await sandbox.exec(["true"])

    for pause in (0.001, 0.03, 0.08, 0.15, 0.25):
        task = asyncio.create_task(start())
        await asyncio.sleep(pause)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await sandboxes.close()  # the last one may have been there already: it is removed behind its caller's back
    assert engine_holds() == []


# Other callers, other engines


ORDINARY = """
import asyncio, os, sys, tempfile
from pathlib import Path
import encodings.idna, http.client, multiprocessing, requests.adapters, docker.transport
from sandbox import places
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.protocol import Mount, Workspace

top = Path({top!r})
tempfile.tempdir = str(top)
if os.geteuid() == 0:
    os.chown(top, 12345, 12345)
    os.setgroups([os.stat("/var/run/docker.sock").st_gid])
    os.setgid(12345)
    os.setuid(12345)

async def main():
    layer, upper, environment = (top / name for name in ("layer", "upper", "environment"))
    for folder in (layer, upper, environment):
        folder.mkdir()
    (layer / "file").write_text("1")
    (layer / "folder").mkdir()
    provider = DockerSandboxes(Choices({image!r}, warm=1))
    for workspace in (Workspace((layer,)), Workspace((layer,)), Workspace((layer,), upper)):
        mount = Mount(environment, "/environment", writable=workspace.upper is not None)
        async with provider.open(workspace, mounts=(mount,)) as sandbox:
            script = "echo 2 > file; rmdir folder; mkdir new; echo x > /environment/x; id -u; cat file"
            print((await sandbox.exec(["sh", "-c", script])).stdout.text.split(), file=sys.stderr)
    await provider.close()
    assert (layer / "file").read_text() == "1"
    assert (environment / "x").stat().st_uid == os.geteuid()
    print(sorted(path.name for path in top.iterdir() if path != places.home()), list(places.home().iterdir()))

asyncio.run(main())
"""


async def test_caller_who_is_not_root_owns_what_is_written_and_can_remove_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    top = tmp_path / "ordinary"
    top.mkdir()
    script = tmp_path / "ordinary.py"
    script.write_text(ORDINARY.format(top=str(top), image=docker_image()))
    for parent in top.parents:
        if parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o011)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    assert out.decode() == "['environment', 'layer', 'upper'] []\n", err.decode()
    nothing_is_left()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for side in (source, target):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)


def _serve(server: socket.socket, context: ssl.SSLContext | None) -> None:
    """Pass each connection on to the engine's socket, until the server is closed."""
    pumps: list[threading.Thread] = []
    with contextlib.ExitStack() as opened:
        with contextlib.suppress(OSError):
            while True:
                client, _ = server.accept()
                if context is not None:
                    client = context.wrap_socket(client, server_side=True)
                engine = socket.socket(socket.AF_UNIX)
                engine.connect("/var/run/docker.sock")
                opened.callback(client.close)
                opened.callback(engine.close)
                pumps += [threading.Thread(target=_forward, args=pair) for pair in ((client, engine), (engine, client))]
                for pump in pumps[-2:]:
                    pump.start()
        for pump in pumps:
            pump.join()


@pytest.mark.parametrize("encrypted", [False, True])
async def test_engine_over_tcp_and_tls_works_as_over_its_socket(layer: Path, tmp_path: Path, encrypted: bool) -> None:
    context, environ = None, {}
    if encrypted:
        for name in ("cert", "key"):
            (tmp_path / f"{name}.pem").touch()
        subprocess.run(  # noqa: ASYNC221
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
            check=True, capture_output=True,
        )  # fmt: skip
        (tmp_path / "ca.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = threading.Thread(target=_serve, args=(server, context))
        serving.start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        provider = DockerSandboxes(Choices(docker_image(), environ={"DOCKER_HOST": address, **environ}))
        try:
            async with provider.open(Workspace((layer,))) as sandbox:
                data = bytes(range(256)) * 4000
                result = await sandbox.exec(["cat"], stdin=data)
                assert result.stdout.head + result.stdout.tail == data
                results = await asyncio.gather(*(sandbox.exec(["echo", str(n)]) for n in range(20)))
                assert [found.stdout.text for found in results] == [f"{n}\n" for n in range(20)]
                await sandbox.close()
                with pytest.raises(SandboxGone):
                    await sandbox.exec(["true"])
        finally:
            await provider.close()
            server.shutdown(socket.SHUT_RDWR)
            await asyncio.to_thread(serving.join)
    nothing_is_left()


# The reaper


async def test_reaper_removes_what_dead_processes_made_and_nothing_else(
    sandboxes: DockerSandboxes, layer: Path, api: Any
) -> None:
    dead = {**labels.labels("run", "sandbox"), labels.OWNER: f"{owner().rsplit('-', 1)[0]}-1"}
    foreign = {**dead, labels.HOST: "another boot", labels.EPOCH: str(int(time.time()))}
    image = docker_image()
    made = {
        name: api.create_container(image, ["true"], labels=marks)["Id"]
        for name, marks in {"dead": dead, "foreign": foreign, "stranger": {"some": "label"}}.items()
    }
    volume = api.create_volume(labels=dead)["Name"]
    network = api.create_network("patchwright-test", labels=dead)["Id"]
    try:
        async with sandboxes.open(Workspace((layer,))) as sandbox:
            assert await sandboxes.reap() == 3
            assert (await sandbox.exec(["true"])).ok
        left = {found["Id"] for found in api.containers(all=True)}
        assert left >= {made["foreign"], made["stranger"]}
        assert made["dead"] not in left
        assert volume not in {found["Name"] for found in api.volumes()["Volumes"] or ()}
        assert network not in {found["Id"] for found in api.networks()}
    finally:
        for name in made.values():
            launching.remove(api, name)


def test_things_of_other_machines_are_left_alone_for_an_hour_and_while_they_run() -> None:
    mine = labels.labels("", "sandbox")
    old = {**mine, labels.HOST: "another", labels.EPOCH: str(int(time.time()) - 7200)}
    assert not labels.dead(mine, running=False)
    assert labels.dead(old, running=False)
    assert not labels.dead(old, running=True)
    assert not labels.dead({labels.OWNER: "somebody"}, running=False)
    assert not labels.dead({}, running=False)


async def test_everything_made_is_labelled(sandboxes: DockerSandboxes, layer: Path, api: Any) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        facts = api.inspect_container(await _container(sandbox, api))
        (volume,) = [mount for mount in facts["Mounts"] if mount["Type"] == "volume"]
        for found in (facts["Config"]["Labels"], api.inspect_volume(volume["Name"])["Labels"]):
            assert found[labels.OWNER] == owner()
            assert found[labels.EPOCH].isdigit()
            assert labels.RUN in found


# Refusals


@pytest.mark.parametrize("place", ["/var/run/docker.sock", "/var/run", "/run/docker.sock", "/"])
async def test_engines_socket_is_never_shown(sandboxes: DockerSandboxes, layer: Path, place: str) -> None:
    message = await _refusal(sandboxes, Workspace((layer,)), mounts=(Mount(Path(place), "/x"),))
    assert "socket" in message


async def test_absent_engine_is_refused_with_what_to_do(layer: Path, tmp_path: Path) -> None:
    for url in (f"unix://{tmp_path}/absent.sock", "tcp://127.0.0.1:9", "nonsense://x", "tcp://"):
        provider = DockerSandboxes(Choices("x", environ={"DOCKER_HOST": url}))
        with pytest.raises(SandboxUnavailable, match="no Docker engine answers"):
            await provider.probe()
        await provider.close()


async def test_unknown_context_and_broken_tls_are_refused_by_name(tmp_path: Path) -> None:
    for environ, message in (
        ({"DOCKER_CONTEXT": "no-such-context"}, "no-such-context"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:9", "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}, "TLS"),
    ):
        provider = DockerSandboxes(Choices("x", environ=environ))
        with pytest.raises(SandboxUnavailable, match=message):
            await provider.probe()
        await provider.close()


async def test_missing_image_is_refused_and_a_pull_that_fails_says_why(layer: Path) -> None:
    for choices, message in (
        (Choices("patchwright-no-such-image:1"), "docker pull patchwright-no-such-image:1"),
        (Choices("127.0.0.1:9/x@sha256:" + "0" * 64, pull=True), "cannot be pulled|could not pull"),
        (Choices(""), "PATCHWRIGHT_IMAGE"),
    ):
        provider = DockerSandboxes(choices)
        with pytest.raises(SandboxUnavailable, match=message):
            async with provider.open(Workspace((layer,))):
                pass
        await provider.close()


async def test_image_without_python_is_refused_by_what_is_missing(layer: Path, api: Any) -> None:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("nothing"))
    api.import_image_from_data(data.getvalue(), repository="patchwright-test-empty", tag="1")
    provider = DockerSandboxes(Choices("patchwright-test-empty:1"))
    try:
        message = await _refusal(provider, Workspace((layer,)))
        assert "python3" in message
        assert "3.8" in message
    finally:
        await provider.close()
        api.remove_image("patchwright-test-empty:1")
    nothing_is_left()


async def test_unknown_runtime_is_refused_by_name(layer: Path) -> None:
    provider = DockerSandboxes(Choices(docker_image(), runtime="no-such-runtime"))
    assert "no-such-runtime" in await _refusal(provider, Workspace((layer,)))
    await provider.close()
    nothing_is_left()


# Limits and walls that the other engines have differently


async def test_volumes_that_an_image_declares_are_bounded_and_its_variables_are_set(layer: Path, api: Any) -> None:
    derived = api.create_container(docker_image(), ["true"])["Id"]
    api.commit(derived, "patchwright-test-volume", "1", changes=["VOLUME /data", "ENV FROM_IMAGE=yes"])
    launching.remove(api, derived)
    provider = DockerSandboxes(Choices("patchwright-test-volume:1"))
    try:
        async with provider.open(Workspace((layer,)), quota=QUOTA) as sandbox:
            filled = await sandbox.exec(["dd", "if=/dev/zero", "of=/data/x", "bs=1M", "count=31"])
            more = await sandbox.exec(["dd", "if=/dev/zero", "of=/data/y", "bs=1M", "count=31"])
            assert (filled.exit_code, more.exit_code) == (0, 1), filled.stderr.text
            assert (await sandbox.exec(["printenv", "FROM_IMAGE"])).stdout.text == "yes\n"
    finally:
        await provider.close()
        api.remove_image("patchwright-test-volume:1")
    nothing_is_left()


async def test_limits_follow_the_commands_that_run(sandboxes: DockerSandboxes, layer: Path, api: Any) -> None:
    """A command that may have more than the sandbox's default gets it, and one that may have less gets less."""
    async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
        name = await _container(sandbox, api)

        def limits() -> tuple[int, int]:
            found = api.inspect_container(name)["HostConfig"]
            return found["PidsLimit"], found["Memory"]

        def limited_to(*wanted: int) -> bool:
            return limits() == wanted

        for processes in (200, 20):
            quota = replace(QUOTA, processes=processes, memory_bytes=512 << 20)
            waits = "until [ -e go ]; do sleep 0.05; done; rm go"
            task = asyncio.create_task(sandbox.exec(["sh", "-c", waits], quota=replace(quota, wall_s=PATIENCE_S)))
            await until_async(partial(limited_to, processes + 8, (512 << 20) + QUOTA.disk_bytes), limits)
            await sandbox.write_file("go", b"")
            assert (await task).ok


async def test_other_containers_and_the_metadata_address_cannot_be_reached(
    sandboxes: DockerSandboxes, layer: Path, api: Any
) -> None:
    serve = "import socket,time; s=socket.create_server(('0.0.0.0', 8000)); time.sleep(60)"
    other = api.create_container(docker_image(), ["python3", "-c", serve])["Id"]
    api.start(other)
    try:
        address = api.inspect_container(other)["NetworkSettings"]["IPAddress"]
        gateway = api.inspect_container(other)["NetworkSettings"]["Gateway"]
        code = f"""
import socket
for address in {[(address, 8000), (gateway, 22), ("169.254.169.254", 80)]!r}:
    try:
        socket.create_connection(address, 1)
        print("reached", address)
    except OSError:
        pass
try:
    socket.getaddrinfo("localhost.localdomain.invalid", 80)
    print("resolved")
except OSError:
    pass
"""
        async with sandboxes.open(Workspace((layer,))) as sandbox:
            result = await sandbox.exec(["python3", "-c", code])
        assert (result.exit_code, result.stdout.text) == (0, ""), result.stderr.text
    finally:
        launching.remove(api, other)


# Warm containers


async def test_warm_containers_share_nothing(warm: DockerSandboxes, layer: Path) -> None:
    script = (
        "cat /tmp/mark /dev/shm/mark /var/tmp/mark package/mark /tmp/home/mark 2>/dev/null; cat package/module.py; "
        "ps 2>/dev/null; for d in /tmp /dev/shm /var/tmp package /tmp/home; do echo leaked > $d/mark; done; "
        "echo 'VALUE = 2' > package/module.py; (setsid sleep 61.75 &)"
    )
    for _ in range(6):
        async with warm.open(Workspace((layer,))) as sandbox:
            result = await sandbox.exec(["sh", "-c", script])
            assert result.stdout.text == "VALUE = 1\n"


async def test_warm_container_sees_a_layer_as_it_is_now(warm: DockerSandboxes, layer: Path) -> None:
    for value in (1, 2, 3):
        (layer / "package" / "module.py").write_text(f"VALUE = {value}\n")
        async with warm.open(Workspace((layer,))) as sandbox:
            assert await sandbox.read_file("package/module.py") == f"VALUE = {value}\n".encode()


async def test_sandbox_from_the_pool_is_there_before_it_is_asked_for(
    warm: DockerSandboxes, layer: Path, api: Any
) -> None:
    def there() -> set[str]:
        return {one["Id"] for one in api.containers(filters={"label": [f"{labels.OWNER}={owner()}"]})}

    async with warm.open(Workspace((layer,))) as sandbox:
        assert (await sandbox.exec(["true"])).ok
    before = await until_async(there)
    async with warm.open(Workspace((layer,))) as sandbox:
        assert (await sandbox.exec(["true"])).ok
    await until_async(lambda: before - there(), there)  # which means that the one in use was one of them
