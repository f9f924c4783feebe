"""Makes the bundled example: `history/*.patch` (git format-patch) becomes a repository, the same one on every machine.

duesbook bills subscriptions by the day. Its last commits hold a bug that a tidy-up brought in after v1.2.0: three tests
fail, and no single token is to blame.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from workflows.exits import Refused

HISTORY = Path(__file__).parent / "history"
GOOD = "v1.2.0"
RELEASE = "Release-1.2.0"
MAINTAINERS = ("Duesbook maintainers", "maintainers@duesbook.example")


@dataclass(frozen=True)
class Example:
    """The example as made: where, its newest commit, how many there are, and the tag of the last good one."""

    folder: Path
    head: str
    commits: int
    good: str


def create(folder: Path) -> Example:
    """Make it in `folder`, which must be missing or empty, or hold the untouched example already. Raises Refused."""
    if shutil.which("git") is None:
        raise Refused("git is needed to make the example, and it was not found")
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        return _existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".patchwright-example-") as scratch:
        made = Path(scratch) / "repository"
        made.mkdir()
        head = _build(made)
        made.replace(folder)
    return _described(folder, head)


def _existing(folder: Path) -> Example:
    with tempfile.TemporaryDirectory(prefix="patchwright-example-") as scratch:
        head = _build(Path(scratch))
    if not (folder / ".git").is_dir():
        raise Refused(f"{folder} exists and is not the example: name a directory that does not exist")
    if _git(folder, "rev-parse", "HEAD") != head or _git(folder, "status", "--porcelain"):
        raise Refused(f"{folder} holds other commits or changes: remove it, or name another directory")
    return _described(folder, head)


def _described(folder: Path, head: str) -> Example:
    return Example(folder, head, len(_patches()), GOOD)


def _patches() -> list[Path]:
    return sorted(HISTORY.glob("*.patch"))


def _build(folder: Path) -> str:
    _git(folder, "init", "--quiet", "--template=", "--initial-branch=main")
    for patch in _patches():
        _git(folder, "am", "--quiet", "--committer-date-is-author-date", "--keep-cr", str(patch))
        if RELEASE in patch.name:
            _git(folder, "tag", GOOD)
    return _git(folder, "rev-parse", "HEAD")


def _git(folder: Path, *arguments: str) -> str:
    """Run git on the example without any configuration of this machine, and with fixed names."""
    git = shutil.which("git") or "git"
    fixed = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.autocrlf=false", "commit.gpgsign=false")
    options = [part for setting in fixed for part in ("-c", setting)]
    done = subprocess.run(
        [git, *options, *arguments],
        cwd=folder,
        capture_output=True,
        timeout=60,
        check=False,
        env={
            "PATH": str(Path(git).parent),
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
            "GIT_COMMITTER_NAME": MAINTAINERS[0],
            "GIT_COMMITTER_EMAIL": MAINTAINERS[1],
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        },
    )
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise Refused(f"git {arguments[0]} failed in {folder}: {message[:500]}")
    return done.stdout.decode(errors="replace").strip()
