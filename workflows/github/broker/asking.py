"""The bot's side: what it knows of a forge it asks the publisher, and git fetches through the publisher."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeVar, cast

import httpx

from workflows.github.broker import asks, meeting
from workflows.github.broker.asks import Ask
from workflows.github.client.fetch import fetched
from workflows.github.forge import ForgeAway, ForgeBusy, Unreadable
from workflows.github.names import RepositoryName
from workflows.github.values import ChangedFile, CiRun, Comment, Job, Permission, Place, PullRequest

T = TypeVar("T")
AGAIN_S = 2.0
MOST_BYTES = 32 << 20  # of an answer that is no stream
_TIMES = httpx.Timeout(60.0, read=300.0, connect=5.0)  # the publisher tries again itself, and takes its time


class Line:
    """The way to the publisher of a home. It is looked for at each call: it may have been started again."""

    def __init__(self, home: Path, http: httpx.AsyncClient) -> None:
        self._home = home
        self._http = http

    def meeting(self) -> meeting.Meeting:
        """Where it is. Raises ForgeBusy."""
        found = meeting.found(self._home)
        if found is None:
            raise self.nobody()
        return found

    @asynccontextmanager
    async def opened(self, method: str, path: str, body: bytes = b"") -> AsyncIterator[httpx.Response]:
        """A success, not yet read. Raises ForgeError."""
        at = self.meeting()
        asking = self._http.build_request(
            method, at.url + path, content=body, headers={"Authorization": f"Bearer {at.word}"}, timeout=_TIMES
        )
        try:
            answer = await self._http.send(asking, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise self.nobody() from None
        except httpx.TransportError as error:
            raise ForgeAway(f"the publisher ended meanwhile ({type(error).__name__})") from None
        try:
            if answer.status_code == 401:  # the note is of one that is gone, and somebody else has its port
                raise self.nobody()
            if answer.status_code >= 300:
                raise asks.meant(await answer.aread())
            yield answer
        except httpx.TransportError as error:
            raise ForgeAway(f"the publisher's answer broke off ({type(error).__name__})") from None
        finally:
            await answer.aclose()

    async def whole(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        """A success, read. Raises ForgeError."""
        async with self.opened(method, path, body) as answer:
            if int(answer.headers.get("content-length", 0)) > MOST_BYTES:
                raise Unreadable("the publisher's answer is too large")
            await answer.aread()
            return answer

    @staticmethod
    def nobody() -> ForgeBusy:
        """What is said while no publisher answers; it counts as no attempt."""
        return ForgeBusy("no publisher answers: `patchwright github publish` must run with the same home", AGAIN_S)


class BrokerReads:
    """Implements Source."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def place(self, place: Place) -> Place:
        """See the protocol."""
        return await self._asked(asks.PLACE, place=place)

    async def run(self, place: Place, run: int, attempt: int | None = None) -> CiRun:
        """See the protocol."""
        return await self._asked(asks.RUN, place=place, run=run, attempt=attempt)

    async def runs(
        self, place: Place, *, workflow: int = 0, branch: str = "", head_sha: str = "", status: str = "", most: int = 20
    ) -> tuple[CiRun, ...]:
        """See the protocol."""
        return await self._asked(
            asks.RUNS, place=place, workflow=workflow, branch=branch, head_sha=head_sha, status=status, most=most
        )

    async def jobs(self, place: Place, run: int, attempt: int) -> tuple[Job, ...]:
        """See the protocol."""
        return await self._asked(asks.JOBS, place=place, run=run, attempt=attempt)

    def archive(self, place: Place, run: int, attempt: int) -> AbstractAsyncContextManager[BinaryIO]:
        """See the protocol."""
        return self._streamed("archive", place=place, run=run, attempt=attempt)

    def job_log(self, place: Place, job: int) -> AbstractAsyncContextManager[BinaryIO]:
        """See the protocol."""
        return self._streamed("job_log", place=place, job=job)

    async def pull(self, place: Place, number: int) -> PullRequest:
        """See the protocol."""
        return await self._asked(asks.PULL, place=place, number=number)

    async def pulls_with(self, place: Place, sha: str) -> tuple[PullRequest, ...]:
        """See the protocol."""
        return await self._asked(asks.PULLS_WITH, place=place, sha=sha)

    async def pulls_from(self, place: Place, head: RepositoryName, branch: str) -> tuple[PullRequest, ...]:
        """See the protocol."""
        return await self._asked(asks.PULLS_FROM, place=place, head=head, branch=branch)

    async def changed(self, place: Place, number: int) -> tuple[ChangedFile, ...]:
        """See the protocol."""
        return await self._asked(asks.CHANGED, place=place, number=number)

    async def merge_base(self, place: Place, base: str, head: str) -> tuple[str, int]:
        """See the protocol."""
        return await self._asked(asks.MERGE_BASE, place=place, base=base, head=head)

    async def file(self, place: Place, path: str, ref: str) -> bytes | None:
        """See the protocol."""
        body = asks.asked("file", {"place": place, "path": path, "ref": ref})
        answer = await self._line.whole("POST", "/reads/file", body)
        return answer.content if answer.status_code == 200 else None

    async def permission(self, place: Place, user: str) -> Permission:
        """See the protocol."""
        return await self._asked(asks.PERMISSION, place=place, user=user)

    async def comments(self, place: Place, number: int) -> tuple[Comment, ...]:
        """See the protocol."""
        return await self._asked(asks.COMMENTS, place=place, number=number)

    async def comment(self, place: Place, comment: int) -> Comment | None:
        """See the protocol."""
        return await self._asked(asks.COMMENT, place=place, comment=comment)

    async def checks(self, place: Place, sha: str) -> dict[str, int]:
        """See the protocol."""
        return await self._asked(asks.CHECKS, place=place, sha=sha)

    async def fetch(self, place: Place, folder: Path, revisions: tuple[str, ...], *, number: int = 0) -> None:
        """See the protocol. git follows no redirect, so the repository's name of today is asked for first."""
        now = await self.place(place)
        at = self._line.meeting()
        url = f"{at.url}/git/{now.installation}/{now.id}/{now.name}.git"
        with tempfile.TemporaryDirectory(prefix="patchwright-git-") as home:
            await fetched(url, at.word, folder, revisions, number=number, home=Path(home))

    async def _asked(self, ask: Ask[T], **arguments: Any) -> T:
        answer = await self._line.whole("POST", f"/reads/{ask.name}", asks.asked(ask.name, arguments))
        return ask.read(answer.content)

    @asynccontextmanager
    async def _streamed(self, name: str, **arguments: Any) -> AsyncIterator[BinaryIO]:
        """What comes, as an open temporary file at its start."""
        body = asks.asked(name, arguments)
        with tempfile.TemporaryFile(prefix="patchwright-log-") as opened:
            file = cast("BinaryIO", opened)
            async with self._line.opened("POST", f"/reads/{name}", body) as answer:
                async for block in answer.aiter_bytes(1 << 18):
                    await asyncio.to_thread(file.write, block)
            file.seek(0)
            yield file


class BrokerMissed:
    """Implements Missed."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def failed(self, since: datetime) -> AsyncIterator[int]:
        """See the protocol."""
        for one in asks.MISSED.read((await self._line.whole("GET", f"/missed/{int(since.timestamp())}")).content):
            yield one

    async def redeliver(self, delivery: int) -> None:
        """See the protocol."""
        await self._line.whole("POST", f"/missed/{delivery}/again")


@asynccontextmanager
async def line(home: Path) -> AsyncIterator[Line]:
    """The way to the publisher, for as long as the block runs. No proxy is between."""
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Line(home, http)
