"""The bundled example: the same repository everywhere, good at its tag, with three failing tests at its head."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from workflows.example.create import create
from workflows.exits import Refused


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "duesbook"
    create(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def failing(folder: Path) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={**environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert " passed" in done.stdout, done.stdout + done.stderr
    return set(re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE))


def test_the_history_is_the_same_everywhere(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's git configuration nor its clock or variables have a part in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody Else")
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    (tmp_path / ".gitconfig").write_text("[core]\n\thooksPath = /nonexistent\n[commit]\n\tgpgsign = true\n")
    other = create(tmp_path / "other")
    monkeypatch.undo()
    assert other.head == git(made, "rev-parse", "HEAD")
    assert other.commits == int(git(made, "rev-list", "--count", "HEAD")) == 11
    assert git(made, "status", "--porcelain") == ""


def test_the_tag_is_good_and_the_head_is_not(made: Path, tmp_path: Path) -> None:
    assert failing(made) == {
        "test_an_upgrade_and_a_pause_in_one_month",
        "test_the_rest_of_the_month_is_billed_at_the_new_plan",
        "test_two_changes_in_a_month_bill_every_day_once",
    }
    subprocess.run(
        ["git", "clone", "-q", "-b", "v1.2.0", str(made), str(tmp_path / "good")], check=True, capture_output=True
    )
    assert failing(tmp_path / "good") == set()


def test_the_culprit_is_a_commit_between(made: Path) -> None:
    subjects = git(made, "log", "--reverse", "--format=%s", "v1.2.0..HEAD").splitlines()
    assert subjects[1] == "Settle pauses and plan changes in one place"
    assert len(subjects) == 4


def test_making_it_again_changes_nothing(made: Path) -> None:
    assert create(made).head == git(made, "rev-parse", "HEAD")


def test_other_directories_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(Refused, match="does not exist"):
        create(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
