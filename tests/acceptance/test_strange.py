"""Strange but harmless: files and names of any kind, broken configuration, builds that fail, no disk, two runs at once.

`Patchwright.diagnose` itself asserts after every run: no traceback, a documented exit code, no process, mount,
temporary file or control group left, the user's files unchanged, and the secrets of environment and home in no file.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from sandbox.bubblewrap import binary
from tests.acceptance import leftovers
from tests.acceptance.command import SECRET, Ended, Patchwright
from tests.acceptance.repositories import (
    FAILING,
    PRICES,
    SHOP,
    TEST_PRICES,
    WRONG_CHEAPEST,
    Files,
    git,
    repository,
    write,
)

SHORT: dict[str, Any] = {"limit_seconds": 100, "test_seconds": 10, "suite_seconds": 30, "repeats": 2}


def _links(repo: Path, home: Path) -> None:
    (repo / "passwd").symlink_to("/etc/passwd")
    (repo / "home").symlink_to(home)
    (repo / "secret.txt").symlink_to(home / "secret.txt")
    (repo / "loop").symlink_to(".")
    (repo / "tests" / "up").symlink_to("../..")
    (repo / "broken").symlink_to("nowhere/at/all")
    (repo / "self").symlink_to("self")
    (repo / "shop" / "outside.py").symlink_to(home / "outside.py")


NAMES = (
    b"with space.txt",
    b"\xc3\xbcml\xc3\xa4ut.py",
    b"new\nline.txt",
    b"\xff\xfe broken.txt",
    b"-rf",
    b"'\"$(x);`y`",
)


def _names(repo: Path, _: Path) -> None:
    for name in NAMES:
        (repo / os.fsdecode(name)).write_bytes(b"# text\n")
    write(repo / os.fsdecode(b"folder \xe2\x9c\x93"), {os.fsdecode(b"test_\xc3\xa9.py"): "def test_e():\n    pass\n"})


def _large(repo: Path, _: Path) -> None:
    with (repo / "huge.bin").open("wb") as file:
        file.truncate(50 << 20)
    (repo / "random.bin").write_bytes(os.urandom(1 << 20))
    (repo / "shop" / "data.py").write_bytes(b"DATA = '" + b"x" * (3 << 20) + b"'\n")
    (repo / "shop" / "nul.py").write_bytes(b"x = 1\0\n")
    (repo / "shop" / "one_line.py").write_text("x = [" + "1," * 200_000 + "]\n")


def _specials(repo: Path, _: Path) -> None:
    (repo / "ordinary.txt").write_text("so that there is something to commit")
    os.mkfifo(repo / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(repo / "s"))


def _encodings(repo: Path, _: Path) -> None:
    (repo / "shop" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n")
    (repo / "shop" / "undeclared.py").write_bytes(b"NAME = 'caf\xe9'\n")
    (repo / "shop" / "marked.py").write_bytes(b"\xef\xbb\xbfNAME = 'bom'\r\n")


STRANGE = {"links": _links, "names": _names, "large": _large, "specials": _specials, "encodings": _encodings}


@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("tracked", [True, False])
def test_strange_files_do_not_keep_a_bug_from_being_mended(
    patchwright: Patchwright, tmp_path: Path, kind: str, tracked: bool
) -> None:
    """Links out of the tree and in circles, names of any bytes, large and binary files, pipes, sockets, encodings."""
    (patchwright.user / "outside.py").write_text(f"SECRET = {SECRET!r}\n")
    repo = repository(tmp_path / "r")
    STRANGE[kind](repo, patchwright.user)
    if tracked:
        git(repo, "add", "-A")
        git(repo, "commit", "-q", "-m", "Strange files")
    ended = patchwright.diagnose(repo, "--test", FAILING, repeats=2)
    assert ended.outcome == "verified_patch", ended.text


def test_source_that_is_no_utf8_is_a_failure_not_a_crash(patchwright: Patchwright, tmp_path: Path) -> None:
    """Python refuses to import it: that is what the report says."""
    files = {**SHOP, "shop/prices.py": b"# caf\xe9\n" + WRONG_CHEAPEST.encode()}
    ended = patchwright.diagnose(repository(tmp_path / "shop", files), repeats=2)
    assert ended.code in (0, 2, 3), ended.text
    assert ended.report["failing_tests"], ended.text


LATIN = "# -*- coding: latin-1 -*-\n" + WRONG_CHEAPEST.replace("in cents", "en centimes : d\xe9cid\xe9s")
ENCODED = {
    "latin-1": LATIN.encode("latin-1"),
    "latin-1 with CRLF": LATIN.replace("\n", "\r\n").encode("latin-1"),
    "shift-jis": ("# vim: set fileencoding=shift_jis :\n" + WRONG_CHEAPEST + "YEN = '\u8868\u5186'\n").encode(
        "shift_jis"
    ),
    "byte order mark": b"\xef\xbb\xbf" + WRONG_CHEAPEST.encode(),
    "CRLF": WRONG_CHEAPEST.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_a_bug_in_a_file_of_another_encoding(patchwright: Patchwright, tmp_path: Path, encoding: str) -> None:
    """Found and mended; the patch changes the one comparison and not a byte beside it, and its certificate holds."""
    wrong = ENCODED[encoding]
    repo = repository(tmp_path / "shop", {**SHOP, "shop/prices.py": wrong})
    ended = patchwright.diagnose(repo, "--test", FAILING, repeats=2)
    assert ended.outcome == "verified_patch", ended.text
    git(repo, "apply", str(ended.folder / "patch.diff"))
    changed = (repo / "shop" / "prices.py").read_bytes()
    assert changed in [wrong.replace(b"price > best", b"price %s best" % sign) for sign in (b"<", b"<=")]
    git(repo, "checkout", "-q", ".")
    assert patchwright.run("verify", ended.folder / "certificate.json", repeats=2).code == 0
    assert patchwright.run("diagnose", repo, "--apply", repeats=2).code == 0
    assert (repo / "shop" / "prices.py").read_bytes() == changed


def test_a_bug_in_a_file_whose_name_is_no_text(patchwright: Patchwright, tmp_path: Path) -> None:
    """Undecodable names of checkout, source and test, and undecodable output: all files of the report are valid."""
    name = os.fsdecode(b"caf\xe9")
    loader = f"""\
import importlib.util, os
path = os.path.join(os.path.dirname(__file__), {name + ".py"!r})
spec = importlib.util.spec_from_file_location("shop.odd", path)
odd = importlib.util.module_from_spec(spec)
spec.loader.exec_module(odd)
"""
    noise = """\
import os
import shop
def test_noise():
    os.write(1, b'\\xff\\xfe')
    shop.odd.fail('\\udcff\\ud800')
"""
    odd = {"shop/__init__.py": loader, f"shop/{name}.py": "def fail(text):\n    raise ValueError(text)\n"}
    files = {**SHOP, **odd, f"tests/test_{name}.py": noise}
    ended = patchwright.diagnose(repository(tmp_path / name, files), "--goal", "triage", repeats=2)
    assert ended.outcome == "diagnosed", ended.text
    assert len(ended.report["failures"]) == 2, ended.text
    for file in ("report.md", "report.html", "report.json"):
        (ended.folder / file).read_bytes().decode("utf-8")
    run = patchwright.runs()[-1]
    assert patchwright.run("show", run, "--format", "md").code == 0
    assert patchwright.run("replay", run).code == 0


def test_a_read_only_checkout(patchwright: Patchwright, tmp_path: Path) -> None:
    """Not a byte is written, nor needs to be."""
    repo = repository(tmp_path / "shop")
    script = f'mount --bind {repo} {repo} && mount -o remount,bind,ro {repo} && exec "$@"'
    ended = patchwright.diagnose(repo, repeats=2, wrap=("unshare", "-m", "sh", "-c", script, "sh"))
    assert ended.outcome == "verified_patch", ended.text


def test_a_file_with_the_name_of_a_module_of_python(patchwright: Patchwright, tmp_path: Path) -> None:
    """Python itself does not start beside it: the report says which file it is, and shows no traceback."""
    ended = patchwright.diagnose(repository(tmp_path / "shop", {**SHOP, "types.py": "KINDS = 1\n"}), repeats=2)
    assert ended.outcome == "inconclusive", ended.text
    assert "types.py is imported in the place of Python's own module types" in ended.report["reason"]


def _project(name: str, prices: str) -> dict[str, str | bytes]:
    """A package with tests and a manifest, in a directory of its own."""
    manifest = f"[project]\nname = '{name}'\nversion = '1'\n[tool.setuptools]\npackages = ['{name}_shop']\n"
    return {
        f"{name}/pyproject.toml": manifest,
        f"{name}/{name}_shop/__init__.py": "",
        f"{name}/{name}_shop/prices.py": prices,
        f"{name}/tests/test_prices.py": TEST_PRICES.replace("shop.prices", f"{name}_shop.prices"),
    }


@pytest.mark.parametrize("projects", [("back",), ("back", "front")], ids=["one", "two"])
def test_a_project_below_the_top(patchwright: Patchwright, tmp_path: Path, projects: tuple[str, ...]) -> None:
    """The only one is found; of several the one whose directory is named, or a directory of which, is diagnosed alone.
    The patch is of the whole repository, and its certificate holds.
    """
    files = {"README": "shops\n", **_project("back", WRONG_CHEAPEST)}
    files |= _project("front", WRONG_CHEAPEST) if "front" in projects else {}
    repo = repository(tmp_path / "shop", files)
    ended = patchwright.diagnose(repo / "back" / "back_shop" if len(projects) > 1 else repo, repeats=2)
    assert ended.outcome == "verified_patch", ended.text
    assert len(ended.report["failing_tests"]) == 1
    git(repo, "apply", "--check", str(ended.folder / "patch.diff"))
    assert "b/back/back_shop/prices.py" in (ended.folder / "patch.diff").read_text()
    if len(projects) > 1:
        assert patchwright.run("verify", ended.folder / "certificate.json", repeats=2).code == 0


TEST_MARKS = """\
import unittest

import pytest

from shop.prices import cheapest


@pytest.mark.xfail(strict=True)
def test_marked():
    assert cheapest([1]) == 1


class TestMarked(unittest.TestCase):
    @unittest.expectedFailure
    def test_it(self):
        self.assertIsNone(cheapest([]))
"""


def test_an_expected_failure_that_passes_is_no_bug_of_the_code(patchwright: Patchwright, tmp_path: Path) -> None:
    """Nothing is searched for, for a patch could only break the code; beside a real bug it is noted, and no more."""
    files = {**SHOP, "shop/prices.py": PRICES, "tests/test_marks.py": TEST_MARKS}
    repo = repository(tmp_path / "shop", files)
    ended = patchwright.diagnose(repo, repeats=2)
    assert (ended.outcome, ended.report["cost"]["candidates"]) == ("diagnosed", 0), ended.text
    for name in ("test_marked", "TestMarked::test_it"):
        assert f"tests/test_marks.py::{name}" in ended.report["reason"]
    assert "take the mark away" in ended.report["reason"]
    (repo / "shop" / "prices.py").write_text(WRONG_CHEAPEST)
    ended = patchwright.diagnose(repo, repeats=2)
    assert ended.outcome == "verified_patch", ended.text
    assert [history["id"] for history in ended.report["failing_tests"]] == [FAILING]
    assert "test_marked passes, and is marked as failing" in str(ended.report["evidence"])


def test_what_tests_miss_of_the_shell_is_said(patchwright: Patchwright, tmp_path: Path) -> None:
    """They do not see its variables; the report says how they do."""
    text = "import os\n\n\ndef test_env():\n    assert os.environ['SHOP_DB_URL']\n"
    repo = repository(tmp_path / "shop", {**SHOP, "shop/prices.py": PRICES, "tests/test_env.py": text})
    ended = patchwright.diagnose(repo, repeats=2)
    assert ended.outcome == "inconclusive", ended.text
    assert any("--test-command 'SHOP_DB_URL=" in step for step in ended.report["next_steps"]), ended.text


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
BROKEN_FILES: dict[str, tuple[Files, tuple[int, ...]]] = {
    "yaml syntax": ({".patchwright.yml": "test: [unclosed\n  - : :\n"}, (65,)),
    "yaml bomb": ({".patchwright.yml": BOMB}, (65,)),
    "yaml object": ({".patchwright.yml": "test: !!python/object/apply:os.system ['touch canary']\n"}, (65,)),
    "yaml unknown key": ({".patchwright.yml": "tset: pytest\n"}, (65,)),
    "yaml escapes the tree": ({".patchwright.yml": "directory: ../../..\n"}, (65,)),
    "yaml depth": ({".patchwright.yml": "[" * 50_000}, (65,)),
    "toml syntax": ({"pyproject.toml": "[project\nname = = 3\n"}, (0, 2, 3, 4, 7, 65)),
    "toml types": ({"pyproject.toml": "project = 3\n[tool]\npytest = []\n"}, (0, 2, 3, 4, 7, 65)),
    "toml bytes": ({"pyproject.toml": b"[project]\nname = '\xff\xfe'\n"}, (0, 2, 3, 4, 7, 65)),
    "cfg syntax": ({"setup.cfg": "[options\nname\n\x00"}, (0, 2, 3, 4, 7, 65)),
    "package.json": ({"package.json": "{" * 10_000}, (0, 2, 3, 4, 7, 65)),
    "pytest.ini": ({"pytest.ini": "[pytest]\naddopts = --no-such-option\n"}, (3,)),
    "unknown requirement": ({"requirements.txt": "this-package-does-not-exist-anywhere-x9z==1\n"}, (0, 7)),
}


@pytest.mark.parametrize("what", BROKEN_FILES)
def test_broken_configuration_gets_a_message(patchwright: Patchwright, tmp_path: Path, what: str) -> None:
    """Our own file, and those of other tools: refused with the file's name, or an outcome."""
    files, codes = BROKEN_FILES[what]
    ended = patchwright.diagnose(repository(tmp_path / "shop", {**SHOP, **files}), timeout=200, **SHORT)
    assert ended.code in codes, ended.text
    if ended.code == 65:
        assert next(iter(files)) in ended.err
    assert not list(tmp_path.rglob("canary"))


def test_a_build_that_fails_is_a_broken_environment(patchwright: Patchwright, tmp_path: Path) -> None:
    """Exit 7, with the step and what it printed."""
    setup = "raise RuntimeError('the compiler is on holiday')\n"
    ended = patchwright.diagnose(repository(tmp_path / "shop", {**SHOP, "setup.py": setup}))
    assert (ended.outcome, ended.code) == ("environment_broken", 7), ended.text
    assert "the compiler is on holiday" in str(ended.report["evidence"])


def test_a_build_that_never_ends_is_ended(patchwright: Patchwright, tmp_path: Path) -> None:
    """Within the limit of the run, not within some limit of builds."""
    setup = "while True:\n    pass\n"
    repo = repository(tmp_path / "shop", {**SHOP, "setup.py": setup})
    ended = patchwright.diagnose(repo, limit_seconds=15)
    assert (ended.outcome, ended.code) == ("environment_broken", 7), ended.text


def test_two_diagnoses_of_one_checkout_at_once(patchwright: Patchwright, tmp_path: Path) -> None:
    """Both end with the patch; neither takes the other's files."""
    repo = repository(tmp_path / "shop")
    before = leftovers.fingerprint(repo)
    began = time.monotonic()
    started = [patchwright.start("diagnose", repo, "--out", tmp_path / f"out-{n}", repeats=2) for n in range(2)]
    ended: list[Ended | None] = [None, None]

    def wait(number: int) -> None:
        out, err = started[number].communicate(timeout=150)
        code = started[number].returncode
        ended[number] = Ended(code, out, err, time.monotonic() - began, tmp_path / f"out-{number}")

    waiting = [threading.Thread(target=wait, args=(number,)) for number in range(2)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()
    assert [one and one.outcome for one in ended] == ["verified_patch", "verified_patch"]
    assert len(patchwright.runs()) == 2
    assert leftovers.fingerprint(repo) == before
    patchwright.assert_nothing_left(started[0].pid)


@pytest.mark.parametrize("size", ["400k", "2m"])
def test_no_disk_left_for_the_run(patchwright: Patchwright, tmp_path: Path, size: str) -> None:
    """A message that says so, no traceback, exit 74 (or the answer, when it was enough)."""
    repo = repository(tmp_path / "shop", {**SHOP, "data.bin": os.urandom(300_000)})
    script = f'mount -t tmpfs -o size={size} none {patchwright.home} && exec "$@"'
    ended = patchwright.diagnose(repo, repeats=2, wrap=("unshare", "-m", "sh", "-c", script, "sh"))
    assert ended.code == 74 or (ended.code == 0 and size == "2m"), ended.text
    assert ended.code == 0 or re.search("space|disk", ended.err), ended.err


def test_no_disk_left_for_temporary_files(patchwright: Patchwright, tmp_path: Path) -> None:
    """A full TMPDIR is said, too."""
    repo = repository(tmp_path / "shop")
    fill = f"dd if=/dev/zero of={patchwright.tmp}/full 2>/dev/null; true"
    script = f'mount -t tmpfs -o size=32k none {patchwright.tmp} && {{ {fill}; }} && exec "$@"'
    ended = patchwright.diagnose(repo, repeats=2, wrap=("unshare", "-m", "sh", "-c", script, "sh"))
    assert ended.code in (0, 69, 74), ended.text


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("exit 3", "the sandbox did not start: it ended with 3, and does not say why"),
        ("kill -KILL $$", "the sandbox did not start: it was killed by signal 9, for want of memory perhaps"),
        ("echo the kernel forbids it >&2; exit 1", "the kernel forbids it"),
    ],
)
def test_a_sandbox_that_does_not_start(patchwright: Patchwright, tmp_path: Path, ends: str, said: str) -> None:
    """Exit 69 with how it ended, where bubblewrap itself says nothing, and never an empty reason."""
    fake = tmp_path / "bwrap"
    fake.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec echo bubblewrap 0.11.0\n{ends}\n')
    fake.chmod(0o755)
    script = f'mount --bind {fake} {binary()[0]} && exec "$@"'
    ended = patchwright.diagnose(repository(tmp_path / "shop"), wrap=("unshare", "-m", "sh", "-c", script, "sh"))
    assert (ended.code, said in ended.err) == (69, True), ended.text


def test_a_home_that_cannot_be_written(patchwright: Patchwright, tmp_path: Path) -> None:
    """PATCHWRIGHT_HOME is a file, or below one."""
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_prices.py": TEST_PRICES})
    (tmp_path / "file").write_text("")
    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        ended = patchwright.run("diagnose", repo, home=home)
        assert ended.code in (65, 74), ended.text
        assert str(tmp_path / "file") in ended.err
