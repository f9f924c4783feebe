"""Localization: each signal raises its place, and says why."""

from __future__ import annotations

import pytest

from tools.localize.outline import outline
from tools.localize.rank import Observed, functions, rank
from tools.localize.spectrum import ochiai
from tools.values import Coverage, Crash, Frame, TestResult

SOURCE = """\
import functools


@functools.cache
def total(items):
    amount = 0
    for item in items:
        amount += item
    return amount


class Cart:
    def add(self, item):
        self.items.append(item)

    def discount(self, rate):
        if rate > 1:
            raise ValueError(rate)
        return total(self.items) * rate
"""


def failing(name: str, crash: Crash | None = None) -> TestResult:
    return TestResult(id=f"tests/test_cart.py::{name}", status="failed", crash=crash)


def test_ochiai_follows_its_formula() -> None:
    """failed / sqrt(all failed * executed)."""
    coverage = Coverage(tests=("f", "p", "q"), lines={"a.py": {1: (0, 1, 2), 2: (0,), 3: (1,)}})
    scores = ochiai(coverage, {"f"}, {"p", "q"})
    assert scores == {("a.py", 1): 1 / 3**0.5, ("a.py", 2): 1.0}


def test_line_run_only_by_the_failing_test_leads() -> None:
    coverage = Coverage(
        tests=("tests/test_cart.py::test_x", "p"),
        lines={"cart.py": {6: (0, 1), 7: (0, 1), 13: (1,), 16: (0,), 17: (0,)}},
    )
    found = rank(Observed([failing("test_x")], ["p"], {"cart.py": SOURCE}, coverage))
    assert (found[0].function, found[0].line) == ("Cart.discount", 16)
    assert any("Ochiai" in signal.detail for signal in found[0].signals)


def test_innermost_frame_leads_without_coverage() -> None:
    frames = (Frame(file="tests/test_cart.py", line=3), Frame(file="cart.py", line=18), Frame(file="cart.py", line=8))
    crash = Crash(kind="TypeError", message="unsupported operand", frames=frames)
    found = rank(Observed([failing("test_x", crash)], [], {"cart.py": SOURCE}))
    assert [name for _, name, _ in functions(found)] == ["total", "Cart.discount"]


def test_callee_of_a_failed_binding_is_suspected() -> None:
    """The message names a function that no frame is in."""
    crash = Crash(kind="TypeError", message="discount() missing 1 required positional argument: 'rate'")
    found = rank(Observed([failing("test_x", crash)], [], {"cart.py": SOURCE}))
    assert found[0].function == "Cart.discount"


def test_change_and_name_break_a_tie() -> None:
    lines: dict[int, tuple[int, ...]] = {8: (0, 1), 13: (0, 1), 16: (0, 1)}
    coverage = Coverage(tests=("tests/test_cart.py::test_total", "p"), lines={"cart.py": lines})
    found = rank(Observed([failing("test_total")], ["p"], {"cart.py": SOURCE}, coverage))
    assert functions(found)[0][1] == "total"
    changed = {"cart.py": {13: 1.0}}
    found = rank(Observed([failing("test_x")], ["p"], {"cart.py": SOURCE}, coverage, changed))
    assert functions(found)[0][1] == "Cart.add"


def test_every_covered_statement_keeps_half_of_its_functions_score() -> None:
    coverage = Coverage(tests=("tests/test_cart.py::test_x", "p", "q"), lines={"cart.py": {6: (0, 1, 2), 8: (0,)}})
    found = rank(Observed([failing("test_x")], ["p", "q"], {"cart.py": SOURCE}, coverage))
    best = max(s.score for s in found)
    assert all(s.score >= best / 2 for s in found if s.function == "total")


def test_nothing_observed_gives_nothing() -> None:
    assert rank(Observed([failing("test_x")], [], {"cart.py": SOURCE})) == ()


def test_outline_survives_what_cannot_be_parsed() -> None:
    assert outline("def broken(:\n").functions == ()
    assert outline("\0").functions == ()
    assert outline("(" * 5000).functions == ()


TABLES = '''\
"""Some phrases."""


def humanize(locale, count):
    return locale.phrases["seconds"].format(count)


class English:
    phrases = {
        "now": "just now",
        "seconds": "{0} several seconds",
    }


class Welsh:
    phrases = {"now": "nawr", "seconds": "{0} eiliad"}
'''


def differing(message: str) -> TestResult:
    return failing("test_plural", Crash(kind="AssertionError", message=message))


def test_a_table_that_holds_the_differing_word_is_suspected() -> None:
    """The body of a class runs before the tests: coverage cannot tell, the compared texts do."""
    coverage = Coverage(tests=("tests/test_cart.py::test_plural", "p"), lines={"phrases.py": {5: (0, 1)}})
    result = differing("assert '2 several seconds' == '2 seconds'\n\n  - 2 seconds")
    found = rank(Observed([result], ["p"], {"phrases.py": TABLES}, coverage))
    table = next(suspect for suspect in found if suspect.function == "<module>")
    assert (table.line, table.end_line) == (9, 12)
    assert [signal.name for signal in table.signals] == ["text"]
    assert {name for _, name, _ in functions(found)[:2]} == {"humanize", "<module>"}


def test_words_that_are_everywhere_or_in_prose_tell_nothing() -> None:
    """Many tables with the word, docstrings, a comparison of other values, another kind of failure."""
    many = "\n".join(f"T{n} = {{'a': 'several'}}" for n in range(4))
    for source, message in (
        (many, "assert '2 several seconds' == '2 seconds'"),
        ('"""several"""\n\n\nclass A:\n    """several"""\n', "assert '2 several seconds' == '2 seconds'"),
        (TABLES, "assert ['several'] == []"),
        (TABLES, "assert 'several"),
    ):
        assert rank(Observed([differing(message)], [], {"phrases.py": source})) == ()
    error = failing("test_plural", Crash(kind="KeyError", message="'several' == 'x'"))
    assert rank(Observed([error], [], {"phrases.py": TABLES})) == ()


PACKAGE = {
    "shop/__init__.py": '"""A shop."""\n\nfrom shop.cart import *\n\nNAME = "shop"\n',
    "shop/shop.py": "import shop\n",
    "shop/cart.py": '_LOOP = re.compile("for")\nRATES = {"de": 19}\n\n\ndef total(items):\n    return sum(items)\n',
}


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("module 'shop' has no attribute '__version__'", ("shop/__init__.py", 3)),
        ("cannot import name 'rate' from 'shop.cart' (/srv/shop/cart.py)", ("shop/cart.py", 1)),
    ],
)
def test_module_that_lacks_a_name_is_suspected_at_its_imports(message: str, line: tuple[str, int]) -> None:
    """Its code ran at import, before every test: no spectrum and no frame leads there."""
    found = rank(Observed([failing("test_x", Crash(kind="AttributeError", message=message))], [], PACKAGE))
    assert [(s.file, s.line, s.function) for s in found] == [(*line, "<module>")]


def test_value_that_the_test_reads_is_suspected_behind_what_it_runs() -> None:
    """Alone it leads; beside a spectrum it is one place more, and no more than that."""
    crash = Crash(kind="AssertionError", message="assert None", text="    def test_x():\n>   assert _LOOP.match('x')")
    found = rank(Observed([failing("test_x", crash)], [], PACKAGE))
    assert [(s.file, s.line) for s in found] == [("shop/cart.py", 1)]
    coverage = Coverage(tests=("tests/test_cart.py::test_x", "p"), lines={"shop/cart.py": {6: (0,)}})
    found = rank(Observed([failing("test_x", crash)], ["p"], PACKAGE, coverage))
    assert [s.line for s in found] == [6, 1]
    assert found[1].score < found[0].score / 3
