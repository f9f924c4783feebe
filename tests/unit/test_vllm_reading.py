"""Reading what models write: repetition, thinking, calls; fast on text that was made to be slow."""

from __future__ import annotations

import random
import time

import pytest

from agent.model import ToolCall, ToolSpec
from agent.vllm import wire
from agent.vllm.calls import answered, trailing, written
from agent.vllm.repetition import Repetition, once, period
from agent.vllm.thinking import split

TOOL = ToolSpec(
    name="edit", description="",
    parameters={"type": "object", "properties": {"path": {"type": "string"}, "old": {"type": "string"},
                                                 "tests": {"type": "array"}, "deep": {"type": "boolean"}}},
)  # fmt: skip
PROSE = (
    "The function adds both numbers, then halves the sum; an odd sum is rounded towards zero, which the test denies. "
)


def fed(text: str, size: int = 5) -> int | None:
    """At how many characters a repetition is noticed."""
    watch = Repetition()
    return next((start for start in range(0, len(text), size) if watch.add(text[start : start + size])), None)


@pytest.mark.parametrize("loop", ["Wait, let me check again. ", PROSE, "\n", "ab", PROSE * 3])
def test_loop_is_noticed_soon(loop: str) -> None:
    """After four copies, at the first look that follows."""
    noticed = fed(PROSE + loop * (4000 // len(loop)))
    assert noticed is not None
    assert noticed < len(PROSE) + max(480, 4 * len(loop)) + 420


def test_few_lines_in_any_order_are_a_loop() -> None:
    """Circles that are not exact."""
    lines = [f"Perhaps the cause is in function number {n}.\n" for n in range(5)]
    rng = random.Random(1)  # noqa: S311 - no secret
    assert fed("".join(rng.choice(lines) for _ in range(300))) is not None


def test_code_and_tables_are_no_loop() -> None:
    """What repeats a little: imports, dictionaries, rulers of a hundred signs."""
    code = "".join(f"    'key_{n}': compute(n={n * 7}, flag={n % 3 == 0}),\n" for n in range(300))
    assert fed(code + "-" * 120 + "\n" + code) is None


def test_repetition_is_reduced_to_one_copy() -> None:
    """For the forced answer, and for the record."""
    assert once("Start. " + "Again! " * 200).count("Again!") == 1
    assert once("No repetition.") == "No repetition."
    assert period("") == 0


@pytest.mark.parametrize(
    ("reasoning", "content", "inline", "cut", "expected"),
    [
        ("r", "c", False, False, ("r", "c")),
        ("", "<think>t</think>c", False, False, ("t", "c")),
        ("", "t\n</think>\n\nc", False, False, ("t", "c")),
        ("", "<think>never closed", False, False, ("never closed", "")),
        ("", "cut in thought", True, True, ("cut in thought", "")),
        ("", "a plain answer", True, False, ("", "a plain answer")),
        ("", "a plain answer", False, True, ("", "a plain answer")),
        ("", "code with <think> and </think> in it", False, False, ("", "code with <think> and </think> in it")),
        ("<think>\nr", "c", False, False, ("r", "c")),
    ],
)
def test_split(reasoning: str, content: str, inline: bool, cut: bool, expected: tuple[str, str]) -> None:
    """Every place where thinking is seen; tags that an answer only talks about stay in it."""
    assert split(reasoning, content, inline=inline, cut=cut) == expected


def test_action_block_takes_its_arguments_literally() -> None:
    """Line breaks, quotes, other tags and types by the schema."""
    text = (
        'Now.\n<action name="edit">\n<path>\na.py\n</path>\n<old>\n  if a < b:\n    "x" </p>\n</old>\n'
        "<deep>true</deep>\n"
        "<tests>\nt::a\nt::b\n</tests>\n</action>"
    )
    (call,), rest = written(text, (TOOL,))
    assert call.arguments == {
        "path": "a.py", "old": '  if a < b:\n    "x" </p>', "deep": True, "tests": ["t::a", "t::b"],
    }  # fmt: skip
    assert rest == "Now."


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "edit", "arguments": {"path": "a.py"}}</tool_call>',
        '<tool_call>\n{"name": "edit", "arguments": "{\\"path\\": \\"a.py\\"}"}\n</tool_call>',
        '{"name": "edit", "arguments": {"path": "a.py"}}\n</tool_call>',
        '<tool_call>{"name": "edit", "parameters": {"path": "a.py"}}',
        "<function=edit>\n<parameter=path>\na.py\n</parameter>\n</function>",
        '<tool_call>{"name": "edit", "arguments": {"path": "a.py"}}}</tool_call>',
    ],
)
def test_forms_that_models_use_are_read(text: str) -> None:
    """Hermes with its variations, and the form of Qwen's coder models."""
    (call,), rest = written(text, (TOOL,))
    assert (call.name, call.arguments, call.problem, rest) == ("edit", {"path": "a.py"}, "", "")


def test_arguments_nested_beyond_reason_are_a_problem() -> None:
    """They could be neither recorded nor sent back."""
    deep = '{"a":' * 400 + "1" + "}" * 400
    (call,), _ = written(f'<tool_call>{{"name": "edit", "arguments": {deep}}}</tool_call>', (TOOL,))
    assert (call.name, call.arguments, bool(call.problem)) == ("edit", {}, True)


def test_line_breaks_within_json_strings_are_let_through() -> None:
    """Models write them."""
    (call,), _ = written('<tool_call>{"name": "edit", "arguments": {"old": "a\nb"}}</tool_call>', (TOOL,))
    assert call.arguments == {"old": "a\nb"}


def test_unknown_or_broken_calls_in_the_thinking_are_not_salvaged() -> None:
    """Only a call that could be made is taken from a place where it does not belong."""
    assert trailing('Hm. <tool_call>{"name": "rm", "arguments": {}}</tool_call>', (TOOL,)) == ()
    assert trailing('Hm. <tool_call>{"name": "edit", "arguments": {"path": }</tool_call>', (TOOL,)) == ()


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"other": 1}', '{"answer": 5}', "{" * 5000])
def test_reply_that_the_grammar_would_not_allow_is_none(text: str) -> None:
    """It is read as text then."""
    assert answered(text) is None


@pytest.mark.parametrize(
    "piece",
    [
        "<tool_call>",
        "</tool_call>",
        "{",
        '{"name":',
        '<action name="edit">',
        "<a>",
        "<function=f>",
        "<think>",
        "<path>",
    ],
)
def test_hostile_text_is_read_in_linear_time(piece: str) -> None:
    """400,000 characters of openings without an end."""
    text = piece * (400_000 // len(piece))
    began = time.perf_counter()
    written(text, (TOOL,))
    split("", text)
    once(text[-20_000:])
    assert time.perf_counter() - began < 3


def test_code_with_marks_of_templates_can_be_edited() -> None:
    """The model is shown them apart, copies them so, and means them as they stand in the file."""
    code = "f'<s>{old}</s>' # <think> [INST] <|im_end|> <<SYS>> a < b [ INST"
    assert wire.harmless(code) != code
    call = ToolCall(id="1", name="edit", arguments={"old": wire.harmless(code), "lines": [wire.harmless(code)], "n": 1})
    assert wire.meant(call).arguments == {"old": code, "lines": [code], "n": 1}
