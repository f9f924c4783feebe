"""What a value of `--test` asks for."""

from __future__ import annotations

import pytest

from tools.testing.run import is_command, parse_test_argument
from tools.testing.run import test_ids as ids_of
from tools.testing.selection import matches, near, say_missing

COMMANDS = [
    *("pytest -x tests/a.py", "pytest", "pytest tests/a.py::t[a b]", "make check", "make", "npm test", "A=1 make"),
    *(
        "python3.11 -m unittest",
        "./run_tests.sh",
        "./check",
        "bundle exec rspec",
        "cd x && make",
        ".venv/bin/pytest -q",
    ),
]
IDS = [
    *("tests/a.py", "tests/a.py::T::t", "tests/a.py::t[a b]", "tests/a.py::t[a && b; c]", "tests/", "test_x", "TestX"),
    *("pkg.mod.Class.test", "a.test.js > calc > adds two", "src/lib.rs - f (line 3)", "mod::tests::t", "arith"),
    *("tests/a.py::t tests/b.py::u[x y]", ""),
]


@pytest.mark.parametrize("text", COMMANDS)
def test_command_lines_are_known(text: str) -> None:
    assert is_command(text)
    assert parse_test_argument(text, "pytest").ids == ()


@pytest.mark.parametrize("text", IDS)
def test_ids_are_no_commands(text: str) -> None:
    assert not is_command(text)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("pkg.mod.Class.test", ("pkg/mod.py::Class::test",)),
        ("pkg.mod.Class", ("pkg/mod.py::Class",)),
        ("tests/a.py::t[a b]", ("tests/a.py::t[a b]",)),
        ("tests/a.py::t tests/b.py::u[x y]", ("tests/a.py::t", "tests/b.py::u[x y]")),
        ("tests/a.py::Class", ("tests/a.py::Class",)),
        (" tests/a.py ", ("tests/a.py",)),
        ("test_x", ("test_x",)),
        ("", ()),
    ],
)
def test_ids_become_pytests(text: str, ids: tuple[str, ...]) -> None:
    assert parse_test_argument(text, "pytest").ids == ids
    assert ids_of(text) == ids


@pytest.mark.parametrize("text", ["a.test.js > calc > adds two", "example.com/x/TestAdd/Sub", "mod.Tests.x"])
def test_ids_of_other_frameworks_stay_as_they_are(text: str) -> None:
    assert parse_test_argument(text, "go").ids == (text,)


def test_an_id_matches_what_it_holds_and_its_own_last_name() -> None:
    assert matches("a.js", "a.js > calc > adds")
    assert matches("TestX", "example.com/p/TestX")
    assert not matches("TestX", "example.com/p/TestXY")


def test_unknown_names_are_told_with_near_ones() -> None:
    said = say_missing(near(["p/TestAd"], ["p/TestAdd", "p/Other"]))
    assert said == "no test matches p/TestAd; did you mean p/TestAdd?"
