"""What went live before the onset: the commits of each deploy, what kind of change each is, and its diff."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tools.git import git
from tools.history import Commit, History
from tools.oplogs.asking import written
from tools.oplogs.masking import mask
from tools.patches import PatchInvalid, parse
from tools.tool import ToolError
from tools.triage.hints import TAKEN_AWAY, means_of, terms_of
from tools.triage.ledger import Ledger
from tools.triage.values import ChangeKind, Deploy

MOST_COMMITS = 120  # in all; of a larger deploy the newest
_DEPENDENCY = re.compile(
    r"(?:^|/)(?:requirements[\w.-]*\.(?:txt|in|lock)|constraints\.txt|poetry\.lock|uv\.lock|pdm\.lock|Pipfile(?:\.lock)?"
    r"|package(?:-lock)?\.json|yarn\.lock|pnpm-lock\.yaml|go\.(?:mod|sum)|Cargo\.(?:toml|lock)|Gemfile(?:\.lock)?"
    r"|pom\.xml|build\.gradle(?:\.kts)?|composer\.(?:json|lock)|[\w.]+\.csproj)$"
)
_CONFIG = re.compile(
    r"(?:^|/)(?:config|conf|settings|env|deploy|k8s|helm|charts|flags)/|(?:^|/)\.env[\w.-]*$|\.(?:ya?ml|toml|ini|cfg|conf|env|properties|json)$"
)
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")
_SAID = re.compile(r'(?:(?:#|//|\*|/\*).*|""".*""")?')  # comments, docstrings of one line
_INERT = re.compile(
    r"(?:^|/)(?:docs?|tests?|spec|\.github|examples?)/|\.(?:md|rst|txt)$|(?:^|/)(?:LICENSE|CODEOWNERS)$"
)


@dataclass(frozen=True)
class Changed:
    """A commit that a deploy brought (None: a change outside the repository).

    terms: words of its lines; titles: more of its subject and files;
    lines: file -> lines after the change that it wrote or that stand beside what it took away; removed: its old text;
    means: hints that its lines could bring about.
    """

    deploy: Deploy
    commit: Commit | None
    kind: ChangeKind
    files: tuple[str, ...]
    diff: str
    lines: dict[str, frozenset[int]]
    terms: frozenset[str]
    evidence: tuple[str, ...]
    removed: str = ""
    means: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.commit.commit if self.commit else f"deploy {self.deploy.evidence}"


def seen_deploys(deploys: Sequence[Deploy], since: int | None, until: int, ledger: Ledger) -> tuple[Deploy, ...]:
    """Those of [since, until], each with its evidence."""
    found = []
    for deploy in deploys:
        if (since or 0) <= deploy.time <= until:
            what = f"{deploy.previous[:12] or '?'} -> {deploy.revision[:12]}" if deploy.revision else "no revision"
            where = deploy.service or "all services"
            note = f" ({mask(deploy.note)[:120]})" if deploy.note else ""
            if not deploy.live:
                what = f"commit {deploy.revision[:12]} at {written(deploy.time)}; when it went live is not known"
                seen = ledger.add("commit", what, time=deploy.time, where=deploy.revision)
                found.append(deploy.model_copy(update={"evidence": seen}))
                continue
            seen = ledger.add("deploy", f"deploy of {where} at {written(deploy.time)}: {what}{note}", time=deploy.time)
            found.append(deploy.model_copy(update={"evidence": seen}))
    return tuple(found)


async def changes_of(
    history: History | None, deploys: Sequence[Deploy], ledger: Ledger, notes: list[str]
) -> list[Changed]:
    """The changes of the deploys, the newest deploy first. A commit that is live in several counts for each service."""
    found: list[Changed] = []
    for deploy in sorted(deploys, key=lambda each: -each.time):
        if not deploy.revision:
            found.append(_outside(deploy))
        elif history is not None and len(found) < MOST_COMMITS:
            found += await _commits(history, deploy, ledger, notes, MOST_COMMITS - len(found))
    return found


def _outside(deploy: Deploy) -> Changed:
    return Changed(deploy, None, "config", (), "", {}, terms_of(deploy.note), (deploy.evidence,))


async def _commits(
    history: History, deploy: Deploy, ledger: Ledger, notes: list[str], most: int
) -> list[Changed]:  # fmt: skip
    try:
        deploy = await _named(history, deploy)
        if not deploy.previous:
            notes.append(f"what ran before {deploy.revision[:12]} is not known: only its last commit is looked at")
            names: Sequence[str] = (await history.resolve(deploy.revision),)
        elif await history.is_ancestor(deploy.revision, deploy.previous):
            return [_unseen(deploy)] if deploy.revision != deploy.previous else []
        else:
            names = await history.between(deploy.previous, deploy.revision)
        if len(names) > most:
            notes.append(f"deploy {deploy.revision[:12]}: {len(names)} commits, the newest {most} are looked at")
        return _without_merges([await _changed(history, deploy, name, ledger) for name in names[:most]])
    except ToolError as error:
        notes.append(f"deploy of {deploy.service or 'all services'} at {written(deploy.time)}: {error}")
        return [_unseen(deploy)]


def _without_merges(changes: list[Changed]) -> list[Changed]:
    """Leave out merges that only bring in what other commits of the deploy changed."""
    alone = [each for each in changes if each.commit is None or len(each.commit.parents) < 2]
    known = {row for each in alone for row in _rows(each.diff)}
    return [each for each in changes if each in alone or not _rows(each.diff) <= known]


def _rows(diff: str) -> set[str]:
    return {row for row in diff.splitlines() if row[:1] in ("+", "-") and row[:4] not in ("+++ ", "--- ")}


async def _named(history: History, deploy: Deploy) -> Deploy:
    """With revisions as the repository names them: a version 1.2.3 may be the tag v1.2.3 there."""
    found = {}
    for name in ("revision", "previous"):
        said = getattr(deploy, name)
        if _VERSION.fullmatch(said):
            with contextlib.suppress(ToolError):
                await history.resolve(f"v{said}")
                found[name] = f"v{said}"
    return deploy.model_copy(update=found)


def _unseen(deploy: Deploy) -> Changed:
    """A deploy that is all that is known of its change: an older revision again, or one that the repository lacks."""
    return Changed(deploy, None, "code", (), "", {}, terms_of(deploy.note), (deploy.evidence,))


async def _changed(history: History, deploy: Deploy, name: str, ledger: Ledger) -> Changed:
    detail = await history.show(name)
    commit = detail.summary
    try:
        patch = parse(detail.diff)
    except PatchInvalid:
        files: tuple[str, ...] = ()
        lines: dict[str, frozenset[int]] = {}
        words = removed = added = ""
    else:
        files = tuple(file.path for file in patch)
        lines = {file.path: _lines(file) for file in patch}
        words = "\n".join(
            str(line.value).rstrip("\n") for file in patch for hunk in file for line in hunk if not line.is_context
        )
        added = "".join(str(line.value) for file in patch for hunk in file for line in hunk if line.is_added)
        removed = "".join(str(line.value) for file in patch for hunk in file for line in hunk if line.is_removed)
    summary = f"commit {name[:12]} by {commit.author}: {commit.subject} ({', '.join(files[:4]) or 'no files'})"
    seen = ledger.add("commit", mask(summary), time=commit.time, where=name, query=f"git show {name[:12]}")
    terms = terms_of(words)
    titles = terms_of(f"{commit.subject}\n{' '.join(files)}") - terms
    kind = kind_of(files)
    if kind == "code" and words and all(_SAID.fullmatch(row.strip()) for row in words.split("\n")):
        kind = "inert"
    seen_in = (seen, deploy.evidence)
    means = means_of(added) | means_of(removed) & TAKEN_AWAY if kind == "code" else frozenset()
    return Changed(deploy, commit, kind, files, detail.diff, lines, terms, seen_in, removed, means, titles)


def _lines(file: object) -> frozenset[int]:
    """Lines of the new file that a change wrote, and those around what it took away."""
    found: set[int] = set()
    for hunk in file:  # type: ignore[attr-defined] # unidiff's PatchedFile is a list of hunks
        at = hunk.target_start
        for line in hunk:
            if line.is_removed:
                found |= {at - 1, at}
            else:
                found |= {at} if line.is_added else set()
                at += 1
    return frozenset(found)


def kind_of(files: Sequence[str]) -> ChangeKind:
    """What a commit that changes these files is."""
    kinds = {
        "dependency" if _DEPENDENCY.search(file) else "inert" if _INERT.search(file)
        else "config" if _CONFIG.search(file) else "code" for file in files
    }  # fmt: skip
    order: tuple[ChangeKind, ...] = ("code", "dependency", "config")
    return next((kind for kind in order if kind in kinds), "inert")


async def files_at(history: History, revision: str) -> tuple[str, ...]:
    """Names of all files of a revision. Raises ToolError."""
    commit = await history.resolve(revision)
    answer = await git(history.repository, "ls-tree", "-r", "-z", "--name-only", commit)
    return tuple(name for name in answer.text.split("\0") if name)


async def text_at(history: History, revision: str, file: str) -> str:
    """A file of a revision, "" where there is none."""
    answer = await git(history.repository, "cat-file", "blob", f"{revision}:{file}")
    return answer.text if answer.code == 0 else ""
