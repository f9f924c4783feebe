"""From a case to a run of the service: the commits fetched, handed over as an upload, queued once.

What goes over is a bundle of the repository's commits. No token is in it, and none is where the code will run.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from agent.domain import Goal
from sandbox.detection.overrides import Overrides
from sandbox.environment_cache import remove_tree
from sandbox.git import GitFailed, run_git
from tools.ci.commands import overrides_of
from tools.ci.workflow import Workflow, WorkflowInvalid, job_named, read_workflow
from workflows.github.configuration import BotConfiguration
from workflows.github.forge import ForgeAway, ForgeError
from workflows.github.parts import Later, Parts
from workflows.github.values import Case
from workflows.service.api.intake import submission
from workflows.service.bodies import Wanted, WantedLimits
from workflows.service.members import ArchiveRefused, Bounds
from workflows.service.ports import KeyInFlight, QueueFull, StoreDown
from workflows.service.unpack import unpack
from workflows.service.values import Submission
from workflows.settings import Settings, split

HEAD, BASE = "refs/heads/patchwright-head", "refs/heads/patchwright-base"


class Unfetched(Exception):
    """The commits could not be had; the message says why, for people."""


@dataclass(frozen=True)
class Asked:
    """What to find out. workflow: the text of its file."""

    log: str = ""
    issue: str = ""
    goal: Goal = "patch"
    workflow: str = ""


def following(case: Case) -> str:
    """`Case.again` of its next diagnosis: asked twice before that is queued, the same."""
    return hashlib.sha256(f"{case.again}/{case.diagnosis}".encode()).hexdigest()[:12]


async def submit(parts: Parts, case: Case, asked: Asked, configuration: BotConfiguration) -> Case:
    """Queue a diagnosis of the case, and keep that it has one. Submitted twice it is the same run.

    Raises Unfetched, Later, ForgeAway, StoreDown.
    """
    uploads = parts.settings.uploads
    where, base = await _uploaded(parts, case)
    case = case.model_copy(update={"base_sha": base})
    try:
        given = _submission(case, asked, configuration, parts.settings, where)
        key = f"github/{case.key}/{case.again}"
        mark = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
        run, made = await parts.store.submit(parts.who, given, key=key, fingerprint=mark)
    except QueueFull as error:
        await _dropped(uploads, where)
        raise Later(str(error), error.retry_after_s) from None
    except KeyInFlight as error:
        await _dropped(uploads, where)
        raise Later(str(error), 2.0) from None
    except (StoreDown, asyncio.CancelledError):  # it may be queued all the same: what it needs stays
        raise
    except BaseException:
        await _dropped(uploads, where)
        raise
    if not made:
        await _dropped(uploads, where)
    now = case.model_copy(update={"state": "diagnosing", "diagnosis": run.id, "outcome": "", "note": ""})
    await parts.book.change(now)
    return now


async def _dropped(uploads: Path, where: PurePosixPath) -> None:
    await asyncio.to_thread(remove_tree, uploads / where.parts[0])


async def _uploaded(parts: Parts, case: Case) -> tuple[PurePosixPath, str]:
    """The commits as an upload: its source below the uploads, and the base, where it is in it."""
    with tempfile.TemporaryDirectory(prefix="patchwright-bot-") as home:
        bundle = Path(home) / "repository.bundle"
        base = await _bundled(parts, case, Path(home) / "repository", bundle)
        bounds = Bounds(total_bytes=parts.settings.unpacked_mb << 20, files=parts.settings.unpacked_files)
        try:
            with bundle.open("rb") as archive:
                return PurePosixPath(await unpack(archive, parts.settings.uploads, bounds)), base
        except ArchiveRefused as error:
            raise Unfetched(f"the repository was not taken: {error}") from None
        except OSError:
            raise Later("the service has no place for the repository", 300.0) from None


async def _bundled(parts: Parts, case: Case, folder: Path, bundle: Path) -> str:
    """Fetch head and base and write both into a bundle, with their history; the base, "" where it is not there."""
    number = case.subject if case.head_ref and case.run else 0
    try:
        base = await _fetched(parts, case, folder, number)
        await run_git(folder, "update-ref", HEAD, case.head_sha)
        if base:
            await run_git(folder, "update-ref", BASE, base)
        await run_git(folder, "bundle", "create", "--quiet", str(bundle), HEAD, *([BASE] if base else []))
    except ForgeAway:
        raise
    except ForgeError as error:
        raise Unfetched(f"the commit could not be fetched: {error}") from None
    except GitFailed as error:
        raise Unfetched("the commit could not be fetched: git cannot read it") from error
    return base


async def _fetched(parts: Parts, case: Case, folder: Path, number: int) -> str:
    """Fetch; the base, where it could be had too. Raises ForgeError."""
    if case.base_sha:
        try:
            await parts.reads.fetch(case.place, folder, (case.head_sha, case.base_sha), number=number)
        except ForgeAway:
            raise
        except ForgeError:
            if folder.exists():
                await asyncio.to_thread(remove_tree, folder)
        else:
            return case.base_sha
    await parts.reads.fetch(case.place, folder, (case.head_sha,), number=number)
    return ""


def _submission(
    case: Case, asked: Asked, configuration: BotConfiguration, settings: Settings, where: PurePosixPath
) -> Submission:
    """The owners' words first, then those of the workflow's file."""
    told = _told(asked.workflow, case)
    install = configuration.install if "install" in split(settings.permit) else None
    fields: dict[str, object] = {
        "rev": case.head_sha, "good": case.base_sha or None, "log": asked.log or None, "issue": asked.issue or None,
        "goal": asked.goal, "test_command": configuration.test or told.test, "install": install or (),
        "python": told.python, "limits": WantedLimits(wall_s=configuration.budget_seconds),
    }  # fmt: skip
    try:
        wanted = Wanted.model_validate(fields)
    except ValidationError:  # a command of several lines, for example: detection finds its own
        kept = ("rev", "good", "log", "issue", "goal", "limits")
        wanted = Wanted.model_validate({name: fields[name] for name in kept})
    given = submission(wanted, settings, Path(where))
    reasoner, most = given.request.reasoner, configuration.budget_tokens
    if reasoner is None or most is None:
        return given
    bounded = reasoner.model_copy(update={"tokens": min(most, reasoner.tokens)})
    return given.model_copy(update={"request": given.request.model_copy(update={"reasoner": bounded})})


def _told(text: str, case: Case) -> Overrides:
    """How the failed job installs and tests, as far as its workflow's file says."""
    try:
        workflow = read_workflow(text) if text else Workflow()
    except WorkflowInvalid:
        return Overrides()
    lead = next((job for job in case.decision.jobs if job.id == case.decision.job), None)
    found = job_named(workflow, lead.name) if lead else None
    return overrides_of(*found) if found else Overrides()
