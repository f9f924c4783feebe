"""The tests of a run: chosen from what pytest collected, run one at a time, with failures as small data."""

import importlib
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from .wire import Message

MAX_TEXT = 300


class Outcome(NamedTuple):
    """One test or one group of tests: whether it passed, whether it was skipped, why it did not pass."""

    passed: bool
    skipped: bool = False
    failure: Optional[Message] = None


class Suite:
    """The collected tests by the ids that were asked for; the id of a file stands for all its tests."""

    def __init__(self, root: str, wanted: Sequence[str]) -> None:
        self.root = os.path.realpath(root) + os.sep
        self.wanted = list(wanted)
        self.groups: Dict[str, List[Any]] = {}
        self.broken: Dict[str, Message] = {}
        self._failure: Optional[Message] = None
        self._reports: List[Any] = []
        self._paths: Dict[str, str] = {}

    def collected(self, items: Sequence[Any]) -> List[Any]:
        """Keep the wanted tests, in their order."""
        wanted = set(self.wanted)
        kept = []
        for item in items:
            name = item.nodeid.split("::", 1)[0]
            for key in {item.nodeid, name} & wanted:
                self.groups.setdefault(key, []).append(item)
            if item.nodeid in wanted or name in wanted:
                item.repr_failure = item._repr_failure_py = _no_text  # formatting tracebacks costs more than tests
                kept.append(item)
        return kept

    def order(self, ids: Sequence[str]) -> List[str]:
        """The ids that were collected, as the files have them."""
        places = {id(item): place for place, item in enumerate(i for group in self.groups.values() for i in group)}
        known = [name for name in ids if self.groups.get(name)]
        return sorted(known, key=lambda name: places[id(self.groups[name][0])])

    def run(self, name: str, following: Optional[str] = None) -> Outcome:
        """Run a test; `following` is the next one of a series, whose fixtures of wider scope stay set up."""
        group = self.groups.get(name, [])
        broken = self.broken.get(name.split("::", 1)[0])
        if not group or broken is not None:
            return Outcome(False, failure=broken or {"kind": "NotCollected", "message": name[:MAX_TEXT]})
        after = self.groups.get(following, [None])[0] if following else None
        outcome = Outcome(True)
        for item, next_item in zip(group, [*group[1:], after]):
            outcome = self._run_item(item, next_item)
            if not outcome.passed and not (outcome.skipped and len(group) > 1):
                return outcome
        return Outcome(True) if len(group) > 1 else outcome

    def _run_item(self, item: Any, next_item: Any) -> Outcome:
        self._failure, self._reports = None, []
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
        failed = any(report.outcome == "failed" for report in self._reports)
        skipped = any(report.outcome == "skipped" for report in self._reports)
        if not failed and not skipped and self._reports:
            return Outcome(True)
        return Outcome(False, skipped, self._failure or {"kind": "Skipped" if skipped else "Failed"})

    def add(self, reports: Sequence[Any]) -> None:
        """Reports of the running test."""
        self._reports += reports

    def raised(self, item: Any, excinfo: Any) -> None:
        """The first exception of the running test is the one that is told."""
        if self._failure is None:
            self._failure = self.describe(excinfo.value, excinfo.tb, str(getattr(item, "path", item.fspath)))

    def describe(self, error: BaseException, traceback: Any, test_file: str) -> Message:
        """kind, message, innermost place inside the workspace, and the line of the test where it failed."""
        found: Message = {"kind": type(error).__name__, "message": text_of(error), "depth": 0}
        while traceback is not None:
            code = traceback.tb_frame.f_code
            path = self._path(code.co_filename)
            if path.startswith(self.root):
                found["file"], found["function"] = path[len(self.root) :], code.co_name
                found["line"], found["depth"] = traceback.tb_lineno, found["depth"] + 1
                if path == test_file and "at" not in found:
                    found["at"] = traceback.tb_lineno
            traceback = traceback.tb_next
        return found

    def _path(self, name: str) -> str:
        if name not in self._paths:
            self._paths[name] = os.path.realpath(name)
        return self._paths[name]


def _no_text(*_: Any, **__: Any) -> str:
    return ""


def text_of(error: BaseException) -> str:
    """What an exception says, bounded; "" when it cannot be asked."""
    try:
        return str(error)[:MAX_TEXT]
    except Exception:
        return ""


def run_pytest(suite: Suite, arguments: Sequence[str], serve: Callable[[Suite], None]) -> int:
    """Start pytest in the present directory, collect the files of the suite's ids, call `serve`; pytest's exit code.

    pytest is imported here, not before: a hot and a cold server import it at different times.
    """
    plugin = importlib.import_module(".plugin", __package__)
    return int(plugin.main(suite, arguments, serve))
