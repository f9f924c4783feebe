"""What bad input gets: one clear line, a documented exit code, and nothing started on its behalf."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import git, repository


def _missing(folder: Path) -> list[str]:
    return [str(folder / "nowhere")]


def _a_file(folder: Path) -> list[str]:
    (folder / "file.txt").write_text("text")
    return [str(folder / "file.txt")]


def _empty_directory(folder: Path) -> list[str]:
    (folder / "empty").mkdir()
    return [str(folder / "empty")]


def _empty_repository(folder: Path) -> list[str]:
    (folder / "empty").mkdir()
    git(folder / "empty", "init", "-q")
    return [str(folder / "empty")]


def _shop(*arguments: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        return [str(repository(folder / "shop")), *arguments]

    return make


def _urls(url: str) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        return [url.format(folder=folder)]

    return make


BAD = {
    "missing path": (_missing, "no such directory"),
    "a file": (_a_file, "is a file"),
    "empty directory": (_empty_directory, "empty"),
    "empty repository": (_empty_repository, "empty"),
    "unknown revision": (_shop("--rev", "no-such-branch"), "no-such-branch"),
    "unknown good revision": (_shop("--good", "no-such-tag", "--goal", "triage"), "no-such-tag"),
    "revision like an option": (_shop("--rev=--upload-pack=touch canary"), "not a revision"),
    "good revision like an option": (_shop("--good=--output=canary"), "not a revision"),
    "unreadable log": (_shop("--log", "/nonexistent/ci.log"), "cannot be read"),
    "a directory as log": (_shop("--log", "/usr"), "cannot be read"),
    "ssh": (_urls("ssh://localhost/{folder}"), "https"),
    "scp-like": (_urls("git@localhost:{folder}"), "https"),
    "file": (_urls("file://{folder}/shop"), "https"),
    "ext": (_urls("ext::sh -c 'touch {folder}/canary'"), ""),
    "plain http to metadata": (_urls("http://169.254.169.254/latest"), "https"),
    "https to metadata": (_urls("https://169.254.169.254/latest"), ""),
    "https to loopback": (_urls("https://127.0.0.1:1/x.git"), ""),
    "unknown option": (_shop("--no-such-option"), "--no-such-option"),
    "zero repeats": (_shop("--repeats", "0"), "repeats"),
    "unknown guard rule": (_shop("--allow", "everything"), "everything"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_gets_a_clear_message(patchwright: Patchwright, tmp_path: Path, name: str) -> None:
    """One line that says what is wrong, exit 64 or 65, or an inconclusive run that names it."""
    make, message = BAD[name]
    ended = patchwright.run("diagnose", *make(tmp_path), timeout=60)
    assert message.lower() in ended.text.lower(), ended.text
    assert ended.code in (64, 65) or (name == "unknown good revision" and ended.code in (2, 65)), ended.text
    assert not list(tmp_path.rglob("canary"))


def test_a_test_that_matches_nothing_names_near_ones(patchwright: Patchwright, tmp_path: Path) -> None:
    """A misspelt test id is not a green suite."""
    ended = patchwright.diagnose(repository(tmp_path / "shop"), "--test", "tests/test_prices.py::test_cheapest_of_mny")
    assert ended.code in (3, 4, 65), ended.text
    assert "test_cheapest_of_many" in ended.text
