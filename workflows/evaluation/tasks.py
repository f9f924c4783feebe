"""Tasks of an evaluation, a JSON object a line, in SWE-bench's instance format or a simple one for local repositories.

SWE-bench: instance_id, repo ("owner/name") or path, base_commit, problem_statement, FAIL_TO_PASS, PASS_TO_PASS,
test_patch; other fields are not looked at. Simple: id, source, and where wanted rev, issue, log, tests (what is told),
hidden_tests, keep_passing, test_patch (what the patch is judged by).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tools.patches import PatchInvalid, touched
from tools.values import Value
from workflows.exits import Refused
from workflows.inputs import is_url
from workflows.text import line as one_line

MAX_LINE, MAX_TASKS = 16_000_000, 100_000
HOST = "https://github.com"


class Task(Value):
    """One failure to repair. told: test ids that the diagnosis is given; hidden: those that must pass with the patch;
    kept: those that must go on passing; test_patch: the diff that brings the hidden tests; digest: of all that.
    """

    id: str
    source: str
    rev: str | None = None
    issue: str = ""
    log: str = ""
    told: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    test_patch: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]


def _list(value: Any) -> Any:
    """SWE-bench has its lists as JSON text."""
    return json.loads(value) if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$", max_length=200)]
Ids = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=2000)], ...], BeforeValidator(_list)]
Revision = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./~^+@{}-]*$", max_length=250)]


class _SweBench(BaseModel):
    model_config = ConfigDict(extra="ignore")

    instance_id: Name
    repo: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?$")] = ""
    path: str = ""
    base_commit: Revision
    problem_statement: str = ""
    FAIL_TO_PASS: Ids = ()
    PASS_TO_PASS: Ids = ()
    test_patch: str = ""

    def task(self) -> Task:
        return Task(
            id=self.instance_id, source=self.path or self.repo, rev=self.base_commit, issue=self.problem_statement,
            hidden=self.FAIL_TO_PASS, kept=self.PASS_TO_PASS, test_patch=self.test_patch,
        )  # fmt: skip


class _Simple(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: Name
    source: Annotated[str, Field(min_length=1)]
    rev: Revision | None = None
    issue: str = ""
    log: str = ""
    tests: Ids = ()
    hidden_tests: Ids = ()
    keep_passing: Ids = ()
    test_patch: str = ""

    def task(self) -> Task:
        return Task(
            id=self.id, source=self.source, rev=self.rev, issue=self.issue, log=self.log, told=self.tests,
            hidden=self.hidden_tests, kept=self.keep_passing, test_patch=self.test_patch,
        )  # fmt: skip


def read_tasks(path: Path, repositories: Path | None = None) -> tuple[Task, ...]:
    """All tasks of a file. repositories: where clones of SWE-bench's repositories lie, as owner__name or owner/name.

    Paths are relative to the file. Raises Refused, with the number of the line.
    """
    found: dict[str, tuple[int, Task]] = {}
    for number, text in _lines(path):
        task = _task(f"{path}, line {number}", text, path.parent, repositories)
        if task.id in found:
            raise Refused(f"{path}, line {number}: {task.id} is on line {found[task.id][0]} already")
        found[task.id] = (number, task)
        if len(found) > MAX_TASKS:
            raise Refused(f"{path}: more than {MAX_TASKS:,} tasks")
    if not found:
        raise Refused(f"{path}: there is no task in it")
    return tuple(task for _, task in found.values())


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open("rb") as file:
            number = 0
            while data := file.readline(MAX_LINE + 1):
                number += 1
                if len(data) > MAX_LINE:
                    raise Refused(f"{path}, line {number}: longer than {MAX_LINE:,} bytes")
                if data.strip():
                    yield number, data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path}, line {number}: not UTF-8 ({error.reason})") from error
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror or error}") from error


def _task(where: str, text: str, folder: Path, repositories: Path | None) -> Task:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where}: no JSON ({one_line(str(error), 200)})") from error
    if not isinstance(row, dict):
        raise Refused(f"{where}: a JSON object is expected, and this is a {type(row).__name__}")
    kind = _SweBench if "instance_id" in row else _Simple
    try:
        task = kind.model_validate(row).task()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise Refused(f"{where}: {one_line(name, 100)}: {one_line(str(first['msg']), 300)}") from error
    return task.model_copy(update={"source": _source(where, task, folder, repositories), **_tests(where, task)})


def _tests(where: str, task: Task) -> dict[str, str]:
    """The test patch as it was given; checked."""
    try:
        touched(task.test_patch) if task.test_patch.strip() else ()
    except PatchInvalid as error:
        raise Refused(f"{where}: test_patch: {error}") from error
    return {"test_patch": task.test_patch}


def _source(where: str, task: Task, folder: Path, repositories: Path | None) -> str:
    """A URL, or the absolute path of a directory that is there."""
    if not task.source:
        raise Refused(f"{where}: neither repo nor path is given")
    if is_url(task.source):
        return task.source
    slashes = task.source.replace("/", "__")
    near = [repositories / slashes, repositories / task.source] if repositories else []
    try:
        for place in (*near, folder / task.source):
            if place.is_dir():
                return str(place.resolve())
    except (OSError, ValueError) as error:
        raise Refused(f"{where}: {one_line(task.source, 200)}: {error}") from error
    if task.rev and task.source.count("/") == 1 and not task.source.startswith((".", "/")):
        return f"{HOST}/{task.source}.git"
    raise Refused(f"{where}: there is no directory {one_line(task.source, 200)}")
