"""Check runs and suites; workflow runs and their jobs."""

from __future__ import annotations

from workflows.github.hub.git import Commit
from workflows.github.hub.shapes import apps, talk
from workflows.github.hub.shapes.people import Json, account, node, stamp
from workflows.github.hub.shapes.repositories import head_commit, minimal, page, url
from workflows.github.hub.things import Attempt, Check, Job, Place, Run, Suite
from workflows.github.hub.world import World

WORKFLOW_DIRECTORY = ".github/workflows/"


def check(world: World, place: Place, known: Check) -> Json:
    """A check run."""
    base = f"{url(world, place.repository)}/check-runs/{known.id}"
    shown = f"{page(world, place.repository)}/runs/{known.id}"
    return {
        "id": known.id, "node_id": node("CR", known.id), "name": known.name, "head_sha": known.head,
        "external_id": known.external, "url": base, "html_url": shown, "details_url": known.details or shown,
        "status": known.status, "conclusion": known.conclusion, "started_at": stamp(known.started),
        "completed_at": stamp(known.ended), "check_suite": {"id": known.suite}, "app": apps.author(world, known.app),
        "output": {
            "title": known.title, "summary": known.summary, "text": known.text,
            "annotations_count": len(known.annotations), "annotations_url": f"{base}/annotations",
        },
        "pull_requests": talk.of_commit(world, place, known.head),
    }  # fmt: skip


def annotation(world: World, place: Place, known: Check, told: dict[str, object]) -> Json:
    """An annotation of a check run."""
    at = f"{page(world, place.repository)}/blob/{known.head}/{told['path']}"
    keys = ("start_column", "end_column", "title", "raw_details")
    named = ("path", "start_line", "end_line", "annotation_level", "message")
    return {"blob_href": at, **{key: told[key] for key in named}, **{key: told.get(key) for key in keys}}


def verdict(conclusions: list[str | None]) -> tuple[str, str | None]:
    """(status, conclusion) of the whole from those of its parts."""
    if not conclusions:
        return "queued", None
    if None in conclusions:
        return "in_progress", None
    for worst in ("failure", "timed_out", "cancelled", "action_required", "success"):
        if worst in conclusions:
            return "completed", worst
    return "completed", conclusions[0]


def suite(world: World, place: Place, known: Suite, head: Commit) -> Json:
    """A check suite."""
    own = [c for c in place.checks.values() if c.suite == known.id]
    status, conclusion = verdict([c.conclusion for c in own])
    base = f"{url(world, place.repository)}/check-suites/{known.id}"
    return {
        "id": known.id, "node_id": node("CS", known.id), "head_branch": known.branch, "head_sha": known.head,
        "status": status, "conclusion": conclusion, "url": base, "before": None, "after": known.head,
        "created_at": stamp(known.made), "updated_at": stamp(known.made), "app": apps.author(world, known.app),
        "head_commit": head_commit(head), "repository": minimal(world, place.repository),
        "latest_check_runs_count": len(own), "check_runs_url": f"{base}/check-runs", "rerequestable": True,
        "runs_rerequestable": False, "pull_requests": talk.of_commit(world, place, known.head),
    }  # fmt: skip


def workflow(world: World, place: Place, run: Run) -> Json:
    """The workflow of a run."""
    repository = place.repository
    number, made = place.workflows[run.workflow], stamp(repository.made)
    return {
        "id": number, "node_id": node("W", number), "name": run.name, "path": run.workflow, "state": "active",
        "created_at": made, "updated_at": made, "url": f"{url(world, repository)}/actions/workflows/{number}",
        "html_url": f"{page(world, repository)}/blob/{repository.default_branch}/{run.workflow}",
        "badge_url": f"{page(world, repository)}/workflows/{run.name}/badge.svg",
    }  # fmt: skip


def run(world: World, place: Place, known: Run, attempt: Attempt, head: Commit) -> Json:
    """A run, as one of its attempts."""
    repository = place.repository
    base = f"{url(world, repository)}/actions/runs/{known.id}"
    home = world.places.get(known.home, place).repository
    number = place.workflows[known.workflow]
    before = f"{base}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
    return {
        "id": known.id, "node_id": node("WFR", known.id), "name": known.name, "head_branch": known.branch,
        "head_sha": known.head, "path": known.workflow, "display_title": head.message.split("\n")[0],
        "run_number": known.number, "run_attempt": attempt.number, "event": known.event, "status": attempt.status,
        "conclusion": attempt.conclusion, "workflow_id": number, "check_suite_id": known.suite,
        "check_suite_node_id": node("CS", known.suite), "url": base,
        "html_url": f"{page(world, repository)}/actions/runs/{known.id}",
        "pull_requests": talk.of_commit(world, place, known.head) if home.id == repository.id else [],
        "created_at": stamp(known.made), "updated_at": stamp(attempt.changed), "actor": account(world, known.actor),
        "run_started_at": stamp(attempt.started), "triggering_actor": account(world, known.actor),
        "jobs_url": f"{base}/jobs", "logs_url": f"{base}/logs",
        "check_suite_url": f"{url(world, repository)}/check-suites/{known.suite}",
        "artifacts_url": f"{base}/artifacts", "cancel_url": f"{base}/cancel", "rerun_url": f"{base}/rerun",
        "previous_attempt_url": before, "workflow_url": f"{url(world, repository)}/actions/workflows/{number}",
        "head_commit": head_commit(head), "repository": minimal(world, repository), "referenced_workflows": [],
        "head_repository": minimal(world, home),
    }  # fmt: skip


def job(world: World, place: Place, known: Run, attempt: Attempt, one: Job) -> Json:
    """A job of an attempt."""
    base = url(world, place.repository)
    return {
        "id": one.id, "node_id": node("CR", one.id), "run_id": known.id, "run_attempt": attempt.number,
        "run_url": f"{base}/actions/runs/{known.id}", "workflow_name": known.name, "head_branch": known.branch,
        "head_sha": known.head, "url": f"{base}/actions/jobs/{one.id}", "name": one.name, "status": one.status,
        "html_url": f"{page(world, place.repository)}/actions/runs/{known.id}/job/{one.id}",
        "conclusion": one.conclusion, "created_at": stamp(one.started), "started_at": stamp(one.started),
        "completed_at": stamp(one.ended), "check_run_url": f"{base}/check-runs/{one.check}",
        "labels": ["ubuntu-latest"], "runner_id": 1, "runner_name": "hub", "runner_group_id": 1,
        "runner_group_name": "Default",
        "steps": [
            {
                "name": s.name, "status": "completed", "conclusion": s.conclusion, "number": s.number,
                "started_at": stamp(s.started), "completed_at": stamp(s.ended),
            }
            for s in one.steps
        ],
    }  # fmt: skip
