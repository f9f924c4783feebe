"""From a checkout to an honest answer: verified, diagnosed, not reproduced, flaky; and what bad input gets."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.certificate import seal
from agent.domain import Report
from tests.acceptance.command import Ended, Patchwright
from tests.acceptance.leftovers import fingerprint
from tests.acceptance.repositories import (
    FAILING,
    PRICES,
    RIGHT_SHOP,
    SHOP,
    WRONG_BOTH,
    WRONG_CHEAPEST,
    git,
    repository,
    write,
)
from tests.unit.test_callbacks import receiving
from tools.patches import FileChange, diff_of

pytestmark = pytest.mark.xdist_group("diagnose")
FILES = ("report.json", "report.md", "report.html", "patch.diff", "certificate.json")


@dataclass(frozen=True)
class Mended:
    """A finished diagnosis that several tests look at. traced: what the tracing service of its environment heard."""

    patchwright: Patchwright
    repo: Path
    ended: Ended
    traced: list[bytes]

    def clone(self, name: str) -> Path:
        path = self.patchwright.folder / name
        git(self.patchwright.folder, "clone", "-q", str(self.repo), str(path))
        return path


@pytest.fixture(scope="module")
def mended(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Mended:
    folder = tmp_path_factory.mktemp("mended")
    patchwright = Patchwright(folder, cache)
    repo = repository(folder / "shop")
    with receiving(202) as (tracing, port):
        named = ("LANGSMITH_TRACING=true", f"LANGSMITH_ENDPOINT=http://127.0.0.1:{port}", "LANGSMITH_API_KEY=any")
        ended = patchwright.diagnose(repo, wrap=("env", *named))
    return Mended(patchwright, repo, ended, [body for _, body in tracing.got])


def suite(folder: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        },
        check=False,
        capture_output=True,
    )
    return done.returncode


def test_a_bug_ends_in_a_verified_patch(mended: Mended) -> None:
    """Exit 0; the suspect, the patch and its proof in the report."""
    assert mended.ended.outcome == "verified_patch", mended.ended.text
    assert mended.ended.code == 0
    report = mended.ended.report
    assert [test["id"] for test in report["failing_tests"]] == [FAILING]
    assert report["suspects"][0]["function"].endswith("cheapest")
    assert (
        report["certificate"]["subject"][0]["digest"]["sha256"] == hashlib.sha256(report["patch"].encode()).hexdigest()
    )
    assert "VERIFIED PATCH" in mended.ended.out
    assert mended.traced == [], "LangGraph's makers heard of it"


def test_the_report_directory_holds_every_file(mended: Mended) -> None:
    """report.json follows the published schema; the page is one file that loads nothing."""
    assert set(FILES) <= {path.name for path in mended.ended.folder.iterdir()}
    published = json.loads(mended.patchwright.run("schema").out)
    assert set(published["required"]) <= set(mended.ended.report)
    assert set(mended.ended.report) <= set(published["properties"])
    assert set(published["properties"]) == set(Report.model_json_schema()["properties"])
    page = (mended.ended.folder / "report.html").read_text()
    assert all(word not in page for word in ('src="http', 'href="http', "@import", "<link"))


def test_the_patch_applies_and_makes_the_suite_pass(mended: Mended) -> None:
    """git apply on a second clone, outside of any sandbox of ours."""
    clone = mended.clone("applied")
    assert suite(clone) == 1
    git(clone, "apply", str(mended.ended.folder / "patch.diff"))
    assert suite(clone) == 0
    assert git(clone, "status", "--porcelain").split() == ["M", "shop/prices.py"]


def test_the_certificate_holds_on_a_second_clone(mended: Mended) -> None:
    """Everything in it is run again."""
    clone = mended.clone("second")
    verified = mended.patchwright.run("verify", mended.ended.folder / "certificate.json", "--repo", clone)
    assert verified.code == 0, verified.text
    assert "holds" in verified.out


def _other_patch(predicate: dict[str, Any]) -> None:
    predicate["patch"] = predicate["patch"].replace("+", "+ ", 1)


def _useless_patch(predicate: dict[str, Any]) -> None:
    predicate["patch"] = (
        '--- a/shop/prices.py\n+++ b/shop/prices.py\n@@ -1 +1 @@\n-"""Prices in cents."""\n+"""Prices, in cents."""\n'
    )


def _passing_test(predicate: dict[str, Any]) -> None:
    predicate["decisive"][0]["test"] = "tests/test_prices.py::test_subtotal"


def _unknown_test(predicate: dict[str, Any]) -> None:
    predicate["decisive"][0]["test"] = "tests/test_prices.py::test_nothing_of_the_kind"


def _edits_the_test(predicate: dict[str, Any]) -> None:
    predicate["patch"] = (
        "--- a/tests/test_prices.py\n+++ b/tests/test_prices.py\n@@ -35,2 +35,1 @@\n"
        " def test_cheapest_of_many():\n-    assert cheapest([300, 100, 200]) == 100\n"
    )


def _hides_what_it_breaks(predicate: dict[str, Any]) -> None:
    text = WRONG_CHEAPEST.replace("price > best", "price < best").replace("amount - amount *", "amount + amount *")
    predicate["patch"] = diff_of([FileChange(path="shop/prices.py", old=WRONG_CHEAPEST, new=text)])
    predicate["regression"]["tests"] = 0


@pytest.mark.parametrize("change", [_other_patch, _passing_test])
def test_a_changed_certificate_is_refused(mended: Mended, change: Callable[[dict[str, Any]], None]) -> None:
    """Its digest or its seal does not match."""
    statement = json.loads((mended.ended.folder / "certificate.json").read_text())
    change(statement["predicate"])
    forged = mended.patchwright.folder / f"changed{change.__name__}.json"
    forged.write_text(json.dumps(statement))
    verified = mended.patchwright.run("verify", forged, "--repo", mended.repo)
    assert verified.code in (1, 65), verified.text
    assert "changed" in verified.text


@pytest.mark.parametrize(
    "change", [_useless_patch, _passing_test, _unknown_test, _edits_the_test, _hides_what_it_breaks]
)
def test_a_forged_certificate_does_not_hold(mended: Mended, change: Callable[[dict[str, Any]], None]) -> None:
    """Digest and seal made anew over a wrong claim: what is run decides."""
    statement = json.loads((mended.ended.folder / "certificate.json").read_text())
    predicate = statement["predicate"]
    change(predicate)
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(predicate["patch"].encode()).hexdigest()
    predicate["seal"] = seal(predicate)
    forged = mended.patchwright.folder / f"forged{change.__name__}.json"
    forged.write_text(json.dumps(statement))
    verified = mended.patchwright.run("verify", forged, "--repo", mended.repo)
    assert verified.code == 1, verified.text


def _forged(mended: Mended, name: str, change: Callable[[dict[str, Any]], object]) -> Path:
    """A certificate of other content with a digest and a seal that fit it."""
    statement = json.loads((mended.ended.folder / "certificate.json").read_text())
    predicate = statement["predicate"]
    change(predicate)
    statement["subject"][0]["digest"]["sha256"] = hashlib.sha256(predicate["patch"].encode()).hexdigest()
    predicate["seal"] = seal(predicate)
    forged = mended.patchwright.folder / f"{name}.json"
    forged.write_text(json.dumps(statement))
    return forged


def test_what_a_certificate_lifts_is_said(mended: Mended) -> None:
    """Whoever seals it anew may lift the guard in it: the reader sees that, and commands of its own."""

    def change(predicate: dict[str, Any]) -> None:
        predicate["guard"]["allowed"] = ["failing-test"]
        predicate["environment"]["overrides"]["test_command"] = "python -m pytest -q"

    verified = mended.patchwright.run("verify", _forged(mended, "lifts", change), "--repo", mended.repo)
    assert "lifted for it, so not checked: failing-test" in verified.out, verified.text
    assert "tested with its own command: python -m pytest -q" in verified.out


MISSHAPEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "overrides": lambda predicate: predicate["environment"].update(overrides=[]),
    "install": lambda predicate: predicate["environment"]["overrides"].update(install=[{"a": 1}]),
    "guard": lambda predicate: predicate.pop("guard"),
    "allowed": lambda predicate: predicate["guard"].update(allowed=7),
    "tests": lambda predicate: predicate["regression"].update(tests="many"),
    "repeats": lambda predicate: predicate["limits"].update(repeats=0),
    "tree": lambda predicate: predicate["repository"].update(tree=None),
}


@pytest.mark.parametrize("where", MISSHAPEN)
def test_a_misshapen_certificate_is_refused_by_the_place(mended: Mended, where: str) -> None:
    """Sealed anew; nothing is run, and no traceback."""
    verified = mended.patchwright.run("verify", _forged(mended, where, MISSHAPEN[where]), "--repo", mended.repo)
    assert verified.code == 65, verified.text
    assert "not a certificate" in verified.text
    assert where in verified.text


CHEATS = {
    "stands in for pytest": ("pytest.py", "import sys\n", "shadow"),
    "patches the runner": ("shop/more.py", "import _pytest.python as p\np.Function.runtest = print\n", "test-aware"),
}


@pytest.mark.parametrize("what", CHEATS)
def test_a_given_patch_that_cheats_is_not_the_one_certified(
    patchwright: Patchwright, tmp_path: Path, what: str
) -> None:
    """The guard says why, by the name of its rule."""
    path, text, rule = CHEATS[what]
    cheat = tmp_path / "cheat.diff"
    cheat.write_text(diff_of([FileChange(path=path, old=None, new=text)]))
    ended = patchwright.diagnose(repository(tmp_path / "shop"), "--patch", cheat, repeats=2)
    assert f"the guard refuses it: {rule} in {path}" in json.dumps(ended.report["evidence"]), ended.text
    assert path not in (ended.report["patch"] or "")


def test_a_finished_run_replays_with_nothing_to_run(mended: Mended) -> None:
    """No network, no environment, no checkout: the same report from the record alone."""
    run = mended.patchwright.runs()[0]
    away = mended.patchwright.home / "runs" / run / "checkout"
    away.rename(away.with_name("away"))
    try:
        replayed = mended.patchwright.run(
            "replay", run, wrap=("unshare", "-rn"), cache=mended.patchwright.folder / "no-cache", sandbox="none"
        )
    finally:
        away.with_name("away").rename(away)
    assert replayed.code == 0, replayed.text
    assert "the same report" in replayed.out


def test_runs_and_show_name_what_was_found(mended: Mended) -> None:
    """The list has the outcome; show prints the report and the patch."""
    run = mended.patchwright.runs()[0]
    assert "verified_patch" in mended.patchwright.run("runs").out
    assert "cheapest" in mended.patchwright.run("show", run).out
    shown = mended.patchwright.run("show", run, "--format", "diff").out
    assert shown == (mended.ended.folder / "patch.diff").read_text()


def test_a_finished_run_resumed_says_the_same(mended: Mended) -> None:
    """Nothing is run again."""
    resumed = mended.patchwright.run("resume", mended.patchwright.runs()[0])
    assert resumed.code == 0, resumed.text
    assert "done in" not in resumed.err


def test_a_green_suite_is_not_reproduced(patchwright: Patchwright, tmp_path: Path) -> None:
    """Exit 4, and it says that the suite is green."""
    ended = patchwright.diagnose(repository(tmp_path / "shop", RIGHT_SHOP))
    assert (ended.outcome, ended.code) == ("not_reproduced", 4)
    assert "green" in ended.report["reason"]


FLAKY = """\
import os

from shop.prices import subtotal


def test_luck():
    assert subtotal([(1, 2)]) < os.urandom(1)[0] - 61
"""


@pytest.mark.parametrize("attempt", [1, 2, 3])
def test_a_flaky_test_is_never_certified(patchwright: Patchwright, tmp_path: Path, attempt: int) -> None:
    """A test that fails one time in four, beside code that search could edit."""
    repo = repository(tmp_path / "shop", {**RIGHT_SHOP, "tests/test_luck.py": FLAKY})
    ended = patchwright.diagnose(repo, *(("--test", "tests/test_luck.py::test_luck") if attempt > 1 else ()), repeats=5)
    assert ended.outcome in ("flaky", "not_reproduced"), ended.text
    assert ended.report["certificate"] is None
    assert not (ended.folder / "certificate.json").exists()


NEW_TEST = """\
from shop.prices import cheapest


def test_new():
    assert cheapest([2, 1]) == 1
"""


def test_a_dirty_tree_is_diagnosed_as_it_is(patchwright: Patchwright, tmp_path: Path) -> None:
    """The bug is uncommitted, a staged file and an untracked test belong to the tree; all stay as they are."""
    repo = repository(tmp_path / "shop", RIGHT_SHOP)
    write(repo, {"shop/prices.py": WRONG_CHEAPEST, "shop/staged.py": "LIMIT = 3\n"})
    git(repo, "add", "shop/staged.py")
    write(repo, {"tests/test_new.py": NEW_TEST})
    ended = patchwright.diagnose(repo)
    assert ended.outcome == "verified_patch", ended.text
    assert ended.report["repository"]["dirty"] is True
    assert {test["id"] for test in ended.report["failing_tests"]} == {FAILING, "tests/test_new.py::test_new"}


def test_a_plain_directory_is_diagnosed(patchwright: Patchwright, tmp_path: Path) -> None:
    """No git at all."""
    ended = patchwright.diagnose(write(tmp_path / "shop", SHOP))
    assert ended.outcome == "verified_patch", ended.text
    assert ended.report["repository"]["commit"] is None


def test_a_source_file_with_doctests_is_suspected(patchwright: Patchwright, tmp_path: Path) -> None:
    """A suite that runs doctests too names source files as tests; the fault is found in such a file all the same."""
    shown = '"""The sum of price times quantity over pairs of both.'
    files = {
        **SHOP,
        "shop/prices.py": WRONG_CHEAPEST.replace(shown, f"{shown}\n\n    >>> subtotal([(2, 3)])\n    6\n    "),
        "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
    }
    ended = patchwright.diagnose(repository(tmp_path / "shop", files), "--test", FAILING)
    assert ended.outcome == "verified_patch", ended.text
    assert ended.report["suspects"][0]["file"] == "shop/prices.py"


UNITTEST = (
    "import unittest\n\nfrom shop.prices import cheapest\n\n\nclass Cheapest(unittest.TestCase):\n"
    "    def test_many(self):\n        self.assertEqual(cheapest([3, 1]), 1)\n"
)


@pytest.mark.parametrize(
    ("argument", "tests"),
    [
        (FAILING, {FAILING}),
        ("tests/test_prices.py", {FAILING}),
        ("tests.test_cheapest.Cheapest.test_many", {"tests/test_cheapest.py::Cheapest::test_many"}),
        ("python -m pytest tests/test_cheapest.py", {"tests/test_cheapest.py::Cheapest::test_many"}),
    ],
)
def test_a_named_test_is_understood(patchwright: Patchwright, tmp_path: Path, argument: str, tests: set[str]) -> None:
    """A node id, a file, unittest's dotted name, a command as typed."""
    repo = repository(tmp_path / "shop", {**SHOP, "tests/__init__.py": "", "tests/test_cheapest.py": UNITTEST})
    ended = patchwright.diagnose(repo, "--test", argument, "--goal", "triage")
    assert (ended.outcome, ended.code) == ("diagnosed", 2), ended.text
    assert {test["id"] for test in ended.report["failing_tests"]} == tests
    assert ended.report["patch"] is None


def test_apply_changes_exactly_what_the_patch_says(patchwright: Patchwright, tmp_path: Path) -> None:
    """--apply writes the verified patch into the checkout, and nothing else."""
    repo = repository(tmp_path / "shop")
    before = fingerprint(repo)
    ended = patchwright.run("diagnose", repo, "--apply", "--out", tmp_path / "out")
    assert ended.code == 0, ended.text
    after = fingerprint(repo)
    changed = {path for path in before if before[path][2] != after.get(path, (0, 0, ""))[2]}
    assert changed == {repo / "shop/prices.py"}
    assert set(before) == set(after)
    assert suite(repo) == 0


LOG = f"""\
============================= test session starts ==============================
collected 7 items

tests/test_prices.py ......F                                             [100%]

=================================== FAILURES ===================================
____________________________ test_cheapest_of_many _____________________________

    def test_cheapest_of_many():
>       assert cheapest([300, 100, 200]) == 100
E       assert 300 == 100
E        +  where 300 = cheapest([300, 100, 200])

tests/test_prices.py:36: AssertionError
=========================== short test summary info ============================
FAILED {FAILING} - assert 300 == 100
========================= 1 failed, 6 passed in 0.02s ==========================
"""


def test_a_log_chooses_the_test(patchwright: Patchwright, tmp_path: Path) -> None:
    """Of two failing tests, the one in the log."""
    repo = repository(tmp_path / "shop", {**SHOP, "shop/prices.py": WRONG_BOTH})
    log = tmp_path / "ci.log"
    log.write_text(LOG)
    ended = patchwright.diagnose(repo, "--log", log, "--goal", "triage")
    assert ended.outcome == "diagnosed", ended.text
    assert [test["id"] for test in ended.report["failing_tests"]] == [FAILING]


def test_two_causes_are_told_apart(patchwright: Patchwright, tmp_path: Path) -> None:
    """Two bugs, two groups; a patch of one of them says that the other is left."""
    ended = patchwright.diagnose(repository(tmp_path / "shop", {**SHOP, "shop/prices.py": WRONG_BOTH}))
    assert ended.outcome == "verified_patch", ended.text
    report = ended.report
    assert len(report["groups"]) == 2
    left = {test["id"] for test in report["failing_tests"]} - {test["id"] for test in report["verdict"]["before"]}
    assert not left or any("another cause" in step for step in report["next_steps"])


SLOW = "import time\n\n\ndef test_slow():\n    time.sleep(6)\n"


def test_a_test_that_needs_longer_than_its_limit_certifies_nothing(patchwright: Patchwright, tmp_path: Path) -> None:
    """It runs out of time on the base; what passes with a patch when it is given more time proves nothing."""
    repo = repository(tmp_path / "shop", {**RIGHT_SHOP, "tests/test_slow.py": SLOW})
    idle = tmp_path / "idle.diff"
    write(repo, {"shop/prices.py": f"{PRICES}\nIDLE = True\n"})
    idle.write_text(git(repo, "diff") + "\n")
    git(repo, "checkout", "-q", ".")
    ended = patchwright.diagnose(repo, "--patch", idle, limit_seconds=30, test_seconds=20)
    assert ended.outcome != "verified_patch", ended.text
