"""Deliveries as GitHub sends them: its own examples (npm, by deploy/test-parts.sh), and smaller ones of our own."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from workflows.github.names import RepositoryName
from workflows.github.values import CiRun, Job, Place, PullRequest

SECRET = b"a secret that is long enough"
OLD = b"the secret that was before it"
EXAMPLES = Path(__file__).parents[1] / ".cache/npm/webhooks-examples/node_modules/@octokit/webhooks-examples"
REPOSITORY: dict[str, Any] = {"id": 42, "full_name": "ada/shop", "private": True, "default_branch": "main"}
NAME = RepositoryName(owner="ada", name="shop")
PLACE = Place(id=42, name=NAME, installation=7, private=True, default_branch="main")


def commit(number: int) -> str:
    """The id of a commit."""
    return hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()


@cache
def _index(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((EXAMPLES / name / "index.json").read_text(encoding="utf-8"))
    return found


def examples(of: str = "api.github.com") -> Iterator[tuple[str, dict[str, Any]]]:
    """Names of events and payloads that GitHub wrote."""
    for event in _index(of):
        for payload in event["examples"]:
            yield event["name"], payload


def example(event: str, action: str, **more: Any) -> dict[str, Any]:
    """The first one of an action, as an installation of the App gets it."""
    found = next(payload for name, payload in examples() if name == event and payload["action"] == action)
    return {**found, "installation": found.get("installation") or {"id": 7}, **more}


def headers(name: str, body: bytes, *, secret: bytes = SECRET, guid: str = "") -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json", "X-GitHub-Event": name,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }  # fmt: skip


def payload(action: str, *, by: str = "ada", **more: Any) -> dict[str, Any]:
    """A payload of the repository."""
    return {
        "action": action, "repository": REPOSITORY, "installation": {"id": 7}, "sender": {"login": by, "type": "User"},
        **more,
    }  # fmt: skip


def run_payload(run: CiRun) -> dict[str, Any]:
    """workflow_run completed."""
    shape = {
        "id": run.id, "run_attempt": run.attempt, "workflow_id": run.workflow, "name": run.name, "path": run.path,
        "event": run.event, "head_sha": run.head_sha, "head_branch": run.head_branch, "status": run.status,
        "head_repository": {"id": 42, "full_name": str(run.head_repository)}, "conclusion": run.conclusion,
        "html_url": run.url, "pull_requests": [{"number": number} for number in run.pull_requests],
    }  # fmt: skip
    return payload("completed", workflow_run=shape)


def pull_payload(pull: PullRequest, action: str) -> dict[str, Any]:
    """pull_request."""
    repository = {"id": 42, "full_name": str(pull.base_repository)}
    head = {"id": 43, "full_name": str(pull.head_repository)} if pull.head_repository else None
    shape = {
        "number": pull.number, "title": pull.title, "state": "open" if pull.open else "closed", "merged": pull.merged,
        "draft": pull.draft, "user": {"login": pull.author}, "labels": [],
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": head},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": repository},
    }  # fmt: skip
    return payload(action, pull_request=shape, number=pull.number)


def comment_payload(
    number: int, body: str, *, by: str = "ada", comment: int = 900, pull: bool = True
) -> dict[str, Any]:
    """issue_comment created."""
    issue = {"number": number, "title": "It is broken", "body": "Totals are wrong."} | (
        {"pull_request": {"url": "https://api.github.com/repos/ada/shop/pulls/1"}} if pull else {}
    )
    said = {"id": comment, "body": body, "user": {"login": by, "type": "User"}}
    return payload("created", by=by, issue=issue, comment=said)


def pull(number: int = 1, *, head: int = 100, **more: Any) -> PullRequest:
    """A pull request whose head is a commit of that number."""
    fields: dict[str, Any] = {
        "title": "A change", "author": "bob", "head_sha": commit(head), "head_ref": f"topic-{number}",
        "head_repository": NAME, "base_sha": commit(1), "base_ref": "main", "base_repository": NAME,
    }  # fmt: skip
    return PullRequest(number=number, **{**fields, **more})


def run(number: int = 500, *, head: int = 100, **more: Any) -> CiRun:
    """A failed run of the pull request's head."""
    fields: dict[str, Any] = {
        "workflow": 3, "name": "tests", "path": ".github/workflows/tests.yml", "event": "pull_request",
        "head_sha": commit(head), "head_branch": "topic-1", "head_repository": NAME, "conclusion": "failure",
        "url": f"https://github.com/ada/shop/actions/runs/{number}", "pull_requests": (1,),
    }  # fmt: skip
    return CiRun(id=number, **{**fields, **more})


def job(number: int, run: CiRun, *, name: str = "test", conclusion: str = "failure", step: str = "Test") -> Job:
    """A job of a run."""
    fields: dict[str, Any] = {"conclusion": conclusion, "step": step}
    return Job(id=number, run=run.id, attempt=run.attempt, name=name, **fields)
