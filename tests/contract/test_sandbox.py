"""What every sandbox promises, the fake included; what needs real processes is asked of the real ones only."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.protocol import Mount, Quota, Sandboxes, SandboxGone, Workspace
from sandbox.unsandboxed import UnsandboxedSandboxes
from tests.engines import docker_sandboxes, engine_holds
from tests.fakes.sandbox import FakeSandboxes
from tests.neighbours import started_by_others
from tests.waiting import PATIENCE_S, until_async
from workflows.telemetry.figures import Figures
from workflows.telemetry.sandboxes import watched

SHORT = Quota(wall_s=120.0, memory_bytes=512 << 20, processes=64, disk_bytes=64 << 20)

_bubblewrap = BubblewrapSandboxes()
_ungrouped = BubblewrapSandboxes(control_groups=False)


@pytest.fixture(params=["fake", "bubblewrap", "bubblewrap without groups", "watched", "docker", "none"])
async def sandboxes(request: pytest.FixtureRequest) -> AsyncIterator[Sandboxes]:
    if request.param == "fake":
        yield FakeSandboxes()
        return
    async with _real(request.param) as found:
        yield found


@pytest.fixture(params=["bubblewrap", "bubblewrap without groups", "docker", "none"])
async def real(request: pytest.FixtureRequest) -> AsyncIterator[Sandboxes]:
    async with _real(request.param) as found:
        yield found


@asynccontextmanager
async def _real(name: str) -> AsyncIterator[Sandboxes]:
    if name == "docker":
        docker = docker_sandboxes()
        yield docker
        await docker.close()
        assert engine_holds() == []
        return
    known: dict[str, Sandboxes] = {
        "bubblewrap": _bubblewrap,
        "bubblewrap without groups": _ungrouped,
        "watched": watched(_bubblewrap, Figures()),
        "none": UnsandboxedSandboxes(),
    }
    yield known[name]


@pytest.fixture
def layer(tmp_path: Path) -> Iterator[Path]:
    """A small tree that must be the same afterwards."""
    top = tmp_path / "layer"
    (top / "package" / "empty").mkdir(parents=True)
    (top / "package" / "module.py").write_text("VALUE = 1\n")
    (top / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (top / "run.sh").chmod(0o755)
    before = _state(top)
    yield top
    assert _state(top) == before


def _state(top: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(top)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(top.rglob("*"))
    }


# Every implementation


@pytest.mark.parametrize(("program", "code"), [("true", 0), ("false", 1)])
async def test_exit_code_is_the_programs(sandboxes: Sandboxes, layer: Path, program: str, code: int) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec([program])
    assert (result.exit_code, result.signal, result.exceeded) == (code, None, ())
    assert result.ok is (code == 0)


async def test_missing_program_is_127_with_a_message(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["no-such-program-anywhere"])
    assert result.exit_code == 127
    assert "no-such-program-anywhere" in result.stderr.text


async def test_stdin_arrives_whole_and_binary_output_returns_unchanged(sandboxes: Sandboxes, layer: Path) -> None:
    data = bytes(range(256)) * 2000
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["cat"], stdin=data)
    assert result.stdout.head + result.stdout.tail == data
    assert result.stdout.dropped == 0


async def test_long_output_keeps_head_and_tail_and_counts_what_was_dropped(sandboxes: Sandboxes, layer: Path) -> None:
    lines = "".join(f"line {number}\n" for number in range(100_000)).encode()
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["cat"], stdin=lines, quota=replace(SHORT, output_bytes=1000))
    out = result.stdout
    assert out.total == len(lines)
    assert (len(out.head), len(out.tail)) == (500, 500)
    assert lines.startswith(out.head)
    assert lines.endswith(out.tail)
    assert f"[... {len(lines) - 1000} bytes dropped ...]" in out.text
    assert result.ok


async def test_output_is_handed_on_while_it_is_kept(sandboxes: Sandboxes, layer: Path) -> None:
    seen: list[tuple[str, bytes]] = []
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["echo", "hello"], on_output=lambda stream, data: seen.append((stream, data)))
    assert b"".join(data for stream, data in seen if stream == "stdout") == b"hello\n"
    assert result.stdout.text == "hello\n"


async def test_commands_start_in_the_workspace_or_where_they_are_told(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        default = await sandbox.exec(["pwd"])
        below = await sandbox.exec(["pwd"], cwd="package")
    assert default.stdout.text.strip() == sandbox.workspace
    assert below.stdout.text.strip() == f"{sandbox.workspace}/package"


async def test_variables_of_sandbox_and_command_are_set_and_the_hosts_are_not(
    sandboxes: Sandboxes, layer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_SECRET", "secret")
    async with sandboxes.open(Workspace((layer,)), env={"ONE": "1", "TWO": "2"}) as sandbox:
        values = [await sandbox.exec(["printenv", name], env={"TWO": "zwei"}) for name in ("ONE", "TWO", "HOST_SECRET")]
    assert [value.stdout.text.strip() for value in values] == ["1", "zwei", ""]


async def test_commands_run_at_the_same_time(sandboxes: Sandboxes, layer: Path) -> None:
    began = time.monotonic()
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        results = await asyncio.gather(*(sandbox.exec(["sleep", "0.4"]) for _ in range(30)))
    assert all(result.ok for result in results)
    assert time.monotonic() - began < 30 * 0.4, "they ran one after the other"


async def test_wall_limit_ends_a_command(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sleep", "60"], quota=replace(SHORT, wall_s=0.2))
    assert result.exceeded == ("wall",)
    assert result.timed_out
    assert not result.ok
    assert 0.2 <= result.wall_s < 30


async def test_cancelling_ends_the_command_and_leaves_the_sandbox_usable(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        task = asyncio.create_task(sandbox.exec(["sleep", "60"]))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await sandbox.exec(["true"])).ok


async def test_spawned_program_answers_line_by_line(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox, sandbox.spawn(["cat"]) as process:
        await process.write(b"one\ntwo\nthr")
        assert await process.read_line(timeout_s=60) == b"one\n"
        assert await process.read_line(timeout_s=60) == b"two\n"
        with pytest.raises(TimeoutError):
            await process.read_line(timeout_s=0.05)
        await process.write(b"ee\n")
        assert await process.read_line(timeout_s=60) == b"three\n"


async def test_killed_program_ends_reads_and_refuses_writes(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox, sandbox.spawn(["cat"]) as process:
        await process.kill()
        await process.kill()
        assert await process.read_line(timeout_s=60) == b""
        assert (await process.wait()).signal == signal.SIGKILL
        with pytest.raises(SandboxGone):
            await process.write(b"more\n")


async def test_files_are_written_with_their_parents_and_read_back(sandboxes: Sandboxes, layer: Path) -> None:
    data = bytes(range(256)) * 5000
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        await sandbox.write_file("new/deep/er.bin", data)
        assert await sandbox.read_file(f"{sandbox.workspace}/new/deep/er.bin") == data
        assert await sandbox.read_file("new/deep/er.bin", max_bytes=1000) == data[:1000]
        assert await sandbox.read_file("package/module.py") == b"VALUE = 1\n"
        assert (await sandbox.exec(["cat", "new/deep/er.bin"])).stdout.total == len(data)


async def test_absent_files_and_directories_are_told_apart(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        with pytest.raises(FileNotFoundError):
            await sandbox.read_file("absent")
        with pytest.raises(IsADirectoryError):
            await sandbox.read_file("package")


async def test_layers_lie_over_each_other_first_on_top(sandboxes: Sandboxes, tmp_path: Path) -> None:
    for name in ("top", "middle", "bottom"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
        (tmp_path / name / "shared").write_text(name)
    layers = tuple(tmp_path / name for name in ("top", "middle", "bottom"))
    async with sandboxes.open(Workspace(layers)) as sandbox:
        found = [await sandbox.read_file(name) for name in ("top", "middle", "bottom", "shared")]
    assert found == [b"top", b"middle", b"bottom", b"top"]


async def test_two_sandboxes_over_one_tree_do_not_see_each_other(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as one, sandboxes.open(Workspace((layer,))) as two:
        await one.write_file("package/module.py", b"VALUE = 2\n")
        await one.write_file("only-here", b"x")
        assert await two.read_file("package/module.py") == b"VALUE = 1\n"
        with pytest.raises(FileNotFoundError):
            await two.read_file("only-here")


async def test_close_can_be_repeated_and_then_everything_raises_gone(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        await sandbox.close()
        await sandbox.close()
        with pytest.raises(SandboxGone):
            await sandbox.exec(["true"])
        with pytest.raises(SandboxGone):
            await sandbox.read_file("package/module.py")
        with pytest.raises(SandboxGone):
            await sandbox.write_file("x", b"")
        with pytest.raises(SandboxGone):
            async with sandbox.spawn(["cat"]):
                pass


async def test_close_ends_commands_in_flight(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        task = asyncio.create_task(sandbox.exec(["sleep", "60"]))
        await asyncio.sleep(0.1)
        await sandbox.close()
        with pytest.raises(SandboxGone):
            await asyncio.wait_for(task, 30)


async def test_probe_names_the_kind(sandboxes: Sandboxes) -> None:
    assert (await sandboxes.probe()).kind == sandboxes.kind


# Real processes


async def test_signal_that_ends_a_command_is_reported_without_an_exit_code(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", "kill -SEGV $$"])
    assert (result.exit_code, result.signal) == (None, signal.SIGSEGV)


async def test_file_that_is_no_program_is_126(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec([f"{sandbox.workspace}/package/module.py"])
        assert (await sandbox.exec(["./run.sh"])).stdout.text == "ran\n"
    assert result.exit_code == 126


async def test_missing_directory_is_127_with_its_name(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["true"], cwd="nowhere")
    assert result.exit_code == 127
    assert "nowhere" in result.stderr.text


async def test_base_survives_writes_deletions_and_modes(real: Sandboxes, layer: Path) -> None:
    script = (
        "echo x >> package/module.py; rm run.sh; chmod 000 package/empty; rm -rf package; mkdir package; ls -A package"
    )
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", script])
    assert (result.exit_code, result.stdout.text, result.stderr.text) == (0, "", "")


@pytest.mark.parametrize(
    "script",
    [
        "sleep 61.25 & sleep 61.25",
        "setsid sleep 61.25 & sleep 61.25",
        "(setsid setsid sleep 61.25 &) ; trap '' TERM INT HUP; while :; do sleep 61.25; done",
        "env -i setsid sh -c 'sleep 61.25 & sleep 61.25 & exit' & sleep 61.25",
    ],
)
async def test_wall_limit_ends_the_whole_tree(real: Sandboxes, layer: Path, script: str) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", script], quota=replace(SHORT, wall_s=0.3))
        assert result.exceeded == ("wall",)
        assert _sleepers() == []


async def test_what_a_command_leaves_running_ends_with_it(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", "setsid sleep 61.25 & (sleep 61.25 &) ; echo done"])
        assert (result.exit_code, result.stdout.text) == (0, "done\n")
        assert result.wall_s < 30
        assert _sleepers() == []


async def test_ending_one_command_leaves_the_others_alone(real: Sandboxes, layer: Path) -> None:
    """Also the daemons of the others, though all orphans have the same parent."""
    async with real.open(Workspace((layer,))) as sandbox, sandbox.spawn(["cat"]) as process:
        script = (
            "setsid sh -c 'echo > up; until [ -e go ]; do sleep 0.05; done; echo alive > daemon' & "
            "until [ -s daemon ]; do sleep 0.05; done; cat daemon"
        )
        slow = asyncio.create_task(sandbox.exec(["sh", "-c", script], quota=replace(SHORT, wall_s=PATIENCE_S)))
        assert (await sandbox.exec(["sh", "-c", "until [ -e up ]; do sleep 0.05; done"])).ok
        await sandbox.exec(["sh", "-c", "setsid sleep 61.25 & (sleep 61.25 &)"])
        await sandbox.exec(["sh", "-c", "setsid sleep 61.25 & sleep 61.25"], quota=replace(SHORT, wall_s=0.1))
        assert _sleepers() == []
        await process.write(b"still here\n")
        assert await process.read_line(timeout_s=60) == b"still here\n"
        await sandbox.write_file("go", b"")
        assert (await slow).stdout.text == "alive\n"


async def test_cancelling_ends_the_whole_tree(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        task = asyncio.create_task(sandbox.exec(["sh", "-c", "setsid sleep 61.25 & sleep 61.25"]))
        await _sleepers_are(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert _sleepers() == []


async def test_leaving_a_spawned_program_ends_its_tree(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        async with sandbox.spawn(["sh", "-c", "setsid sleep 61.25 & cat"]) as process:
            await process.write(b"up\n")
            assert await process.read_line(timeout_s=60) == b"up\n"
            await _sleepers_are(1)
        assert _sleepers() == []


async def test_spawned_program_that_ends_by_itself_says_how(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        async with sandbox.spawn(["sh", "-c", "echo last; printf part; echo oh >&2; exit 3"]) as process:
            assert await process.read_line(timeout_s=60) == b"last\n"
            assert await process.read_line(timeout_s=60) == b"part"
            assert await process.read_line(timeout_s=60) == b""
            result = await process.wait()
        assert (result.exit_code, result.stderr.text) == (3, "oh\n")


async def test_program_that_writes_faster_than_it_is_read_is_held_back(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        async with sandbox.spawn(["yes", "x" * 99]) as process:
            await asyncio.sleep(0.5)
            for _ in range(50_000):
                assert await process.read_line(timeout_s=60) == b"x" * 99 + b"\n"
        result = await process.wait()
    assert result.stdout.total < 50_000 * 100 + (4 << 20)


async def test_program_that_does_not_read_holds_its_writer_back(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox, sandbox.spawn(["sleep", "60"]) as process:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await process.write(bytes(8 << 20))


async def test_many_commands_one_after_the_other_and_at_once(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        for number in range(30):
            assert (await sandbox.exec(["echo", str(number)])).stdout.text == f"{number}\n"
        results = await asyncio.gather(*(sandbox.exec(["sh", "-c", f"echo {n}; exit {n}"]) for n in range(40)))
    assert [(r.exit_code, r.stdout.text) for r in results] == [(n, f"{n}\n") for n in range(40)]


async def test_output_flood_ends_the_command(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["yes"], quota=replace(SHORT, flood_bytes=4 << 20, output_bytes=1 << 16))
    assert result.exceeded == ("output",)
    assert result.stdout.total < 8 << 20
    assert len(result.stdout.head) + len(result.stdout.tail) == 1 << 16


async def test_cpu_limit_ends_a_busy_process(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", "while :; do :; done"], quota=replace(SHORT, cpu_s=1))
    assert result.exceeded == ("cpu",)
    assert result.timed_out
    assert 0.5 < result.cpu_s < 3  # the kernel samples: on a busy machine it ends early


async def test_open_files_are_limited(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(["sh", "-c", "ulimit -n"], quota=replace(SHORT, open_files=77))
    assert result.stdout.text.strip() == "77"


async def test_file_larger_than_the_disk_limit_is_refused(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,)), quota=SHORT) as sandbox:
        result = await sandbox.exec(["head", "-c", "3000000", "/dev/zero"], quota=SHORT)
        assert result.ok
        filler = ["sh", "-c", "head -c 3000000 /dev/zero > big"]
        result = await sandbox.exec(filler, quota=replace(SHORT, disk_bytes=1 << 20))
    assert result.exceeded == ("disk",)


async def test_memory_of_one_process_is_limited(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,)), quota=SHORT) as sandbox:
        result = await sandbox.exec(["sh", "-c", "head -c 400000000 /dev/zero | tail"],
                                    quota=replace(SHORT, memory_bytes=64 << 20))  # fmt: skip
    assert not result.ok
    assert result.stdout.total < 400_000_000


async def test_listener_that_raises_fails_its_own_command_only(real: Sandboxes, layer: Path) -> None:
    def refuse(stream: str, data: bytes) -> None:
        raise ValueError(data)

    async with real.open(Workspace((layer,))) as sandbox:
        with pytest.raises(ValueError, match="hello"):
            await sandbox.exec(["echo", "hello"], on_output=refuse)
        assert (await sandbox.exec(["true"])).ok


@pytest.mark.parametrize("argv", [[], ["a\0b"]])
async def test_commands_that_cannot_be_are_refused(real: Sandboxes, layer: Path, argv: list[str]) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        with pytest.raises(ValueError, match="command"):
            await sandbox.exec(argv)
        assert (await sandbox.exec(["true"])).ok


async def test_pipes_and_devices_in_the_tree_cannot_block_reading_or_writing(real: Sandboxes, layer: Path) -> None:
    async with real.open(Workspace((layer,))) as sandbox:
        await sandbox.exec(["sh", "-c", "mkfifo pipe; ln -s /dev/zero zero; ln -s loop loop"])
        for name in ("pipe", "zero", "loop"):
            with pytest.raises(OSError, match=name):
                await asyncio.wait_for(sandbox.read_file(name), 30)
        for name in ("pipe", "loop"):
            with pytest.raises(OSError, match=name):
                await asyncio.wait_for(sandbox.write_file(name, b"x"), 30)
        assert (await sandbox.exec(["true"])).ok


async def test_mounts_are_seen_at_their_place(real: Sandboxes, layer: Path, tmp_path: Path) -> None:
    host = tmp_path / "tools, é \\ b"
    host.mkdir()
    (host / "tool").write_text("#!/bin/sh\necho tool\n")
    (host / "tool").chmod(0o755)
    async with real.open(Workspace((layer,)), mounts=(Mount(host, "/environment"),)) as sandbox:
        assert (await sandbox.exec(["/environment/tool"])).stdout.text == "tool\n"
        assert (await sandbox.exec(["tool"], env={"PATH": "/environment:/usr/bin:/bin"})).stdout.text == "tool\n"
        assert await sandbox.read_file("/environment/tool") == (host / "tool").read_bytes()


async def test_upper_keeps_what_was_written(real: Sandboxes, layer: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    async with real.open(Workspace((layer,), upper)) as sandbox:
        await sandbox.exec(["sh", "-c", "mkdir built; echo x > built/product; echo changed >> package/module.py"])
    assert (upper / "built" / "product").read_text() == "x\n"
    assert (upper / "package" / "module.py").read_text() == "VALUE = 1\nchanged\n"
    assert {path.name for path in tmp_path.iterdir()} == {"layer", "upper"}
    async with real.open(Workspace((upper, layer))) as sandbox:
        assert (await sandbox.exec(["cat", "built/product", "package/module.py"])).stdout.text.startswith("x\nVALUE")
    async with real.open(Workspace((layer,), upper)) as sandbox:
        assert await sandbox.read_file("built/product") == b"x\n"


async def test_killed_sandbox_is_gone_for_all_calls_at_once(real: Sandboxes, layer: Path) -> None:
    before = _runners()
    async with real.open(Workspace((layer,))) as sandbox:
        tasks = [asyncio.create_task(sandbox.exec(["sleep", "60"])) for _ in range(3)]
        await asyncio.sleep(0.1)
        for pid in _runners() - before:
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert time.monotonic() - began < 30, "they ended by themselves"
        assert [type(result) for result in results] == [SandboxGone] * 3
        with pytest.raises(SandboxGone):
            await sandbox.exec(["true"])


def _commands() -> dict[int, list[bytes]]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found[int(path.parent.name)] = path.read_bytes().split(b"\0")
        except OSError:
            continue
    return found


def _sleepers() -> list[int]:
    """Processes of these tests, however deep in a namespace: they all sleep for the same odd time."""
    found = [pid for pid, words in _commands().items() if b"61.25" in words and words[0] == b"sleep"]
    return [pid for pid in found if not started_by_others(pid)]


async def _sleepers_are(count: int) -> None:
    async with asyncio.timeout(30):  # they would end by themselves later
        await until_async(lambda: len(_sleepers()) == count)


def _runners() -> set[int]:
    """The process at the bottom of every sandbox: the interpreter that was handed the runner."""
    found = {pid for pid, words in _commands().items() if b"-c" in words and any(w.startswith(b"sock=") for w in words)}
    return {pid for pid in found if not started_by_others(pid)}
