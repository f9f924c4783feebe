"""Which failures a log tells of, whatever printed it."""

from __future__ import annotations

import time

import pytest

from tools.logs import MAX_FAILURES, failures_in

PYTEST = """\
=================================== FAILURES ===================================
___________________________ test_add[a - b] ____________________________________

    def test_add(x):
>       assert add(1) == 2
E       AssertionError: assert 3 == 2

tests/test_calc.py:7: AssertionError
_________________________ TestSub.test_sub _________________________

    def test_sub(self):
>       helper()

tests/test_calc.py:12:
_ _ _ _ _ _ _ _ _ _ _

>       raise KeyError("x")
E       KeyError: 'x'

src/calc.py:3: KeyError
=========================== short test summary info ============================
FAILED tests/test_calc.py::test_add[a - b] - AssertionError: assert 3 == 2
FAILED tests/test_calc.py::TestSub::test_sub - KeyError: 'x'
========================= 2 failed, 1 passed in 0.05s ==========================
"""

UNITTEST = """\
======================================================================
ERROR: test_div (pkg.tests.TestCalc.test_div)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/workspace/pkg/tests.py", line 9, in test_div
    div(1, 0)
ZeroDivisionError: division by zero

======================================================================
FAIL: test_sum (pkg.tests.TestCalc)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/workspace/pkg/tests.py", line 12, in test_sum
    self.assertEqual(1, 2)
AssertionError: 1 != 2

----------------------------------------------------------------------
Ran 2 tests in 0.001s
"""


def kinds(log: str) -> dict[str | None, str | None]:
    return {failure.test: failure.crash.kind if failure.crash else None for failure in failures_in(log)}


def test_each_failure_of_pytest_has_its_own_crash() -> None:
    found = failures_in(PYTEST)
    assert kinds(PYTEST) == {
        "tests/test_calc.py::test_add[a - b]": "AssertionError",
        "tests/test_calc.py::TestSub::test_sub": "KeyError",
    }
    assert found[1].crash is not None
    assert [(f.file, f.line) for f in found[1].crash.frames] == [("tests/test_calc.py", 12), ("src/calc.py", 3)]


def test_sections_without_a_summary_still_name_their_tests() -> None:
    assert set(kinds(PYTEST.partition("=========================== short")[0])) == {
        "tests/test_calc.py::test_add[a - b]",
        "tests/test_calc.py::TestSub::test_sub",
    }


def test_a_summary_line_alone_tells_kind_and_message() -> None:
    (failure,) = failures_in("ERROR tests/test_a.py - ModuleNotFoundError: No module named 'x'\n")
    assert failure.test == "tests/test_a.py"
    assert failure.crash is not None
    assert (failure.crash.kind, failure.crash.message) == ("ModuleNotFoundError", "No module named 'x'")


def test_headers_of_unittest_become_ids_in_both_forms() -> None:
    assert kinds(UNITTEST) == {
        "pkg/tests.py::TestCalc::test_div": "ZeroDivisionError",
        "pkg/tests.py::TestCalc::test_sum": "AssertionError",
    }


@pytest.mark.parametrize(
    ("log", "test"),
    [
        ("=== RUN TestAdd\n--- FAIL: TestAdd (0.00s)\n    add_test.go:7: got 3, want 2\nFAIL\n", "TestAdd"),
        ("--- FAIL: TestT (0.00s)\n    --- FAIL: TestT/zero (0.00s)\n        t_test.go:9: bad\nFAIL\n", "TestT/zero"),
        ("---- tests::adds stdout ----\nthread 'tests::adds' panicked at src/lib.rs:9:5:\nbad\n", "tests::adds"),
        ("  ● calc › adds\n\n    expect(received).toBe(expected)\n      at f (src/calc.js:3:5)\n", "calc > adds"),
    ],
)
def test_headers_of_other_frameworks_name_the_test(log: str, test: str) -> None:
    found = [failure for failure in failures_in(log) if failure.test == test]
    assert len(found) == 1
    assert found[0].crash is not None


def test_colours_and_timestamps_of_hosted_runs_are_taken_off() -> None:
    stamped = "".join(f"2024-05-01T10:00:00.1234567Z \x1b[31m{line}\x1b[0m\n" for line in PYTEST.split("\n"))
    assert kinds(stamped) == kinds(PYTEST)


def test_a_lone_traceback_is_a_failure_without_a_test() -> None:
    (failure,) = failures_in('Traceback (most recent call last):\n  File "a.py", line 3, in f\nValueError: no\n')
    assert failure.test is None
    assert failure.crash is not None
    assert (failure.crash.kind, failure.summary) == ("ValueError", "ValueError: no")


def test_one_traceback_of_several_failures_is_not_pinned_on_the_first() -> None:
    log = "FAILED a.py::test_a\nFAILED a.py::test_b\n====\nTraceback (most recent call last):\nOSError: gone\n"
    assert kinds(log) == {"a.py::test_a": None, "a.py::test_b": None, None: "OSError"}


def test_an_error_line_is_the_summary_when_there_is_nothing_else() -> None:
    assert [failure.summary for failure in failures_in("all fine\nfatal: no space left\nbye\n")] == [
        "fatal: no space left"
    ]
    assert failures_in("all fine\n") == ()


def test_the_end_of_a_huge_log_is_read_and_the_number_of_failures_bounded() -> None:
    assert set(kinds("x" * 5_000_000 + "\n" + PYTEST)) == set(kinds(PYTEST))
    many = "".join(f"FAILED a.py::test_{n} - ValueError: {n}\n" for n in range(3_000))
    assert len(failures_in(many)) == MAX_FAILURES


@pytest.mark.parametrize(
    "log",
    [
        "\n" * 4_000_000,
        "FAILED " + "a.py::" * 600_000 + "[",
        "● " + " › " * 900_000,
        "\x1b]" * 2_000_000,
        "_" * 4_000_000,
    ],
)
def test_hostile_logs_take_no_longer_than_others(log: str) -> None:
    start = time.perf_counter()
    failures_in(log)
    assert time.perf_counter() - start < 5
