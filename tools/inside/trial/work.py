"""What a child does with the collected tests: a baseline, candidates one after another, or one confirmation.

Every function reports through `emit`: {"limit": …} opens the time slice of one test, {"result": …} is one answer,
{"at": i} says which candidate is in flight, so that a child that dies costs only that one.
"""

import sys
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from . import swap
from .isolation import Isolation, Stamps
from .items import Outcome, Suite
from .sources import Mismatch, Source
from .supervise import Emit
from .wire import Message

REPLAY_MEMORY = 512 << 20
SPARE_S = 5.0  # for what is not a test: compiling, the check at the end of a batch


class Trial(NamedTuple):
    """A candidate: its id and edits."""

    id: str
    edits: Tuple[Tuple[str, int, int, str], ...]


class World(NamedTuple):
    """What hot children share: tests, live functions, files, and a picture of the process."""

    suite: Suite
    live: swap.Live
    sources: Dict[str, Source]
    isolation: Isolation
    stamps: Stamps


class Order(NamedTuple):
    """Tests to run in order with the limits (CPU and wall seconds) of each. every: go on after a failure."""

    ids: Sequence[str]
    limits: Dict[str, List[float]]
    default: List[float]
    every: bool = False

    def limit(self, name: str) -> List[float]:
        return self.limits.get(name, self.default)


def run_all(suite: Suite, order: Order, emit: Emit, told: bool = False) -> Message:
    """Run tests, each with full teardown, until one fails (or all). passed: positions of the ones that passed.

    told: the time slice of the first test is open already.
    """
    passed, failure, cpu = [], None, []
    for position, name in enumerate(order.ids):
        if position or not told:
            emit({"limit": order.limit(name), "test": position})
        started = time.process_time()
        outcome = suite.run(name)
        cpu.append(round(time.process_time() - started, 6))
        if outcome.passed:
            passed.append(position)
            continue
        failure = failure or outcome.failure
        if not order.every:
            break
    verdict = "survived" if len(passed) == len(order.ids) else "failed"
    return {"verdict": verdict, "passed": passed, "failure": failure, "cpu": cpu}


def baseline(suite: Suite, ids: Sequence[str], limit: List[float], budget: float, emit: Emit) -> None:
    """Each test once on the original code; stops when `budget` wall seconds are used."""
    watch, begun = _Spawned(), time.monotonic()
    known = set(sys.modules)
    for position, name in enumerate(ids):
        if time.monotonic() - begun > budget:
            break
        emit({"limit": limit, "at": position})
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = suite.run(name)
        spent = [round(time.process_time() - cpu, 6), round(time.perf_counter() - wall, 6)]
        fields = {"passed": outcome.passed, "failure": outcome.failure, "cpu": spent[0], "wall": spent[1]}
        emit({"result": {"id": name, **fields, "spawns": watch.seen}})
    emit({"modules": sorted(name for name in set(sys.modules) - known if isinstance(name, str))[:500]})


class _Spawned:
    """Whether the code started another program since this was made."""

    def __init__(self) -> None:
        self.seen = False
        if hasattr(sys, "addaudithook"):
            sys.addaudithook(self._hear)

    def _hear(self, event: str, _: Any) -> None:
        if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"):
            self.seen = True


def batch(world: World, trials: Sequence[Trial], order: Order, check: Sequence[Message], emit: Emit) -> None:
    """Candidates one after another in this process, then the `check`: tests that must still end as they did.

    A result goes out together with the beginning of what is next: to wake the parent costs as much as a small test.
    """
    done: List[Message] = []
    for index, trial in enumerate(trials):
        limit = order.limit(order.ids[0]) if order.ids else [SPARE_S, SPARE_S]
        emit(*done, {"at": index, "limit": limit, "test": 0})
        result = swapped(world, trial, lambda: run_all(world.suite, order, emit, told=True))
        world.isolation.restore()
        damaged = world.stamps.damaged()
        if damaged:
            emit({"at": index, "damaged": damaged})
            return
        done = [{"result": result, "at": index}]
        if world.isolation.dirty() and index + 1 < len(trials):
            emit(*done, {"rest": index + 1})
            return
    emit(*done)
    if len(trials) > 1 and check:
        emit({"at": -1, "limit": [SPARE_S, SPARE_S]})
        emit({"clean": all(_same(world.suite, expected, order, emit) for expected in check)})


def swapped(world: World, trial: Trial, action: Callable[[], Message]) -> Message:
    """The result of `action` with the candidate swapped in, or why it cannot be."""
    changes, problem = planned(world, trial)
    if problem is not None:
        return problem
    world.live.clear_caches()
    swap.apply(changes)
    try:
        return action()
    finally:
        swap.undo(changes)
        world.live.clear_caches()


def planned(world: World, trial: Trial) -> Tuple[List[swap.Change], Optional[Message]]:
    """The changes of a candidate, or the verdict that it cannot be tried here."""
    try:
        return world.live.plan(world.sources, trial.edits), None
    except swap.Cold as reason:
        return [], {"verdict": "cold", "note": str(reason)}
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError, Mismatch) as error:
        return [], {"verdict": "invalid", "note": str(error)[:200]}


def _same(suite: Suite, expected: Message, order: Order, emit: Emit) -> bool:
    emit({"limit": order.limit(expected["id"]), "test": -1})
    return signature(suite.run(expected["id"])) == tuple(expected["signature"])


def signature(outcome: Outcome) -> Tuple[Any, ...]:
    """What must repeat for an outcome to count as the same."""
    failure = outcome.failure or {}
    return (outcome.passed, failure.get("kind", ""), failure.get("file", ""), failure.get("line", 0))


def confirm(suite: Suite, failing: Order, passing: Order, budget: float, emit: Emit) -> Message:
    """All failing tests alone, then the passing ones as a series in file order until the first that fails.

    The result's checked: passing tests that ran; regression: the one that failed.
    """
    result = run_all(suite, failing, emit)
    if result["verdict"] == "survived":
        result.update(_series(suite, passing, budget, emit))
    return result


def _series(suite: Suite, order: Order, budget: float, emit: Emit) -> Message:
    """Run tests as one session would, sharing fixtures of wider scope."""
    begun, checked = time.monotonic(), 0
    for name, following in zip(order.ids, [*order.ids[1:], None]):
        if time.monotonic() - begun > budget:
            break
        emit({"limit": order.limit(name), "test": name})
        outcome = suite.run(name, following)
        if not outcome.passed:
            return {"verdict": "regressed", "checked": checked, "regression": name, "failure": outcome.failure}
        checked += 1
    return {"verdict": "plausible", "checked": checked}
