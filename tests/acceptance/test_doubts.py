"""Patches that pass and are wrong: not found by search, and doubted when somebody else proposes them."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import Files, repository
from tools.patches import FileChange, diff_of

CODE = """\
def number(text):
    if text.startswith("#"):
        text = text[1:]
    return int(text)


def label(text):
    found = number(text)
    return found


def double(text):
    return number(text) * 2
"""
TESTS = """\
from shop.labels import double, label


def test_label():
    assert label("#7") == 7


def test_double():
    assert double("3") == 6


def test_no_number():
    assert label("#") is None
    assert label("") is None
"""
SHOP: Files = {"shop/__init__.py": "", "shop/labels.py": CODE, "tests/test_labels.py": TESTS}
ONE_CALL = CODE.replace(
    "    found = number(text)\n",
    "    try:\n        found = number(text)\n    except ValueError:\n        found = None\n",
)
PLACE = "shop/labels.py"


def test_search_mends_the_function_and_not_one_call_of_it(tmp_path: Path, cache: Path) -> None:
    """`double` would go on crashing if only `label` caught what `number` raises."""
    ended = Patchwright(tmp_path, cache).diagnose(repository(tmp_path / "shop", SHOP), repeats=2)
    assert ended.outcome == "verified_patch", ended.text
    changed = [
        line for line in ended.report["patch"].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert changed
    assert not any("found" in line for line in changed)
    for other in ended.report["alternatives"]:
        assert "try:" not in other["diff"] or "found" not in other["diff"].partition("try:")[2].partition("except")[0]


def test_a_given_patch_is_doubted_where_others_go_on_crashing(tmp_path: Path, cache: Path) -> None:
    """It passes, so it is verified; the terminal, the report and the certificate say what that does not settle."""
    patchwright, path = Patchwright(tmp_path, cache), tmp_path / "one.diff"
    path.write_text(diff_of([FileChange(path=PLACE, old=CODE, new=ONE_CALL)]))
    repo = repository(tmp_path / "shop", SHOP)
    ended = patchwright.diagnose(repo, "--patch", path, repeats=2)
    assert ended.outcome == "verified_patch", ended.text
    said = "number raises the ValueError that it catches, and another place calls it without catching"
    assert ended.report["certificate"]["predicate"]["doubts"] == [said]
    assert f"doubt: {said}" in " ".join(ended.out.split())
    assert f"doubt: {said}" in (ended.folder / "report.md").read_text()
    verified = patchwright.run("verify", ended.folder / "certificate.json", "--repo", repo)
    assert verified.code == 0, verified.text
