"""Batches of candidates and single confirmations, each run in children, with blame where a child dies."""

from typing import Any, Callable, List, Optional, Tuple

from . import work
from .items import Suite
from .runner import Runner, Told
from .sources import Mismatch, covered
from .supervise import DONE, TIMEOUT, Emit
from .wire import Message
from .work import Order, Trial

Tell = Callable[[Trial, Message], None]
_MOST_EXCLUDED = 5


class Damaged(Exception):
    """Files that every candidate needs were changed; this sandbox cannot be used on."""


def trial_of(raw: Any) -> Trial:
    """A candidate as the host sends it."""
    return Trial(raw["id"], tuple((e[0], int(e[1]), int(e[2]), e[3]) for e in raw["edits"]))


def order_of(raw: Any, known: Optional[Suite]) -> Order:
    """An order of tests as the host sends it, those of a series in file order."""
    ids = known.order(raw["ids"]) if known is not None and raw.get("sort") else raw["ids"]
    return Order(ids, raw["limits"], raw["default"], bool(raw.get("every")))


class Batch:
    """One request: candidates in chunks of `size`, a child each; results are told as they come."""

    def __init__(self, runner: Runner, request: Message, tell: Tell) -> None:
        self._runner = runner
        self._tell = tell
        self._size = 1 if runner.on_disk else max(1, int(request["size"]))
        self._order = order_of(request["order"], None)
        self._check = request["check"]
        self.polluted = 0

    def run(self, trials: List[Trial]) -> None:
        """Try all of them. Raises Damaged."""
        pending = [trial for trial in trials if self._fits(trial)]
        while pending:
            pending = self._chunk(pending[: self._size]) + pending[self._size :]

    def _fits(self, trial: Trial) -> bool:
        try:
            covered(trial.edits, self._runner.sources.known)
        except Mismatch as problem:
            self._tell(trial, {"verdict": "invalid", "note": str(problem)})
            return False
        return True

    def _chunk(self, chunk: List[Trial]) -> List[Trial]:
        """Run one child; returns what is left to do."""
        failed: List[Tuple[Trial, Message]] = []

        def on_result(at: int, result: Message) -> None:
            self._tell(chunk[at], result)
            if result["verdict"] == "failed":
                failed.append((chunk[at], result))

        told, ending = self._child(chunk, on_result)
        if ending != DONE and told.at != -1:
            at = told.at or 0
            self._tell(chunk[at], self._ended(told, ending))
            self._check_files()
            return chunk[at + 1 :]
        if told.last.get("clean") is False or ending != DONE:
            self._again(failed)
        if told.at is None and "unserved" in told.last:
            self._tell(chunk[0], _unserved(told))
        return chunk[told.last["rest"] :] if "rest" in told.last else []

    def _child(self, chunk: List[Trial], on_result: Callable[[int, Message], None]) -> Tuple[Told, str]:
        told = Told(on_result)
        with self._runner.placed(chunk[0]):
            ending = self._runner.run(lambda suite, emit: self._work(chunk, suite, emit), told.hear)
        if "damaged" in told.last:
            self._tell(chunk[told.at or 0], {"verdict": "damaged", "note": told.last["damaged"]})
            raise Damaged(told.last["damaged"])
        return told, ending

    def _work(self, chunk: List[Trial], suite: Suite, emit: Emit) -> None:
        if self._runner.world is not None:
            work.batch(self._runner.world, chunk, self._order, self._check, emit)
        else:
            emit({"at": 0, "result": work.run_all(suite, self._order, emit)})

    def _ended(self, told: Told, ending: str) -> Message:
        verdict = "timeout" if ending == TIMEOUT else "crashed"
        position = told.test if isinstance(told.test, int) else 0
        return {"verdict": verdict, "passed": list(range(position)), "note": told.last.get("error", "")}

    def _check_files(self) -> None:
        world = self._runner.world
        path = world.stamps.damaged() if world is not None else None
        if path:
            raise Damaged(path)

    def _again(self, failed: List[Tuple[Trial, Message]]) -> None:
        """A candidate changed what the others ran on: try those that failed once more, a child each."""
        self.polluted += 1
        for trial, before in failed:
            told, ending = self._child([trial], lambda _, __: None)
            after = told.results[0] if told.results else self._ended(told, ending)
            if after["verdict"] != "failed" or after["passed"] != before["passed"]:
                self._tell(trial, after)


def _unserved(told: Told) -> Message:
    failure = {"kind": "CollectionError", "message": "pytest ended with %s" % told.last["unserved"]}
    return {"verdict": "failed", "passed": [], "failure": failure}


class Confirmation:
    """One candidate alone in a fresh child: all failing tests, then the passing ones in file order."""

    def __init__(self, runner: Runner, request: Message) -> None:
        self._runner = runner
        self._request = request
        self._excluded: List[str] = []

    def run(self, trial: Trial) -> Message:
        """The verdict: plausible, regressed, failed, timeout, crashed, cold or invalid.

        A passing test that fails on the original code too, run the same way, is left out (excluded).
        """
        try:
            covered(trial.edits, self._runner.sources.known)
        except Mismatch as problem:
            return {"verdict": "invalid", "note": str(problem)}
        result = self._once(trial)
        while result["verdict"] in ("regressed", "timeout", "crashed") and len(self._excluded) < _MOST_EXCLUDED:
            culprit = result.get("regression")
            if culprit is None or self._once(None).get("regression") != culprit:
                break
            self._excluded.append(culprit)
            result = self._once(trial)
        return {**result, "excluded": self._excluded}

    def _once(self, trial: Optional[Trial]) -> Message:
        told = Told()
        with self._runner.placed(trial):
            ending = self._runner.run(lambda suite, emit: self._work(trial, suite, emit), told.hear)
        if told.results:
            return told.results[0]
        if "unserved" in told.last:
            return _unserved(told)
        verdict = "timeout" if ending == TIMEOUT else "crashed"
        return {"verdict": verdict, "regression": told.test if isinstance(told.test, str) else None}

    def _work(self, trial: Optional[Trial], suite: Suite, emit: Emit) -> None:
        failing = order_of(self._request["failing"], None)
        passing = order_of(self._request["passing"], suite)
        passing = passing._replace(ids=[name for name in passing.ids if name not in self._excluded])
        if trial is None:
            failing = failing._replace(ids=[])
        budget, world = float(self._request["budget"]), self._runner.world

        def action() -> Message:
            return work.confirm(suite, failing, passing, budget, emit)

        if trial is None or world is None:
            emit({"result": action()})
        else:
            emit({"result": work.swapped(world, trial, action)})
