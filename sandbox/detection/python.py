"""The recipe of a Python repository: which interpreter, what is installed how, which directories are importable."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from sandbox.detection.command import parse_command
from sandbox.detection.declared import MAINTENANCE, Declared
from sandbox.detection.overrides import Overrides, inside_tree
from sandbox.detection.pyproject import read_locks, read_pipfile, read_pyproject
from sandbox.detection.requirements import read_pytest_configuration, read_requirement_files, read_tox
from sandbox.detection.scan import Scan, scan_python
from sandbox.detection.setup_files import read_setup_cfg, read_setup_py
from sandbox.interpreters import Interpreter, Wanted, choose
from sandbox.protocol import ENVIRONMENT, WORKSPACE
from sandbox.recipe import EnvironmentUnknown, Recipe, Step, TestCommand
from sandbox.toolchains import Installed
from sandbox.tree import Tree

MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "Pipfile", "tox.ini", "pytest.ini")
# Build backends and their plugins that are small wheels: put into the environment, a build then needs no second one.
_LIGHT_BACKENDS = frozenset(
    (
        *("setuptools", "wheel", "setuptools-scm", "hatchling", "hatch-vcs", "hatch-fancy-pypi-readme", "editables"),
        *(
            "flit-core",
            "flit",
            "flit-scm",
            "poetry-core",
            "poetry-dynamic-versioning",
            "pdm-backend",
            "pdm-pep517",
            "pbr",
        ),
        *("uv-build", "versioneer", "versioningit", "trove-classifiers", "tomli", "packaging", "pluggy", "pathspec"),
        *("hatch-requirements-txt", "uv-dynamic-versioning", "setuptools-git-versioning", "toml", "jaraco-packaging"),
    ),
)
# The first versions of the test runner that start on Python 3.10 and later, and samples of what came after them.
_TOO_OLD = {
    "pytest": ("6.2.5", "7.4.4", "8.4.2", "9.0.2"),
    "py": ("1.11.0", "1.12.0"),
    "coverage": ("6.5.0", "7.6.1", "7.10.7"),
}
_UNKNOWN_VERSION = "9999.0.0"  # a high one: test tools often require some version of the very package under test
_PIP_INSTALL = ("uv", "pip", "install")


def is_python(tree: Tree, prefix: str) -> bool:
    """Whether the project directory has a Python manifest."""
    return any(tree.has(prefix + name) for name in MANIFESTS)


def declared_by(tree: Tree, prefix: str) -> tuple[Declared, dict[str, str]]:
    """Everything the manifests say, and pytest's own settings. The order is that of precedence."""
    declared = Declared()
    read_pyproject(tree, prefix, declared)
    read_setup_cfg(tree, prefix, declared)
    read_setup_py(tree, prefix, declared)
    read_pipfile(tree, prefix, declared)
    read_requirement_files(tree, prefix, declared)
    read_tox(tree, prefix, declared)
    read_locks(tree, prefix, declared)
    settings = read_pytest_configuration(tree, prefix, declared)
    pinned = (tree.read(f"{prefix}.python-version", max_bytes=1_000) or "").strip()
    if match := re.match(r"\d+\.\d+(\.\d+)?", pinned):
        declared.preferred = match[0]
    return declared, settings


def python_recipe(
    tree: Tree,
    overrides: Overrides,
    installed: Installed,
    directory: str = ".",
    scan: Scan | None = None,
) -> Recipe:
    """How the Python project in `directory` is installed and tested; EnvironmentUnknown when no interpreter fits."""
    prefix = "" if directory == "." else f"{directory}/"
    declared, settings = declared_by(tree, prefix)
    scan = scan or scan_python(tree, directory)
    interpreter, notes = choose_interpreter(installed, declared, overrides)
    steps = [_make(interpreter, overrides, installed), *_steps(declared, scan, interpreter, overrides, directory)]
    return Recipe(
        language="python",
        steps=tuple(steps),
        test=_test_command(tree, overrides, declared, scan=scan, settings=settings, directory=directory),
        manifests=tuple(_manifests(declared, scan)),
        interpreter=str(interpreter.path),
        roots=overrides.roots or tuple(_roots(tree, declared, directory)),
        directory=directory,
        env=_version_variables(tree, prefix, declared, overrides),
        notes=tuple(notes),
    )


def choose_interpreter(
    installed: Installed,
    declared: Declared,
    overrides: Overrides,
) -> tuple[Interpreter, list[str]]:
    """The interpreter and, when it is not the default, why. Raises EnvironmentUnknown."""
    known = ", ".join(str(i) for i in (*installed.interpreters, *installed.spare)) or "none"
    if overrides.python and "/" in overrides.python:
        named = installed.at(Path(overrides.python))
        if named is None:
            raise EnvironmentUnknown(f"{installed.where} has no Python 3 interpreter at {overrides.python}")
        return named, []
    if overrides.python:
        minor = tuple(int(n) for n in re.findall(r"\d+", overrides.python)[:2])
        both = (*installed.interpreters, *installed.spare)
        exact = [i for i in both if i.minor == minor and str(i).startswith(overrides.python)]
        if not exact:
            raise EnvironmentUnknown(f"{installed.where} has no Python {overrides.python} (found {known})")
        return exact[0], []
    wanted = Wanted(declared.python, declared.classifiers, declared.preferred)
    chosen = choose(installed.interpreters, wanted) or choose(installed.spare, wanted)
    if chosen is None:
        raise EnvironmentUnknown(
            f"the repository requires Python {declared.python}; {installed.where} has {known}. "
            f"Install one, or name an interpreter with --python",
        )
    default = chosen in installed.interpreters[:1]
    return chosen, [] if default else [f"Python {chosen}, because of what the repository declares"]


def _make(interpreter: Interpreter, overrides: Overrides, installed: Installed) -> Step:
    """The virtual environment; it shows what comes with the interpreter where that may be what the tests need."""
    seed = ("--seed",) if overrides.install is not None else ()
    more = ("--system-site-packages",) if installed.furnished else ()
    return Step(
        ("uv", "venv", "--allow-existing", *seed, *more, "--python", str(interpreter.path), ENVIRONMENT), runs="nothing"
    )


def _steps(
    declared: Declared,
    scan: Scan,
    interpreter: Interpreter,
    overrides: Overrides,
    directory: str,
) -> list[Step]:
    runner = ["pytest<8" if scan.nose_style else "pytest", "coverage"]
    # At run time the environment is read-only: without this every test run would compile pytest again.
    compiled = Step(
        ("sh", "-c", f"python -I -m compileall -q -j 2 {ENVIRONMENT}/lib >/dev/null || true"), runs="packages"
    )
    if overrides.install is not None:
        commands = [Step(("sh", "-c", command), cwd=directory) for command in overrides.install]
        needed = sorted(declared.plugins)
        return [_fetch([runner], {}), *commands, _extra([*runner, *needed]), compiled]
    declared.runtime = list(_wanted(declared.runtime, interpreter, scan))
    declared.test = list(_wanted(declared.test, interpreter, scan))
    light = _light_backend(declared)
    build = [*declared.build, *(["setuptools", "wheel"] if not declared.build else [])] if light else []
    build += ["editables"] if any(b.startswith("hatchling") for b in build) else []
    stated = [*runner, *(build if declared.installable else []), *declared.runtime, *declared.test]
    known = _names(stated)
    extra = sorted(e for e in declared.plugins | scan.needed if "<" in e or canonicalize_name(e) not in known)
    return [
        _fetch([[*stated, *extra], stated, runner], declared.pins),
        *_requirement_steps(declared),
        _extra([*runner, *declared.test, *extra]),
        # Last, so that nothing puts a released version in its place: test tools often depend on the very project.
        *([_install(declared, scan, directory, light=light)] if declared.installable else []),
        compiled,
    ]


def _names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(Requirement(r).name) for r in requirements}


def _light_backend(declared: Declared) -> bool:
    return declared.installable and _names(declared.build) <= _LIGHT_BACKENDS


def _wanted(requirements: Iterable[str], interpreter: Interpreter, scan: Scan) -> Iterable[str]:
    """Requirements without maintainers' tools that nothing imports and without a pytest too old for the interpreter."""
    for text in requirements:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        stubs = name.startswith("types-") or name.endswith("-stubs")
        if (stubs and "mypy" not in scan.imported) or (
            name in MAINTENANCE and name.replace("-", "_") not in scan.imported
        ):
            continue
        if interpreter.minor >= (3, 10) and name in _TOO_OLD and not _contains_any(requirement, _TOO_OLD[name]):
            continue
        yield text


def _contains_any(requirement: Requirement, versions: Iterable[str]) -> bool:
    return any(requirement.specifier.contains(version) for version in versions)


def _fetch(sets: Sequence[Sequence[str]], pins: dict[str, str]) -> Step:
    """Install wheels: the fullest set of `sets` that can be resolved; exact versions of a lock file first."""
    base = (*_PIP_INSTALL, "--no-build")
    plain = list(dict.fromkeys((*base, *dict.fromkeys(packages)) for packages in sets))
    constraints = "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))
    locked = [(*base, "-c", "-", *dict.fromkeys(packages)) for packages in sets[:2]] if constraints else []
    first, *others = dict.fromkeys([*locked, *plain])
    return Step(first, tuple(others), stdin=constraints, runs="nothing")


def _requirement_steps(declared: Declared) -> list[Step]:
    """Requirement files as a whole: needed when they are all that says what the program needs."""
    return [
        Step((*_PIP_INSTALL, "-r", path), optional=declared.installable or not needed)
        for path, needed in declared.requirement_files.items()
    ]


def _install(declared: Declared, scan: Scan, directory: str, *, light: bool) -> Step:
    """Editable with the test extras, then ever more modest ways.

    The last way, dependencies alone, is open only when they are known without running the repository's code and there
    is nothing to compile: the import roots on PYTHONPATH then do what the installation would have done.
    """
    target = f".[{','.join(declared.extras)}]" if declared.extras else "."
    ways: list[tuple[str, ...]] = [(*_PIP_INSTALL, "--no-build-isolation", "-e", target)] if light else []
    ways.append((*_PIP_INSTALL, "-e", target))
    ways += [(*_PIP_INSTALL, "-e", ".")] if declared.extras else []
    ways.append((*_PIP_INSTALL, "."))
    if declared.static and not scan.native:
        ways.append((*_PIP_INSTALL, *declared.runtime) if declared.runtime else ("true",))
    return Step(ways[0], tuple(ways[1:]), cwd=directory)


def _extra(packages: Sequence[str]) -> Step:
    """What tests need beyond the project, as one resolution or else each package by itself."""
    unique = list(dict.fromkeys(packages))
    each = "; ".join(f"{shlex.join((*_PIP_INSTALL, p))} || failed=1" for p in unique)
    return Step(
        (*_PIP_INSTALL, *unique), (("sh", "-c", f"failed=0; {each}; exit $failed"),), optional=True, runs="packages"
    )


def _test_command(
    tree: Tree,
    overrides: Overrides,
    declared: Declared,
    *,
    scan: Scan,
    settings: dict[str, str],
    directory: str,
) -> TestCommand:
    env = tuple(sorted(declared.env.items()))
    if overrides.test:
        command = parse_command(overrides.test, tree, cwd=directory, framework=overrides.framework)
        return TestCommand(command.framework, command.argv, command.cwd, (*env, *command.env))
    odd = bool(scan.odd_tests) and not scan.tests and "python_files" not in settings
    pattern = ("-o", "python_files=test*.py") if odd else ()
    return TestCommand("pytest", ("python", "-m", "pytest", *pattern), directory, env)


def _manifests(declared: Declared, scan: Scan) -> list[str]:
    """Files that decide what is built: the manifests, and the sources of extension modules when there are any."""
    return [*declared.files, *(scan.native if declared.installable else [])]


def _roots(tree: Tree, declared: Declared, directory: str) -> list[str]:
    """Import roots: those the packaging names, `src` (or `lib`) when Python files are in it, the project, the top."""
    named: list[str] = []
    for root in declared.roots:
        try:
            named.append(inside_tree(root))
        except ValueError:
            continue
    usual = [d for d in ("src", "lib") if _holds_python(tree, d if directory == "." else f"{directory}/{d}")]
    found = [r if directory == "." else f"{directory}/{r}".removesuffix("/.") for r in (*named, *usual, ".")]
    return list(dict.fromkeys(r for r in (*found, ".") if tree.has_directory(r)))


def _holds_python(tree: Tree, directory: str) -> bool:
    files, directories = tree.names(directory)
    return any(f.endswith(".py") for f in files) or any(
        f.endswith(".py") for d in directories[:50] for f in tree.names(f"{directory}/{d}")[0]
    )


def _version_variables(
    tree: Tree, prefix: str, declared: Declared, overrides: Overrides
) -> tuple[tuple[str, str], ...]:
    """What builds that ask version control are told instead: the tree they see has none."""
    if not declared.versioned_by_git:
        return ()
    match = re.search(r"^Version: (\S+)", tree.read(f"{prefix}PKG-INFO", max_bytes=64 << 10) or "", re.MULTILINE)
    version = overrides.version or (match[1] if match else _UNKNOWN_VERSION)
    try:
        version = str(Version(version))
    except InvalidVersion:
        version = _UNKNOWN_VERSION
    names = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION", "UV_DYNAMIC_VERSIONING_BYPASS")
    return tuple((name, version) for name in (*names, "POETRY_DYNAMIC_VERSIONING_BYPASS"))


def python_path(roots: Iterable[str], workspace: str = WORKSPACE) -> str:
    """PYTHONPATH for import roots of the workspace."""
    return ":".join(workspace if root == "." else f"{workspace}/{root}" for root in roots)
