"""The tools as a model uses them: over a fake sandbox, with hostile paths, patterns, files and arguments."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.protocol import Quota, Workspace
from sandbox.recipe import TestCommand
from tests.acceptance.repositories import commit, git, repository
from tests.fakes.sandbox import FakeSandboxes
from tools.history import History
from tools.toolbox.desk import Desk
from tools.toolbox.using import ALL, Used, digest, use
from tools.values import Signal, Suspect

SOURCE = 'def size(items):\n    """How many."""\n    return len(items) - 1\n\n\ndef twice(n):\n    return n + n\n'
SUSPECT = Suspect(
    file="box.py", line=3, end_line=3, function="size", function_line=1, score=0.9,
    signals=(Signal(name="traceback", weight=1, detail="innermost frame"),),
)  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    root = tmp_path / "base"
    (root / "pkg").mkdir(parents=True)
    (root / "box.py").write_text(SOURCE)
    (root / "dos.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    (root / "latin.py").write_bytes(b"# coding: latin-1\nname = '\xe9'\n")
    (root / "blob.py").write_bytes(b"\xff\xfe\x00")
    (root / "test_box.py").write_text("def test_size(): ...\n")
    (root / "out").symlink_to("/etc")
    return root


def desk(base: Path, **handlers: Any) -> Desk:
    sandboxes = FakeSandboxes(handlers)
    return Desk(
        base=base, open_sandbox=lambda: sandboxes.open(Workspace((base,))), test=TestCommand("pytest", ("pytest",)),
        quota=Quota(), test_s=5, outputs=base.parent / "outputs", suspects=(SUSPECT,), failing=("test_box.py::t",),
        protected=frozenset({"test_box.py"}), logs={"given": "line one\nFAILED test_a.py::test_x - KeyError: 'a'\n"},
    )  # fmt: skip


async def told(at: Desk, tool: str, /, **arguments: Any) -> Used:
    async with at:
        return await use(at, 1, tool, arguments)


def test_all_schemas_together_are_small() -> None:
    """Names, descriptions and schemas cost under 1,500 tokens, by three characters to a token."""
    rows = [{"name": t.name, "description": t.description, "parameters": t.schema} for t in ALL]
    assert len(json.dumps(rows)) / 3 < 1500
    assert [tool.name for tool in ALL] == [
        "search", "read", "edit", "run_tests", "run", "history", "logs", "suspects",
    ]  # fmt: skip
    assert all(tool.schema["type"] == "object" and tool.description for tool in ALL)


async def test_read_shows_numbered_lines_and_what_the_file_defines(base: Path) -> None:
    """A window; the rest can be asked for."""
    used = await told(desk(base), "read", path="/workspace/box.py", start=3, lines=2)
    assert used.text.splitlines() == [
        "/workspace/box.py, 3-4 of 7 lines", "defines size:1, twice:6", "3|    return len(items) - 1", "4|",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("../secret", "no path of the repository"),
        ("/etc/passwd", "no path of the repository"),
        ("out/passwd", "a link that leads out"),
        (".git/config", "no path of the repository"),
        ("a\0b", "no path of the repository"),
        ("nothing.py", "there is no file"),
        ("pkg", "is a directory"),
        ("blob.py", "is no text"),
        ("output:7", "there is no output:7"),
        ("x" * 5000, "at most 500 characters"),
        ("x" * 300, "cannot be read"),
    ],
)
async def test_read_refuses_what_is_no_text_of_the_tree(base: Path, path: str, said: str) -> None:
    """As an error for the model; nothing outside is read."""
    used = await told(desk(base), "read", path=path)
    assert not used.ok
    assert said in used.text


async def test_edit_replaces_one_passage_and_shows_the_result(base: Path) -> None:
    """The base stays as it is; the draft and its diff have the change."""
    at = desk(base)
    used = await told(at, "edit", path="box.py", old="len(items) - 1", new="len(items)")
    assert used.changed
    assert used.text == 'box.py\n2|    """How many."""\n3|    return len(items)\n4|'
    assert (base / "box.py").read_text() == SOURCE
    text = at.read("box.py")
    assert text is not None
    assert "- 1" not in text.text
    assert [change.path for change in at.changes()] == ["box.py"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"path": "box.py", "old": "return", "new": "x"}, "occurs 2 times in box.py (lines 3, 7)"),
        ({"path": "box.py", "old": "return len(item) - 1", "new": "x"}, "is exactly:\n    return len(items) - 1"),
        ({"path": "box.py", "old": "nowhere at all", "new": "x"}, "copy the passage exactly"),
        ({"path": "box.py", "old": "len(items) - 1", "new": "len(items"}, "would not parse (line 3"),
        ({"path": "box.py", "old": "n + n", "new": "n + n"}, "nothing is changed"),
        ({"path": "box.py", "old": "", "new": "x = 1"}, "exists"),
        ({"path": "gone.py", "old": "a", "new": "b"}, "there is no file"),
        ({"path": "test_box.py", "old": "...", "new": "pass"}, "a failing test"),
        ({"path": "./test_box.py", "old": "...", "new": "pass"}, "a failing test"),
        ({"path": "../up.py", "old": "", "new": "pass"}, "no path of the repository"),
        ({"path": "latin.py", "old": "'\u00e9'", "new": "'\u4e2d'"}, "written in"),
        ({"path": "box.py", "old": "n + n", "new": "y" * 300_000}, "characters"),
    ],
)
async def test_edit_refuses_ambiguity_and_broken_results(base: Path, arguments: dict[str, str], said: str) -> None:
    """Each with what to do; nothing is changed."""
    at = desk(base)
    used = await told(at, "edit", **arguments)
    assert (used.ok, used.changed, at.changes()) == (False, False, ())
    assert said in used.text


async def test_edit_keeps_line_ends_and_encodings(base: Path) -> None:
    """A model writes line feeds and UTF-8; the file stays what it was."""
    at = desk(base)
    await told(at, "edit", path="dos.py", old="a = 1\nb = 2", new="a = 1\nb = 3")
    await told(at, "edit", path="latin.py", old="name", new="named")
    assert {change.path: change.new for change in at.changes()} == {
        "dos.py": "a = 1\r\nb = 3\r\n",
        "latin.py": "# coding: latin-1\nnamed = '\udce9'\n",
    }


async def test_edit_creates_a_file_and_warns_of_the_guard(base: Path) -> None:
    """What the guard will refuse is told at once."""
    at = desk(base)
    used = await told(at, "edit", path="pkg/conftest.py", old="", new="x = 1\n")
    assert used.changed
    assert "WARNING: the guard will refuse this patch: test-config" in used.text


async def test_long_result_is_kept_and_can_be_read_in_pages(base: Path) -> None:
    """Head and tail are shown with a reference to the rest."""
    at = desk(base, sh=lambda call: (0, "".join(f"row {n}\n" for n in range(5000)), ""))
    async with at:
        used = await use(at, 4, "run", {"command": "make"})
        page = await use(at, 5, "read", {"path": "output:4", "start": 2501, "lines": 2})
    assert len(used.text) < 6200
    assert 'read them with path "output:4"' in used.text
    assert "row 2499" in page.text
    assert used.full > 30_000


async def test_run_tells_code_and_both_streams(base: Path) -> None:
    """In the sandbox, with the draft written into it before and after it was opened."""
    seen: list[bytes] = []

    def sh(call: Any) -> tuple[int, str, str]:
        seen.append(call.files["/workspace/box.py"])
        return 3, "out", "err"

    at = desk(base, sh=sh)
    async with at:
        await use(at, 1, "edit", {"path": "box.py", "old": "n + n", "new": "n * 2"})
        used = await use(at, 2, "run", {"command": "false"})
        await use(at, 3, "edit", {"path": "box.py", "old": "n * 2", "new": "2 * n"})
        await use(at, 4, "run", {"command": "true"})
    assert used.text == "exit code 3\nout\nstderr:\nerr"
    assert [b"n * 2" in seen[0], b"2 * n" in seen[1]] == [True, True]


async def test_search_asks_grep_in_the_sandbox(base: Path) -> None:
    """The pattern is one argument after -e; a path cannot be an option; a broken expression is searched literally."""
    seen: list[tuple[str, ...]] = []

    def grep(call: Any) -> tuple[int, str, str]:
        seen.append(call.argv)
        return (2, "", "grep: Unmatched (") if "-E" in call.argv else (0, "./box.py:1:def size(", "")

    used = await told(desk(base, grep=grep), "search", pattern="size(", path="-r")
    assert used.text == "box.py:1:def size("
    assert seen[0][-4:] == ("-e", "size(", "--", "-r")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("delete_repo", {"x": 1}, "there is no tool 'delete_repo'; there are search, read"),
        ("read", {"path": 5}, "read(path, start?, lines?): path"),
        ("read", {"path": "a", "start": "one"}, "start"),
        ("read", {"path": "a", "zz": True}, "zz: Extra inputs"),
        ("read", {}, "path: Field required"),
        ("history", {"what": "push"}, "what"),
        ("history", {"what": "log"}, "no history"),
        ("history", {"what": "bisect", "rev": "v1"}, "no history"),
        ("search", {"pattern": " "}, "1 to 400"),
        ("run", {"command": ""}, "1 to 8000"),
        ("logs", {"name": "/etc/passwd"}, "there is no log"),
    ],
)
async def test_wrong_call_is_an_error_that_helps(base: Path, name: str, arguments: dict[str, Any], said: str) -> None:
    """Unknown tools, missing, surplus and wrong arguments."""
    used = await told(desk(base), name, **arguments)
    assert not used.ok
    assert used.text.startswith("ERROR: ")
    assert said in used.text


async def test_logs_and_suspects_are_told(base: Path) -> None:
    """From what the run found before."""
    assert (await told(desk(base), "logs")).text == "given: 2 lines"
    assert "test_a.py::test_x" in (await told(desk(base), "logs", name="given")).text
    assert (await told(desk(base), "logs", name="given", find="key")).text.endswith("KeyError: 'a'")
    assert (await told(desk(base), "suspects")).text == "box.py:3 size (0.90): innermost frame"


async def test_history_ends_at_the_revision_under_diagnosis(base: Path, tmp_path: Path) -> None:
    """The fix may lie on a later commit or another branch of the same clone: it cannot be seen, by no name."""
    repo = repository(tmp_path / "repo", {"box.py": SOURCE})
    first = git(repo, "rev-parse", "HEAD")
    fix = commit(repo, {"box.py": SOURCE.replace(" - 1", "")}, "the fix")
    git(repo, "branch", "future")
    at = replace(desk(base), history=History(repo / ".git"), commit=first)
    async with at:
        log = await use(at, 1, "history", {"what": "log", "path": "box.py"})
        shown = await use(at, 2, "history", {"what": "show", "rev": "HEAD"})
        blame = await use(at, 3, "history", {"what": "blame", "path": "box.py", "line": 2})
        refused = [
            await use(at, 4, "history", {"what": what, "rev": rev})
            for what in ("show", "diff", "log")
            for rev in (fix, fix[:10], "future", "main", "--all", "HEAD..future", "future~0", "@{-1}")
        ]
    assert [first[:12] in log.text, "Start the shop" in shown.text, first[:10] in blame.text] == [True, True, True]
    assert "the fix" not in log.text + shown.text
    assert [used.text for used in refused if used.ok or "+    return len(items)\n" in used.text] == []


async def test_bisection_is_asked_for_with_an_older_revision(base: Path, tmp_path: Path) -> None:
    """Only one that led to the revision under diagnosis; what it ran counts as time of the sandbox."""
    repo = repository(tmp_path / "repo", {"box.py": SOURCE})
    first = git(repo, "rev-parse", "HEAD")
    here = commit(repo, {"box.py": f"{SOURCE}\n"}, "more")
    later = commit(repo, {"box.py": SOURCE.replace(" - 1", "")}, "the fix")
    asked: list[str] = []

    async def bisect(good: str) -> str:
        asked.append(good)
        await asyncio.sleep(0.01)
        return "it was commit 7"

    at = replace(desk(base), history=History(repo / ".git"), commit=here, bisect=bisect)
    async with at:
        told = [await use(at, 1, "history", {"what": "bisect", "rev": rev}) for rev in (first, later, "")]
    assert [used.ok for used in told] == [True, False, False]
    assert ("commit 7" in told[0].text, told[0].sandbox_s > 0, asked) == (True, True, [first])
    assert "older revision" in told[2].text


def test_digest_shows_both_ends() -> None:
    """The gap says from which line to read."""
    text = "\n".join(str(n) for n in range(1000))
    shown = digest(text, 300, 2)
    assert shown.startswith("0\n1\n")
    assert shown.endswith("\n999")
    assert 'path "output:2" from line' in shown
