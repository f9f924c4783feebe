"""What people do to repositories: make, fork, push, open and close pulls, rename, talk, press buttons."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from workflows.github.hub import ci, git, telling
from workflows.github.hub.answers import Problem, absent, invalid
from workflows.github.hub.git import NOTHING, Signature
from workflows.github.hub.hub import Hub
from workflows.github.hub.shapes import talk
from workflows.github.hub.things import Account, Check, Comment, Issue, Place, Pull, Repository, now
from workflows.github.names import NameInvalid, RepositoryName
from workflows.github.names import branch as branch_name

HEADS = "refs/heads/"


def named(hub: Hub, full: str) -> Place:
    """The repository of that name. Raises Problem."""
    owner, _, name = full.partition("/")
    found = hub.world.named(owner, name)
    if found is None:
        raise absent()
    return found


async def made(
    hub: Hub, full: str, *, private: bool = False, folder: Path | None = None, parent: Place | None = None
) -> Place:
    """A repository: empty, with the commits of a local one (which must be your own), or as a fork. Raises Problem."""
    try:
        name = RepositoryName.of(full)
    except ValueError:
        raise invalid("Repository", "name") from None
    if hub.world.named(name.owner, name.name):
        raise invalid("Repository", "name", "custom", "name already exists on this account")
    source = parent.repository.path if parent else None
    if folder is not None:
        source = folder / ".git" if (folder / ".git").is_dir() else folder
        if not (source / "HEAD").is_file():
            raise Problem(422, "the folder is no repository of git")
    number = next(hub.world.ids)
    path = hub.world.folder / f"{number}.git"
    await git.create(path)
    owner = hub.world.account(name.owner)
    known = Repository(number, owner, name.name, path, private, parent=parent.repository.id if parent else None)
    if source is not None:
        await _filled(source, path)
    hub.world.places[number] = place = Place(known)
    return place


async def _filled(source: Path, path: Path) -> None:
    known = {ref: sha for ref, sha in (await git.refs(source)).items() if ref.startswith((HEADS, "refs/tags/"))}
    if known:
        await git.copy(source, path, *known.values())
        for ref, sha in known.items():
            await git.set_ref(path, ref, sha)


async def committed(
    hub: Hub, place: Place, branch: str, files: Mapping[str, str | None], *, message: str, by: Account, parent: str = ""
) -> str:
    """Commit files on a branch (None removes one) and push it; its id. parent: "" the branch's tip."""
    path = place.repository.path
    start = await git.resolve(path, parent or branch) if parent or branch else None
    if start is None and await git.refs(path):
        start = await git.resolve(path, place.repository.default_branch)
    who = Signature(by.login, f"{by.login}@users.noreply.example", now())
    sha = await git.commit_files(path, files, parent=start, message=message, author=who)
    await pushed(hub, place, branch, sha, by)
    return sha


async def pushed(hub: Hub, place: Place, branch: str, sha: str | None, by: Account) -> None:
    """Point a branch to a commit that is there, or delete it. Raises Problem."""
    try:
        ref = HEADS + branch_name(branch)
    except NameInvalid:
        raise invalid("Reference", "ref") from None
    before = (await git.refs(place.repository.path)).get(ref, NOTHING)
    await git.set_ref(place.repository.path, ref, sha)
    await noticed(hub, place, ref, before=before, after=sha or NOTHING, by=by)


async def noticed(hub: Hub, place: Place, ref: str, *, before: str, after: str, by: Account) -> None:
    """What follows from a ref that moved: it is told, pulls follow, workflows start."""
    if before == after:
        return
    await telling.pushed(hub, place, ref, before=before, after=after, sender=by)
    if not ref.startswith(HEADS):
        return
    branch = ref.removeprefix(HEADS)
    await _followed(hub, place, branch, after, by)
    if after != NOTHING and hub.automatic:
        await ci.started(
            hub, place, home=place, sha=after, branch=branch, event="push", base=branch, actor=by
        )  # fmt: skip


async def _followed(hub: Hub, place: Place, branch: str, after: str, by: Account) -> None:
    for target in list(hub.world.places.values()):
        for pull in list(target.pulls.values()):
            if pull.issue.state != "open":
                continue
            if target is place and pull.base_ref == branch and after != NOTHING:
                pull.base = after
            if pull.home == place.repository.id and pull.head_ref == branch:
                await _moved(hub, target, place, pull, after=after, by=by)


async def _moved(hub: Hub, target: Place, home: Place, pull: Pull, *, after: str, by: Account) -> None:
    if after == NOTHING:
        await closed(hub, target, pull, by)
        return
    before, pull.head = pull.head, after
    await _shown(target, home, pull)
    await telling.pulled(hub, target, "synchronize", pull, by, before=before, after=after)
    await _checked(hub, target, home, pull, by)


async def _shown(target: Place, home: Place, pull: Pull) -> None:
    """Bring the head's commits to the repository of the base, under the pull's own ref."""
    if home is not target:
        await git.copy(home.repository.path, target.repository.path, pull.head)
    await git.set_ref(target.repository.path, f"refs/pull/{pull.number}/head", pull.head)
    pull.issue.changed = now()


async def _checked(hub: Hub, target: Place, home: Place, pull: Pull, by: Account) -> None:
    if hub.automatic:
        await ci.started(
            hub, target, home=home, sha=pull.head, branch=pull.head_ref, event="pull_request", base=pull.base_ref,
            actor=by,
        )  # fmt: skip


def _issue(hub: Hub, place: Place, title: str, body: str, by: Account) -> Issue:
    number, place.repository.next_number = place.repository.next_number, place.repository.next_number + 1
    made = Issue(next(hub.world.ids), number, by, title, body)
    place.issues[number] = made
    return made


def opened_issue(hub: Hub, place: Place, title: str, body: str, by: Account) -> Issue:
    """A new issue."""
    made = _issue(hub, place, title, body, by)
    telling.issue(hub, place, "opened", made, by)
    return made


async def opened(hub: Hub, place: Place, *, title: str, body: str, head: str, base: str, by: Account) -> Pull:
    """A pull. head: a branch, or OWNER:BRANCH of a fork. Raises Problem."""
    owner, _, branch = head.rpartition(":")
    home = place if not owner or owner == place.repository.owner.login else _fork(hub, place, owner)
    heads, bases = await git.refs(home.repository.path), await git.refs(place.repository.path)
    sha, tip = heads.get(HEADS + branch), bases.get(HEADS + base)
    if sha is None or tip is None:
        raise invalid("PullRequest", "head" if sha is None else "base")
    for known in place.pulls.values():
        ends = (known.home, known.head_ref, known.base_ref)
        if known.issue.state == "open" and ends == (home.repository.id, branch, base):
            raise invalid(
                "PullRequest", "head", "custom", f"A pull request already exists for {owner or by.login}:{branch}."
            )
    if sha == tip:
        raise invalid("PullRequest", "head", "custom", f"No commits between {base} and {branch}")
    about = _issue(hub, place, title, body, by)
    pull = Pull(next(hub.world.ids), about, home.repository.id, branch, sha, base, tip)
    place.pulls[about.number] = pull
    await _shown(place, home, pull)
    await telling.pulled(hub, place, "opened", pull, by)
    await _checked(hub, place, home, pull, by)
    return pull


def _fork(hub: Hub, place: Place, owner: str) -> Place:
    for one in hub.world.places.values():
        if one.repository.owner.login == owner and one.repository.parent == place.repository.id:
            return one
    raise invalid("PullRequest", "head")


async def closed(hub: Hub, place: Place, pull: Pull, by: Account, *, merge: bool = False) -> None:
    """Close a pull; merge: its base gets a merge commit first."""
    path = place.repository.path
    pull.issue.state, pull.issue.closed, pull.issue.changed = "closed", now(), now()
    if merge:
        tree = (await git.one(path, pull.head)).tree
        who = Signature(by.login, f"{by.login}@users.noreply.example", now())
        text = f"Merge pull request #{pull.number} from {pull.head_ref}"
        pull.merge_commit = await git.commit_tree(path, tree, [pull.base, pull.head], text, who)
        pull.merged = True
    await telling.pulled(hub, place, "closed", pull, by)
    if pull.merge_commit:
        await pushed(hub, place, pull.base_ref, pull.merge_commit, by)


async def reopened(hub: Hub, place: Place, pull: Pull, by: Account) -> None:
    """Open a closed pull again."""
    pull.issue.state, pull.issue.closed, pull.issue.changed = "open", None, now()
    await telling.pulled(hub, place, "reopened", pull, by)


async def labelled(hub: Hub, place: Place, number: int, label: str, by: Account) -> None:
    """Put a label on an issue or a pull. Raises Problem."""
    known = place.issues.get(number)
    if known is None:
        raise absent()
    known.labels.append(label)
    told = talk.label(hub.world, place, label)
    if number in place.pulls:
        await telling.pulled(hub, place, "labeled", place.pulls[number], by, label=told)
    else:
        telling.issue(hub, place, "labeled", known, by, label=told)


def said(hub: Hub, place: Place, number: int, body: str, *, by: Account, app: int | None = None) -> Comment:
    """A comment. Raises Problem."""
    known = place.issues.get(number)
    if known is None:
        raise absent()
    made = Comment(next(hub.world.ids), number, by, body, app)
    place.comments[made.id] = made
    known.changed = now()
    telling.comment(hub, place, "created", made, by)
    return made


def changed(hub: Hub, place: Place, comment: Comment, body: str, by: Account) -> None:
    """Other words for a comment."""
    before, comment.body, comment.changed = comment.body, body, now()
    telling.comment(hub, place, "edited", comment, by, changes={"body": {"from": before}})


def unsaid(hub: Hub, place: Place, comment: Comment, by: Account) -> None:
    """Delete a comment."""
    del place.comments[comment.id]
    telling.comment(hub, place, "deleted", comment, by)


def pressed(hub: Hub, place: Place, check: Check, identifier: str, by: Account) -> None:
    """Press a button of a check run, "" its re-run. Raises Problem."""
    if not identifier:
        telling.check(hub, place, "rerequested", check, by)
        return
    if identifier not in [action["identifier"] for action in check.actions]:
        raise absent()
    told = {"identifier": identifier}
    telling.check(hub, place, "requested_action", check, by, requested_action=told)


def renamed(hub: Hub, place: Place, name: str, by: Account) -> None:
    """Another name; the old one leads to it. Raises Problem."""
    repository = place.repository
    try:
        RepositoryName(owner=repository.owner.login, name=name)
    except ValueError:
        raise invalid("Repository", "name") from None
    before, full = repository.name, repository.full_name
    repository.old.append(full)
    repository.name = name
    telling.tell(hub, place, "repository", by, action="renamed", changes={"repository": {"name": {"from": before}}})


def deleted(hub: Hub, place: Place) -> None:
    """Delete a repository; pulls from it have no home any more."""
    number = place.repository.id
    del hub.world.places[number]
    for one in hub.world.installations.values():
        one.repositories.discard(number)
    for other in hub.world.places.values():
        for pull in other.pulls.values():
            if pull.home == number:
                pull.home = None
