"""The sandbox protocol: what every engine (bubblewrap, Docker, none, the fake) offers, and its errors.

A `Sandboxes` provider opens a `Sandbox` over a `Workspace` (a stack of read-only host directories seen as one writable
tree). Inside, three paths are the same for every isolating engine, so that commands and certificates carry over:

    /workspace     the repository, writable, private to this sandbox; the layers below it are never written
    /environment   the repository's installed environment (for Python a virtual environment), read-only
    /tmp           scratch, private, thrown away

Error tree:

    SandboxError
      SandboxUnavailable   this engine cannot run here; the message says why and what to do
      SandboxGone          the sandbox died (killed from outside, engine restarted); the caller may open a new one
      QuotaInvalid         a limit that makes no sense (zero, negative)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

WORKSPACE = "/workspace"
ENVIRONMENT = "/environment"

Kind = Literal["bubblewrap", "docker", "none", "fake"]
Limit = Literal["wall", "cpu", "memory", "processes", "output", "disk", "open_files"]
Enforcement = Literal["tree", "process", "none"]


class SandboxError(Exception):
    """Root of everything a sandbox raises."""


class SandboxUnavailable(SandboxError):
    """This engine cannot run on this machine; the message says why and what to do about it."""


class SandboxGone(SandboxError):
    """The sandbox is dead. Commands in flight are lost; open another one."""


class QuotaInvalid(SandboxError):
    """A quota with a limit that makes no sense."""


@dataclass(frozen=True, slots=True)
class Quota:
    """Limits of one command: it and everything it starts.

    wall_s: seconds of wall clock; cpu_s: seconds of CPU per process (None: no limit beyond wall_s);
    memory_bytes: address space or cgroup memory; processes: live processes and threads;
    output_bytes: kept bytes of each of stdout and stderr (head and tail, the middle is dropped);
    flood_bytes: total bytes of output after which the command is killed;
    disk_bytes: the largest file, and all that is written where the engine can bound it; open_files: descriptors.
    """

    wall_s: float = 600.0
    cpu_s: float | None = None
    memory_bytes: int = 4 << 30
    processes: int = 200
    output_bytes: int = 1 << 20
    flood_bytes: int = 256 << 20
    disk_bytes: int = 2 << 30
    open_files: int = 4096

    def __post_init__(self) -> None:
        for name in ("wall_s", "memory_bytes", "processes", "output_bytes", "flood_bytes", "disk_bytes", "open_files"):
            if getattr(self, name) <= 0:
                raise QuotaInvalid(f"{name} must be above zero, got {getattr(self, name)}")
        if self.cpu_s is not None and self.cpu_s <= 0:
            raise QuotaInvalid(f"cpu_s must be above zero, got {self.cpu_s}")

    def within(self, wall_s: float) -> Quota:
        """The same quota with at most `wall_s` seconds of wall clock."""
        return replace(self, wall_s=max(0.001, min(self.wall_s, wall_s)))


@dataclass(frozen=True, slots=True)
class Output:
    """What was kept of one stream: its head and tail, and how many bytes there were in all."""

    head: bytes = b""
    tail: bytes = b""
    total: int = 0

    @property
    def dropped(self) -> int:
        return self.total - len(self.head) - len(self.tail)

    @property
    def text(self) -> str:
        """Head, a line that says what was dropped (if anything was), tail; undecodable bytes replaced."""
        head, tail = self.head.decode(errors="replace"), self.tail.decode(errors="replace")
        return f"{head}\n[... {self.dropped} bytes dropped ...]\n{tail}" if self.dropped > 0 else head + tail


@dataclass(frozen=True, slots=True)
class ExecResult:
    """One finished command. `exit_code` is None when a signal ended it; `signal` is None when it exited."""

    exit_code: int | None
    signal: int | None
    stdout: Output
    stderr: Output
    wall_s: float
    cpu_s: float = 0.0
    peak_memory_bytes: int = 0
    exceeded: tuple[Limit, ...] = ()

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not self.exceeded

    @property
    def timed_out(self) -> bool:
        return "wall" in self.exceeded or "cpu" in self.exceeded


@dataclass(frozen=True, slots=True)
class Mount:
    """A host directory or file seen inside at `inside`; read-only unless `writable`."""

    host: Path
    inside: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Workspace:
    """The tree at /workspace: `layers` of host directories, the first on top, all read-only.

    upper: an empty or earlier-used host directory that keeps what is written (for environment builds);
    None throws writes away with the sandbox.
    """

    layers: tuple[Path, ...]
    upper: Path | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine enforces here, tried rather than read: each limit for the whole tree, per process, or none."""

    kind: Kind
    version: str
    isolates_network: bool
    isolates_files: bool
    isolates_processes: bool
    limits: Mapping[Limit, Enforcement] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]


class Process(Protocol):
    """A long-lived program inside a sandbox, spoken to over its stdin and stdout."""

    async def write(self, data: bytes) -> None:
        """Send bytes to its stdin; raises SandboxGone when it has ended."""

    async def read_line(self, *, timeout_s: float) -> bytes:
        """The next line of its stdout with the newline; b"" at its end; raises TimeoutError."""

    async def kill(self) -> None:
        """End it and all its descendants; safe to call twice."""

    async def wait(self) -> ExecResult:
        """Its end: exit, signal, what is kept of stderr."""


class Sandbox(Protocol):
    """One isolated place over one workspace. Commands may run at the same time. Not reusable after `close`."""

    @property
    def kind(self) -> Kind: ...

    @property
    def workspace(self) -> str:
        """Where the repository is inside; /workspace for isolating engines, a host path for kind "none"."""

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        quota: Quota | None = None,
        on_output: OnOutput | None = None,
    ) -> ExecResult:
        """Run one command to its end and kill whatever it left running.

        cwd: inside path, default the workspace. env: added to the small fixed environment of the sandbox (never the
        host's). A missing program is exit code 127 with a message on stderr. Raises SandboxGone. Cancelling the call
        kills the command.
        """

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Process]:
        """Start a long-lived program; leaving the context kills it and its descendants."""

    async def read_file(self, path: str, *, max_bytes: int = 8 << 20) -> bytes:
        """Bytes of an inside file (at most max_bytes); raises FileNotFoundError, IsADirectoryError."""

    async def write_file(self, path: str, data: bytes) -> None:
        """Write an inside file, making its parent directories."""

    async def close(self) -> None:
        """Kill everything inside and free it; safe to call twice."""


class Sandboxes(Protocol):
    """A provider of sandboxes of one kind."""

    @property
    def kind(self) -> Kind: ...

    async def probe(self) -> Capabilities:
        """Try what works here; raises SandboxUnavailable with the remedy."""

    def open(
        self,
        workspace: Workspace,
        *,
        mounts: Sequence[Mount] = (),
        network: bool = False,
        env: Mapping[str, str] | None = None,
        quota: Quota | None = None,
    ) -> AbstractAsyncContextManager[Sandbox]:
        """Open a sandbox; leaving the context closes it. `quota` is the default of its commands; `env` is added to all.

        Raises SandboxUnavailable.
        """


@dataclass(frozen=True, slots=True)
class System:
    """The programs that sandboxes of an engine with images show, where others show this machine's own.

    identity: names exactly this system; path: its PATH; pythons: path and version of its interpreters, the default
    first; programs: names of the other toolchains' programs on its PATH; reference: the image's name for readers;
    furnished: whether a repository's own dependencies may be installed in it already.
    """

    identity: str
    path: str
    pythons: tuple[tuple[str, tuple[int, ...]], ...] = ()
    programs: tuple[str, ...] = ()
    reference: str = ""
    furnished: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What a repository needs of an image. language: "python", "node", "go", "rust", "java", or another word, which no
    image is made for; version: of the language, "" for any.
    """

    language: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """An image that somebody described. image: its name, and nothing is built; otherwise dockerfile: a Dockerfile's
    text, context: the directory it copies from; args, target: of the build; source: what said so, for readers.
    """

    source: str
    image: str = ""
    context: Path = Path()
    dockerfile: str = ""
    args: tuple[tuple[str, str], ...] = ()
    target: str = ""


class BuildFailed(SandboxError):
    """An image could not be built. `output`: the end of what the build printed."""

    def __init__(self, message: str, output: str) -> None:
        super().__init__(message)
        self.output = output


@runtime_checkable
class Imaged(Protocol):
    """A provider whose sandboxes are made from an image."""

    async def system(self) -> System:
        """What its sandboxes show. Raises SandboxUnavailable."""

    async def suit(self, need: Callable[[], Need]) -> tuple[str, ...]:
        """Make later sandboxes from the image for a language, unless the user named one; what a reader should know.

        need: asked only where it matters. Raises SandboxUnavailable, and what `need` raises.
        """

    async def furnish(self, blueprint: Blueprint, *, wall_s: float) -> tuple[str, ...]:
        """Make later sandboxes from the image that is described, built when it was not yet; what a reader should know.

        A build runs what the description says as the engine's root, with network: only where the user asked for it.
        Raises BuildFailed, SandboxUnavailable.
        """
