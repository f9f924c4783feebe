"""Looking for repairs: suspects become candidates, candidates are tried, the plausible ones are put in order."""

from __future__ import annotations

import heapq
import re
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from agent.bench import Emit, Plausible, Progress, SearchOrder, SearchOutcome
from agent.site import Site
from agent.texts import read_text
from sandbox.protocol import ENVIRONMENT, Sandbox
from tools.repair import outcome
from tools.repair.edits import holds, unified_diff
from tools.repair.generate import candidates
from tools.repair.outcome import SERVER_MOUNT, SearchLimits, SearchRequest, SearchResult
from tools.repair.rank import Ranked, rank
from tools.repair.revert import reverts
from tools.repair.search import search
from tools.testing.paths import is_test_file
from tools.texts import Text
from tools.values import Candidate

MAX_SHOWN = 12
MAX_FOLDERS = 4
MAX_NEIGHBOURS = 60
MAX_MESSAGE = 2_000
_MISSED = re.compile(r"name '\w+' is not defined|module '[\w.]+' has no attribute|cannot import name '")


async def look_for_repairs(site: Site, order: SearchOrder, culprit: str, emit: Emit) -> SearchOutcome:
    """Search over the order's suspects; level 2 and above take more time for pairs of edits.

    culprit: the diff whose parts may be taken back, "" for none.
    """
    sources = _read(site, order.files)
    texts = _texts(sources)
    around = _texts(_read(site, _neighbours(site, order)))
    proposed = candidates(
        {**around, **texts},
        order.suspects,
        order.crashes,
        test_sources=_texts(_read(site, order.test_files)),
        limit=order.candidates,
    )
    taken_back = sorted(reverts(texts, culprit), key=_falling)
    proposed = heapq.merge(taken_back, proposed, key=_falling)
    writable = (candidate for candidate in proposed if holds(sources, candidate.edits))
    request = _request(site, order, texts)
    found = await search(request, writable, on_progress=lambda progress: emit(_progress(progress, order)))
    ranked = rank(found.plausible, found.observations)
    return SearchOutcome(
        plausible=tuple(_plausible(row, sources) for row in ranked[:MAX_SHOWN]),
        partial=tuple(dict.fromkeys(fix.mends for fix in found.partial)),
        tried=found.tried,
        timeouts=found.timeouts,
        seconds=round(found.seconds, 3),
        exhausted=found.exhausted,
        note=_note(found),
    )


def _falling(candidate: Candidate) -> float:
    return -candidate.score


def _read(site: Site, files: tuple[str, ...]) -> dict[str, Text]:
    """Python sources that a diff can name: a header ends at a tab or the end of its line."""
    named = [file for file in files if file.endswith(".py") and not re.search(r"[\t\r\n]", file)]
    read = {file: read_text(site.base, file) for file in named}
    return {file: text for file, text in read.items() if text is not None}


def _neighbours(site: Site, order: SearchOrder) -> tuple[str, ...]:
    """Python files beside the suspected ones, when a message misses a name: one of them may define it."""
    if not any(_MISSED.search(crash.message[:MAX_MESSAGE]) for crash in order.crashes):
        return ()
    folders = dict.fromkeys(PurePosixPath(file).parent for file in order.files[:MAX_FOLDERS])
    beside = [str(folder / name) for folder in folders for name in _python_files(site.base / folder)]
    known = {*order.files, *order.test_files}
    return tuple(file for file in beside if file not in known and not is_test_file(file))[:MAX_NEIGHBOURS]


def _python_files(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.suffix == ".py")
    except OSError:
        return []


def _texts(sources: dict[str, Text]) -> dict[str, str]:
    return {file: source.text for file, source in sources.items()}


def _request(site: Site, order: SearchOrder, sources: dict[str, str]) -> SearchRequest:
    none = site.sandboxes.kind == "none"
    prefix = str(site.environment.path) if none else ENVIRONMENT
    test = site.environment.recipe.test
    mounted = replace(site, mounts=(*site.mounts, SERVER_MOUNT))

    def open_sandbox() -> AbstractAsyncContextManager[Sandbox]:
        return mounted.open()

    return SearchRequest(
        open_sandbox=open_sandbox,
        python=(f"{prefix}/bin/python",),
        failing=order.failing,
        hanging=order.hanging,
        passing=order.related,
        sources=sources,
        cwd=None if test.cwd == "." else test.cwd,
        env=dict(test.env),
        limits=SearchLimits(
            wall_s=order.wall_s,
            candidates=order.candidates,
            workers=order.workers,
            baseline_s=min(10.0, order.test_s),
            pairs_from=0.6 if order.level == 1 else 0.3,
        ),
    )


def _progress(progress: outcome.Progress, order: SearchOrder) -> Progress:
    text = f"{progress.phase}: {progress.tried} candidates, {progress.plausible} plausible"
    text += f", {progress.candidates_per_second:.0f}/s"
    return Progress(node="search", text=text, done=progress.tried, total=order.candidates)


def _plausible(row: Ranked, sources: dict[str, Text]) -> Plausible:
    candidate = row.plausible.candidate
    return Plausible(
        candidate=candidate,
        diff=unified_diff(sources, candidate.edits),
        mends=row.plausible.failing_passed,
        group=row.group,
        reason=row.reason,
        distinguishing=row.distinguishing,
        doubts=row.doubts,
    )


def _note(found: SearchResult) -> str:
    return "; ".join(dict.fromkeys(found.notes))[:600]
