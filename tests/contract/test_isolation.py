"""What hostile code in an isolating sandbox tries, that it fails, and that this machine is as before afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import bubblewrap, cgroups, places
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker.provider import DockerSandboxes
from sandbox.protocol import (
    ExecResult,
    Mount,
    Quota,
    Sandbox,
    SandboxError,
    Sandboxes,
    SandboxGone,
    SandboxUnavailable,
    Workspace,
)
from tests.engines import docker_sandboxes, engine_holds
from tests.neighbours import named_by_others, started_by_others
from tests.waiting import PATIENCE_S, until_async

QUOTA = Quota(wall_s=60.0, memory_bytes=256 << 20, processes=64, disk_bytes=32 << 20)
PYTHON = str(Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}"))

_grouped = BubblewrapSandboxes()
_ungrouped = BubblewrapSandboxes(control_groups=False)


@functools.lru_cache(maxsize=1)
def _docker() -> DockerSandboxes:
    return docker_sandboxes()


@pytest.fixture(params=["bubblewrap", "bubblewrap without groups", "docker"])
def sandboxes(request: pytest.FixtureRequest) -> Sandboxes:
    if request.param == "docker":
        return _docker()
    return _grouped if request.param == "bubblewrap" else _ungrouped


@pytest.fixture(params=["bubblewrap", "docker"])
def counting(request: pytest.FixtureRequest) -> Sandboxes:
    """Those with a kernel's count of the processes of a whole tree."""
    return _docker() if request.param == "docker" else _grouped


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    top = tmp_path / "layer"
    (top / "package").mkdir(parents=True)
    (top / "package" / "module.py").write_text("VALUE = 1\n")
    return top


@pytest.fixture(autouse=True)
async def nothing_is_left(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """No process, mount, control group, directory, container or volume more than before."""
    places.etc()  # stays, whoever makes it first
    before = _machine()
    yield
    if "docker" in request.node.name:
        await _docker().close()
        assert engine_holds() == []
    await until_async(lambda: not _machine() - before, lambda: _machine() - before)


def _machine() -> set[str]:
    hierarchy = _grouped._find_machine().hierarchy
    found = {str(path) for parent in (hierarchy.parents if hierarchy else ()) for path in parent.glob("patchwright-*")}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            ours = any(word.startswith(b"sock=") for word in words) or b"hostile" in words
            if ours and not started_by_others(int(path.parent.name)):
                found.add(f"process {path.parent.name}")
    found.update(Path("/proc/self/mountinfo").read_text().splitlines())
    return {one for one in found | set(map(str, places.home().iterdir())) if not named_by_others(Path(one).name)}


async def _python(sandbox: Sandbox, code: str, quota: Quota = QUOTA) -> ExecResult:
    return await sandbox.exec([PYTHON, "-I", "-c", code, "hostile"], quota=quota)


async def _usable(sandbox: Sandbox) -> bool:
    return (await sandbox.exec(["echo", "fine"])).stdout.text == "fine\n"


# What is out of reach


async def test_no_socket_of_this_machine_can_be_reached(sandboxes: Sandboxes, layer: Path, tmp_path: Path) -> None:
    with contextlib.ExitStack() as opened:
        tcp = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        abstract = opened.enter_context(socket.socket(socket.AF_UNIX))
        abstract.bind(f"\0patchwright-test-{os.getpid()}")
        abstract.listen()
        named = opened.enter_context(socket.socket(socket.AF_UNIX))
        named.bind(str(tmp_path / "socket"))
        named.listen()
        addresses = [
            tcp.getsockname(),
            f"\0patchwright-test-{os.getpid()}",
            str(tmp_path / "socket"),
            ("192.0.2.1", 80),
        ]
        code = f"""
import socket
for address in {addresses!r}:
    family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
    try:
        socket.socket(family).connect(address)
        print("reached", address)
    except OSError as error:
        pass
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", {udp.getsockname()!r})
except OSError:
    pass
inside = socket.create_server(("127.0.0.1", 0))
socket.create_connection(inside.getsockname()).close()
print("own loopback works")
"""
        async with sandboxes.open(Workspace((layer,))) as sandbox:
            result = await _python(sandbox, code)
        assert result.stdout.text == "own loopback works\n", result.stderr.text
        with pytest.raises(BlockingIOError):
            udp.recv(1)


async def test_home_and_secrets_cannot_be_read(sandboxes: Sandboxes, layer: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    wanted = [str(secret), "/etc/shadow", "/etc/ssl/private", "/var/log", "/root/.ssh", str(Path.home() / ".bashrc")]
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        code = f"import os\nfor p in {wanted!r}:\n print(os.path.exists(p))\nprint(os.environ.get('HOME'))"
        result = await _python(sandbox, code)
        home = await sandbox.exec(["sh", "-c", f"ls -A {Path.home()} /home 2>/dev/null"])
    assert result.stdout.text == "False\n" * len(wanted) + "/tmp/home\n"
    # Of the home directory only what leads to the interpreter, if that is where it lives.
    allowed = (
        {Path(sys.base_prefix).relative_to(Path.home()).parts[0]} if Path.home() in Path(PYTHON).parents else set()
    )
    assert set(home.stdout.text.split()) - {f"{Path.home()}:"} <= allowed


async def test_other_processes_are_neither_seen_nor_killed(sandboxes: Sandboxes, layer: Path) -> None:
    victim = await asyncio.create_subprocess_exec("sleep", "30")
    try:
        async with sandboxes.open(Workspace((layer,))) as sandbox:
            listed = await sandbox.exec(["sh", "-c", "cd /proc; ls -d [0-9]*; cat [0-9]*/cmdline"])
            await _python(sandbox, f"import os\ntry:\n os.kill({victim.pid}, 9)\nexcept OSError: pass")
            await _python(sandbox, "import os; os.kill(-1, 9)")
            assert await _usable(sandbox)
        assert len([line for line in listed.stdout.text.splitlines() if line.isdigit()]) <= 4
        assert victim.returncode is None
    finally:
        victim.kill()
        await victim.wait()


async def test_kernel_settings_cannot_be_written(sandboxes: Sandboxes, layer: Path) -> None:
    """Also not by root of the host, which needs no capability for most of /proc/sys."""
    code = """
import os
for top in ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/sys"):
    for directory, _, names in os.walk(top):
        for name in names:
            path = os.path.join(directory, name)
            try:
                os.close(os.open(path, os.O_WRONLY))
                print("writable", path)
            except OSError:
                pass
for path in ("/proc/sysrq-trigger", "/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg"):
    try:
        with open(path, "rb") as file:
            print("readable", path) if file.read(16) else None
    except OSError:
        pass
"""
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, code)
    assert (result.stdout.text, result.stderr.text) == ("", "")


async def test_privileged_calls_fail(sandboxes: Sandboxes, layer: Path) -> None:
    code = r"""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
tried = {
    "ptrace of the runner": lambda: libc.ptrace(16, 1, 0, 0),
    "mount": lambda: libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    "umount": lambda: libc.umount2(b"/workspace", 2),
    "sethostname": lambda: libc.sethostname(b"x", 1),
    "setuid": lambda: libc.setuid(0),
    "mknod": lambda: os.mknod("/tmp/device", 0o600 | 0o060000, os.makedev(8, 0)),
    "chroot": lambda: os.chroot("/tmp"),
    "new user namespace": lambda: libc.unshare(0x10000000),
    "new mount namespace": lambda: libc.unshare(0x00020000),
    "join a namespace": lambda: libc.setns(os.open("/proc/self/ns/net", os.O_RDONLY), 0),
    "session keyring": lambda: libc.syscall(250 if os.uname().machine == "x86_64" else 219, 0, -3, 0),
    "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "file of the runner": lambda: os.open("/proc/1/fd/3", os.O_RDONLY),
    "memory of the runner": lambda: open("/proc/1/mem", "rb"),
    "environment of the runner": lambda: open("/proc/1/environ", "rb").read(),
    "write to the system": lambda: open("/usr/x", "w"),
    "write to /": lambda: open("/x", "w"),
    "write to /etc": lambda: open("/etc/passwd", "a"),
    "write to /dev": lambda: open("/dev/x", "w"),
}
for name, call in tried.items():
    try:
        if call() != -1:
            print("allowed:", name)
    except OSError:
        pass
for line in open("/proc/self/status"):
    if line.startswith(("Cap", "NoNewPrivs", "Seccomp:")):
        print(*line.split())
"""
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, code)
        hostname = await sandbox.exec(["uname", "-n"])
    assert result.stdout.text.splitlines() == [
        *(f"{name}: {0:016x}" for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")),
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ], result.stderr.text
    assert hostname.stdout.text == "patchwright\n"


async def test_runner_survives_signals_from_inside(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await sandbox.exec(
            ["sh", "-c", "for s in HUP INT TERM STOP KILL CHLD PIPE USR1 SEGV; do kill -$s 1; done"]
        )
        assert result.exit_code == 0
        assert await _usable(sandbox)


async def test_tree_that_forges_its_mark_still_ends(sandboxes: Sandboxes, layer: Path) -> None:
    """The mark that tells whose process it is can only be lowered, to that of no living command or of a later one."""
    code = """
import os, resource, time
for number in range(4):
    if os.fork() == 0:
        os.setsid()
        mark = resource.getrlimit(resource.RLIMIT_MSGQUEUE)[1] - number
        resource.setrlimit(resource.RLIMIT_MSGQUEUE, (mark, mark))
        try:
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (mark + 5, mark + 5))
            print("raised")
        except ValueError:
            pass
        time.sleep(60)
time.sleep(0.3)
"""
    async with sandboxes.open(Workspace((layer,))) as sandbox, sandbox.spawn(["cat"]) as process:
        result = await _python(sandbox, code)
        assert (result.exit_code, result.stdout.text) == (0, "")
        assert _hostile() == []
        await process.write(b"alive\n")
        assert await process.read_line(timeout_s=30) == b"alive\n"


# What is bounded


def _hostile() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_bytes().split(b"\0")
            if b"hostile" in words and not started_by_others(int(path.parent.name)):
                found.append(path.parent.name)
    return found


FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""


async def test_fork_bomb_is_stopped(counting: Sandboxes, layer: Path) -> None:
    """With control groups only: without them root has no limit of processes that holds (Capabilities says so)."""
    async with counting.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, FORK_BOMB)
        assert result.exceeded == ("processes",)
        assert _hostile() == []
        assert await _usable(sandbox)


async def test_threads_count_as_processes(counting: Sandboxes, layer: Path) -> None:
    code = "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=(30,)).start()"
    async with counting.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, code)
        assert not result.ok
        assert result.wall_s < 30, "they ended by themselves"


async def test_memory_of_a_whole_tree_is_bounded(sandboxes: Sandboxes, layer: Path) -> None:
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        data = b"x" * (100 << 20)
        time.sleep(30)
time.sleep(30)
"""
    async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
        result = await _python(sandbox, code)
        assert result.exceeded == ("memory",)
        assert await _usable(sandbox)


async def test_forks_of_a_large_process_that_share_its_memory_are_within_the_limit(
    sandboxes: Sandboxes, layer: Path
) -> None:
    """A fork server's children must not count their parent's pages again."""
    code = """
import os, time
data = b"x" * (60 << 20)
for _ in range(10):
    if os.fork() == 0:
        time.sleep(1)
        os._exit(0)
time.sleep(1.2)
"""
    async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
        assert (await _python(sandbox, code)).exceeded == ()


@pytest.mark.parametrize("where", ["/workspace", "/tmp", "/dev/shm", "/tmp/home"])
async def test_disk_filler_is_stopped(sandboxes: Sandboxes, layer: Path, where: str) -> None:
    code = f"""
n = 0
while True:
    n += 1
    try:
        with open("{where}/fill%d" % n, "wb") as file:
            file.write(bytes(1 << 20))
    except OSError:
        pass
"""
    async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
        result = await _python(sandbox, code)
        assert result.exceeded == ("disk",)
        assert (await sandbox.exec(["sh", "-c", f"sleep 0.4; rm -f {where}/fill*"])).exit_code == 0
        assert await _usable(sandbox)


async def test_writing_to_a_full_sandbox_from_outside_is_an_error(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,)), quota=replace(QUOTA, disk_bytes=1 << 20)) as sandbox:
        with pytest.raises(OSError, match=r"No space left|File too large"):
            await sandbox.write_file("big", bytes(4 << 20))
        assert (await sandbox.exec(["rm", "big"])).exit_code == 0


async def test_filling_an_upper_on_the_hosts_disk_is_stopped(sandboxes: Sandboxes, layer: Path, tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    upper.mkdir()
    code = """
import time
for n in range(400):
    with open("fill%d" % n, "wb") as file:
        file.write(b"x" * (1 << 20))
    time.sleep(0.01)
"""
    async with sandboxes.open(Workspace((layer,), upper), quota=QUOTA) as sandbox:
        result = await _python(sandbox, code)
    assert result.exceeded == ("disk",)
    assert sum(path.stat().st_size for path in upper.iterdir()) < 400 << 20


async def test_flood_of_output_on_both_streams_is_stopped(sandboxes: Sandboxes, layer: Path) -> None:
    code = "import os\nwhile True:\n os.write(1, b'x' * 65536); os.write(2, b'y' * 65536)"
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, code, replace(QUOTA, flood_bytes=8 << 20, output_bytes=1000))
    assert result.exceeded == ("output",)
    assert result.stdout.total + result.stderr.total < 16 << 20


async def test_process_that_ignores_every_signal_and_detaches_is_ended(sandboxes: Sandboxes, layer: Path) -> None:
    code = """
import os, signal, time
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        for fd in range(3):
            os.close(fd)
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        result = await _python(sandbox, code, replace(QUOTA, wall_s=0.5))
        assert result.exceeded == ("wall",)
        assert _hostile() == []
        assert await _usable(sandbox)


async def test_deleting_the_whole_checkout_harms_this_sandbox_only(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        await sandbox.exec(
            ["sh", "-c", "rm -rf /workspace /tmp/* /usr /etc 2>/dev/null; rm -rf / --no-preserve-root 2>/dev/null"]
        )
        assert (await sandbox.exec(["ls", "-A", "/workspace"])).stdout.text == ""
        assert await _usable(sandbox)
    assert (layer / "package" / "module.py").read_text() == "VALUE = 1\n"
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        assert await sandbox.read_file("package/module.py") == b"VALUE = 1\n"


async def test_read_only_mounts_cannot_be_written(sandboxes: Sandboxes, layer: Path, tmp_path: Path) -> None:
    host = tmp_path / "environment"
    host.mkdir()
    (host / "file").write_text("x")
    async with sandboxes.open(Workspace((layer,)), mounts=(Mount(host, "/environment"),)) as sandbox:
        result = await sandbox.exec(["sh", "-c", "echo y > /environment/file; rm -rf /environment/file"])
    assert result.exit_code != 0
    assert (host / "file").read_text() == "x"


# Odd workspaces


async def test_layers_with_odd_names_and_many_of_them(sandboxes: Sandboxes, tmp_path: Path) -> None:
    names = ["a:b", "c,d", "e f", "g\\h", "ü\nx", "-rf", "upperdir=x", *(f"layer{n}" for n in range(90))]
    for name in names:
        (tmp_path / name / "empty").mkdir(parents=True)
        (tmp_path / name / f"in {name}").write_text(name)
    layers = tuple(tmp_path / name for name in names)
    async with sandboxes.open(Workspace((*layers, layers[0]))) as sandbox:
        listed = await sandbox.exec(["sh", "-c", "ls -A | wc -l; rmdir empty && cat 'in a:b' 'in layer89'"])
    assert listed.stdout.text == f"{len(names) + 2}\na:blayer89", listed.stderr.text


async def test_workspaces_that_cannot_be_are_refused_by_name(sandboxes: Sandboxes, layer: Path, tmp_path: Path) -> None:
    many = []
    for number in range(120):
        many.append(tmp_path / f"many{number}")
        many[-1].mkdir()
    refused: list[tuple[Workspace, tuple[Mount, ...], str]] = [
        (Workspace((layer / "absent",)), (), "no directory"),
        (Workspace(tuple(many)), (), "120 layers"),
        (Workspace((layer,)), (Mount(layer, "relative"),), "absolute"),
        (Workspace((layer,)), (Mount(layer, "/a/../b"),), "absolute"),
        (Workspace((layer,)), (Mount(layer / "absent", "/x"),), "does not exist"),
    ]
    for workspace, mounts, message in refused:
        with pytest.raises(SandboxError, match=message):
            async with sandboxes.open(workspace, mounts=mounts):
                pass


async def test_workspace_without_layers_is_empty(sandboxes: Sandboxes) -> None:
    async with sandboxes.open(Workspace(())) as sandbox:
        await sandbox.write_file("x", b"x")
        assert (await sandbox.exec(["ls", "-A"])).stdout.text == "x\n"


# Deaths


async def test_host_that_is_killed_takes_everything_with_it(layer: Path, tmp_path: Path) -> None:
    """Processes at once; control groups and directories with the next `reap`."""
    script = tmp_path / "host.py"
    (tmp_path / "upper").mkdir()
    script.write_text(f"""
import asyncio
from pathlib import Path
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker.provider import DockerSandboxes
from sandbox.protocol import Workspace

async def main():
    workspace = Workspace((Path({str(layer)!r}),), Path({str(tmp_path / "upper")!r}))
    async with BubblewrapSandboxes().open(workspace) as sandbox:
        async with sandbox.spawn(["sh", "-c", "setsid sh -c 'sleep 60' hostile & echo up; sleep 60"]) as process:
            print(await process.read_line(timeout_s=60), flush=True)
            await process.wait()

asyncio.run(main())
""")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_S) == b"b'up\\n'\n"
    async with asyncio.timeout(30):  # it is told of before it has become a program of its own
        await until_async(lambda: len(_hostile()) == 1)
    process.kill()
    await process.wait()
    async with asyncio.timeout(20):  # they would end by themselves later
        await until_async(lambda: not _hostile())
    assert len(list(tmp_path.glob("patchwright-*"))) == 1

    def reaped() -> bool:
        bubblewrap.reap()
        places.reap(tmp_path)
        return not list(tmp_path.glob("patchwright-*"))

    await until_async(reaped, lambda: list(tmp_path.rglob("*")))


@pytest.mark.parametrize("sandboxes", ["bubblewrap", "bubblewrap without groups"], indirect=True)
async def test_bubblewrap_that_is_killed_is_gone_at_once(sandboxes: Sandboxes, layer: Path) -> None:
    async with sandboxes.open(Workspace((layer,))) as sandbox:
        task = asyncio.create_task(sandbox.exec(["sh", "-c", "sleep 30", "hostile"]))
        await until_async(_hostile)
        mine = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        began = time.monotonic()
        for pid in mine:
            if b"bwrap" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(int(pid), signal.SIGKILL)
        with pytest.raises(SandboxGone):
            await task
        assert time.monotonic() - began < 15, "it ended by itself"
        async with asyncio.timeout(10):  # the kernel closes a dying runner's socket before it kills the rest
            while _hostile():  # noqa: ASYNC110
                await asyncio.sleep(0.005)


async def test_machine_without_namespaces_is_told_what_to_do(layer: Path, tmp_path: Path) -> None:
    """Inside a sandbox no further one can be opened, which is what a machine that forbids namespaces looks like."""
    root = Path(bubblewrap.__file__).parent.parent
    packages = [Path(path) for path in sys.path if path.endswith("site-packages")]
    code = f"""
import asyncio, sys
sys.path[:0] = {[str(root), *map(str, packages)]!r}
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.docker.provider import DockerSandboxes
from sandbox.protocol import SandboxUnavailable
try:
    asyncio.run(BubblewrapSandboxes().probe())
except SandboxUnavailable as error:
    print(error)
"""
    mounts = [Mount(path, str(path)) for path in (root / "sandbox", *packages)]
    async with _grouped.open(Workspace((layer,)), mounts=mounts) as sandbox:
        result = await _python(sandbox, code)
    assert "--sandbox docker" in result.stdout.text, result.stderr.text
    assert "user.max_user_namespaces" in result.stdout.text


async def test_failure_to_start_leaves_nothing(layer: Path, tmp_path: Path) -> None:
    """A mount that cannot be made, found out by bubblewrap itself."""
    with pytest.raises(SandboxUnavailable, match="/usr/no/such"):
        async with _grouped.open(Workspace((layer,)), mounts=(Mount(layer, "/usr/no/such/place"),)):
            pass


async def test_cancelled_opening_leaves_nothing(layer: Path) -> None:
    async def open_and_wait() -> None:
        async with _grouped.open(Workspace((layer,))):
            await asyncio.sleep(60)

    for delay in (0.0, 0.002, 0.01, 0.05):
        task = asyncio.create_task(open_and_wait())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


SPINS = """
import os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
began = told = time.monotonic()
while (now := time.monotonic()) < began + float(sys.argv[1]):
    if now > told:
        print(now, time.process_time(), flush=True)
        told = now + 0.1
"""


@contextlib.contextmanager
def _nicer() -> Iterator[None]:
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, usual + 10)
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


async def test_what_a_nice_process_starts_gives_way_to_others(counting: Sandboxes, layer: Path) -> None:
    """Without shares of its own each session of a sandbox has as much of a processor as the session of anybody else."""
    async with contextlib.AsyncExitStack() as opened:
        with _nicer():
            nice = await opened.enter_async_context(counting.open(Workspace((layer,)), quota=QUOTA))
        usual = await opened.enter_async_context(counting.open(Workspace((layer,)), quota=QUOTA))
        others = bytearray()
        beside = asyncio.create_task(
            usual.exec([PYTHON, "-c", SPINS, "50"], on_output=lambda _, data: others.extend(data))
        )
        await until_async(lambda: others)
        ran = _spent((await nice.exec([PYTHON, "-c", SPINS, "2.5"])).stdout.text)
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
    meanwhile = [row for row in _spent(others.decode()) if ran[0][0] <= row[0] <= ran[-1][0]]
    took = [rows[-1][1] - rows[0][1] for rows in (ran, meanwhile)]
    assert took[0] < 0.5 * took[1], took


def _spent(text: str) -> list[tuple[float, float]]:
    """What a spinning process told: (time, its CPU time until then), in seconds."""
    rows = (line.split() for line in text.splitlines() if line.count(" ") == 1)
    return [(float(at), float(cpu)) for at, cpu in rows]


async def test_groups_of_dead_processes_are_reaped_and_those_of_the_living_are_not() -> None:
    hierarchy = cgroups.find()
    if hierarchy is None:
        assert bubblewrap.reap() == 0
        return
    living = cgroups.make(hierarchy)
    namespace = living.name.split("-")[1]
    dead = cgroups.Group(hierarchy, f"patchwright-{namespace}-{os.getpid()}-1-0")
    try:
        for directory in dead.directories:
            directory.mkdir()
        assert bubblewrap.reap() >= 1, "others may have died on this machine, too"
        assert all(directory.is_dir() for directory in living.directories)
        assert not any(directory.exists() for directory in dead.directories)
    finally:
        living.remove()
