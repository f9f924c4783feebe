"""A desk where one new test is written, and the test laid into a tree: hostile names, links, other files."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.written import as_diff, lay, text_of
from sandbox.protocol import Quota, Workspace
from sandbox.recipe import TestCommand
from tests.fakes.sandbox import FakeSandboxes
from tools.patches import PatchInvalid, apply, diff_of
from tools.toolbox.desk import Desk
from tools.toolbox.newtest import MAX_TEST, problem_of
from tools.toolbox.using import Used, use

TEXT = "from box import size\n\n\ndef test_size():\n    assert size([1]) == 1\n"
PATH = "tests/test_new.py"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    root = tmp_path / "checkout" / "base"
    (root / "tests").mkdir(parents=True)
    (root / "box.py").write_text("def size(items):\n    return len(items) - 1\n")
    (root / "tests" / "test_box.py").write_text("def test_it(): ...\n")
    (root / "linked").symlink_to("tests")
    (root / "out").symlink_to("/tmp")
    return root


def desk(base: Path) -> Desk:
    sandboxes = FakeSandboxes({})
    return Desk(
        base=base, open_sandbox=lambda: sandboxes.open(Workspace((base,))), test=TestCommand("pytest", ("pytest",)),
        quota=Quota(), test_s=5, outputs=base.parent / "outputs", writes="pytest",
    )  # fmt: skip


async def edit(at: Desk, path: str, new: str, old: str = "") -> Used:
    async with at:
        return await use(at, 1, "edit", {"path": path, "old": old, "new": new})


REFUSED = (
    ("box.py", "only one new file can be written"),
    ("tests/test_box.py", "only one new file can be written"),
    ("tests/helper.py", "no name of a new test"),
    ("conftest.py", "no name of a new test"),
    ("tests/conftest.py", "no name of a new test"),
    ("sitecustomize.py", "no name of a new test"),
    (".github/test_x.py", "no name of a new test"),
    ("tests/test_é.py", "no name of a new test"),
    ("tests/test_x.py\n", "no name of a new test"),
    ("tests/test x.py", "no name of a new test"),
    ("../test_x.py", "no path of the repository"),
    ("linked/test_x.py", "does not lie in a directory"),
    ("out/test_x.py", "a link that leads out"),
    ("box.py/test_x.py", "does not lie in a directory"),
)


@pytest.mark.parametrize(("path", "said"), REFUSED)
async def test_nothing_but_one_new_test_can_be_written(base: Path, path: str, said: str) -> None:
    """Existing files, files that change how tests run, names outside the conventions, and places behind links."""
    at = desk(base)
    used = await edit(at, path, TEXT)
    if path.endswith("\n"):  # the end of a line is no part of a name
        assert used.ok
        return
    assert (used.ok, said in used.text) == (False, True), used.text
    assert at.changes() == ()


async def test_the_test_can_be_changed_and_written_anew_but_no_second_one(base: Path) -> None:
    """An empty old passage replaces the whole text."""
    at = desk(base)
    assert (await edit(at, PATH, TEXT)).changed
    assert (await edit(at, PATH, "== 2", "== 1")).changed
    assert (await edit(at, PATH, TEXT.replace("test_size", "test_one"))).changed
    assert "change that file, no other" in (await edit(at, "tests/test_more.py", TEXT)).text
    assert "would not parse" in (await edit(at, PATH, "def (")).text
    assert f"at most {MAX_TEST}" in (await edit(at, PATH, "#" * (MAX_TEST + 1))).text
    assert [(row.path, row.old, row.new) for row in at.changes()] == [
        (PATH, None, TEXT.replace("test_size", "test_one"))
    ]


@pytest.mark.parametrize(
    "text", [TEXT, "", "x = 1", "a\r\nb\n", "+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", "def t():\n    '\f'\n"]
)
def test_text_of_a_diff_is_what_was_written(tmp_path: Path, text: str) -> None:
    """Whatever lines are in it; a last line gets its end."""
    diff = as_diff(PATH, text)
    whole = text if text.endswith("\n") or not text else text + "\n"
    assert text_of(diff) == whole
    if whole:
        (tmp_path / "base").mkdir()
        assert diff_of(apply(as_diff(PATH, whole), tmp_path / "base")) == as_diff(PATH, whole)


def test_laying_twice_is_laying_once(base: Path) -> None:
    """A resumed run does it again; nothing is left beside the tree."""
    lay(base, "new/deep/test_x.py", TEXT)
    lay(base, "new/deep/test_x.py", TEXT)
    assert (base / "new/deep/test_x.py").read_text() == TEXT
    assert [path.name for path in base.parent.iterdir()] == ["base"]


@pytest.mark.parametrize("path", ["box.py", "linked/test_x.py", "out/test_x.py", "box.py/test_x.py", "../test_x.py"])
def test_nothing_is_laid_over_files_or_through_links(base: Path, path: str) -> None:
    before = sorted(base.rglob("*"))
    with pytest.raises(PatchInvalid):
        lay(base, path, TEXT)
    assert sorted(base.rglob("*")) == before


def test_other_frameworks_have_no_names_yet() -> None:
    assert "not for go" in problem_of("go", "box_test.go")
