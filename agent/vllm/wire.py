"""Requests as each style of endpoint takes them: native tool calls, grammar-constrained JSON, or action blocks in text.

Sampling is the model card's: temperature 0.6, top_p 0.95, top_k 20 to 40, min_p 0; never greedy. Thinking is not sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from agent.model import Ask, Message, ToolCall, ToolSpec
from agent.vllm.traits import Prefill, Style, Traits

TOP_P, TOP_K, MIN_P = 0.95, 30, 0.0
LOOPING_PENALTY = 1.0
CHARACTERS_PER_TOKEN = 3.2
# What tokenizers and chat templates of this and other models read as the end of a turn or the start of another role.
_REST = (
    r"(?:\|[^\s|<>]{1,40}\|>|｜[^\s<>]{1,40}｜>|/?(?:think|tool_call|tool_response|start_of_turn|end_of_turn)>|/s>"
    r"|</?SYS>>)"
)
_CONTROL = re.compile(rf"<(?={_REST})|\[(?=/?INST\])", re.IGNORECASE)
_APART = re.compile(rf"(<) (?={_REST})|(\[) (?=/?INST\])", re.IGNORECASE)
_COUNTED = ("model", "messages", "tools", "continue_final_message", "add_generation_prompt")
_TEXT = """

You act by writing one action block at the end of your reply, each argument between its own tags, taken literally:

<action name="TOOL">
<argument>
value
</argument>
</action>

Its result comes in the next message. A reply without an action block is your final answer. Tools:
"""
_JSON = """

Reply with one JSON object: {"tool": NAME, "arguments": {...}} to use a tool, or {"answer": TEXT} as your final answer.
The result of a tool comes in the next message. Tools:
"""
_ENOUGH = "I have thought enough. I decide with what I know and act now."
_NOTES = """You have thought long enough. The end of your notes:

{notes}

Do not think any further: act or answer now."""


def body(ask: Ask, model: str, traits: Traits, *, max_tokens: int, penalty: float = 0.0) -> dict[str, Any]:
    """The body of one streamed chat completion."""
    made: dict[str, Any] = {
        "model": model, "messages": messages(ask, traits.style), "stream": True,
        "stream_options": {"include_usage": True}, "temperature": max(0.1, ask.temperature), "top_p": TOP_P,
        "max_tokens": max_tokens,
    }  # fmt: skip
    if ask.seed is not None:
        made["seed"] = ask.seed
    if penalty:
        made["presence_penalty"] = penalty
    if traits.extras:
        made |= {"top_k": TOP_K, "min_p": MIN_P}
    if traits.extras and traits.budget:
        made["thinking_token_budget"] = ask.thinking
    if ask.tools and traits.style == "native":
        made["tools"] = [_native(tool) for tool in ask.tools]
    if ask.tools and traits.style == "json":
        made["response_format"] = _grammar(ask.tools)
    return made


def harmless(text: str) -> str:
    """Text in which no token can end a turn and begin another role: the first sign of each stands apart."""
    return _CONTROL.sub(r"\g<0> ", text)


def meant(call: ToolCall) -> ToolCall:
    """A call as it was meant: what `harmless` showed apart is one again, so that code with such marks can be edited."""
    return call.model_copy(update={"arguments": _whole(call.arguments)})


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _APART.sub(lambda match: match[0][0], value)
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return [_whole(item) for item in value] if isinstance(value, list) else value


def begun(made: dict[str, Any], thinking: str, prefill: Prefill) -> dict[str, Any]:
    """The request that goes on after thinking that was ended for the model; left open, the server ends it at once."""
    text = f"<think>\n{harmless(thinking.strip())}\n\n{_ENOUGH}\n"
    changes: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}
    left = {name: value for name, value in made.items() if name != "thinking_token_budget"}
    if prefill == "open":
        changes["thinking_token_budget"] = 0
    else:
        text += "</think>\n\n"
    return {**left, **changes, "messages": [*made["messages"], {"role": "assistant", "content": text}]}


def urged(made: dict[str, Any], thinking: str) -> dict[str, Any]:
    """The same for servers that cannot go on with an answer that was begun: asked in words."""
    text = _NOTES.format(notes=harmless(thinking.strip()[-3000:]))
    messages = list(made["messages"])
    if messages and messages[-1]["role"] == "user":
        messages[-1] = {"role": "user", "content": f"{messages[-1]['content']}\n\n{text}"}
    else:
        messages.append({"role": "user", "content": text})
    return {**made, "messages": messages}


def counted(made: dict[str, Any]) -> dict[str, Any]:
    """The request that has a server count a prompt's tokens."""
    return {name: made[name] for name in _COUNTED if name in made}


def estimate(made: dict[str, Any]) -> int:
    """About how many tokens a request's prompt has."""
    texts = len(json.dumps(made.get("messages", []))) + len(json.dumps(made.get("tools", [])))
    return int(texts / CHARACTERS_PER_TOKEN) + 16


def messages(ask: Ask, style: Style) -> list[dict[str, Any]]:
    """The messages in the form that a style needs. Every prefix of the list stays as it was sent before."""
    if style == "native":
        return [_plain(message) for message in ask.messages]
    rows: list[dict[str, Any]] = []
    names = {call.id: call.name for message in ask.messages for call in message.calls}
    for message in ask.messages:
        role, text = _told(message, style, names)
        if message.role == "system" and ask.tools:
            text += _manual(ask.tools, style)
        if rows and rows[-1]["role"] == role == "user":
            rows[-1]["content"] += f"\n\n{text}"
        else:
            rows.append({"role": role, "content": text})
    return rows


def _plain(message: Message) -> dict[str, Any]:
    row: dict[str, Any] = {"role": message.role, "content": _content(message)}
    if message.calls:
        row["tool_calls"] = [
            {"id": call.id, "type": "function",
             "function": {"name": harmless(call.name) or "unknown", "arguments": harmless(json.dumps(_sent(call)))}}
            for call in message.calls
        ]  # fmt: skip
    if message.role == "tool":
        row["tool_call_id"] = message.call
    return row


def _content(message: Message) -> str:
    """What is sent of a message. The model's own words are no exception: it quotes strangers."""
    text = message.text if message.role == "system" else harmless(message.text)
    return f"{text}\n{message.note}" if message.note else text


def _sent(call: ToolCall) -> dict[str, Any]:
    return {"unreadable": call.raw[:1000]} if call.problem else call.arguments


def _told(message: Message, style: Style, names: dict[str, str]) -> tuple[str, str]:
    if message.role == "tool":
        return "user", f"Result of {harmless(names.get(message.call, 'the call'))}:\n{_content(message)}"
    if not message.calls:
        return message.role, _content(message)
    blocks = [_block(call) if style == "text" else json.dumps({"tool": call.name, "arguments": _sent(call)})
              for call in message.calls]  # fmt: skip
    said = [message.text] if message.text and style == "text" else []
    return message.role, harmless("\n".join([*said, *blocks]))


def _block(call: ToolCall) -> str:
    values = "".join(f"<{name}>\n{_spelled(value)}\n</{name}>\n" for name, value in _sent(call).items())
    return f'<action name="{call.name}">\n{values}</action>'


def _spelled(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _manual(tools: Sequence[ToolSpec], style: Style) -> str:
    rows = []
    for tool in tools:
        required = set(tool.parameters.get("required", ()))
        arguments = [
            f"{name}{'' if name in required else '?'}: {shape.get('type', 'string')}"
            for name, shape in tool.parameters.get("properties", {}).items()
        ]
        rows.append(f"- {tool.name}({', '.join(arguments)}): {tool.description}")
    return (_TEXT if style == "text" else _JSON) + "\n".join(rows)


def _native(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _grammar(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    calls = [
        {"type": "object", "properties": {"tool": {"const": tool.name}, "arguments": tool.parameters},
         "required": ["tool", "arguments"], "additionalProperties": False}
        for tool in tools
    ]  # fmt: skip
    answer = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"],
              "additionalProperties": False}  # fmt: skip
    schema = {"anyOf": [*calls, answer]}
    return {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema}}
