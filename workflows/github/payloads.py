"""The parts of GitHub's payloads that are read, in GitHub's own names. Texts are cut, unknown fields left out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _cut(most: int) -> Any:
    return BeforeValidator(lambda value: value[:most] if isinstance(value, str) else value)


Short = Annotated[str, _cut(400)]
Long = Annotated[str, _cut(100_000)]


class Shape(BaseModel):
    """An object of a payload."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class AccountShape(Shape):
    """A person, an organization, or a program."""

    login: Short = ""
    type: Short = ""


class RepositoryShape(Shape):
    """A repository. full_name: absent where a payload only mentions it."""

    id: int
    full_name: Short = ""
    private: bool | None = None
    default_branch: Short | None = None


class InstallationShape(Shape):
    """An installation of the App."""

    id: int
    account: AccountShape | None = None


class Payload(Shape):
    """What is in every payload that concerns a repository."""

    action: Short = ""
    repository: RepositoryShape | None = None
    installation: InstallationShape | None = None
    sender: AccountShape = AccountShape()


class PullMention(Shape):
    """A pull request as runs and check runs name it."""

    number: int


class RunShape(Shape):
    """A run of a workflow."""

    id: int
    run_attempt: int | None = 1
    workflow_id: int = 0
    name: Short | None = ""
    path: Short | None = ""
    event: Short = ""
    head_sha: Short
    head_branch: Short | None = None
    head_repository: RepositoryShape | None = None
    status: Short | None = ""
    conclusion: Short | None = None
    html_url: Short = ""
    pull_requests: tuple[PullMention, ...] = ()
    created_at: datetime | None = None


class RunPayload(Payload):
    """workflow_run."""

    workflow_run: RunShape


class LabelShape(Shape):
    """A label."""

    name: Short = ""


class EndShape(Shape):
    """One end of a pull request. repo: None when it was deleted."""

    ref: Short
    sha: Short
    repo: RepositoryShape | None = None


class PullShape(Shape):
    """A pull request."""

    number: int
    title: Short = ""
    state: Short
    merged: bool | None = None
    draft: bool | None = None
    user: AccountShape | None = None
    head: EndShape
    base: EndShape
    labels: tuple[LabelShape, ...] = ()


class PullPayload(Payload):
    """pull_request."""

    pull_request: PullShape
    label: LabelShape | None = None


class IssueShape(Shape):
    """An issue, or a pull request as one: `pull_request` is there then."""

    number: int
    title: Short = ""
    body: Long | None = None
    pull_request: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """Title and body."""
        return f"{self.title}\n\n{self.body or ''}".strip()


class IssuePayload(Payload):
    """issues."""

    issue: IssueShape
    label: LabelShape | None = None


class CommentShape(Shape):
    """A comment. performed_via_github_app: the App that wrote it, None for people."""

    id: int
    body: Long | None = ""
    user: AccountShape = AccountShape()
    performed_via_github_app: dict[str, Any] | None = None


class CommentPayload(Payload):
    """issue_comment."""

    issue: IssueShape
    comment: CommentShape


class CheckShape(Shape):
    """A check run or a check suite."""

    id: int
    head_sha: Short
    external_id: Annotated[str, _cut(500)] | None = ""


class ActionShape(Shape):
    """A button that was pressed."""

    identifier: Short = ""


class CheckRunPayload(Payload):
    """check_run."""

    check_run: CheckShape
    requested_action: ActionShape | None = None


class CheckSuitePayload(Payload):
    """check_suite."""

    check_suite: CheckShape


class InstallationPayload(Payload):
    """installation, installation_repositories."""

    installation: InstallationShape = Field()
    repositories_added: tuple[RepositoryShape, ...] = ()
    repositories_removed: tuple[RepositoryShape, ...] = ()
