"""LangGraph without LangSmith, the tracing service of its makers.

LangGraph imports its client at each start, which takes a third of the time in which a command gets ready, and sends it
all that a run sees where the environment says so (LANGSMITH_TRACING, LANGCHAIN_TRACING_V2), as it may for another
program. Nothing of a run goes to anybody who was not named to Patchwright. So the few names that LangGraph asks for are
answered here: there is no tracing. A name that is not among them is the real library's, which is imported then, and
which the environment tells to be silent.

For our own processes alone: a program that imports a part of Patchwright keeps its LangSmith.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

LIBRARY = "langsmith"
SWITCHES = tuple(f"{by}_TRACING{version}" for by in ("LANGSMITH", "LANGCHAIN") for version in ("", "_V2"))


class RunTree:
    """The type of what is never made."""


class Client:
    """The same."""


class LangSmithError(Exception):
    """What is never raised."""


def get_tracing_context(*_: object, **__: object) -> dict[str, Any]:
    """Nothing is traced."""
    return dict.fromkeys(("parent", "project_name", "tags", "metadata", "enabled", "client"))


def set_tracing_context(*_: object, **__: object) -> None:
    """Nothing is kept."""


def tracing_is_enabled(*_: object, **__: object) -> bool:
    """It is not."""
    return False


_NAMES: Mapping[str, Mapping[str, object]] = {
    LIBRARY: {"RunTree": RunTree, "Client": Client, "get_tracing_context": get_tracing_context},
    f"{LIBRARY}.run_helpers": {
        "get_tracing_context": get_tracing_context, "_set_tracing_context": set_tracing_context,
    },
    f"{LIBRARY}.run_trees": {"RunTree": RunTree, "_CLIENT": None},
    f"{LIBRARY}.utils": {"tracing_is_enabled": tracing_is_enabled, "LangSmithError": LangSmithError},
    f"{LIBRARY}.address": {},
}  # fmt: skip


class _Standin(ModuleType):
    """A module with those names; asked for another one, it gives way to the library itself."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for known in _NAMES:
            if isinstance(sys.modules.get(known), _Standin):
                del sys.modules[known]
        return getattr(importlib.import_module(self.__name__), name)


def install() -> None:
    """Switch tracing off, and stand in for the library where nobody has imported it before."""
    os.environ.update(dict.fromkeys(SWITCHES, "false"))
    if LIBRARY in sys.modules:
        return
    for name, members in _NAMES.items():
        made = _Standin(name)
        made.__path__ = []
        vars(made).update(members)
        sys.modules[name] = made
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, made)
