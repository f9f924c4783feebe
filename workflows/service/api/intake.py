"""From the body of a submission to what the store queues: read, checked against the settings, unpacked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fastapi import Request as HttpRequest
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile

from agent.domain import Request
from sandbox.environment_cache import remove_tree
from tools.guard import RULES
from tools.patches import PatchInvalid, touched
from workflows.reasoners import chosen
from workflows.service.api.access import Parts
from workflows.service.api.problems import Problem, field_problems, invalid
from workflows.service.bodies import Wanted
from workflows.service.fetch import UrlRefused, check_callback, check_git
from workflows.service.members import ArchiveRefused, Bounds
from workflows.service.unpack import unpack
from workflows.service.values import Principal, Submission
from workflows.settings import UPLOAD, Settings, split
from workflows.telemetry.tracing import carried

_PART_BYTES = 24 << 20


@dataclass(frozen=True)
class Taken:
    """What arrived. digest: sha256 of the archive, "" without one."""

    wanted: Wanted
    archive: BinaryIO | None = None
    digest: str = ""

    @property
    def fingerprint(self) -> str:
        """Equal for equal submissions."""
        return hashlib.sha256(f"{self.wanted.model_dump_json()}\n{self.digest}".encode()).hexdigest()


@asynccontextmanager
async def taken(request: HttpRequest) -> AsyncIterator[Taken]:
    """Read a body: JSON, or a form with `request` (JSON) and `archive` (a file). Raises Problem."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        yield Taken(parsed(await request.body()))
    elif kind == "multipart/form-data":
        async with AsyncExitStack() as opened:
            try:
                parts = request.form(max_files=1, max_fields=1, max_part_size=_PART_BYTES)
                form = await opened.enter_async_context(parts)
            except OSError:
                raise _no_space() from None
            yield await _formed(form)
    else:
        raise Problem(415, "media-type", "send application/json, or multipart/form-data with an archive")


async def _formed(form: FormData) -> Taken:
    words, archive = form.get("request"), form.get("archive")
    if set(form) - {"request", "archive"} or not isinstance(archive, UploadFile):
        raise Problem(422, "invalid", "a form holds a file `archive` and, if anything, a text `request` (JSON)")
    text = words if isinstance(words, str) else "{}"
    digest = await asyncio.to_thread(_digest, archive.file)
    return Taken(parsed(text.encode("utf-8", "surrogateescape")), archive.file, digest)


def _no_space() -> Problem:
    return Problem(507, "no-space", "the service has no place for this upload")


def parsed(data: bytes) -> Wanted:
    """The request in a JSON text. Raises Problem."""
    try:
        return Wanted.model_validate_json(data)
    except ValidationError as error:
        found = field_problems(error.errors(include_input=False, include_url=False, include_context=False))
        raise Problem(422, "invalid", "the request does not fit", errors=found) from None


def _digest(file: BinaryIO) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


async def check(wanted: Wanted, asker: Principal, parts: Parts, *, uploaded: bool) -> None:
    """Return when the service takes it. Raises Problem."""
    if (wanted.url is None) != uploaded:
        raise invalid("url", "name either a git URL or upload an archive, not both and not neither")
    if wanted.subdirectory and not uploaded:
        raise invalid("subdirectory", "is only for uploaded archives")
    check_options(wanted, split(parts.settings.permit))
    if wanted.priority > 0 and "admin" not in asker.scopes:
        raise Problem(403, "forbidden", "a priority above 0 needs a token with the scope admin")
    for at, diff in enumerate(wanted.patches):
        try:
            await asyncio.to_thread(touched, diff)
        except PatchInvalid:
            raise invalid(f"patches.{at}", "not a diff that can be applied inside the repository") from None
    try:
        if wanted.url is not None:
            hosts = parts.hosts.of(await parts.store.git_hosts(asker.tenant))
            await check_git(wanted.url, hosts, parts.resolve)
    except UrlRefused as error:
        raise invalid("url", str(error)) from None
    try:
        if wanted.callback is not None:
            await check_callback(wanted.callback, parts.hosts, parts.resolve)
    except UrlRefused as error:
        raise invalid("callback", str(error)) from None


def check_options(wanted: Wanted, permitted: tuple[str, ...]) -> None:
    """What runs with more than the usual rights is the operator's to permit. Raises Problem."""
    asked = {"install": wanted.install, "allow": wanted.allow, "none": wanted.sandbox == "none"}
    for name, value in asked.items():
        if value and name not in permitted:
            field = "sandbox" if name == "none" else name
            raise invalid(field, f"this service does not permit it (PATCHWRIGHT_PERMIT names no {name!r})")
    if any(rule not in RULES for rule in wanted.allow):
        raise invalid("allow", f"no such rule of the guard; rules are {', '.join(RULES)}")


async def stored(archive: BinaryIO, subdirectory: str, parts: Parts) -> Path:
    """Unpack an upload; returns its source relative to the uploads. Raises Problem, and leaves nothing then."""
    settings = parts.settings
    bounds = Bounds(total_bytes=settings.unpacked_mb << 20, files=settings.unpacked_files)
    try:
        async with parts.unpacking:
            where = PurePosixPath(await unpack(archive, settings.uploads, bounds))
    except ArchiveRefused as error:
        raise invalid("archive", str(error)) from None
    except OSError:
        raise _no_space() from None
    try:
        return _below(settings.uploads / where, subdirectory).relative_to(settings.uploads)
    except Problem:
        await discard(Path(where), settings)
        raise


async def discard(archive: Path, settings: Settings) -> None:
    """Remove an upload that no run will use."""
    await asyncio.to_thread(remove_tree, settings.uploads / archive.parts[0])


def _below(source: Path, subdirectory: str) -> Path:
    try:
        path = (source / subdirectory).resolve()
        inside = path.is_relative_to(source.resolve()) and path.is_dir()
    except (OSError, ValueError, RuntimeError):  # a name that is too long, a link in a circle
        inside = False
    if not inside:
        raise invalid("subdirectory", "not a directory of the archive")
    return source / path.relative_to(source.resolve())


def submission(wanted: Wanted, settings: Settings, archive: Path | None) -> Submission:
    """What is queued. An upload's source is `upload:` and its directory below the uploads."""
    request = Request(
        source=wanted.url or f"{UPLOAD}{archive}", rev=wanted.rev, good=wanted.good, tests=wanted.tests,
        goal=wanted.goal, allow=wanted.allow, install=wanted.install, test_command=wanted.test_command,
        python=wanted.python, sandbox=wanted.sandbox or settings.sandbox, limits=wanted.limits.within(settings.limits),
        reasoner=chosen(settings), dockerfile=settings.dockerfile, ask=wanted.ask,
    )  # fmt: skip
    return Submission(
        request=request, log=wanted.log, issue=wanted.issue, patches=wanted.patches,
        priority=wanted.priority, deadline_s=wanted.deadline_s, callback=wanted.callback, trace=carried(),
    )  # fmt: skip
