"""A run of CI has ended: what it means becomes cases, one for each way in which jobs failed."""

from __future__ import annotations

from sandbox.detection.overrides import ConfigurationInvalid
from workflows.github.configuration import BotConfiguration
from workflows.github.decide import MOST_LOG, decide
from workflows.github.moves import AT_WORK, OPEN, end, follow
from workflows.github.parts import Parts, configuration
from workflows.github.reading import read
from workflows.github.submit import Asked, Unfetched, following, submit
from workflows.github.values import FAILING, Case, CiRun, Decision, Job, Place, Reading, case_key

MOST_TOLD = 400
BEGUN = "diagnose"


async def run_ended(parts: Parts, place: Place, run: CiRun, *, asked: bool = False) -> str:
    """Work on a completed attempt; one line of what came of it. asked: a person wants it diagnosed.

    Raises ForgeError, Later, StoreDown.
    """
    if run.conclusion not in FAILING and run.conclusion != "success":
        return f"nothing follows from {run.conclusion or 'a run that is not over'}"
    if run.conclusion == "success" and not await parts.book.any_case(place):
        return "passed"
    reading = await read(parts.reads, place, run)
    if reading.pull_request is not None:
        await follow(parts, reading.place, reading.pull_request)
    if reading.run.conclusion == "success":
        return await _passed(parts, reading)
    wanted, wrong = await _wanted(parts, reading)
    if asked:  # what the owners leave out is not looked at by itself; forks and the switch hold for everybody
        wanted = wanted.model_copy(update={"workflows": ("*",), "languages": ("*",), "drafts": True})
    decisions = decide(reading, wanted)
    told = [await _decided(parts, reading, _asked_for(one, reading) if asked else one, wanted) for one in decisions]
    return wrong or "; ".join(told) or "no failed job"


async def _wanted(parts: Parts, reading: Reading) -> tuple[BotConfiguration, str]:
    """The owners' configuration, from the base; one that cannot be read switches the bot off."""
    pull = reading.pull_request
    try:
        return await configuration(parts, reading.place, pull.base_ref if pull else reading.place.default_branch), ""
    except ConfigurationInvalid as error:
        return BotConfiguration(enabled=False), f"switched off: {error}"


def _asked_for(decision: Decision, reading: Reading) -> Decision:
    """A person asked: what was acquitted is diagnosed all the same, where there is a log to begin with."""
    log = next((one.log for one in reading.jobs if one.job.id == decision.job), None)
    acquitted = decision.kind in ("not_this_change", "flaky", "infrastructure", "dependencies")
    if not acquitted or log is None or log.finding is None:
        return decision
    return decision.model_copy(update={"kind": "diagnose", "log": log.output[-MOST_LOG:]})


async def _decided(parts: Parts, reading: Reading, decision: Decision, wanted: BotConfiguration) -> str:
    """One decision, kept and acted on."""
    if decision.kind in ("silent", "superseded"):
        return f"{decision.kind}: {decision.reason}"
    case, fresh = await parts.book.open_case(_case(reading, decision))
    if not fresh:
        known = case
        again = _again(known, reading, decision)
        if again is None:
            return f"known: {known.state}"
        case = again
        if known.diagnosis and known.state == "diagnosing":
            await parts.store.cancel(parts.who, known.diagnosis)
        await parts.book.change(case)
    if decision.kind != "diagnose":
        await parts.book.change(case.model_copy(update={"state": "settled"}))
        return decision.kind
    return await diagnose(parts, case, Asked(log=decision.log, workflow=reading.workflow), wanted)


async def diagnose(parts: Parts, case: Case, asked: Asked, wanted: BotConfiguration) -> str:
    """Submit the case (`BEGUN`), or settle it with the reason why that is not possible."""
    try:
        await submit(parts, case, asked, wanted)
    except Unfetched as error:
        await parts.book.change(case.model_copy(update={"state": "settled", "note": str(error)[:MOST_TOLD]}))
        return str(error)
    return BEGUN


def _case(reading: Reading, decision: Decision) -> Case:
    """The case as it begins. Its log is not kept with it: it can be read again until it is submitted."""
    run, pull, place = reading.run, reading.pull_request, reading.place
    subject = pull.number if pull else 0
    return Case(
        key=case_key(place, subject, run.head_sha, decision.signature), place=place, subject=subject,
        head_sha=run.head_sha, head_ref=pull.head_ref if pull else run.head_branch, base_sha=reading.base_sha,
        base_ref=pull.base_ref if pull else run.head_branch, fork=bool(pull and pull.fork), run=run.id,
        attempt=run.attempt, run_url=run.url, decision=decision.model_copy(update={"log": ""}),
    )  # fmt: skip


def _again(known: Case, reading: Reading, decision: Decision) -> Case | None:
    """What a known case becomes by another run of the same commit that failed alike; None where it stays.

    One that is new was left by a process that died: it is gone on with.
    """
    fresh = _case(reading, decision)
    jobs = _jobs(known.decision.jobs, decision.jobs)
    if known.state == "new":
        return known.model_copy(update={"decision": fresh.decision.model_copy(update={"jobs": jobs})})
    if known.state == "superseded":
        return fresh.model_copy(update={"again": following(known)})
    if known.state in AT_WORK and known.decision.kind != decision.kind and not known.outcome:
        told = fresh.decision.model_copy(update={"jobs": jobs})
        return fresh.model_copy(update={"again": following(known), "decision": told})
    return None


def _jobs(before: tuple[Job, ...], now: tuple[Job, ...]) -> tuple[Job, ...]:
    """The jobs of both, each name once, as it was last seen."""
    return tuple({job.name: job for job in (*before, *now)}.values())


async def _passed(parts: Parts, reading: Reading) -> str:
    """Jobs that passed: on the same commit they refute a case, on the pull request's newest they close it."""
    subject = reading.pull_request.number if reading.pull_request else 0
    cases = [
        case for case in await parts.book.cases(reading.place, subject)
        if case.run and (case.state in AT_WORK or case.state == "superseded")
        and (case.head_sha == reading.run.head_sha or (subject and reading.head))
    ]  # fmt: skip
    if not cases:
        return "passed"
    jobs = await parts.reads.jobs(reading.place, reading.run.id, reading.run.attempt)
    passed = {job.name for job in jobs if job.conclusion == "success"}
    told = 0
    for case in cases:
        if {job.name for job in case.decision.jobs} <= passed:
            told += 1
            await (_refuted if case.head_sha == reading.run.head_sha else _closed)(parts, case, reading.run)
    return f"passed, and {told} cases with it"


async def _closed(parts: Parts, case: Case, run: CiRun) -> None:
    await end(parts, case, "closed", note=f"it passes at {run.head_sha[:12]}")


async def _refuted(parts: Parts, case: Case, run: CiRun) -> None:
    """The same commit passes: what failed is flaky. What a diagnosis has proved meanwhile stays."""
    line = f"passed at {run.head_sha[:12]}, run {run.id}, attempt {run.attempt}"
    if case.decision.kind == "flaky" or line in case.decision.history:
        return
    told = {"kind": "flaky", "reason": "it passes and fails on the same commit"} if not case.outcome else {}
    decision = case.decision.model_copy(update={**told, "history": (*case.decision.history, line)[-10:]})
    if case.diagnosis and case.state in OPEN:
        await parts.store.cancel(parts.who, case.diagnosis)
    note = case.note if case.outcome else ""
    await parts.book.change(case.model_copy(update={"state": "settled", "decision": decision, "note": note}))
