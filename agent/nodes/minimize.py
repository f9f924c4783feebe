"""minimize: drop the hunks that are not needed (ddmin, Zeller and Hildebrandt 2002), then verify what is left anew."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agent.bench import Progress
from agent.deps import Deps
from agent.domain import Patch
from agent.evidence import observe
from agent.nodes.verify import decisive, judge, removes
from agent.state import State, Update
from tools.ddmin import ddmin
from tools.patches import FileChange, Hunk, diff_of, hunks, keep, touched
from tools.values import TOGETHER


async def minimize(state: State, runtime: Runtime[Deps]) -> Update:
    """Only a smaller patch that verifies by itself replaces the verified one."""
    deps = runtime.context
    verdict = state.verified
    if verdict is None:
        return {}
    patch = next(p for p in state.patches if p.id == verdict.patch)
    why = _whole(state, patch)
    if why:
        return {"evidence": [observe("minimize", f"not tried: {why}")]}
    changes = await deps.bench.changes(state.ready, patch.id)
    parts = hunks(changes)
    if len(parts) < 2:
        return {}
    deps.emit(Progress(node="minimize", text=f"{len(parts)} hunks", total=len(parts)))

    async def mends(kept: tuple[Hunk, ...]) -> bool:
        return await _passes(state, deps, patch, keep(changes, kept))

    needed = await ddmin(parts, mends)
    diff = diff_of(keep(changes, needed))
    why = f"all {len(parts)} hunks are needed" if len(needed) == len(parts) else ""
    if removes(diff) and not removes(deps.artifacts.text(patch.id)):
        why = why or "not done: without what it adds, the patch would only remove code"
    if why:
        return {"evidence": [observe("minimize", why)]}
    small = _shrunk(deps, patch, diff, len(parts) - len(needed))
    judged = await judge(state, deps, small, verdict.before, allow=state.lifted(verdict.patch))
    if not judged.verified:
        return {"evidence": [observe("minimize", f"the smaller patch does not verify ({judged.reason})")]}
    seen = observe("minimize", f"{small.dropped} of {len(parts)} hunks are not needed")
    return {"patches": [small], "verdicts": [judged], "evidence": [seen]}


def _whole(state: State, patch: Patch) -> str:
    """Why nothing may be dropped from a patch; "" when it may."""
    if any(other.verified and other.patch != patch.id for other in state.verdicts):
        return "other patches pass these tests too, so they cannot tell what this one needs"
    if patch.candidate is not None and TOGETHER in patch.candidate.tags:
        return "the template's edits belong together, also where no test needs each"
    return ""


def _shrunk(deps: Deps, patch: Patch, diff: str, dropped: int) -> Patch:
    description = f"{patch.description}, without {dropped} unneeded hunks"
    return patch.model_copy(
        update={"id": deps.artifacts.put(diff), "files": touched(diff), "description": description, "dropped": dropped}
    )


async def _passes(state: State, deps: Deps, patch: Patch, changes: tuple[FileChange, ...]) -> bool:
    order = decisive(state, patch.decisive, deps.artifacts.put(diff_of(changes)))
    outcome = await deps.bench.test(state.ready, order)
    return all(outcome.run.status_of(test) == "passed" for test in patch.decisive)
