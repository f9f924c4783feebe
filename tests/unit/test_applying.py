from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.patches import FileChange, diff_of
from workflows.applying import apply_patch
from workflows.exits import Refused

OLD, NEW = "def size(items):\n    return len(items) - 1\n", "def size(items):\n    return len(items)\n"
DIFF = diff_of([FileChange(path="src/box.py", old=OLD, new=NEW)])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tree(tmp_path / "base")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return tree(tmp_path / "checkout")


def tree(root: Path) -> Path:
    (root / "src").mkdir(parents=True)
    (root / "src" / "box.py").write_text(OLD)
    return root


def test_a_patch_is_written_and_the_mode_stays(base: Path, checkout: Path) -> None:
    (checkout / "src" / "box.py").chmod(0o755)
    written = apply_patch(DIFF, base=base, checkout=checkout, patch=Path("patch.diff"))
    assert written == (checkout / "src" / "box.py",)
    assert written[0].read_text() == NEW
    assert written[0].stat().st_mode & 0o777 == 0o755
    assert (base / "src" / "box.py").read_text() == OLD


def test_a_checkout_that_changed_is_left_alone(base: Path, checkout: Path) -> None:
    """A change anywhere in a touched file refuses the patch, even where the hunk would still fit."""
    (checkout / "src" / "box.py").write_text(OLD + "\n# mine\n")
    with pytest.raises(Refused, match=r"src/box.py was changed since .* the patch is /out/patch.diff"):
        apply_patch(DIFF, base=base, checkout=checkout, patch=Path("/out/patch.diff"))
    assert (checkout / "src" / "box.py").read_text() == OLD + "\n# mine\n"


def test_a_symbolic_link_is_not_followed(base: Path, checkout: Path, tmp_path: Path) -> None:
    elsewhere = tree(tmp_path / "elsewhere")
    (checkout / "src" / "box.py").unlink()
    (checkout / "src").rmdir()
    (checkout / "src").symlink_to(elsewhere / "src")
    with pytest.raises(Refused, match="symbolic link"):
        apply_patch(DIFF, base=base, checkout=checkout, patch=Path("p"))
    assert (elsewhere / "src" / "box.py").read_text() == OLD


def test_a_directory_inside_the_repository_will_do(base: Path, checkout: Path) -> None:
    """The patch is relative to the repository; the user may have named a directory inside it."""
    subprocess.run(["git", "init", "-q", str(checkout)], check=True)
    apply_patch(DIFF, base=base, checkout=checkout / "src", patch=Path("p"))
    assert (checkout / "src" / "box.py").read_text() == NEW


def test_files_come_and_go(base: Path, checkout: Path) -> None:
    diff = diff_of(
        [FileChange(path="src/box.py", old=OLD, new=None), FileChange(path="src/new/crate.py", old=None, new="x = 1\n")]
    )
    apply_patch(diff, base=base, checkout=checkout, patch=Path("p"))
    assert [str(p.relative_to(checkout)) for p in checkout.rglob("*.py")] == ["src/new/crate.py"]


def test_a_step_that_fails_undoes_the_others(base: Path, checkout: Path) -> None:
    (checkout / "blocked").write_text("a file where a directory is needed")
    diff = DIFF + diff_of([FileChange(path="blocked/new.py", old=None, new="x = 1\n")])
    with pytest.raises(OSError):
        apply_patch(diff, base=base, checkout=checkout, patch=Path("p"))
    assert (checkout / "src" / "box.py").read_text() == OLD
    assert not list(checkout.rglob(".patchwright-*"))
