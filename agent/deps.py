"""What the nodes are given: one frozen value, no globals."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from agent.artifacts import Artifacts
from agent.bench import Bench, Emit
from agent.mind import Mind

Around = Callable[[str], AbstractContextManager[object]]


@dataclass(frozen=True)
class Deps:
    """bench: every effect on the world; artifacts: long texts by hash; now: monotonic seconds; emit: live progress;
    mind: the model behind its record, None when no endpoint is configured; around: what stands around each node, by
    its name, to time and to trace it.
    """

    bench: Bench
    artifacts: Artifacts
    now: Callable[[], float]
    emit: Emit
    mind: Mind | None = None
    around: Around = nullcontext
