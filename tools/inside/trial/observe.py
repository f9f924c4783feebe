"""Calls of the repaired functions recorded while tests run, varied, and replayed on the original and on candidates.

The inputs are the arguments as they were at each call (deep copies; what cannot be copied is left out). Every
candidate is replayed in a fork of the recording child, so that all meet the same inputs. A candidate that cannot be
swapped in records and replays in a world of its own; inputs are matched by their text.
"""

import copy
import inspect
import itertools
import random
import signal
import sys
import time
from types import CodeType, FrameType, FunctionType
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from . import swap, work
from .batches import trial_of
from .describe import describe, digest, plain
from .items import Suite
from .runner import Runner, Told
from .sources import Source
from .supervise import Emit, run_child
from .vary import variants
from .wire import Message
from .work import SPARE_S, Trial

_MOST_RECORDED = 200
_MOST_NEARBY = 200
_PER_INPUT = 5
_CALL_CPU_S = 0.1
_MOST_SLOW = 5
_TEXT = 160
_KEY_LIMIT = 20_000
_ITEMS = 500
_COPYING_S = 1.0


class Input(NamedTuple):
    """One call: of which function, with which arguments, and where it comes from (a test's kind, or "nearby")."""

    key: str
    function: Any  # a FunctionType, which mypy would bind as a method
    arguments: Tuple[Any, ...]
    keywords: Dict[str, Any]
    origin: str
    text: str


class _Slow(BaseException):
    """A replayed call took too long."""


class Recorder:
    """Keeps the arguments of calls to given functions, each distinct call once."""

    def __init__(self, functions: Sequence[FunctionType]) -> None:
        self._functions = {id(function.__code__): function for function in functions}
        self._share = max(20, _MOST_RECORDED // max(1, len(functions)))
        self._counts: Dict[int, int] = {}
        self._spent = 0.0
        self._frames: List[FrameType] = []
        self.inputs: Dict[str, Input] = {}
        self.origin = ""

    def hear(self, frame: FrameType, event: str, _: Any) -> None:
        """A profile function."""
        if event != "call" or id(frame.f_code) not in self._functions:
            return
        number = id(frame.f_code)
        full = len(self.inputs) >= _MOST_RECORDED or self._counts.get(number, 0) >= self._share
        if full or self._spent > _COPYING_S or self._resumed(frame):
            return
        started = time.perf_counter()
        self._take(frame, self._functions[number])
        self._spent += time.perf_counter() - started

    def _resumed(self, frame: FrameType) -> bool:
        """Whether a generator or coroutine goes on rather than starts."""
        if not frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
            return False
        if any(seen is frame for seen in self._frames):
            return True
        self._frames = [*self._frames[-200:], frame]
        return False

    def _take(self, frame: FrameType, function: FunctionType) -> None:
        try:
            made = _input(function, *copy.deepcopy(_arguments(frame)), self.origin)
        except Exception:
            return  # something in the arguments cannot be copied
        if made is not None and made.key not in self.inputs:
            self.inputs[made.key] = made
            self._counts[id(frame.f_code)] = self._counts.get(id(frame.f_code), 0) + 1


def _arguments(frame: FrameType) -> Tuple[Tuple[Any, ...], Dict[str, Any]]:
    code, values = frame.f_code, frame.f_locals
    positional = [values[name] for name in code.co_varnames[: code.co_argcount]]
    end = code.co_argcount + code.co_kwonlyargcount
    keywords = {name: values[name] for name in code.co_varnames[code.co_argcount : end]}
    if code.co_flags & inspect.CO_VARARGS:
        positional += values[code.co_varnames[end]]
        end += 1
    if code.co_flags & inspect.CO_VARKEYWORDS:
        keywords.update(values[code.co_varnames[end]])
    return tuple(positional), keywords


def _input(
    function: FunctionType, arguments: Tuple[Any, ...], keywords: Dict[str, Any], origin: str
) -> Optional[Input]:
    shown = [describe(value) for value in arguments] + ["%s=%s" % (n, describe(v)) for n, v in keywords.items()]
    text = "%s(%s)" % (function.__qualname__, ", ".join(shown))
    if len(text) > _KEY_LIMIT:
        return None
    return Input(digest(text), function, arguments, keywords, origin, text[:_TEXT])


def record(suite: Suite, functions: Sequence[FunctionType], tests: Sequence[Any], emit: Emit) -> List[Input]:
    """The calls that the tests (id, origin, limit) make to the functions."""
    recorder = Recorder(functions)
    for name, origin, limit in tests:
        emit({"limit": limit})
        recorder.origin = origin
        random.seed(0)
        sys.setprofile(recorder.hear)
        try:
            suite.run(name)
        finally:
            sys.setprofile(None)
    return list(recorder.inputs.values())


def nearby(recorded: Sequence[Input]) -> List[Input]:
    """Inputs near the recorded ones, without those."""
    rng = random.Random(0)  # noqa: S311 the same inputs each time
    known = {each.key for each in recorded}
    found: List[Input] = []
    for base in recorded:
        first = 1 if base.function.__code__.co_varnames[:1] in (("self",), ("cls",)) else 0
        for arguments in variants(base.arguments, first, rng, _PER_INPUT):
            made = _input(base.function, arguments, base.keywords, "nearby")
            if made is not None and made.key not in known and len(found) < _MOST_NEARBY:
                known.add(made.key)
                found.append(made)
    return found


def replay(inputs: Sequence[Input], emit: Emit) -> None:
    """Call every input's function on copies of its arguments and tell how each call ended."""
    _slow_calls_raise()
    slow = 0
    for each in inputs:
        outcome = _outcome(each)
        slow += outcome[0] == "slow"
        emit({"result": [each.key, *outcome]})
        if slow >= _MOST_SLOW:
            return


def _slow_calls_raise() -> None:
    def stop(*_: Any) -> None:
        raise _Slow

    signal.signal(signal.SIGPROF, stop)


def _outcome(each: Input) -> Tuple[str, str, str]:
    """How the call ended: kind (return, raise, slow, uncopied), digest, text."""
    try:
        arguments, keywords = copy.deepcopy((each.arguments, each.keywords))
    except Exception as error:
        return "uncopied", "", type(error).__name__
    random.seed(0)
    before = describe((arguments, keywords))
    try:
        signal.setitimer(signal.ITIMER_PROF, _CALL_CPU_S, 0.01)
        try:
            text, kind = describe(_drained(each.function(*arguments, **keywords))), "return"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except _Slow:
        return "slow", "slow", "took longer than %.1f s" % _CALL_CPU_S
    except BaseException as error:
        text, kind = plain("%s: %s" % (type(error).__name__, str(error)[:_TEXT])), "raise"
    after = describe((arguments, keywords))
    if after != before:
        return kind, digest(text + after), ("%s; arguments became %s" % (text, after))[:_TEXT]
    return kind, digest(text), text[:_TEXT]


def _drained(result: Any) -> Any:
    """What a generator or coroutine yields and returns; other values as they are."""
    if inspect.isgenerator(result):
        return list(itertools.islice(result, _ITEMS))
    if inspect.iscoroutine(result):
        try:
            result.send(None)
        except StopIteration as end:
            return end.value
        finally:
            result.close()
        return "suspended"
    return result


# -- the request ------------------------------------------------------------------------------------------------------


def observe(runner: Runner, request: Message, write: Callable[[Message], None]) -> Message:
    """Serve one request: inputs and outcomes of the original (id "") and of every candidate are written as messages."""
    trials = [trial_of(raw) for raw in request["trials"]]
    if runner.world is not None:
        endings = [_observe_in(runner, request, trials, None, write)]
    else:
        endings = [_observe_in(runner, request, [trial], trial, write) for trial in trials]
    return {"endings": endings}


def _observe_in(
    runner: Runner, request: Message, trials: List[Trial], placed: Optional[Trial], write: Callable[[Message], None]
) -> str:
    told = _Passing(write)

    def explore(suite: Suite, emit: Emit) -> None:
        live = runner.world.live if runner.world is not None else swap.Live(runner.sources.workspace)
        plans = _plans(live, runner.sources.known, trials) if placed is None else {trials[0].id: []}
        functions = _targets(live, runner.sources.known, plans, bool(request["whole"]) or placed is not None)
        recorded = record(suite, functions, request["tests"], emit)
        inputs = [*recorded, *nearby(recorded)]
        emit(
            {"inputs": [[each.key, each.origin, each.text] for each in inputs], "trial": "" if placed is None else "*"}
        )
        _compare(plans, inputs, float(request["budget"]), emit)

    with runner.placed(placed):
        return runner.run(explore, told.hear)


class _Passing(Told):
    """Writes what the exploring child tells to the host."""

    def __init__(self, write: Callable[[Message], None]) -> None:
        super().__init__()
        self._write = write

    def hear(self, record: Message) -> None:
        super().hear(record)
        if "inputs" in record or "outcomes" in record:
            self._write({"op": "observed", **record})


def _plans(live: swap.Live, sources: Dict[str, Source], trials: Sequence[Trial]) -> Dict[str, List[swap.Change]]:
    plans: Dict[str, List[swap.Change]] = {"": []}
    for trial in trials:
        try:
            plans[trial.id] = live.plan(sources, trial.edits)
        except (swap.Cold, SyntaxError, ValueError):
            continue
    return plans


def _targets(
    live: swap.Live, sources: Dict[str, Source], plans: Dict[str, List[swap.Change]], whole: bool
) -> List[FunctionType]:
    """Functions to watch: the edited ones first, then, when `whole`, all of their files."""
    changed = [change.function for plan in plans.values() for change in plan]
    others = [function for source in sources.values() for function in live.functions(source)] if whole else []
    distinct: Dict[CodeType, FunctionType] = {}
    for function in (*changed, *others):
        distinct.setdefault(function.__code__, function)
    return list(distinct.values())


def _compare(plans: Dict[str, List[swap.Change]], inputs: Sequence[Input], budget: float, emit: Emit) -> None:
    for name, plan in plans.items():
        emit({"limit": [budget + SPARE_S, budget + SPARE_S]})
        told = Told()

        def body(emit_inner: Emit, plan: List[swap.Change] = plan) -> None:
            swap.apply(plan)
            replay(inputs, emit_inner)

        run_child(body, [budget, budget * 2], told.hear, work.REPLAY_MEMORY)
        emit({"outcomes": told.results, "trial": name})
