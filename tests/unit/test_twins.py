"""An edit is repeated where the code reads alike, adapted to the names there, and nowhere else."""

from __future__ import annotations

import pytest

from tools.repair.edits import apply
from tools.repair.twins import MAX_TWINS, Twins
from tools.values import Candidate, Edit

FILE = "span.py"
SOURCE = """\
class Span:
    def within(self, x):
        if self.low < x:
            return sorted(self.parts)
        return []

    def above(self, x):
        if self.high < x:
            return sorted(self.parts)
        self.seen(x)
        return None


class Other:
    def parts(self):
        return len(sorted(self.parts))

    def named(self, x):
        self.seen(x)
"""


def repeated(source: str, old: str, new: str) -> list[str]:
    """What the file becomes with the edit of the first `old` repeated, in the order of the candidates."""
    start = source.index(old)
    edit = Edit(file=FILE, start=start, end=start + len(old), text=new)
    single = Candidate(id="c", edits=(edit,), template="x", line=1, description="d", prior=0.5, score=0.5)
    return [apply(source, twin.edits) for twin in Twins({FILE: source}).of(single)]


def test_same_text_is_edited_in_the_class_then_in_the_file() -> None:
    """The innermost home with a twin comes first."""
    old, new = "sorted(self.parts)", "list(self.parts)"
    found = repeated(SOURCE, old, new)
    assert found[0] == SOURCE.replace(old, new, 2)
    assert found[1] == SOURCE.replace(old, new)


def test_what_is_repeated_already_is_not_repeated_again() -> None:
    start = SOURCE.index("sorted")
    edit = Edit(file=FILE, start=start, end=start + 6, text="list")
    single = Candidate(id="c", edits=(edit,), template="x", line=1, description="d", prior=0.5, score=0.5)
    twins = Twins({FILE: SOURCE})
    found = list(twins.of(single))
    assert found
    assert not any(list(twins.of(twin)) for twin in found)


def test_names_are_adapted_where_no_text_is_the_same() -> None:
    found = repeated(SOURCE, "self.low < x", "self.low <= x")
    assert found == [SOURCE.replace("low < x", "low <= x").replace("high < x", "high <= x")]


def test_inserted_lines_take_the_indentation_of_their_twin() -> None:
    source = SOURCE.replace(
        "        self.seen(x)\n        return", "        if x:\n            self.seen(x)\n        return"
    )
    found = repeated(source, "            self.seen(x)\n", "            self.seen(x)\n            self.count += 1\n")
    assert "    def named(self, x):\n        self.seen(x)\n        self.count += 1\n" in found[0]
    assert "            self.seen(x)\n            self.count += 1\n        return" in found[0]


@pytest.mark.parametrize(("old", "new"), [("return None", "return 1"), ("x", "y"), ("return []", "return [x]")])
def test_places_that_say_little_have_no_twins(old: str, new: str) -> None:
    assert repeated(SOURCE, old, new) == []


def test_an_idiom_has_no_twins() -> None:
    """What stands everywhere is no copied mistake."""
    source = "def f(a, b):\n" + "    print(a + b)\n" * (MAX_TWINS + 3)
    found = repeated(source, "a + b", "a - b")
    assert all(text.count("a - b") == 2 for text in found)
    assert len(found) == MAX_TWINS


def test_result_that_does_not_compile_is_left_out() -> None:
    source = "def f(x):\n    for y in x:\n        g(y, x)\n        break\n    g(y, x)\n"
    assert repeated(source, "        g(y, x)\n", "        continue\n") == []
