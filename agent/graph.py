"""The machine: its nodes, its edges, its routers. Nothing else."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Literal, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from agent.bench import Progress
from agent.deps import Deps
from agent.domain import NodeTime
from agent.nodes.choose import choose, rivals
from agent.nodes.consult import consult, subject
from agent.nodes.demonstrate import demonstrate
from agent.nodes.explain import explain
from agent.nodes.localize import localize
from agent.nodes.minimize import minimize
from agent.nodes.prepare import prepare
from agent.nodes.propose import back_out, given, search
from agent.nodes.recreate import recreate
from agent.nodes.report import report
from agent.nodes.reproduce import reproduce
from agent.nodes.think import think
from agent.nodes.verify import verify
from agent.state import State, Update


class Node(Protocol):
    """What asks, acts, and returns a partial update."""

    def __call__(self, state: State, runtime: Runtime[Deps]) -> Awaitable[Update]: ...


Machine = CompiledStateGraph[State, Deps, State, State]

NODES: dict[str, Node] = {
    "prepare": prepare,
    "reproduce": reproduce,
    "recreate": recreate,
    "demonstrate": demonstrate,
    "localize": localize,
    "search": search,
    "think": think,
    "back_out": back_out,
    "given": given,
    "verify": verify,
    "choose": choose,
    "minimize": minimize,
    "explain": explain,
    "report": report,
}
Proposer = Literal["search", "think", "back_out", "given"]
PROPOSERS: tuple[Proposer, ...] = ("search", "think", "back_out", "given")
UNSEEN = ("not_reproduced", "inconclusive")
ROUND_NEEDS_S = 60.0


def after_prepare(state: State) -> Literal["reproduce", "consult", "report"]:
    return _end(state) if state.outcome else "reproduce"


def after_reproduce(state: State) -> Literal["recreate", "demonstrate", "localize", "consult", "report"]:
    if state.request.log and state.outcome in UNSEEN and state.ready.language == "python":
        return "recreate"
    return after_recreate(state)


def after_recreate(state: State) -> Literal["demonstrate", "localize", "consult", "report"]:
    told = state.request.issue or state.request.log
    if told and state.request.reasoner and state.outcome in UNSEEN:
        return "demonstrate"
    return _end(state) if state.outcome else "localize"


def after_demonstrate(state: State) -> Literal["localize", "consult", "report"]:
    return _end(state) if state.outcome else "localize"


def after_localize(state: State) -> list[Proposer | Literal["report"]]:
    return ["report"] if state.request.goal == "triage" else [*PROPOSERS]


def after_verify(state: State) -> list[Proposer | Literal["choose", "minimize", "consult", "report"]]:
    if state.verified:
        return ["choose"] if rivals(state) else ["minimize"]
    return [*PROPOSERS] if _again(state) else [_end(state)]


def after_consult(state: State) -> list[Proposer | Literal["prepare", "reproduce", "verify", "consult", "report"]]:
    if state.outcome:
        return ["report"]
    if state.prepared is None:
        return ["prepare"]
    if state.failure is None:
        return ["reproduce"]
    if state.agreed:
        return ["verify"]
    return [*PROPOSERS] if _again(state) else [_end(state)]


def _again(state: State) -> bool:
    return state.round < state.request.limits.rounds and state.remaining_s() > ROUND_NEEDS_S


def _end(state: State) -> Literal["consult", "report"]:
    return "consult" if subject(state) else "report"


def after_minimize(state: State) -> Literal["explain", "report"]:
    return "explain" if state.request.reasoner else "report"


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Machine:
    """The compiled machine. With a checkpointer it resumes at the last finished node of a thread."""
    graph: StateGraph[State, Deps, State, State] = StateGraph(State, context_schema=Deps)
    for name, node in NODES.items():
        graph.add_node(name, measured(name, node))
    graph.add_node("consult", consult)  # not measured: it waits, for a person, and is left by an interrupt
    graph.add_edge(START, "prepare")
    graph.add_conditional_edges("prepare", after_prepare)
    graph.add_conditional_edges("reproduce", after_reproduce)
    graph.add_conditional_edges("recreate", after_recreate)
    graph.add_conditional_edges("demonstrate", after_demonstrate)
    graph.add_conditional_edges("localize", after_localize, [*PROPOSERS, "report"])
    for proposer in PROPOSERS:
        graph.add_edge(proposer, "verify")
    graph.add_conditional_edges("verify", after_verify, [*PROPOSERS, "choose", "minimize", "consult", "report"])
    graph.add_conditional_edges(
        "consult", after_consult, [*PROPOSERS, "prepare", "reproduce", "verify", "consult", "report"]
    )
    graph.add_edge("choose", "minimize")
    graph.add_conditional_edges("minimize", after_minimize)
    graph.add_edge("explain", "report")
    graph.add_edge("report", END)
    return graph.compile(checkpointer=checkpointer)


def measured(name: str, node: Node) -> Node:
    """The node, with its beginning and end shown and its seconds kept in the state."""

    async def run(state: State, runtime: Runtime[Deps]) -> Update:
        deps = runtime.context
        started = deps.now()
        deps.emit(Progress(node=name, text="started"))
        with deps.around(name):
            update = await node(state, runtime)
        seconds = round(deps.now() - started, 3)
        deps.emit(Progress(node=name, text=f"finished: {_last_word(update)}"))
        if not _counts(name, state):
            return update
        return {**update, "spent": [NodeTime(node=name, seconds=seconds)]}

    return run


def _counts(name: str, state: State) -> bool:
    """Whether the seconds of a node are the run's: of the proposers, which work at once, those that take any."""
    return name not in PROPOSERS or name == "search" or (name == "think" and state.request.reasoner is not None)


def _last_word(update: Update) -> str:
    evidence = update.get("evidence") or []
    return update.get("reason") or (evidence[0].summary if evidence else "nothing new")
