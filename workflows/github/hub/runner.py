"""Runs a workflow's jobs for real: its steps' scripts, in a sandbox, with logs as GitHub writes them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from sandbox.access import Access
from sandbox.detection.detect import detect
from sandbox.environment import build
from sandbox.protocol import Quota, Sandbox, SandboxError, Sandboxes, Workspace
from sandbox.recipe import Environment, EnvironmentBroken, EnvironmentUnknown
from tools.ci.workflow import Combination, WorkflowJob, WorkflowStep, filled
from workflows.github.hub import git
from workflows.github.hub.things import Step, now

WHOLE_S = 900.0
_SHELL = "/usr/bin/bash"
_VARIABLES = {"CI": "true", "GITHUB_ACTIONS": "true", "RUNNER_OS": "Linux"}


@dataclass(frozen=True)
class Planned:
    """A job to run: at a commit of a bare repository."""

    repository: Path
    sha: str
    job: WorkflowJob
    combination: Combination = ()

    @property
    def name(self) -> str:
        """As GitHub shows it: with its place in the matrix."""
        named = filled(self.job.name, self.combination) or self.job.name
        values = ", ".join(value for _, value in self.combination)
        return f"{named} ({values})" if values and "${{" not in self.job.name else named


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    conclusion: Literal["success", "failure", "timed_out"]
    steps: tuple[Step, ...]


class Runner(Protocol):
    """Runs jobs."""

    async def run(self, planned: Planned) -> Outcome:
        """From checkout to the last step."""


def stamped(text: str, at: datetime | None = None) -> str:
    """Lines with the time before each, to seven digits."""
    when = (at or now()).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"
    return "".join(f"{when} {line}\n" for line in text.split("\n"))


@dataclass
class _Journal:
    """The steps of a job so far."""

    steps: list[Step] = field(default_factory=list)

    def add(self, name: str, conclusion: str, log: str, began: datetime) -> None:
        self.steps.append(Step(len(self.steps) + 1, name, conclusion, began, now(), log))


class SandboxRunner:
    """Implements Runner. `actions/checkout` is the workspace, `setup-*` the repository's environment; no step has
    network. Other actions are passed over, and their log says so.
    """

    def __init__(self, sandboxes: Sandboxes, cache: Path, *, access: Access | None = None, at_once: int = 1) -> None:
        self._access = access
        self._sandboxes = sandboxes
        self._cache = cache
        self._room = asyncio.Semaphore(at_once)

    async def run(self, planned: Planned) -> Outcome:
        """See the protocol."""
        journal = _Journal()
        async with self._room:
            with tempfile.TemporaryDirectory(prefix="patchwright-hub-job-") as scratch:
                try:
                    conclusion = await self._job(planned, Path(scratch) / "tree", journal)
                except EnvironmentBroken:
                    conclusion = "failure"
                except SandboxError as error:
                    journal.add("Set up runner", "failure", stamped(f"##[error]{error}"), now())
                    conclusion = "failure"
        return Outcome(conclusion, tuple(journal.steps))

    async def _job(
        self, planned: Planned, tree: Path, journal: _Journal
    ) -> Literal["success", "failure", "timed_out"]:  # fmt: skip
        began = now()
        await git.export(planned.repository, planned.sha, tree)
        told = f"Current runner version: 'hub'\n##[group]Operating System\nLinux\n##[endgroup]\nJob: {planned.name}"
        journal.add("Set up job", "success", stamped(told, began), began)
        failed = False
        async with self._opened(planned, tree, journal) as sandbox:
            for step in planned.job.steps:
                skipped = (step.aftermath and not failed) or (failed and not step.aftermath)
                if skipped:
                    journal.add(_title(step), "skipped", "", now())
                elif not await _step(sandbox, step, planned, journal):
                    failed = failed or not step.tolerated
        journal.add("Complete job", "success", stamped("Cleaning up orphan processes"), now())
        return "failure" if failed else "success"

    @asynccontextmanager
    async def _opened(self, planned: Planned, tree: Path, journal: _Journal) -> AsyncIterator[Sandbox]:
        """The job's sandbox, with the environment where the workflow sets one up."""
        environment = (
            await self._environment(planned, tree, journal) if planned.job.tools or _sets_up(planned) else None
        )
        workspace = environment.workspace(tree) if environment else Workspace((tree,))
        opening = self._sandboxes.open(
            workspace, mounts=environment.mounts if environment else (),
            env={**dict(environment.env if environment else ()), **_VARIABLES, "GITHUB_SHA": planned.sha},
            quota=Quota(wall_s=WHOLE_S),
        )  # fmt: skip
        async with opening as sandbox:
            yield sandbox

    async def _environment(self, planned: Planned, tree: Path, journal: _Journal) -> Environment | None:
        began = now()
        try:
            found = await build(
                detect(tree),
                tree,
                sandboxes=self._sandboxes,
                cache=self._cache,
                access=self._access,
                scope=str(planned.repository),
            )
        except EnvironmentUnknown as error:
            journal.add("Set up environment", "success", stamped(f"nothing to set up: {error}", began), began)
            return None
        except EnvironmentBroken as error:
            text = (
                f"##[group]Run {error.step}\n##[endgroup]\n{error.output}\n##[error]Process completed with exit code 1."
            )
            journal.add("Set up environment", "failure", stamped(text, began), began)
            raise
        journal.add("Set up environment", "success", stamped(f"environment {found.key[:12]} is ready", began), began)
        return found


def _sets_up(planned: Planned) -> bool:
    return any("setup-" in step.uses for step in planned.job.steps)


def _title(step: WorkflowStep) -> str:
    first = step.command.strip().split("\n")[0]
    return step.name or (f"Run {step.uses}" if step.uses else f"Run {first}")[:100]


async def _step(sandbox: Sandbox, step: WorkflowStep, planned: Planned, journal: _Journal) -> bool:
    """Run one step; whether it went well."""
    began = now()
    if not step.command:
        text = f"##[group]Run {step.uses}\n##[endgroup]\nThe runner has no actions but its own: nothing was done."
        if step.uses.startswith("actions/checkout@"):
            text = f"##[group]Run {step.uses}\n##[endgroup]\nHEAD is now at {planned.sha}"
        journal.add(_title(step), "success", stamped(text, began), began)
        return True
    command = filled(step.command, planned.combination)
    head = "\n".join(f"\x1b[36;1m{line}\x1b[0m" for line in step.command.strip().split("\n"))
    first = step.command.strip().split("\n")[0]
    log = [stamped(f"##[group]Run {first}\n{head}\nshell: {_SHELL} -e {{0}}\n##[endgroup]", began)]
    if command is None:
        log.append(stamped("##[error]The runner knows no expressions but those of the matrix."))
        journal.add(_title(step), "failure", "".join(log), began)
        return False
    code = await _script(sandbox, command, step.directory, log)
    if code:
        log.append(stamped(f"##[error]Process completed with exit code {code}."))
    journal.add(_title(step), "failure" if code else "success", "".join(log), began)
    return not code


async def _script(sandbox: Sandbox, command: str, directory: str, log: list[str]) -> int:
    """Run a script with bash; its exit code. Each line of its output is stamped when it comes."""
    rest = b""

    def came(_: str, data: bytes) -> None:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        log.extend(stamped(line.decode(errors="replace").rstrip("\r")) for line in lines)

    where = sandbox.workspace if directory in ("", ".") else f"{sandbox.workspace}/{directory}"
    script = command if command.endswith("\n") else f"{command}\n"
    done = await sandbox.exec(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", f"exec 2>&1\n{script}"],
        cwd=where,
        on_output=came,
    )
    if rest:
        log.append(stamped(rest.decode(errors="replace")))
    if done.timed_out:
        log.append(stamped("##[error]The job running on runner hub has exceeded the maximum execution time."))
        return 124
    return done.exit_code if done.exit_code is not None else 128 + (done.signal or 0)
