"""LangGraph's own tracing service hears of nothing, whatever the environment says, and is not imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.test_callbacks import receiving

GRAPH = """
import asyncio, sys
from typing import TypedDict
if sys.argv[1] == "ours":
    from workflows.untraced import install
    install()
import agent.graph
from langgraph.graph import END, START, StateGraph

class Kept(TypedDict):
    text: str

async def node(state: Kept) -> Kept:
    return {"text": state["text"] + "!"}

graph = StateGraph(Kept)
graph.add_node("node", node)
graph.add_edge(START, "node")
graph.add_edge("node", END)
print(asyncio.run(graph.compile().ainvoke({"text": "canary"})), "langsmith.client" in sys.modules)
"""


@pytest.mark.parametrize(("whose", "traced"), [("ours", False), ("theirs", True)])
def test_a_graph_is_traced_in_other_programs_alone(whose: str, traced: bool) -> None:
    """Where the environment asks for it. A program that imports the machine decides for itself."""
    with receiving(202) as (service, port):
        variables = {
            **os.environ, "LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{port}",
            "LANGSMITH_API_KEY": "x", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", GRAPH, whose], env=variables, capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["{'text':", "'canary!'}", str(traced)]
    assert any(b"canary" in body for _, body in service.got) is traced


OURS = """
import sys
from workflows import cli
sys.argv[1:] = ["--version"]
try:
    cli.main()
except SystemExit:
    import langsmith
    print("langsmith.client" in sys.modules, langsmith.traceable.__module__, "langsmith.client" in sys.modules)
    print(langsmith.utils.tracing_is_enabled())
"""


def test_the_command_has_the_stand_in_which_gives_way() -> None:
    """A newer LangGraph may ask for more than is stood in for; then it gets the library, which stays silent."""
    variables = {**os.environ, "LANGSMITH_TRACING": "true", "LANGCHAIN_TRACING_V2": "true"}
    done = subprocess.run([sys.executable, "-c", OURS], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-4:] == ["False", "langsmith.run_helpers", "True", "False"]
