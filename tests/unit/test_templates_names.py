"""Templates that exchange objects, and those that keep a running extreme."""

from __future__ import annotations

import pytest

from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.values import Suspect

SOURCE = """\
class Fraction:
    def __init__(self, top, bottom):
        self.top = top
        self.bottom = bottom

    def less(self, other, start, gaps):
        year = start.year + other.top + other.bottom
        cursor = start.month
        for gap in gaps:
            {line}
        return cursor
"""


def proposals(line: str, template: str) -> list[str]:
    """What a template makes of the body of the loop."""
    source = SOURCE.format(line=line)
    suspect = Suspect(file="m.py", line=10, end_line=10, function="Fraction.less", function_line=6, score=1.0)
    found = candidates({"m.py": source}, [suspect], [])
    return [apply(source, c.edits).splitlines()[9].strip() for c in found if c.template == template]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("print(self.top, other.bottom)", "print(self.top, self.bottom)"),
        ("print(self.top, gap)", "print(other.top, gap)"),
        ("print(start.year)", "print(year)"),
        ("print(year)", "print(start.year)"),
    ],
)
def test_the_same_attribute_of_another_object(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "other-object")[:4]


@pytest.mark.parametrize("wanted", ["cursor = max(cursor, gap)", "cursor = min(cursor, gap)"])
def test_a_value_that_is_overwritten_is_compared_first(wanted: str) -> None:
    assert wanted in proposals("cursor = gap", "running-extreme")


def test_nothing_is_compared_with_a_text() -> None:
    assert proposals("cursor = 'x'", "running-extreme") == []


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("cursor = gaps[:]", "cursor = [row[:] for row in gaps]"),
        ("cursor = list(gaps)", "cursor = [row[:] for row in gaps]"),
        ("cursor = gaps.copy()", "cursor = {key: list(value) for key, value in gaps.items()}"),
    ],
)
def test_a_copy_goes_deeper(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "deeper-copy")


def test_a_field_is_exchanged_for_another_of_the_same_class() -> None:
    assert "print(gap.bottom)" in proposals("print(gap.top)", "attribute")


def test_usual_options_of_standard_methods_are_tried() -> None:
    assert "gaps.popitem(last=False)" in proposals("gaps.popitem()", "argument-add")
