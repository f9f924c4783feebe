"""A model that says what a scenario wrote, turn by turn; one that is asked more than was written fails the test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agent.model import Ask, EndpointAway, Finish, ModelError, Reply, ToolCall, Usage

Turn = Reply | ModelError | Callable[[Ask], Reply]
TOKENS = Usage(prompt=400, completion=100, cached=300)


def call(name: str, **arguments: Any) -> Reply:
    """One call."""
    return calls((name, arguments))


def calls(*made: tuple[str, dict[str, Any]]) -> Reply:
    """Several calls in one turn."""
    rows = [ToolCall(id=f"c{number}", name=name, arguments=arguments) for number, (name, arguments) in enumerate(made)]
    return Reply(calls=tuple(rows), finish="calls", usage=TOKENS)


def say(text: str, finish: Finish = "stop") -> Reply:
    """A final answer."""
    return Reply(text=text, finish=finish, usage=TOKENS)


@dataclass
class ScriptedModel:
    """turns: by branch ("" for all that are not named), each in order; asks: what it was asked.

    Verified patches are told apart and explained only where that is scripted, as the branches "tell" and "explain".
    """

    turns: dict[str, list[Turn]]
    window: int = 32_768
    asks: list[Ask] = field(default_factory=list)

    async def reply(self, ask: Ask) -> Reply:
        if ask.branch in ("tell", "explain") and ask.branch not in self.turns:
            raise EndpointAway(f"no turn of {ask.branch} was scripted")
        self.asks.append(ask)
        script = self.turns.get(ask.branch, self.turns.get(""))
        if not script:
            raise AssertionError(f"branch {ask.branch} asks more than was scripted: {ask.messages[-1]}")
        turn = script.pop(0)
        if isinstance(turn, ModelError):
            raise turn
        return turn if isinstance(turn, Reply) else turn(ask)
