"""What a Python repository's manifests declare, collected from all of them into one value."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MAX_REQUIREMENTS = 400
# Names of extras and groups that hold what tests need, best first; the second row only when the first has none.
TEST_NAMES = (
    "test",
    "tests",
    "testing",
    "unittest",
    "pytest",
    "test-deps",
    "test-requirements",
    "unit-test",
    "all-tests",
)
DEVELOPMENT_NAMES = ("dev", "develop", "development", "ci", "dev-dependencies")
# Tools of maintainers that no test needs; left out unless some file imports them.
MAINTENANCE = frozenset(
    (
        *(
            "black",
            "isort",
            "flake8",
            "pylint",
            "ruff",
            "mypy",
            "pyright",
            "pre-commit",
            "tox",
            "tox-uv",
            "nox",
            "twine",
        ),
        *("build", "sphinx", "sphinx-rtd-theme", "furo", "mkdocs", "mkdocs-material", "mkdocstrings", "bump2version"),
        *(
            "bumpversion",
            "bump-my-version",
            "commitizen",
            "codecov",
            "coveralls",
            "check-manifest",
            "pyroma",
            "ipython",
        ),
        *("jupyter", "notebook", "jupyterlab", "myst-parser", "sphinx-autobuild", "sphinx-copybutton", "towncrier"),
        *(
            "import-linter",
            "bandit",
            "safety",
            "pip-audit",
            "codespell",
            "pyupgrade",
            "autopep8",
            "yapf",
            "pydocstyle",
            "pip-tools",
        ),
        *(
            "python-semantic-release",
            "ipdb",
            "pdbpp",
            "zest-releaser",
            "doc8",
            "interrogate",
            "vulture",
            "mkdocs-gen-files",
        ),
    ),
)


@dataclass(slots=True)
class Declared:
    """Collected declarations. runtime, test, build: plain requirement strings; extras: names for the editable install;
    requirement_files: for the installer as a whole, with whether the program itself needs them; files: all manifests.

    installable: there is something for `pip install .`; static: its dependencies are known without running code;
    python, classifiers, preferred: see interpreters.Wanted; pins: exact versions of a lock file; env: variables that
    the tests expect; roots: import roots named by the packaging; broken: manifests that cannot be parsed.
    """

    name: str = ""
    runtime: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    build: list[str] = field(default_factory=list)
    extras: tuple[str, ...] = ()
    requirement_files: dict[str, bool] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    installable: bool = False
    static: bool = True
    python: str = ""
    classifiers: tuple[str, ...] = ()
    preferred: str = ""
    pins: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    roots: list[str] = field(default_factory=list)
    plugins: set[str] = field(default_factory=set)
    versioned_by_git: bool = False
    test_files: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def read(self, path: str) -> None:
        """Note that `path` decides what is installed."""
        if path not in self.files:
            self.files.append(path)

    def add(self, into: list[str], requirements: Iterable[object]) -> None:
        """Add plain requirements to one of the lists; URLs, the project itself and the unreadable are left out."""
        for text in requirements:
            if plain := plain_requirement(text):
                if self.name and canonicalize_name(Requirement(plain).name) == canonicalize_name(self.name):
                    continue
                if plain not in into and len(into) < MAX_REQUIREMENTS:
                    into.append(plain)

    def add_extras(self, groups: Mapping[str, Iterable[object]]) -> None:
        """Take the extras that tests need from `groups` (name: requirements), with the extras they refer to."""
        chosen = chosen_groups(groups)
        self.extras = tuple(dict.fromkeys((*self.extras, *chosen)))
        queue = list(chosen)
        seen: set[str] = set()
        while queue:
            name = queue.pop(0)
            if name in seen:
                continue
            seen.add(name)
            requirements = [str(r) for r in groups.get(name, ())]
            self.add(self.test, requirements)
            for text in requirements:
                queue += [x for x in own_extras(text, self.name) if x in groups]


def plain_requirement(text: object) -> str | None:
    """`text` as a normalized requirement by name and version, or None: URLs and paths are never fetched early."""
    if not isinstance(text, str) or len(text) > 400:
        return None
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement:
        return None
    return None if requirement.url else str(requirement)


def own_extras(text: str, name: str) -> list[str]:
    """["a", "b"] for "name[a,b]", nothing for a requirement on another project."""
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement:
        return []
    return sorted(requirement.extras) if canonicalize_name(requirement.name) == canonicalize_name(name) else []


def chosen_groups(groups: Iterable[str]) -> list[str]:
    """Names among `groups` that hold what tests need, as they are spelt there."""
    spelt = {re.sub(r"[-_.]+", "-", str(name)).lower(): str(name) for name in groups}
    testing = [spelt[name] for name in TEST_NAMES if name in spelt]
    return testing or [spelt[name] for name in DEVELOPMENT_NAMES if name in spelt][:1]


def as_mapping(value: Any) -> dict[str, Any]:
    """`value` when it is a mapping with string keys, else an empty one."""
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def as_strings(value: Any) -> list[str]:
    """The strings of a list, or a single string as a list."""
    if isinstance(value, str):
        return [value]
    return [v for v in value if isinstance(v, str)] if isinstance(value, list | tuple) else []
