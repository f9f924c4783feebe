"""Templates for the order of calls and for elements of nested containers."""

from __future__ import annotations

import pytest

from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.values import Suspect


def proposals(line: str, template: str) -> list[str]:
    """What a template makes of the body of a function."""
    source = f"def work(text, grid, names, key):\n    {line}\n"
    suspect = Suspect(file="m.py", line=2, end_line=2, function="work", function_line=1, score=1.0)
    found = candidates({"m.py": source}, [suspect], [])
    return [apply(source, c.edits).splitlines()[1].strip() for c in found if c.template == template]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("return unescape(text).replace('+', ' ')", "return unescape(text.replace('+', ' '))"),
        ("return unescape(text.replace('+', ' '))", "return unescape(text).replace('+', ' ')"),
        ("return sorted(set(names))", "return set(sorted(names))"),
        ("return round(sum(names), 2)", "return sum(round(names, 2))"),
        ("return text.strip().lower()", "return text.lower().strip()"),
        ("return (text or key).strip().lower()", "return (text or key).lower().strip()"),
        ("return quote(text + key).lower()", "return quote((text + key).lower())"),
    ],
)
def test_calls_are_applied_in_another_order(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "call-order")[:4]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("return range(len(grid))", "return range(len(grid[0]))"),
        ("return len(names[0])", "return len(names)"),
        ("return grid[key][-1]", "return grid[key]"),
    ],
)
def test_an_element_stands_for_the_whole(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "element")


def test_a_call_of_an_unpacked_argument_is_left_alone() -> None:
    assert proposals("return sorted(zip(*names))", "call-order") == []
