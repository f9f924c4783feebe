"""The guard names what a patch may not do, and nothing else."""

from __future__ import annotations

import pytest

from tools.guard import inspect
from tools.patches import FileChange


def rules(path: str, old: str | None, new: str | None, failing: tuple[str, ...] = ("tests/test_a.py",)) -> set[str]:
    return {f.rule for f in inspect([FileChange(path=path, old=old, new=new)], failing_files=failing)}


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("tests/test_a.py", "failing-test"),
        ("tests/conftest.py", "test-config"),
        ("pytest.ini", "test-config"),
        ("vitest.config.mts", "test-config"),
        (".mocharc.json", "test-config"),
        (".github/workflows/ci.yml", "ci-config"),
        (".gitlab-ci.yml", "ci-config"),
        ("uv.lock", "lock-file"),
        (".patchwright.yml", "patchwright"),
        ("src/sitecustomize.py", "startup-hook"),
        ("evil.pth", "startup-hook"),
    ],
)
def test_protected_paths_are_refused(path: str, rule: str) -> None:
    assert rule in rules(path, "a = 1\n", "a = 2\n")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("x = 1\n", "import pytest\npytest.skip('no')\n", "skip"),
        ("x = f()\n", "try:\n    x = f()\nexcept Exception:\n    x = 0\n", "broad-except"),
        ("x = f()\n", "try:\n    x = f()\nexcept:\n    x = 0\n", "broad-except"),
        ("x = f()\n", "with contextlib.suppress(Exception):\n    x = f()\n", "broad-except"),
        ("x = 1\n", "import time\ntime.sleep(3)\n", "sleep"),
        ("x = 1\n", "import os\nif 'PYTEST_CURRENT_TEST' in os.environ:\n    x = 2\n", "test-aware"),
        ("x = 1\n", "import sys\nif 'pytest' in sys.modules:\n    x = 2\n", "test-aware"),
        ("def f(x):\n    assert x\n    return x\n", "def f(x):\n    return x\n", "weakened-check"),
        ("def f(x):\n    if not x:\n        raise ValueError(x)\n", "def f(x):\n    return None\n", "weakened-check"),
        ("x = 1\n", "import os\nos._exit(0)\n", "exit"),
        ("x = 1\n", "x = (\n", "syntax"),
    ],
)
def test_texts_that_hide_a_failure_are_refused(old: str, new: str, rule: str) -> None:
    assert rule in rules("src/a.py", old, new)


REACHING = {
    "patches the runner": "import _pytest.runner as r\nr.call_and_report = print\n",
    "patches it by another name": "runner = __import__('pyte' + 'st')\nrunner.Function.runtest = print\n",
    "looks for the probe": "import gc\nfor each in gc.get_objects():\n    each = None\n",
    "asks which modules are there": "import sys as s\nif any('test' in name for name in s.modules):\n    x = 2\n",
    "asks who calls": "from sys import _getframe as f\nx = f(1).f_code.co_name\n",
    "traces": "import threading\nthreading.settrace(print)\n",
}


@pytest.mark.parametrize("what", REACHING)
def test_code_that_newly_reaches_for_its_tests_is_refused(what: str) -> None:
    """In a file that did so before, it is no finding."""
    assert "test-aware" in rules("src/a.py", "x = 1\n", REACHING[what])
    assert rules("src/a.py", REACHING[what], REACHING[what] + "y = 1\n") == set()


def test_new_tests_may_use_their_runner_and_not_change_it() -> None:
    clean = "import sys\nimport pytest\n\n\n@pytest.fixture\ndef a():\n    return sys.modules\n"
    assert rules("tests/test_b.py", None, clean) == set()
    assert "test-aware" in rules("tests/__init__.py", "", "import pytest\npytest.Function.runtest = print\n")


@pytest.mark.parametrize(
    "path",
    ["pytest.py", "_pytest/__init__.py", "src/pluggy.py", "json.py", "src/os/path.py", "tests/unittest.py",
     "__pycache__/a.cpython-311.pyc", "json.cpython-311-x86_64-linux-gnu.so"],
)  # fmt: skip
def test_a_new_module_in_place_of_another_is_refused(path: str) -> None:
    assert "shadow" in rules(path, None, "a = 1\n")


@pytest.mark.parametrize("path", ["shop/json.py", "src/shop/types.py", "tests/test_b.py", "docs/json.rst", "src/a.py"])
def test_a_new_module_of_its_own_package_is_clean(path: str) -> None:
    assert rules(path, None, "a = 1\n") == set()


def test_a_module_that_was_there_may_be_mended() -> None:
    assert rules("json.py", "a = 1\n", "a = 2\n") == set()


def test_a_comparison_that_is_always_true_is_refused() -> None:
    new = "class Any(int):\n    def __eq__(self, other):\n        'Yes.'\n        return True\n"
    assert "weakened-check" in rules("src/a.py", "x = 1\n", new)
    assert rules("src/a.py", "x = 1\n", new.replace("True", "self is other")) == set()


def test_plain_fix_is_clean() -> None:
    """A changed operator and a narrower except are no findings."""
    old = "def f(a):\n    try:\n        return a > 1\n    except KeyError:\n        raise\n"
    assert rules("src/a.py", old, old.replace(">", ">=").replace("KeyError", "LookupError")) == set()


def test_existing_faults_are_not_the_patchs() -> None:
    """A broad except that was there before is not counted against the patch."""
    old = "try:\n    x = 1\nexcept Exception:\n    x = 2\n"
    assert rules("src/a.py", old, old.replace("2", "3")) == set()


def test_a_rule_can_be_allowed_by_name() -> None:
    change = FileChange(path="uv.lock", old="1", new="2")
    assert inspect([change], failing_files=(), allow=("lock-file",)) == ()


def test_pytest_section_of_pyproject_is_test_configuration() -> None:
    old = "[project]\nname = 'a'\n[tool.pytest.ini_options]\naddopts = '-q'\n"
    assert "test-config" in rules("pyproject.toml", old, old.replace("-q", "-x"))
    assert rules("pyproject.toml", old, old.replace("'a'", "'b'")) == set()


def test_the_way_tests_are_run_in_makefiles_and_packages_is_test_configuration() -> None:
    """Other targets and fields are not."""
    make = "all: a.o\n\tcc a.o\n\ntest: all\n\t./run\n\techo done\n\nclean:\n\trm a.o\n"
    assert "test-config" in rules("Makefile", make, make.replace("./run", "true"))
    assert rules("Makefile", make, make.replace("cc a.o", "cc -O2 a.o").replace("rm a.o", "rm -f a.o")) == set()
    package = '{"scripts": {"build": "tsc", "test": "jest"}, "jest": {"bail": 0}, "dependencies": {"a": "1"}}'
    assert "test-config" in rules("package.json", package, package.replace('"jest"}', '"true"}'))
    assert "test-config" in rules("package.json", package, package.replace("bail", "passWithNoTests"))
    assert rules("package.json", package, package.replace('"1"', '"2"').replace("tsc", "tsc -b")) == set()
