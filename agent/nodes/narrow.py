"""Several failing tests and no edit that mends them all: they may have several causes, of which one may be found alone.

A patch for some of them counts only when the others fail for reasons of their own: a test that runs the repaired
function and still fails says that the repair is not right.
"""

from __future__ import annotations

from collections.abc import Collection

from agent.bench import Plausible, SearchOrder, SearchOutcome
from agent.deps import Deps
from agent.state import State
from tools.localize.outline import Outline, outline
from tools.patches import touched_lines
from tools.values import Coverage


def largest_group(state: State, outcome: SearchOutcome) -> tuple[str, ...]:
    """The most failing tests that single edits mended together; () when a search for them alone makes no sense."""
    if outcome.plausible or not outcome.partial or state.request.tests or not state.coverage:
        return ()
    largest = max((frozenset(tests) for tests in outcome.partial), key=len)
    return tuple(test for test in state.reproduced.ids if test in largest)


async def narrowed(state: State, deps: Deps, order: SearchOrder, before: SearchOutcome) -> SearchOutcome:
    """Search for the repair of `order.failing` alone, and keep what the other failing tests do not speak against."""
    found = await deps.bench.search(state.ready, order, deps.emit)
    rest = [test for test in state.reproduced.ids if test not in order.failing]
    kept = await _undisputed(state, deps, found.plausible, rest)
    notes = [found.note]
    if len(kept) < len(found.plausible):
        refused = len(found.plausible) - len(kept)
        notes.append(
            f"{refused} that mend only {len(order.failing)} of {len(order.failing) + len(rest)} failing tests are "
            "refused: the others run the changed function too and still fail"
        )
    return found.model_copy(
        update={
            "plausible": kept,
            "tried": before.tried + found.tried,
            "timeouts": before.timeouts + found.timeouts,
            "seconds": before.seconds + found.seconds,
            "note": "; ".join(filter(None, notes)),
        }
    )


async def _undisputed(
    state: State, deps: Deps, plausible: tuple[Plausible, ...], rest: Collection[str]
) -> tuple[Plausible, ...]:
    if not plausible or not state.coverage:
        return ()
    coverage = Coverage.model_validate_json(deps.artifacts.get(state.coverage))
    places = {patch.candidate.id: touched_lines(patch.diff) for patch in plausible}
    files = sorted({file for lines in places.values() for file in lines})
    outlines = {file: outline(text) for file, text in (await deps.bench.sources(state.ready, files)).items()}
    known = set(rest) <= set(coverage.tests)
    return tuple(
        patch for patch in plausible if known and not _run_by(rest, places[patch.candidate.id], coverage, outlines)
    )


def _run_by(
    tests: Collection[str], places: dict[str, tuple[int, ...]], coverage: Coverage, outlines: dict[str, Outline]
) -> bool:
    """Whether one of the tests runs a function that has one of the lines."""
    wanted = {index for index, test in enumerate(coverage.tests) if test in tests}
    for file, lines in places.items():
        executed = coverage.lines.get(file, {})
        for line in lines:
            function = outlines[file].function_at(line) if file in outlines else None
            span = range(function.line + 1, function.end + 1) if function else range(line, line + 1)
            if any(wanted.intersection(executed.get(number, ())) for number in span):
                return True
    return False
