"""Images of the real engine: what recipes find in them, which one is taken, and those built from a Dockerfile."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import docker
import pytest

from sandbox.docker import catalogue, labels
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.docker.reaper import reaping
from sandbox.docker.records import Records
from sandbox.environment import Overrides, build
from sandbox.environment_images import recognize
from sandbox.owners import owner
from sandbox.protocol import Blueprint, BuildFailed, Need, SandboxUnavailable, Workspace
from sandbox.recipe import EnvironmentBroken, EnvironmentUnknown
from tests.engines import dead_owner, docker_image, engine_holds, leftover, remove_built
from tests.trees import grow
from tests.waiting import until_async

MINOR = f"3.{sys.version_info.minor}"
BASE = "patchwright-test-base"
TEST = "def test_it():\n    assert True\n"


@pytest.fixture
def api() -> Iterator[Any]:
    client = docker.from_env(version="auto").api
    yield client
    client.close()


@pytest.fixture
def choices(tmp_path: Path, api: Any) -> Iterator[Choices]:
    """No image is named: the base for this Python is there, no other, and none can be pulled."""
    api.tag(docker_image(), BASE, MINOR)
    bases = {"python": f"127.0.0.1:9/{BASE}:{{version}}", "node": f"{BASE}:{MINOR}"}
    api.tag(docker_image(), f"127.0.0.1:9/{BASE}", MINOR)
    environ = dict(os.environ)
    yield Choices(
        "", pull=True, environ=environ, bases=bases, fallback=docker_image(), records=tmp_path / "cache" / "images"
    )
    for name in (f"{BASE}:{MINOR}", f"127.0.0.1:9/{BASE}:{MINOR}"):
        api.remove_image(name)


@pytest.fixture
async def sandboxes(choices: Choices) -> AsyncIterator[DockerSandboxes]:
    provider = DockerSandboxes(choices)
    yield provider
    await provider.close()
    assert engine_holds() == []


@pytest.fixture
def builder(sandboxes: DockerSandboxes, tmp_path: Path) -> Iterator[DockerSandboxes]:
    """The provider; what is built in the test is removed after it."""
    yield sandboxes
    remove_built(tmp_path / "cache")


def containers(api: Any) -> list[str]:
    """Those that are no sandboxes: of builds."""
    return [str(one["Id"]) for one in api.containers(all=True) if labels.OWNER not in one["Labels"]]


def blueprint(top: Path, text: str, **more: Any) -> Blueprint:
    return Blueprint("Dockerfile", context=top, dockerfile=f"FROM {docker_image()}\n{text}", **more)


# What is in an image


async def test_what_an_image_holds_is_looked_up_once(sandboxes: DockerSandboxes, choices: Choices, api: Any) -> None:
    """By its id, on disk: another process does not ask again."""
    system = await sandboxes.system()
    assert system.reference == docker_image()
    assert [version[:2] for _, version in system.pythons] == [sys.version_info[:2]]
    assert {"node"} <= set(system.programs)
    identity = api.inspect_image(docker_image())["Id"]
    assert (system.identity, sandboxes.records.system(identity)) == (identity, system)
    other = DockerSandboxes(choices)
    began = time.time()
    assert await other.system() == system
    asked = {"type": ["container"], "event": ["create"], "label": [f"{labels.OWNER}={owner()}"]}
    assert list(api.events(since=began, until=time.time(), filters=asked)) == []
    await other.close()


async def test_recipe_is_made_from_what_the_image_has(sandboxes: DockerSandboxes, tmp_path: Path) -> None:
    """Its interpreter and Node, and no program of this machine that only lies here, as Go does."""
    python = await recognize(grow(tmp_path / "p", {"test_it.py": TEST}), Overrides(), sandboxes, wall_s=60)
    assert python.interpreter == (await sandboxes.system()).pythons[0][0]
    node = {"package.json": '{"scripts": {"test": "node --test"}}', "a.test.js": ""}
    assert (await recognize(grow(tmp_path / "n", node), Overrides(), sandboxes, wall_s=60)).interpreter == "node"
    go = {"go.mod": "module x\n\ngo 1.20\n", "x_test.go": "package x\n"}
    with pytest.raises(EnvironmentUnknown, match=f"needs `go`, which the image {docker_image()}"):
        await recognize(grow(tmp_path / "g", go), Overrides(), sandboxes, wall_s=60)


async def test_version_that_the_image_lacks_is_refused_by_the_images_name(choices: Choices, tmp_path: Path) -> None:
    sandboxes = DockerSandboxes(replace(choices, image=docker_image()))
    project = '[project]\nname = "x"\nrequires-python = ">=3.99"\n'
    tree = grow(tmp_path / "p", {"pyproject.toml": project, "test_a.py": TEST})
    with pytest.raises(EnvironmentUnknown, match=f"the image {docker_image()} has {MINOR}"):
        await recognize(tree, Overrides(), sandboxes, wall_s=60)
    with pytest.raises(EnvironmentUnknown, match=r"has no Python 3 interpreter at /nowhere/python3\.9"):
        await recognize(tree, Overrides(python="/nowhere/python3.9"), sandboxes, wall_s=60)
    await sandboxes.close()


async def test_image_without_a_python_is_run_with_this_machines(choices: Choices, tmp_path: Path, api: Any) -> None:
    """The runner has one; a repository in Python has not, unless this machine's can be shown."""
    derived = api.create_container(docker_image(), ["sh", "-c", f"rm {sys.base_prefix}/bin/python3*"])["Id"]
    api.start(derived)
    assert api.wait(derived)["StatusCode"] == 0
    api.commit(derived, "patchwright-test-bare", "1", changes=["ENV PATH=/usr/bin:/bin"])
    api.remove_container(derived)
    sandboxes = DockerSandboxes(replace(choices, image="patchwright-test-bare:1", warm=1))
    tree = grow(tmp_path / "n", {"package.json": '{"scripts": {"test": "node --test"}}', "a.test.js": ""})
    try:
        assert (await recognize(tree, Overrides(), sandboxes, wall_s=60)).interpreter == "node"
        assert (await sandboxes.system()).pythons == ()
        for _ in range(2):
            async with sandboxes.open(Workspace((tree,))) as sandbox:
                assert (await sandbox.exec(["node", "--version"])).ok
                assert (await sandbox.exec(["python3", "--version"])).exit_code == 127
        tree = grow(tmp_path / "p", {"test_a.py": TEST})
        assert (await recognize(tree, Overrides(), sandboxes, wall_s=60)).interpreter.startswith("/")
    finally:
        await sandboxes.close()
        api.remove_image("patchwright-test-bare:1", force=True)
    assert engine_holds() == []


# Which image


async def test_base_image_is_that_of_the_version_that_the_repository_asks_for(
    sandboxes: DockerSandboxes, tmp_path: Path
) -> None:
    tree = grow(tmp_path / "p", {".python-version": f"{MINOR}\n", "test_a.py": TEST})
    recipe = await recognize(tree, Overrides(), sandboxes, wall_s=60)
    assert (await sandboxes.image()).reference == f"127.0.0.1:9/{BASE}:{MINOR}"
    assert not [note for note in recipe.notes if "instead" in note]


async def test_image_that_cannot_be_pulled_is_replaced_and_that_is_said(
    sandboxes: DockerSandboxes, tmp_path: Path
) -> None:
    tree = grow(tmp_path / "p", {".python-version": "3.9\n", "test_a.py": TEST})
    recipe = await recognize(tree, Overrides(), sandboxes, wall_s=60)
    assert (await sandboxes.image()).reference == docker_image()
    (note,) = [note for note in recipe.notes if "instead" in note]
    assert f"127.0.0.1:9/{BASE}:3.9" in note
    assert f"{docker_image()} is used instead" in note


async def test_no_image_at_all_is_refused(choices: Choices) -> None:
    sandboxes = DockerSandboxes(replace(choices, fallback="127.0.0.1:9/none:1", pull=False))
    with pytest.raises(SandboxUnavailable, match=re.escape("127.0.0.1:9/none:1")):
        await sandboxes.suit(lambda: Need("python", "3.9"))
    await sandboxes.close()


async def test_image_that_the_user_named_stays(choices: Choices) -> None:
    """Nobody is even asked what would suit."""
    sandboxes = DockerSandboxes(replace(choices, image=docker_image()))
    assert await sandboxes.suit(lambda: pytest.fail("asked")) == ()
    assert (await sandboxes.image()).reference == docker_image()
    await sandboxes.close()


# Dockerfiles


FILES = {
    "tools/answer.py": "ANSWER = 42\n",
    "secret.txt": "canary",
    ".dockerignore": "secret.txt\n",
    "test_it.py": "from answer import ANSWER\n\n\ndef test_it():\n    assert ANSWER == 42\n",
}
TEXT = """
# what the image needs
COPY tools \\
    /opt/tools
RUN --mount=type=cache,target=/root/.cache mkdir -p /opt/more && cp /opt/tools/answer.py /opt/more
RUN test ! -e secret.txt
ENV FROM_BUILD=yes \\
    PYTHONPATH=/opt/more
USER 12345
"""


async def test_dockerfile_is_built_once_for_the_files_that_it_copies(
    builder: DockerSandboxes, choices: Choices, tmp_path: Path
) -> None:
    tree = grow(tmp_path / "p", FILES)
    (note,) = await builder.furnish(blueprint(tree, TEXT), wall_s=120)
    assert note.startswith("built from Dockerfile: ")
    image = await builder.image()
    async with builder.open(Workspace((tree,))) as sandbox:
        seen = await sandbox.exec(["sh", "-c", "echo $FROM_BUILD; cat /opt/more/answer.py; id -u"])
    yes, answer, user = seen.stdout.text.splitlines()
    assert (yes, answer) == ("yes", "ANSWER = 42")
    assert user not in ("0", "12345")
    (log,) = (tmp_path / "cache" / "images").glob("*.log")
    assert "Step" in log.read_text()
    again = DockerSandboxes(choices)
    (tree / "test_it.py").write_text("def test_other():\n    assert True\n")
    (note,) = await again.furnish(blueprint(tree, TEXT), wall_s=120)
    assert "built from Dockerfile before" in note
    assert (await again.image()).identity == image.identity
    (tree / "tools" / "answer.py").write_text("ANSWER = 43\n")
    (note,) = await again.furnish(blueprint(tree, TEXT), wall_s=120)
    assert note.startswith("built from Dockerfile: ")
    assert (await again.image()).identity != image.identity
    await again.close()


async def test_repository_is_tested_in_the_image_that_its_user_asked_for(
    builder: DockerSandboxes, tmp_path: Path
) -> None:
    """Named by the user, with the dependencies that the image has; the build fails where the file is wrong."""
    text = f"FROM {docker_image()}\n{TEXT}"
    tree = grow(tmp_path / "p", {**FILES, "Dockerfile": text})
    recipe = await recognize(tree, Overrides(dockerfile="Dockerfile", install=()), builder, wall_s=120)
    assert "--system-site-packages" in recipe.steps[0].argv
    assert (await builder.system()).furnished
    (tree / "Dockerfile").write_text(f"{text}\nRUN echo the disk is on holiday && exit 3\n")
    with pytest.raises(EnvironmentBroken) as broken:
        await recognize(tree, Overrides(dockerfile="Dockerfile"), builder, wall_s=120)
    assert broken.value.step == "docker build -f Dockerfile"
    assert "the disk is on holiday" in broken.value.output
    assert "returned a non-zero code: 3" in broken.value.output


@pytest.mark.parametrize("way", ["time", "cancel", "kill"])
async def test_build_that_never_ends_is_ended_on_the_engine_too(
    builder: DockerSandboxes, tmp_path: Path, api: Any, way: str
) -> None:
    """When its time is up, when its caller is cancelled, and when this process is killed."""
    before, tree = containers(api), grow(tmp_path / "p", {"a": way})
    plan = blueprint(tree, f"RUN echo {way} && sleep 300\n")
    if way == "kill":
        await _killed(plan, tmp_path, api, before)
    elif way == "time":
        with pytest.raises(BuildFailed, match="did not end within 3 s"):
            await builder.furnish(plan, wall_s=3)
    else:
        task = asyncio.create_task(builder.furnish(plan, wall_s=120))
        await until_async(lambda: len(containers(api)) > len(before))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await until_async(lambda: containers(api) == before)


CHILD = """
import asyncio, os, sys
from pathlib import Path
from sandbox.docker.provider import Choices, DockerSandboxes
from sandbox.protocol import Blueprint
top, text = sys.argv[1:]
provider = DockerSandboxes(Choices("", environ=dict(os.environ), records=Path(top, "records")))
asyncio.run(provider.furnish(Blueprint("Dockerfile", context=Path(top, "p"), dockerfile=text), wall_s=120))
"""


def _child(top: Path, text: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(top), text], cwd=Path(__file__).parents[2])


async def _killed(plan: Blueprint, top: Path, api: Any, before: list[str]) -> None:
    child = _child(top, plan.dockerfile)
    await until_async(lambda: len(containers(api)) > len(before))
    child.send_signal(signal.SIGKILL)
    child.wait()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("COPY absent /x\n", "absent"),
        ("NONSENSE\n", "(?i)nonsense"),
        ("RUN --mount=type=secret,id=x true\n", "BuildKit"),
        ("FROM 127.0.0.1:9/none:1\n", "127.0.0.1:9"),
        ("COPY ../../etc/passwd /x\n", "passwd"),
    ],
)
async def test_dockerfile_that_cannot_be_built_says_why(
    builder: DockerSandboxes, tmp_path: Path, api: Any, text: str, said: str
) -> None:
    before = containers(api)
    with pytest.raises(BuildFailed, match=said):
        await builder.furnish(blueprint(grow(tmp_path / "p", {"a": "b"}), text), wall_s=60)
    assert containers(api) == before


async def test_links_of_a_context_lead_nowhere_on_this_machine(builder: DockerSandboxes, tmp_path: Path) -> None:
    """Neither the ones to files nor those to directories."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("canary-outside")
    tree = grow(tmp_path / "p", {"a": "b"})
    (tree / "file").symlink_to(tmp_path / "outside" / "secret.txt")
    (tree / "directory").symlink_to(tmp_path / "outside")
    os.mkfifo(tree / "pipe")
    await builder.furnish(blueprint(tree, "COPY . /copied/\n"), wall_s=60)
    async with builder.open(Workspace(())) as sandbox:
        found = await sandbox.exec(["sh", "-c", "cd /copied; ls; cat file directory/secret.txt"])
    assert found.stdout.text.split() == ["a", "directory", "file"]
    assert "canary" not in found.stdout.text


# The list of images, and its end


async def test_images_are_listed_by_their_last_use_and_only_ours_are_removed(
    builder: DockerSandboxes, tmp_path: Path, api: Any
) -> None:
    tree = grow(tmp_path / "p", {"a": "b"})
    for number in (1, 2, 3):
        await builder.furnish(blueprint(tree, f"RUN echo {tmp_path.name} {number} > /number\n"), wall_s=60)
        await builder.system()
    await builder.close()  # which sees the last container gone
    engine, records = builder.engine, builder.records
    newest, middle, oldest = await catalogue.images(engine, records)
    assert oldest.used < middle.used < newest.used
    assert (newest.source, newest.size > 0) == ("Dockerfile", True)
    later = newest.used + 60
    os.utime(tmp_path / "cache" / "images" / f"{oldest.identity[7:]}.json", (later, later))
    found = await catalogue.images(engine, records)
    assert [image.identity for image in found] == [image.identity for image in (oldest, newest, middle)]
    assert await catalogue.prune(engine, records, 1, keep_s=3600) == ()
    gone = await catalogue.prune(engine, records, 2 * newest.size + 1, keep_s=0)
    assert [image.identity for image in gone] == [middle.identity]
    assert {image["Id"] for image in api.images()} >= {oldest.identity, newest.identity}
    assert records.system(middle.identity) is None
    assert {path.stem for path in records.folder.glob("*.log")} == {newest.key, oldest.key}
    other = Records(tmp_path / "another" / "images")
    assert await catalogue.prune(engine, other, 0, keep_s=0) == ()
    assert len(await catalogue.prune(engine, records, 0, keep_s=0)) == 1, "the other was used a minute from now"
    assert docker_image() in [name for image in api.images() for name in image["RepoTags"] or ()]


async def test_images_that_others_named_or_built_on_ours_stay(
    builder: DockerSandboxes, tmp_path: Path, api: Any
) -> None:
    """Labels are inherited, and an image may have another name than ours, which then stays."""
    await builder.furnish(blueprint(grow(tmp_path / "p", {"a": "b"}), f"RUN echo {tmp_path} > /name\n"), wall_s=60)
    await builder.close()
    (ours,) = await catalogue.images(builder.engine, builder.records)
    api.tag(ours.name, "acme/kept", "1")
    text = f"FROM {ours.name}\nRUN echo more > /more\n".encode()
    list(api.build(fileobj=io.BytesIO(text), tag="acme/app:1", rm=True))
    try:
        assert [image.name for image in await catalogue.images(builder.engine, builder.records)] == [ours.name]
        gone = await catalogue.prune(builder.engine, builder.records, 0, keep_s=0)
        names = {name for image in api.images() for name in image["RepoTags"] or ()}
        assert [image.name for image in gone] == [ours.name]
        assert {"acme/kept:1", "acme/app:1"} <= names
        assert ours.name not in names
    finally:
        for name in ("acme/app:1", "acme/kept:1"):
            api.remove_image(name)


async def test_image_in_use_is_not_removed(builder: DockerSandboxes, tmp_path: Path) -> None:
    await builder.furnish(blueprint(grow(tmp_path / "p", {"a": "b"}), "RUN echo in use > /number\n"), wall_s=60)
    image = await builder.image()
    async with builder.open(Workspace(())) as sandbox:
        gone = await catalogue.prune(builder.engine, builder.records, 0, keep_s=0)
        assert image.identity not in [one.identity for one in gone]
        assert (await sandbox.exec(["cat", "/number"])).stdout.text == "in use\n"


def test_damaged_record_is_no_record(tmp_path: Path) -> None:
    records = Records(tmp_path)
    identity = f"sha256:{'a' * 64}"
    (tmp_path / f"{'a' * 64}.json").write_text("{")
    assert records.system(identity) is None
    assert records.system("../../etc/passwd") is None


# The reaper of a long-lived process


async def test_reaper_of_a_service_removes_leftovers_while_it_runs(sandboxes: DockerSandboxes, api: Any) -> None:
    """Of a process that is dead, again and again; what lives stays."""
    dead = dead_owner()
    async with reaping(sandboxes, 0.3) as fares, sandboxes.open(Workspace(())) as sandbox:
        await until_async(lambda: fares.rounds)
        for _ in range(2):
            name = leftover(api, dead)
            await until_async(partial(_gone, api, name))
        assert fares.trouble == ""
        assert (await sandbox.exec(["true"])).ok
    rounds = fares.rounds
    await asyncio.sleep(0.5)
    assert fares.rounds == rounds


def _gone(api: Any, name: str) -> bool:
    return name not in [one["Id"] for one in api.containers(all=True)]


async def test_reaper_goes_on_when_the_engine_is_away(tmp_path: Path) -> None:
    provider = DockerSandboxes(Choices("x", environ={"DOCKER_HOST": f"unix://{tmp_path}/absent.sock"}))
    async with reaping(provider, 0.05) as fares:
        await until_async(lambda: fares.rounds > 2)
        assert "no Docker engine answers" in fares.trouble
    await provider.close()


async def test_environment_of_an_image_is_built_and_kept_by_the_images_id(
    sandboxes: DockerSandboxes, tmp_path: Path
) -> None:
    tree = grow(tmp_path / "p", {"package.json": '{"scripts": {"test": "node --test"}}', "a.test.js": ""})
    recipe = await recognize(tree, Overrides(), sandboxes, wall_s=60)
    environment = await build(recipe, tree, sandboxes=sandboxes, cache=tmp_path / "cache")
    async with sandboxes.open(environment.workspace(tree), env=dict(environment.env)) as sandbox:
        assert (await sandbox.exec(["node", "--version"])).ok
