"""Where a toolchain of this machine lives, found by name: what must be visible inside, and what PATH must hold."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.interpreters import Interpreter, host_interpreters, interpreter_at
from sandbox.protocol import Mount, System

_SYSTEM = (Path("/usr"), Path("/bin"), Path("/lib"), Path("/opt"))


@dataclass(frozen=True, slots=True)
class Toolchain:
    """program: its executable; prefix: the directory to show read-only (None when the system's own are enough)."""

    program: Path
    prefix: Path | None
    version: str = ""

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return (Mount(self.prefix, str(self.prefix)),) if self.prefix else ()

    @property
    def bin(self) -> str:
        return str(self.program.parent)


@dataclass(frozen=True, slots=True)
class Installed:
    """What a recipe can be made from. interpreters: Pythons, the first is the default; spare: those to take when none
    of these will do; at: the one that the user named by its path; program: what starts the toolchain of that name, a
    path or a name; where: for readers; furnished: whether a Python may come with the repository's dependencies.
    """

    interpreters: tuple[Interpreter, ...]
    program: Callable[[str], str | None]
    at: Callable[[Path], Interpreter | None] = interpreter_at
    spare: tuple[Interpreter, ...] = ()
    where: str = "this machine"
    furnished: bool = False


def on_host() -> Installed:
    """What this machine has."""
    return Installed(host_interpreters(), _host_program)


def in_image(system: System) -> Installed:
    """What an image has, and in reserve what this machine has in a directory of its own, which can be shown inside."""
    pythons = tuple(Interpreter(Path(path), version) for path, version in system.pythons)
    spare = () if system.furnished else tuple(i for i in host_interpreters() if movable(i.prefix))

    def program(name: str) -> str | None:
        own = find_toolchain(name)
        return name if name in system.programs else str(own.program) if own and own.prefix else None

    def at(path: Path) -> Interpreter | None:
        named = interpreter_at(path)
        known = next((python for python in pythons if python.path == path), None)
        return known or (named if named and movable(named.prefix) else None)

    return Installed(pythons, program, at, spare, f"the image {system.reference}", system.furnished)


def movable(prefix: Path) -> bool:
    """Whether a directory of this machine can be shown elsewhere: the system's own cannot, for an image has others."""
    return not prefix.is_relative_to("/usr")


def _host_program(name: str) -> str | None:
    found = find_toolchain(name)
    return str(found.program) if found else None


def find_toolchain(name: str, home: Path | None = None) -> Toolchain | None:
    """The toolchain that `name` (node, cargo, go, cmake, make) starts, or None. Nothing is executed."""
    home = home or Path.home()
    if name == "cargo" and (rust := _rustup(home)):
        return rust
    found = shutil.which(name)
    return _at(Path(found)) if found else None


def toolchain_at(program: Path) -> Toolchain:
    """The toolchain of an executable named by its path."""
    return _at(program)


def _at(program: Path) -> Toolchain:
    real = program.resolve()
    # The system's directories are visible in every sandbox; the link keeps its name, which some tools look at.
    if any(real.is_relative_to(system) for system in _SYSTEM):
        return Toolchain(program if program.is_relative_to("/usr") else real, None, _stamp(real))
    return Toolchain(real, real.parent.parent, _stamp(real))


def _stamp(program: Path) -> str:
    """What tells two builds of a program apart without starting it: its size and time."""
    status = program.stat()
    return f"{status.st_size}-{int(status.st_mtime)}"


def _rustup(home: Path) -> Toolchain | None:
    """Rustup's default toolchain, past its shims: these need rustup's own writable home."""
    root = home / ".rustup"
    try:
        settings = tomllib.loads((root / "settings.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    name = settings.get("default_toolchain")
    if not isinstance(name, str) or not re.fullmatch(r"[\w.-]+", name):
        return None
    program = root / "toolchains" / name / "bin" / "cargo"
    return Toolchain(program, program.parent.parent, f"{name}-{_stamp(program)}") if program.is_file() else None
