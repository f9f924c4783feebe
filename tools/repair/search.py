"""Search for patches: candidates tried in fork servers, survivors confirmed alone, the plausible ones observed."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from sandbox.protocol import SandboxError
from tools.repair import trials
from tools.repair.behaviour import Observations
from tools.repair.board import Board
from tools.repair.compose import combinations
from tools.repair.fleet import OutOfServers, Slot, baseline, closing
from tools.repair.outcome import Plausible, Progress, SearchRequest, SearchResult
from tools.repair.plan import Measured, Plan, make
from tools.repair.schedule import Schedule, Task
from tools.repair.spoiled import spoiled
from tools.repair.trials import Verdict
from tools.repair.twins import Twins
from tools.repair.wire import ServerGone, TrialServer
from tools.values import Candidate

OnProgress = Callable[[Progress], None]
_COLD_BATCH = 4
_RETRY_BATCH = 8
_LEAST_GRACE_S = 1.0
_LEAST_RIVALS = 500  # candidates tried after the first plausible one, where there are as many worth it
_LANES = 2  # questions on their way to one server, so that it never waits for the host
_AGAIN = 2000  # failed candidates that are tried on every failing test
_SETTLE_S = 0.3
_FOLLOWED, _REPEATED = 300, 300  # candidates repeated at their twins at once, and after the single edits
_CONFIRMATIONS = 3  # tries, when the server dies of something else meanwhile


async def search(
    request: SearchRequest, candidates: Iterable[Candidate], *, on_progress: OnProgress = lambda _: None
) -> SearchResult:
    """Try candidates, best first, until enough are plausible, time is up or there are no more.

    Never raises for what the repository's code does; that ends in `notes`. Raises SandboxUnavailable. Cancelling it
    ends all servers.
    """
    started = time.monotonic()
    measured: list[Measured] = []
    notes: list[str] = []

    async def prepare(server: TrialServer) -> None:
        found = await baseline(server, request)
        if not measured:
            measured.extend(found)

    hot = [Slot(request, "hot", prepare) for _ in range(max(1, request.limits.workers))]
    async with closing(hot):
        ready = await _start(hot, notes)
        known = ready is not None and all(name in ready.ready.collected for name in request.failing)
        if ready is None or not known:
            notes += [f"not collected: {name}" for name in _missing(request, ready)]
            await asyncio.gather(*(slot.drop() for slot in hot))
            measured.clear()
        warm = ready.ready.modules if ready is not None else ()
        colds = max(1, request.limits.workers // 2) if known else max(1, request.limits.workers)
        cold = [Slot(request, "cold", prepare, warm) for _ in range(colds)]
        async with closing(cold):
            if not known and await _start(cold, notes) is None:
                return _nothing(started, notes)
            plan = make(request.failing, request.passing, measured, request.seconds)
            if not plan.order:
                return _nothing(started, [*notes, "the failing tests pass when they are run by the trial server"])
            run = _Run(request, plan, candidates, on_progress=on_progress, started=started, notes=notes, hot=known)
            await run.until_over(hot if known else [], cold)
            observations = await run.observe(hot if known else [], cold)
            return run.result(observations, [*hot, *cold])


async def _start(slots: Sequence[Slot], notes: list[str]) -> TrialServer | None:
    """Start all; one that started, or None with the reason in the notes."""
    found = await asyncio.gather(*(slot.server() for slot in slots), return_exceptions=True)
    servers = [server for server in found if isinstance(server, TrialServer)]
    if not servers:
        for error in found:
            if isinstance(error, BaseException) and not isinstance(error, ServerGone):
                raise error
        notes.append(f"tests cannot be collected: {found[0]}"[:2000])
        return None
    return servers[0]


def _missing(request: SearchRequest, ready: TrialServer | None) -> list[str]:
    return [] if ready is None else [name for name in request.failing if name not in ready.ready.collected][:5]


def _nothing(started: float, notes: Sequence[str]) -> SearchResult:
    return SearchResult((), Observations(), seconds=time.monotonic() - started, notes=tuple(notes))


class _Run:
    """One search under way: lanes of work over servers, all reading from one schedule."""

    def __init__(
        self,
        request: SearchRequest,
        plan: Plan,
        candidates: Iterable[Candidate],
        *,
        on_progress: OnProgress,
        started: float,
        notes: list[str],
        hot: bool,
    ) -> None:
        self._request = request
        self._limits = request.limits
        self._plan = plan
        self._candidates = iter(candidates)
        self._on_progress = on_progress
        self._started = started
        self._notes = notes
        self._board = Board(plan)
        self._twins = Twins(request.sources)
        self._followed = 0
        self._schedule = Schedule(self._stream(), hot=hot, levels=plan.levels)
        self._survivors: deque[tuple[Task, bool]] = deque()
        self._confirming = 0
        self._tried = 0
        self._singles_done = False
        self._found_at = 0.0
        self._found_after = 0
        self._phase = "single edits"
        self._changed = asyncio.Condition()

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    # -- what is tried, and for how long --------------------------------------------------------------------------

    def _stream(self) -> Iterator[Task | None]:
        """Single edits, repeated where they help; then, while nothing was found, partial fixes on every failing test;
        then combinations.
        """
        for candidate in self._candidates:
            yield from self._followed_up()
            if self._enough(candidate):
                break
            yield Task(candidate)
        else:
            self._singles_done = True
        yield None
        yield from self._followed_up()
        if len(self._plan.order) > 1 and not self._board.plausible:
            self._phase = "partial fixes"
            for candidate in list(self._board.kept[:_AGAIN]):
                yield Task(candidate, every=True)
            yield None
            yield from self._followed_up()
        if not self._board.plausible:
            self._phase = "pairs of edits"
            changed = sorted(self._board.changed, key=lambda candidate: -candidate.score)
            yield from itertools.islice((Task(twin) for one in changed for twin in self._twins.of(one)), _REPEATED)
            yield from (Task(candidate) for candidate in combinations(self._board))

    def _followed_up(self) -> Iterator[Task]:
        """What mends a test or gets further, done at the places that read alike."""
        while self._board.leads and not self._board.plausible and self._followed < _FOLLOWED:
            for twin in self._twins.of(self._board.leads.popleft()):
                if twin.id not in self._board.verdicts:
                    self._followed += 1
                    yield Task(twin)

    def _enough(self, candidate: Candidate) -> bool:
        self._tried += 1
        if self._tried > self._limits.candidates:
            return True
        if self._board.plausible:
            return candidate.score < self._limits.competitor * self._board.plausible[0].candidate.score
        return self._elapsed > self._limits.pairs_from * self._limits.wall_s

    @property
    def _over(self) -> bool:
        if len(self._board.plausible) >= self._limits.stop_after:
            return True
        if self._board.plausible and not (self._survivors or self._confirming):
            grace = min(self._limits.grace_s, max(_LEAST_GRACE_S, self._found_at))
            rivals = self._board.tried - self._found_after
            if self._elapsed > self._found_at + (grace if rivals >= _LEAST_RIVALS else self._limits.grace_s):
                return True
        return self._schedule.over and not (self._survivors or self._confirming)

    # -- lanes ----------------------------------------------------------------------------------------------------

    async def until_over(self, hot: Sequence[Slot], cold: Sequence[Slot]) -> None:
        """Work until the search is over or its time is up; servers still busy then are dropped."""
        lanes = {asyncio.create_task(self._lane(slot)): slot for slot in (*hot, *cold) for _ in range(_LANES)}
        try:
            async with asyncio.timeout(max(0.0, self._limits.wall_s - self._elapsed)):
                await self._wait(lanes)
        except TimeoutError:
            self._notes.append("time was up")
        finally:
            _, busy = await asyncio.wait(lanes, timeout=_SETTLE_S) if self._over else (set(), set(lanes))
            for lane in busy:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            for slot in {lanes[lane] for lane in busy}:
                await slot.drop()

    async def _wait(self, lanes: Iterable[asyncio.Task[None]]) -> None:
        pending = set(lanes)
        while pending and not self._over:
            done, pending = await asyncio.wait(pending, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
            for lane in done:
                lane.result()

    async def _lane(self, slot: Slot) -> None:
        cold = slot.mode == "cold"
        while not self._over:
            try:
                if not await self._step(slot, cold=cold):
                    async with self._changed:
                        await self._changed.wait()
                    continue
            except OutOfServers as error:
                self._notes.append(str(error))
                return
            async with self._changed:
                self._changed.notify_all()
            seconds = self._elapsed
            speed = self._board.tried / seconds if seconds else 0.0
            self._on_progress(Progress(self._board.tried, len(self._board.plausible), seconds, speed, self._phase))
        async with self._changed:
            self._changed.notify_all()

    async def _step(self, slot: Slot, *, cold: bool) -> bool:
        """Do one thing; False when there is nothing to do now."""
        for entry in self._survivors:
            if entry[1] == cold:
                self._survivors.remove(entry)
                await self._confirm(slot, entry[0], cold=cold)
                return True
        size = self._plan.batch
        tasks = self._schedule.next_cold(_COLD_BATCH) if cold else self._schedule.next_hot(size, _RETRY_BATCH)
        if not tasks:
            return False
        await self._batch(slot, tasks, cold=cold)
        return True

    async def _batch(self, slot: Slot, tasks: list[Task], *, cold: bool) -> None:
        by_id = {task.candidate.id: task for task in tasks}
        open_tasks = dict(by_id)
        begun = time.monotonic()

        def on_verdict(name: str, verdict: Verdict) -> None:
            task = by_id.get(name)
            if task is not None:
                open_tasks.pop(name, None)
                self._take(task, verdict, cold=cold)

        self._schedule.begin(tasks, cold=cold)
        try:
            server = await slot.server()
            first, group = tasks[0], [task.candidate for task in tasks]
            try:
                damaged = await trials.batch(
                    server, group, self._plan, self._request.sources, on_verdict, level=first.level, every=first.every
                )
            except ServerGone:
                self._died(list(open_tasks.values()))
                await slot.drop(server)
            else:
                for task in open_tasks.values():
                    self._schedule.put_back(task)
                if damaged:
                    await slot.drop(server)
        except ServerGone as error:  # it did not start again
            self._notes.append(str(error)[:300])
            self._died(list(open_tasks.values()))
        finally:
            self._schedule.end(tasks, time.monotonic() - begun, cold=cold)

    def _died(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if not self._schedule.died_with(task):
                self._board.take(task.candidate, Verdict("crashed", note="its server died"))

    def _take(self, task: Task, verdict: Verdict, *, cold: bool) -> None:
        if verdict.name == "survived":
            self._survivors.append((task, cold))
        elif verdict.name == "cold" and not cold:
            self._schedule.needs_cold(task)
            return
        elif verdict.name == "timeout" and not self._schedule.ran_out(task):
            self._board.timeouts += 1
        self._board.take(task.candidate, verdict)

    async def _confirm(self, slot: Slot, task: Task, *, cold: bool) -> None:
        self._confirming += 1
        candidate = task.candidate
        try:
            server = await slot.server()
            try:
                found = await self._alone(server, candidate)
            except ServerGone:
                await slot.drop(server)
                raise
        except ServerGone as error:
            if task.deaths + 1 < _CONFIRMATIONS:  # it may have died of another question
                self._survivors.append((replace(task, deaths=task.deaths + 1), cold))
                return
            found = trials.Confirmed("crashed", note=str(error))
        finally:
            self._confirming -= 1
        if found.name != "plausible":
            self._board.rejected += 1
            return
        if not self._found_at:
            self._found_at, self._found_after = self._elapsed, self._board.tried
        patch = Plausible(candidate, self._plan.failing, found.checked, len(self._plan.passing), found.excluded)
        self._board.plausible.append(replace(patch, at_s=self._elapsed, fresh=cold))

    async def _alone(self, server: TrialServer, candidate: Candidate) -> trials.Confirmed:
        """How a candidate does alone. It is no fix when a value that nobody can mean does as well in its place."""
        sources, budget = self._request.sources, self._limits.confirm_s
        found = await trials.confirm(server, candidate, self._plan, sources, budget_s=budget)
        twin = spoiled(candidate, sources) if found.name == "plausible" else None
        if twin is None:
            return found
        beside = await trials.confirm(server, twin, self._plan, sources, budget_s=budget)
        if beside.name != "plausible":
            return found
        note = f"not proposed, as the tests pass with any other text too: {candidate.description}"
        self._notes.append(note)
        return trials.Confirmed("unsupported", note=note)

    # -- afterwards -----------------------------------------------------------------------------------------------

    async def observe(self, hot: Sequence[Slot], cold: Sequence[Slot]) -> Observations:
        """How the plausible patches behave beside each other; empty when it cannot be observed."""
        groups = [(hot, [p.candidate for p in self._board.plausible if not p.fresh])]
        groups.append((cold, [p.candidate for p in self._board.plausible if p.fresh]))
        seen = Observations()
        whole = bool(groups[1][1])
        for slots, patches in groups:
            if slots and (patches or (whole and slots is hot)):
                files = [p.candidate for p in self._board.plausible] if slots is hot else patches
                seen = _joined(seen, await self._observed(slots[0], files, whole=whole))
        return seen

    async def _observed(self, slot: Slot, patches: list[Candidate], *, whole: bool) -> Observations:
        budget, sources = self._limits.observe_s, self._request.sources
        try:
            server = await slot.server()
            return await trials.observe(server, patches, self._plan.observed, sources, budget_s=budget, whole=whole)
        except (ServerGone, OutOfServers, SandboxError) as error:
            self._notes.append(f"behaviour was not observed: {error}"[:300])
            return Observations()

    def result(self, observations: Observations, slots: Sequence[Slot]) -> SearchResult:
        """What was found."""
        board = self._board
        return SearchResult(
            plausible=tuple(board.plausible),
            observations=observations,
            partial=board.partial_fixes(),
            tried=board.tried,
            timeouts=board.timeouts,
            crashes=board.crashes,
            rejected=board.rejected,
            seconds=self._elapsed,
            cpu_s=sum(slot.cpu_s for slot in slots),
            exhausted=self._singles_done and self._schedule.over,
            notes=tuple(dict.fromkeys(self._notes)),
        )


def _joined(one: Observations, other: Observations) -> Observations:
    """Observations of two servers; inputs are the same where their text is."""
    return Observations(calls={**other.calls, **one.calls}, effects={**other.effects, **one.effects})
