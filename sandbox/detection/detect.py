"""The one question: how is this tree installed and tested?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sandbox.detection.command import parse_command
from sandbox.detection.compiled import (
    cmake_recipe,
    framework_language,
    go_recipe,
    make_recipe,
    make_target,
    rust_recipe,
)
from sandbox.detection.node import has_test_script, node_recipe, package_json
from sandbox.detection.overrides import Overrides, repository_overrides
from sandbox.detection.python import is_python, python_recipe
from sandbox.detection.scan import Scan, scan_python
from sandbox.recipe import EnvironmentUnknown, Recipe, Step, TestCommand
from sandbox.toolchains import Installed, on_host
from sandbox.tree import Tree

_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "package.json", "Cargo.toml", "go.mod")

_REMEDY = (
    "Say how it is tested: --test 'COMMAND', or a .patchwright.yml at the top with the keys "
    "install (list of shell commands), test (command), python (version)."
)


def detect(
    tree: Path,
    overrides: Overrides | None = None,
    *,
    installed: Installed | None = None,
    scan: Scan | None = None,
) -> Recipe:
    """The recipe of the tree: what the flags say, then what `.patchwright.yml` says, then what its manifests tell.

    installed: the interpreters and toolchains to choose from; None looks for those of this machine.
    scan: of the same tree, see `scanned`.
    Raises EnvironmentUnknown (with what to do) and its kind ConfigurationInvalid.
    """
    top = Tree(tree)
    stated = overrides or Overrides()
    said = stated.over(repository_overrides(top))
    directory = _directory(top, said)
    if not top.has_directory(directory):
        raise EnvironmentUnknown(f"there is no directory {directory!r} in the tree")
    recipe = _detect(top, said, installed or on_host(), directory, scan or scan_python(top, directory))
    source = "flags" if stated != Overrides() else ".patchwright.yml" if said != stated else "detected"
    notes = () if said.directory or directory != "." else _projects_below(top)
    return replace(recipe, source=source, notes=(*recipe.notes, *notes))


def scanned(tree: Path, overrides: Overrides) -> Scan:
    """What the Python files of the tree tell: what takes the time where a tree is looked at twice."""
    top = Tree(tree)
    return scan_python(top, _directory(top, overrides.over(repository_overrides(top))))


def _directory(top: Tree, said: Overrides) -> str:
    return said.directory or _project_directory(top)


def _detect(top: Tree, said: Overrides, installed: Installed, directory: str, scan: Scan) -> Recipe:
    prefix = "" if directory == "." else f"{directory}/"
    language = _stated_language(top, said, directory)
    ways = _ways(top, prefix, scan, directory)
    makers: dict[str, Callable[[], Recipe]] = {
        "python": lambda: python_recipe(top, said, installed, directory, scan),
        "node": lambda: node_recipe(top, said, installed, directory),
        "rust": lambda: rust_recipe(top, said, installed, directory),
        "go": lambda: go_recipe(top, said, installed, directory),
        "cmake": lambda: cmake_recipe(top, said, installed, directory),
        "make": lambda: make_recipe(top, said, installed, directory),
    }
    chosen = language if language in makers else next(iter(ways), None)
    if chosen is not None:
        return makers[chosen]()
    if said.test:
        return _opaque(top, said, directory)
    raise EnvironmentUnknown(f"nothing in the tree tells how it is tested. {_REMEDY}")


def _ways(top: Tree, prefix: str, scan: Scan, directory: str) -> list[str]:
    """Ways that the tree offers, the likeliest first: a manifest with tests before one without."""
    package = package_json(top, prefix)
    tests = bool(scan.tests or scan.odd_tests)
    offers = (
        ("python", is_python(top, prefix) and tests),
        ("rust", top.has(f"{prefix}Cargo.toml")),
        ("go", top.has(f"{prefix}go.mod")),
        ("node", has_test_script(package)),
        ("python", tests),
        ("cmake", top.has(f"{prefix}CMakeLists.txt")),
        ("make", make_target(top, directory) is not None),
        ("node", bool(package)),
        ("python", is_python(top, prefix) or scan.python_files > 0),
    )
    return [name for name, offered in offers if offered]


def _stated_language(top: Tree, said: Overrides, directory: str) -> str | None:
    """The language that the user's framework or test command implies, or None."""
    if said.framework:
        return framework_language(said.framework)
    if said.test:
        command = parse_command(said.test, top, cwd=directory)
        return framework_language(command.framework)
    return None


def _opaque(top: Tree, said: Overrides, directory: str) -> Recipe:
    """No known language: the user's commands as they are."""
    test: TestCommand = parse_command(said.test or "", top, cwd=directory, framework=said.framework)
    steps = tuple(Step(("sh", "-c", command), cwd=directory) for command in said.install or ())
    return Recipe(language="unknown", steps=steps, test=test, directory=directory)


def _project_directory(top: Tree) -> str:
    """The top, or the one directory below it that has a manifest when the top has nothing at all to go by."""
    files, directories = top.names(".")
    if any(name.endswith((".py", ".toml", ".json", ".mod", ".txt", ".cfg")) or name == "Makefile" for name in files):
        return "."
    if any(name in ("src", "tests", "test") for name in directories):
        return "."
    found = [d for d in directories if _has(top, d, (*_MANIFESTS, "requirements.txt"))]
    return found[0] if len(found) == 1 else "."


def _projects_below(top: Tree) -> tuple[str, ...]:
    """A note where several projects share a tree, and none is at its top."""
    below = [d for d in top.names(".")[1] if _has(top, d, _MANIFESTS)]
    if len(below) < 2 or _has(top, ".", _MANIFESTS):
        return ()
    names = ", ".join(below[:5]) + (f" and {len(below) - 5} more" if len(below) > 5 else "")
    return (f"there are several projects ({names}) and none at the top: name the directory of the one that fails",)


def project_named(tree: Path, named: str) -> str | None:
    """The project that a directory of the tree belongs to: itself, or the nearest one above it, below the top, that has
    a manifest of its own; None where there is none, or where the repository's own file says which it is.
    """
    top = Tree(tree)
    pure = PurePosixPath(named)
    above = [str(each) for each in (pure, *pure.parents) if each.parts]
    stated = repository_overrides(top).directory if above else None
    return None if stated else next((each for each in above if _has(top, each, _MANIFESTS)), None)


def _has(top: Tree, directory: str, marks: tuple[str, ...]) -> bool:
    return any(top.has(f"{directory}/{mark}") for mark in marks)
