"""How cases end before their time: the head moved, people said stop, the repository is gone, the job passed."""

from __future__ import annotations

from workflows.github.parts import Parts
from workflows.github.values import Case, CaseState, Place, PullRequest

OPEN: frozenset[CaseState] = frozenset({"new", "diagnosing"})
AT_WORK: frozenset[CaseState] = frozenset({"new", "diagnosing", "settled"})


async def end(parts: Parts, case: Case, state: CaseState, *, note: str = "", by: str = "") -> Case:
    """The case in another state, and its diagnosis cancelled. Ended so already, nothing changes."""
    if case.state == state:
        return case
    if case.diagnosis and case.state in OPEN:
        await parts.store.cancel(parts.who, case.diagnosis)
    now = case.model_copy(update={"state": state, "note": note, "by": by or case.by, "wish": ""})
    await parts.book.change(now)
    return now


async def follow(parts: Parts, place: Place, pull: PullRequest) -> None:
    """Bring the cases of a pull request in line with what it is now."""
    for case in await parts.book.cases(place, pull.number):
        if not pull.open:
            if case.state not in ("closed", "dismissed", "stopped"):
                await end(parts, case, "closed", note="merged" if pull.merged else "the pull request was closed")
        elif case.head_sha != pull.head_sha and case.run and case.state in AT_WORK:
            await end(parts, case, "superseded", note=f"newer commits: {pull.head_sha[:12]}")


async def settle(parts: Parts, most: int = 100) -> int:
    """Cases whose diagnosis has ended get its outcome; how many."""
    over = await parts.book.over(most)
    for one in over:
        case = await parts.book.case(one.case.key)
        if case is None or case.state != "diagnosing" or case.diagnosis != one.case.diagnosis:
            continue
        why = {"cancelled": "the diagnosis was cancelled", "timed_out": "the diagnosis ran out of time"}
        note = "" if one.state == "finished" else why.get(one.state, one.problem or "the diagnosis failed")
        await parts.book.change(
            case.model_copy(update={"state": "settled", "outcome": one.outcome or "", "note": note})
        )  # fmt: skip
    return len(over)
