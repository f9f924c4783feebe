"""Sources by their declared encoding: read, edited, compared by the guard, and written back as the very bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.texts import read_text
from tests.trees import grow
from tools.guard import inspect
from tools.localize.outline import outline
from tools.patches import FileChange, apply
from tools.repair.edits import EditInvalid, holds, unified_diff
from tools.texts import Text, decode
from tools.values import Edit, Frame, TestRun, spelled

LATIN = b"# -*- coding: latin-1 -*-\r\ndef size(items):\r\n    return len(items) - 1  # d\xe9j\xe0\r\n"
MARKED = b"\xef\xbb\xbfdef size(items):\n    return len(items) - 1\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        ("x = 'é'\n".encode(), "utf-8"),
        (MARKED, "utf-8"),
        (LATIN, "iso-8859-1"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=cp1251 :\nx = '\xff'\n", "cp1251"),
        ("# coding: euc-jp\nx = '円'\n".encode("euc-jp"), "euc-jp"),
    ],
)
def test_a_source_is_read_as_it_declares_and_gives_its_bytes_back(data: bytes, encoding: str) -> None:
    source = decode(data)
    assert source is not None
    assert source.encoding == encoding
    assert source.text.encode(source.encoding) == data
    assert source.on_disk(source.text).encode("utf-8", "surrogateescape") == data


@pytest.mark.parametrize(
    "data",
    [
        b"x = '\xe9'\n",  # no cookie
        b"# coding: no-such-codec\n",
        b"# coding: utf-16\nx = 1\n",
        b"# coding: utf-7\nx = '+AOk-'\n",
        b"# coding: punycode\n",
        b"# coding: zlib\n",
        b"# coding: ascii\nx = '\xe9'\n",
        b"\xef\xbb\xbf# coding: latin-1\n",  # Python refuses the contradiction
    ],
)
def test_what_is_not_what_it_declares_is_no_text(data: bytes) -> None:
    assert decode(data) is None


def test_texts_are_read_within_the_tree(tmp_path: Path) -> None:
    """A file, but none behind a link that leads out."""
    base = grow(tmp_path / "base", {"a.py": LATIN})
    (base / "link.py").symlink_to(grow(tmp_path / "outside", {"b.py": "x = 1\n"}) / "b.py")
    assert read_text(base, "a.py") == decode(LATIN)
    assert read_text(base, "link.py") is None
    assert read_text(base, "missing.py") is None


@pytest.mark.parametrize("data", [LATIN, MARKED])
def test_a_diff_of_edits_changes_nothing_but_the_edited_bytes(data: bytes, tmp_path: Path) -> None:
    source = decode(data)
    assert source is not None
    start = source.text.index(" - 1")
    diff = unified_diff({"a.py": source}, [Edit(file="a.py", start=start, end=start + 4, text="")])
    (change,) = apply(diff, grow(tmp_path, {"a.py": data}))
    assert (change.new or "").encode("utf-8", "surrogateescape") == data.replace(b" - 1", b"")
    assert inspect([change], failing_files=["test_a.py"]) == ()


def test_an_edit_that_the_encoding_does_not_hold_is_refused() -> None:
    sources = {"a.py": Text("x = 1\n", "iso-8859-1")}
    euro, e_acute = (Edit(file="a.py", start=4, end=5, text=repr(text)) for text in "€é")
    assert holds(sources, [e_acute])
    assert not holds(sources, [euro])
    assert not holds({"a.py": Text("x = 1\n")}, [Edit(file="a.py", start=4, end=5, text="\ud800")])
    with pytest.raises(EditInvalid, match="iso-8859-1"):
        unified_diff(sources, [euro])


def test_the_guard_reads_what_the_encoding_says() -> None:
    """A broad except in a file of another encoding is found; one that is no text cannot be judged."""
    old, new = (
        b"# coding: latin-1\nx = '\xe9'\n",
        b"# coding: latin-1\ntry:\n    x = '\xe9'\nexcept Exception:\n    x = 1\n",
    )
    texts = [data.decode("utf-8", "surrogateescape") for data in (old, new)]
    (finding,) = inspect([FileChange(path="a.py", old=texts[0], new=texts[1])], failing_files=[])
    assert finding.rule == "broad-except"
    (finding,) = inspect([FileChange(path="a.py", old="x = '\udce9'\n", new="x = 2\n")], failing_files=[])
    assert finding.rule == "syntax"


def test_a_byte_order_mark_does_not_hide_a_file_from_localization() -> None:
    shape = outline(MARKED.decode())
    assert [function.name for function in shape.functions] == ["size"]


def test_values_with_bytes_that_are_no_text_become_json() -> None:
    """Spelled out, names of fields too; what is text stays as it is."""
    run = TestRun(command=("x\udcff", "é"), results=(), complete=True, output="\ud800")
    assert TestRun.model_validate_json(run.to_json()).command == ("x\\xff", "é")
    assert Frame.model_validate_json(Frame(file="é", line=1).to_json()) == Frame(file="é", line=1)
    assert spelled({"a\udcff": ["b\ud800", 1, None]}) == {"a\\xff": ["b\\ud800", 1, None]}
