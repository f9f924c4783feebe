"""Diffs: written, applied to a tree, cut into hunks; nothing leaves the tree."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.patches import FileChange, PatchInvalid, apply, diff_of, hunks, keep, normalized, touched, touched_lines

TEXTS = st.one_of(st.none(), st.text(alphabet="ab\n\r é", max_size=40))


@given(st.tuples(TEXTS, TEXTS))
def test_applying_a_written_diff_gives_the_new_text(pair: tuple[str | None, str | None]) -> None:
    """For any two texts, with or without a last newline: diff, apply, same text."""
    import tempfile

    old, new = pair
    if old == new or (old or "") == (new or ""):
        return
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        if old is not None:
            (base / "a b.txt").write_bytes(old.encode())
        change = FileChange(path="a b.txt", old=old, new=new)
        assert apply(diff_of([change]), base) == (change,)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_keeping_all_hunks_is_the_change_and_none_is_nothing(old: list[str], new: list[str]) -> None:
    change = FileChange(path="x", old="".join(f"{c}\n" for c in old), new="".join(f"{c}\n" for c in new))
    parts = hunks([change])
    if parts:
        assert keep([change], parts) == (change,)
    assert keep([change], ()) == ()


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".git/config", "a/.git/hooks/pre-commit"])
def test_paths_out_of_the_tree_are_refused(path: str) -> None:
    with pytest.raises(PatchInvalid, match="leaves the tree"):
        touched(f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-a\n+b\n")


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    """A diff for a path behind a link is refused and the target stays as it was."""
    outside = tmp_path / "outside.txt"
    outside.write_text("a\n")
    base = tmp_path / "base"
    base.mkdir()
    (base / "link.txt").symlink_to(outside)
    with pytest.raises(PatchInvalid, match="symbolic link"):
        apply("--- a/link.txt\n+++ b/link.txt\n@@ -1 +1 @@\n-a\n+b\n", base)
    assert outside.read_text() == "a\n"


@pytest.mark.parametrize("text", ["", "hello", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n"])
def test_what_is_no_diff_is_refused(text: str) -> None:
    with pytest.raises(PatchInvalid):
        touched(text)


def test_diff_that_does_not_apply_says_so(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("other\n")
    with pytest.raises(PatchInvalid, match="does not apply"):
        apply("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n", tmp_path)


def test_git_takes_our_diffs(tmp_path: Path) -> None:
    """The diff of a changed, an added and a deleted file is one that git applies."""
    (tmp_path / "a.py").write_text("1\n2")
    (tmp_path / "b.py").write_text("x\n")
    changes = [
        FileChange(path="a.py", old="1\n2", new="1\n3\n"),
        FileChange(path="b.py", old="x\n", new=None),
        FileChange(path="c/d.py", old=None, new="new\n"),
    ]
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff_of(changes).encode(), check=True)
    assert (tmp_path / "a.py").read_text() == "1\n3\n"
    assert not (tmp_path / "b.py").exists()
    assert (tmp_path / "c/d.py").read_text() == "new\n"


def test_touched_lines_are_those_removed_and_those_around_what_is_added() -> None:
    old = "".join(f"line {number}\n" for number in range(1, 30))
    new = (
        old.replace("line 3\n", "LINE 3\n")
        .replace("line 12\n", "line 12\nnew\n")
        .replace("line 29\n", "line 29\nend\n")
    )
    found = touched_lines(diff_of([FileChange(path="a.txt", old=old, new=new)]))
    assert found == {"a.txt": (3, 12, 13, 29)}


def test_normalized_diffs_are_equal_where_they_say_the_same() -> None:
    """Comments, empty lines and spaces at ends count in Python for nothing, elsewhere for what they are."""
    old = "def size(items):\n    return len(items) - 1\n"
    bare, told = (
        diff_of([FileChange(path="box.py", old=old, new=f"def size(items):\n{more}    return len(items){end}\n")])
        for more, end in (("", ""), ("    # all of them\n\n", "  "))
    )
    other = diff_of([FileChange(path="box.py", old=old, new=old.replace("- 1", "+ 1"))])
    assert bare != told
    assert normalized(bare) == normalized(told) != normalized(other)
    first, second = (diff_of([FileChange(path="a.sh", old="x\n", new=f"{word}\n")]) for word in ("y", "y\n# z"))
    assert normalized(first) != normalized(second)
