"""What the bot says on GitHub. Each call has a token for one repository with the one permission it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from workflows.github.client.access import Access
from workflows.github.client.pace import Pace
from workflows.github.client.reads import many_of
from workflows.github.client.shapes import Annotation, Commit, Made, MadeObject, Ref, TreeEntry, many, pull_of, shaped
from workflows.github.client.wire import Call
from workflows.github.forge import Absent, Refused
from workflows.github.names import branch as branch_name
from workflows.github.names import sha
from workflows.github.values import Check, FixBranch, Note, Place, Reaction, Suggestion

MOST_NOTES = 50
_TALK: Mapping[str, str] = {"issues": "write", "pull_requests": "write", "metadata": "read"}
_CHECKS: Mapping[str, str] = {"checks": "write", "metadata": "read"}
_REVIEW: Mapping[str, str] = {"pull_requests": "write", "metadata": "read"}
_RUN: Mapping[str, str] = {"actions": "write", "metadata": "read"}
_CODE: Mapping[str, str] = {"contents": "write", "metadata": "read"}
_OPEN: Mapping[str, str] = {"contents": "read", "pull_requests": "write", "metadata": "read"}


class GithubSays:
    """Implements Says."""

    def __init__(self, access: Access, pace: Pace) -> None:
        self._speech = access
        self._pace = pace

    @property
    def app(self) -> int:
        """See the protocol."""
        return self._speech.app

    async def add_comment(self, place: Place, number: int, body: str) -> int:
        """See the protocol."""
        made = await self._write(place, "POST", f"/issues/{number}/comments", {"body": body}, _TALK)
        return shaped(Made, made).id

    async def edit_comment(self, place: Place, comment: int, body: str) -> None:
        """See the protocol."""
        await self._write(place, "PATCH", f"/issues/comments/{comment}", {"body": body}, _TALK)

    async def react(self, place: Place, comment: int, reaction: Reaction) -> None:
        """See the protocol."""
        await self._write(place, "POST", f"/issues/comments/{comment}/reactions", {"content": reaction}, _TALK)

    async def add_check(self, place: Place, check: Check) -> int:
        """See the protocol."""
        body = {**_check(check, check.notes[:MOST_NOTES]), "head_sha": check.head_sha}
        number = shaped(Made, await self._write(place, "POST", "/check-runs", body, _CHECKS)).id
        await self._more_notes(place, number, check, check.notes[MOST_NOTES:])
        return number

    async def edit_check(self, place: Place, check: int, new: Check) -> None:
        """See the protocol. GitHub adds notes to those that are there: only the others are sent."""
        there = await self._notes(place, check) if new.notes else set()
        notes = tuple(note for note in new.notes if _same(note) not in there)
        await self._write(place, "PATCH", f"/check-runs/{check}", _check(new, notes[:MOST_NOTES]), _CHECKS)
        await self._more_notes(place, check, new, notes[MOST_NOTES:])

    async def suggest(self, place: Place, number: int, sha: str, body: str, lines: tuple[Suggestion, ...]) -> None:
        """See the protocol."""
        remarks = [_remark(one) for one in lines]
        review = {"commit_id": sha, "body": body, "event": "COMMENT", "comments": remarks}
        await self._write(place, "POST", f"/pulls/{number}/reviews", review, _REVIEW)

    async def rerun(self, place: Place, run: int) -> None:
        """See the protocol."""
        await self._write(place, "POST", f"/actions/runs/{run}/rerun-failed-jobs", None, _RUN)

    async def branch(self, place: Place, fix: FixBranch) -> str:
        """See the protocol. The tree is made first: its id tells whether a branch that is there has this very fix."""
        name, parent = branch_name(fix.branch), sha(fix.parent)
        tree = await self._tree(place, parent, fix.files)
        if (known := await self._known(place, name, parent, tree)) is not None:
            return known
        commit = {"message": fix.message, "tree": tree, "parents": [parent]}
        made = shaped(MadeObject, await self._write(place, "POST", "/git/commits", commit, _CODE)).sha
        try:
            await self._write(place, "POST", "/git/refs", {"ref": f"refs/heads/{name}", "sha": made}, _CODE)
        except Refused:  # somebody was faster: perhaps an earlier try of ours
            if (known := await self._known(place, name, parent, tree)) is None:
                raise
            return known
        return made

    async def head_of(self, place: Place, branch: str) -> str | None:
        """See the protocol."""
        try:
            data = await self._read(place, f"/git/ref/heads/{quote(branch_name(branch))}", _CODE)
        except Absent:
            return None
        return None if isinstance(data, list) else shaped(Ref, data).object.sha

    async def open_pull(self, place: Place, *, title: str, body: str, head: str, base: str) -> int:
        """See the protocol."""
        if (known := await self._opened(place, head, base)) is not None:
            return known
        wanted = {"title": title, "body": body, "head": head, "base": base}
        try:
            return pull_of(await self._write(place, "POST", "/pulls", wanted, _OPEN)).number
        except Refused:
            if (known := await self._opened(place, head, base)) is None:
                raise
            return known

    async def _opened(self, place: Place, head: str, base: str) -> int | None:
        asked: dict[str, str | int] = {"state": "open", "head": f"{place.name.owner}:{head}", "base": base}
        found = map(pull_of, many_of(await self._read(place, "/pulls", _OPEN, asked), ""))
        return next((pull.number for pull in found if pull.head_ref == head), None)

    async def _known(self, place: Place, name: str, parent: str, tree: str) -> str | None:
        """The commit of a branch, when it is this fix; None without such a branch. Raises Refused for another one."""
        head = await self.head_of(place, name)
        if head is None:
            return None
        commit = shaped(Commit, await self._read(place, f"/git/commits/{head}", _CODE))
        if commit.tree.sha == tree and [one.sha for one in commit.parents] == [parent]:
            return head
        raise Refused("the branch is there already, with another commit")

    async def _tree(self, place: Place, parent: str, files: Mapping[str, str | None]) -> str:
        root = shaped(Commit, await self._read(place, f"/git/commits/{parent}", _CODE)).tree.sha
        entries = [await self._entry(place, root, path, text) for path, text in sorted(files.items())]
        wanted = {"base_tree": root, "tree": entries}
        return shaped(MadeObject, await self._write(place, "POST", "/git/trees", wanted, _CODE)).sha

    async def _entry(self, place: Place, root: str, path: str, text: str | None) -> dict[str, Any]:
        mode = await self._mode(place, root, path)
        if mode in ("120000", "160000"):
            raise Refused("a fix may not replace a link or a submodule")
        entry = {"path": path, "mode": mode or "100644", "type": "blob"}
        return {**entry, "sha": None} if text is None else {**entry, "content": text}

    async def _mode(self, place: Place, tree: str, path: str) -> str:
        """The mode of a file in a tree, "" where it has none such."""
        first, _, rest = path.partition("/")
        data = await self._read(place, f"/git/trees/{tree}", _CODE)
        items = many(TreeEntry, data, "tree")
        entry = next((one for one in items if one.path == first), None)
        if entry is None or not rest:
            return entry.mode if entry else ""
        if entry.type != "tree":
            raise Refused("a fix may not put a file below a link or another file")
        return await self._mode(place, entry.sha, rest)

    async def _notes(self, place: Place, check: int) -> set[tuple[str, int, str, str]]:
        found: set[tuple[str, int, str, str]] = set()
        call = Call("GET", f"/repos/{place.name}/check-runs/{check}/annotations", "", params={"per_page": 100})
        while True:
            answer = await self._speech.ask(place, call, _CHECKS)
            found |= {(one.path, one.start_line, one.title, one.message) for one in many(Annotation, answer.json())}
            if not answer.next:
                return found
            call = Call("GET", answer.next, "")

    async def _more_notes(self, place: Place, number: int, check: Check, notes: tuple[Note, ...]) -> None:
        for at in range(0, len(notes), MOST_NOTES):
            body = _check(check, notes[at : at + MOST_NOTES])
            await self._write(place, "PATCH", f"/check-runs/{number}", body, _CHECKS)

    async def _read(
        self, place: Place, path: str, permissions: Mapping[str, str], params: Mapping[str, str | int] | None = None
    ) -> Any:
        call = Call("GET", f"/repos/{place.name}{path}", "", params=params)
        return (await self._speech.ask(place, call, permissions)).json()

    async def _write(
        self, place: Place, method: str, path: str, body: Mapping[str, Any] | None, permissions: Mapping[str, str]
    ) -> Any:
        self._pace.take(place.installation)
        answer = await self._speech.ask(place, Call(method, f"/repos/{place.name}{path}", "", body=body), permissions)
        return answer.json() if answer.body else None


def _check(check: Check, notes: tuple[Note, ...]) -> dict[str, Any]:
    output: dict[str, Any] = {"title": check.title, "summary": check.summary}
    if check.text:
        output["text"] = check.text
    if notes:
        output["annotations"] = [_annotation(note) for note in notes]
    body: dict[str, Any] = {
        "name": check.name, "external_id": check.external, "status": check.status, "output": output,
        "actions": [button.model_dump() for button in check.buttons],
    }  # fmt: skip
    if check.conclusion:
        body["conclusion"] = check.conclusion
    if check.url:
        body["details_url"] = check.url
    return body


def _annotation(note: Note) -> dict[str, Any]:
    return {
        "path": note.path, "start_line": note.start, "end_line": note.end, "annotation_level": note.level,
        "title": note.title, "message": note.message,
    }  # fmt: skip


def _same(note: Note) -> tuple[str, int, str, str]:
    return note.path, note.start, note.title, note.message


def _remark(one: Suggestion) -> dict[str, Any]:
    remark: dict[str, Any] = {"path": one.path, "line": one.end, "side": "RIGHT", "body": one.body}
    return remark if one.start == one.end else {**remark, "start_line": one.start, "start_side": "RIGHT"}
