"""Which engine a run gets, and a pool of things made ahead."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sandbox.docker.engine import find_endpoint
from sandbox.docker.ground import Ground, User
from sandbox.docker.notes import notes
from sandbox.docker.pool import Pool
from sandbox.docker.specification import Overlay, Shape, Specification, check_mounts, container
from sandbox.protocol import Mount, SandboxError, SandboxUnavailable
from tests.waiting import turns, until_async
from workflows.engines import docker_is_likely, engine
from workflows.settings import Settings

SHAPE = Shape("sha256:x", "1000:1000", (), "none", memory_bytes=1 << 30, disk_bytes=1 << 20, processes=50)


def _settings(tmp_path: Path, **values: object) -> Settings:
    return Settings.model_validate({"home": tmp_path, "cache": tmp_path, **values})


# The choice


@pytest.mark.parametrize("kind", ["auto", "bubblewrap"])
async def test_bubblewrap_is_what_a_machine_without_a_named_image_gets(tmp_path: Path, kind: str) -> None:
    async with engine(_settings(tmp_path), kind) as chosen:
        assert (chosen.sandboxes.kind, chosen.note) == ("bubblewrap", "")


async def test_auto_without_an_engine_says_why_it_is_not_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    async with engine(_settings(tmp_path, image="some:image"), "auto") as chosen:
        assert chosen.sandboxes.kind == "bubblewrap"
        assert "no Docker engine answers" in chosen.note


async def test_docker_that_was_asked_for_is_docker_or_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/absent.sock")
    with pytest.raises(SandboxUnavailable, match="no Docker engine answers"):
        async with engine(_settings(tmp_path), "docker"):
            pass


async def test_none_is_taken_at_its_word(tmp_path: Path) -> None:
    async with engine(_settings(tmp_path), "none") as chosen:
        assert chosen.sandboxes.kind == "none"


def test_variables_that_name_an_engine_are_a_sign_of_one() -> None:
    assert docker_is_likely({"DOCKER_HOST": "tcp://x"})
    assert docker_is_likely({"DOCKER_CONTEXT": "x"})


def test_engine_is_where_the_variables_say() -> None:
    assert find_endpoint({"DOCKER_HOST": "tcp://10.0.0.1:2375"}).url == "tcp://10.0.0.1:2375"
    assert find_endpoint({"DOCKER_HOST": "unix:///x/y.sock"}).socket == Path("/x/y.sock")
    with pytest.raises(SandboxUnavailable, match="docker context ls"):
        find_endpoint({"DOCKER_CONTEXT": "no-such-context-anywhere"})


# The container


def test_container_is_walled_in_and_limited() -> None:
    overlay = Overlay((Path("/a"), Path("/b")), Path("/up"), Path("/work"))
    body = container(Specification("name", SHAPE, overlay, {"label": "x"}))
    host = body["HostConfig"]
    assert (host["NetworkMode"], host["ReadonlyRootfs"], host["Privileged"]) == ("none", True, False)
    assert (host["CapDrop"], host["SecurityOpt"]) == (["ALL"], ["no-new-privileges:true"])
    assert host["PidsLimit"] == 58
    assert host["Memory"] == host["MemorySwap"] == (1 << 30) + (1 << 20)
    assert body["User"] == "1000:1000"
    (volume,) = host["Mounts"]
    assert volume["VolumeOptions"]["DriverConfig"]["Options"]["o"].startswith(
        "lowerdir=/a:/b,upperdir=/up,workdir=/work"
    )
    assert volume["VolumeOptions"]["Labels"] == body["Labels"] == {"label": "x"}
    assert "Runtime" not in host


def test_directories_that_lead_to_the_engines_socket_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/var/run")
    for host in (Path("/var/run"), tmp_path / "link", Path("/")):
        with pytest.raises(SandboxError, match="socket"):
            check_mounts((Mount(host, "/x"),), Path("/var/run/docker.sock"))
    check_mounts((Mount(tmp_path, "/x"),), Path("/var/run/docker.sock"))


def test_engine_without_walls_is_reported() -> None:
    from sandbox.docker.images import Image

    found = notes({"SecurityOptions": [], "MemoryLimit": False}, Image("x", "sha256:x"), User(1000, 1000))
    assert any("system call filter" in note for note in found)
    assert any("cannot limit memory" in note for note in found)


# Layers


def test_layer_that_changed_is_another_one(tmp_path: Path) -> None:
    ground = Ground(User(tmp_path.stat().st_uid, tmp_path.stat().st_gid))
    (tmp_path / "file").write_text("1")
    first = ground.lower([tmp_path])
    assert ground.lower([tmp_path]).stamp == first.stamp
    assert first.directories == (tmp_path,)
    (tmp_path / "file").write_text("2")
    assert ground.lower([tmp_path]).stamp != first.stamp


# The pool


@dataclass
class Thing:
    number: int
    made: list[Thing]
    alive: bool = True
    discarded: bool = False

    async def discard(self) -> None:
        self.discarded = True


@dataclass
class Factory:
    made: list[Thing] = field(default_factory=list)
    failing: bool = False

    async def __call__(self) -> Thing:
        await asyncio.sleep(0)
        if self.failing:
            raise SandboxError("no more")
        self.made.append(Thing(len(self.made), self.made))
        return self.made[-1]


async def test_each_thing_is_given_out_once_and_others_are_made_behind() -> None:
    pool, factory = Pool[Thing](2), Factory()
    taken = [await pool.take("key", factory) for _ in range(5)]
    assert len({thing.number for thing in taken}) == 5
    await pool.close()
    assert [thing.discarded for thing in factory.made] == [False] * 5 + [True] * (len(factory.made) - 5)


async def test_another_key_frees_what_was_ready() -> None:
    pool, factory, other = Pool[Thing](2), Factory(), Factory()
    first = await pool.take("key", factory)
    await pool.take("other", other)
    await pool.close()
    assert all(thing.discarded for thing in factory.made if thing is not first)
    assert not first.discarded


async def test_dead_and_failed_things_are_passed_over() -> None:
    pool, factory = Pool[Thing](1), Factory()
    await pool.take("key", factory)
    await until_async(lambda: len(factory.made) == 2, every_s=0)
    await turns()
    factory.made[1].alive = False
    assert (await pool.take("key", factory)).alive
    factory.failing = True
    await pool.take("key", factory)
    await turns()
    with pytest.raises(SandboxError):
        await pool.take("key", factory)
    factory.failing = False
    assert (await pool.take("key", factory)).alive
    await pool.close()


async def test_whoever_is_cancelled_while_waiting_leaves_nothing() -> None:
    pool, factory = Pool[Thing](0), Factory()
    task = asyncio.create_task(pool.take("key", factory))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await pool.close()
    assert all(thing.discarded for thing in factory.made)
