"""What watches a run: put around its nodes, its sandboxes, its model and the tools that it uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from opentelemetry.trace import SpanKind

from agent.bench import Hands
from agent.domain import Reasoner
from agent.model import Model
from sandbox.protocol import Sandboxes
from workflows.telemetry.figures import Figures
from workflows.telemetry.hands import WatchedHands
from workflows.telemetry.models import WatchedModel
from workflows.telemetry.sandboxes import watched
from workflows.telemetry.tracing import carried, joined, link, span


@dataclass(frozen=True)
class Watcher:
    """figures: where it counts; spans go to whoever collects those of the process."""

    figures: Figures

    @contextmanager
    def attempt(self, run: str, epoch: int, trace: str, previous: str) -> Iterator[tuple[Self, str]]:
        """One attempt at a run, below what submitted it and linked to the attempt before.

        trace, previous: their `traceparent`, "" for none. Yields this, and the attempt's own where anybody collects it.
        """
        attributes: dict[str, str | int] = {"patchwright.run": run, "patchwright.attempt": epoch}
        with (
            self.figures.working(),
            span(
                "run", kind=SpanKind.CONSUMER, parent=joined(trace), links=link(previous), attributes=attributes
            ) as made,
        ):
            yield self, carried() if made.is_recording() else ""

    @contextmanager
    def around(self, node: str) -> Iterator[None]:
        """A step of the machine."""
        with self.figures.node(node), span(f"node {node}", attributes={"patchwright.node": node}):
            yield

    def sandboxes(self, provider: Sandboxes) -> Sandboxes:
        """The provider, watched."""
        return watched(provider, self.figures)

    def model(self, model: Model, reasoner: Reasoner) -> Model:
        """The model, watched."""
        return WatchedModel(model, reasoner, self.figures)

    def hands(self, hands: Hands) -> Hands:
        """The hands, watched."""
        return WatchedHands(hands, self.figures)
