"""Recipes of Go modules, Rust crates, CMake projects and plain makefiles."""

from __future__ import annotations

import re

from sandbox.detection.command import parse_command
from sandbox.detection.overrides import Overrides
from sandbox.detection.pyproject import load_toml
from sandbox.protocol import ENVIRONMENT
from sandbox.recipe import EnvironmentUnknown, Framework, Language, Recipe, Step, TestCommand
from sandbox.toolchains import Installed
from sandbox.tree import Tree

# Compilers' results live in the workspace, as products of the build: writable in every sandbox, and warm.
BUILD_DIRECTORY = ".patchwright-build"


def rust_recipe(tree: Tree, overrides: Overrides, installed: Installed, directory: str = ".") -> Recipe:
    """`cargo test`; the crates are fetched and the tests compiled at build time. Raises EnvironmentUnknown."""
    fetched = (("cargo", "fetch", "--locked"), ("cargo", "fetch"))
    compile_tests = ("cargo", "test", "--no-run", "--offline")
    alone = not _has_dependencies(tree, directory)
    steps = (
        *([] if alone else [Step(fetched[0], (fetched[1],), cwd=directory)]),
        Step(compile_tests, cwd=directory),
    )
    return _recipe(("rust", "cargo"), tree, overrides, installed, directory).with_steps(
        steps,
        TestCommand("cargo", ("cargo", "test", "--offline"), directory),
        ("Cargo.toml", "Cargo.lock", "build.rs", "rust-toolchain", "rust-toolchain.toml", ".cargo/config.toml"),
        (("CARGO_HOME", f"{ENVIRONMENT}/cargo"), ("CARGO_TERM_COLOR", "never"), ("CARGO_INCREMENTAL", "1")),
    )


def go_recipe(tree: Tree, overrides: Overrides, installed: Installed, directory: str = ".") -> Recipe:
    """`go test ./...`; vendored modules are used as they are. Raises EnvironmentUnknown."""
    vendored = tree.has(f"{'' if directory == '.' else directory + '/'}vendor/modules.txt")
    download = [] if vendored else [Step(("go", "mod", "download"), (("go", "mod", "tidy"),), cwd=directory)]
    compile_tests = Step(("go", "test", "-count=1", "-run", "^$", "./..."), optional=True, cwd=directory)
    env = (
        ("GOPATH", f"{ENVIRONMENT}/go"),
        ("GOMODCACHE", f"{ENVIRONMENT}/go/pkg/mod"),
        ("GOCACHE", f"/workspace/{BUILD_DIRECTORY}/go"),
        ("GOFLAGS", "-mod=vendor" if vendored else "-mod=mod -modcacherw"),
        ("GOTOOLCHAIN", "local"),
        ("GOTELEMETRY", "off"),
    )
    return _recipe(("go", "go"), tree, overrides, installed, directory).with_steps(
        (*download, compile_tests),
        TestCommand("go", ("go", "test", "./..."), directory),
        ("go.mod", "go.sum", "vendor/modules.txt"),
        env,
    )


def cmake_recipe(tree: Tree, overrides: Overrides, installed: Installed, directory: str = ".") -> Recipe:
    """Configure and build at build time; a test run builds what changed, then `ctest`. Raises EnvironmentUnknown."""
    configure = ("cmake", "-S", ".", "-B", BUILD_DIRECTORY, "-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_TESTING=ON")
    build = ("cmake", "--build", BUILD_DIRECTORY, "-j", "2")
    script = f'cmake --build {BUILD_DIRECTORY} -j 2 >&2 && exec ctest --test-dir {BUILD_DIRECTORY} "$@"'
    return _recipe(("c", "cmake"), tree, overrides, installed, directory).with_steps(
        (Step(configure, cwd=directory), Step(build, cwd=directory)),
        TestCommand("ctest", ("sh", "-c", script, "ctest"), directory),
        ("CMakeLists.txt", "CMakePresets.json"),
        (),
    )


def make_target(tree: Tree, directory: str = ".") -> str | None:
    """The target "test" or "check" when the makefile has such a target, or when `configure` will make one that has."""
    prefix = "" if directory == "." else f"{directory}/"
    for name in ("GNUmakefile", "makefile", "Makefile"):
        text = tree.read(prefix + name)
        if text is not None:
            targets = re.findall(r"^(tests?|check)\s*::?(?!=)", text, re.MULTILINE)
            return next((t for t in ("test", "check", "tests") if t in targets), None)
    return "check" if tree.has(f"{prefix}configure") and tree.has(f"{prefix}Makefile.in") else None


def make_recipe(tree: Tree, overrides: Overrides, installed: Installed, directory: str = ".") -> Recipe:
    """`make test` or `make check`: one result, by exit code. Raises EnvironmentUnknown."""
    prefix = "" if directory == "." else f"{directory}/"
    configure = [Step(("sh", "./configure"), cwd=directory)] if tree.has(f"{prefix}configure") else []
    target = make_target(tree, directory) or "test"
    return _recipe(("c", "make"), tree, overrides, installed, directory).with_steps(
        (*configure, Step(("make",), optional=True, cwd=directory)),
        TestCommand("command", ("make", target), directory),
        ("GNUmakefile", "makefile", "Makefile", "configure"),
        (),
    )


class _Draft:
    """A recipe without its steps: the toolchain is there, the overrides are known."""

    def __init__(self, language: Language, program: str, tree: Tree, overrides: Overrides, directory: str) -> None:
        self.language: Language = language
        self.program, self.tree, self.overrides, self.directory = program, tree, overrides, directory

    def with_steps(
        self,
        steps: tuple[Step, ...],
        test: TestCommand,
        manifests: tuple[str, ...],
        env: tuple[tuple[str, str], ...],
    ) -> Recipe:
        """The finished recipe; what the user said replaces steps and test command."""
        prefix = "" if self.directory == "." else f"{self.directory}/"
        overrides = self.overrides
        if overrides.install is not None:
            steps = tuple(Step(("sh", "-c", command), cwd=self.directory) for command in overrides.install)
        if overrides.test:
            test = parse_command(overrides.test, self.tree, cwd=self.directory, framework=overrides.framework)
        return Recipe(
            language=self.language,
            steps=steps,
            test=test,
            manifests=tuple(prefix + name for name in manifests if self.tree.has(prefix + name)),
            interpreter=self.program,
            directory=self.directory,
            env=env,
        )


def _recipe(
    kind: tuple[Language, str], tree: Tree, overrides: Overrides, installed: Installed, directory: str
) -> _Draft:
    """The draft for a language and the tool that builds it."""
    language, tool = kind
    program = installed.program(tool)
    if program is None:
        raise EnvironmentUnknown(f"the repository needs `{tool}`, which {installed.where} does not have on its PATH")
    return _Draft(language, program, tree, overrides, directory)


def _has_dependencies(tree: Tree, directory: str) -> bool:
    """Whether any crate of the tree names a dependency (or is a workspace, which may)."""
    document = load_toml(tree, "Cargo.toml" if directory == "." else f"{directory}/Cargo.toml") or {}
    sections = ("dependencies", "dev-dependencies", "build-dependencies", "workspace", "target")
    return any(document.get(section) for section in sections)


def framework_language(framework: Framework) -> Language:
    """The language whose environment a framework needs."""
    if framework in ("jest", "vitest", "mocha", "node", "tap"):
        return "node"
    named: dict[str, Language] = {"pytest": "python", "go": "go", "cargo": "rust", "ctest": "c"}
    return named.get(framework, "unknown")
