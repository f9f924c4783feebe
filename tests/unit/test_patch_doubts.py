"""Doubts about patches that pass: fitted to the tests' own inputs, doing more than mend, hiding what others meet."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tools.patches import FileChange
from tools.repair.behaviour import Call, Effect, Observations
from tools.repair.doubts import hidden
from tools.repair.outcome import Plausible
from tools.repair.rank import rank
from tools.values import Candidate, Crash, Edit, Frame

RAISES = Effect("raise", "e", "ValueError")


def value(text: str) -> Effect:
    return Effect("return", text, text)


def doubts(*inputs: tuple[str, Effect, Effect], tag: str = "overfit-prone") -> tuple[str, ...]:
    """Of a patch; inputs: the kind of test that made it, how the original ended, how the patch."""
    calls = {str(n): Call(str(n), origin, f"f({n})") for n, (origin, _, _) in enumerate(inputs)}  # type: ignore[arg-type]
    effects = {
        "": {str(n): e for n, (_, e, _) in enumerate(inputs)},
        "c": {str(n): e for n, (*_, e) in enumerate(inputs)},
    }
    edit = Edit(file="f.py", start=0, end=1, text="x")
    candidate = Candidate(
        id="c", edits=(edit,), template="t", line=1, description="", prior=0.5, score=0.5, tags=(tag,)
    )
    (row,) = rank([Plausible(candidate, ("t",), 1, 1)], Observations(calls, effects))
    return row.doubts


def many(origin: str, before: Effect, after: Effect) -> Sequence[tuple[str, Effect, Effect]]:
    return [(origin, before, after)] * 10


WRONG = ("failing", value("1"), value("2"))
CRASH = ("failing", RAISES, value("2"))


def test_only_the_tests_own_inputs_take_the_new_way() -> None:
    """`n == 7 or …`: all that is near 7 is as wrong or right as before."""
    (doubt,) = doubts(WRONG, *many("nearby", value("1"), value("1")), ("passing", value("3"), value("3")))
    assert doubt == "only inputs of the failing tests take the new way, none of 10 near the recorded ones"


def test_a_boundary_may_move_by_one() -> None:
    """`>` to `>=`: one value was wrong, and that is the test's."""
    assert doubts(WRONG, *many("nearby", value("1"), value("1")), tag="boundary") == ()


def test_what_mends_a_crash_changes_nothing_else() -> None:
    """An argument cut short no longer crashes, and is another argument everywhere."""
    (doubt,) = doubts(CRASH, *many("nearby", value("1"), value("1")), ("passing", value("3"), value("4")))
    assert doubt == "the failing tests crash, yet it also acts differently on 1 of 11 inputs that did not"


@pytest.mark.parametrize(
    "inputs",
    [
        [WRONG, *many("nearby", value("1"), value("2"))],
        [CRASH, *many("nearby", value("1"), value("1"))],
        [CRASH, *many("nearby", RAISES, value("2"))],
        [CRASH, WRONG, *many("nearby", value("1"), value("2"))],
        [CRASH, WRONG, *many("passing", value("1"), value("1"))],
        [WRONG, ("nearby", value("1"), value("1"))],
        [WRONG, *many("passing", value("1"), value("1"))],
        [CRASH, ("nearby", value("1"), value("2"))],
        [*many("passing", value("1"), value("1"))],
        [],
    ],
)
def test_no_doubt(inputs: Sequence[tuple[str, Effect, Effect]]) -> None:
    """General changes, guards of crashes, both at once, and too few inputs to say."""
    assert doubts(*inputs) == ()


OLD = "def parse(text):\n    return int(text)\n\n\ndef total(row):\n    price = parse(row)\n    return price\n"
TRY = "    try:\n        price = parse(row)\n    except {}:\n        {}\n"
OTHERS = "def half(row):\n    return parse(row) // 2\n\n\ndef third(row):\n    return parse(row) // 3\n"
SAID = "parse raises the ValueError that it catches, and 2 other places call it without catching"


def hides(
    caught: str, *, kind: str = "ValueError", old: str = OLD, others: str = OTHERS, answer: str = "price = None"
) -> tuple[str, ...]:
    """What is said of a `try` around the call in `total`."""
    frames = (Frame(file="test_shop.py", line=3), Frame(file="shop.py", line=6), Frame(file="shop.py", line=2))
    crash = Crash(kind=kind, message="invalid", frames=frames)
    new = old.replace("    price = parse(row)\n", TRY.format(caught, answer))
    return hidden([FileChange(path="shop.py", old=old, new=new)], [crash], {"shop.py": old, "bills.py": others})


@pytest.mark.parametrize(
    ("caught", "said"), [("ValueError", (SAID,)), ("(KeyError, Exception)", (SAID,)), ("KeyError", ())]
)
def test_what_others_go_on_meeting_is_told(caught: str, said: tuple[str, ...]) -> None:
    """Whoever wrote the patch: a model's, or one that came with the request."""
    assert hides(caught) == said


def test_faults_of_code_are_told_where_they_are() -> None:
    """An AttributeError of another function, caught by its caller."""
    said = hides("AttributeError", kind="AttributeError", others="")
    assert said == ("it catches the AttributeError of shop.py:2, which is rather a fault there",)


def test_nothing_is_said_of_what_is_right() -> None:
    """A function with one caller; an error under another name, which only this caller may owe; a call that is not in
    the patch as it was; a file that cannot be read.
    """
    assert hides("ValueError", others="") == ()
    assert hides("ValueError as error", answer="raise LookupError(row) from error") == ()
    guarded = OLD.replace("    price = parse(row)\n", "    if 1:\n        price = parse(row)\n")
    assert hides("ValueError", old=guarded) == ()
    assert hides("ValueError", others="def half(:\n parse(row)") == ()


@pytest.mark.parametrize(
    ("kind", "file", "new", "said"),
    [
        ("AttributeError", "tree.py", 'getattr(node, "parent", None)', True),
        ("AttributeError", "tree.py", 'getattr(node, "parent")', False),
        ("AttributeError", "tree.py", "node.above", False),
        ("AttributeError", "other.py", 'getattr(node, "parent", None)', False),
        ("KeyError", "tree.py", 'getattr(node, "parent", None)', False),
    ],
)
def test_a_missing_attribute_that_does_without_is_told(kind: str, file: str, new: str, said: bool) -> None:
    """The attribute should perhaps be there: a default is right where it is optional."""
    old = 'def up(node):\n    known = getattr(node, "name", "")\n    return known, node.parent\n'
    crash = Crash(kind=kind, message="no attribute 'parent'", frames=(Frame(file=file, line=3),))
    change = FileChange(path="tree.py", old=old, new=old.replace("node.parent", new))
    wanted = ("it takes a default where parent is missing, and no test says that it may be",) if said else ()
    assert hidden([change], [crash], {"tree.py": old}) == wanted
