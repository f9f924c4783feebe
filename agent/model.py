"""The Model protocol: messages in, one typed reply out; what every reasoner (vLLM, a scripted one) offers.

Error tree, all of which a node turns into evidence, never into a failed run:

    ModelError
      EndpointAway       nobody answers, or the answer broke off every time
      EndpointBusy       it answers "too many" (429, 503) every time
      EndpointFault      it answers with a server error (500, 502, 504) every time
      KeyRefused         wrong or missing key (401, 403)
      ModelUnknown       no model of that name (404)
      RequestRefused     it does not take the request (another 4xx); says what it said
      ContextOverflow    the messages are longer than the model's window
      Superseded         the reply is not needed any more, its request was cancelled
      ModelSlow          no complete reply within the time that was left
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import Field

from tools.values import Value

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "calls", "length", "repetition"]


class ModelError(Exception):
    """Root of everything a model raises; messages never hold a key."""


class EndpointAway(ModelError):
    """Nobody answers, or the answer broke off every time."""


class EndpointBusy(ModelError):
    """Overloaded every time it was asked."""


class EndpointFault(ModelError):
    """A server error every time it was asked."""


class KeyRefused(ModelError):
    """The key is wrong or missing."""


class ModelUnknown(ModelError):
    """The endpoint has no model of that name; the message lists those it has, when it tells."""


class RequestRefused(ModelError):
    """The endpoint does not take the request."""


class ContextOverflow(ModelError):
    """The messages do not fit into the model's window."""


class Superseded(ModelError):
    """The reply is not needed any more."""


class ModelSlow(ModelError):
    """The reply was not complete in time."""


class ToolSpec(Value):
    """A tool as a model sees it. parameters: a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ToolCall(Value):
    """A call as the model made it. problem: why its arguments cannot be read ("" when they can); raw: what it wrote."""

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    problem: str = ""
    raw: str = ""


class Message(Value):
    """One message. calls: of an assistant; call: id of the call that a tool message answers.

    note: a last line that is sent but does not count as content (what is left of the budget): it depends on the clock.
    """

    role: Role
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    call: str = ""
    note: str = ""


class Ask(Value):
    """One request. branch and step: whose, for the record; thinking and answer: most tokens of each;
    wall_s: seconds until the whole reply must be there.
    """

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    branch: str = ""
    step: int = 0
    temperature: float = 0.6
    seed: int | None = None
    thinking: int = 4096
    answer: int = 2048
    wall_s: float = 600.0


class Usage(Value):
    """Tokens of a reply, of all requests that it took. cached: prompt tokens found in the server's prefix cache;
    estimated: some were counted here, since the server did not tell.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def plus(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(
            prompt=self.prompt + other.prompt, completion=self.completion + other.completion,
            cached=self.cached + other.cached, estimated=self.estimated or other.estimated,
        )  # fmt: skip


class Reply(Value):
    """What came back. thinking is never sent again; notes: what had to be mended on the way; context: tokens of the
    messages and tools as the server's own tokenizer counted them, 0 when it did not tell;
    first_s: seconds to the first token; seconds: to the last one.
    """

    thinking: str = ""
    text: str = ""
    calls: tuple[ToolCall, ...] = ()
    finish: Finish = "stop"
    usage: Usage = Usage()
    context: int = 0
    notes: tuple[str, ...] = ()
    first_s: float = 0.0
    seconds: float = 0.0


class Model(Protocol):
    """Whoever thinks."""

    @property
    def window(self) -> int:
        """How many tokens the prompt and the reply may have together."""

    async def reply(self, ask: Ask) -> Reply:
        """The reply to `ask`. Raises ModelError; cancelling the call cancels the request on the server."""
