"""How a repository is installed and tested: the values that environment detection and building exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sandbox.protocol import ENVIRONMENT, Mount, SandboxError, Workspace

Language = Literal["python", "node", "go", "rust", "c", "unknown"]
Framework = Literal["pytest", "jest", "vitest", "mocha", "node", "go", "cargo", "ctest", "tap", "command"]


class EnvironmentUnknown(SandboxError):
    """Nothing in the tree tells how it is installed or tested; the message says what to pass or write."""


class EnvironmentBroken(SandboxError):
    """A build step failed. `step` is its command, `output` what it printed (tail kept)."""

    def __init__(self, step: str, output: str) -> None:
        super().__init__(f"environment could not be built: {step}")
        self.step = step
        self.output = output


@dataclass(frozen=True, slots=True)
class TestCommand:
    """What runs the tests inside the sandbox, without selection: ("python", "-m", "pytest") in `cwd` of the workspace.

    framework "command": an opaque command whose exit code is the one result.
    """

    __test__ = False

    framework: Framework
    argv: tuple[str, ...]
    cwd: str = "."
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One build command, run in the workspace of the build sandbox with the network open.

    alternatives: commands tried in turn when argv fails; optional: a failure is noted and the build goes on;
    stdin: text for its standard input (constraint lists); cwd: a directory of the workspace;
    runs: whose code it may execute. "nothing" (it makes the empty environment, unpacks wheels) gets an empty workspace
    and the download cache that all builds share; "packages" (builds of dependencies) and "repository" get a cache of
    their own, so that nothing hostile is left in a cache that others use.
    """

    argv: tuple[str, ...]
    alternatives: tuple[tuple[str, ...], ...] = ()
    optional: bool = False
    stdin: str = ""
    cwd: str = "."
    runs: Literal["nothing", "packages", "repository"] = "repository"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything needed to build and test. manifests: files (relative) whose content keys the cache with `interpreter`.

    interpreter: absolute path or name on the host of the interpreter or toolchain ("" when none is needed).
    roots: directories of the workspace that hold importable packages (".", "src"), first has precedence.
    directory: the project's own directory in the workspace; env: variables for the build and for every test run.
    """

    language: Language
    steps: tuple[Step, ...]
    test: TestCommand
    manifests: tuple[str, ...] = ()
    interpreter: str = ""
    roots: tuple[str, ...] = (".",)
    source: str = "detected"
    directory: str = "."
    env: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Environment:
    """A built environment. path: host directory seen at /environment; products: host directory with the files that the
    build wrote into the workspace (egg-info, extension modules), a layer above the base.

    env: variables for every command (PATH, VIRTUAL_ENV, PYTHONPATH of the roots); mounts: /environment and what the
    interpreter needs (its prefix, toolchains), read-only. key: hex digest of manifests, recipe and interpreter.
    """

    recipe: Recipe
    key: str
    path: Path
    products: Path
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    log: Path | None = None
    notes: tuple[str, ...] = field(default=())

    def workspace(self, base: Path, *deltas: Path) -> Workspace:
        """The tree of `base` with the build's products and then `deltas` (last wins) laid over it."""
        return Workspace((*reversed(deltas), self.products, base))


ENVIRONMENT_BIN = f"{ENVIRONMENT}/bin"
