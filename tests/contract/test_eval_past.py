"""A checkout of an evaluation knows nothing of what came after its commit: git itself is asked, in every way it has."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest

from sandbox.access import Access
from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.source import SourceInvalid
from sandbox.urls import UrlPolicy
from tests.acceptance.repositories import RIGHT_SHOP, SHOP, commit, git, repository
from workflows.evaluation.clones import Clones
from workflows.evaluation.past import check_out

FUTURE = "the fix that nobody may see"


@pytest.fixture
def grown(tmp_path: Path) -> tuple[Path, str]:
    """A repository whose fix came later and is everywhere: and the commit before it."""
    root = repository(tmp_path / "shop")
    git(root, "tag", "-a", "v1.0", "-m", FUTURE)
    base = commit(root, {"shop/more.py": "x = 1\n"}, "More")
    git(root, "tag", "plain")
    commit(root, {**RIGHT_SHOP, "fix.txt": FUTURE}, FUTURE)
    git(root, "tag", "-a", "v2.0", "-m", FUTURE)
    git(root, "branch", "release")
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    git(root, "notes", "add", "-m", FUTURE, base)
    (root / "shop" / "prices.py").write_text(f"# {FUTURE}\n")
    git(root, "stash")
    commit(root, {"lost.txt": f"{FUTURE}, unreachable"}, FUTURE)
    git(root, "reset", "-q", "--hard", "HEAD~1")
    git(root, "repack", "-adk")
    return root, base


def objects(checkout: Path) -> str:
    """All that its repository holds, reachable or not, as text."""
    listed = git(checkout, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)")
    names = [row.split()[0] for row in listed.splitlines()]
    shown = subprocess.run(
        ["git", "-C", checkout, "cat-file", "--batch"], input="\n".join(names), capture_output=True, text=True,
        errors="replace", check=True,
    )  # fmt: skip
    return shown.stdout


async def test_nothing_of_the_future_is_in_the_checkout(grown: tuple[Path, str], tmp_path: Path) -> None:
    """No reference, log, stash, note, packed or loose object; the past is whole, with the names of its releases."""
    source, base = grown
    assert FUTURE in objects(source)
    checkout = tmp_path / "checkout"
    assert await check_out(str(source), base, checkout, sandboxes=BubblewrapSandboxes()) == base
    assert git(checkout, "log", "--all", "--format=%H %s").splitlines() == [
        f"{base} More", f"{git(source, 'rev-parse', f'{base}~1')} Start the shop",
    ]  # fmt: skip
    assert FUTURE not in objects(checkout)
    assert FUTURE not in git(checkout, "log", "--all", "--reflog", "--notes", "-p")
    assert git(checkout, "for-each-ref", "--format=%(refname) %(objecttype)").splitlines() == [
        "refs/heads/main commit", "refs/tags/plain commit", "refs/tags/v1.0 commit",
    ]  # fmt: skip
    assert git(checkout, "stash", "list") == git(checkout, "reflog") == ""
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "describe", "--tags") == "plain"
    assert git(checkout, "fsck", "--full", "--unreachable", "--no-progress") == ""
    later = git(source, "rev-parse", "release")
    with pytest.raises(subprocess.CalledProcessError):
        git(checkout, "cat-file", "-e", later)
    leaks = [path for path in checkout.rglob("*") if path.is_file() and FUTURE.encode() in path.read_bytes()]
    assert leaks == []
    assert [path.name for path in tmp_path.iterdir()] == ["shop", "checkout"] or not list(tmp_path.glob("*.incoming"))


async def test_checkout_can_be_made_again_and_needs_no_history(tmp_path: Path) -> None:
    """What an earlier attempt left is replaced; a plain directory stays one."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.py").write_text("x = 1\n")
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "old.py").write_text("")
    assert await check_out(str(tmp_path / "plain"), None, checkout, sandboxes=BubblewrapSandboxes()) is None
    assert [path.name for path in checkout.iterdir()] == ["a.py"]


async def test_shallow_clone_keeps_its_boundary(tmp_path: Path) -> None:
    """Its history ends where it ended."""
    origin = repository(tmp_path / "origin")
    base = commit(origin, {"shop/more.py": "x = 1\n"}, "More")
    git(tmp_path, "clone", "-q", "--depth", "1", origin.as_uri(), "clone")
    checkout = tmp_path / "checkout"
    assert await check_out(str(tmp_path / "clone"), base, checkout, sandboxes=BubblewrapSandboxes()) == base
    assert git(checkout, "log", "--all", "--format=%s") == "More"


async def test_repository_of_a_url_is_cloned_once_for_all_tasks(grown: tuple[Path, str], tmp_path: Path) -> None:
    """Tasks at the same time wait for it; a commit that it does not have is asked of the origin."""
    source, base = grown
    url, known = source.as_uri(), {"sandboxes": BubblewrapSandboxes(), "access": Access()}
    clones = Clones(tmp_path / "clones", UrlPolicy(protocols=("file",)))
    found = await asyncio.gather(*(clones.near(url, base, **known) for _ in range(3)))  # type: ignore[arg-type]
    assert len(set(found)) == 1
    assert [path.name for path in (tmp_path / "clones").glob("*/*")] == ["repository.git"]
    checkout = tmp_path / "checkout"
    assert await check_out(found[0], base, checkout, sandboxes=BubblewrapSandboxes()) == base
    assert FUTURE not in objects(checkout)
    assert await clones.near(url, "f" * 40, **known) == url  # type: ignore[arg-type]
    assert await clones.near(str(source), base, **known) == str(source)  # type: ignore[arg-type]


async def test_unknown_revision_leaves_nothing(tmp_path: Path) -> None:
    """And is told."""
    source = repository(tmp_path / "shop", SHOP)
    with pytest.raises(SourceInvalid, match="unknown revision"):
        await check_out(str(source), "f" * 40, tmp_path / "checkout", sandboxes=BubblewrapSandboxes())
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
