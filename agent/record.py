"""Recording a run's effects and replaying them: the same graph over answers that were kept.

The record is a file of JSON lines, one finished call each: method, a hash of its arguments, and its result. Replaying
answers each call from the file and touches nothing; the first call that the record does not know is where the replay
diverged, and says so.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, TypeAdapter

from agent.artifacts import Codec
from agent.bench import (
    Bench,
    BisectOrder,
    BisectOutcome,
    ChangedLines,
    DeskOrder,
    Emit,
    Hands,
    LoggedFailures,
    Outlook,
    SearchOrder,
    SearchOutcome,
    TestOrder,
    TestOutcome,
)
from agent.domain import Prepared, Request
from sandbox.recipe import EnvironmentBroken
from tools.patches import FileChange, PatchInvalid
from tools.recreate.values import Drafts
from tools.toolbox.using import Used

T = TypeVar("T")
NAME = "record.jsonl"
_CHANGES = TypeAdapter(tuple[FileChange, ...])
_SOURCES = TypeAdapter(dict[str, str])


class ReplayDiverged(Exception):
    """The machine asked for something that the record does not hold; the message names the call."""


def key(method: str, *arguments: object) -> str:
    """What identifies a call: its method and arguments, without limits in seconds, which depend on the clock."""
    parts = [_plain(argument) for argument in arguments]
    return hashlib.sha256(json.dumps([method, *parts], sort_keys=True).encode()).hexdigest()


def _plain(argument: object) -> Any:
    if isinstance(argument, BaseModel):
        fields = argument.model_dump(mode="json")
        return {name: value for name, value in fields.items() if name not in ("wall_s", "test_s")}
    return list(argument) if isinstance(argument, tuple) else argument


class Recorder:
    """A bench that writes down what another bench answers. Lines are appended whole; a torn last line is ignored."""

    def __init__(self, bench: Bench, path: Path, codec: Codec | None = None) -> None:
        self._bench = bench
        self._path = path
        self._codec = codec
        earlier = rows_of(path, codec) if path.exists() else []
        self._attempt = 1 + max((row.get("attempt", 0) for row in earlier), default=0)

    async def prepare(self, request: Request) -> Prepared:
        return await self._keep("prepare", (request,), lambda: self._bench.prepare(request))

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        return await self._keep("reading", (prepared, request), lambda: self._bench.reading(prepared, request))

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        return await self._keep("test", (prepared, order), lambda: self._bench.test(prepared, order))

    async def drafts(self, prepared: Prepared, request: Request) -> Drafts:
        return await self._keep("drafts", (prepared, request), lambda: self._bench.drafts(prepared, request))

    async def past(self, prepared: Prepared, revision: str, order: TestOrder) -> TestOutcome:
        arguments = (prepared, revision, order)
        return await self._keep("past", arguments, lambda: self._bench.past(prepared, revision, order))

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:
        return await self._keep("search", (prepared, order), lambda: self._bench.search(prepared, order, emit))

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:
        return await self._keep("bisect", (prepared, order), lambda: self._bench.bisect(prepared, order, emit))

    async def outlook(self) -> Outlook:
        """What it was for an earlier attempt, where there was one: turns are known by the tools that they had."""
        rows = rows_of(self._path, self._codec) if self._path.exists() else []
        known = next((row["result"] for row in rows if row["key"] == key("outlook")), None)
        return Outlook.model_validate(known) if known else await self._keep("outlook", (), self._bench.outlook)

    async def changed(self, prepared: Prepared, good: str | None, files: Sequence[str]) -> ChangedLines:
        arguments = (prepared, good, tuple(files))
        return await self._keep("changed", arguments, lambda: self._bench.changed(prepared, good, files))

    async def changes(self, prepared: Prepared, patch: str) -> tuple[FileChange, ...]:
        return await self._keep("changes", (prepared, patch), lambda: self._bench.changes(prepared, patch))

    async def sources(self, prepared: Prepared, files: Sequence[str]) -> Mapping[str, str]:
        arguments = (prepared, tuple(files))
        return await self._keep("sources", arguments, lambda: self._bench.sources(prepared, files))

    @asynccontextmanager
    async def desk(self, prepared: Prepared, order: DeskOrder) -> AsyncIterator[Hands]:
        """A desk whose calls are kept; those that a killed run had finished are answered as they were."""
        rows = rows_of(self._path, self._codec) if self._path.exists() else []
        known = {row["key"]: Used.model_validate(row["result"]) for row in rows if row.get("method") == "use"}
        async with self._bench.desk(prepared, order) as hands:
            yield _RecordedHands(hands, order.branch, known, self._append)

    async def _keep(self, method: str, arguments: tuple[object, ...], call: Callable[[], Awaitable[T]]) -> T:
        try:
            result = await call()
        except (EnvironmentBroken, PatchInvalid) as error:
            self._append({"method": method, "key": key(method, *arguments), "error": _error(error)})
            raise
        self._append({"method": method, "key": key(method, *arguments), "result": _dump(result)})
        return result

    def _append(self, row: dict[str, Any]) -> None:
        append_row(self._path, {**row, "attempt": self._attempt}, self._codec)


def _dump(result: object) -> Any:
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, tuple):
        return [_dump(item) for item in result]
    return result


def _error(error: EnvironmentBroken | PatchInvalid) -> dict[str, str]:
    if isinstance(error, EnvironmentBroken):
        return {"kind": "EnvironmentBroken", "step": error.step, "output": error.output}
    return {"kind": "PatchInvalid", "message": str(error)}


@dataclass(frozen=True)
class _RecordedHands:
    """known: the calls of an earlier attempt. Edits among them are made again, to have the same draft."""

    hands: Hands
    branch: str
    known: Mapping[str, Used]
    append: Callable[[dict[str, Any]], None]

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        call = key("use", self.branch, number, name, dict(arguments))
        earlier = self.known.get(call)
        if earlier is not None and earlier.changed:
            await self.hands.use(number, name, arguments)
        if earlier is not None:
            return earlier
        used = await self.hands.use(number, name, arguments)
        self.append({"method": "use", "key": call, "tool": name, "result": used.model_dump(mode="json")})
        return used

    async def diff(self) -> str:
        diff = await self.hands.diff()
        self.append({"method": "diff", "key": key("diff", self.branch), "result": diff})
        return diff


class Player:
    """A bench that answers from a record. Calls with the same arguments are answered in recorded order, the last one
    again and again; what a resumed run asked anew takes the place of what the killed attempt had been told last.
    """

    def __init__(self, path: Path) -> None:
        self._answers: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        for row in rows_of(path):
            _take(self._answers[row["key"]], row)

    async def prepare(self, request: Request) -> Prepared:
        return Prepared.model_validate(self._answer("prepare", request))

    async def reading(self, prepared: Prepared, request: Request) -> LoggedFailures:
        return LoggedFailures.model_validate(self._answer("reading", prepared, request))

    async def test(self, prepared: Prepared, order: TestOrder) -> TestOutcome:
        return TestOutcome.model_validate(self._answer("test", prepared, order))

    async def drafts(self, prepared: Prepared, request: Request) -> Drafts:
        return Drafts.model_validate(self._answer("drafts", prepared, request))

    async def past(self, prepared: Prepared, revision: str, order: TestOrder) -> TestOutcome:
        return TestOutcome.model_validate(self._answer("past", prepared, revision, order))

    async def search(self, prepared: Prepared, order: SearchOrder, emit: Emit) -> SearchOutcome:  # noqa: ARG002
        return SearchOutcome.model_validate(self._answer("search", prepared, order))

    async def bisect(self, prepared: Prepared, order: BisectOrder, emit: Emit) -> BisectOutcome:  # noqa: ARG002
        return BisectOutcome.model_validate(self._answer("bisect", prepared, order))

    async def outlook(self) -> Outlook:
        known = self._answers.get(key("outlook"))  # runs of earlier versions asked nobody
        return Outlook.model_validate(self._answer("outlook")) if known else Outlook()

    async def changed(self, prepared: Prepared, good: str | None, files: Sequence[str]) -> ChangedLines:
        return ChangedLines.model_validate(self._answer("changed", prepared, good, tuple(files)))

    async def changes(self, prepared: Prepared, patch: str) -> tuple[FileChange, ...]:
        return _CHANGES.validate_python(self._answer("changes", prepared, patch))

    async def sources(self, prepared: Prepared, files: Sequence[str]) -> Mapping[str, str]:
        return _SOURCES.validate_python(self._answer("sources", prepared, tuple(files)))

    @asynccontextmanager
    async def desk(self, prepared: Prepared, order: DeskOrder) -> AsyncIterator[Hands]:
        del prepared
        yield _PlayedHands(order.branch, self._answer)

    def _answer(self, method: str, *arguments: object) -> Any:
        rows = self._answers.get(key(method, *arguments))
        if not rows:
            raise ReplayDiverged(f"the run now asks `{method}` with arguments that were not recorded")
        row = rows.popleft() if len(rows) > 1 else rows[0]
        error = row.get("error")
        if error and error["kind"] == "EnvironmentBroken":
            raise EnvironmentBroken(error["step"], error["output"])
        if error:
            raise PatchInvalid(error["message"])
        return row["result"]


@dataclass(frozen=True)
class _PlayedHands:
    """Answers from a record."""

    branch: str
    answer: Callable[..., Any]

    async def use(self, number: int, name: str, arguments: Mapping[str, Any]) -> Used:
        return Used.model_validate(self.answer("use", self.branch, number, name, dict(arguments)))

    async def diff(self) -> str:
        return str(self.answer("diff", self.branch))


def recorded(hands: Hands, branch: str, path: Path) -> Hands:
    """The same hands, without a desk; what they do is kept."""
    return _RecordedHands(hands, branch, {}, lambda row: append_row(path, row))


def played(branch: str, path: Path) -> Hands:
    """What such hands did. Raises ReplayDiverged where another thing is asked of them."""
    return _PlayedHands(branch, Player(path)._answer)  # noqa: SLF001 - of this module


def _take(answers: deque[dict[str, Any]], row: dict[str, Any]) -> None:
    """Add a row to the answers of one call, in the place of the last one of an earlier attempt, if there is one."""
    attempt = row.get("attempt", 1)
    older = [index for index, known in enumerate(answers) if known.get("attempt", 1) < attempt]
    if older:
        del answers[older[-1]]
    answers.append(row)


def append_row(path: Path, row: dict[str, Any], codec: Codec | None = None) -> None:
    """Add a row to a record: a line of JSON, or of base64 where lines are sealed."""
    line = json.dumps(row).encode("ascii")
    with path.open("ab+") as file:
        before = b"\n" if _torn(file) else b""
        file.write(before + (base64.b64encode(codec.seal(NAME, line)) if codec else line) + b"\n")


def _torn(file: BinaryIO) -> bool:
    """Whether a process died while it wrote the last line: the next one must not be spoilt with it."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def rows_of(path: Path, codec: Codec | None = None) -> list[dict[str, Any]]:
    """The whole rows of a record."""
    return parsed(path.read_bytes(), codec)


def parsed(data: bytes, codec: Codec | None = None) -> list[dict[str, Any]]:
    """The whole rows in the bytes of a record."""
    rows = []
    for line in data.splitlines():
        try:
            row = json.loads(codec.open(NAME, base64.b64decode(line, validate=True)) if codec else line)
        except ValueError:  # torn, or not sealed by this key
            continue
        if isinstance(row, dict) and "key" in row:
            rows.append(row)
    return rows
