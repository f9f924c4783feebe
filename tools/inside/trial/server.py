"""The loop over the host's requests.

hot    pytest has collected the tests in this process; each request is served by forks of it
cold   nothing of the workspace is imported here; each candidate is written to disk and collected anew in a fork

Requests, one JSON object a line, answered by any number of lines of which the last has "done":
  start     workspace, cwd, mode, failing, passing, arguments, memory, startup, warm   → ready | failed
  baseline  ids, limit, budget, warm                                                   → test…, baseline
  batch     trials, order, check, size, hashes                                         → trial…, batch
  confirm   trial, failing, passing, budget, hashes                                    → confirmed
  observe   trials, tests, hashes, budget                                              → observed…, observe
"""

import gc
import os
import sys
from typing import Any, Callable, Dict, List, Optional, Sequence

from . import observe, swap, work
from .batches import Batch, Confirmation, Damaged, trial_of
from .isolation import Isolation, Stamps
from .items import Suite, run_pytest
from .runner import Runner, Told, drop_workspace, import_all
from .sources import Mismatch
from .supervise import DONE, Emit, adopt_orphans
from .wire import Channel, Message
from .work import World

_MOST_MODULES = 3000


def main() -> None:
    """Serve until the host closes the conversation. Never returns."""
    channel = Channel()
    start = channel.read()
    if start is not None:
        adopt_orphans()
        os.chdir(start["cwd"])
        sys.argv = ["pytest"]
        sys.path[0:0] = [start["cwd"]]  # as `python -m pytest` has it
        Server(channel, start).run()
    os._exit(0)


class Server:
    """One conversation: what was collected, and how each request is served."""

    def __init__(self, channel: Channel, start: Message) -> None:
        self._channel = channel
        self._start = start
        self._runner = Runner(start, channel.descriptors)
        self._root = os.path.realpath(start["workspace"]) + os.sep
        self._known = set(sys.modules)
        self._operations: Dict[str, Callable[[Message], Message]] = {
            "baseline": self._baseline,
            "batch": self._batch,
            "confirm": self._confirm,
            "observe": self._observe,
        }

    def run(self) -> None:
        """Collect (hot) or import what is not of the workspace (cold), then serve."""
        if self._start["mode"] == "hot":
            code = run_pytest(self._runner.suite(), self._start["arguments"], self._serve_hot)
            note = "pytest ended with %d\n%s" % (code, self._channel.mute())
            self._channel.write({"op": "failed", "note": note, "done": True})
            return
        import_all(["pytest", *self._start["warm"]])
        drop_workspace(self._start["workspace"])
        self._channel.mute()
        gc.collect()
        gc.freeze()
        self._channel.write({"op": "ready", "collected": [], "broken": {}, "modules": [], "done": True})
        self._serve()

    def _serve_hot(self, suite: Suite) -> None:
        said = self._channel.mute()
        self._runner.world = self._picture(suite)
        names = [name for name in suite.wanted if suite.groups.get(name)]
        ready = {"collected": suite.order(names), "broken": suite.broken, "modules": self._foreign(), "note": said}
        self._channel.write({"op": "ready", **ready, "done": True})
        self._serve()
        os._exit(0)

    def _foreign(self) -> List[str]:
        """Modules that the tests brought in and that are not of the workspace, in the order of their import."""
        kept = []
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name in self._known or not isinstance(file, str) or name.startswith("patchwright"):
                continue
            if not os.path.realpath(file).startswith(self._root):
                kept.append(name)
        return kept[:_MOST_MODULES]

    def _picture(self, suite: Suite) -> World:
        """The collected process as it is now; what exists now is left alone by the children's garbage collector."""
        gc.unfreeze()
        gc.collect()
        repaired = {source.real for source in self._runner.sources.known.values()}
        files = {name: os.path.realpath(str(getattr(m, "__file__", None) or "/")) for name, m in sys.modules.items()}
        names = [name for name, file in files.items() if file.startswith(self._root)]
        modules = [sys.modules[name] for name in sorted(names, key=lambda name: files[name] not in repaired)]
        tests = [os.path.join(self._root, name.split("::")[0]) for name in suite.wanted[:500]]
        stamps = Stamps([self._start["cwd"], *dict.fromkeys(tests)][:16])
        world = World(suite, swap.Live(self._root), self._runner.sources.known, Isolation(modules), stamps)
        gc.freeze()
        return world

    def _serve(self) -> None:
        while True:
            request = self._channel.read()
            if request is None:
                return
            sys.dont_write_bytecode = True
            before = _cpu_seconds()
            answer = self._operations[request["op"]](request)
            self._channel.write({"op": request["op"], **answer, "cpu_s": _cpu_seconds() - before, "done": True})

    def _load(self, request: Message) -> Optional[str]:
        """Read the files that a request's candidates change; what is wrong with them, if anything."""
        known = set(self._runner.sources.known)
        try:
            for file, digest in request["hashes"].items():
                self._runner.sources.get(file, digest)
        except Mismatch as problem:
            return str(problem)
        if self._runner.world is not None and known != set(self._runner.sources.known):
            self._runner.world = self._picture(self._runner.world.suite)
        return None

    def _baseline(self, request: Message) -> Message:
        """Tests on the original code, a new child after each that dies."""
        rest, modules, unserved = list(request["ids"]), [], None
        while rest:
            told = Told(lambda _, result: self._channel.write({"op": "test", **result}))

            def measure(suite: Suite, emit: Emit, ids: Sequence[str] = tuple(rest)) -> None:
                sys.dont_write_bytecode = False  # of unchanged files: makes the cold children after this one faster
                work.baseline(suite, ids, request["limit"], request["budget"], emit)

            ending = self._runner.run(measure, told.hear)
            modules += told.modules
            if ending == DONE or told.at is None:
                unserved = told.last.get("unserved", None if ending == DONE else ending)
                break
            self._channel.write({"op": "test", "id": rest[told.at], "passed": False, "ending": ending})
            rest = rest[told.at + 1 :]
        if request["warm"] and modules and self._runner.world is not None:
            import_all(modules)
            self._runner.world = self._picture(self._runner.world.suite)
        return {"unserved": unserved}

    def _batch(self, request: Message) -> Message:
        problem = self._load(request)
        trials = [trial_of(raw) for raw in request["trials"]]
        if problem is not None:
            for trial in trials:
                self._tell(trial, {"verdict": "invalid", "note": problem})
            return {"polluted": 0}
        self._runner.on_disk = self._start["mode"] == "cold" or bool(request.get("on_disk"))
        batch = Batch(self._runner, request, self._tell)
        try:
            batch.run(trials)
        except (Damaged, OSError) as error:
            return {"polluted": batch.polluted, "damaged": str(error)}
        return {"polluted": batch.polluted}

    def _tell(self, trial: Any, result: Message) -> None:
        self._channel.write({"op": "trial", "id": trial.id, **result})

    def _confirm(self, request: Message) -> Message:
        problem = self._load(request)
        if problem is not None:
            return {"verdict": "invalid", "note": problem}
        try:
            return Confirmation(self._runner, request).run(trial_of(request["trial"]))
        except OSError as error:
            return {"verdict": "damaged", "note": str(error)}

    def _observe(self, request: Message) -> Message:
        problem = self._load(request)
        if problem is not None:
            return {"note": problem}
        return observe.observe(self._runner, request, self._channel.write)


def _cpu_seconds() -> float:
    """CPU time of this process and of its finished children."""
    return sum(os.times()[:4])
