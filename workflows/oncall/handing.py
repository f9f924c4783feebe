"""From an incident whose cause is in the code to a run of the service, which looks for a verified patch.

The repository of the operator's file goes over as an upload, or by its URL, at the revision that ran; with it the trace
and the revision before. The run is one like any other: queued, limited, in the sandbox, of the incident's tenant.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Protocol

from sandbox.access import access_from
from sandbox.git import GitFailed, run_git
from sandbox.protocol import SandboxError
from sandbox.source import acquire
from sandbox.urls import UrlPolicy, is_url
from tools.triage.handing import lacking
from tools.triage.topology import Topology
from tools.triage.values import Note
from workflows.engines import engine
from workflows.exits import Refused
from workflows.inputs import source_of
from workflows.oncall.configuration import Configuration
from workflows.oncall.looking import a_place, looked_at, repository_of
from workflows.oncall.values import Incident
from workflows.service.api.intake import discard, submission
from workflows.service.bodies import Wanted
from workflows.service.members import ArchiveRefused, Bounds
from workflows.service.ports import KeyConflict, KeyInFlight, QueueFull, StoreDown
from workflows.service.unpack import unpack
from workflows.service.values import Principal, Run, Submission
from workflows.settings import Settings, host_variables
from workflows.text import line


class NotHanded(Exception):
    """No diagnosis can start from it; the message says why, for people."""


class NotYet(Exception):
    """It can be handed over later. after_s: seconds until then."""

    def __init__(self, problem: str, after_s: float) -> None:
        super().__init__(problem)
        self.after_s = after_s


class Queue(Protocol):
    """What of the store is needed here."""

    async def submit(
        self, who: Principal, submission: Submission, *, key: str | None, fingerprint: str
    ) -> tuple[Run, bool]:
        """Queue a run once for a key; whether it is new. Raises QueueFull, KeyInFlight, KeyConflict, StoreDown."""


async def hand_over(
    settings: Settings, configuration: Configuration, topology: Topology, store: Queue, incident: Incident
) -> str:
    """Queue a diagnosis of the cause that the note names; its id. Done twice for one asking it is the same run.

    Raises NotHanded, NotYet, StoreDown, OSError.
    """
    asked, note = incident.patching, incident.note
    if asked is None or note is None:
        raise NotHanded("the note names another cause by now")
    if problem := lacking(note):
        raise NotHanded(problem)
    where = repository_of(looked_at(incident, configuration, topology), configuration)
    if where is None:
        raise NotHanded("the configuration names no repository for its services")
    who = Principal(tenant=incident.tenant, token=asked.token, scopes=frozenset({"submit"}))
    key = f"oncall/{incident.id}/{asked.turn}"
    mark = hashlib.sha256(key.encode()).hexdigest()
    given, upload = await _submission(settings, note, where)
    needed = False
    try:
        run, needed = await store.submit(who, given, key=key, fingerprint=mark)
    except QueueFull as full:
        raise NotYet(str(full), full.retry_after_s) from None
    except KeyInFlight as error:
        raise NotYet(str(error), 2.0) from None
    except KeyConflict:
        raise NotHanded("another submission of this tenant has taken its name") from None
    except (StoreDown, asyncio.CancelledError):  # it may be queued all the same: what it needs stays
        needed = True
        raise
    finally:
        if upload is not None and not needed:
            await discard(upload, settings)
    return run.id


async def _submission(settings: Settings, note: Note, where: str) -> tuple[Submission, Path | None]:
    """What is queued, and what was uploaded for it."""
    source = _source(where)
    url = source if is_url(source) else None
    wanted = Wanted(url=url, rev=note.revision or None, good=note.good or None, log=note.reproduction)
    upload = None if url else await _uploaded(settings, source)
    return submission(wanted, settings, upload), upload


def _source(where: str) -> str:
    try:
        return source_of(where)
    except Refused as error:
        raise NotHanded(f"the repository cannot be used: {line(error.message, 200)}") from None


async def _uploaded(settings: Settings, source: str) -> Path:
    """The repository with its history among the uploads; the path below them. Raises NotHanded, OSError."""
    bounds = Bounds(total_bytes=settings.unpacked_mb << 20, files=settings.unpacked_files)
    with a_place() as folder:
        try:
            async with engine(settings, settings.sandbox) as chosen:
                checkout = await acquire(
                    source, destination=folder / "source", sandboxes=chosen.sandboxes,
                    access=access_from(host_variables()), policy=UrlPolicy(private_hosts=settings.private_hosts),
                )  # fmt: skip
            if checkout.repository is None:
                raise NotHanded("the repository has no history to take a revision from")
            if checkout.subdirectory:
                raise NotHanded("the configuration names a directory inside a repository: name the repository's top")
            bundle = folder / "repository.bundle"
            await run_git(checkout.repository, "bundle", "create", "--quiet", str(bundle), "HEAD", "--all")
            with bundle.open("rb") as archive:
                return Path(await unpack(archive, settings.uploads, bounds))
        except (SandboxError, Refused, ArchiveRefused) as error:
            raise NotHanded(f"the repository was not taken: {line(str(error), 200)}") from None
        except GitFailed as error:
            raise NotHanded("the repository was not taken: git cannot read it") from error
