"""edit: replace one passage of a file. Ambiguity, a passage that is not there, and broken syntax are refused."""

from __future__ import annotations

import ast
import difflib
import warnings

from tools.guard import inspect
from tools.patches import FileChange
from tools.texts import Text
from tools.tool import ToolError, tool
from tools.toolbox.desk import Desk
from tools.toolbox.newtest import MAX_TEST, problem_of
from tools.values import Value

MAX_TEXT = 200_000


class Edit(Value):
    path: str
    old: str
    new: str


@tool(timeout_s=20, max_chars=6_000)
async def edit(desk: Desk, args: Edit) -> str:
    """Replace old, which occurs exactly once, by new. Empty old: new file."""
    path = desk.checked(args.path)
    if path in desk.protected:
        raise ToolError(f"{path} is a failing test: a patch may not change it; mend the code it tests")
    before = desk.read(path)
    if desk.writes:
        _new_test(desk, path, before, args)
    after = _changed(path, None if desk.writes and not args.old else before, args)
    _parsed(path, after.text)
    if not after.holds(after.text):
        raise ToolError(f"{path} is written in {after.encoding}, which lacks some of these characters")
    old = before.on_disk(before.text) if before else None
    change = FileChange(path=path, old=old, new=after.on_disk(after.text))
    if change.old == change.new:
        raise ToolError("old and new are the same: nothing is changed")
    await desk.put(path, after)
    if desk.writes:
        return _shown(change)
    findings = inspect([c for c in desk.changes() if c.path == path], failing_files=sorted(desk.protected))
    warned = "".join(f"\nWARNING: the guard will refuse this patch: {f.rule}: {f.detail}" for f in findings[:5])
    return _shown(change) + warned


def _shown(change: FileChange) -> str:
    """The passage as it is now, with a line around it."""
    before, after = (change.old or "").splitlines(), (change.new or "").splitlines()
    if change.old is None:
        return f"{change.path} is created, {len(after)} lines"
    least = min(len(before), len(after))
    same = next((n for n in range(least) if before[n] != after[n]), least)
    tail = next((n for n in range(least - same) if before[-1 - n] != after[-1 - n]), least - same)
    shown = range(max(0, same - 1), min(len(after), len(after) - tail + 1))
    return "\n".join([change.path, *(f"{number + 1}|{after[number]}" for number in shown)])


def _new_test(desk: Desk, path: str, before: Text | None, args: Edit) -> None:
    """Refuse everything but one new test."""
    other = next((name for name in desk.drafted if name != path), "")
    if other:
        raise ToolError(f"you are writing one new test, {other}: change that file, no other")
    if before is not None and path not in desk.drafted:
        raise ToolError(f"{path} exists: only one new file can be written here, the test")
    problem = problem_of(desk.writes, path)
    if problem:
        raise ToolError(problem)
    for folder in (desk.base / path).parents:
        if folder == desk.base:
            break
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise ToolError(f"{path} does not lie in a directory of the repository")
    if len(args.new) > MAX_TEST:
        raise ToolError(f"a test has at most {MAX_TEST} characters")


def _changed(path: str, before: Text | None, args: Edit) -> Text:
    if len(args.new) > MAX_TEXT:
        raise ToolError(f"the new passage has more than {MAX_TEXT} characters")
    if not args.old:
        if before is not None and before.text.strip():
            raise ToolError(f"{path} exists: give the passage to replace as old")
        return Text(args.new)
    if before is None:
        raise ToolError(f"there is no file {path!r}")
    old, new = args.old, args.new
    if "\r\n" in before.text and "\r" not in old:
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    times = before.text.count(old)
    if times > 1:
        raise ToolError(f"old occurs {times} times in {path} ({_lines(before.text, old)}): add lines around it")
    if not times:
        raise ToolError(f"old does not occur in {path}. {_near(before.text, args.old)}")
    return Text(before.text.replace(old, new, 1), before.encoding)


def _lines(text: str, old: str) -> str:
    found: list[str] = []
    start = text.find(old)
    while start >= 0 and len(found) < 6:
        found.append(str(text.count("\n", 0, start) + 1))
        start = text.find(old, start + 1)
    return f"lines {', '.join(found)}"


def _near(text: str, old: str) -> str:
    """The passage that most likely was meant, as it stands in the file."""
    wanted = next((line.strip() for line in old.splitlines() if line.strip()), "")
    rows = text.splitlines()[:20_000]
    stripped = [row.strip() for row in rows]
    close = difflib.get_close_matches(wanted[:300], [row[:300] for row in stripped[:4000] if row], n=1, cutoff=0.6)
    if not close:
        return "Read the file, and copy the passage exactly."
    at = next(number for number, row in enumerate(stripped) if row[:300] == close[0])
    shown = "\n".join(row[:200] for row in rows[at : at + 1 + old.strip().count("\n")][:12])
    return f"The nearest passage, at line {at + 1}, is exactly:\n{shown}"


def _parsed(path: str, text: str) -> None:
    if not path.endswith((".py", ".pyi")):
        return
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        line = (error.text or "").strip()[:120]
        raise ToolError(f"refused: {path} would not parse (line {error.lineno}: {error.msg}): {line}") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ToolError(f"refused: {path} would not parse") from error
