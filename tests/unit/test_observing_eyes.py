"""What a model is shown of servers that misbehave: a clear word, bounded, and never more questions than are allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mcp_remote import allowing, remote, said, saying
from tools.tool import ToolError
from workflows.observing.calls import digest, tools_of
from workflows.observing.eyes import MOST_CALLS, ServerEyes


async def opened(url: str, tmp_path: Path, **more: Any) -> ServerEyes:
    """Eyes with the server's tool of events, pinned as it is now."""
    (tool,) = await tools_of("far", allowing(url, tmp_path).servers["far"])
    pinned = {"events": {"sha256": digest(tool), "model": True}}
    return await ServerEyes.opened(allowing(url, tmp_path, tools=pinned, **more))


@pytest.mark.parametrize(("how", "limits", "message"), [
    ("floods", {}, "an answer of more than 1,048,576 bytes was cut off"),
    ("hangs", {"timeout_s": 4}, "far did not answer within 4 s"),
])  # fmt: skip
async def test_a_tool_that_floods_or_hangs_is_cut_with_a_clear_word(
    tmp_path: Path, how: str, limits: dict[str, Any], message: str
) -> None:
    with remote(how, tmp_path) as url:
        eyes = await opened(url, tmp_path, **limits)
        used = await eyes.use(1, "far__events", {"namespace": "shop"})
    assert (used.ok, message in used.text) == (False, True), used.text
    assert len(used.text) < 700
    assert eyes.seen == []


async def test_a_long_answer_is_shown_from_its_beginning_and_questions_are_counted(tmp_path: Path) -> None:
    with remote("floods", tmp_path) as url:
        eyes = await opened(url, tmp_path, most_bytes=32 << 20)
        used = await eyes.use(1, "far__events", {"namespace": "shop"})
        assert used.text.endswith("[8,388,608 characters, of which the first are shown: ask for less]")
        assert len(used.text) < 6200
        wrong = await eyes.use(2, "far__events", {"namespace": "x" * 9000})
        assert "more than 8000 characters" in wrong.text
        for number in range(3, MOST_CALLS + 1):
            assert "there is no tool read" in (await eyes.use(number, "read", {"path": "/etc/passwd"})).text
        assert "no more can be" in (await eyes.use(99, "far__events", {"namespace": "shop"})).text
    assert len(eyes.seen) == 1


async def test_a_server_that_is_not_there_or_says_something_else_offers_nothing(tmp_path: Path) -> None:
    pinned = {"events": {"sha256": "0" * 64, "model": True}}
    with remote("fine", tmp_path) as url:
        eyes = await ServerEyes.opened(allowing(url, tmp_path, tools=pinned))
    assert eyes.specs == ()
    assert "its description is not the pinned one" in eyes.notes[0]
    with saying(lambda h: said(h, 500, b"no")) as url:
        eyes = await ServerEyes.opened(allowing(url, tmp_path, tools=pinned))
    assert (eyes.specs, len(eyes.notes)) == ((), 1)


def test_a_tool_is_given_to_a_model_only_when_it_is_pinned(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="a tool for a model is pinned"):
        allowing("http://127.0.0.1:9/mcp", tmp_path, tools={"events": {"model": True}})
