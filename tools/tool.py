"""Tools that a model may call, declared once each by a decorated function; the error shown to whoever asked.

    @tool(timeout_s=20, max_chars=6_000)
    async def search(desk: Desk, args: Search) -> str:
        '''What it does, for the model.'''

The docstring is the description, the arguments' model is the schema, the decorator holds the limits.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from tools.values import Value

Arguments = TypeVar("Arguments", bound=Value)
_NOISE = ("title", "default", "additionalProperties", "$defs", "minimum", "maximum")


class ToolError(Exception):
    """The request could not be served; the message says what was wrong and what to do."""


@dataclass(frozen=True)
class Tool:
    """timeout_s: seconds of wall clock of one call; max_chars: of its result that the model is shown."""

    name: str
    description: str
    arguments: type[Value]
    run: Callable[[Any, Any], Awaitable[str]]
    timeout_s: float
    max_chars: int

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, without what a model does not need."""
        return _bare(self.arguments.model_json_schema())


def tool(*, timeout_s: float, max_chars: int) -> Callable[[Callable[[Any, Arguments], Awaitable[str]]], Tool]:
    """Make a tool of an async function of a context and its arguments."""

    def made(function: Callable[[Any, Arguments], Awaitable[str]]) -> Tool:
        description = " ".join((inspect.getdoc(function) or "").split())
        kind: type[Value] = get_type_hints(function)["args"]
        return Tool(function.__name__.rstrip("_"), description, kind, function, timeout_s, max_chars)

    return made


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in schema.items() if name not in _NOISE}
    if "properties" in kept:
        kept["properties"] = {name: _bare(value) for name, value in kept["properties"].items()}
    kept.pop("description", None) if "properties" in kept else None
    return kept
