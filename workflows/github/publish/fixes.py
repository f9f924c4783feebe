"""A verified patch as a commit on a branch of its own, and the files that no such commit may touch."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from tools.patches import PatchInvalid, apply, touched
from workflows.github.configuration import BotConfiguration
from workflows.github.ledger import Result
from workflows.github.values import Case, FixBranch
from workflows.text import line

_FOLDERS = frozenset({".github", ".git", ".circleci", ".gitlab", ".buildkite"})
_FILES = frozenset({"codeowners", ".patchwright.yml", ".patchwright.yaml", ".gitmodules", ".gitlab-ci.yml"})
_LIVE = re.compile(r"(?<=@)(?=\w)|(?<=#)(?=\d)|(?<=GH-)(?=\d)", re.IGNORECASE)
_JOINER = "\u2060"


class Unfit(ValueError):
    """The patch becomes no branch; the message says why, in one sentence."""


def forbidden_paths(diff: str, wanted: BotConfiguration) -> tuple[str, ...]:
    """The paths of a patch that no fix may touch, whatever spelling they have."""
    try:
        paths = touched(diff)
    except PatchInvalid:
        return ("a path outside the repository",)
    return tuple(path for path in paths if _forbidden(path, wanted))


def _forbidden(path: str, wanted: BotConfiguration) -> bool:
    low = path.lower()
    parts = PurePosixPath(low).parts
    ours = bool(_FOLDERS & set(parts)) or parts[-1] in _FILES
    return ours or any(fnmatchcase(low, pattern.lower()) for pattern in wanted.protected)


def fix_of(case: Case, result: Result, files: Mapping[str, bytes | None], wanted: BotConfiguration) -> FixBranch:
    """The commit. files: as they are at the head, None for those that are not there. Raises Unfit."""
    diff = result.diff or ""
    if withheld := forbidden_paths(diff, wanted):
        raise Unfit(f"it touches {line(withheld[0], 200)}, which the bot never changes")
    with tempfile.TemporaryDirectory(prefix="patchwright-fix-") as folder:
        for path, data in files.items():
            if data is not None:
                (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(folder) / path).write_bytes(data)
        try:
            changes = apply(diff, Path(folder))
        except PatchInvalid:
            raise Unfit("the patch does not apply to the newest commit") from None
    texts = {change.path: change.new for change in changes}
    if any(text is not None and not _encodes(text) for text in texts.values()):
        raise Unfit("a file of the patch is no UTF-8")
    return FixBranch(branch=branch_of(case), parent=case.head_sha, message=_message(case, result), files=texts)


def branch_of(case: Case) -> str:
    """The name of its branch: the same for the same failure at the same commit."""
    about = f"pr-{case.subject}" if case.subject else "branch"
    return f"patchwright/fix-{about}-{case.head_sha[:8]}-{case.decision.signature[:8]}"


def _message(case: Case, result: Result) -> str:
    verdict = result.report.verdict
    subject = plain(result.report.patch_description or "make the failing tests pass", 60)
    proof = f"Patchwright-Run: {case.diagnosis}\nPatchwright-Patch: sha256:{verdict.patch if verdict else ''}"
    return f"fix: {subject}\n\n{plain(result.report.reason, 400)}\n\n{proof}\n"


def plain(text: str, most: int) -> str:
    """Words from elsewhere where no Markdown is read: one line, without mentions and references."""
    return _LIVE.sub(_JOINER, line(text, most))


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
