"""Which candidates are tried next: new ones in their order, and shares of time for dear ones and for second chances."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.values import Candidate

# Of all time while there are new candidates: for those that ran out of theirs, and for those that need a fresh import.
SHARES = {"retry": 0.2, "cold": 0.25}
_MOST_RETRIES = {1: 300, 2: 20}  # by level: endless loops are many, and each costs its whole limit
_END = object()
_SUSPECT = 2  # a candidate in flight when a server died, twice, is the one that kills


@dataclass(frozen=True, slots=True)
class Task:
    """A candidate to try. level: of its limits; every: run all failing tests; deaths: servers that died with it."""

    candidate: Candidate
    level: int = 0
    every: bool = False
    deaths: int = 0


@dataclass(slots=True)
class Schedule:
    """Hands out tasks. stream: new tasks, best first; None in it is a pause until no new task is under way.

    hot: whether there are servers with collected tests; without them every task is dear. levels: tries of a candidate
    that runs out of time.
    """

    stream: Iterator[Task | None]
    hot: bool
    levels: int
    exhausted: bool = False
    _under_way: dict[str, int] = field(default_factory=lambda: {"new": 0, "retry": 0, "cold": 0})
    _cold: list[tuple[float, int, Task]] = field(default_factory=list)
    _retries: list[tuple[int, float, int, Task]] = field(default_factory=list)
    _again: deque[Task] = field(default_factory=deque)
    _number: Iterator[int] = field(default_factory=itertools.count)
    _paused: bool = False
    _given: dict[int, int] = field(default_factory=dict)
    _spent_s: dict[str, float] = field(default_factory=lambda: {"new": 0.0, "retry": 0.0, "cold": 0.0})

    def needs_cold(self, task: Task) -> None:
        """This task needs a collection of its own."""
        heapq.heappush(self._cold, (-task.candidate.score, next(self._number), task))

    def ran_out(self, task: Task) -> bool:
        """This task ran out of time: another chance with more of it later; False when it had all its chances."""
        later = Task(task.candidate, task.level + 1, task.every)
        if later.level >= self.levels or self._given.get(later.level, 0) >= _MOST_RETRIES[later.level]:
            return False
        self._given[later.level] = self._given.get(later.level, 0) + 1
        heapq.heappush(self._retries, (later.level, -task.candidate.score, next(self._number), later))
        return True

    def died_with(self, task: Task) -> bool:
        """A server died with this task under way: try it again alone; False when that happened before."""
        if task.deaths + 1 >= _SUSPECT:
            return False
        self._again.append(Task(task.candidate, task.level, task.every, task.deaths + 1))
        return True

    def put_back(self, task: Task) -> None:
        """This task was not tried, through no fault of its own."""
        self._again.append(task)

    def begin(self, tasks: list[Task], *, cold: bool) -> None:
        """A server starts with these tasks."""
        self._under_way[_kind(tasks, cold=cold)] += len(tasks)

    def end(self, tasks: list[Task], seconds: float, *, cold: bool) -> None:
        """A server is done with these tasks after so long."""
        kind = _kind(tasks, cold=cold)
        self._under_way[kind] -= len(tasks)
        self._spent_s[kind] += seconds

    def _may(self, kind: str) -> bool:
        """Whether a kind of dear tasks has used less than its share; at the end it may have all."""
        return self.exhausted or self._spent_s[kind] < SHARES[kind] * sum(self._spent_s.values())

    def next_hot(self, size: int, small: int) -> list[Task]:
        """Up to `size` new tasks alike (or `small` of another kind); empty when there is nothing now."""
        if not self.hot:
            return []
        if self._again and self._again[0].deaths:
            return [self._again.popleft()]
        if self._retries and self._may("retry"):
            return self._second_chances(small)
        fresh = self._fresh(size)
        return fresh or (self._second_chances(small) if self.exhausted else [])

    def next_cold(self, size: int) -> list[Task]:
        """Up to `size` tasks for a server that collects anew for each."""
        if not self.hot:
            for task in self._fresh(size):
                self.needs_cold(task)
            while self._retries and len(self._cold) < size:
                self.needs_cold(heapq.heappop(self._retries)[3])
        elif not self._may("cold"):
            return []
        found: list[Task] = []
        while self._cold and len(found) < size and _alike(found, self._cold[0][2]):
            found.append(heapq.heappop(self._cold)[2])
        return found

    @property
    def over(self) -> bool:
        """Whether everything was tried."""
        return self.exhausted and not (self._cold or self._retries or self._again or any(self._under_way.values()))

    def _second_chances(self, size: int) -> list[Task]:
        found: list[Task] = []
        while self._retries and len(found) < size and _alike(found, self._retries[0][3]):
            found.append(heapq.heappop(self._retries)[3])
        return found

    def _fresh(self, size: int) -> list[Task]:
        found: list[Task] = []
        while len(found) < size:
            task = self._again.popleft() if self._again else self._from_stream(bool(found))
            if task is None:
                break
            if not _alike(found, task):
                self._again.appendleft(task)
                break
            found.append(task)
        return found

    def _from_stream(self, holding: bool) -> Task | None:
        """The next new task; None at the end, and in a pause while one is held or under way."""
        while not self.exhausted:
            if self._paused and (holding or self._under_way["new" if self.hot else "cold"]):
                return None
            self._paused = False
            task = next(self.stream, _END)
            if isinstance(task, Task):
                return task
            self._paused = task is None
            self.exhausted = task is _END
        return None


def _kind(tasks: list[Task], *, cold: bool) -> str:
    if cold:
        return "cold"
    return "retry" if tasks[0].level else "new"


def _alike(group: list[Task], task: Task) -> bool:
    return not group or (group[0].level, group[0].every, group[0].deaths) == (task.level, task.every, task.deaths)
