"""What the nodes are given: one frozen value, no globals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.artifacts import Artifacts
from agent.bench import Bench, Emit
from agent.mind import Mind


@dataclass(frozen=True)
class Deps:
    """bench: every effect on the world; artifacts: long texts by hash; now: monotonic seconds; emit: live progress;
    mind: the model behind its record, None when no endpoint is configured.
    """

    bench: Bench
    artifacts: Artifacts
    now: Callable[[], float]
    emit: Emit
    mind: Mind | None = None
