"""What people ask for, by a comment, a button or a label: first whether they may, then what it means for the cases.

What needs a token that writes (apply, re-run) is left in the ledger as a wish, for the publisher.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sandbox.detection.overrides import ConfigurationInvalid
from workflows.github.configuration import BotConfiguration
from workflows.github.decide import MOST_LOG
from workflows.github.events import command_of
from workflows.github.forge import Absent, Forbidden
from workflows.github.moves import end
from workflows.github.parts import Parts, configuration
from workflows.github.reading import read
from workflows.github.runs import BEGUN, diagnose, run_ended
from workflows.github.submit import Asked, following
from workflows.github.values import Case, CiRun, Commanded, Decision, Place, PullRequest, Reaction, Verb, case_key

MOST_RUNS = 10
FAILED = "failure"


@dataclass(frozen=True)
class _Scope:
    """What a command is about. pull: None for an issue, and where only a commit is known."""

    place: Place
    pull: PullRequest | None
    cases: tuple[Case, ...]
    wanted: BotConfiguration


class Came(NamedTuple):
    """What came of a command. done: whether something did, which whoever asked is shown; note: one line."""

    done: bool
    note: str


async def commanded(parts: Parts, event: Commanded) -> str:
    """Do what was asked, or not; one line of what came of it. Raises ForgeError, Later, StoreDown.

    Who may command sees reactions to their comment: that it was seen, and then whether something came of it. Everybody
    else sees none, or strangers could have the bot write as often as they do.
    """
    place = await parts.reads.place(event.place)
    event = event.model_copy(update={"place": place})
    if not await _said(parts, event):
        return "the comment is gone, or says something else now"
    try:
        scope = await _scope(parts, event)
    except ConfigurationInvalid as error:
        return f"switched off: {error}"
    if not scope.wanted.enabled or not await _may(parts, event, scope.wanted):
        return f"{event.verb}: the bot is switched off here, or who asked may not"
    await _react(parts, event, "eyes")
    came = await _DOES[event.verb](parts, event, scope)
    await _react(parts, event, "rocket" if came.done else "confused")
    return came.note


async def _react(parts: Parts, event: Commanded, reaction: Reaction) -> None:
    if event.comment:
        await parts.book.react(event.place, event.comment, reaction)


async def _said(parts: Parts, event: Commanded) -> bool:
    """Whether a command by comment still stands there, in the words of who gave it."""
    if not event.comment:
        return True
    comment = await parts.reads.comment(event.place, event.comment)
    found = command_of(comment.body) if comment else None
    return comment is not None and found is not None and found[0] == event.verb and comment.author == event.by


async def _may(parts: Parts, event: Commanded, wanted: BotConfiguration) -> bool:
    """Only who can push, and is among the owners' choice where there is one. The forge knows, not the event."""
    chosen = {login.lower() for login in wanted.commanders}
    if not event.by or (chosen and event.by.lower() not in chosen):
        return False
    try:
        return await parts.reads.permission(event.place, event.by) in ("admin", "write")
    except (Absent, Forbidden):
        return False


async def _scope(parts: Parts, event: Commanded) -> _Scope:
    place = event.place
    named = await _named(parts, event)
    cases = await parts.book.cases_at(place, event.head_sha) if event.head_sha else ()
    cases = (named,) if named else cases
    subject = event.subject or (named.subject if named else 0) or (cases[0].subject if cases else 0)
    pull = None if event.issue or not subject else await parts.reads.pull(place, subject)
    if not event.head_sha:
        cases = await parts.book.cases(place, subject)
    if pull is not None:
        cases = tuple(case for case in cases if case.head_sha == pull.head_sha)
    wanted = await configuration(parts, place, pull.base_ref if pull else place.default_branch)
    return _Scope(place, pull, cases, wanted)


async def _named(parts: Parts, event: Commanded) -> Case | None:
    """The case that a button belongs to, which must be of this repository and commit."""
    case = await parts.book.case(event.argument) if event.check and event.argument else None
    return case if case and case.place.id == event.place.id and case.head_sha == event.head_sha else None


async def _diagnose(parts: Parts, event: Commanded, scope: _Scope) -> Came:
    """Cases that rest, or were left before they were handed over, begin again; without any, failed runs of the head
    are looked at as if they ended now.
    """
    if event.issue:
        return await _issue(parts, event, scope)
    resting = [case for case in scope.cases if case.run and case.state != "diagnosing"]
    told = [await _begin(parts, case, event, scope) for case in resting]
    if scope.cases:
        return Came(not told or BEGUN in told, "; ".join(told) or "it is being diagnosed")
    head = scope.pull.head_sha if scope.pull else event.head_sha
    runs = await parts.reads.runs(scope.place, head_sha=head, status=FAILED, most=MOST_RUNS) if head else ()
    told = [await run_ended(parts, scope.place, run, asked=True) for run in runs if run.head_sha == head]
    return Came(bool(told), "; ".join(told) or "no failed run to look at")


async def _begin(parts: Parts, case: Case, event: Commanded, scope: _Scope) -> str:
    """Diagnose a case anew, with its log read again."""
    mark = case.again if case.state == "new" else following(case)
    run = CiRun(id=case.run, attempt=case.attempt, head_sha=case.head_sha)
    reading = await read(parts.reads, scope.place, run)
    failed = next((one for one in reading.jobs if one.job.id == case.decision.job), None)
    if failed is None or failed.log is None or failed.log.finding is None:
        return "its log cannot be read any more"
    decision = case.decision.model_copy(update={"kind": "diagnose", "reason": f"asked for by {event.by}"})
    again = {"state": "new", "decision": decision, "diagnosis": "", "outcome": "", "note": "", "by": event.by}
    new = case.model_copy(update={**again, "again": mark, "wish": "", "place": scope.place})
    await parts.book.change(new)
    asked = Asked(log=failed.log.output[-MOST_LOG:], workflow=reading.workflow)
    return await diagnose(parts, new, asked, scope.wanted)


async def _issue(parts: Parts, event: Commanded, scope: _Scope) -> Came:
    """An issue's text, against the default branch as it is now."""
    place = scope.place
    branch = place.default_branch
    head, _ = await parts.reads.merge_base(place, branch, branch)
    digest = hashlib.sha256(event.text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    decision = Decision(kind="diagnose", signature=digest, jobs=(), reason="an issue that people wanted diagnosed")
    case, fresh = await parts.book.open_case(Case(
        key=case_key(place, event.subject, head, digest), place=place, subject=event.subject, head_sha=head,
        head_ref=branch, base_ref=branch, run=0, decision=decision, by=event.by,
    ))  # fmt: skip
    if not fresh and case.state != "new":
        return Came(True, f"known: {case.state}")
    told = await diagnose(parts, case, Asked(issue=event.text), scope.wanted)
    return Came(told == BEGUN, told)


async def _explain(parts: Parts, event: Commanded, scope: _Scope) -> Came:
    """More words about what is known; where nothing is, a diagnosis."""
    known = [case for case in scope.cases if case.state in ("settled", "diagnosing")]
    if not known:
        return await _diagnose(parts, event, scope)
    for case in known:
        await parts.book.change(case.model_copy(update={"wish": "explain", "by": event.by}))
    return Came(True, "explain")


async def _ended(parts: Parts, event: Commanded, scope: _Scope) -> Came:
    """Stop ends what is under way and keeps quiet; dismiss puts one result aside."""
    state = "stopped" if event.verb == "stop" else "dismissed"
    for case in scope.cases:
        await end(parts, case, "stopped" if event.verb == "stop" else "dismissed", by=event.by)
    return Came(bool(scope.cases), state if scope.cases else "nothing to end")


async def _wished(parts: Parts, event: Commanded, scope: _Scope) -> Came:
    """Apply and re-run, which the publisher does, or says why not."""
    fitting = [
        case for case in scope.cases
        if (case.outcome == "verified_patch" and not case.fix_branch if event.verb == "apply" else case.run)
    ]  # fmt: skip
    for case in fitting:
        wish = "apply" if event.verb == "apply" else "rerun"
        await parts.book.change(case.model_copy(update={"wish": wish, "by": event.by}))
    return Came(bool(fitting), f"{event.verb}: {len(fitting)} cases")


_DOES: Mapping[Verb, Callable[[Parts, Commanded, _Scope], Awaitable[Came]]] = {
    "diagnose": _diagnose, "explain": _explain, "stop": _ended, "dismiss": _ended, "apply": _wished, "rerun": _wished,
}  # fmt: skip
