from pathlib import Path

import pytest

from sandbox.detection.detect import detect, project_named
from sandbox.detection.overrides import Overrides
from sandbox.interpreters import Interpreter
from sandbox.recipe import EnvironmentUnknown, Recipe, Step
from sandbox.toolchains import Installed
from tests.trees import grow

PYTHONS = Installed(
    (
        Interpreter(Path("/pythons/3.11/bin/python3.11"), (3, 11, 7)),
        Interpreter(Path("/pythons/3.12/bin/python3.12"), (3, 12, 1)),
        Interpreter(Path("/pythons/3.9/bin/python3.9"), (3, 9, 18)),
        Interpreter(Path("/pythons/3.8/bin/python3.8"), (3, 8, 18)),
    ),
    program=lambda _: None,
)
TEST = "def test_it():\n    assert True\n"


def recipe(top: Path, files: dict[str, str], overrides: Overrides | None = None) -> Recipe:
    return detect(grow(top, files), overrides, installed=PYTHONS)


def fetched(found: Recipe) -> list[str]:
    """Packages of the fullest set of wheels."""
    step = next(s for s in found.steps if "--no-build" in s.argv)
    return [word for word in step.argv[4:] if word not in ("-c", "-")]


def project_step(found: Recipe) -> Step:
    return next(s for s in found.steps if "-e" in s.argv)


def test_bare_directory_needs_nothing_but_the_test_runner(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"stack.py": "class Stack: ...\n", "test_stack.py": "from stack import Stack\n" + TEST})
    assert found.language == "python"
    assert found.test.argv == ("python", "-m", "pytest")
    assert found.roots == (".",)
    assert fetched(found) == ["pytest", "coverage"]
    assert all(step.runs != "repository" for step in found.steps)
    assert found.manifests == ()


def test_pyproject_with_src_layout_and_test_extra(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "pyproject.toml": """
[build-system]
requires = ["hatchling>=1.20"]
[project]
name = "wheelbarrow"
requires-python = ">=3.9"
dependencies = ["attrs>=22", "local @ file:///etc/passwd", "git-thing @ git+https://evil.example/x"]
[project.optional-dependencies]
test = ["hypothesis", "wheelbarrow[extra]"]
extra = ["six"]
docs = ["sphinx"]
[tool.pytest.ini_options]
addopts = "--cov=wheelbarrow -n 4 --strict-markers"
asyncio_mode = "auto"
""",
            "src/wheelbarrow/__init__.py": "",
            "tests/test_it.py": TEST,
        },
    )
    packages = fetched(found)
    assert {"attrs>=22", "hypothesis", "six", "hatchling>=1.20", "editables"} <= set(packages)
    assert {"pytest-cov", "pytest-xdist", "pytest-asyncio"} <= set(packages)
    assert not [p for p in packages if "@" in p or "sphinx" in p]
    assert found.roots == ("src", ".")
    step = project_step(found)
    assert step.argv == ("uv", "pip", "install", "--no-build-isolation", "-e", ".[test]")
    assert step.alternatives[0] == ("uv", "pip", "install", "-e", ".[test]")
    assert ("uv", "pip", "install", "-e", ".") in step.alternatives
    assert step.alternatives[-1] == ("uv", "pip", "install", "attrs>=22")
    assert found.manifests == ("pyproject.toml",)


def test_project_is_installed_after_everything_that_could_replace_it(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"setup.py": "from setuptools import setup\nsetup(name='x')\n", "test_x.py": TEST})
    installs = [i for i, s in enumerate(found.steps) if s.argv[:3] == ("uv", "pip", "install")]
    assert found.steps[installs[-1]] == project_step(found)


def test_dependency_groups_with_includes(tmp_path: Path) -> None:
    groups = (
        '[dependency-groups]\ntest = ["responses", {include-group = "base"}]\nbase = ["freezegun"]\nlint = ["ruff"]\n'
    )
    found = recipe(tmp_path, {"pyproject.toml": '[project]\nname = "x"\n' + groups, "test_x.py": TEST})
    assert {"responses", "freezegun"} <= set(fetched(found))
    assert "ruff" not in fetched(found)


def test_group_that_includes_itself_ends(tmp_path: Path) -> None:
    groups = '[dependency-groups]\ntest = [{include-group = "test"}, "six"]\n'
    assert "six" in fetched(recipe(tmp_path, {"pyproject.toml": groups, "test_x.py": TEST}))


def test_poetry_project_with_groups_and_lock(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "pyproject.toml": """
[build-system]
requires = ["poetry-core"]
[tool.poetry]
name = "poem"
[tool.poetry.dependencies]
python = "^3.8"
requests = "^2.28.1"
tomli = {version = "~1.2", optional = true}
private = {git = "https://evil.example/x.git"}
[tool.poetry.group.test.dependencies]
pytest = "^7.2"
freezegun = "*"
""",
            "poetry.lock": '[[package]]\nname = "requests"\nversion = "2.28.2"\n[[package]]\nname = "poem"\nversion = "1"\n',  # noqa: E501
            "poem.py": "",
            "test_poem.py": TEST,
        },
    )
    assert {"requests<3,>=2.28.1", "pytest<8,>=7.2", "freezegun"} <= set(fetched(found))
    assert not [p for p in fetched(found) if p.startswith(("tomli", "private"))]
    step = next(s for s in found.steps if "--no-build" in s.argv)
    assert step.stdin == "requests==2.28.2\n"
    assert step.argv[4:6] == ("-c", "-")
    assert "-c" not in step.alternatives[-1]
    assert found.manifests == ("pyproject.toml", "poetry.lock")


def test_setup_py_is_read_without_running_it(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    source = f"""
import os
open({str(canary)!r}, "w").write("ran")
from setuptools import setup, find_packages
BASE = ["attrs"]
EXTRA = dict(testing=["mock"], other=open("x").read())
setup(name="old", install_requires=BASE + ["six>=1.10"], tests_require=["pytest-mock"], extras_require=EXTRA,
      package_dir={{"": "lib"}}, python_requires=">=3.6", packages=find_packages("lib"))
"""
    found = recipe(tmp_path / "tree", {"setup.py": source, "lib/old/__init__.py": "", "tests/test_x.py": TEST})
    assert not canary.exists()
    assert {"attrs", "six>=1.10", "pytest-mock", "setuptools", "wheel"} <= set(fetched(found))
    assert found.roots == ("lib", ".")
    assert project_step(found).alternatives[-1] == ("uv", "pip", "install", "attrs", "six>=1.10")


@pytest.mark.parametrize(
    "source",
    [
        "from setuptools import setup\nraise RuntimeError('no')\nsetup(name='x')\n",
        "import sys\nsys.exit(3)\n",
        "from setuptools import setup\nsetup(name='x', install_requires=open('r.txt').read().split())\n",
        "this is no python\n",
    ],
)
def test_setup_py_that_cannot_be_told_statically_must_install(tmp_path: Path, source: str) -> None:
    found = recipe(tmp_path, {"setup.py": source, "test_x.py": TEST})
    assert project_step(found).alternatives[-1] == ("uv", "pip", "install", ".")


def test_extension_modules_must_be_built_and_their_sources_key_the_cache(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "fast"\n',
            "fast/_speed.c": "int x;\n",
            "fast/__init__.py": "",
            "tests/test_fast.py": TEST,
        },
    )
    assert project_step(found).alternatives[-1] == ("uv", "pip", "install", ".")
    assert "fast/_speed.c" in found.manifests


def test_setup_cfg_declares_requirements_extras_and_roots(tmp_path: Path) -> None:
    config = """
[metadata]
name = cfg
classifiers =
    Programming Language :: Python :: 3.7
[options]
install_requires =
    attrs  # a comment
    importlib-metadata; python_version < "3.8"
python_requires = >=3.7
package_dir =
    = source
[options.extras_require]
tests = coverage>=6
"""
    found = recipe(tmp_path, {"setup.cfg": config, "source/cfg.py": "", "tests/test_cfg.py": TEST})
    assert {"attrs", "coverage>=6"} <= set(fetched(found))
    assert found.roots == ("source", ".")
    assert project_step(found).argv[-1] == ".[tests]"


def test_requirement_files_are_followed_and_kept_as_manifests(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "requirements.txt": "flask>=2\n-r common.txt\n# comment\nrequests==2.31.0 --hash=sha256:00\n",
            "common.txt": "click\n-r requirements.txt\n",
            "requirements-dev.txt": "black\n",
            "tests/requirements.txt": "responses\nblack\n",
            "app.py": "",
            "tests/test_app.py": TEST,
        },
    )
    assert {"flask>=2", "click", "requests==2.31.0", "responses"} <= set(fetched(found))
    assert "black" not in fetched(found)
    assert set(found.manifests) == {"requirements.txt", "common.txt", "tests/requirements.txt"}
    needed = next(s for s in found.steps if s.argv[-2:] == ("-r", "requirements.txt"))
    assert not needed.optional


def test_requirement_file_cannot_reach_out_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret-package\n")
    found = recipe(tmp_path / "tree", {"requirements.txt": "-r ../outside.txt\nsix\n", "test_x.py": TEST})
    assert "secret-package" not in fetched(found)


def test_unusual_requirement_lines_are_left_to_the_installer(tmp_path: Path) -> None:
    files = {"requirements.txt": "six\n-e git+https://h.example/r.git#egg=r\n./vendored\n", "test_x.py": TEST}
    found = recipe(tmp_path, files)
    assert "six" in fetched(found)
    assert any(s.argv[-2:] == ("-r", "requirements.txt") and s.runs == "repository" for s in found.steps)


def test_tox_gives_dependencies_and_variables(tmp_path: Path) -> None:
    tox = """
[testenv]
deps =
    pytest-httpbin
    -r{toxinidir}/more.txt
    py27: mock<3
setenv =
    APP_MODE = testing
    DATA = {toxinidir}/data
    PYTHONPATH = evil
    HOME = {envtmpdir}
commands = pytest
"""
    found = recipe(tmp_path, {"tox.ini": tox, "more.txt": "six\n", "app.py": "", "test_app.py": TEST})
    assert {"pytest-httpbin", "six"} <= set(fetched(found))
    assert found.test.env == (("APP_MODE", "testing"), ("DATA", "/workspace/data"))


def test_nox_sessions_named_after_tests(tmp_path: Path) -> None:
    nox = "import nox\n@nox.session\ndef tests(session):\n    session.install('.', 'responses', '-r', 'x')\n"
    assert "responses" in fetched(recipe(tmp_path, {"noxfile.py": nox, "app.py": "", "test_app.py": TEST}))


def test_pipfile_and_its_lock(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "Pipfile": '[packages]\nflask = "*"\n[dev-packages]\nmock = ">=4"\n[requires]\npython_version = "3.9"\n',
            "Pipfile.lock": '{"default": {"flask": {"version": "==2.0.1"}}, "develop": {}}',
            "test_x.py": TEST,
        },
    )
    assert {"flask", "mock>=4"} <= set(fetched(found))
    assert next(s for s in found.steps if s.stdin).stdin == "flask==2.0.1\n"
    assert found.interpreter == "/pythons/3.9/bin/python3.9"


def test_missing_test_packages_are_added_from_imports_fixtures_and_markers(tmp_path: Path) -> None:
    test = """
import pytest, yaml, numpy as np, os, app, unknown_package
from hypothesis import given
from parameterized.parameterized import parameterized
@pytest.mark.asyncio
async def test_a(mocker): ...
@pytest.fixture
def benchmark(): ...
"""
    found = recipe(tmp_path, {"app.py": "import requests\n", "test_app.py": test})
    packages = set(fetched(found))
    assert {"pyyaml", "numpy", "hypothesis", "parameterized", "pytest-asyncio", "pytest-mock", "requests"} <= packages
    assert not {"unknown_package", "app", "os"} & packages
    first = next(s for s in found.steps if "--no-build" in s.argv)
    assert first.alternatives[-1] == ("uv", "pip", "install", "--no-build", "pytest", "coverage")


def test_local_package_is_not_taken_from_the_registry(tmp_path: Path) -> None:
    found = recipe(tmp_path, {"src/yaml/__init__.py": "", "tests/test_yaml.py": "import yaml\n" + TEST})
    assert "pyyaml" not in fetched(found)


def test_nose_style_setup_methods_get_an_older_runner(tmp_path: Path) -> None:
    test = "class TestOld:\n    def setup(self):\n        self.x = 1\n    def test_x(self):\n        assert self.x\n"
    assert "pytest<8" in fetched(recipe(tmp_path, {"test_old.py": test}))


def test_unittest_files_that_pytest_would_not_find(tmp_path: Path) -> None:
    test = "import unittest\nclass T(unittest.TestCase):\n    def test_x(self):\n        pass\n"
    found = recipe(tmp_path, {"calc.py": "", "tests.py": test})
    assert found.test.argv == ("python", "-m", "pytest", "-o", "python_files=test*.py")


def test_version_from_version_control_is_told(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[build-system]\nrequires = ["setuptools", "setuptools-scm"]\n[project]\nname = "x"\ndynamic = ["version"]\n',  # noqa: E501
        "test_x.py": TEST,
    }
    assert ("SETUPTOOLS_SCM_PRETEND_VERSION", "9999.0.0") in recipe(tmp_path, files).env
    assert ("SETUPTOOLS_SCM_PRETEND_VERSION", "1.4.0") in recipe(tmp_path, files, Overrides(version="1.4.0")).env
    files["PKG-INFO"] = "Metadata-Version: 2.1\nName: x\nVersion: 2.0.1\n"
    assert ("SETUPTOOLS_SCM_PRETEND_VERSION", "2.0.1") in recipe(tmp_path, files).env


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({"pyproject.toml": '[project]\nname="x"\nrequires-python = ">=3.12"\n'}, "3.12"),
        ({"pyproject.toml": '[project]\nname="x"\nrequires-python = "<3.10"\n'}, "3.9"),
        ({"setup.py": "setup(name='x', classifiers=['Programming Language :: Python :: 3.8'])"}, "3.8"),
        ({"setup.py": "setup(name='x', classifiers=['Programming Language :: Python :: 3.5'])"}, "3.8"),
        ({"setup.py": "setup(name='x', classifiers=['Programming Language :: Python :: 3.10'])"}, "3.11"),
        ({".python-version": "3.12\n"}, "3.12"),
        ({".python-version": "2.7.18\n"}, "3.11"),
        ({"pyproject.toml": '[project]\nname="x"\nrequires-python = "nonsense"\n'}, "3.11"),
    ],
)
def test_interpreter_follows_what_the_repository_declares(tmp_path: Path, files: dict[str, str], chosen: str) -> None:
    found = recipe(tmp_path, {**files, "test_x.py": TEST})
    assert found.interpreter == f"/pythons/{chosen}/bin/python{chosen}"
    assert bool(found.notes) == (chosen != "3.11")


def test_interpreter_that_no_machine_has_is_asked_for(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname="x"\nrequires-python = ">=3.99"\n', "test_x.py": TEST}
    with pytest.raises(EnvironmentUnknown, match=r"requires Python >=3\.99; this machine has 3\.11\.7.*--python"):
        recipe(tmp_path, files)
    with pytest.raises(EnvironmentUnknown, match=r"this machine has no Python 3\.99"):
        recipe(tmp_path, {"test_x.py": TEST}, Overrides(python="3.99"))


def test_broken_and_hostile_manifests_do_not_stop_detection(tmp_path: Path) -> None:
    found = recipe(
        tmp_path,
        {
            "pyproject.toml": "[project\n",
            "setup.cfg": "no section\n",
            "setup.py": "(" * 5_000,
            "requirements.txt": "==\n\x00\n" + "x" * 10_000,
            "poetry.lock": "[" * 10_000,
            "tox.ini": "[testenv]\ndeps = \xff\n",
            "test_x.py": TEST,
        },
    )
    assert found.language == "python"


def test_links_and_devices_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.toml"
    secret.write_text('[project]\nname = "x"\ndependencies = ["leaked"]\n')
    top = grow(tmp_path / "tree", {"test_x.py": TEST})
    (top / "pyproject.toml").symlink_to(secret)
    (top / "requirements.txt").symlink_to("/dev/zero")
    assert "leaked" not in fetched(detect(top, installed=PYTHONS))


def test_project_one_directory_down(tmp_path: Path) -> None:
    files = {"README.md": "", "backend/pyproject.toml": '[project]\nname = "x"\n', "backend/tests/test_x.py": TEST}
    found = recipe(tmp_path, files)
    assert found.directory == "backend"
    assert found.test.cwd == "backend"
    assert found.roots == ("backend", ".")
    assert found.manifests == ("backend/pyproject.toml",)
    assert project_step(found).cwd == "backend"


def test_several_projects_and_none_at_the_top(tmp_path: Path) -> None:
    """Which one is meant is said by the directory that is named, one of theirs as well, or by the repository's file."""
    files = {f"{name}/{file}": text for name in ("back", "front") for file, text in (
        ("setup.py", ""), ("tests/test_it.py", TEST), ("docs/requirements.txt", "sphinx\n"))}  # fmt: skip
    (note,) = recipe(tmp_path, {**files, "README": ""}).notes
    assert "several projects (back, front)" in note
    for named, project in {"back": "back", "back/docs": "back", "front/tests": "front", "": None, ".": None}.items():
        assert project_named(tmp_path, named) == project
    assert recipe(tmp_path, {}, Overrides(directory="back")).notes == ()
    grow(tmp_path, {".patchwright.yml": "directory: front\n"})
    assert project_named(tmp_path, "back") is None


def test_directory_that_the_user_points_at(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": '[project]\nname = "top"\n',
        "libs/a/setup.py": "setup(name='a')",
        "libs/a/test_a.py": TEST,
    }
    found = recipe(tmp_path, files, Overrides(directory="libs/a"))
    assert found.manifests == ("libs/a/setup.py",)
    with pytest.raises(EnvironmentUnknown, match="no directory 'libs/b'"):
        recipe(tmp_path, files, Overrides(directory="libs/b"))


def test_users_commands_replace_the_installation(tmp_path: Path) -> None:
    files = {"pyproject.toml": '[project]\nname = "x"\n', "test_x.py": TEST}
    found = recipe(tmp_path, files, Overrides(install=("pip install -e .", "make data"), test="pytest -x tests"))
    assert [s.argv[2] for s in found.steps if s.argv[0] == "sh"][:2] == ["pip install -e .", "make data"]
    assert "--seed" in found.steps[0].argv
    assert found.test.argv == ("python", "-m", "pytest", "-x", "tests")
    assert found.source == "flags"
