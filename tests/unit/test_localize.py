"""Localization: each signal raises its place, and says why."""

from __future__ import annotations

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
