"""Payloads of webhooks, and their way to the App that is installed where it happened."""

from __future__ import annotations

from workflows.github.hub import git
from workflows.github.hub.hub import Hub
from workflows.github.hub.shapes import apps, checks, repositories, talk
from workflows.github.hub.shapes.people import Json, account
from workflows.github.hub.things import Account, Attempt, Check, Comment, Issue, Job, Place, Pull, Run, Suite
from workflows.github.hub.world import Installation


def tell(hub: Hub, place: Place, event: str, sender: Account, **told: object) -> None:
    """An event of a repository."""
    known = hub.world.installed(place.repository.id)
    if known is None:
        return
    payload = {
        **told, "repository": repositories.usual(hub.world, place.repository), "sender": account(hub.world, sender),
        "installation": apps.named(known),
    }  # fmt: skip
    hub.post.add(event, payload, known.id, place.repository.id)


async def pushed(hub: Hub, place: Place, ref: str, *, before: str, after: str, sender: Account) -> None:
    """The event `push`."""
    told = [await git.one(place.repository.path, after)] if after != git.NOTHING else []
    rows = [_pushed_commit(hub, place, one) for one in told]
    page = repositories.page(hub.world, place.repository)
    payload: Json = {
        "ref": ref, "before": before, "after": after, "created": before == git.NOTHING,
        "deleted": after == git.NOTHING, "forced": False, "base_ref": None, "commits": rows,
        "compare": f"{page}/compare/{before[:12]}...{after[:12]}", "head_commit": rows[0] if rows else None,
        "pusher": {"name": sender.login, "email": f"{sender.login}@users.noreply.example"},
    }  # fmt: skip
    known = hub.world.installed(place.repository.id)
    if known is None:
        return
    made = int(place.repository.made.timestamp())
    repository = {
        **repositories.usual(hub.world, place.repository), "created_at": made, "pushed_at": made, "stargazers": 0,
        "master_branch": place.repository.default_branch,
    }  # fmt: skip
    whole = {
        **payload, "repository": repository, "sender": account(hub.world, sender),
        "installation": apps.named(known),
    }  # fmt: skip
    hub.post.add("push", whole, known.id, place.repository.id)


def _pushed_commit(hub: Hub, place: Place, known: git.Commit) -> Json:
    people = {
        role: {"name": who.name, "email": who.email, "date": who.when.isoformat(), "username": who.name}
        for role, who in (("author", known.author), ("committer", known.committer))
    }
    return {
        "id": known.sha, "tree_id": known.tree, "distinct": True, "message": known.message,
        "timestamp": known.committer.when.isoformat(), "added": [], "removed": [], "modified": [],
        "url": f"{repositories.page(hub.world, place.repository)}/commit/{known.sha}", **people,
    }  # fmt: skip


async def sizes(place: Place, pull: Pull) -> tuple[int, int, int, int]:
    """(commits, lines added, lines removed, files) of a pull."""
    path = place.repository.path
    start = await git.merge_base(path, pull.base, pull.head) or pull.base
    files = await git.diff(path, start, pull.head)
    commits = await git.log(path, f"{start}..{pull.head}")
    return len(commits), sum(f.added for f in files), sum(f.removed for f in files), len(files)


async def pulled(hub: Hub, place: Place, action: str, pull: Pull, sender: Account, **more: object) -> None:
    """pull_request."""
    told = talk.pull(hub.world, place, pull, await sizes(place, pull))
    tell(hub, place, "pull_request", sender, action=action, number=pull.number, pull_request=told, **more)


def issue(hub: Hub, place: Place, action: str, known: Issue, sender: Account, **more: object) -> None:
    """The event `issues`."""
    tell(hub, place, "issues", sender, action=action, issue=talk.issue(hub.world, place, known), **more)


def comment(hub: Hub, place: Place, action: str, known: Comment, sender: Account, **more: object) -> None:
    """issue_comment."""
    about = talk.issue(hub.world, place, place.issues[known.number])
    told = talk.comment(hub.world, place, known)
    tell(hub, place, "issue_comment", sender, action=action, issue=about, comment=told, **more)


def check(hub: Hub, place: Place, action: str, known: Check, sender: Account, **more: object) -> None:
    """check_run."""
    told = checks.check(hub.world, place, known)
    suite = place.suites[known.suite]
    told["check_suite"] = {
        "id": suite.id, "node_id": f"CS_{suite.id:012d}", "head_branch": suite.branch, "head_sha": suite.head,
        "status": "queued" if known.conclusion is None else "completed", "conclusion": known.conclusion,
        "url": f"{repositories.url(hub.world, place.repository)}/check-suites/{suite.id}", "before": None,
        "after": suite.head, "app": apps.author(hub.world, suite.app), "created_at": told["started_at"],
        "pull_requests": told["pull_requests"], "updated_at": told["started_at"],
    }  # fmt: skip
    tell(hub, place, "check_run", sender, action=action, check_run=told, **more)


async def suite(hub: Hub, place: Place, action: str, known: Suite, sender: Account) -> None:
    """check_suite."""
    told = checks.suite(hub.world, place, known, await git.one(place.repository.path, known.head))
    tell(hub, place, "check_suite", sender, action=action, check_suite=told)


async def run(hub: Hub, place: Place, action: str, known: Run, attempt: Attempt) -> None:
    """workflow_run."""
    head = await git.one(place.repository.path, known.head)
    told = checks.run(hub.world, place, known, attempt, head)
    workflow = checks.workflow(hub.world, place, known)
    tell(hub, place, "workflow_run", known.actor, action=action, workflow_run=told, workflow=workflow)


def job(hub: Hub, place: Place, action: str, known: Run, one: Job) -> None:
    """workflow_job."""
    told = checks.job(hub.world, place, known, known.last, one)
    tell(hub, place, "workflow_job", known.actor, action=action, workflow_job=told)


def installation(hub: Hub, action: str, known: Installation, sender: Account) -> None:
    """The event `installation`."""
    payload = {
        "action": action, "installation": apps.installation(hub.world, known), "sender": account(hub.world, sender),
        "repositories": apps.repositories(hub.world, known),
    }  # fmt: skip
    hub.post.add("installation", payload, known.id)


def selection(hub: Hub, action: str, known: Installation, places: list[Place], sender: Account) -> None:
    """installation_repositories."""
    named = apps.repositories(hub.world, known, {one.repository.id for one in places})
    payload = {
        "action": action, "installation": apps.installation(hub.world, known), "repository_selection": "selected",
        "repositories_added": named if action == "added" else [], "requester": None,
        "repositories_removed": named if action == "removed" else [], "sender": account(hub.world, sender),
    }  # fmt: skip
    hub.post.add("installation_repositories", payload, known.id)
