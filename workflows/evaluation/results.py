"""What came of the tasks, kept as it comes: results.jsonl, and predictions.jsonl in SWE-bench's format.

A row is written whole when its task has ended. Where a task has several, the last one counts; a half row, of a process
that was killed while it wrote, is as none.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tools.values import Value
from workflows.evaluation.tasks import Task
from workflows.exits import Refused

Verdict = Literal["resolved", "wrong", "verified", "inconclusive", "failed"]
RESULTS, PREDICTIONS = "results.jsonl", "predictions.jsonl"


class Row(Value):
    """One finished task. verdict: resolved (hidden tests pass), wrong (a certificate, but they do not), verified (a
    certificate, and no hidden tests), inconclusive (no certificate; `outcome` says why), failed (could not be run).

    task: digest of the task; seconds of wall clock; steps: turns of a model; problem: what kept it from its end.
    """

    instance_id: str
    task: str
    verdict: Verdict
    outcome: str = ""
    model_patch: str = ""
    run: str = ""
    tokens: int = 0
    seconds: float = 0.0
    steps: int = 0
    problem: str = ""


class Results:
    """The results in a directory, of one way to run tasks. name: of that way."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self._rows: dict[str, Row] = {}

    def begin(self) -> None:
        """Make the directory, or read what is in it. Raises Refused when that is of another way."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.folder / "name.json"
        if known.exists() and json.loads(known.read_text(encoding="utf-8")) != self.name:
            raise Refused(f"{self.folder} holds results of {known.read_text(encoding='utf-8')}: choose another --out")
        known.write_text(json.dumps(self.name), encoding="utf-8")
        if (self.folder / RESULTS).exists():
            self._rows = {row.instance_id: row for row in read_rows(self.folder / RESULTS)}

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes from working in the directory. Raises Refused when one does."""
        with (self.folder / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Refused(f"another process is working in {self.folder}") from error
            yield

    def finished(self, task: Task) -> bool:
        """Whether this very task has ended before. One that could not be run is tried again."""
        row = self._rows.get(task.id)
        return row is not None and row.task == task.digest and row.verdict != "failed"

    def rows(self, tasks: Iterable[Task]) -> tuple[Row, ...]:
        """What is known of tasks, in their order."""
        return tuple(self._rows[task.id] for task in tasks if task.id in self._rows)

    def add(self, row: Row) -> None:
        """Keep a row, at once and for good."""
        self._rows[row.instance_id] = row
        path = self.folder / RESULTS
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        with path.open("a", encoding="ascii") as file:
            file.write("\n" * torn + json.dumps(row.model_dump()) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._predict()

    def _predict(self) -> None:
        rows = [
            {"instance_id": row.instance_id, "model_name_or_path": self.name, "model_patch": row.model_patch}
            for row in self._rows.values()
            if row.verdict != "failed"
        ]
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".part-", delete=False, encoding="ascii") as part:
            part.writelines(json.dumps(row) + "\n" for row in rows)
        Path(part.name).replace(self.folder / PREDICTIONS)


def read_rows(path: Path) -> tuple[Row, ...]:
    """The rows of a results.jsonl, or of the one in a directory: the last of each task. Raises Refused."""
    file = path / RESULTS if path.is_dir() else path
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise Refused(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    rows: dict[str, Row] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            row = Row.model_validate(json.loads(text))
        except (ValueError, RecursionError) as error:
            if _half(text):
                continue
            raise Refused(f"{file}, line {number}: no row of results") from error
        rows[row.instance_id] = row
    return tuple(rows.values())


def _half(text: str) -> bool:
    """Whether a line is the beginning of a row."""
    return text.startswith('{"instance_id"') and not text.rstrip().endswith("}")
