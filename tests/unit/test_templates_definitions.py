"""Definitions: defaults, start values, sort keys, patterns, formats, texts, classes, rounding, dates."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.faults import FILE, Fault, faults, sections
from tests.fakes.forms import FORMS
from tools.repair.edits import apply
from tools.repair.generate import candidates
from tools.repair.templates import (
    classes,
    dates,
    defaults,
    formats,
    initial,
    keys,
    regexes,
    rounding,
    texts,
    type_tests,
)
from tools.repair.templates.registry import ALL
from tools.values import Crash, Frame, Suspect

HERE = Path(__file__).parent
FAULTS = faults(HERE / "definition_faults.txt")
STRANGE = sections(HERE / "strange_code.txt")
MODULES = (classes, dates, defaults, formats, initial, keys, regexes, rounding, texts, type_tests)
MESSAGES = tuple(
    dict.fromkeys(f.error for name in ("message", "exception") for f in faults(HERE / f"{name}_faults.txt") if f.error)
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.template}: {fault.name}")
def test_the_right_code_comes_early(fault: Fault) -> None:
    """Among the first candidates at the place."""
    assert 0 < fault.rank(80) <= 80


def test_most_are_among_the_first_ten() -> None:
    """As the weights are meant."""
    ranks = [fault.rank(80) for fault in FAULTS]
    assert sum(0 < rank <= 10 for rank in ranks) >= 0.7 * len(ranks)


def test_nearly_every_template_has_a_fault() -> None:
    """No template without a test; some are tested with the messages that they answer."""
    names = {t.name for t in ALL if any(t in vars(module).values() for module in MODULES)}
    others = {f.template for name in ("message", "exception") for f in faults(HERE / f"{name}_faults.txt")}
    assert names - others <= {fault.template for fault in FAULTS}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("name", "code"), STRANGE, ids=[name for name, _ in STRANGE])
def test_every_candidate_is_valid_code(name: str, code: str, form: Callable[[str], str]) -> None:
    """Whatever the file looks like and the failure says, what is proposed compiles."""
    text = form(f"{code}\n")
    count = len(code.splitlines())
    suspects = [
        Suspect(file=FILE, line=n, end_line=n, function="", function_line=1, score=1.0) for n in range(1, count + 1)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for group in (MESSAGES[n : n + 19] for n in range(0, len(MESSAGES), 19)):
            crashes = [
                Crash(kind=kind, message=message, frames=(Frame(file=FILE, line=1 + index % count),))
                for index, (kind, _, message) in enumerate(error.partition(": ") for error in group)
            ]
            for candidate in candidates({FILE: text}, suspects, crashes, limit=220):
                result = apply(text, candidate.edits)
                assert result != text, (name, candidate.description)
                compile(result.removeprefix("\ufeff"), FILE, "exec", dont_inherit=True)


def test_equal_changes_are_proposed_once() -> None:
    """Two templates with one result count as one candidate."""
    for fault in FAULTS[::7]:
        found = [
            apply(fault.faulty, c.edits) for c in candidates({FILE: fault.faulty}, [suspect(fault)], [], limit=150)
        ]
        assert len(found) - len(set(found)) <= 1


def suspect(fault: Fault) -> Suspect:
    return Suspect(file=FILE, line=fault.line, end_line=fault.line, function="", function_line=1, score=1.0)


def test_hostile_literals_do_no_harm() -> None:
    """Huge numbers in formats and patterns, endless classes: neither an error nor a long wait."""
    code = (
        "import re\n"
        f"def f(x):\n    a = '%{'9' * 6000}d' % x\n    b = f'{{x:{'9' * 6000}.{'9' * 6000}f}}'\n"
        f"    c = re.compile('{'[' * 200}')\n    d = re.findall(r'(a{{{'9' * 50}}})*{'(' * 90}{')' * 90}', x)\n"
        f"    return '{'{x' * 300}', a, b, c, d\n"
    )
    suspects = [Suspect(file=FILE, line=n, end_line=n, function="", function_line=1, score=1.0) for n in range(1, 8)]
    assert sum(1 for _ in candidates({FILE: code}, suspects, [], limit=800)) >= 100
