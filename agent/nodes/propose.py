"""propose: patches from several sources, in parallel. Each source catches its own failure and says so as evidence."""

from __future__ import annotations

import re

from langgraph.runtime import Runtime

from agent.bench import Plausible, Progress, SearchOrder, SearchOutcome
from agent.deps import Deps
from agent.domain import Patch, SearchSummary
from agent.evidence import observe
from agent.nodes.localize import test_file
from agent.nodes.narrow import largest_group, narrowed
from agent.state import State, Update
from sandbox.protocol import SandboxGone
from tools.patches import PatchInvalid, touched
from tools.testing.paths import is_test_file
from tools.values import Coverage, TestRun

RELATED_SECONDS = 20.0
MAX_RELATED = 400
MAX_PATCHES = 8
RESERVE_S = 45.0


async def search(state: State, runtime: Runtime[Deps]) -> Update:
    """Fix templates over the suspects, tried in a fork server; the second round looks wider and combines edits."""
    deps, level = runtime.context, state.round + 1
    if not state.suspects or state.ready.framework != "pytest":
        why = "no suspect" if not state.suspects else f"tests run by {state.ready.framework}, search needs pytest"
        return {"evidence": [observe("search", f"no search: {why}")]}
    deps.emit(Progress(node="search", text=f"searching, round {level}"))
    try:
        outcome = await deps.bench.search(state.ready, _order(state, deps, state.reproduced.ids, level), deps.emit)
        group = largest_group(state, outcome)
        if group:
            outcome = await narrowed(state, deps, _order(state, deps, group, level), outcome)
    except SandboxGone as error:  # without an engine the run ends instead, and can go on from here
        return {"evidence": [observe("search", f"the search ended early: {error}")]}
    if outcome.plausible and deps.mind is not None and level < state.request.limits.rounds:
        deps.mind.supersede()  # the cheapest patch that verifies wins; if none does, the next round has time to think
    return _found(deps, outcome)


def _order(state: State, deps: Deps, failing: tuple[str, ...], level: int) -> SearchOrder:
    limits, failure = state.request.limits, state.reproduced
    tried = sum(s.tried for s in state.searches)
    reserve = min(RESERVE_S, 0.2 * limits.wall_s)
    wall = max(5.0, (state.remaining_s() - reserve) * (0.5 if level < limits.rounds else 0.8))
    return SearchOrder(
        failing=failing,
        culprit=state.culprit.diff if state.culprit else None,
        hanging=frozenset(r.id for r in failure.results if r.status == "timeout"),
        related=related(state, deps),
        suspects=tuple(state.suspects),
        crashes=tuple(r.crash for r in failure.results if r.crash and r.id in failing),
        files=tuple(dict.fromkeys(s.file for s in state.suspects)),
        test_files=tuple(dict.fromkeys(test_file(t) for t in failing)),
        level=level,
        wall_s=wall,
        candidates=max(1, limits.candidates - tried),
        workers=limits.workers,
        test_s=limits.test_s,
    )


def related(state: State, deps: Deps) -> tuple[str, ...]:
    """Passing tests that execute the files of the leading suspects, in file order, within a budget of seconds."""
    if not state.baseline:
        return ()
    run = TestRun.model_validate_json(deps.artifacts.get(state.baseline))
    coverage = Coverage.model_validate_json(deps.artifacts.get(state.coverage)) if state.coverage else None
    passing = [result for result in run.results if result.status == "passed"]
    touching = _touching(coverage, state)
    wanted = {r.id for r in passing if touching.get(r.id, 0) > 0 or coverage is None}
    spent = 0.0
    chosen: set[str] = set()
    for result in sorted((r for r in passing if r.id in wanted), key=lambda r: (-touching.get(r.id, 0), r.duration_s)):
        spent += result.duration_s
        if spent > RELATED_SECONDS or len(chosen) >= MAX_RELATED:
            break
        chosen.add(result.id)
    return tuple(r.id for r in passing if r.id in chosen)


def _touching(coverage: Coverage | None, state: State) -> dict[str, int]:
    """How many of the leading suspects' lines each test executes."""
    counts: dict[str, int] = {}
    if coverage is None:
        return counts
    for suspect in state.suspects[:60]:
        for test in coverage.lines.get(suspect.file, {}).get(suspect.line, ()):
            name = coverage.tests[test]
            counts[name] = counts.get(name, 0) + 1
    return counts


def _found(deps: Deps, outcome: SearchOutcome) -> Update:
    speed = outcome.tried / outcome.seconds if outcome.seconds else 0.0
    text = f"{outcome.tried} candidates in {outcome.seconds:.1f} s ({speed:.0f}/s), {len(outcome.plausible)} plausible"
    summary = SearchSummary(
        tried=outcome.tried, timeouts=outcome.timeouts, plausible=len(outcome.plausible),
        seconds=round(outcome.seconds, 3), exhausted=outcome.exhausted, note=outcome.note,
    )  # fmt: skip
    patches = [_patch(deps, plausible) for plausible in outcome.plausible[:MAX_PATCHES]]
    note = f"{text}; {outcome.note}" if outcome.note else text
    return {"patches": patches, "searches": [summary], "evidence": [observe("search", note)]}


def _patch(deps: Deps, plausible: Plausible) -> Patch:
    reason = plausible.reason
    if plausible.distinguishing:
        reason = f"{reason}; differs from the first patch on {plausible.distinguishing}"
    return Patch(
        id=deps.artifacts.put(plausible.diff), source="search", description=plausible.candidate.description,
        files=touched(plausible.diff), decisive=plausible.mends, candidate=plausible.candidate,
        rank_reason=reason, group=plausible.group, doubts=plausible.doubts,
    )  # fmt: skip


async def back_out(state: State, runtime: Runtime[Deps]) -> Update:
    """The reverse of the culprit commit's diff, without its changes to tests, marked as a back-out."""
    deps = runtime.context
    if state.culprit is None or state.round:
        return {}
    culprit = state.culprit
    try:
        diff = reverse(deps.artifacts.text(culprit.diff))
        files = touched(diff)
    except PatchInvalid as error:
        return {"evidence": [observe("back-out", f"{culprit.commit[:12]} cannot be backed out: {error}")]}
    patch = Patch(
        id=deps.artifacts.put(diff), source="back-out", files=files, decisive=state.reproduced.ids,
        description=f"back out {culprit.commit[:12]} ({culprit.subject})", rank_reason="reverses the culprit commit",
    )  # fmt: skip
    return {"patches": [patch]}


def reverse(diff: str) -> str:
    """The diff that undoes `diff`, leaving out files that are tests."""
    changes = []
    for block in _files(diff):
        paths = touched(block)
        if any(is_test_file(path) for path in paths):
            continue
        changes.append(_swap(block))
    if not changes:
        raise PatchInvalid("the commit changes nothing but tests")
    return "".join(changes)


def _files(diff: str) -> list[str]:
    blocks: list[list[str]] = []
    for line in _lines(diff):
        if line.startswith("diff --git ") or not blocks:
            blocks.append([])
        blocks[-1].append(line)
    return ["".join(block) for block in blocks if block[0].startswith("diff --git ")]


def _lines(text: str) -> list[str]:
    """Lines as git counts them: a form feed or a lone carriage return is part of one."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


_HEADERS = {"new file mode": "deleted file mode", "deleted file mode": "new file mode"}


def _swap(block: str) -> str:
    lines, body = [], False
    for line in _lines(block):
        if line.startswith("@@"):
            body = True
        lines.append(_swap_hunk(line) if body else _swap_header(line))
    for index, line in enumerate(lines):
        if line.startswith("+++ ") and index + 1 < len(lines) and lines[index + 1].startswith("--- "):
            lines[index], lines[index + 1] = lines[index + 1], line
            break
    return "".join(lines)


def _swap_header(line: str) -> str:
    for old, new in _HEADERS.items():
        if line.startswith(old):
            return new + line[len(old) :]
    if line.startswith("--- "):
        return "+++ " + _side(line[4:], "b/")
    if line.startswith("+++ "):
        return "--- " + _side(line[4:], "a/")
    return line


def _side(name: str, prefix: str) -> str:
    return prefix + name[2:] if name[:2] in ("a/", "b/") else name


def _swap_hunk(line: str) -> str:
    if line.startswith("@@"):
        _, old, new, rest = line.split(" ", 3)
        return f"@@ -{new[1:]} +{old[1:]} {rest}"
    swapped = {"+": "-", "-": "+"}.get(line[:1])
    return swapped + line[1:] if swapped else line


async def given(state: State, runtime: Runtime[Deps]) -> Update:
    """Patches that came with the request; they are verified like all others."""
    if state.round:
        return {}
    deps, patches, evidence = runtime.context, [], []
    for digest in state.request.patches:
        try:
            files = touched(deps.artifacts.text(digest))
        except PatchInvalid as error:
            evidence.append(observe("given-patch", f"the given patch cannot be used: {error}"))
            continue
        patches.append(
            Patch(
                id=digest, source="given", description=f"the given patch of {', '.join(files)}", files=files,
                decisive=state.reproduced.ids, rank_reason="came with the request",
            )
        )  # fmt: skip
    return {"patches": patches, "evidence": evidence}
