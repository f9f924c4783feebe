"""Snapshots of what users name: exactly the files that are there, nothing of theirs written or executed on the host."""

from __future__ import annotations

import os
import resource
import subprocess
from pathlib import Path

import pytest

from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.source import Caps, Checkout, SourceInvalid, acquire, materialize
from tests.trees import grow
from tools.history import History
from tools.tool import ToolError

_sandboxes = BubblewrapSandboxes()
_IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "init.defaultBranch=main")


def git(place: Path, *arguments: str) -> str:
    """Run git as a user would, without this machine's configuration; returns its stdout."""
    env = {"PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "LC_ALL": "C"}
    done = subprocess.run(("git", *_IDENTITY, *arguments), cwd=place, env=env, check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with one commit, on `main` and tagged v1.0."""
    top = grow(tmp_path / "project", {"package/module.py": "VALUE = 1\n", ".gitignore": "*.log\n"})
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-q", "-m", "first")
    git(top, "tag", "v1.0")
    return top


async def take(source: Path | str, destination: Path, rev: str | None = None, caps: Caps | None = None) -> Checkout:
    return await acquire(str(source), rev=rev, destination=destination, sandboxes=_sandboxes, caps=caps)


def files(top: Path) -> dict[bytes, bytes]:
    """Every file and link below `top`: its content, or where it leads."""
    found = {}
    for directory, folders, names in os.walk(os.fsencode(top)):
        for name in (*folders, *names):
            path = directory + b"/" + name
            inner = path[len(os.fsencode(top)) + 1 :]
            if Path(os.fsdecode(path)).is_symlink():
                found[inner] = b"-> " + os.fsencode(Path(os.fsdecode(path)).readlink())
            elif Path(os.fsdecode(path)).is_file():
                found[inner] = Path(os.fsdecode(path)).read_bytes()
    return found


def state(top: Path) -> dict[bytes, tuple[int, int, int, int]]:
    """What would show that something below `top` was written: mode, size, modification and change time."""
    facts = {}
    for directory, folders, names in os.walk(os.fsencode(top)):
        for path in (directory, *(directory + b"/" + name for name in (*folders, *names))):
            status = os.lstat(path)
            facts[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return facts


async def test_clean_checkout_is_its_commit(project: Path, tmp_path: Path) -> None:
    checkout = await take(project, tmp_path / "out")
    assert (checkout.commit, checkout.dirty) == (git(project, "rev-parse", "HEAD"), False)
    assert checkout.tree == git(project, "rev-parse", "HEAD^{tree}")
    assert checkout.base == tmp_path / "out" / "base"
    assert checkout.repository == tmp_path / "out" / "repository.git"
    assert files(checkout.base) == {b"package/module.py": b"VALUE = 1\n", b".gitignore": b"*.log\n"}


async def test_working_tree_is_taken_as_it_is_and_never_written(project: Path, tmp_path: Path) -> None:
    """Edited, new, deleted and staged files count; ignored ones do not; the user's files and .git stay untouched."""
    grow(project, {"package/module.py": "VALUE = 2\n", "new.py": "", "noise.log": "x", "staged.py": "1\n"})
    git(project, "add", "staged.py")
    (project / ".gitignore").write_text("*.log\nout\n")
    before = state(project)
    checkout = await take(project, tmp_path / "out")
    assert state(project) == before
    assert checkout.dirty
    assert checkout.commit == git(project, "rev-parse", "HEAD")
    assert set(files(checkout.base)) == {b"package/module.py", b"new.py", b"staged.py", b".gitignore"}
    assert checkout.repository is not None
    again = tmp_path / "again"
    assert await materialize(checkout.repository, checkout.tree, again) == checkout.tree
    assert files(again) == files(checkout.base)


async def test_revision_is_taken_instead_of_the_working_tree(project: Path, tmp_path: Path) -> None:
    grow(project, {"package/module.py": "VALUE = 2\n", "untracked.py": ""})
    checkout = await take(project, tmp_path / "out", rev="v1.0")
    assert (checkout.tree, checkout.dirty) == (git(project, "rev-parse", "v1.0^{tree}"), False)
    assert files(checkout.base)[b"package/module.py"] == b"VALUE = 1\n"
    assert b"untracked.py" not in files(checkout.base)


async def test_directory_below_a_checkout_takes_its_top(project: Path, tmp_path: Path) -> None:
    checkout = await take(project / "package", tmp_path / "out")
    assert checkout.subdirectory == "package"
    assert b".gitignore" in files(checkout.base)


async def test_linked_working_tree_has_its_own_commit_and_the_whole_history(project: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git(project, "worktree", "add", "-q", "-b", "side", str(linked))
    git(linked, "commit", "-q", "--allow-empty", "-m", "second")
    checkout = await take(linked, tmp_path / "out")
    assert checkout.commit == git(linked, "rev-parse", "HEAD")
    assert checkout.repository is not None
    assert git(checkout.repository, "rev-parse", "v1.0^{commit}") == git(project, "rev-parse", "v1.0^{commit}")


async def test_what_a_killed_attempt_left_is_removed_first(project: Path, tmp_path: Path) -> None:
    left = {"base/old.py": "", "repository.git/HEAD": "", "incoming/pack": ""}
    grow(tmp_path / "out", left)
    checkout = await take(project, tmp_path / "out")
    assert set(files(checkout.base)) == {b"package/module.py", b".gitignore"}
    assert not (tmp_path / "out" / "incoming").exists()


async def test_nothing_that_a_repository_configures_runs_on_the_host(project: Path, tmp_path: Path) -> None:
    """Hooks, fsmonitor, filters, pack hooks and attribute conversions neither run here nor change a byte."""
    mark = tmp_path / "ran"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    trap.chmod(0o755)
    grow(project, {".gitattributes": "* text eol=crlf ident filter=trap\n", "id.txt": "$Id$\r\nkept\n"})
    git(project, "-c", "core.attributesFile=/dev/null", "add", "-A")
    git(project, "commit", "-q", "-m", "attributes")
    for key in (
        "core.fsmonitor",
        "filter.trap.clean",
        "filter.trap.smudge",
        "uploadpack.packObjectsHook",
        "core.pager",
    ):
        git(project, "config", key, str(trap))
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        (project / ".git" / "hooks" / hook).write_bytes(trap.read_bytes())
        (project / ".git" / "hooks" / hook).chmod(0o755)
    now = await take(project, tmp_path / "now")
    then = await take(project, tmp_path / "then", rev="HEAD")
    assert not mark.exists()
    assert files(now.base)[b"id.txt"] == b"$Id$\r\nkept\n"
    stored = files(then.base)[b"id.txt"]
    assert stored == git_blob(project, "HEAD:id.txt")


def git_blob(place: Path, name: str) -> bytes:
    """A blob's bytes as they are stored."""
    return subprocess.run(("git", "cat-file", "blob", name), cwd=place, check=True, capture_output=True).stdout


async def test_plain_directory_keeps_strange_names_and_leaves_out_what_is_no_source(tmp_path: Path) -> None:
    top = grow(tmp_path / "plain", {"a b.py": "1", "ünï/ü.py": "2", "new\nline.py": "3", "tool.sh": "4"})
    grow(top, {"node_modules/x.js": "", "env/pyvenv.cfg": "", "env/lib/y.py": "", "__pycache__/a.pyc": ""})
    Path(os.fsdecode(os.fsencode(top) + b"/bad\xff.py")).write_text("5")
    (top / "link.py").symlink_to("a b.py")
    os.mkfifo(top / "pipe")
    checkout = await take(top, tmp_path / "out")
    names = {b"a b.py", "ünï/ü.py".encode(), b"new\nline.py", b"tool.sh", b"bad\xff.py", b"link.py"}
    assert set(files(checkout.base)) == names
    assert files(checkout.base)[b"link.py"] == b"-> a b.py"
    assert (checkout.repository, checkout.commit, checkout.dirty) == (None, None, False)
    assert any("pipe" in note for note in checkout.notes)
    assert checkout.objects is not None
    assert await materialize(checkout.objects, checkout.tree, tmp_path / "again") == checkout.tree
    assert files(tmp_path / "again") == files(checkout.base)


async def test_link_out_of_the_tree_never_brings_in_what_it_leads_to(tmp_path: Path) -> None:
    secret = grow(tmp_path / "elsewhere", {"secret.txt": "SECRET"})
    top = grow(tmp_path / "plain", {"a.py": "1"})
    (top / "file.txt").symlink_to(secret / "secret.txt")
    (top / "folder").symlink_to(secret, target_is_directory=True)
    checkout = await take(top, tmp_path / "out")
    assert not any(b"SECRET" in content for content in files(checkout.base).values())
    assert not (checkout.base / "file.txt").is_file() or (checkout.base / "file.txt").is_symlink()
    assert sum("leads out of the tree" in note for note in checkout.notes) == 2


async def test_too_large_files_and_trees_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    top = grow(tmp_path / "plain", {"a.py": "1", "big.bin": b"x" * 2_000})
    for caps in (Caps(file_bytes=1_000), Caps(total_bytes=1_500), Caps(files=1)):
        with pytest.raises(SourceInvalid, match=r"big\.bin|the tree has more than"):
            await take(top, tmp_path / "out", caps=caps)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("missing", "no such directory"),
        ("file.txt", "not a directory"),
        ("nothing", "the directory is empty"),
        ("fresh", "empty repository"),
        ("ssh://git@example.invalid/a/b", "https://"),
        ("git@example.invalid:a/b.git", "https://"),
        ("git://example.invalid/a/b", "https://"),
        ("http://example.invalid/a/b", "https://"),
        ("file:///etc", "https://"),
        ("ext::sh -c true", "https://"),
        ("https://127.0.0.1/a/b", "private network"),
        ("https://[::1]/a/b", "private network"),
        ("https://10.0.0.1/a/b", "private network"),
        ("https://169.254.169.254/a/b", "private network"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_the_reason(tmp_path: Path, source: str, says: str) -> None:
    grow(tmp_path, {"file.txt": ""})
    (tmp_path / "nothing").mkdir()
    (tmp_path / "fresh").mkdir()
    git(tmp_path / "fresh", "init", "-q")
    named = source if ":" in source else str(tmp_path / source)
    with pytest.raises(SourceInvalid, match=says):
        await take(named, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_a_damaged_repository_is_said_to_be_that(project: Path, tmp_path: Path) -> None:
    """With what to do, and without places of the sandbox that git ran in."""
    (project / ".git" / "HEAD").write_text("garbage")
    with pytest.raises(SourceInvalid, match=r"its \.git, it is damaged: see `git status`"):
        await take(project, tmp_path / "out")
    (project / ".git" / "HEAD").unlink()
    assert (await take(project, tmp_path / "plain")).repository is None


async def test_unknown_revisions_name_their_neighbours_and_options_are_no_revisions(
    project: Path, tmp_path: Path
) -> None:
    with pytest.raises(SourceInvalid, match=r"unknown revision 'v1\.1'.*v1\.0"):
        await take(project, tmp_path / "out", rev="v1.1")
    with pytest.raises(SourceInvalid, match="not a revision"):
        await take(project, tmp_path / "out", rev="--upload-pack=touch x")
    assert not (tmp_path / "out").exists()


async def test_a_revision_before_a_shallow_clone_is_said_to_be_that(project: Path, tmp_path: Path) -> None:
    """Not merely unknown: and a clone with all its history says nothing of it."""
    (project / "more.txt").write_text("more\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth", "1", project.as_uri(), "shallow")
    with pytest.raises(SourceInvalid, match=r"unknown revision 'HEAD~1'.*git fetch --unshallow"):
        await take(tmp_path / "shallow", tmp_path / "out", rev="HEAD~1")
    with pytest.raises(SourceInvalid) as refused:
        await take(project, tmp_path / "out", rev="HEAD~2")
    assert "shallow" not in str(refused.value)
    checkout = await take(tmp_path / "shallow", tmp_path / "out")
    assert checkout.repository
    with pytest.raises(ToolError, match="git fetch --unshallow"):
        await History(checkout.repository).resolve("HEAD~1")


async def test_a_submodule_that_is_not_checked_out_is_named(project: Path, tmp_path: Path) -> None:
    """Its directory is empty, which is no change of the working tree; one that is there brings its files."""
    library = grow(tmp_path / "library", {"library.py": "VALUE = 2\n"})
    git(library, "init", "-q")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "first")
    for name in ("vendor/a", "vendor/b"):
        git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), name)
    git(project, "commit", "-q", "-m", "with submodules")
    whole = await take(project, tmp_path / "whole")
    assert b"vendor/a/library.py" in files(whole.base)
    assert "not checked out" not in " ".join(whole.notes)
    git(project, "submodule", "--quiet", "deinit", "-f", "--all")
    for rev in (None, "HEAD"):
        absent = await take(project, tmp_path / f"absent-{rev}", rev=rev)
        assert not absent.dirty
        assert "vendor/a, vendor/b (git submodule update --init" in " ".join(absent.notes)


def cpu_s() -> float:
    """Of this process and of those that it waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


async def test_three_thousand_files_take_seconds(tmp_path: Path) -> None:
    top = grow(tmp_path / "plain", {f"d{n % 50}/f{n}.py": f"x = {n}\n" for n in range(3_000)})
    started = cpu_s()
    checkout = await take(top, tmp_path / "out")
    assert cpu_s() - started < 10
    assert len(files(checkout.base)) == 3_000
