"""A model writes one test: its desk, its loop, the report that it writes from, and whether the test runs real code."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from agent.act import Account, Acted, Task, act
from agent.bench import DeskOrder, TestOutcome
from agent.deps import Deps
from agent.mind import Mind
from agent.model import ModelError, ToolSpec
from agent.nodes.case import UNASKED, data, said_by
from agent.nodes.localize import merge_coverage, test_file
from agent.nodes.reasons import quotes_in
from agent.state import State, Update
from agent.written import text_of
from sandbox.protocol import SandboxError
from tools.git import plain
from tools.patches import touched
from tools.testing.paths import is_test_file
from tools.tool import ToolError
from tools.toolbox.newtest import problem_of
from tools.toolbox.using import ALL
from tools.values import Coverage, TestRun

MAX_REPORT = 2_000_000
SPECS = tuple(
    ToolSpec(name=tool.name, description=tool.description, parameters=tool.schema)
    for tool in ALL
    if tool.name != "suspects"
)
_UNQUOTED = 'End with the line "QUOTE: ..." that copies words of the report exactly, those that say how it fails.'


@dataclass(frozen=True)
class Draft:
    """What was written, with what it quotes of the report. problem: why it is no new test, or rests on nothing."""

    problem: str
    path: str = ""
    text: str = ""
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Writer:
    """Who writes, for what. branch: of the record; check: what is wrong with a diff and its answer, "" when nothing."""

    mind: Mind
    account: Account
    branch: str
    system: str
    prompt: str
    check: Callable[[str, str], Awaitable[str]]


async def write(state: State, deps: Deps, writer: Writer) -> tuple[Acted, str, str]:
    """What the writer did, the diff it leaves, and what went wrong with it. Never raises for either."""
    acted, problem = UNASKED, ""
    try:
        async with deps.bench.desk(state.ready, _order(state, writer.branch)) as hands:

            async def check(answer: str) -> str:
                return await writer.check(await hands.diff(), answer)

            task = Task(
                branch=writer.branch, system=writer.system, prompt=writer.prompt, tools=SPECS, temperature=0.6, seed=0,
                check=check,
            )  # fmt: skip
            try:
                acted = await act(writer.mind, hands, task, writer.account)
            except ModelError as error:
                problem = said_by(error)
            return acted, await hands.diff(), problem
    except (SandboxError, ToolError) as error:
        return acted, "", f"its desk failed: {error}"


def _order(state: State, branch: str) -> DeskOrder:
    request = state.request
    logs = [("issue", request.issue)] if request.issue else []
    logs += [("given", request.log)] if request.log else []
    return DeskOrder(
        branch=branch, suspects=(), failing=(), protected=(), logs=tuple(logs), writes=state.ready.framework,
        test_s=request.limits.test_s,
    )  # fmt: skip


def reported(state: State, deps: Deps) -> tuple[str, str]:
    """The issue and the log."""
    issue, log = state.request.issue, state.request.log
    texts = deps.artifacts
    return texts.text(issue)[-MAX_REPORT:] if issue else "", texts.text(log)[-MAX_REPORT:] if log else ""


def drafted(state: State, report: str, diff: str, answer: str) -> Draft:
    """A written file that can be a test and quotes the report."""
    path, text = touched(diff)[0], text_of(diff)
    quotes, lost = quotes_in(answer, report)
    problem = problem_of(state.ready.framework, path)
    if not problem and not quotes:
        problem = _UNQUOTED + (f" The report does not say {plain(lost[0], 200)!r}." if lost else "")
    return Draft(problem, path, text, quotes)


def ends(text: str, limit: int) -> str:
    """A text as data, its beginning and end where it is long."""
    if len(text) <= limit:
        return data(text, limit)
    head, tail = text[: limit // 3], text[-limit * 2 // 3 :]
    return data(f"{head}\n[... {len(text) - limit} characters left out ...]\n{tail}", limit + 100)


def test_files(state: State, deps: Deps) -> list[str]:
    """Files of the suite, those with most tests first."""
    run = TestRun.model_validate_json(deps.artifacts.get(state.baseline)) if state.baseline else None
    files = Counter(test_file(result.id) for result in run.results) if run else Counter[str]()
    return [file for file, _ in files.most_common(1000)]


def suggested(names: Sequence[str], framework: str, stem: str) -> str:
    """A new file beside most of the tests."""
    folder = names[0].rpartition("/")[0] if names else "tests"
    paths = (f"{stem}{number or ''}.py" for number in itertools.count())
    path = next(p for p in (f"{folder}/{name}" if folder else name for name in paths) if p not in names)
    return path if not problem_of(framework, path) else f"tests/{stem}.py"


def exercised(outcome: TestOutcome, path: str) -> set[str]:
    """Tests that are known to run the repository's own code: by coverage, or by where they failed."""
    coverage = outcome.coverage
    framed = {
        result.id
        for result in outcome.run.failing
        if result.crash and any(frame.inside and not is_test_file(frame.file) for frame in result.crash.frames)
    }
    if coverage is None:
        return framed
    rows = [rows for file, rows in coverage.lines.items() if file != path and not is_test_file(file)]
    return framed | {coverage.tests[index] for lines in rows for tests in lines.values() for index in tests}


def with_coverage(state: State, deps: Deps, outcome: TestOutcome) -> Update:
    """The suite's coverage with that of the written test, where the suite was run before it was written."""
    if state.baseline is None or outcome.coverage is None:
        return {}
    if state.coverage is None:
        return {"coverage": deps.artifacts.put(outcome.coverage.to_json())}
    suite = Coverage.model_validate_json(deps.artifacts.get(state.coverage))
    return {"coverage": deps.artifacts.put(merge_coverage(suite, outcome.coverage).to_json())}
