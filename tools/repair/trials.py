"""The questions that a search asks a trial server, with answers as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.repair.behaviour import Call, Effect, Observations
from tools.repair.edits import digest
from tools.repair.plan import Measured, Plan
from tools.repair.wire import Message, ServerGone, TrialServer
from tools.values import Candidate

_PATIENCE_S = 30.0  # beyond what the limits of the tests allow
_IMPORT_S = 60.0
_OTHER_LIMIT = [5.0, 10.0]  # of passing tests whose time is not known
_ORIGINS = {"failing", "passing", "nearby"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one candidate. name: survived, failed, timeout, crashed, cold, invalid or damaged."""

    name: str
    passed: tuple[int, ...] = ()
    failure: Mapping[str, Any] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """name: plausible, regressed, failed, timeout, crashed, cold, invalid; checked: passing tests that ran."""

    name: str
    checked: int = 0
    excluded: tuple[str, ...] = ()
    note: str = ""


async def measure(
    server: TrialServer, ids: Sequence[str], *, limit: Sequence[float], budget_s: float
) -> tuple[Measured, ...]:
    """Run tests on the original code, until the budget is used. Raises ServerGone."""
    found: list[Measured] = []
    request = {"op": "baseline", "ids": list(ids), "limit": list(limit), "budget": budget_s, "warm": True}
    timeout = limit[1] + budget_s + _IMPORT_S + _PATIENCE_S
    await server.ask(request, lambda line: found.append(_measured(line)), timeout_s=timeout)
    return tuple(found)


async def batch(
    server: TrialServer,
    candidates: Sequence[Candidate],
    plan: Plan,
    sources: Mapping[str, str],
    on_verdict: Callable[[str, Verdict], None],
    *,
    level: int = 0,
    every: bool = False,
) -> str:
    """Try candidates; verdicts come with their candidate's id, a later one for the same id replaces an earlier one.

    every: run all failing tests, not only up to the first that fails. Returns what was damaged in the sandbox, which is
    then of no more use ("" for nothing). Raises ServerGone.
    """
    limits = plan.limits(level)
    order = {"ids": list(plan.order), "limits": limits, "default": limits[plan.order[0]], "every": every}
    request = {
        "op": "batch",
        "trials": [_wired(candidate) for candidate in candidates],
        "order": order,
        "check": plan.check,
        "size": plan.chunk if level == 0 else 1,
        "on_disk": plan.on_disk,
        "hashes": _hashes(candidates, sources),
    }
    timeout = sum(limits[name][1] for name in plan.order) * 3 + _PATIENCE_S
    answer = await server.ask(request, lambda line: _tell(line, on_verdict), timeout_s=timeout + _IMPORT_S)
    return str(answer.get("damaged", ""))


async def confirm(
    server: TrialServer, candidate: Candidate, plan: Plan, sources: Mapping[str, str], *, budget_s: float
) -> Confirmed:
    """One candidate alone: all failing tests, then the passing ones in file order. Raises ServerGone."""
    limits = plan.confirming
    passing = {"ids": list(plan.passing), "limits": plan.passing_limits(), "default": _OTHER_LIMIT, "sort": True}
    request = {
        "op": "confirm",
        "trial": _wired(candidate),
        "failing": {"ids": list(plan.failing), "limits": limits, "default": _OTHER_LIMIT},
        "passing": passing,
        "budget": budget_s,
        "hashes": _hashes([candidate], sources),
    }
    timeout = (sum(limit[1] for limit in limits.values()) + budget_s + _PATIENCE_S) * 2 + _IMPORT_S
    answer = await server.ask(request, lambda _: None, timeout_s=timeout)
    excluded = answer.get("excluded") or []
    note = str(answer.get("regression") or answer.get("note") or "")
    return Confirmed(str(answer.get("verdict")), _int(answer.get("checked", 0)), tuple(map(str, excluded)), note)


async def observe(
    server: TrialServer,
    candidates: Sequence[Candidate],
    tests: Sequence[tuple[str, str, Sequence[float]]],
    sources: Mapping[str, str],
    *,
    budget_s: float,
    whole: bool,
) -> Observations:
    """Record calls while tests (id, origin, limit) run, and replay them on the original and on each candidate.

    whole: watch all functions of the edited files, not only the edited ones. Raises ServerGone.
    """
    calls: dict[str, Call] = {}
    effects: dict[str, dict[str, Effect]] = {}

    def take(line: Message) -> None:
        for raw in line.get("inputs", ()):
            call = _call(raw)
            calls.setdefault(call.key, call)
        if "outcomes" in line:
            effects[str(line["trial"])] = _effects(line["outcomes"])

    request = {
        "op": "observe",
        "trials": [_wired(candidate) for candidate in candidates],
        "tests": [[name, origin, list(limit)] for name, origin, limit in tests],
        "whole": whole,
        "budget": budget_s,
        "hashes": _hashes(candidates, sources),
    }
    timeout = sum(limit[1] for _, _, limit in tests) + (budget_s * 2 + 5) * (len(candidates) + 1) + _PATIENCE_S
    await server.ask(request, _checked(take), timeout_s=timeout)
    return Observations(calls=calls, effects=effects)


def _checked(take: Callable[[Message], None]) -> Callable[[Message], None]:
    """Answers come from where hostile code runs: a wrong shape is the end of that server, not of the search."""

    def checked(line: Message) -> None:
        try:
            take(line)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ServerGone(f"an answer of the wrong shape: {error}") from error

    return checked


def _wired(candidate: Candidate) -> Message:
    return {"id": candidate.id, "edits": [[e.file, e.start, e.end, e.text] for e in candidate.edits]}


def _hashes(candidates: Sequence[Candidate], sources: Mapping[str, str]) -> dict[str, str]:
    files = {edit.file for candidate in candidates for edit in candidate.edits}
    return {file: digest(sources[file]) for file in sorted(files) if file in sources}


def _tell(line: Message, on_verdict: Callable[[str, Verdict], None]) -> None:
    def take(message: Message) -> None:
        passed = tuple(_int(position) for position in message.get("passed") or ())
        failure = message.get("failure")
        told = failure if isinstance(failure, dict) else None
        on_verdict(str(message["id"]), Verdict(str(message["verdict"]), passed, told, str(message.get("note") or "")))

    _checked(take)(line)


def _measured(line: Message) -> Measured:
    failure = line.get("failure")
    return Measured(
        id=str(line.get("id")),
        passed=line.get("passed") is True,
        ending=str(line.get("ending", "done")),
        cpu_s=_float(line.get("cpu", 0.0)),
        wall_s=_float(line.get("wall", 0.0)),
        failure=failure if isinstance(failure, dict) else None,
        spawns=line.get("spawns") is True,
    )


def _call(raw: Any) -> Call:
    key, origin, text = map(str, raw)
    if origin not in _ORIGINS:
        raise ValueError(origin)
    return Call(key, origin, text)  # type: ignore[arg-type]


def _effects(raw: Any) -> dict[str, Effect]:
    found = {}
    for key, kind, mark, text in raw:
        if kind != "uncopied":
            found[str(key)] = Effect(str(kind), str(mark), str(text))
    return found


def _float(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _int(value: Any) -> int:
    return value if isinstance(value, int) else 0
