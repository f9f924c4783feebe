"""Results of an evaluation: kept as they come, gone on with, counted, and compared with their uncertainty."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.console import Console

from tools.patches import PatchInvalid
from tools.values import Status, TestResult, TestRun
from workflows.evaluation.attempt import joined, unmet
from workflows.evaluation.results import PREDICTIONS, RESULTS, Results, Row, Verdict, read_rows
from workflows.evaluation.run import evaluate
from workflows.evaluation.statistics import bootstrap, mcnemar, wilson
from workflows.evaluation.table import compared, summary_of, table_of
from workflows.evaluation.tasks import Task
from workflows.exits import Refused

TASKS = tuple(Task(id=name, source="shop") for name in "abcd")
FIX = "--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"
BAD_TEST = FIX.replace("shop.py", "test_shop.py")
TEST_PATCH = "--- a/test_shop.py\n+++ b/test_shop.py\n@@ -1 +1 @@\n-y = 1\n+y = 3\n"


def row(name: str, verdict: Verdict = "resolved", **figures: float) -> Row:
    task = Task(id=name, source="shop")
    return Row(instance_id=name, task=task.digest, verdict=verdict, model_patch=FIX, **figures)  # type: ignore[arg-type]


@dataclass
class Attempts:
    """verdicts: of each task; asked: which tasks were worked on; most: how many at the same time."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: int = 0
    most: int = 0

    async def __call__(self, task: Task, /) -> Row:
        self.asked.append(task.id)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.005)
        self.now -= 1
        return row(task.id, self.verdicts.get(task.id, "resolved"))


def begun(folder: Path, name: str = "patchwright") -> Results:
    results = Results(folder, name)
    results.begin()
    return results


async def test_no_more_tasks_than_allowed_run_at_a_time(tmp_path: Path) -> None:
    """And all of them run."""
    attempts, said = Attempts(), list[str]()
    await evaluate(TASKS, begun(tmp_path), attempts, parallel=2, say=said.append)
    assert (sorted(attempts.asked), attempts.most) == (list("abcd"), 2)
    assert said[-1].startswith("4 of 4: ")


async def test_finished_tasks_are_not_run_again(tmp_path: Path) -> None:
    """Those that could not be run are, and those that were changed."""
    await evaluate(TASKS[:3], begun(tmp_path), Attempts({"b": "failed"}), parallel=1, say=lambda _: None)
    again = Attempts()
    changed = (TASKS[0].model_copy(update={"issue": "another"}), *TASKS[1:])
    await evaluate(changed, begun(tmp_path), again, parallel=1, say=lambda _: None)
    assert again.asked == ["a", "b", "d"]


async def test_results_and_predictions_are_written_as_they_come(tmp_path: Path) -> None:
    """Predictions have SWE-bench's three fields; a task that could not be run predicts nothing."""
    await evaluate(TASKS[:2], begun(tmp_path, "qwq"), Attempts({"b": "failed"}), parallel=1, say=lambda _: None)
    rows = [json.loads(line) for line in (tmp_path / PREDICTIONS).read_text().splitlines()]
    assert rows == [{"instance_id": "a", "model_name_or_path": "qwq", "model_patch": FIX}]
    assert [found.verdict for found in read_rows(tmp_path)] == ["resolved", "failed"]


def test_row_that_was_cut_by_a_kill_is_as_none(tmp_path: Path) -> None:
    """And what comes after it stands on a line of its own."""
    results = begun(tmp_path)
    results.add(row("a"))
    with (tmp_path / RESULTS).open("a") as file:
        file.write('{"instance_id": "b", "task": "12')
    again = begun(tmp_path)
    again.add(row("c"))
    assert [found.instance_id for found in read_rows(tmp_path / RESULTS)] == ["a", "c"]


def test_results_of_another_model_are_not_mixed(tmp_path: Path) -> None:
    """The directory is refused."""
    begun(tmp_path, "one")
    with pytest.raises(Refused, match="choose another --out"):
        begun(tmp_path, "two")


def test_directory_is_of_one_process_at_a_time(tmp_path: Path) -> None:
    """A second one is refused, and not once the first has ended."""
    first, second = begun(tmp_path), begun(tmp_path)
    with first.held(), pytest.raises(Refused, match="another process is working"), second.held():
        pass
    with second.held():
        pass


def test_patch_of_bytes_that_are_no_utf_8_is_kept(tmp_path: Path) -> None:
    """As it was."""
    begun(tmp_path).add(row("a").model_copy(update={"model_patch": "+name = '\udce9'\n"}))
    assert read_rows(tmp_path)[0].model_patch == "+name = '\udce9'\n"


def test_file_that_is_no_results_is_refused_by_line(tmp_path: Path) -> None:
    """With its name."""
    path = tmp_path / "x.jsonl"
    path.write_text(row("a").model_dump_json() + '\n{"a": 1}\n')
    with pytest.raises(Refused, match=r"x\.jsonl, line 2: no row of results"):
        read_rows(path)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)]
)
def test_wilson_interval(successes: int, trials: int, low: float, high: float) -> None:
    """Known values; never beyond 0 and 1."""
    found = wilson(successes, trials)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)


@pytest.mark.parametrize(("first", "second", "p"), [(0, 0, 1.0), (0, 5, 0.0625), (1, 9, 0.0215), (5, 5, 1.0)])
def test_mcnemar_is_exact(first: int, second: int, p: float) -> None:
    """The two-sided binomial test of the pairs that differ."""
    assert mcnemar(first, second) == pytest.approx(p, abs=1e-4)


def test_bootstrap_holds_the_mean_and_is_the_same_again() -> None:
    """Of equal differences there is no doubt; of none, no difference."""
    found = bootstrap([1.0, 0.0, 0.0, 1.0, -1.0, 1.0, 0.0, 0.0])
    assert found.low <= found.value == 0.25 <= found.high
    assert found == bootstrap([1.0, 0.0, 0.0, 1.0, -1.0, 1.0, 0.0, 0.0])
    assert (bootstrap([2.0] * 5).low, bootstrap([2.0] * 5).high, bootstrap([]).value) == (2.0, 2.0, 0.0)


def test_summary_counts_each_verdict_with_its_interval() -> None:
    """And says by which method."""
    rows = [row("a", tokens=100, steps=2), row("b", "wrong", tokens=300, steps=4), row("c", "inconclusive", seconds=9)]
    text = "\n".join(summary_of(rows))
    assert "Wilson" in text
    assert "resolved                  1   33.3 % (6.1 to 79.2)" in text
    assert "verified but wrong        1" in text
    assert "median of a task: 100 tokens, 0.0 s, 2 steps" in text


def test_comparison_is_paired_and_names_its_methods() -> None:
    """Tasks of one run alone are counted apart."""
    first = [row("a", "wrong", tokens=10), row("b", tokens=10), row("c", "inconclusive"), row("x")]
    second = [row("a", tokens=30), row("b", tokens=30), row("c", tokens=20)]
    text = "\n".join(compared(first, second, ("one", "two")))
    for part in (
        "3 tasks of both, 1 of one", "A resolved 1 of 3", "B resolved 3 of 3", "B - A: +66.7 points",
        "paired bootstrap", "only B 2, only A 0: p = 0.500 (McNemar, exact)",
        "tokens of a task, B - A: +20.0 (+20.0 to +20.0",
    ):  # fmt: skip
        assert part in text
    assert compared(first, [], ("one", "two"))[-1] == "there is nothing to compare"


def test_names_of_tasks_do_nothing_to_a_terminal() -> None:
    """What could not be run is told."""
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as caught:
        console.print(table_of([row("a", "failed").model_copy(update={"problem": "\x1b[2J[red]gone\n"}), row("b")]))
    assert "could not be run" in caught.get()
    assert "\x1b[2J" not in caught.get()
    assert "[red]gone" in caught.get()


def test_files_of_hidden_tests_are_taken_from_the_hidden_tests() -> None:
    """Whatever the patch did to them."""
    both = joined(FIX + BAD_TEST, TEST_PATCH)
    assert both.count("test_shop.py") == 2
    assert "+y = 3" in both
    assert "+x = 2" in both
    blank = FIX.replace("@@ -1 +1 @@", "@@ -1,2 +1,2 @@") + " \n"
    assert joined(blank, TEST_PATCH) == blank + TEST_PATCH, "a blank line of context belongs to its hunk"
    assert joined(FIX, "") == FIX
    assert joined(BAD_TEST, TEST_PATCH) == TEST_PATCH
    with pytest.raises(PatchInvalid):
        joined("no diff", TEST_PATCH)


def test_hidden_test_that_did_not_run_is_unmet() -> None:
    """So is one of which any part failed."""
    rows: list[tuple[str, Status]] = [("t.py::a", "passed"), ("t.py::b", "failed"), ("t.py::C::x", "passed"),
                                      ("t.py::C::y", "skipped")]  # fmt: skip
    results = tuple(TestResult(id=name, status=status, duration_s=0.0) for name, status in rows)
    run = TestRun(command=(), results=results, complete=True)
    assert unmet(run, ["t.py::a", "t.py::b", "t.py::C", "t.py::gone"]) == ["t.py::b", "t.py::C", "t.py::gone"]
