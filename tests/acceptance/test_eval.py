"""`patchwright eval` as people run it: tasks of small repositories, judged by hidden tests, gone on with, compared."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import FAILING, RIGHT_SHOP, TEST_PRICES, commit, git, repository
from tests.waiting import PATIENCE_S, until
from workflows.evaluation.results import RESULTS

QUICK: dict[str, Any] = {"repeats": 2, "candidates": 400}
HIDDEN = "tests/hidden/test_more.py"


def added(test: str) -> str:
    """A diff that brings a hidden test in a directory of its own."""
    lines = ["from shop.prices import cheapest", "", "", *test.splitlines()]
    body = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{HIDDEN} b/{HIDDEN}\nnew file mode 100644\n--- /dev/null\n+++ b/{HIDDEN}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{body}"


def tasks(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def shop(folder: Path) -> tuple[Path, str]:
    """A repository whose fix came later, and the commit before it."""
    root = repository(folder / "shop")
    base = git(root, "rev-parse", "HEAD")
    commit(root, RIGHT_SHOP, "Mend the cheapest price")
    return root, base


def rows_of(out: Path, name: str = RESULTS) -> dict[str, dict[str, Any]]:
    return {row["instance_id"]: row for row in map(json.loads, (out / name).read_text().splitlines())}


def test_tasks_are_run_judged_counted_and_not_run_again(patchwright: Patchwright, tmp_path: Path) -> None:
    """Resolved, verified but wrong, inconclusive, and one that cannot be run: each is told as what it is."""
    _, base = shop(tmp_path)
    known = {"source": "shop", "rev": base, "tests": [FAILING]}
    right = "def test_two():\n    assert cheapest([2, 1]) == 1"
    wrong = "def test_two():\n    assert cheapest([2, 1]) == 'one'"
    swe = {
        "instance_id": "ada__shop-1", "repo": "ada/shop", "path": "shop", "base_commit": base,
        "problem_statement": "The cheapest price is the dearest.", "FAIL_TO_PASS": json.dumps([FAILING]),
        "PASS_TO_PASS": "[]", "test_patch": "", "patch": "the gold patch is not looked at",
    }  # fmt: skip
    file = tasks(
        tmp_path,
        {"id": "right", **known, "hidden_tests": [f"{HIDDEN}::test_two"], "test_patch": added(right),
         "keep_passing": ["tests/test_prices.py"]},
        {"id": "wrong", **known, "hidden_tests": [f"{HIDDEN}::test_two"], "test_patch": added(wrong)},
        swe,
        {"id": "gone", **known, "rev": "f" * 40},
    )  # fmt: skip
    out = tmp_path / "out"
    ended = patchwright.run("eval", file, "--out", out, "--parallel", "2", timeout=400, **QUICK)
    assert ended.code == 0, ended.text
    rows = rows_of(out)
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "right": "resolved", "wrong": "wrong", "ada__shop-1": "resolved", "gone": "failed",
    }, rows  # fmt: skip
    assert "unknown revision" in rows["gone"]["problem"]
    assert "test_two" in rows["wrong"]["problem"]
    predictions = rows_of(out, "predictions.jsonl")
    assert set(predictions["right"]) == {"instance_id", "model_name_or_path", "model_patch"}
    assert "price < best" in predictions["right"]["model_patch"]
    assert HIDDEN not in predictions["right"]["model_patch"]
    for part in ("resolved                  2", "verified but wrong        1", "could not be run          1", "Wilson"):
        assert part in ended.out
    assert list(out.glob("tasks/*/checkout")) == []
    before = patchwright.runs()
    again = patchwright.run("eval", file, "--out", out, **QUICK)
    assert "3 of 4 tasks have ended before" in again.err
    assert patchwright.runs() == before
    assert "resolved                  2" in again.out
    same = patchwright.run("eval", "--compare", out, out / RESULTS)
    assert "4 tasks of both" in same.out
    assert "p = 1.000 (McNemar, exact)" in same.out


def test_suite_that_passes_is_inconclusive_and_gives_an_empty_prediction(
    patchwright: Patchwright, tmp_path: Path
) -> None:
    """Nothing fails at the revision that is mended already."""
    root, _ = shop(tmp_path)
    file = tasks(tmp_path, {"id": "one", "source": str(root), "issue": "It is slow.", "hidden_tests": [FAILING]})
    ended = patchwright.run("eval", file, "--out", tmp_path / "out", **QUICK)
    row = rows_of(tmp_path / "out")["one"]
    assert (ended.code, row["verdict"], row["outcome"]) == (0, "inconclusive", "not_reproduced")
    assert rows_of(tmp_path / "out", "predictions.jsonl")["one"]["model_patch"] == ""


def test_interrupted_evaluation_leaves_nothing_and_goes_on(patchwright: Patchwright, tmp_path: Path) -> None:
    """Ctrl-C ends the diagnosis that is under way; kill -9 as well, since the kernel tells it."""
    slow = TEST_PRICES.replace("import pytest\n", "import time\n\nimport pytest\n\ntime.sleep(60)\n", 1)
    repository(tmp_path / "slow", {**RIGHT_SHOP, "tests/test_prices.py": slow})
    file = tasks(tmp_path, {"id": "slow", "source": "slow", "tests": [FAILING]})
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        begun = len(list(patchwright.home.glob("runs/*")))
        process = patchwright.start("eval", file, "--out", tmp_path / "out", **QUICK)
        _until_a_run(patchwright, process, begun)
        time.sleep(1.0)
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == code
        assert leftovers.wait_for_none(patchwright.folder) == []
    assert not (tmp_path / "out" / RESULTS).exists()


def _until_a_run(patchwright: Patchwright, process: subprocess.Popen[str], begun: int) -> None:
    until(lambda: process.poll() is not None or len(list(patchwright.home.glob("runs/*"))) > begun)
    assert process.poll() is None, process.communicate()


def test_bad_input_is_refused_with_its_line(patchwright: Patchwright, tmp_path: Path) -> None:
    """Before anything is run."""
    shop(tmp_path)
    file = tasks(tmp_path, {"id": "one", "source": "shop"}, {"id": "two", "sauce": "shop"})
    for arguments, said in (
        ((file,), "line 2: source: Field required"),
        ((tmp_path / "none.jsonl",), "none.jsonl cannot be read"),
        ((), "name a file of tasks, or --compare A B"),
        ((file, "--compare", file, file), "--compare takes two results and no tasks"),
        (("--compare", file, file), "line 1: no row of results"),
    ):
        ended = patchwright.run("eval", *arguments)
        assert (ended.code, said in ended.err) == (65, True), ended.text
    good = tasks(tmp_path, {"id": "one", "source": "shop"})
    assert "has no such task" in patchwright.run("eval", good, "--only", "three").err
    assert not list(patchwright.home.glob("runs/*"))
