"""The service's log: JSON lines on standard error, whoever writes them, with the run and the trace that they are about.

What the settings keep secret, and what looks like a secret, is in none: also not within the traceback of a library.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from sandbox.redact import redact
from workflows.telemetry.tracing import ids

_DEEPEST = 6


def configure(secrets: Collection[str] = ()) -> None:
    """Called once by each process of the service. secrets: words that no line may hold."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _traced,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: list[Any] = [_redacted(secrets), structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*shared, *last],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            foreign_pre_chain=[_of_job, *shared, structlog.stdlib.add_logger_name],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it tells of every single try to connect


def _traced(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {**event, **ids()}


def _of_job(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The queue's lines name their job; its arguments name the run."""
    job = getattr(event.get("_record"), "job", None)
    run = job.get("task_kwargs", {}).get("run") if isinstance(job, dict) else None
    return {**event, "run": run} if run else event


def _redacted(secrets: Collection[str]) -> Callable[[WrappedLogger, str, EventDict], EventDict]:
    words = sorted((word for word in secrets if word), key=len, reverse=True)

    def blot(value: object, depth: int = 0) -> Any:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, dict) and depth < _DEEPEST:
            return {str(name): blot(one, depth + 1) for name, one in value.items()}
        if isinstance(value, list | tuple) and depth < _DEEPEST:
            return [blot(one, depth + 1) for one in value]
        text = str(value)
        for word in words:
            text = text.replace(word, "***")
        return redact(text)

    return lambda _, __, event: {name: blot(value) for name, value in event.items()}
