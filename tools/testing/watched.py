"""A watched run of pytest: one process, and another one after each test that ended the process before it."""

from __future__ import annotations

import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.protocol import ExecResult, Limit, Quota, Sandbox
from tools.testing import probe
from tools.testing.bounded import clip
from tools.testing.parse_probe import ProbeRun, parse_probe, parse_stacks
from tools.testing.paths import Paths
from tools.testing.probe import ProbePlan
from tools.values import Crash, Frame, TestResult

MAX_ENDED = 10
LEAST_LEFT_S = 1.0
_FINAL: frozenset[Limit] = frozenset(("wall", "output", "disk"))  # limits of the whole run, not of one process
_MAX_OUTPUT = 4 << 20


@dataclass(frozen=True, slots=True)
class Watch:
    """What is run: the command, how it is watched, and whether it goes on after a test that ended the process."""

    argv: tuple[str, ...]
    plan: ProbePlan
    env: Mapping[str, str]
    cwd: str
    paths: Paths
    goes_on: bool


@dataclass(slots=True)
class Watched:
    """seen: what all processes reported; ended: a result per test or file that ended one; runs: the processes."""

    seen: ProbeRun = field(default_factory=ProbeRun)
    ended: dict[str, TestResult] = field(default_factory=dict)
    runs: list[ExecResult] = field(default_factory=list)

    @property
    def results(self) -> tuple[TestResult, ...]:
        """In the order of the tests; those that ended a process come last."""
        return tuple({**self.seen.results, **self.ended}.values())

    @property
    def complete(self) -> bool:
        """Whether the last process ended by itself, within its limits, and all sessions that no other one took up."""
        seen, taken_up = self.seen, len(self.runs) - 1
        began = not taken_up or seen.sessions > taken_up
        return began and not self.runs[-1].exceeded and not seen.running and seen.finished >= seen.sessions - taken_up

    @property
    def output(self) -> str:
        """What all processes printed."""
        printed = "\n".join(f"{run.stdout.text}\n{run.stderr.text}".strip() for run in self.runs)
        return clip(printed, _MAX_OUTPUT)

    @property
    def note(self) -> str:
        """What a reader should know of a run that was given up."""
        if len(self.ended) <= MAX_ENDED:
            return ""
        return f"the process was ended by {len(self.ended)} tests; those after the last of them were not run"


async def watch(sandbox: Sandbox, what: Watch, quota: Quota | None) -> Watched:
    """Run until every test has its result, time is up, or too many tests have ended the process.

    Raises OSError when the lists of tests cannot be written, SandboxGone.
    """
    found, began = Watched(), time.monotonic()
    await what.plan.prepare(sandbox)
    while True:
        left = quota.within(quota.wall_s - (time.monotonic() - began)) if quota else None
        env = {**what.env, **what.plan.env()}
        done = await sandbox.exec(what.plan.argv(what.argv), cwd=what.cwd, env=env, quota=left)
        before = len(found.ended)
        await _look(sandbox, what, found, done)
        late = quota is not None and quota.wall_s - (time.monotonic() - began) < LEAST_LEFT_S
        over = late or bool(_FINAL.intersection(done.exceeded)) or len(found.ended) > MAX_ENDED
        if over or not what.goes_on or len(found.ended) == before or not await _again(sandbox, what, found):
            return found


async def _look(sandbox: Sandbox, what: Watch, found: Watched, done: ExecResult) -> None:
    """Read what was reported; name what the process ended in, and earlier deaths of a command of several sessions."""
    found.runs.append(done)
    found.seen = parse_probe(await probe.read(sandbox, what.plan.results, probe.MAX_RESULTS))
    name = found.seen.running
    if name and name not in found.ended:
        stacks = await probe.read(sandbox, what.plan.stacks, probe.MAX_STACKS)
        frames = parse_stacks(stacks or _end(done), what.paths)
        found.ended[name] = _death(name, done, stopped=bool(stacks), frames=frames)
    for other in found.seen.died:
        found.ended.setdefault(other, _death(other, None))


async def _again(sandbox: Sandbox, what: Watch, found: Watched) -> bool:
    """Make the next process leave out what has its result; False where the tests have made that impossible."""
    try:
        await sandbox.write_file(what.plan.stacks, b"")
        await what.plan.prepare(sandbox, [*found.seen.results, *found.ended])
    except OSError:
        return False
    return True


def _death(name: str, done: ExecResult | None, *, stopped: bool = False, frames: tuple[Frame, ...] = ()) -> TestResult:
    late = stopped or (done is not None and done.timed_out)
    crash = Crash(kind="Timeout" if late else "ProcessDied", message=_say(done, stopped=stopped), frames=frames)
    return TestResult(id=name, status="timeout" if late else "crashed", crash=crash, file=name.partition("::")[0])


def _say(done: ExecResult | None, *, stopped: bool) -> str:
    if stopped:
        return "no end within its limit, and no reaction to being interrupted"
    if done is None:
        return "the process died in this test"
    if done.exceeded:
        return f"the run was stopped in this test: {', '.join(done.exceeded)}"
    if done.signal is not None:
        return f"the process was ended by {_signal(done.signal)} in this test"
    return f"the process ended with exit code {done.exit_code} in this test"


def _signal(number: int) -> str:
    known = {int(each): each.name for each in signal.Signals}
    return known.get(number, f"signal {number}")


def _end(done: ExecResult) -> bytes:
    """What faulthandler printed is at the end of stderr."""
    return (done.stderr.head + done.stderr.tail)[-200_000:]
