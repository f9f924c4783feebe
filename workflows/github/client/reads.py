"""What the bot asks of GitHub, with tokens that can only read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel

from workflows.github.client.access import READ, Access
from workflows.github.client.download import downloaded
from workflows.github.client.shapes import (
    CheckRun,
    comment_of,
    file_of,
    job_of,
    many,
    place_of,
    pull_of,
    run_of,
)
from workflows.github.client.wire import Call
from workflows.github.forge import Absent, Expired, Refused, Unreadable
from workflows.github.names import RepositoryName
from workflows.github.values import ChangedFile, CiRun, Comment, Job, Permission, Place, PullRequest

M = TypeVar("M", bound=BaseModel)
RAW = "application/vnd.github.raw+json"
MOST_FILE = 1 << 20
_PERMISSIONS: dict[str, Permission] = {"admin": "admin", "write": "write", "maintain": "write", "read": "read"}


class GithubReads:
    """Implements Reads. downloads: a client of its own for logs, which never carries a token."""

    def __init__(self, access: Access, downloads: httpx.AsyncClient) -> None:
        self._access = access
        self._downloads = downloads

    async def place(self, place: Place) -> Place:
        """See the protocol. Absent too when another repository has the name by now."""
        found = place_of(await self._json(place, ""), place.installation)
        if found.id != place.id:
            raise Absent("another repository has this name now")
        return found

    async def run(self, place: Place, run: int, attempt: int | None = None) -> CiRun:
        """See the protocol."""
        path = f"/actions/runs/{run}"
        return run_of(await self._json(place, path if attempt is None else f"{path}/attempts/{attempt}"))

    async def runs(
        self, place: Place, *, workflow: int = 0, branch: str = "", head_sha: str = "", status: str = "", most: int = 20
    ) -> tuple[CiRun, ...]:
        """See the protocol."""
        path = f"/actions/workflows/{workflow}/runs" if workflow else "/actions/runs"
        asked = {"branch": branch, "head_sha": head_sha, "status": status}
        params: dict[str, str | int] = {name: value for name, value in asked.items() if value}
        return tuple(map(run_of, await self._pages(place, path, params, "workflow_runs", most)))

    async def jobs(self, place: Place, run: int, attempt: int) -> tuple[Job, ...]:
        """See the protocol."""
        path = f"/actions/runs/{run}/attempts/{attempt}/jobs"
        return tuple(map(job_of, await self._pages(place, path, {}, "jobs", 1000)))

    def archive(self, place: Place, run: int, attempt: int) -> AbstractAsyncContextManager[BinaryIO]:
        """See the protocol."""
        path = f"{_base(place)}/actions/runs/{run}/attempts/{attempt}/logs"
        return downloaded(self._access, self._downloads, place, path)

    def job_log(self, place: Place, job: int) -> AbstractAsyncContextManager[BinaryIO]:
        """See the protocol."""
        return downloaded(self._access, self._downloads, place, f"{_base(place)}/actions/jobs/{job}/logs")

    async def pull(self, place: Place, number: int) -> PullRequest:
        """See the protocol."""
        return pull_of(await self._json(place, f"/pulls/{number}"))

    async def pulls_with(self, place: Place, sha: str) -> tuple[PullRequest, ...]:
        """See the protocol. A commit that GitHub does not know is in none."""
        try:
            return tuple(map(pull_of, await self._pages(place, f"/commits/{quote(sha, safe='')}/pulls", {}, "", 100)))
        except (Absent, Refused):
            return ()

    async def pulls_from(self, place: Place, head: RepositoryName, branch: str) -> tuple[PullRequest, ...]:
        """See the protocol."""
        params: dict[str, str | int] = {"state": "open", "head": f"{head.owner}:{branch}"}
        found = map(pull_of, await self._pages(place, "/pulls", params, "", 100))
        return tuple(one for one in found if one.head_repository == head and one.head_ref == branch)

    async def changed(self, place: Place, number: int) -> tuple[ChangedFile, ...]:
        """See the protocol."""
        return tuple(map(file_of, await self._pages(place, f"/pulls/{number}/files", {}, "", 3000)))

    async def merge_base(self, place: Place, base: str, head: str) -> tuple[str, int]:
        """See the protocol."""
        path = f"/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        data = await self._json(place, path, {"per_page": 1})
        try:
            return str(data["merge_base_commit"]["sha"])[:64], int(data["ahead_by"])
        except (KeyError, TypeError, ValueError):
            raise Unreadable("GitHub's answer has no merge base") from None

    async def file(self, place: Place, path: str, ref: str) -> bytes | None:
        """See the protocol. None for a folder, too."""
        try:
            quoted = quote(path, errors="surrogateescape")
        except UnicodeEncodeError:
            return None
        if any(part in ("", ".", "..") for part in path.split("/")):
            return None
        call = Call(
            "GET",
            f"{_base(place)}/contents/{quoted}",
            "",
            params={"ref": ref},
            accept=RAW,
            most_bytes=MOST_FILE,
        )
        try:
            answer = await self._access.ask(place, call)
        except Absent:
            return None
        return None if "application/json" in answer.type else answer.body

    async def permission(self, place: Place, user: str) -> Permission:
        """See the protocol."""
        try:
            data = await self._json(place, f"/collaborators/{quote(user, safe='')}/permission")
        except Absent:
            return "none"
        word = data.get("permission") if isinstance(data, dict) else None
        return _PERMISSIONS.get(str(word), "none")

    async def comments(self, place: Place, number: int) -> tuple[Comment, ...]:
        """See the protocol."""
        return tuple(map(comment_of, await self._pages(place, f"/issues/{number}/comments", {}, "", 1000)))

    async def comment(self, place: Place, comment: int) -> Comment | None:
        """See the protocol."""
        try:
            return comment_of(await self._json(place, f"/issues/comments/{comment}"))
        except (Absent, Expired):
            return None

    async def checks(self, place: Place, sha: str) -> dict[str, int]:
        """See the protocol."""
        params: dict[str, str | int] = {"app_id": self._access.app, "filter": "all"}
        items = await self._pages(place, f"/commits/{quote(sha, safe='')}/check-runs", params, "check_runs", 1000)
        found = many(CheckRun, items)
        return {one.external_id: one.id for one in reversed(found) if one.external_id}

    async def _json(self, place: Place, path: str, params: dict[str, str | int] | None = None) -> Any:
        return (await self._access.ask(place, Call("GET", _base(place) + path, "", params=params))).json()

    async def _pages(
        self, place: Place, path: str, params: Mapping[str, str | int], key: str, most: int
    ) -> list[Any]:  # fmt: skip
        """The items of as many pages as it takes to have `most` of them."""
        asked: dict[str, str | int] = {**params, "per_page": min(most, 100)}
        call = Call("GET", _base(place) + path, "", params=asked)
        found: list[Any] = []
        while True:
            answer = await self._access.ask(place, call, READ)
            found += many_of(answer.json(), key)
            if len(found) >= most or not answer.next:
                return found[:most]
            call = Call("GET", answer.next, "")


def many_of(data: Any, key: str) -> list[Any]:
    """The items of a page. Raises Unreadable."""
    items = data.get(key) if key and isinstance(data, dict) else data
    if not isinstance(items, list):
        raise Unreadable("GitHub's answer has no list where one is described")
    return items


def _base(place: Place) -> str:
    return f"/repos/{place.name}"
