"""The command line of a bubblewrap sandbox, as pure functions of what it is to hold.

Two bubblewraps, one inside the other. The outer one is a stage without isolation that holds what the inner one builds
from: a tmpfs of bounded size (bubblewrap's own --tmp-overlay cannot be bounded) for everything a sandbox writes,
and the
layers and mounts under short, safe names (an overlay's option string is one page long, with commas, colons and
backslashes as its syntax). The inner one is the sandbox.

    /s/l/N      layer N of the workspace        /s/up, /s/work   the overlay's own, unless the workspace has an upper
    /s/m/N      mount N                         /s/tmp, /s/shm   seen inside as /tmp and /dev/shm
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sandbox.protocol import WORKSPACE, Mount, SandboxError, Workspace

MAX_LAYERS = 100
UID = 1000
HOSTNAME = "patchwright"
HOME = "/tmp/home"  # noqa: S108 - a path inside
STAGE = "/s"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
STORES = ("/nix/store", "/gnu/store")
ETC = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "ssl/certs", "ssl/openssl.cnf", "ca-certificates",
    "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust", "crypto-policies", "localtime",
    "mime.types", "protocols", "services", "debian_version", "os-release", "fonts", "java-*",
)  # fmt: skip
NETWORK_ETC = ("hosts", "resolv.conf", "gai.conf")  # often links to elsewhere, so the stage holds them under /n
# What a process of the host's root could write through /proc even without any capability.
PROC_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "driver", "mtrr", "scsi", "kcore", "keys")

ENV = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "HOME": HOME,
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a sandbox is built from.

    bwrap: its binary, with `bwrap_libraries` it needs beside it; interpreter: runs the runner, with its prefix;
    etc: host directory with our own passwd, group, hosts, nsswitch.conf; work: the overlay's working directory
    beside an
    `upper`; disk_bytes: size of the tmpfs; seccomp: descriptor of a compiled filter, inherited.
    """

    bwrap: Path
    interpreter: Path
    prefix: Path
    etc: Path
    workspace: Workspace
    bwrap_libraries: tuple[Path, ...] = ()
    mounts: tuple[Mount, ...] = ()
    network: bool = False
    disk_bytes: int = 2 << 30
    work: Path | None = None
    seccomp: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def command(stage: Stage, program: Sequence[str]) -> list[str]:
    """The whole command line that runs `program` in the sandbox; raises SandboxError for what cannot be built."""
    check(stage)
    bwrap = str(stage.bwrap)
    return [bwrap, *_outer(stage), "--", bwrap, *_inner(stage), "--", *program]


def check(stage: Stage) -> None:
    """Refuse what would fail inside bubblewrap with a message nobody understands."""
    check_places(stage.workspace, stage.mounts)


def check_places(workspace: Workspace, mounts: Sequence[Mount]) -> None:
    """Refuse directories that cannot be shown inside; raises SandboxError."""
    layers = distinct(workspace.layers)
    if len(layers) > MAX_LAYERS:
        raise SandboxError(f"a workspace of {len(layers)} layers; at most {MAX_LAYERS} can be laid over each other")
    for layer in layers:
        if not layer.is_dir():
            raise SandboxError(f"a workspace layer that is no directory: {layer}")
    for mount in mounts:
        inside = PurePosixPath(mount.inside)
        if not inside.is_absolute() or ".." in inside.parts or str(inside) == "/":
            raise SandboxError(f"a mount at {mount.inside!r}: an absolute path below / is needed")
        if not mount.host.exists():
            raise SandboxError(f"a mount of what does not exist: {mount.host}")


def distinct(layers: Sequence[Path]) -> list[Path]:
    """The layers without repetitions, which an overlay refuses; the uppermost of each stays."""
    return list({layer.resolve(): None for layer in layers})


def _outer(stage: Stage) -> Iterator[str]:
    """The stage: mounts only, and the capabilities that the inner bubblewrap needs to make its namespaces."""
    yield from ("--unshare-user", "--uid", "0", "--gid", "0", "--cap-add", "ALL", "--die-with-parent")
    yield from _system(SYSTEM)
    for path in (Path("/etc"), *_present(STORES), stage.prefix, stage.bwrap, *stage.bwrap_libraries, stage.etc):
        if not path.is_relative_to("/usr"):
            yield from ("--ro-bind", str(path), str(path))
    if stage.network:
        yield from _bind(Path("/opt"), "/opt")
        for name in NETWORK_ETC:
            yield from _bind(Path("/etc", name).resolve(), f"/n/{name}")
    yield from ("--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc")
    yield from ("--size", str(stage.disk_bytes), "--tmpfs", STAGE)
    yield from ("--dir", f"{STAGE}/up", "--dir", f"{STAGE}/work", "--dir", f"{STAGE}/l/none")
    yield from ("--perms", "1777", "--dir", f"{STAGE}/tmp", "--perms", "1777", "--dir", f"{STAGE}/shm")  # noqa: S108
    for at, layer in enumerate(distinct(stage.workspace.layers)):
        yield from ("--ro-bind", str(layer), f"{STAGE}/l/{at}")
    for at, mount in enumerate(stage.mounts):
        yield from ("--bind" if mount.writable else "--ro-bind", str(mount.host), f"{STAGE}/m/{at}")
    if stage.workspace.upper is not None and stage.work is not None:
        # Both below one mount: an overlay wants its two directories on the same one.
        shared = Path(os.path.commonpath([stage.workspace.upper, stage.work]))
        yield from ("--bind", str(shared), f"{STAGE}/u")


def _inner(stage: Stage) -> Iterator[str]:
    """The sandbox itself."""
    yield from ("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session")
    yield from ("--as-pid-1", "--cap-drop", "ALL", "--uid", str(UID), "--gid", str(UID), "--hostname", HOSTNAME)
    if stage.network:
        yield "--share-net"
    if stage.seccomp is not None:
        yield from ("--seccomp", str(stage.seccomp))
    yield "--clearenv"
    yield from _system(SYSTEM)
    for path in (*_present(STORES), stage.prefix):
        if not path.is_relative_to("/usr"):
            yield from ("--ro-bind", str(path), str(path))
    if stage.network:
        yield from _bind(Path("/opt"), "/opt")
    yield from _etc(stage)
    yield from ("--proc", "/proc")
    for name in PROC_READ_ONLY:
        path = Path("/proc", name)
        yield from _bind(path, str(path)) if name not in ("kcore", "keys") else _hide(path)
    yield from ("--dev", "/dev", "--bind", f"{STAGE}/shm", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108
    yield from ("--bind", f"{STAGE}/tmp", "/tmp", "--dir", HOME)  # noqa: S108
    yield from ("--dir", "/var", "--symlink", "../tmp", "/var/tmp", "--dir", "/run")  # noqa: S108
    yield from _workspace(stage)
    for at, mount in enumerate(stage.mounts):
        yield from ("--bind" if mount.writable else "--ro-bind", f"{STAGE}/m/{at}", mount.inside)
    yield from ("--remount-ro", "/", "--chdir", WORKSPACE)


def _system(paths: Sequence[str]) -> Iterator[str]:
    """System directories as they are: a symlink stays one, a directory is bound read-only."""
    for name in paths:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)


def _present(paths: Sequence[str]) -> list[Path]:
    return [Path(path) for path in paths if Path(path).is_dir()]


def _bind(path: Path, inside: str) -> Iterator[str]:
    if path.exists():
        yield from ("--ro-bind", str(path), inside)


def _hide(path: Path) -> Iterator[str]:
    if path.exists():
        yield from ("--ro-bind", "/dev/null", str(path))


def _etc(stage: Stage) -> Iterator[str]:
    """A small /etc: accounts of our own, and of the host's what programs need to start and to trust a server."""
    yield from ("--dir", "/etc", "--dir", "/etc/ssl")
    names = ["passwd", "group", "nsswitch.conf"]
    for name in names if stage.network else [*names, "hosts"]:
        yield from ("--ro-bind", str(stage.etc / name), f"/etc/{name}")
    for name in NETWORK_ETC if stage.network else ():
        yield from ("--ro-bind-try", f"/n/{name}", f"/etc/{name}")
    for pattern in ETC:
        for path in sorted(Path("/etc").glob(pattern)):
            yield from _bind(path, str(path))


def _workspace(stage: Stage) -> Iterator[str]:
    count = len(distinct(stage.workspace.layers))
    for at in reversed(range(count)) if count else ["none"]:  # bubblewrap wants the lowest layer first
        yield from ("--overlay-src", f"{STAGE}/l/{at}")
    upper, work = f"{STAGE}/up", f"{STAGE}/work"
    if stage.workspace.upper is not None and stage.work is not None:
        shared = os.path.commonpath([stage.workspace.upper, stage.work])
        upper = f"{STAGE}/u/{stage.workspace.upper.relative_to(shared)}"
        work = f"{STAGE}/u/{stage.work.relative_to(shared)}"
    yield from ("--overlay", upper, work, WORKSPACE)


def interpreter() -> tuple[Path, Path]:
    """The interpreter this program runs on, outside any virtual environment, and its prefix."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    prefix = Path(sys.base_prefix).resolve()
    return prefix / "bin" / f"python{version}", prefix
