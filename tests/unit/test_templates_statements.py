"""Statements inserted, deleted, moved, accumulated: human faults are mended early, and every proposal is valid code.

statement_faults.txt: `== template: what went wrong`, then lines of a file, those of the faulty code marked `-`, those
of the right code `+`. awkward_code.txt: `== name`, then code that is hard to edit.
"""

from __future__ import annotations

import itertools
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.faults import Fault, faults, sections
from tests.fakes.forms import FORMS, with_carriage_returns, with_tabs
from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.repair.site import Template
from tools.repair.templates import (
    accumulators,
    bindings,
    branches,
    comprehensions,
    elsewhere,
    flags,
    moves,
    normalised,
    statements,
)
from tools.values import Candidate, Crash, Frame, Suspect

EARLY = 250
OWN = {
    value.name
    for module in (accumulators, bindings, branches, comprehensions, elsewhere, flags, moves, normalised, statements)
    for value in vars(module).values()
    if isinstance(value, Template)
}


HERE = Path(__file__).parent
FAULTS = faults(HERE / "statement_faults.txt")


def proposed(code: str, *, limit: int, crashes: tuple[Crash, ...] = ()) -> list[Candidate]:
    """What is proposed for a file of which every line is suspected alike."""
    count = len(code.splitlines())
    suspects = [
        Suspect(file="m.py", line=line, end_line=line, function="f", function_line=1, score=1.0)
        for line in range(1, count + 1)
    ]
    return list(itertools.islice(candidates({"m.py": code}, suspects, crashes), limit))


def tried(code: str, right: str, *, limit: int = EARLY, crashes: tuple[Crash, ...] = ()) -> int:
    """How many candidates are tried up to the right one; fails when it is not among them."""
    for rank, candidate in enumerate(proposed(code, limit=limit, crashes=crashes), 1):
        if apply(code, candidate.edits) == right:
            return rank
    pytest.fail(f"not among the first {limit}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.template}: {fault.name}")
def test_human_faults_are_mended_early(fault: Fault) -> None:
    """With nothing but the place of the function known, the right code is among the first proposals."""
    assert tried(fault.faulty, fault.right) <= EARLY


def test_most_faults_are_mended_among_the_first_thirty() -> None:
    """Half of them, and more."""
    ranks = [tried(fault.faulty, fault.right) for fault in FAULTS]
    assert sum(rank <= 30 for rank in ranks) >= len(ranks) * 0.5


def test_each_template_has_a_fault_that_it_mends() -> None:
    """No template without a test."""
    assert {fault.template for fault in FAULTS} >= OWN


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "code"), sections(HERE / "awkward_code.txt"))
def test_every_proposal_is_valid_code(name: str, code: str, form: Callable[[str], str]) -> None:
    """Whatever the file looks like, what is proposed compiles and is not proposed twice."""
    text = form(f"{code}\n")
    made: Counter[str] = Counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for candidate in proposed(text, limit=700):
            result = apply(text, candidate.edits)
            compile(result.removeprefix("\ufeff"), "m.py", "exec")
            assert result != text
            made[result] += candidate.template in OWN
    assert max(made.values()) <= 1
    assert sum(made.values()) >= 3 or name == "only stubs"


@pytest.mark.parametrize("form", [with_tabs, with_carriage_returns])
def test_moved_lines_are_indented_as_the_file_is(form: Callable[[str], str]) -> None:
    """What goes into a deeper block or out of one keeps to the file's own steps and line ends."""
    for fault in FAULTS:
        if fault.template in ("move-in", "move-out", "move-else", "flush-rest", "add-leave"):
            assert tried(form(fault.faulty), form(fault.right)) <= EARLY


def test_deletions_are_tagged() -> None:
    """Ranking trusts what only deletes less."""
    (fault,) = (fault for fault in FAULTS if fault.name == "one step too many")
    found = [c for c in proposed(fault.faulty, limit=500) if c.template == "delete-statement"]
    assert found
    assert all("deletes-code" in c.tags for c in found)


UNBOUND = "cannot access local variable '{}' where it is not associated with a value"
WATCHED = "def f():\n    n = 0\n    def g():\n        {}print(n)\n        n += 1\n    g()\n    return n\n"
SEARCHED = "def f(xs):\n    {}for x in xs:\n        if x > 3:\n            best = x\n    return best\n"


@pytest.mark.parametrize(
    ("name", "line", "code", "right"),
    [
        ("best", 5, SEARCHED.format(""), SEARCHED.format("best = None\n    ")),
        ("n", 4, WATCHED.format(""), WATCHED.format("nonlocal n\n        ")),
    ],
)
def test_the_message_brings_the_right_proposal_forward(name: str, line: int, code: str, right: str) -> None:
    """A name that the failure complains about is given its start value, or its scope, at once."""
    frames = (Frame(file="m.py", line=line, function="f", inside=True),)
    crash = Crash(kind="UnboundLocalError", message=UNBOUND.format(name), frames=frames)
    assert tried(code, right, crashes=(crash,)) <= 25
