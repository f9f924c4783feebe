"""A `try` around one of several calls of a function that raises, and around faults from further down: no repairs."""

from __future__ import annotations

import itertools
import re

import pytest

from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.repair.hiding import FAULTS
from tools.values import Candidate, Crash, Frame, Suspect

FILE, TESTS = "shop/prices.py", "tests/test_prices.py"
PARSE = "def parse(text):\n    return int(text)\n\n\ndef total(row):\n    price = parse(row)\n    return price\n"
METHOD = (
    "class Shop:\n    def parse(self, text):\n        return int(text)\n\n"
    "    def total(self, row):\n        price = self.parse(row)\n        return price\n"
)


def proposed(code: str, kind: str, frames: list[tuple[str, int]], *, tests: str = "", **others: str) -> list[Candidate]:
    """What the templates for exceptions propose; frames: outermost first, all but those of tests suspected."""
    sources = {FILE: code, **{f"shop/{name}.py": text for name, text in others.items()}}
    crash = Crash(kind=kind, message="invalid", frames=tuple(Frame(file=file, line=line) for file, line in frames))
    suspects = [
        Suspect(file=file, line=line, end_line=line, function="", function_line=1, score=1.0)
        for file, line in frames
        if file != TESTS
    ]
    found = candidates(sources, suspects, [crash], test_sources={TESTS: tests})
    return [c for c in itertools.islice(found, 600) if c.template in ("try-around", "raised-as-elsewhere")]


def hides(found: list[Candidate], line: int) -> bool:
    """Whether an exception is kept from what comes after, by a `try` around a line."""
    return any(c.line == line and "raise" not in c.description for c in found)


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ("", True),
        ("def cheapest(rows):\n    return min(parse(row) for row in rows)\n", False),
        (
            "def cheap(row):\n    try:\n        return parse(row)\n    except (KeyError, ValueError):\n        pass\n",
            True,
        ),
        ("def cheap(row):\n    try:\n        return parse(row)\n    except KeyError:\n        return 0\n", False),
        ("def cheap(row):\n    try:\n        return 0\n    except ValueError:\n        return parse(row)\n", False),
        ("def cheap(reader, row):\n    return reader.read(row)\n", True),
    ],
)
def test_one_call_of_many_is_not_guarded(more: str, offered: bool) -> None:
    """`price = None` on ValueError helps one caller; where others call too, the function that raises is mended."""
    found = proposed(f"{PARSE}\n\n{more}", "ValueError", [(TESTS, 3), (FILE, 6), (FILE, 2)])
    assert hides(found, 6) is offered
    assert hides(found, 2)


def test_callers_in_other_files_count() -> None:
    """The repository is one."""
    other = "from shop.prices import parse\n\n\ndef discount(text):\n    return parse(text) // 2\n"
    assert not hides(proposed(PARSE, "ValueError", [(TESTS, 3), (FILE, 6), (FILE, 2)], bills=other), 6)


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ("    def half(self, row):\n        return self.parse(row) // 2\n", False),
        ("    def half(self, row):\n        return row.read() // 2\n", True),
        ("\nclass Bill:\n    def parse(self): ...\n    def half(self):\n        return self.parse()\n", True),
    ],
)  # fmt: skip
def test_methods_are_told_by_their_class(more: str, offered: bool) -> None:
    """Another class's method of the same name is another method."""
    found = proposed(f"{METHOD}\n{more}", "ValueError", [(TESTS, 3), (FILE, 6), (FILE, 3)])
    assert hides(found, 6) is offered


def test_an_exception_made_another_one_may_be_caught_at_one_call() -> None:
    """Only this caller may owe its own callers that class."""
    more = (
        "class PriceError(Exception):\n    pass\n\n\ndef cheapest(rows):\n    return min(parse(row) for row in rows)\n"
    )
    code, tests = f"{PARSE}\n\n{more}", "with raises(PriceError): total('x')"
    found = proposed(code, "ValueError", [(TESTS, 3), (FILE, 6), (FILE, 2)], tests=tests)
    assert any(c.line == 6 and "raise PriceError" in c.description for c in found)


@pytest.mark.parametrize("kind", sorted(FAULTS - {"AssertionError"}))
def test_faults_from_further_down_are_no_errors_of_input(kind: str) -> None:
    """`raise PriceError from error` would give the bug in `parse` a new name; in `parse` itself it may be right."""
    code = f"{PARSE}\n\nclass PriceError(Exception):\n    pass\n"
    tests = "with raises(PriceError): total('x')"
    found = proposed(code, kind, [(TESTS, 3), (FILE, 6), (FILE, 2)], tests=tests)
    assert {c.line for c in found} == {2}
    asked = code.replace(
        "    return price\n", "    if not price:\n        raise PriceError('no price')\n    return price\n"
    )
    assert {c.line for c in proposed(asked, kind, [(TESTS, 3), (FILE, 6), (FILE, 2)], tests=tests)} == {2}


def test_faults_of_what_a_caller_handed_in_may_be_renamed() -> None:
    """A callback of the tests raises: nothing in the repository is at fault."""
    code = "class PriceError(Exception):\n    pass\n\n\ndef total(read):\n    price = read()\n    return price\n"
    tests = "with raises(PriceError): total(broken)"
    found = proposed(code, "TypeError", [(TESTS, 9), (FILE, 6), (TESTS, 3)], tests=tests)
    assert any(c.line == 6 for c in found)


ENTRY = """class Entry:
    def compare(self, other):
        return (self.context or 0) > (other.context or 0)

    def __ne__(self, other):
        return self.compare(other) != 0
"""
LESS = "\n    def __lt__(self, other):\n        return self.compare(other) < 0\n"
AT = [(TESTS, 3), (FILE, 6), (FILE, 3)]


def written(
    code: str, kind: str = "TypeError", frames: list[tuple[str, int]] = AT, message: str = "invalid"
) -> list[str]:
    """What candidates make of the line of `__ne__`."""
    crash = Crash(kind=kind, message=message, frames=tuple(Frame(file=file, line=line) for file, line in frames))
    suspect = Suspect(file=FILE, line=6, end_line=6, function="", function_line=5, score=1.0)
    found = itertools.islice(candidates({FILE: code}, [suspect], [crash]), 3000)
    return [apply(code, c.edits).split("\n")[5].strip() for c in found]


def bypasses(lines: list[str]) -> list[str]:
    """Those that end the function without the comparison, or come to it only now and then."""
    ends = [line for line in lines if line.startswith(("return", "yield", "raise", "pass"))]
    return [line for line in ends if not re.match(r"return (?:(?!\b(?:or|and|yield|else)\b).)*self\.compare\(", line)]


def test_what_goes_round_a_fault_that_others_meet_is_no_repair() -> None:
    """`other is not None`, `self.context or self.compare(other)`, `yield self.compare(other)`: `<` still crashes."""
    lines = written(ENTRY + LESS)
    assert len(lines) > 20
    assert bypasses(lines) == []


@pytest.mark.parametrize(
    ("code", "kind", "frames"),
    [
        (ENTRY, "TypeError", AT),
        (ENTRY + LESS, "ValueError", AT),
        (ENTRY + LESS, "TypeError", [(TESTS, 3), (FILE, 6)]),
        (ENTRY + LESS.replace("self.compare(other) < 0", "self.context < 0"), "TypeError", AT),
    ],
)
def test_what_nobody_else_meets_may_be_gone_round(code: str, kind: str, frames: list[tuple[str, int]]) -> None:
    """The only caller; an error of input; a fault of the line itself."""
    assert bypasses(written(code, kind, frames))


def test_another_call_may_take_the_place() -> None:
    """The wrong function was called: that is mended where it is called."""
    code = f"{ENTRY}{LESS}\n    def differs(self, other):\n        return self.context != other.context\n"
    assert any("self.differs(" in line for line in written(code))


def test_none_may_be_asked_for_where_the_call_is() -> None:
    """That a function cannot do with None is no fault of its own; but it is still called."""
    lines = written(ENTRY + LESS, "AttributeError", message="'NoneType' object has no attribute 'context'")
    assert "return other is not None and self.compare(other) != 0" in lines
    assert not [line for line in lines if line.startswith("return") and "compare" not in line]
