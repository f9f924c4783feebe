"""prepare: the source checked out at the revision, its environment built or taken from the cache."""

from __future__ import annotations

from langgraph.runtime import Runtime

from agent.bench import Progress
from agent.deps import Deps
from agent.evidence import observe
from agent.state import State, Update
from sandbox.recipe import EnvironmentBroken


async def prepare(state: State, runtime: Runtime[Deps]) -> Update:
    """A broken environment is an outcome with the failing step's output, not an error of the run."""
    deps = runtime.context
    deps.emit(Progress(node="prepare", text="reading the source, then its environment is built or found"))
    try:
        prepared = await deps.bench.prepare(state.request)
    except EnvironmentBroken as broken:
        log = deps.artifacts.put(broken.output)
        tail = " ".join(broken.output.split()[-40:])
        seen = observe("environment", f"the step `{broken.step}` failed: {tail[-300:]}", artifact=log, step=broken.step)
        return {"outcome": "environment_broken", "reason": f"the step `{broken.step}` failed", "evidence": [seen]}
    facts = {"language": prepared.language, "tests": prepared.framework, "sandbox": prepared.sandbox}
    where = f"commit {prepared.commit[:12]}" if prepared.commit else "a plain directory"
    dirty = " with uncommitted changes" if prepared.dirty else ""
    notes = [observe("note", note) for note in prepared.notes]
    return {
        "prepared": prepared,
        "evidence": [
            observe("checkout", f"{where}{dirty}, tree {prepared.tree[:12]}", tree=prepared.tree, **facts),
            *notes,
        ],
    }
