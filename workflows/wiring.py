"""The composition root: runs and their directories, and the parts put together."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.artifacts import Artifacts, Bounds, Codec
from agent.asking import Answer, Decision, More, Question, amended, kept
from agent.bench import Emit, Progress, Sights, TestOrder
from agent.certificate import read
from agent.deps import Deps
from agent.diagnose import Checkpoints, RunControl, diagnose
from agent.domain import Prepared, Report, Request
from agent.mind import Mind
from agent.recheck import Recheck, request_of
from agent.recheck import recheck as rerun
from agent.record import NAME as RECORD
from agent.record import Player, Recorder, ReplayDiverged, key, rows_of
from agent.workbench import Workbench
from sandbox.access import access_from
from sandbox.urls import Login, SourceInvalid, UrlPolicy
from tools.values import TestRun
from workflows.engines import engine
from workflows.reasoners import mind
from workflows.settings import UPLOAD, Settings, host_variables

if TYPE_CHECKING:  # what only the service needs takes time to import
    from workflows.telemetry.watched import Watcher

# Those of the service are longer: nobody guesses another's.
_ID = re.compile(r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{4}(?:[0-9a-f]{28})?$")


ANSWERS = "answers.json"
SERVERS = "mcp.yaml"


class RunUnknown(LookupError):
    """No run of that id or prefix, or more than one; the message says which."""


class RunBusy(RuntimeError):
    """Another process is working on the run."""


@dataclass(frozen=True)
class RunRef:
    """A run and its directory. codec: how its files are written; bounds: of its artifacts."""

    id: str
    folder: Path
    codec: Codec | None = None
    bounds: Bounds | None = None

    @property
    def artifacts(self) -> Artifacts:
        """Its artifacts."""
        return Artifacts(self.folder / "artifacts", self.codec, self.bounds)

    @property
    def record(self) -> Path:
        """Its record."""
        return self.folder / self.written(RECORD)

    @property
    def request(self) -> Path:
        """Its request."""
        return self.folder / self.written("request.json")

    def written(self, name: str) -> str:
        """What a file is called."""
        return name + (self.codec.suffix if self.codec else "")


@dataclass(frozen=True)
class RunRow:
    """A run as a list shows it; state: running, finished or interrupted."""

    id: str
    created: datetime
    state: str
    source: str
    outcome: str | None


def new_run(
    settings: Settings, request: Request, *, log: str | None, issue: str | None, patches: Sequence[str]
) -> RunRef:
    """Make a run's directory and keep its texts; `request` gets their artifacts."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    run = RunRef(name, settings.home / "runs" / name)
    run.folder.mkdir(parents=True, mode=0o700)
    keep_request(run, request, log=log, issue=issue, patches=patches)
    return run


def keep_request(run: RunRef, request: Request, *, log: str | None, issue: str | None, patches: Sequence[str]) -> None:
    """Write a run's request and texts into its directory, whole or not at all."""
    artifacts = run.artifacts
    filled = request.model_copy(
        update={
            "log": artifacts.put(log) if log is not None else None,
            "issue": artifacts.put(issue) if issue is not None else None,
            "patches": tuple(artifacts.put(patch) for patch in patches),
        }
    )
    part = run.folder / f"request-{os.getpid()}.part"
    data = json.dumps(filled.model_dump(mode="json"), indent=2).encode("ascii")
    part.write_bytes(run.codec.seal("request.json", data) if run.codec else data)
    part.replace(run.request)


def keep_answers(run: RunRef, answers: Sequence[Answer]) -> None:
    """Write down what people answered so far, whole or not at all: the run goes on with it, and so does its replay."""
    part = run.folder / f"answers-{os.getpid()}.part"
    data = json.dumps([answer.model_dump(mode="json") for answer in answers]).encode("ascii")
    part.write_bytes(run.codec.seal(ANSWERS, data) if run.codec else data)
    part.replace(run.folder / run.written(ANSWERS))


def keep_answer(run: RunRef, question: Question, decision: Decision, more: More | None) -> None:
    """Add an answer to those of a run."""
    told = kept(more, run.artifacts) if more else None
    keep_answers(run, [*answers_of(run), Answer(question=question.id, decision=decision, more=told)])


def answers_of(run: RunRef) -> tuple[Answer, ...]:
    """What people answered so far, in order."""
    path = run.folder / run.written(ANSWERS)
    if not path.exists():
        return ()
    data = path.read_bytes()
    rows = json.loads(run.codec.open(ANSWERS, data) if run.codec else data)
    return tuple(map(Answer.model_validate, rows))


def find_run(settings: Settings, name: str) -> RunRef:
    """The run whose id is, or begins with, `name`. Raises RunUnknown."""
    found = [run for run in _folders(settings) if run.name.startswith(name)] if re.match(r"^[0-9a-f-]+$", name) else []
    exact = [run for run in found if run.name == name]
    if len(exact or found) != 1:
        many = ", ".join(run.name for run in found[:5])
        raise RunUnknown(
            f"{name!r} names several runs: {many}" if found else f"there is no run {name!r}: see `patchwright runs`"
        )
    folder = (exact or found)[0]
    return RunRef(folder.name, folder)


def list_runs(settings: Settings) -> tuple[RunRow, ...]:
    """All runs, newest first."""
    return tuple(_row(folder) for folder in sorted(_folders(settings), reverse=True))


def _folders(settings: Settings) -> list[Path]:
    root = settings.home / "runs"
    return [path for path in root.iterdir() if _ID.match(path.name)] if root.is_dir() else []


def _row(folder: Path) -> RunRow:
    created = datetime.strptime(folder.name[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    request = _request(RunRef(folder.name, folder))
    report = folder / "report.json"
    outcome = json.loads(report.read_text(encoding="utf-8"))["outcome"] if report.exists() else None
    state = "finished" if outcome else ("running" if _busy(folder) else "interrupted")
    return RunRow(folder.name, created, state, request.source if request else "?", outcome)


def _request(run: RunRef) -> Request | None:
    if not run.request.exists():
        return None
    data = run.request.read_bytes()
    text = run.codec.open("request.json", data) if run.codec else data
    return Request.model_validate(json.loads(text))  # names may be no text: pydantic's own reader refuses those


def _busy(folder: Path) -> bool:
    """Whether a live process holds the run: its lock is kept by the kernel, so a dead one cannot."""
    try:
        with (folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


@contextlib.contextmanager
def _held(run: RunRef, *, fenced: bool = False) -> Iterator[None]:
    """Hold the run for this process. Raises RunBusy.

    fenced: something else decides between processes that do the same; only those that do not are kept out.
    """
    with (run.folder / "lock").open("a") as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if fenced else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunBusy(f"another process is working on run {run.id}") from error
        yield


async def diagnose_run(
    settings: Settings, run: RunRef, emit: Emit, *, checkpoints: Checkpoints | None = None,
    control: RunControl | None = None, login: Login | None = None, watcher: Watcher | None = None,
) -> Report:  # fmt: skip
    """Run or resume a run to its report.

    checkpoints: where resume points are kept when not in the run's directory; they then also decide which of several
    processes may write; login: what to show to the host that is cloned from; watcher: counts and traces what the run
    does. Raises SourceInvalid, SandboxUnavailable, EnvironmentUnknown, RunBusy, RunUnknown, and GraphDrained when
    `control` asked for it; Asked when the run waits for an answer.
    """
    request = _request(run)
    if request is None:
        raise RunUnknown(f"run {run.id} has no request: its directory was damaged")
    answers, told = answers_of(run), request
    for answer in answers:
        told = amended(told, answer.more, run.artifacts)
    with _held(run, fenced=checkpoints is not None):
        async with _workbench(settings, run, told, emit, login) as workbench:
            workbench.clear()
            workbench.look = _look(settings, run) if request.reasoner else None
            if watcher:
                workbench.sandboxes, workbench.watched = watcher.sandboxes(workbench.sandboxes), watcher.hands
            await _restore(workbench, run, request, answers)
            async with mind(settings, request, run.record, run.codec, watcher=watcher) as thinking:
                deps = Deps(
                    bench=Recorder(workbench, run.record, run.codec), artifacts=workbench.artifacts,
                    now=time.monotonic, emit=emit, mind=thinking, around=watcher.around if watcher else nullcontext,
                )  # fmt: skip
                where = checkpoints or run.folder / "state.sqlite"
                return await diagnose(
                    request, deps, run=run.id, checkpoints=where, control=control, answers=answers, codec=run.codec
                )


def _look(settings: Settings, run: RunRef) -> Callable[[], Awaitable[Sights]] | None:
    """What else the run's model may ask. Its directory keeps what it began with, to go on with the same; where files
    are sealed it is what the operator allows now.
    """
    kept = run.folder / SERVERS
    if settings.mcp is not None and run.codec is None and not kept.exists():
        with contextlib.suppress(OSError):  # told when it is read
            shutil.copyfile(settings.mcp, kept)
    file = kept if kept.exists() else settings.mcp
    if file is None:
        return None
    from workflows.observing.eyes import looking  # noqa: PLC0415 - heavy, and few runs ask anybody

    return looking(file)


async def _restore(workbench: Workbench, run: RunRef, request: Request, answers: Sequence[Answer]) -> None:
    """The checkout of a run that goes on where its directory is not. Raises SourceInvalid.

    Where a person told of something that makes another one, which is not made yet, there is nothing to restore.
    """
    rows = [row for row in rows_of(run.record, run.codec) if row["method"] == "prepare"] if run.record.exists() else []
    wanted = rows[0]["key"] if rows else ""
    for answer in answers:
        request = amended(request, answer.more, run.artifacts)
        wanted = key("prepare", request) if answer.more and answer.more.rebuilds else wanted
    known = [row["result"] for row in rows if "result" in row]
    if known and any(row["key"] == wanted for row in rows):
        await workbench.restore(Prepared.model_validate(known[-1]))


@asynccontextmanager
async def _workbench(
    settings: Settings, run: RunRef, request: Request, emit: Emit, login: Login | None = None
) -> AsyncIterator[Workbench]:
    """The workbench on the engine that was asked for. Environments of images and of this machine are kept apart."""
    request = request.model_copy(
        update={"source": _located(settings, request.source), "dockerfile": request.dockerfile or settings.dockerfile}
    )
    chosen_image = settings.model_copy(update={"image": request.image or settings.image})
    async with engine(chosen_image, request.sandbox, run=run.id, described=bool(request.dockerfile)) as chosen:
        if chosen.note:
            emit(Progress(node="prepare", text=chosen.note))
        kept = "environments-docker" if chosen.sandboxes.kind == "docker" else "environments"
        yield Workbench(
            folder=run.folder, cache=settings.cache / kept, artifacts=run.artifacts,
            sandboxes=chosen.sandboxes, request=request, access=access_from(host_variables()),
            policy=UrlPolicy(private_hosts=settings.private_hosts), login=login,
        )  # fmt: skip


def _located(settings: Settings, source: str) -> str:
    """Where a source is taken from; what was uploaded is known by its name among the uploads. Raises SourceInvalid."""
    if not source.startswith(UPLOAD):
        return source
    place = settings.uploads / source.removeprefix(UPLOAD)
    if not place.is_dir() or not place.resolve().is_relative_to(settings.uploads.resolve()):
        raise SourceInvalid(f"{source} was uploaded to a service, and is not here: name a checkout (--repo PATH)")
    return str(place)


async def replay_run(settings: Settings, run: RunRef, emit: Emit) -> tuple[Report, tuple[str, ...]]:
    """Run the machine again over the run's record, with nothing executed.

    Returns the report reached and how it differs from the kept one (timings aside); raises RunUnknown when the run
    is not finished, ReplayDiverged where the machine asks for something that was not recorded.
    """
    del settings
    request, kept = _request(run), run.folder / "report.json"
    if request is None or not kept.exists():
        raise RunUnknown(f"run {run.id} is not finished: `patchwright resume {run.id}` first")
    checkpoints = run.folder / f"replay-{os.getpid()}.sqlite"
    record = run.record
    deps = Deps(
        bench=Player(record), artifacts=run.artifacts, now=lambda: 0.0, emit=emit,
        mind=Mind(None, record) if request.reasoner else None,
    )  # fmt: skip
    try:
        report = await diagnose(request, deps, run=run.id, checkpoints=checkpoints, answers=answers_of(run))
    finally:
        for left in run.folder.glob(f"{checkpoints.name}*"):
            left.unlink()
    first = Report.model_validate_json(kept.read_text(encoding="utf-8"))
    return report, _differences(first, report)


def _differences(first: Report, second: Report) -> tuple[str, ...]:
    """Fields that differ; what the clock alone decides does not count."""
    one, two = (report.model_dump(mode="json", exclude={"cost"}) for report in (first, second))
    return tuple(f"{name} differs" for name in one if one[name] != two[name])


async def try_tests(settings: Settings, request: Request, *, patch: str, tests: tuple[str, ...]) -> TestRun:
    """Run tests once on the request's source with a patch (a diff), in a directory of its own.

    Raises PatchInvalid, and what preparing raises.
    """
    run = new_run(settings, request, log=None, issue=None, patches=())
    try:
        with _held(run):
            async with _workbench(settings, run, request, lambda _: None) as bench:
                prepared = await bench.prepare(request)
                diff = run.artifacts.put(patch.encode("utf-8", "surrogateescape"))
                limits = request.limits
                order = TestOrder(tests=tests, patch=diff, wall_s=limits.suite_s * 1.5, test_s=limits.test_s)
                return (await bench.test(prepared, order)).run
    finally:
        shutil.rmtree(run.folder, ignore_errors=True)


async def recheck(settings: Settings, certificate: str, source: str | None, emit: Emit) -> Recheck:
    """Re-run a certificate in a directory of its own. Raises CertificateInvalid and what preparing raises."""
    statement = read(certificate)
    request = request_of(statement, source)
    run = new_run(settings, request, log=None, issue=None, patches=())
    try:
        with _held(run):
            async with _workbench(settings, run, request, emit) as bench:
                deps = Deps(bench=bench, artifacts=run.artifacts, now=time.monotonic, emit=emit)
                found = await rerun(certificate, deps, source=source)
                return replace(found, lines=(*_elsewhere(settings, statement), *found.lines))
    finally:
        shutil.rmtree(run.folder, ignore_errors=True)


def _elsewhere(settings: Settings, statement: dict[str, Any]) -> Iterator[str]:
    """What a certificate was issued in that is not used here: it comes from outside, so it does not choose images."""
    overrides = statement["predicate"]["environment"]["overrides"]
    for name, here in (("image", settings.image), ("dockerfile", settings.dockerfile)):
        wanted = overrides.get(name)
        if wanted and wanted != here:
            yield f"it was issued with --{name} {wanted}, which is not used here: add it where you trust it"


__all__ = [
    "Recheck",
    "ReplayDiverged",
    "RunBusy",
    "RunRef",
    "RunRow",
    "RunUnknown",
    "answers_of",
    "diagnose_run",
    "find_run",
    "keep_answer",
    "keep_answers",
    "keep_request",
    "list_runs",
    "new_run",
    "recheck",
    "replay_run",
    "try_tests",
]
