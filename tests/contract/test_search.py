"""The trial server in a real sandbox finds fixes in all kinds of code, by swapping functions or importing anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.projects import QUICK, Project, found
from tools.repair.edits import unified_diff
from tools.repair.outcome import SearchLimits
from tools.repair.rank import rank
from tools.texts import Text
from tools.values import Candidate, Edit

ONE = SearchLimits(wall_s=40.0, grace_s=0.1, stop_after=1, workers=1)

# name: (code, test, wrong edits, right edit, whether the module must be imported anew)
CASES = {
    "function": (
        "def last(xs):\n    return xs[0]\n",
        "from lib import last\ndef test_x():\n    assert last([1, 2, 3]) == 3\n",
        [("xs[0]", "xs[1]")],
        ("xs[0]", "xs[-1]"),
        False,
    ),
    "method with super": (
        """
        class Base:
            def size(self, n): return n
        class Twice(Base):
            def size(self, n):
                return super().size(n) + 2
        """,
        "from lib import Twice\ndef test_x():\n    assert Twice().size(3) == 6\n",
        [("+ 2", "- 2")],
        ("+ 2", "* 2"),
        False,
    ),
    "decorated": (
        """
        import functools
        def log(f):
            @functools.wraps(f)
            def inner(*args):
                return f(*args)
            return inner
        @log
        @log
        def double(n):
            return n + 2
        """,
        "from lib import double\ndef test_x():\n    assert double(5) == 10\n",
        [("n + 2", "n - 2")],
        ("n + 2", "n * 2"),
        False,
    ),
    "decorator": (
        """
        def twice(f):
            def inner(n):
                return f(n)
            return inner
        @twice
        def add(n):
            return n + 1
        """,
        "from lib import add\ndef test_x():\n    assert add(1) == 3\n",
        [("return f(n)", "return f(f)")],
        ("return f(n)", "return f(f(n))"),
        False,
    ),
    "generator": (
        "def evens(n):\n    for i in range(n):\n        if i % 2:\n            yield i\n",
        "from lib import evens\ndef test_x():\n    assert list(evens(5)) == [0, 2, 4]\n",
        [("yield i", "return i")],
        ("if i % 2:", "if not i % 2:"),
        False,
    ),
    "property": (
        """
        class Box:
            def __init__(self, side): self.side = side
            @property
            def area(self):
                return self.side + self.side
            @area.setter
            def area(self, value):
                self.side = value ** 0.5
        """,
        "from lib import Box\ndef test_x():\n    b = Box(1); b.area = 9\n    assert b.area == 9\n",
        [("value ** 0.5", "value")],
        ("self.side + self.side", "self.side * self.side"),
        False,
    ),
    "closure made at import": (
        "def adder(k):\n    def add(n):\n        return n - k\n    return add\nadd_five = adder(5)\n",
        "from lib import add_five\ndef test_x():\n    assert add_five(1) == 6\n",
        [("n - k", "n * k")],
        ("n - k", "n + k"),
        False,
    ),
    "cached": (
        "import functools\n@functools.lru_cache(maxsize=None)\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 1)\n",  # noqa: E501
        "from lib import fib\ndef test_x():\n    assert fib(10) == 55\n",
        [("n < 2", "n < 1")],
        ("fib(n - 1) + fib(n - 1)", "fib(n - 1) + fib(n - 2)"),
        False,
    ),
    "name mangling": (
        "class Safe:\n    def __init__(self):\n        self.__n = 1\n    def get(self):\n        return self.__m\n",
        "from lib import Safe\ndef test_x():\n    assert Safe().get() == 1\n",
        [("self.__m", "self.n")],
        ("self.__m", "self.__n"),
        False,
    ),
    "default argument": (
        "def greet(name, mark='?'):\n    return name + mark\n",
        "from lib import greet\ndef test_x():\n    assert greet('a') == 'a!'\n",
        [("mark='?'", "mark=''")],
        ("mark='?'", "mark='!'"),
        False,
    ),
    "conditional definition": (
        "try:\n    import json\nexcept ImportError:\n    json = None\nif json:\n    def dump(x):\n        return json.dumps(x, indent=1)\n",  # noqa: E501
        "from lib import dump\ndef test_x():\n    assert dump([1]) == '[1]'\n",
        [("indent=1", "indent=2")],
        (", indent=1", ""),
        False,
    ),
    "lambda in a body": (
        "def order(xs):\n    return sorted(xs, key=lambda x: x)\n",
        "from lib import order\ndef test_x():\n    assert order([1, 3, 2]) == [3, 2, 1]\n",
        [("lambda x: x", "lambda x: 0")],
        ("lambda x: x", "lambda x: -x"),
        False,
    ),
    "class constant": (
        "class Tax:\n    RATE = 10\n    def of(self, n):\n        return n * self.RATE // 100\n",
        "from lib import Tax\ndef test_x():\n    assert Tax().of(100) == 20\n",
        [("RATE = 10", "RATE = 11")],
        ("RATE = 10", "RATE = 20"),
        True,
    ),
    "module constant": (
        "LIMIT = 3\nTABLE = [n * n for n in range(LIMIT)]\ndef square(n):\n    return TABLE[n]\n",
        "from lib import square\ndef test_x():\n    assert square(3) == 9\n",
        [("LIMIT = 3", "LIMIT = 2")],
        ("LIMIT = 3", "LIMIT = 4"),
        True,
    ),
    "import": (
        "def root(n):\n    return math.sqrt(n)\n",
        "from lib import root\ndef test_x():\n    assert root(4) == 2\n",
        [("math.sqrt(n)", "sqrt(n)")],
        ("def root(n):", "import math\ndef root(n):"),
        True,
    ),
    "decorator added": (
        "class A:\n    def make(cls):\n        return cls()\n",
        "from lib import A\ndef test_x():\n    assert isinstance(A.make(), A)\n",
        [("return cls()", "return A")],
        ("    def make", "    @classmethod\n    def make"),
        True,
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_finds_the_fix_wherever_it_is(tmp_path: Path, name: str) -> None:
    """A wrong candidate fails, the right one is plausible, by a swap of functions where that can be done."""
    code, test, wrong, right, fresh = CASES[name]
    other = "def test_other():\n    assert True\n"
    files = {"lib.py": code, "test_lib.py": test + other}
    project = Project(tmp_path, files, ("test_lib.py::test_x",), ("test_lib.py::test_other",))
    for old, new in wrong:
        project.try_(old, new)
    project.try_(*right, id="right")
    result = await project.search(limits=ONE)
    assert found(result) == ["right"], result
    assert result.plausible[0].fresh is fresh, result.notes
    assert result.plausible[0].checked == 1


async def test_two_partial_fixes_are_composed(tmp_path: Path) -> None:
    """Two failing tests, each mended by another edit: the pair is the patch, and the diff has both hunks."""
    project = Project(
        tmp_path,
        {
            "lib.py": "def low(xs):\n    return max(xs)\n\n\n\n\n\n\ndef high(xs):\n    return min(xs)\n",
            "test_lib.py": """
                from lib import low, high
                def test_low(): assert low([1, 2]) == 1
                def test_high(): assert high([1, 2]) == 2
            """,
        },
        ("test_lib.py::test_low", "test_lib.py::test_high"),
    )
    project.try_("return max(xs)", "return xs")
    project.try_("return min(xs)", "return max(xs)", id="high")
    project.try_("return max(xs)", "return min(xs)", id="low")
    result = await project.search()
    assert found(result) == ["high+low"]
    assert {partial.mends for partial in result.partial} == {(name,) for name in project.failing}
    sources = {file: Text(text) for file, text in project.texts.items()}
    diff = unified_diff(sources, result.plausible[0].candidate.edits)
    assert "+    return min(xs)" in diff
    assert diff.count("@@ ") == 2


async def test_a_survivor_that_breaks_a_passing_test_is_rejected(tmp_path: Path) -> None:
    """All failing tests pass, a related one does not: not plausible."""
    project = Project(
        tmp_path,
        {
            "lib.py": "def size(xs):\n    return len(xs) + 1\n",
            "test_lib.py": """
                from lib import size
                def test_zero(): assert size([]) == 0
                def test_same(): assert size(range(3)) == size("abc") > 1
            """,
        },
        ("test_lib.py::test_zero",),
        ("test_lib.py::test_same",),
    )
    project.try_("len(xs) + 1", "0", id="constant")
    project.try_("len(xs) + 1", "len(xs)", id="right")
    result = await project.search()
    assert found(result) == ["right"]
    assert result.rejected == 1


async def test_a_conversion_that_any_other_text_could_replace_is_not_proposed(tmp_path: Path) -> None:
    """Another case mends the test only because no name is found then, and spares one that has it; `strip` is right."""
    project = Project(
        tmp_path,
        {
            "lib.py": """
                def fresh(names):
                    return names[0] not in names[1:]
                def tidy(texts):
                    return texts[0]
            """,
            "test_lib.py": """
                from lib import fresh, tidy
                def test_fresh(): assert fresh(["a", "a"])
                def test_capital(): assert not fresh(["T", "T"])
                def test_tidy(): assert tidy([" a "]) == "a"
            """,
        },
        ("test_lib.py::test_fresh",),
        ("test_lib.py::test_capital",),
    )
    project.try_("names[0]", "names[0].upper()", id="upper")
    result = await project.search()
    assert found(result) == []
    assert any("any other text" in note for note in result.notes)
    other = Project(tmp_path, project.files, ("test_lib.py::test_tidy",))
    other.try_("texts[0]", "texts[0].strip()", id="strip")
    assert found(await other.search()) == ["strip"]


async def test_frameworks_of_all_kinds(tmp_path: Path) -> None:
    """unittest classes, parameters, module fixtures and async tests take part with their own node ids."""
    test = """
        import unittest, pytest
        from lib import inc, ainc
        @pytest.fixture(scope="module")
        def one(): return 1
        @pytest.mark.parametrize("n", [0, 5], ids=["zero [a]", "five"])
        def test_p(n, one): assert inc(n) == n + one
        class TestU(unittest.TestCase):
            def setUp(self): self.n = 3
            def test_u(self): self.assertEqual(inc(self.n), 4)
            def test_sub(self):
                for n in range(3):
                    with self.subTest(n=n): self.assertEqual(inc(n), n + 1)
        @pytest.mark.asyncio
        async def test_a(): assert await ainc(1) == 2
        def test_ok(): assert inc(0) is not None
    """
    names = ["test_p[zero [a]]", "test_p[five]", "TestU::test_u", "TestU::test_sub", "test_a"]
    code = "def inc(n):\n    return n - 1\nasync def ainc(n):\n    return inc(n)\n"
    failing = tuple(f"tests/test_lib.py::{name}" for name in names)
    files = {"lib.py": code, "tests/test_lib.py": test, "pytest.ini": "[pytest]\npythonpath = .\n"}
    project = Project(tmp_path, files, failing, ("tests/test_lib.py::test_ok",))
    project.try_("n - 1", "n", id="wrong")
    project.try_("n - 1", "n + 1", id="right")
    result = await project.search(arguments=("-p", "pytest_asyncio.plugin"))
    assert found(result) == ["right"]
    assert set(result.plausible[0].failing_passed) == set(failing)


async def test_hanging_test_is_repaired(tmp_path: Path) -> None:
    """A failing test that never ends has no baseline of its own; its limit comes from the passing ones."""
    code = "def count(n):\n    i = 0\n    while i < n:\n        i += 0\n    return i\n"
    test = (
        "from lib import count\ndef test_x():\n    assert count(3) == 3\ndef test_zero():\n    assert count(0) == 0\n"
    )
    failing = "test_lib.py::test_x"
    project = Project(tmp_path, {"lib.py": code, "test_lib.py": test}, (failing,), ("test_lib.py::test_zero",))
    project.try_("i += 0", "i -= 1")
    project.try_("i += 0", "i += 1", id="right")
    known = await project.search(hanging=frozenset({failing}))
    assert found(known) == ["right"]
    limits = SearchLimits(wall_s=30.0, stop_after=1, grace_s=0.1, baseline_s=0.5)
    assert found(await project.search(limits=limits)) == ["right"]


async def test_code_that_only_other_programs_run_is_repaired(tmp_path: Path) -> None:
    """The test starts a program; candidates are put into the files."""
    test = """
        import subprocess, sys
        def test_x():
            out = subprocess.run([sys.executable, "-c", "import lib; print(lib.f())"], stdout=subprocess.PIPE)
            assert out.stdout.strip() == b"2"
        def test_import():
            import lib
    """
    failing = ("test_lib.py::test_x",)
    project = Project(tmp_path, {"lib.py": "def f():\n    return 1\n", "test_lib.py": test}, failing)
    project.try_("return 1", "return 3")
    project.try_("return 1", "return 2", id="right")
    assert found(await project.search(limits=ONE)) == ["right"]
    assert (tmp_path / "lib.py").read_text() == project.texts["lib.py"]


async def test_module_imported_inside_the_test_is_swapped(tmp_path: Path) -> None:
    """A test that imports late costs no new collection: the module is imported once before the trials."""
    test = "def test_x():\n    from lib import f\n    assert f() == 2\n"
    project = Project(tmp_path, {"lib.py": "def f():\n    return 1\n", "test_lib.py": test}, ("test_lib.py::test_x",))
    project.try_("return 1", "return 2", id="right")
    result = await project.search(limits=ONE)
    assert [p.fresh for p in result.plausible] == [False]


@pytest.mark.parametrize("broken", ["import missing_module\n", "def f(:\n    return 2\n"])
async def test_file_that_fails_to_be_collected_is_repaired(tmp_path: Path, broken: str) -> None:
    """The failing id is the file: every candidate is collected anew."""
    files = {
        "lib.py": broken + "def g():\n    return 2\n",
        "test_lib.py": "from lib import g\ndef test_x(): assert g() == 2\n",
    }
    project = Project(tmp_path, files, ("test_lib.py",))
    project.try_("return 2\n", "return 3\n") if "missing" in broken else None
    project.try_(broken.split("\n", maxsplit=1)[0], "def f():" if "def" in broken else "import math", id="right")
    result = await project.search(limits=ONE)
    assert found(result) == ["right"], result.notes
    assert result.plausible[0].fresh


async def test_competitors_are_observed_and_told_apart(tmp_path: Path) -> None:
    """Two patches that pass every test differ on a nearby input; a third behaves like the first."""
    project = Project(
        tmp_path,
        {
            "lib.py": "def top(xs):\n    return xs[0]\n",
            "test_lib.py": """
                from lib import top
                def test_x(): assert top([1, 3, 2, 3]) == 3
                def test_one(): assert top([4]) == 4
            """,
        },
        ("test_lib.py::test_x",),
        ("test_lib.py::test_one",),
    )
    project.try_("xs[0]", "xs[-1]", id="last")
    project.try_("xs[0]", "max(xs)", id="max")
    project.try_("xs[0]", "sorted(xs)[-1]", id="sorted")
    result = await project.search(limits=SearchLimits(wall_s=40.0, workers=1, competitor=0.0))
    seen = result.observations
    assert sorted(found(result)) == ["last", "max", "sorted"]
    assert seen.fingerprint("max") == seen.fingerprint("sorted") or seen.difference("max", "sorted") is not None
    difference = seen.difference("last", "max")
    assert difference is not None
    assert difference.call.startswith("top(")
    delta = seen.delta("max")
    assert delta is not None
    assert (delta.changed_passing, delta.passing) == (0, 1)


async def test_a_patch_for_the_tests_own_input_alone_is_doubted(tmp_path: Path) -> None:
    """`n == 7 or …` passes like the right comparison, and nothing near 7 acts differently with it."""
    project = Project(
        tmp_path,
        {
            "lib.py": "def large(n):\n    return n > 10\n",
            "test_lib.py": """
                from lib import large
                def test_x(): assert large(7)
                def test_small(): assert not large(2)
                def test_great(): assert large(30)
            """,
        },
        ("test_lib.py::test_x",),
        ("test_lib.py::test_small", "test_lib.py::test_great"),
    )
    project.try_("n > 10", "n == 7 or n > 10", id="fitted", tags=("overfit-prone",))
    project.try_("10", "5", id="right")
    result = await project.search(limits=SearchLimits(wall_s=40.0, workers=1, competitor=0.0))
    ranked = {row.plausible.candidate.id: row.doubts for row in rank(result.plausible, result.observations)}
    assert ranked["right"] == ()
    assert [doubt.partition(" take ")[0] for doubt in ranked["fitted"]] == ["only inputs of the failing tests"]


@pytest.mark.parametrize("marked", [True, False])
async def test_source_with_other_encodings_and_line_ends(tmp_path: Path, marked: bool) -> None:
    """CRLF, a byte order mark (counted or not) and characters beyond ASCII: positions are characters of the text."""
    code = "\ufeff# é\r\nclass Ä:\r\n    def f(self):\r\n        s = 'é'; return s + 'x'\r\n"
    project = Project(
        tmp_path, {"test_lib.py": "from lib import Ä\ndef test_x(): assert Ä().f() == 'éy'\n"}, ("test_lib.py::test_x",)
    )
    (tmp_path / "lib.py").write_bytes(code.encode())
    project.texts["lib.py"] = code if marked else code[1:]
    project.try_("'x'", "'z'")
    project.try_("'x'", "'y'", id="right")
    assert found(await project.search(limits=ONE)) == ["right"]


@pytest.mark.parametrize("place", ["inside a function", "at the top of the module"])
async def test_source_in_its_declared_encoding(tmp_path: Path, place: str) -> None:
    """Candidates swapped in and written to disk; one that the encoding does not hold is no candidate, and no harm."""
    code = "# coding: latin-1\n" + ("def f():\n    return 'é' + 'x'\n" if "function" in place else "E = 'é' + 'x'\n")
    call = "f()" if "function" in place else "E"
    test = f"import lib\ndef test_x(): assert lib.{call} == 'éy'\n"
    project = Project(tmp_path, {"test_lib.py": test}, ("test_lib.py::test_x",))
    (tmp_path / "lib.py").write_bytes(code.encode("latin-1"))
    project.texts["lib.py"] = code
    project.try_("'x'", "'€'")
    project.try_("'x'", "'ü'")
    project.try_("'x'", "'y'", id="right")
    assert found(await project.search(limits=ONE)) == ["right"]


async def test_tests_that_pass_here_are_reported(tmp_path: Path) -> None:
    """Nothing to repair: a note instead of a patch."""
    project = Project(tmp_path, {"test_lib.py": "def test_x(): pass\n"}, ("test_lib.py::test_x",))
    result = await project.search(limits=QUICK)
    assert result.plausible == ()
    assert any("pass when" in note for note in result.notes)


async def test_ids_that_match_nothing_are_reported(tmp_path: Path) -> None:
    """An unknown test: a note that names it."""
    project = Project(tmp_path, {"test_lib.py": "def test_x(): pass\n"}, ("test_lib.py::test_gone",))
    result = await project.search(limits=QUICK)
    assert result.plausible == ()
    assert any("test_gone" in note for note in result.notes)


COPIED = """
    class Range:
        def __init__(self, low, high): self.low, self.high = low, high
        def above(self, x):
            return self.low < x
        def below(self, x):
            return x < self.high
        def inside(self, x):
            return self.low < x
"""


@pytest.mark.parametrize(
    "test",
    [
        "def test_x():\n    r = Range(1, 3)\n    assert r.above(1)\n    assert r.inside(1)\n",
        "def test_x():\n    r = Range(1, 3)\n    assert [r.above(1), r.inside(1)] == [True, True]\n",
    ],
    ids=["the test gets further", "the test fails otherwise"],
)
async def test_edit_that_helps_is_repeated_where_the_code_reads_alike(tmp_path: Path, test: str) -> None:
    """One mistake, copied: no single edit mends the test, the same edit at both places does."""
    files = {"lib.py": COPIED, "test_lib.py": "from lib import Range\n" + test}
    project = Project(tmp_path, files, ("test_lib.py::test_x",))
    first = project.texts["lib.py"].index("self.low < x")
    edit = Edit(file="lib.py", start=first, end=first + 12, text="self.low <= x")
    single = Candidate(id="one", edits=(edit,), template="by-hand", line=4, description="d", prior=0.5, score=0.5)
    project.candidates.append(single)
    result = await project.search(limits=ONE)
    assert [p.candidate.description for p in result.plausible] == ["d; the same at line 8"]
