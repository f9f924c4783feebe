"""A delivery's payload as an event: only what the bot needs is read, bounded, and everything else is left alone.

Payloads are GitHub's, so their shape is trusted as far as it must be; names, titles and texts in them are anybody's.
What does not fit is `Nothing` with a reason, never an error: GitHub would send it again for ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar, get_args

from pydantic import ValidationError

from workflows.github.names import NameInvalid, RepositoryName, branch, sha
from workflows.github.payloads import (
    CheckRunPayload,
    CheckSuitePayload,
    CommentPayload,
    InstallationPayload,
    IssuePayload,
    Payload,
    PullPayload,
    PullShape,
    RepositoryShape,
    RunPayload,
    RunShape,
)
from workflows.github.values import (
    AccessChanged,
    CiRun,
    Commanded,
    Conclusion,
    Event,
    HeadMoved,
    Nothing,
    Place,
    PullRequest,
    RunEnded,
    Verb,
)

P = TypeVar("P", bound=Payload)
LABEL = "patchwright"
MOVED = frozenset(
    {"opened", "synchronize", "reopened", "closed", "ready_for_review", "converted_to_draft", "edited"}
)  # fmt: skip
MOST_TEXT = 50_000
_VERBS: tuple[Verb, ...] = get_args(Verb)
_CONCLUSIONS: tuple[Conclusion, ...] = get_args(Conclusion)
_COMMAND = re.compile(rf"^/{LABEL}[ \t]+({'|'.join(_VERBS)})(?:[ \t]+(.*))?$")
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")


class _Unfit(Exception):
    """The payload is of no use; the message says why."""


def event_of(name: str, body: bytes) -> Event:
    """What a delivery tells. name: of the event (X-GitHub-Event); body: JSON."""
    read = _READERS.get(name)
    if read is None:
        return Nothing(reason="ping" if name == "ping" else "an event that the bot has no use for")
    try:
        return read(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False, include_url=False)[0]["loc"]))
        return Nothing(reason=f"not understood: {where or 'the payload'}"[:300])
    except (_Unfit, NameInvalid) as error:
        return Nothing(reason=str(error))


def lane_of(event: Event) -> int:
    """Events with the same number are worked on one after the other: the repository's id, else the installation's."""
    if isinstance(event, AccessChanged):
        return -event.installation
    return 0 if isinstance(event, Nothing) else event.place.id


def command_of(text: str) -> tuple[Verb, str] | None:
    """The first line that is a command, and what stands behind it. Quotations and code are no commands."""
    fence = ""
    for line in text[:MOST_TEXT].splitlines():
        mark = _FENCE.match(line)
        if mark and (not fence or line.strip().startswith(fence)):
            fence = "" if fence else mark[1]
        match = None if fence else _COMMAND.match(line.rstrip())
        if match:
            verb = next(verb for verb in _VERBS if verb == match[1])
            return verb, (match[2] or "").strip()[:500]
    return None


def _run(body: bytes) -> Event:
    payload = _of(RunPayload, body, ("completed",))
    return RunEnded(place=_place(payload), run=ci_run(payload.workflow_run))


def _pull(body: bytes) -> Event:
    payload = PullPayload.model_validate_json(body)
    pull, place = pull_request(payload.pull_request), _place(payload)
    if payload.action == "labeled" and payload.label and payload.label.name == LABEL:
        return Commanded(place=place, verb="diagnose", by=payload.sender.login, subject=pull.number)
    if payload.action not in MOVED:
        raise _Unfit(f"pull_request {payload.action}: nothing follows from it")
    return HeadMoved(place=place, pull_request=pull, action=payload.action)


def _comment(body: bytes) -> Event:
    payload = _of(CommentPayload, body, ("created",))
    said, issue = payload.comment, payload.issue
    found = command_of(said.body or "")
    if found is None:
        raise _Unfit("a comment without a command")
    if said.performed_via_github_app is not None or said.user.type == "Bot":
        raise _Unfit("a program's comment")
    place, pull = _place(payload), issue.pull_request is not None
    return Commanded(
        place=place, verb=found[0], by=said.user.login, subject=issue.number, issue=not pull, comment=said.id,
        argument=found[1], text="" if pull else issue.text[:MOST_TEXT],
    )  # fmt: skip


def _issue(body: bytes) -> Event:
    payload = _of(IssuePayload, body, ("labeled",))
    if payload.label is None or payload.label.name != LABEL:
        raise _Unfit("another label")
    return Commanded(
        place=_place(payload), verb="diagnose", by=payload.sender.login, subject=payload.issue.number, issue=True,
        text=payload.issue.text[:MOST_TEXT],
    )  # fmt: skip


def _check_run(body: bytes) -> Event:
    payload = _of(CheckRunPayload, body, ("requested_action", "rerequested"))
    check = payload.check_run
    wanted = payload.requested_action.identifier if payload.requested_action else ""
    verb = "diagnose" if payload.action == "rerequested" else next((one for one in _VERBS if one == wanted), None)
    if verb is None:
        raise _Unfit("a button that is not ours")
    return Commanded(
        place=_place(payload), verb=verb, by=payload.sender.login, check=check.id, head_sha=sha(check.head_sha),
        argument=(check.external_id or "")[:500],
    )  # fmt: skip


def _check_suite(body: bytes) -> Event:
    payload = _of(CheckSuitePayload, body, ("rerequested",))
    head = sha(payload.check_suite.head_sha)
    return Commanded(place=_place(payload), verb="diagnose", by=payload.sender.login, head_sha=head)


def _installation(body: bytes) -> Event:
    payload = InstallationPayload.model_validate_json(body)
    made = {"created": False, "unsuspend": False, "new_permissions_accepted": False, "deleted": True, "suspend": True}
    if payload.action not in made:
        raise _Unfit(f"installation {payload.action}: nothing follows from it")
    return _access(payload, gone=made[payload.action])


def _repositories(body: bytes) -> Event:
    payload = _of(InstallationPayload, body, ("added", "removed"))
    gone = payload.action == "removed"
    meant = payload.repositories_removed if gone else payload.repositories_added
    if not meant:
        raise _Unfit("no repository is named")
    return _access(payload, gone=gone, repositories=tuple(one.id for one in meant[:1000]))


def _access(payload: InstallationPayload, *, gone: bool, repositories: tuple[int, ...] = ()) -> AccessChanged:
    account = payload.installation.account
    return AccessChanged(
        installation=payload.installation.id, account=account.login if account else "", gone=gone,
        repositories=repositories,
    )  # fmt: skip


def _of(kind: type[P], body: bytes, actions: tuple[str, ...]) -> P:
    """The payload of one of these actions."""
    payload = kind.model_validate_json(body)
    if payload.action not in actions:
        raise _Unfit(f"{payload.action}: nothing follows from it")
    return payload


def _place(payload: Payload) -> Place:
    repository = payload.repository
    if repository is None:
        raise _Unfit("no repository is named")
    if payload.installation is None:
        raise _Unfit("it came from no installation of the App")
    name = _name(repository)
    if name is None:
        raise _Unfit("the repository has a name that none has")
    return Place(
        id=repository.id, name=name, installation=payload.installation.id, private=bool(repository.private),
        default_branch=_branch(repository.default_branch),
    )  # fmt: skip


def ci_run(shape: RunShape) -> CiRun:
    """A run in GitHub's shape, as it is in payloads and answers. Raises NameInvalid."""
    conclusion: Conclusion = next((one for one in _CONCLUSIONS if one == shape.conclusion), "")
    return CiRun(
        id=shape.id, attempt=shape.run_attempt or 1, workflow=shape.workflow_id, name=shape.name or "",
        path=(shape.path or "").split("@")[0], event=shape.event, head_sha=sha(shape.head_sha),
        head_branch=_branch(shape.head_branch), head_repository=_name(shape.head_repository),
        status=shape.status or "", conclusion=conclusion, url=shape.html_url,
        pull_requests=tuple(one.number for one in shape.pull_requests[:50]), created=shape.created_at,
    )  # fmt: skip


def pull_request(shape: PullShape) -> PullRequest:
    """A pull request in GitHub's shape. Raises NameInvalid, ValidationError."""
    base = _name(shape.base.repo)
    if base is None:
        raise NameInvalid("a pull request without a repository")
    return PullRequest(
        number=shape.number, title=shape.title, open=shape.state == "open", merged=bool(shape.merged),
        draft=bool(shape.draft), author=shape.user.login if shape.user else "", head_sha=sha(shape.head.sha),
        head_ref=_branch(shape.head.ref), head_repository=_name(shape.head.repo), base_sha=sha(shape.base.sha),
        base_ref=_branch(shape.base.ref), base_repository=base,
        labels=tuple(label.name for label in shape.labels[:100]),
    )  # fmt: skip


def _name(shape: RepositoryShape | None) -> RepositoryName | None:
    try:
        return RepositoryName.of(shape.full_name) if shape is not None else None
    except ValueError:
        return None


def _branch(name: str | None) -> str:
    """The name of a branch, "" for one that git would not take."""
    try:
        return branch(name or "")
    except NameInvalid:
        return ""


_READERS: Mapping[str, Callable[[bytes], Event]] = {
    "workflow_run": _run, "pull_request": _pull, "issue_comment": _comment, "issues": _issue, "check_run": _check_run,
    "check_suite": _check_suite, "installation": _installation, "installation_repositories": _repositories,
}  # fmt: skip
