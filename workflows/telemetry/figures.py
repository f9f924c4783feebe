"""What a worker counts about its runs. Labels have few values, known beforehand: never tenants, runs or paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from agent.model import Usage
from sandbox.protocol import ExecResult

_STEPS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
_REPLIES = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0)


class Figures:
    """Counters of one worker process, in a registry of its own. Seconds are of wall clock where nothing is said."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each counter, which nobody asks for
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter("patchwright_runs", "runs that ended here", ("state", "outcome"), registry=registry)
        self._released = Counter("patchwright_runs_released", "runs given back to the queue", registry=registry)
        self._asked = Counter("patchwright_runs_asked", "questions of runs", ("subject",), registry=registry)
        self._running = Gauge("patchwright_runs_working", "runs that this worker works on", registry=registry)
        self._callbacks = Counter(
            "patchwright_callbacks", "tries of callbacks by their end", ("state",), registry=registry
        )
        self._nodes = Histogram(
            "patchwright_node_seconds", "steps of the machine", ("node",), buckets=_STEPS, registry=registry
        )
        self._tools = Counter(
            "patchwright_tool_calls", "calls that a model made", ("tool", "result"), registry=registry
        )
        self._sandboxes_of(registry)
        self._models_of(registry)

    def _sandboxes_of(self, registry: CollectorRegistry) -> None:
        engine = ("engine",)
        self._open = Gauge("patchwright_sandboxes_open", "sandboxes that are open", engine, registry=registry)
        self._commands = Counter(
            "patchwright_sandbox_commands", "commands by their end", (*engine, "result"), registry=registry
        )
        self._seconds = Counter("patchwright_sandbox_seconds", "time of commands", engine, registry=registry)
        self._cpu = Counter("patchwright_sandbox_cpu_seconds", "processor time of commands", engine, registry=registry)
        self._exceeded = Counter(
            "patchwright_sandbox_exceeded", "commands that met a limit; memory: killed for it", (*engine, "limit"),
            registry=registry,
        )  # fmt: skip

    def _models_of(self, registry: CollectorRegistry) -> None:
        self._requests = Counter("patchwright_model_requests", "replies by their end", ("result",), registry=registry)
        self._tokens = Counter(
            "patchwright_model_tokens", "tokens; cached: of the prompt's", ("kind",), registry=registry
        )
        self._first = Histogram(
            "patchwright_model_first_token_seconds", "until a reply began", buckets=_REPLIES, registry=registry
        )
        self._replies = Histogram("patchwright_model_seconds", "whole replies", buckets=_REPLIES, registry=registry)

    def ended(self, state: str, outcome: str = "") -> None:
        """A run ended here."""
        self._runs.labels(state, outcome).inc()

    def released(self) -> None:
        """A run goes on elsewhere."""
        self._released.inc()

    def asked(self, subject: str) -> None:
        """A run waits for a person."""
        self._asked.labels(subject).inc()

    def called_back(self, state: str) -> None:
        """A callback was tried: "delivered", "due" again, or "given_up"."""
        self._callbacks.labels(state).inc()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A run is worked on."""
        with self._running.track_inprogress():
            yield

    @contextmanager
    def node(self, name: str) -> Iterator[None]:
        """A step of the machine."""
        with self._nodes.labels(name).time():
            yield

    def used(self, tool: str, *, ok: bool) -> None:
        """A model used a tool."""
        self._tools.labels(tool, "ok" if ok else "error").inc()

    @contextmanager
    def sandbox(self, engine: str) -> Iterator[None]:
        """A sandbox is open."""
        with self._open.labels(engine).track_inprogress():
            yield

    def ran(self, engine: str, result: ExecResult) -> None:
        """A command came to its end."""
        ended = "limit" if result.exceeded else "signal" if result.exit_code is None else "exit"
        self._commands.labels(engine, "ok" if result.ok else ended).inc()
        self._seconds.labels(engine).inc(max(0.0, result.wall_s))
        self._cpu.labels(engine).inc(max(0.0, result.cpu_s))
        for limit in result.exceeded:
            self._exceeded.labels(engine, limit).inc()

    def broke_off(self, engine: str, why: str, seconds: float) -> None:
        """A command has no result: "cancelled", or the sandbox is "gone"."""
        self._commands.labels(engine, why).inc()
        self._seconds.labels(engine).inc(seconds)

    def replied(self, usage: Usage, first_s: float, seconds: float) -> None:
        """A model replied."""
        self._requests.labels("ok").inc()
        for kind, tokens in (("prompt", usage.prompt), ("completion", usage.completion), ("cached", usage.cached)):
            self._tokens.labels(kind).inc(tokens)
        self._first.observe(first_s)
        self._replies.observe(seconds)

    def refused(self, kind: str) -> None:
        """A model did not reply; kind: the error's."""
        self._requests.labels(kind).inc()
