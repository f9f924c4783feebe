"""Candidates that take back parts of a commit."""

from __future__ import annotations

import pytest

from tools.patches import FileChange, diff_of
from tools.repair.edits import apply
from tools.repair.revert import reverts

BEFORE = """\
def first(items):
    if not items:
        return None
    return items[0]


def last(items):
    low = len(items) - 1
    return items[low]
"""
AFTER = """\
def first(items):
    return items[0]


def last(items):
    low = len(items)
    return items[low]


def middle(items):
    return items[len(items) // 2]
"""


def diff(before: str = BEFORE, after: str = AFTER) -> str:
    return diff_of([FileChange(path="m.py", old=before, new=after)])


def results(today: str, culprit: str) -> list[str]:
    return [apply(today, candidate.edits) for candidate in reverts({"m.py": today}, culprit)]


def test_each_run_of_changed_lines_is_taken_back_alone() -> None:
    found = results(AFTER, diff())
    assert (
        AFTER.replace("    return items[0]\n", "    if not items:\n        return None\n    return items[0]\n") in found
    )
    assert AFTER.replace("low = len(items)\n", "low = len(items) - 1\n") in found


def test_the_whole_file_is_taken_back_last() -> None:
    assert results(AFTER, diff())[-1] == BEFORE


def test_lines_that_changed_one_for_one_are_taken_back_one_by_one() -> None:
    before = "def f(a):\n    b = a + 1\n    c = b * 2\n    return c\n"
    after = "def f(a):\n    b = a + 2\n    c = b * 3\n    return c\n"
    found = results(after, diff(before, after))
    assert "def f(a):\n    b = a + 1\n    c = b * 3\n    return c\n" in found
    assert "def f(a):\n    b = a + 2\n    c = b * 2\n    return c\n" in found


def test_parts_are_found_where_later_commits_have_moved_them() -> None:
    today = "import os\n\n\nNAME = os.sep\n\n\n" + AFTER
    assert today.replace("low = len(items)\n", "low = len(items) - 1\n") in results(today, diff())


def test_parts_that_are_gone_are_left_out() -> None:
    today = AFTER.replace("    low = len(items)\n    return items[low]\n", "    return items[-1]\n")
    assert all("len(items) - 1" not in text for text in results(today, diff()))


@pytest.mark.parametrize("culprit", ["", "no diff", "--- a/../m.py\n+++ b/../m.py\n@@ -1 +1 @@\n-a\n+b\n"])
def test_a_diff_that_cannot_be_read_gives_no_candidate(culprit: str) -> None:
    assert results(AFTER, culprit) == []


def test_code_that_would_not_parse_is_left_out() -> None:
    before = "if True:\n    a = 1\nb = 2\n"
    after = "a = 1\nb = 2\n"
    found = results(after, diff(before, after))
    assert found == [before]


def test_windows_newlines_stay() -> None:
    before, after = BEFORE.replace("\n", "\r\n"), AFTER.replace("\n", "\r\n")
    assert before in results(after, diff(before, after))
