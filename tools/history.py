"""The history of a repository, asked of the run's own bare clone: revisions, commits, diffs, blame, ancestry.

Messages, authors and names are hostile text: what is shown is bounded and free of control characters. Diffs are exact
(they may be applied) but bounded; one that was cut ends in a line that says so and no longer parses as a patch.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.repository import shallow_note
from tools.git import MAX_BYTES, Answer, git, plain
from tools.tool import ToolError
from tools.values import Value

MAX_LOG = 1000
MAX_DIFF_BYTES = 1_000_000
MAX_PATHS = 400
_EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
# The header of a hunk that does not follow: a part of a diff must never be applied as if it were all of it.
CUT = f"@@ -1 +1 @@ cut here\n[... the diff is longer than {MAX_DIFF_BYTES} bytes; the rest is left out ...]\n"
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BLAMED = re.compile(rb"([0-9a-f]{40}|[0-9a-f]{64}) \d+ (\d+) (\d+)")
_FIELDS = "%H%x00%P%x00%an%x00%aI%x00%ct%x00%s"
_DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--submodule=short")


class Commit(Value):
    """One commit. date: the author's, ISO 8601; time: the committer's, seconds since 1970."""

    commit: str
    parents: tuple[str, ...]
    author: str
    date: str
    time: int
    subject: str


class CommitDetail(Value):
    """A commit with the rest of its message and its diff against its first parent (a root: against nothing)."""

    summary: Commit
    body: str
    diff: str


class BlameLine(Value):
    """Which commit a line comes from, and when it was committed (seconds since 1970)."""

    commit: str
    time: int


@dataclass(frozen=True)
class History:
    """Questions to the bare repository at `repository`. Every method raises ToolError for what it cannot answer.

    A `rev` is anything git understands as a commit: a name, a tag, a hash or its beginning, `main~3`.
    """

    repository: Path

    async def resolve(self, rev: str) -> str:
        """The full hash of a revision; for an unknown one the error names the nearest ones."""
        if not rev or len(rev) > 300 or rev.startswith("-") or plain(rev, 300) != rev:
            raise ToolError(f"not a revision: {plain(rev, 80)!r}")
        answer = await git(self.repository, "rev-parse", "--verify", "--end-of-options", f"{rev}^{{commit}}")
        found = answer.text.strip()
        if answer.code == 0 and _HASH.fullmatch(found):
            return found
        if "ambiguous" in answer.err:
            raise ToolError(f"{rev!r} is the beginning of several commits; give more of the hash")
        raise ToolError(await self._unknown(rev))

    async def log(self, rev: str, limit: int = 50, paths: Sequence[str] = ()) -> tuple[Commit, ...]:
        """The newest `limit` commits reachable from `rev`; with paths, those that touch one of them, without merges."""
        start = await self._hash(rev)
        count = f"--max-count={max(1, min(limit, MAX_LOG))}"
        extra = ("--no-merges",) if paths else ()
        return await self._commits(count, *extra, "--end-of-options", start, "--", *_checked(paths))

    async def diff(self, old: str, new: str, paths: Sequence[str] = ()) -> str:
        """The unified diff between two revisions (a/ and b/ prefixes, a rename is a removal and an addition)."""
        return await self._diff(await self._hash(old), await self._hash(new), paths)

    async def show(self, commit: str) -> CommitDetail:
        """One commit in full."""
        name = await self._hash(commit)
        (summary,) = await self._commits("--max-count=1", "--end-of-options", name, "--")
        body = await self._ask(
            "log", "--max-count=1", "--format=%b", "--encoding=UTF-8", "--end-of-options", name, "--"
        )
        parent = summary.parents[0] if summary.parents else _EMPTY_TREES[len(name)]
        return CommitDetail(
            summary=summary, body=plain(body.text, 8000, keep="\n\t"), diff=await self._diff(parent, name)
        )

    async def blame(self, rev: str, file: str, *, since: int | None = None) -> dict[int, BlameLine]:
        """Where each line of a file comes from. since: stop at commits older than this time; lines from before it
        are attributed to the newest such commit.
        """
        (path,) = _checked([file])
        limits = () if since is None else (f"--since=@{max(0, since)} +0000",)
        start = await self._hash(rev)
        answer = await git(
            self.repository,
            "blame",
            "--incremental",
            "--no-textconv",
            *limits,
            "--encoding=UTF-8",
            start,
            "--",
            path,
        )
        if answer.code != 0 and not answer.cut:
            raise ToolError(f"no such file in {start[:12]}: {plain(file, 200)!r}")
        return _blamed(answer.out)

    async def touched(self, commit: Commit, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of `paths` that a commit changed against its first parent; nothing for a root commit."""
        if not commit.parents:
            return ()
        names = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv")
        answer = await self._ask(
            "diff", *names, "--end-of-options", commit.parents[0], commit.commit, "--", *_checked(paths)
        )
        return tuple(name for name in answer.text.split("\0") if name)

    async def hunks(self, old: str, new: str, paths: Sequence[str]) -> bytes:
        """The diff of files without context, renames followed; bytes as git writes them, possibly cut."""
        first, last = await self._hash(old), await self._hash(new)
        wanted = _checked(paths)
        origins = await self._origins(first, last, set(wanted))
        flags = ("--unified=0", "--find-renames", "--ignore-cr-at-eol", *_DIFF)
        answer = await self._ask("diff", *flags, "--end-of-options", first, last, "--", *wanted, *origins)
        return answer.out

    async def between(self, good: str, bad: str) -> tuple[str, ...]:
        """Commits reachable from `bad` and not from `good`, children first: all that can have made it bad."""
        return tuple(await self.ancestry(good, bad))

    async def ancestry(self, good: str, bad: str) -> dict[str, tuple[str, ...]]:
        """The commits of `between`, in its order, each with all of its parents."""
        first, last = await self._hash(good), await self._hash(bad)
        answer = await self._ask(
            "rev-list", "--topo-order", "--parents", "--end-of-options", last, f"^{first}", "--", max_bytes=64_000_000
        )
        if answer.cut:
            raise ToolError(f"too many commits between {first[:12]} and {last[:12]}; give a newer good revision")
        rows = (line.split() for line in answer.text.splitlines())
        return {row[0]: tuple(row[1:]) for row in rows if row}

    async def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is reachable from `new` (a commit is from itself)."""
        names = (await self._hash(old), await self._hash(new))
        answer = await git(self.repository, "merge-base", "--is-ancestor", *names)
        if answer.code not in (0, 1):
            raise ToolError(f"git cannot compare {names[0][:12]} and {names[1][:12]}: {answer.err}")
        return answer.code == 0

    async def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor of two revisions; None for unrelated histories."""
        answer = await git(self.repository, "merge-base", await self._hash(one), await self._hash(other))
        found = answer.text.strip()
        return found if answer.code == 0 and _HASH.fullmatch(found) else None

    async def _hash(self, rev: str) -> str:
        return rev if _HASH.fullmatch(rev) else await self.resolve(rev)

    async def _ask(self, *args: str, max_bytes: int = MAX_BYTES) -> Answer:
        answer = await git(self.repository, *args, max_bytes=max_bytes)
        if answer.code != 0 and not answer.cut:
            raise ToolError(f"git {args[0]} failed: {answer.err or 'no message'}")
        return answer

    async def _commits(self, *args: str) -> tuple[Commit, ...]:
        answer = await self._ask("log", "-z", f"--format=tformat:{_FIELDS}", "--encoding=UTF-8", *args)
        fields = answer.text.split("\0")
        rows = [fields[i : i + 6] for i in range(0, len(fields) - 6, 6)]
        return tuple(_commit(row) for row in rows)

    async def _diff(self, old: str, new: str, paths: Sequence[str] = ()) -> str:
        args = ("diff", "--no-renames", "--unified=3", *_DIFF, "--end-of-options", old, new, "--", *_checked(paths))
        answer = await self._ask(*args, max_bytes=MAX_DIFF_BYTES)
        if not answer.cut:
            return answer.out.decode("utf-8", "surrogateescape")
        whole = answer.out[: answer.out.rfind(b"\n") + 1].decode("utf-8", "surrogateescape")
        return f"{whole}{CUT}"

    async def _origins(self, old: str, new: str, wanted: set[str]) -> tuple[str, ...]:
        """The old paths of wanted files that were renamed: git pairs a rename only when it is shown both."""
        flags = ("--name-status", "-z", "--find-renames", "--diff-filter=R", "--no-ext-diff", "--no-textconv")
        answer = await self._ask("diff", *flags, "--end-of-options", old, new, "--")
        fields = answer.text.split("\0")
        rows = [fields[i : i + 3] for i in range(0, len(fields) - 3, 3)]
        return tuple(row[1] for row in rows if row[2] in wanted)[:MAX_PATHS]

    async def _unknown(self, rev: str) -> str:
        answer = await git(self.repository, "for-each-ref", "--count=5000", "--format=%(refname:short)")
        names = [plain(name, 200) for name in answer.text.splitlines()]
        near = [name for name in names if name and (rev.endswith(f"/{name}") or name.endswith(f"/{rev}"))]
        near = list(dict.fromkeys([*near, *difflib.get_close_matches(rev, names, n=5, cutoff=0.5)]))[:5]
        hint = (
            f"; did you mean {', '.join(near)}?" if near else f"; known: {', '.join(names[:10]) or 'no names at all'}"
        )
        return f"unknown revision {rev!r}{hint}{shallow_note(self.repository)}"


def _checked(paths: Sequence[str]) -> tuple[str, ...]:
    """Paths as git takes them. Raises ToolError for too many, or one that cannot be a path of a tree."""
    if len(paths) > MAX_PATHS:
        raise ToolError(f"{len(paths)} paths; at most {MAX_PATHS} are taken")
    for path in paths:
        if not path or len(path.encode(errors="replace")) > 4000 or "\0" in path or path.startswith("/"):
            raise ToolError(f"not a path of the repository: {plain(path, 200)!r}")
    return tuple(paths)


def _commit(row: Sequence[str]) -> Commit:
    name, parents, author, date, time, subject = row
    return Commit(
        commit=name,
        parents=tuple(parents.split()),
        author=plain(author, 100),
        date=plain(date, 40),
        time=int(time) if time.isdecimal() else 0,
        subject=plain(subject, 200),
    )


def _blamed(out: bytes) -> dict[int, BlameLine]:
    """`blame --incremental`: groups (commit, first line, number of lines); a commit's time follows its first group."""
    groups: list[tuple[str, int, int]] = []
    times: dict[str, int] = {}
    for line in out.split(b"\n"):
        head = _BLAMED.fullmatch(line)
        if head:
            groups.append((head[1].decode(), int(head[2]), int(head[3])))
        elif groups and line.startswith(b"committer-time ") and line[15:].isdigit():
            times[groups[-1][0]] = int(line[15:])
    return {
        first + i: BlameLine(commit=commit, time=times.get(commit, 0))
        for commit, first, count in groups
        for i in range(count)
    }
