"""LangGraph's own tracing service hears of nothing, whatever the environment says, and is not imported."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.test_callbacks import receiving

GRAPH = """
import asyncio, importlib, sys
from typing import TypedDict
for name in sys.argv[1:]:
    importlib.import_module(name)
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


@pytest.mark.parametrize(("first", "traced"), [("agent", False), ("langsmith", True)])
def test_a_graph_is_traced_by_the_library_alone(first: str, traced: bool) -> None:
    """Where the environment asks for it; the second case is what would happen without the stand-in."""
    with receiving(202) as (service, port):
        variables = {
            **os.environ, "LANGSMITH_TRACING": "true", "LANGSMITH_ENDPOINT": f"http://127.0.0.1:{port}",
            "LANGSMITH_API_KEY": "x", "NO_PROXY": "127.0.0.1",
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-c", GRAPH, first, "agent"], env=variables, capture_output=True, text=True, check=True
        )
    assert done.stdout.split() == ["{'text':", "'canary!'}", str(traced)]
    assert any(b"canary" in body for _, body in service.got) is traced


def test_what_is_not_stood_in_for_is_the_librarys() -> None:
    """A newer LangGraph may ask for more; then it gets the library."""
    code = "import agent, langsmith, sys; print(langsmith.traceable.__module__, 'langsmith.client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["langsmith.run_helpers", "True"]
