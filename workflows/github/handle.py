"""One event, worked on to its end: what it means for the cases, as they and the forge are now.

Events come late, twice and in any order, so they are only a reason to look: what is acted on is asked of the forge.
"""

from __future__ import annotations

from workflows.github.commands import commanded
from workflows.github.forge import Absent, Forbidden
from workflows.github.moves import end, follow
from workflows.github.parts import Parts
from workflows.github.runs import run_ended
from workflows.github.values import AccessChanged, Commanded, Event, HeadMoved, Nothing, RunEnded

LOOKED_AT = frozenset({"ready_for_review", "reopened", "edited"})
MOST_RUNS = 10


async def handle(parts: Parts, event: Event) -> str:
    """One line of what came of it. Raises ForgeAway, Later, StoreDown: to be tried again."""
    if isinstance(event, Nothing):
        return event.reason
    if isinstance(event, AccessChanged):
        return await _access(parts, event)
    if not await parts.book.may_ask(event.place):
        return "the App does not have the repository any more"
    try:
        return await _about_a_repository(parts, event)
    except Absent as error:
        return f"it is gone: {error}"
    except Forbidden as error:
        return f"the App may not: {error}"


async def _about_a_repository(parts: Parts, event: RunEnded | HeadMoved | Commanded) -> str:
    if isinstance(event, RunEnded):
        return await run_ended(parts, event.place, event.run)
    if isinstance(event, Commanded):
        return await commanded(parts, event)
    return await _moved(parts, event)


async def _moved(parts: Parts, event: HeadMoved) -> str:
    """The pull request as it is now; one that is looked at for the first time has runs that ended before."""
    place = await parts.reads.place(event.place)
    pull = await parts.reads.pull(place, event.pull_request.number)
    await follow(parts, place, pull)
    if event.action not in LOOKED_AT or not pull.open:
        return event.action
    runs = await parts.reads.runs(place, head_sha=pull.head_sha, status="failure", most=MOST_RUNS)
    told = [await run_ended(parts, place, run) for run in runs if run.head_sha == pull.head_sha]
    return "; ".join((event.action, *told))


async def _access(parts: Parts, event: AccessChanged) -> str:
    """Nothing is asked any more where the App is gone, and what is under way there ends."""
    await parts.book.keep_access(event)
    if not event.gone:
        return "the App has access"
    ended = 0
    for repository in event.repositories or (0,):
        for case in await parts.book.open_cases(event.installation, repository):
            await end(parts, case, "closed", note="the App was removed")
            ended += 1
    return f"the App was removed; {ended} cases ended"
