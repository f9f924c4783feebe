"""GitHub's JSON, as far as it is used: read leniently, bounded, and turned into the values of the bot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from workflows.github.forge import Unreadable
from workflows.github.names import RepositoryName, sha
from workflows.github.values import ChangedFile, CiRun, Comment, Conclusion, Job, Place, PullRequest

M = TypeVar("M", bound=BaseModel)
_CONCLUSIONS = frozenset(get_args(Conclusion))


def _cut(most: int) -> Callable[[Any], Any]:
    def cut(value: Any) -> Any:
        return value[:most] if isinstance(value, str) else "" if value is None else value

    return cut


Short = Annotated[str, BeforeValidator(_cut(300))]
Line = Annotated[str, BeforeValidator(_cut(1000))]
Body = Annotated[str, BeforeValidator(_cut(70_000))]
Hunks = Annotated[str, BeforeValidator(_cut(1_000_000))]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Scoped(_Shape):
    """An installation token."""

    token: SecretStr
    expires_at: datetime
    permissions: dict[str, str] = Field(default_factory=dict)


class _User(_Shape):
    login: Short = ""


class _Repository(_Shape):
    id: int
    full_name: Short
    private: bool = False
    default_branch: Short = ""

    @property
    def name(self) -> RepositoryName:
        return RepositoryName.of(self.full_name)


class _End(_Shape):
    ref: Short
    sha: Short
    repo: _Repository | None = None


class _Label(_Shape):
    name: Short = ""


class _Pull(_Shape):
    number: int
    title: Line = ""
    state: Short = "open"
    merged: bool = False
    merged_at: Short = ""
    draft: bool = False
    user: _User | None = None
    head: _End
    base: _End
    labels: list[_Label] = Field(default_factory=list)


class _Numbered(_Shape):
    number: int


class _Run(_Shape):
    id: int
    run_attempt: int = 1
    workflow_id: int = 0
    name: Line = ""
    path: Line = ""
    event: Short = ""
    head_sha: Short
    head_branch: Short = ""
    head_repository: _Repository | None = None
    status: Short = ""
    conclusion: Short = ""
    html_url: Line = ""
    pull_requests: list[_Numbered] | None = None
    created_at: datetime | None = None


class _Step(_Shape):
    name: Line = ""
    conclusion: Short = ""


class _Job(_Shape):
    id: int
    run_id: int
    run_attempt: int = 1
    name: Line = ""
    conclusion: Short = ""
    html_url: Line = ""
    steps: list[_Step] | None = None


class _App(_Shape):
    id: int


class _Comment(_Shape):
    id: int
    user: _User | None = None
    performed_via_github_app: _App | None = None
    body: Body = ""
    html_url: Line = ""


class _File(_Shape):
    filename: Annotated[str, BeforeValidator(_cut(4096))]
    status: Short = ""
    patch: Hunks = ""


class Delivery(_Shape):
    """An entry of the App's log of deliveries. status_code: of our answer, 0 where there was none."""

    id: int
    guid: Short
    delivered_at: datetime
    status_code: int = 0

    @property
    def arrived(self) -> bool:
        """Whether we took it."""
        return 200 <= self.status_code < 400


class CheckRun(_Shape):
    """A check run."""

    id: int
    external_id: Short = ""


class Annotation(_Shape):
    """What identifies an annotation."""

    path: Line
    start_line: int
    title: Line = ""
    message: Body = ""


class TreeEntry(_Shape):
    """A file or folder of a tree."""

    path: Annotated[str, BeforeValidator(_cut(4096))]
    mode: Short
    type: Short
    sha: Short


class _Sha(_Shape):
    sha: Short


class Commit(_Shape):
    """A git commit."""

    sha: Short
    message: Body = ""
    tree: _Sha
    parents: list[_Sha] = Field(default_factory=list)


class Ref(_Shape):
    """A git reference."""

    object: _Sha


class Made(_Shape):
    """Something with an id."""

    id: int


class MadeObject(_Shape):
    """A git object."""

    sha: Short


def shaped(model: type[M], data: Any) -> M:
    """Raises Unreadable, which says where it is not as GitHub describes it, and not what stood there."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise Unreadable(f"GitHub's answer is not as described ({_where(error)})") from None


def many(model: type[M], data: Any, key: str = "") -> list[M]:
    """A list of them, under a key or bare."""
    items = data.get(key) if key and isinstance(data, dict) else data
    if not isinstance(items, list):
        raise Unreadable("GitHub's answer has no list where one is described")
    return [shaped(model, item) for item in items]


def place_of(data: Any, installation: int) -> Place:
    """A repository."""
    read = shaped(_Repository, data)
    return _made(
        lambda: Place(
            id=read.id, name=read.name, installation=installation, private=read.private,
            default_branch=read.default_branch,
        )
    )  # fmt: skip


def pull_of(data: Any) -> PullRequest:
    """A pull request."""
    read = shaped(_Pull, data)
    if read.base.repo is None:
        raise Unreadable("GitHub's pull request has no repository")
    base = read.base.repo
    return _made(
        lambda: PullRequest(
            number=read.number, title=read.title, open=read.state == "open",
            merged=read.merged or bool(read.merged_at), draft=read.draft, author=read.user.login if read.user else "",
            head_sha=sha(read.head.sha), head_ref=read.head.ref,
            head_repository=read.head.repo.name if read.head.repo else None, base_sha=sha(read.base.sha),
            base_ref=read.base.ref, base_repository=base.name, labels=tuple(one.name for one in read.labels),
        )
    )  # fmt: skip


def run_of(data: Any) -> CiRun:
    """A run. Its file's path comes with a revision at times, which is dropped."""
    read = shaped(_Run, data)
    return _made(
        lambda: CiRun(
            id=read.id, attempt=read.run_attempt, workflow=read.workflow_id, name=read.name,
            path=read.path.partition("@")[0], event=read.event, head_sha=sha(read.head_sha),
            head_branch=read.head_branch, head_repository=read.head_repository.name if read.head_repository else None,
            status=read.status, conclusion=_conclusion(read.conclusion), url=read.html_url,
            pull_requests=tuple(one.number for one in read.pull_requests or ()), created=read.created_at,
        )
    )  # fmt: skip


def job_of(data: Any) -> Job:
    """A job, with the first of its steps that failed."""
    read = shaped(_Job, data)
    failed = (step.name for step in read.steps or () if step.conclusion == "failure")
    return Job(
        id=read.id, run=read.run_id, attempt=read.run_attempt, name=read.name, url=read.html_url,
        conclusion=_conclusion(read.conclusion), step=next(failed, ""),
    )  # fmt: skip


def comment_of(data: Any) -> Comment:
    """A comment."""
    read = shaped(_Comment, data)
    app = read.performed_via_github_app.id if read.performed_via_github_app else 0
    return Comment(id=read.id, author=read.user.login if read.user else "", app=app, body=read.body, url=read.html_url)


def file_of(data: Any) -> ChangedFile:
    """A file of a diff."""
    read = shaped(_File, data)
    return ChangedFile(path=read.filename, status=read.status, patch=read.patch)


def _conclusion(word: str) -> Conclusion:
    return word if word in _CONCLUSIONS else "neutral"  # type: ignore[return-value] # one of its words


V = TypeVar("V")


def _made(make: Callable[[], V]) -> V:
    try:
        return make()
    except ValueError as error:  # names and commit ids
        where = _where(error) if isinstance(error, ValidationError) else str(error)
        raise Unreadable(f"GitHub's answer is not as described ({where})") from None


def _where(error: ValidationError) -> str:
    return ", ".join(".".join(map(str, one["loc"])) or one["type"] for one in error.errors()[:3])
