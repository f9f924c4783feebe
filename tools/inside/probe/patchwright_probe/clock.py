"""Limits of one test: an exception in the test first, the end of the process behind it."""

from __future__ import annotations

import faulthandler
import os
import signal
import threading
import time
from types import FrameType
from typing import Any, List, Optional

from .crash import Described, Frame, stack
from .places import Places


class Timeout(BaseException):
    """Raised in the test that ran out of time. Not an Exception: code under test catches those."""


LEAST_PATIENCE_S, PATIENCE = 3.0, 20.0  # after a first timeout: seconds, and times the slowest test that ended


class Clock:
    """Timers of the running test, or of the file that is imported (`imports`: seconds that it may take).

    `fired`: where it was when its time was up (empty while it is not). Where it `tires`, the next tests and imports
    get less after one that has taken its whole limit: a suite full of hangs still ends.

    A test that swallows the exception gets it again every second. One that does not react at all (a C call, a lock
    held for ever) ends the process, its stacks written to `dump`.
    """

    def __init__(self, limit: float, imports: float, places: Places, dump: str, tires: bool) -> None:
        self.fired: List[Frame] = []
        self._limit, self._imports, self._places, self._tires = limit, imports, places, tires
        self._now, self._timer, self._signal = time.perf_counter, signal.setitimer, signal.signal
        self._hard, self._hard_off = faulthandler.dump_traceback_later, faulthandler.cancel_dump_traceback_later
        self._deadline, self._allowed = 0.0, limit
        self._began, self._slowest, self._slowest_import = 0.0, 0.0, 0.0
        self._armed = False
        self._previous: Any = None
        self._descriptor = _open(dump) if limit > 0 or imports > 0 else -1

    def now(self) -> float:
        """Seconds of a clock that tests cannot patch."""
        return self._now()

    def crash(self, what: str = "no end") -> Described:
        """How what ran out of time is reported."""
        return {"kind": "Timeout", "message": f"{what} within {self._allowed:g} s", "frames": self.fired}

    def guard(self) -> None:
        """The import of a file starts: until `release` it may be interrupted, and ended if that does not help."""
        self.fired = []
        if self._imports > 0:
            self._allowed, self._began = self._imports, self._now()
            self._hard(self._imports * 1.5 + 5, exit=True, file=self._descriptor)
            self._start(self._imports)

    def release(self) -> None:
        """The import is over."""
        self.disarm()
        if self._imports > 0:
            self._hard_off()
            if self.fired and self._tires:
                self._imports = min(self._imports, max(LEAST_PATIENCE_S, PATIENCE * self._slowest_import))
            elif not self.fired:
                self._slowest_import = max(self._slowest_import, self._now() - self._began)

    def begin(self) -> None:
        """A test starts."""
        self.fired = []
        self._allowed = self._limit
        self._began = self._now()
        self._deadline = self._began + self._limit
        if self._limit > 0:
            self._hard(self._limit * 1.5 + 5, exit=True, file=self._descriptor)

    def end(self) -> None:
        """The test is over."""
        if self._limit <= 0:
            return
        self._hard_off()
        if self.fired and self._tires:
            self._limit = min(self._limit, max(LEAST_PATIENCE_S, PATIENCE * self._slowest))
        elif not self.fired:
            self._slowest = max(self._slowest, self._now() - self._began)

    def tighten(self, own: float) -> None:
        """The running test has a shorter limit of its own."""
        self._allowed = min(self._allowed, own)
        self._deadline = min(self._deadline, self._now() + own)
        if self._armed:
            self._timer(signal.ITIMER_REAL, max(0.01, self._deadline - self._now()), 1.0)

    def arm(self, least: float = 0.1) -> None:
        """A phase of the test starts: from here to `disarm` the exception may be raised."""
        if self._limit > 0:
            self._start(max(least, self._deadline - self._now()))

    def _start(self, seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._previous = self._signal(signal.SIGALRM, self._ring)
        self._armed = True
        self._timer(signal.ITIMER_REAL, seconds, 1.0)

    def disarm(self) -> None:
        """The phase is over."""
        if not self._armed:
            return
        self._armed = False
        self._timer(signal.ITIMER_REAL, 0)
        self._signal(signal.SIGALRM, self._previous if self._previous is not None else signal.SIG_DFL)

    def _ring(self, _number: int, frame: Optional[FrameType]) -> None:
        if not self._armed:
            return
        if not self.fired:
            self.fired = stack(frame, self._places)
        raise Timeout("no end within the time limit")


def _open(path: str) -> int:
    """Where the last stacks go: a file, or standard error where none can be made."""
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return 2
