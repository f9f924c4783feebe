"""What a container is made from, and the engine's words for it, as pure functions.

Inside: the image's own file system, read-only; /workspace, an overlay over the layers; /tmp, /var/tmp and /dev/shm in
memory, each of bounded size. One user without any capability, no network unless asked for, no new privileges, the
engine's default system call filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import bundle
from sandbox.bubblewrap_args import HOME, HOSTNAME
from sandbox.cgroups import SHARES, weight
from sandbox.protocol import WORKSPACE, Mount, SandboxError

OWN = "python3"  # what starts the runner: the image's own, by its PATH
OWN_PROCESSES = 8  # of the sandbox itself: the runner, and some room
MEMORY_PLACES = ("/tmp", "/var/tmp")  # noqa: S108 - inside; /dev/shm is the engine's own
DISKS = (*MEMORY_PLACES, "/dev/shm")  # noqa: S108 - inside
_COUNTERS = (
    ("anon", "/sys/fs/cgroup/memory.stat", "anon"),
    ("oom", "/sys/fs/cgroup/memory.events", "oom_kill"),
    ("forks", "/sys/fs/cgroup/pids.events", "max"),
    ("anon", "/sys/fs/cgroup/memory/memory.stat", "total_rss"),
    ("oom", "/sys/fs/cgroup/memory/memory.oom_control", "oom_kill"),
    ("forks", "/sys/fs/cgroup/pids/pids.events", "max"),
)


@dataclass(frozen=True, slots=True)
class Overlay:
    """/workspace as the engine mounts it: directories of this machine, the first lower one on top.

    unprivileged: the engine is no root, and may not keep the overlay's marks where root keeps them.
    """

    lower: tuple[Path, ...]
    upper: Path
    work: Path
    unprivileged: bool = False

    @property
    def options(self) -> str:
        """The overlay's option string; the paths must have no colon, comma or backslash in them."""
        lower = ":".join(map(str, self.lower))
        more = ",userxattr" if self.unprivileged else ""
        return f"lowerdir={lower},upperdir={self.upper},workdir={self.work},nosuid,nodev{more}"


@dataclass(frozen=True, slots=True)
class Shape:
    """All that tells one container from another before anything runs in it.

    image: its id; user: "UID:GID"; network: of the engine, or "none"; users: "host" for an engine that would give the
    container others; cpus: how many at most, 0 for all; runtime: of the engine, "" for its default; volumes: that the
    image declares, which get memory instead; python: what starts the runner; niceness: of the process that asks, which
    the engine would not know of.
    """

    image: str
    user: str
    mounts: tuple[Mount, ...]
    network: str
    memory_bytes: int
    disk_bytes: int
    processes: int
    users: str = ""
    cpus: float = 0.0
    runtime: str = ""
    volumes: tuple[str, ...] = ()
    python: str = OWN
    niceness: int = 0


@dataclass(frozen=True, slots=True)
class Specification:
    """One container to be made."""

    name: str
    shape: Shape
    overlay: Overlay
    labels: Mapping[str, str]

    @property
    def memory_bytes(self) -> int:
        """What is written to memory-backed places counts as memory too."""
        return self.shape.memory_bytes + self.shape.disk_bytes


def check_mounts(mounts: Sequence[Mount], socket: Path | None) -> None:
    """Refuse to show the engine's socket, which is as good as root of this machine. Raises SandboxError."""
    guarded = {socket.resolve(), Path("/var/run/docker.sock").resolve()} if socket else set()
    for mount in mounts:
        real = mount.host.resolve()
        if any(place.is_relative_to(real) for place in guarded):
            raise SandboxError(f"a mount that shows the Docker engine's socket: {mount.host}")


def container(specification: Specification) -> dict[str, Any]:
    """The body of the engine's call that creates the container."""
    shape = specification.shape
    return {
        "Image": shape.image,
        "User": shape.user,
        "Hostname": HOSTNAME,
        "WorkingDir": "/",
        "Entrypoint": [shape.python, "-I", "-S", "-E", "-B", "-c", bundle.STREAM_BOOT],
        "Cmd": _arguments(),
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "OpenStdin": True,
        "StdinOnce": True,
        "Tty": False,
        "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["NONE"]},
        "Labels": dict(specification.labels),
        "HostConfig": _limits(specification) | _walls(shape) | {"Mounts": _mounts(specification)},
    }


def _arguments() -> list[str]:
    """Facts for the runner. The last, sock=3, is what the boot code makes of stdin."""
    watches = [f"watch={name}:{path}:{key}" for name, path, key in _COUNTERS]
    return [f"make={HOME}", f"disk={':'.join(DISKS)}", "user=shared", *watches, "sock=3", "out=4"]


def _limits(specification: Specification) -> dict[str, Any]:
    shape = specification.shape
    size = shape.disk_bytes
    places = (*MEMORY_PLACES, *shape.volumes)
    return {
        "Memory": specification.memory_bytes,
        "MemorySwap": specification.memory_bytes,
        "PidsLimit": shape.processes + OWN_PROCESSES,
        "NanoCpus": int(shape.cpus * 1e9),
        "CpuShares": max(2, weight(SHARES, shape.niceness)),
        "ShmSize": size,
        "Tmpfs": dict.fromkeys(places, f"rw,exec,nosuid,nodev,mode=1777,size={size}"),
        "Ulimits": [_ulimit("core", 0), _ulimit("fsize", size)],  # the rest is set by the runner for each command
    }


def _ulimit(name: str, value: int) -> dict[str, Any]:
    return {"Name": name, "Soft": value, "Hard": value}


def _walls(shape: Shape) -> dict[str, Any]:
    return {
        "NetworkMode": shape.network,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"],
        "IpcMode": "private",
        "Privileged": False,
        "AutoRemove": True,
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {"Type": "none", "Config": {}},
        **({"Runtime": shape.runtime} if shape.runtime else {}),
        **({"UsernsMode": shape.users} if shape.users else {}),
    }


def _mounts(specification: Specification) -> list[dict[str, Any]]:
    """The overlay as a volume without a name, which goes with its container; everything else as it is on the host."""
    options = {"type": "overlay", "device": "overlay", "o": specification.overlay.options}
    driver = {"Name": "local", "Options": options}
    volume = {"NoCopy": True, "DriverConfig": driver, "Labels": dict(specification.labels)}
    mounts: list[dict[str, Any]] = [{"Type": "volume", "Target": WORKSPACE, "VolumeOptions": volume}]
    for mount in specification.shape.mounts:
        source = str(mount.host.resolve())
        bind = {"Type": "bind", "Source": source, "Target": mount.inside, "ReadOnly": not mount.writable}
        mounts.append({**bind, "BindOptions": {"Propagation": "rprivate"}})
    return mounts
