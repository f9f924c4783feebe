"""Runs of workflows: which a commit starts, their attempts and jobs, and what is told of them on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import yaml

from tools.ci.workflow import Workflow, WorkflowInvalid, read_workflow
from workflows.github.hub import git, telling
from workflows.github.hub.answers import Problem
from workflows.github.hub.hub import Hub
from workflows.github.hub.runner import Outcome, Planned, stamped
from workflows.github.hub.shapes.checks import WORKFLOW_DIRECTORY, verdict
from workflows.github.hub.things import Account, Attempt, Check, Job, Place, Run, Step, Suite, now

FAILED = ("failure", "timed_out", "startup_failure", "cancelled")


async def started(
    hub: Hub, place: Place, *, home: Place, sha: str, branch: str, event: str, base: str, actor: Account
) -> list[Run]:
    """Start the workflows of a commit that an event starts. base: the branch that their filter is about."""
    runs = []
    for path, text in await workflows(place, sha):
        try:
            known = read_workflow(text)
        except WorkflowInvalid:
            continue
        if _listens(text, event, base):
            runs.append(
                await begun(
                    hub, place, home=home, path=path, name=known.name or path, sha=sha, branch=branch, event=event,
                    actor=actor,
                )
            )  # fmt: skip
    return runs


async def workflows(place: Place, sha: str) -> list[tuple[str, str]]:
    """(path, text) of the workflows of a commit."""
    repository = place.repository.path
    tree = await git.one(repository, sha)
    found = await git.entries(repository, tree.tree, recursive=True)
    return [
        (one.path, (await git.blob(repository, one.sha)).decode(errors="replace"))
        for one in found
        if one.kind == "blob" and one.path.startswith(WORKFLOW_DIRECTORY) and one.path.endswith((".yml", ".yaml"))
    ]


def _listens(text: str, event: str, branch: str) -> bool:
    top = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - strings only, and read_workflow took it
    told = top.get("on") if isinstance(top, dict) else None
    if isinstance(told, str):
        return told == event
    if isinstance(told, list):
        return event in told
    if not isinstance(told, dict) or event not in told:
        return False
    only = told[event].get("branches") if isinstance(told[event], dict) else None
    return not only or any(fnmatchcase(branch, str(one)) for one in ([only] if isinstance(only, str) else only))


async def begun(
    hub: Hub, place: Place, *, home: Place, path: str, name: str, sha: str, branch: str, event: str, actor: Account,
    given: list[dict[str, Any]] | None = None,
) -> Run:  # fmt: skip
    """A new run, which goes on besides. given: its results, where they are made up."""
    world = hub.world
    if path not in place.workflows:
        place.workflows[path] = next(world.ids)
    suite = Suite(next(world.ids), sha, branch, None)
    place.suites[suite.id] = suite
    number, place.repository.next_run = place.repository.next_run, place.repository.next_run + 1
    run = Run(
        next(world.ids), number, path, name, sha, branch, home.repository.id, event, actor, suite.id, [Attempt(1)],
        [given] if given is not None else [],
    )  # fmt: skip
    place.runs[run.id] = run
    await telling.run(hub, place, "requested", run, run.last)
    hub.later(_carried(hub, place, run, run.last, frozenset()))
    return run


async def rerun(
    hub: Hub, place: Place, run: Run, *, failed_only: bool, given: list[dict[str, Any]] | None = None
) -> None:  # fmt: skip
    """A new attempt. Raises Problem while one is going on."""
    before = run.last
    if before.status != "completed":
        raise Problem(403, "This workflow is already running")
    if failed_only and before.conclusion not in FAILED:
        raise Problem(403, "This workflow run cannot be retried")
    if run.given:
        run.given.append(given if given is not None else run.given[-1])
    attempt = Attempt(before.number + 1)
    kept = frozenset(job.name for job in before.jobs if failed_only and job.conclusion == "success")
    run.attempts.append(attempt)
    await telling.run(hub, place, "requested", run, attempt)
    hub.later(_carried(hub, place, run, attempt, kept))


async def _carried(hub: Hub, place: Place, run: Run, attempt: Attempt, kept: frozenset[str]) -> None:
    """An attempt from its start to its end. kept: jobs whose result of the attempt before stays."""
    attempt.status = "in_progress"
    await telling.run(hub, place, "in_progress", run, attempt)
    try:
        planned = await _work(place, run)
    except (WorkflowInvalid, KeyError):
        planned = []  # GitHub's word for it is startup_failure
    for name, work in planned:
        if name in kept:
            attempt.jobs.append(next(job for job in run.attempts[-2].jobs if job.name == name))
            continue
        job = _job(hub, place, run, attempt, name)
        telling.job(hub, place, "queued", run, job)
        job.status = place.checks[job.check].status = "in_progress"
        telling.job(hub, place, "in_progress", run, job)
        _ended(hub, place, run, job, await hub.runner.run(work) if isinstance(work, Planned) else work)
    status, conclusion = verdict([job.conclusion for job in attempt.jobs])
    attempt.conclusion = conclusion if status == "completed" else "startup_failure"
    attempt.status, attempt.changed = "completed", now()
    await telling.suite(hub, place, "completed", place.suites[run.suite], run.actor)
    await telling.run(hub, place, "completed", run, attempt)


async def _work(place: Place, run: Run) -> list[tuple[str, Planned | Outcome]]:
    """The jobs by name: to be run, or with results that were made up."""
    if run.given:
        return [(str(told["name"]), outcome(told)) for told in run.given[run.attempts.index(run.last)]]
    texts = dict(await workflows(place, run.head))
    planned = _planned(place, run, read_workflow(texts[run.workflow]))
    return [(one.name, one) for one in planned]


def _planned(place: Place, run: Run, workflow: Workflow) -> Iterator[Planned]:
    for job in workflow.jobs:
        for combination in job.matrix:
            yield Planned(place.repository.path, run.head, job, combination)


def outcome(told: Mapping[str, Any]) -> Outcome:
    """A job's results, made up: {"name", "conclusion", "steps": [{"name", "conclusion", "log"}]}. Raises Problem."""
    try:
        steps = tuple(
            Step(at, str(step["name"]), str(step.get("conclusion", "success")), now(), now(), _log(step.get("log", "")))
            for at, step in enumerate(told.get("steps", ()), 1)
        )
        return Outcome(told.get("conclusion", "success"), steps)
    except (KeyError, TypeError, AttributeError):
        raise Problem(422, "a job has a name, a conclusion, and steps with a name, a conclusion and a log") from None


def _log(text: str) -> str:
    return text if not text or text[:4].isdigit() else stamped(text.rstrip("\n"))


def _job(hub: Hub, place: Place, run: Run, attempt: Attempt, name: str) -> Job:
    number = next(hub.world.ids)
    page = f"{hub.world.web}/{place.repository.full_name}/actions/runs/{run.id}/job/{number}"
    check = Check(number, run.suite, None, name, run.head, details=page)
    place.checks[number] = check
    job = Job(number, name, number, now())
    attempt.jobs.append(job)
    telling.check(hub, place, "created", check, run.actor)
    return job


def _ended(hub: Hub, place: Place, run: Run, job: Job, outcome: Outcome) -> None:
    check = place.checks[job.check]
    job.steps = list(outcome.steps)
    job.status = check.status = "completed"
    job.conclusion = check.conclusion = outcome.conclusion
    job.ended = check.ended = now()
    telling.check(hub, place, "completed", check, run.actor)
    telling.job(hub, place, "completed", run, job)
