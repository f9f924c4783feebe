"""Templates for values that are dropped."""

from __future__ import annotations

import pytest

from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.values import Suspect


def proposals(line: str, template: str) -> list[str]:
    """What a template makes of the body of a loop."""
    source = f"def work(self, other, names, name):\n    for key in names:\n        {line}\n    return names\n"
    suspect = Suspect(file="m.py", line=3, end_line=3, function="work", function_line=1, score=1.0)
    found = candidates({"m.py": source}, [suspect], [])
    changed = [apply(source, c.edits).splitlines()[2:-1] for c in found if c.template == template]
    return ["; ".join(line.strip() for line in lines) for lines in changed]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("self[key] == other[key]", "if self[key] != other[key]:; return False"),
        ("name == key", "name = key"),
        ("not names", "if names:; return False"),
        ("key in other", "if key not in other:; return False"),
        ("name.strip()", "name = name.strip()"),
        ("sorted(names)", "names = sorted(names)"),
        ("self.total.quantize(key)", "self.total = self.total.quantize(key)"),
    ],
)
def test_a_dropped_value_is_used(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "dropped-value")[:3]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("names = names.sort()", "names.sort()"),
        ("other = names.sort(key=len)", "names.sort(key=len); other = names"),
        ("other = names.sort(key=len)", "other = sorted(names, key=len)"),
        ("return names.append(key)", "names.append(key); return names"),
    ],
)
def test_the_none_of_a_changing_method_is_no_value(line: str, wanted: str) -> None:
    assert wanted in proposals(line, "none-of-method")[:2]


def test_a_method_that_changes_its_object_is_left_alone() -> None:
    assert proposals("names.append(key)", "dropped-value") == []


@pytest.mark.parametrize("branch", ["else:", "elif name:"])
def test_a_dropped_value_goes_where_the_other_branch_stores_its_own(branch: str) -> None:
    source = (
        "def update(data, field, value, name):\n"
        "    if callable(value):\n        value(data[field], field)\n"
        f"    {branch}\n        data[field] = value\n"
    )
    suspect = Suspect(file="m.py", line=3, end_line=3, function="update", function_line=1, score=1.0)
    first = [
        apply(source, c.edits) for c, _ in zip(candidates({"m.py": source}, [suspect], []), range(3), strict=False)
    ]
    assert source.replace("        value(data", "        data[field] = value(data") in first
