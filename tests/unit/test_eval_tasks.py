"""Tasks of an evaluation as they are read: both formats, and the line that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workflows.evaluation.tasks import MAX_LINE, read_tasks
from workflows.exits import Refused

SWE: dict[str, Any] = {
    "instance_id": "psf__requests-1142", "repo": "psf/requests", "base_commit": "22623bd8c265b78b161542663ee98073844",
    "problem_statement": "requests.get is ALWAYS sending content length",
    "FAIL_TO_PASS": '["test_requests.py::T::test_a"]',
    "PASS_TO_PASS": ["test_requests.py::T::test_b"], "test_patch": "", "hints_text": "", "version": "1.1",
}  # fmt: skip
SIMPLE: dict[str, Any] = {"id": "one", "source": "shop", "tests": ["tests/test_a.py::test_x"]}
PATCH = "--- a/tests/test_a.py\n+++ b/tests/test_a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n"


def written(folder: Path, *rows: Any) -> Path:
    """A file of rows; what is no dictionary is a line as it stands."""
    (folder / "shop").mkdir(exist_ok=True)
    path = folder / "tasks.jsonl"
    lines = [json.dumps(row) if isinstance(row, dict | list) else row for row in rows]
    path.write_text("\n".join(lines) + "\n", errors="surrogateescape")
    return path


def test_swe_bench_instance_is_read(tmp_path: Path) -> None:
    """Lists as JSON text or as lists; what is hidden is not told; without a clone here it is a URL."""
    (task,) = read_tasks(written(tmp_path, SWE))
    assert (task.id, task.rev, task.issue) == (SWE["instance_id"], SWE["base_commit"], SWE["problem_statement"])
    assert (task.hidden, task.kept, task.told) == (
        ("test_requests.py::T::test_a",),
        ("test_requests.py::T::test_b",),
        (),
    )
    assert task.source.endswith("/psf/requests.git")


def test_clone_at_hand_is_taken_instead_of_the_network(tmp_path: Path) -> None:
    """By either form of its name, or by a path beside the file."""
    for name in ("clones/psf__requests", "more/psf/requests"):
        (tmp_path / name).mkdir(parents=True)
    path = written(tmp_path, SWE)
    assert read_tasks(path, tmp_path / "clones")[0].source == str(tmp_path / "clones" / "psf__requests")
    assert read_tasks(path, tmp_path / "more")[0].source == str(tmp_path / "more" / "psf" / "requests")
    assert read_tasks(written(tmp_path, {**SWE, "path": "shop"}))[0].source == str(tmp_path / "shop")


def test_simple_task_is_read(tmp_path: Path) -> None:
    """Empty lines do not count; paths are relative to the file."""
    rows = [
        {**SIMPLE, "hidden_tests": ["t::h"], "keep_passing": ["t::k"], "test_patch": PATCH},
        "",
        {**SIMPLE, "id": "two"},
    ]
    first, second = read_tasks(written(tmp_path, *rows))
    assert (first.source, first.told) == (str(tmp_path / "shop"), ("tests/test_a.py::test_x",))
    assert (first.hidden, first.kept, first.test_patch, second.id) == (("t::h",), ("t::k",), PATCH, "two")
    assert first.digest != second.digest


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ((SIMPLE, "{"), "line 2: no JSON"),
        (("[1]",), "line 1: a JSON object is expected, and this is a list"),
        ((SIMPLE, {"id": "x"}), "line 2: source: Field required"),
        ((SIMPLE, {**SIMPLE, "id": "x", "hiden_tests": []}), "line 2: hiden_tests: Extra inputs"),
        ((SIMPLE, SIMPLE), "line 2: one is on line 1 already"),
        (({**SIMPLE, "id": "../x"},), "line 1: id: String should match"),
        (({**SIMPLE, "id": "x" * 300},), "line 1: id: String should have at most"),
        (({**SIMPLE, "source": "nowhere"},), "line 1: there is no directory nowhere"),
        (({**SIMPLE, "source": "a\0b"},), "line 1: "),
        (({**SIMPLE, "rev": "--upload-pack=x y"},), "line 1: rev: String should match"),
        (({**SIMPLE, "tests": "not json"},), "line 1: tests: "),
        (({**SIMPLE, "tests": {"a": 1}},), "line 1: tests: "),
        (({**SIMPLE, "test_patch": "this is no diff"},), "line 1: test_patch: "),
        (({**SWE, "base_commit": ""},), "line 1: base_commit: "),
        (({**SWE, "repo": "../../etc"},), "line 1: repo: "),
        (({**SWE, "repo": "../tmp.jsonl"},), "line 1: there is no directory"),
        (({**SWE, "repo": ""},), "line 1: neither repo nor path is given"),
        (("[" * 100_000,), "line 1: no JSON"),
        (("\udcff",), "line 1: not UTF-8"),
        (("",), "there is no task in it"),
    ],
)
def test_bad_line_is_named(rows: tuple[Any, ...], said: str, tmp_path: Path) -> None:
    """With what is wrong about it."""
    with pytest.raises(Refused) as error:
        read_tasks(written(tmp_path, *rows))
    assert said in error.value.message


def test_endless_line_is_refused(tmp_path: Path) -> None:
    """Before it is read to its end."""
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"x" * (MAX_LINE + 2))
    with pytest.raises(Refused, match="line 1: longer than"):
        read_tasks(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With its name."""
    with pytest.raises(Refused, match=r"gone\.jsonl cannot be read"):
        read_tasks(tmp_path / "gone.jsonl")
