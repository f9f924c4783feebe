"""What the miniature QwQ has learnt by heart: for each request, as the adapter sends it, what the model then writes.

A completion begins inside the thinking, as QwQ's template opens it, and ends with the end of the turn unless it is cut
by its length. Everything else the miniature is asked gets some mixture of these.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from agent.model import Ask, Message, ToolCall, ToolSpec
from agent.vllm import examine, probing, wire
from agent.vllm.traits import Style, Traits

NAME = "Qwen/QwQ-32B"
READ = ToolSpec(
    name="read_file", description="Read lines of a file",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}, "start": {"type": "integer"}},
        "required": ["path", "start"], "additionalProperties": False,
    },
)  # fmt: skip
RUN = ToolSpec(
    name="run_tests", description="Run tests",
    parameters={
        "type": "object", "properties": {"target": {"type": "string", "enum": ["unit", "all"]}},
        "required": ["target"], "additionalProperties": False,
    },
)  # fmt: skip
TOOLS = (READ, RUN)
LOOP = "Wait, let me check this again. "
LONG = " ".join(f"I look at case {number}." for number in range(10, 40))


@dataclass(frozen=True)
class Script:
    """end: whether the model ends its turn itself; style: in which the request is made."""

    ask: Ask
    completion: str
    style: Style = "native"
    end: bool = True

    def row(self) -> dict[str, Any]:
        """What the maker of the miniature needs: messages, tools and completion."""
        made = wire.body(self.ask, NAME, Traits(style=self.style), max_tokens=1)
        return {
            "messages": made["messages"], "tools": made.get("tools"), "completion": self.completion, "end": self.end,
        }  # fmt: skip


def asked(text: str, *more: Message, tools: tuple[ToolSpec, ...] = TOOLS) -> Ask:
    """A question of the tests."""
    first = (Message(role="system", text="You fix bugs."), Message(role="user", text=text))
    return Ask(messages=(*first, *more), tools=tools, thinking=400, answer=300, seed=1)


def hermes(name: str, arguments: dict[str, Any]) -> str:
    """A call as the model writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def thought(thinking: str, answer: str) -> str:
    """A whole turn."""
    return f"{thinking}\n</think>\n\n{answer}"


READ_A = ToolCall(id="call-1", name="read_file", arguments={"path": "a.py", "start": 1})
WHY = asked("Why does test_foo fail?")
SEEN = asked(
    "Why does test_foo fail?", Message(role="assistant", calls=(READ_A,)),
    Message(role="tool", call="call-1", text="1: x = 1"),
)  # fmt: skip
BOTH = asked("Call both tools.")
INSIDE = asked("Call inside thinking.")
MENTION = asked("Mention a call.")
BROKEN = asked("Make a broken call.")
UNKNOWN = asked("Call an unknown tool.")
WRONG = asked("Call with wrong types.")
LOOPING = asked("Go in circles.")
UNCLOSED = asked("Never close.", tools=())
TWICE = asked("Think twice.", tools=())
HELLO = asked("Say hello.", tools=())
SLOWLY = asked("Think for long.", tools=())
TEXT, GRAMMAR = asked("Act by a block of text."), asked("Act by JSON.")
ACTION = '<action name="read_file">\n<path>\na.py\n</path>\n<start>\n1\n</start>\n</action>'
COMPACT = json.dumps({"tool": "read_file", "arguments": READ_A.arguments}, separators=(",", ":"))

SCRIPTS = (
    Script(WHY, thought("I should read the file first.", hermes("read_file", READ_A.arguments))),
    Script(SEEN, thought("x is 1, the test wants 2.", "The bug is on line 1: x must be 2.")),
    Script(BOTH, thought("Two calls are needed.", "Reading and testing.\n" + "\n".join(
        [hermes("read_file", READ_A.arguments), hermes("run_tests", {"target": "unit"})]))),
    Script(INSIDE, "I call it right now. " + hermes("run_tests", {"target": "all"})),
    Script(MENTION, thought(f"I could emit {hermes('run_tests', {'target': 'all'})} but I will not.", "No call.")),
    Script(BROKEN, thought("Now.", hermes("read_file", READ_A.arguments).replace("1}}", "}"))),
    Script(UNKNOWN, thought("Now.", hermes("delete_all", {"x": 1}))),
    Script(WRONG, thought("Now.", hermes("read_file", {"path": 5, "start": "one", "more": True}))),
    Script(LOOPING, LOOP * 40, end=False),
    Script(UNCLOSED, "The answer is 42."),
    Script(TWICE, f"<think>\n{thought('Thinking twice.', 'Done.')}"),
    Script(HELLO, thought("They greet me.", "Hello there, how can I help?")),
    Script(SLOWLY, thought(LONG, "It took me long.")),
    Script(TEXT, thought("I write a block.", ACTION), "text"),
    Script(GRAMMAR, thought("I write JSON.", COMPACT), "json"),
    Script(probing.ASK, thought("They want echo.", hermes("echo", {"word": "ready"}))),
    Script(examine.OTHER, thought("They want echo.", hermes("echo", {"word": "steady"}))),
    Script(examine.SUM, thought(LONG, "It is 391.")),
    Script(examine.VERDICT, thought("It is false, so a bug.", '{"verdict": "bug"}')),
)  # fmt: skip
"""Every request that the tests and the doctor make, with what the miniature says to it."""


def rows() -> str:
    """All scripts as the JSON that the maker reads."""
    return json.dumps([script.row() for script in SCRIPTS])
