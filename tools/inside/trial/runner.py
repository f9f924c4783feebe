"""How work gets done in a child: a fork of the collected process (hot), or a collection of its own (cold)."""

import contextlib
import os
import sys
from typing import Any, Callable, Iterator, List, Optional, Sequence

from .items import Suite, run_pytest
from .sources import Sources
from .supervise import Body, Emit, Record, run_child
from .wire import Message
from .work import SPARE_S, Trial, World

Work = Callable[[Suite, Emit], None]


class Told:
    """What a child reported until its end."""

    def __init__(self, on_result: Optional[Callable[[int, Message], None]] = None) -> None:
        self._on_result = on_result
        self.results: List[Message] = []
        self.modules: List[str] = []
        self.at: Optional[int] = None
        self.test: Any = None
        self.last: Message = {}

    def hear(self, record: Record) -> None:
        """Take one record."""
        self.at = record.get("at", self.at)
        self.test = record.get("test", self.test)
        self.modules += record.get("modules", ())
        if "result" in record:
            self.results.append(record["result"])
            if self._on_result is not None:
                self._on_result(self.at or 0, record["result"])
        elif "limit" not in record:
            self.last.update(record)


class Runner:
    """Runs work in children. world: set when this process holds the collected tests (hot)."""

    def __init__(self, start: Message, private: Sequence[int]) -> None:
        self._private = private
        self.sources = Sources(start["workspace"])
        self.world: Optional[World] = None
        self.on_disk = start["mode"] == "cold"
        self.startup: Sequence[float] = start["startup"]
        self._start = start

    def suite(self) -> Suite:
        """The tests that were asked for, not collected yet."""
        return Suite(self._start["workspace"], [*self._start["failing"], *self._start["passing"]])

    def run(self, work: Work, hear: Callable[[Record], None]) -> str:
        """Run `work` in a child; how it ended."""
        world, memory = self.world, int(self._start["memory"])
        if world is not None:
            suite = world.suite
            return run_child(lambda emit: work(suite, emit), (SPARE_S, SPARE_S), hear, memory, self._private)
        return run_child(self._collecting(work), self.startup, hear, memory, self._private)

    def _collecting(self, work: Work) -> Body:
        def body(emit: Emit) -> None:
            served: List[int] = []

            def serve(suite: Suite) -> None:
                served.append(1)
                work(suite, emit)

            code = run_pytest(self.suite(), self._start["arguments"], serve)
            if not served:
                emit({"unserved": code})

        return body

    @contextlib.contextmanager
    def placed(self, trial: Optional[Trial]) -> Iterator[None]:
        """The candidate on disk for the while, where children read files."""
        if trial is None or not self.on_disk:
            yield
            return
        try:
            self.sources.write(trial.edits)
            yield
        finally:
            self.sources.restore(trial.edits)


def import_all(names: Sequence[str]) -> None:
    """Import modules by name; those that do not import are left out."""
    for name in names:
        if name not in sys.modules:
            with contextlib.suppress(BaseException):
                __import__(name)


def drop_workspace(workspace: str) -> None:
    """Forget modules that come from the workspace."""
    root = os.path.realpath(workspace) + os.sep
    for name, module in list(sys.modules.items()):
        if os.path.realpath(str(getattr(module, "__file__", None) or "/")).startswith(root):
            del sys.modules[name]
