"""History on real repositories: revisions, commits, diffs, blame, ancestry and recent change; hostile text included."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.repository import START, Story, configure, tag
from tools.changes import changed_lines
from tools.git import git, plain
from tools.history import CUT, BlameLine, History
from tools.patches import PatchInvalid, parse
from tools.tool import ToolError

BASE = "".join(f"line {i}\n" for i in range(1, 21))


def _told(story: Story, tmp_path: Path) -> tuple[History, dict[int, str]]:
    place = tmp_path / "repository.git"
    names = story.write(place)
    return History(place), names


def _linear(tmp_path: Path) -> tuple[History, dict[int, str]]:
    story = Story()
    story.commit({"a.py": BASE, "b.py": "x = 1\n"}, message="import the package")
    story.commit({"a.py": BASE.replace("line 5\n", "line five\n")}, message="spell five\n\nIt reads better.\n")
    story.commit({"b.py": "x = 2\ny = 3\n"}, message="another x", author="Bob")
    return _told(story, tmp_path)


async def test_revisions_resolve_to_full_hashes(tmp_path: Path) -> None:
    """Names, tags, short hashes and relative revisions all become the commit's hash."""
    history, names = _linear(tmp_path)
    tag(history.repository, "v1.0", names[1])
    assert await history.resolve("main") == names[3]
    assert await history.resolve("v1.0") == names[1]
    assert await history.resolve(names[2][:10]) == names[2]
    assert await history.resolve("main~2") == names[1]


async def test_an_unknown_revision_names_near_ones(tmp_path: Path) -> None:
    """The error of a misspelt tag suggests the tag."""
    history, names = _linear(tmp_path)
    tag(history.repository, "release-1.2.0", names[1])
    with pytest.raises(ToolError, match=r"release-1\.2\.0"):
        await history.resolve("relaese-1.2.0")
    with pytest.raises(ToolError, match="main"):
        await history.resolve("origin/main")
    with pytest.raises(ToolError, match="unknown revision"):
        await history.resolve("0" * 39)


@pytest.mark.parametrize(
    "rev", ["", "--help", "-x", "a\nb", "x\x00y", "main:a.py", "m" * 400, "main..main~1", "\x1b[2J"]
)
async def test_impossible_revisions_are_refused(tmp_path: Path, rev: str) -> None:
    """Options, control characters, paths and ranges are no revisions."""
    history, _ = _linear(tmp_path)
    with pytest.raises(ToolError):
        await history.resolve(rev)


async def test_a_missing_commit_is_a_tool_error_everywhere(tmp_path: Path) -> None:
    """A well-formed hash that is not there is an error with a message, not a crash."""
    history, _ = _linear(tmp_path)
    ghost = "1" * 40
    for question in (
        history.log(ghost),
        history.diff(ghost, "main"),
        history.show(ghost),
        history.blame(ghost, "a.py"),
    ):
        with pytest.raises(ToolError):
            await question
    with pytest.raises(ToolError):
        await history.is_ancestor(ghost, "main")


async def test_log_lists_the_newest_first(tmp_path: Path) -> None:
    """Commits come with author, date, parents and subject; a limit and paths narrow them."""
    history, names = _linear(tmp_path)
    newest, middle, root = await history.log("main", 10)
    assert (newest.commit, newest.author, newest.subject, newest.parents) == (names[3], "Bob", "another x", (names[2],))
    assert newest.time == START + 180
    assert newest.date.startswith("2023-11-14T22:16:20")
    assert (middle.commit, root.parents) == (names[2], ())
    assert [c.commit for c in await history.log("main", 1)] == [names[3]]
    assert [c.commit for c in await history.log("main", 10, ["a.py"])] == [names[2], names[1]]
    assert await history.log("main", 10, ["missing.py"]) == ()


async def test_diff_is_a_patch_with_prefixes(tmp_path: Path) -> None:
    """Two revisions differ as a unified diff that parses; paths narrow it."""
    history, names = _linear(tmp_path)
    diff = await history.diff(names[1], "main")
    assert [file.path for file in parse(diff)] == ["a.py", "b.py"]
    assert "--- a/a.py" in diff
    assert "+line five" in diff
    assert "a.py" not in await history.diff(names[1], "main", ["b.py"])
    assert await history.diff("main", "main") == ""


async def test_a_rename_is_a_removal_and_an_addition(tmp_path: Path) -> None:
    """No rename detection in diffs, so that they apply anywhere."""
    story = Story()
    story.commit({"old.py": BASE})
    story.commit({"old.py": None, "new.py": BASE})
    history, _ = _told(story, tmp_path)
    diff = await history.diff("main~1", "main")
    assert "rename from" not in diff
    assert "deleted file mode" in diff
    assert "new file mode" in diff


async def test_show_gives_a_commit_in_full(tmp_path: Path) -> None:
    """Author, subject, body and the diff against the first parent; a root commit against nothing."""
    history, names = _linear(tmp_path)
    detail = await history.show(names[2])
    assert (detail.summary.subject, detail.body) == ("spell five", "It reads better.")
    assert "-line 5\n+line five" in detail.diff
    root = await history.show(names[1])
    assert "+line 20" in root.diff
    assert root.summary.parents == ()


async def test_show_of_a_merge_is_against_its_first_parent(tmp_path: Path) -> None:
    """What a merge brings in is what the other line changed."""
    story = Story()
    root = story.commit({"a.py": "1\n"})
    side = story.commit({"side.py": "s\n"}, parents=[root])
    main = story.commit({"a.py": "2\n"}, parents=[root])
    story.commit({"side.py": "s\n"}, parents=[main, side], message="merge side")
    history, names = _told(story, tmp_path)
    detail = await history.show("main")
    assert detail.summary.parents == (names[main], names[side])
    assert [file.path for file in parse(detail.diff)] == ["side.py"]


@pytest.mark.parametrize("files", [1, 8_000])
async def test_long_diffs_are_cut_and_say_so(tmp_path: Path, files: int) -> None:
    """A diff beyond the bound ends at a line, with a note, and is refused as a patch wherever it was cut."""
    story = Story()
    story.commit({"a.txt": "a\n"})
    story.commit({f"{i}.txt": "some words\n" * (400_000 // files) for i in range(files)})
    history, _ = _told(story, tmp_path)
    diff = await history.diff("main~1", "main")
    assert len(diff) < 1_100_000
    assert diff.endswith("left out ...]\n")
    with pytest.raises(PatchInvalid):
        parse(diff)


def test_a_diff_cut_between_hunks_is_refused() -> None:
    """Whole hunks before the cut do not make it a patch."""
    whole = "--- a/a.py\n+++ b/a.py\n@@ -1 +1,2 @@\n 1\n+2\n"
    assert len(parse(whole)) == 1
    with pytest.raises(PatchInvalid):
        parse(whole + CUT)


async def test_blame_names_the_commit_of_each_line(tmp_path: Path) -> None:
    """Every line has its commit and time; a missing file is an error."""
    history, names = _linear(tmp_path)
    blamed = await history.blame("main", "a.py")
    assert len(blamed) == 20
    assert blamed[5] == BlameLine(commit=names[2], time=START + 120)
    assert {blamed[i].commit for i in (1, 4, 6, 20)} == {names[1]}
    with pytest.raises(ToolError, match="no such file"):
        await history.blame("main", "missing.py")


async def test_between_holds_merged_lines_too(tmp_path: Path) -> None:
    """All commits that `bad` has and `good` has not, children first, those of merged lines included."""
    story = Story()
    root = story.commit({"a.py": "1\n"})
    side = story.commit({"s.py": "1\n"}, parents=[root])
    good = story.commit({"a.py": "2\n"}, parents=[root])
    last = story.commit({"s.py": "1\n"}, parents=[good, side])
    history, names = _told(story, tmp_path)
    assert set(await history.between(names[good], "main")) == {names[side], names[last]}
    assert (await history.between(names[good], "main"))[0] == names[last]
    assert await history.is_ancestor(names[good], "main")
    assert not await history.is_ancestor(names[good], names[side])
    assert await history.merge_base(names[good], names[side]) == names[root]


async def test_hostile_text_is_bounded_and_plain(tmp_path: Path) -> None:
    """Escapes, direction marks and endless messages never reach the reader; odd encodings do not crash."""
    story = Story()
    message = "\x1b[31mred\x07 \u202etxt.exe\n\n" + "body \x1b]0;title\x07\n" * 10_000
    story.commit({"a.py": "1\n"}, message=message, author="Eve\x1b[2J" + "e" * 500)
    story.commit({"a.py": "2\n"}, message=b"caf\xe9 \xff\xfe")
    history, names = _told(story, tmp_path)
    detail = await history.show(names[1])
    assert detail.summary.subject == "[31mred txt.exe"
    assert "\x1b" not in detail.body + detail.summary.author
    assert len(detail.body) <= 8000
    assert len(detail.summary.author) <= 100
    assert "caf" in (await history.log("main", 1))[0].subject


async def test_hostile_file_names_stay_names(tmp_path: Path) -> None:
    """Names with blanks, quotes, newlines, wildcards and dashes are taken literally."""
    names = ["a b.py", 'q"uote.py', "new\nline.py", "*.py", "--output=x", ":(glob)x.py", "ünï.py", "tab\there.py"]
    story = Story()
    story.commit(dict.fromkeys(names, "1\n2\n3\n") | {"other.py": "1\n"})
    story.commit(dict.fromkeys(names, "1\nTWO\n3\n") | {"other.py": "2\n"})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", "main~1", names) == {name: {2: 1.0} for name in names}
    assert await changed_lines(history, "main", None, ["*.py"]) == {"*.py": {2: 1.0}}
    for name in names:
        assert len(await history.blame("main", name)) == 3


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a\0b", "x" * 5000])
async def test_impossible_paths_are_refused(tmp_path: Path, path: str) -> None:
    """What cannot be a path of a tree is an error; as a signal it is ignored."""
    history, _ = _linear(tmp_path)
    with pytest.raises(ToolError, match="not a path"):
        await history.log("main", 5, [path])
    assert await changed_lines(history, "main", "main~2", [path]) == {}


async def test_configured_programs_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Diff drivers, text converters and a stray environment of the host have no effect."""
    story = Story()
    story.commit({"a.py": "1\n", ".gitattributes": "*.py diff=evil\n"})
    story.commit({"a.py": "2\n"})
    history, _ = _told(story, tmp_path)
    mark = tmp_path / "ran"
    for key in ("diff.external", "diff.evil.command", "diff.evil.textconv", "core.pager", "core.fsmonitor"):
        configure(history.repository, key, f"touch {mark} #")
    (history.repository / "info" / "attributes").write_text("*.py diff=evil\n")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {mark} #")
    assert "+2" in await history.diff("main~1", "main")
    assert "+2" in (await history.show("main")).diff
    assert len(await history.blame("main", "a.py")) == 1
    assert not mark.exists()


async def test_an_answer_beyond_the_limit_ends_git(tmp_path: Path) -> None:
    """More output than allowed ends the command and says that it was cut; too slow is an error."""
    history, _ = _linear(tmp_path)
    answer = await git(history.repository, "show", "main~2:a.py", max_bytes=10)
    assert (answer.cut, len(answer.out)) == (True, 10)
    with pytest.raises(ToolError, match="longer than"):
        await git(history.repository, "cat-file", "--batch-all-objects", "--batch", timeout_s=0.0)
    with pytest.raises(ToolError):
        await History(tmp_path / "nowhere").resolve("main")


def test_plain_text_is_bounded() -> None:
    """Control characters go, wanted ones stay, the length is bounded."""
    assert plain("a\x00b\u200bc\n", 10) == "abc"
    assert plain("a\nb", 10, keep="\n") == "a\nb"
    assert plain("x" * 100, 10) == "x" * 9 + "…"


async def test_lines_changed_since_a_good_revision_weigh_one(tmp_path: Path) -> None:
    """Added and modified lines count fully, the neighbours of a deletion less, files not asked for not at all."""
    story = Story()
    story.commit({"a.py": BASE, "b.py": "x = 1\n"})
    text = BASE.replace("line 3\n", "line three\n").replace("line 10\n", "").replace("line 20\n", "line 20\nmore\n")
    story.commit({"a.py": text, "b.py": "x = 2\n"})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", "main~1", ["a.py"]) == {"a.py": {3: 1.0, 9: 0.6, 10: 0.6, 20: 1.0}}


async def test_content_that_looks_like_a_diff_misleads_nobody(tmp_path: Path) -> None:
    """Lines such as `++ b/other.py` and `@@ -1 +1 @@` inside a file are content."""
    story = Story()
    story.commit({"a.py": "1\n", "other.py": "1\n"})
    story.commit({"a.py": "1\n++ b/other.py\n@@ -1 +1,9 @@\n-- a/other.py\n", "other.py": "1\n"})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", "main~1", ["a.py", "other.py"]) == {"a.py": {2: 1.0, 3: 1.0, 4: 1.0}}


async def test_a_renamed_file_shows_only_what_changed_in_it(tmp_path: Path) -> None:
    """Since a good revision a rename is followed, although only the new name is asked for."""
    story = Story()
    story.commit({"old.py": BASE})
    story.commit({"old.py": None, "new.py": BASE.replace("line 7\n", "line seven\n")})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", "main~1", ["new.py"]) == {"new.py": {7: 1.0}}


async def test_without_a_good_revision_newer_commits_weigh_more(tmp_path: Path) -> None:
    """The newest commit that touches the files has weight 1, the one before 1/2; the root gives nothing."""
    story = Story()
    story.commit({"a.py": BASE, "b.py": "x = 1\n", "doc.md": "d\n"})
    story.commit({"a.py": BASE.replace("line 5\n", "line five\n")})
    story.commit({"b.py": "x = 1\ny = 2\n"})
    story.commit({"doc.md": "dd\n"})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", None, ["a.py", "b.py"]) == {"b.py": {2: 1.0}, "a.py": {5: 0.5}}


async def test_only_the_newest_commits_count(tmp_path: Path) -> None:
    """Of thirty changes, the last ten give a signal."""
    story, lines = Story(), [f"line {i}" for i in range(40)]
    story.commit({"a.py": "\n".join(lines)})
    for i in range(30):
        lines[i] = f"changed {i}"
        story.commit({"a.py": "\n".join(lines)})
    history, _ = _told(story, tmp_path)
    weights = (await changed_lines(history, "main", None, ["a.py"]))["a.py"]
    assert sorted(weights) == list(range(21, 31))
    assert weights[30] == 1.0
    assert weights[21] == pytest.approx(0.1)


async def test_a_single_commit_gives_no_signal(tmp_path: Path) -> None:
    """Where everything is new, nothing is recent; no files, no answer."""
    story = Story()
    story.commit({"a.py": BASE})
    history, _ = _told(story, tmp_path)
    assert await changed_lines(history, "main", None, ["a.py"]) == {}
    assert await changed_lines(history, "main", None, []) == {}
    assert await changed_lines(history, "main", "main", ["a.py"]) == {}


async def test_changes_end_with_their_time(tmp_path: Path) -> None:
    """When the time is up, what is known by then is the answer."""
    history, _ = _linear(tmp_path)
    assert await changed_lines(history, "main", "main~1", ["b.py"], wall_s=0.0) == {}
