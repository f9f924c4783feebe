"""Finding out once what an endpoint can do: its window, where thinking comes, and how it is best asked for calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.model import Ask, EndpointFault, Message, ModelUnknown, RequestRefused, ToolCall, ToolSpec
from agent.vllm import calls, wire
from agent.vllm.stream import Raw, Reading
from agent.vllm.thinking import CLOSE, split
from agent.vllm.traits import Style, Traits
from agent.vllm.transport import Transport

CAP, ANSWER = 600, 300
WORD = "ready"
TOOL = ToolSpec(
    name="echo", description="Say a word back.",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)  # fmt: skip
ASK = Ask(
    messages=(
        Message(role="system", text="You use tools when asked to."),
        Message(role="user", text=f"Use the tool echo with the word {WORD!r}, at once, without explaining."),
    ),
    tools=(TOOL,), thinking=CAP, answer=ANSWER,
)  # fmt: skip
STYLES: tuple[Style, ...] = ("native", "json", "text")


async def probe(transport: Transport, model: str, now: Callable[[], float]) -> Traits:
    """Ask the endpoint what it tells, then try the styles in turn. Raises ModelError when it cannot be used at all."""
    traits = Traits(window=await window(transport, model))
    for style in STYLES:
        traits = traits.model_copy(update={"style": style})
        tried, traits = await _try(transport, model, traits, now)
        if tried is None:
            continue
        traits = traits.model_copy(update={"inline": traits.inline or (CLOSE in tried.content and not tried.reasoning)})
        if any(call.name == TOOL.name and not call.problem for call in read(tried, traits)):
            return traits
    return traits.model_copy(update={"style": "text"})


async def window(transport: Transport, model: str) -> int:
    """The model's window as /models tells it. Raises ModelUnknown naming the models there are."""
    rows = await models(transport)
    known = [str(row.get("id")) for row in rows]
    if known and model not in known:
        raise ModelUnknown(f"there is no model {model!r}; there is {', '.join(known)[:300]}")
    row = next((row for row in rows if row.get("id") == model), {})
    size = row.get("max_model_len") or row.get("context_length") or row.get("n_ctx")
    return size if isinstance(size, int) and size > 0 else Traits().window


async def models(transport: Transport) -> list[dict[str, Any]]:
    """The rows of /models; none for a server that has no such list."""
    try:
        found = await transport.get("/models")
    except (ModelUnknown, RequestRefused):
        return []
    rows = found.get("data") if isinstance(found, dict) else None
    return [row for row in rows if isinstance(row, dict)][:100] if isinstance(rows, list) else []


async def _try(transport: Transport, model: str, traits: Traits, now: Callable[[], float]) -> tuple[Raw | None, Traits]:
    """One request in a style; fields that are refused are left out once. None when the style is refused."""
    for less in ({}, {"budget": False}, {"extras": False}):
        tried = traits.model_copy(update=less)
        made = wire.body(ASK, model, tried, max_tokens=CAP + ANSWER)
        try:
            return await transport.chat(made, lambda: Reading(CAP + wire.TOP_K, now)), tried
        except RequestRefused:
            continue
        except EndpointFault:  # some servers die of what they do not support
            if tried.style == "text":
                raise
            return None, traits
    return None, traits


def read(raw: Raw, traits: Traits) -> tuple[ToolCall, ...]:
    """The calls in a raw answer, in whatever place the adapter would find them."""
    thinking, text = split(raw.reasoning, raw.content, inline=traits.inline)
    if raw.calls:
        return calls.native([raw.calls[index] for index in sorted(raw.calls)])
    answer = calls.answered(text) if traits.style == "json" else None
    found = answer[0] if answer else calls.written(text, (TOOL,))[0]
    return found or (() if text else calls.trailing(thinking, (TOOL,)))
