"""Small repositories with a bug, and searches over candidates that a test writes by hand, in the real sandbox."""

from __future__ import annotations

import itertools
import sys
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.protocol import Mount, Sandbox, Workspace
from tools.repair.outcome import SERVER_MOUNT, SearchLimits, SearchRequest, SearchResult
from tools.repair.search import search
from tools.values import Candidate, Edit

PREFIXES = tuple(dict.fromkeys((sys.prefix, sys.base_prefix)))
MOUNTS = (*(Mount(Path(prefix), prefix) for prefix in PREFIXES), SERVER_MOUNT)
QUICK = SearchLimits(wall_s=40.0, grace_s=0.1, stop_after=1)


@dataclass
class Project:
    """A repository on disk. Files are given dedented; `fix` and `wrong` make candidates, best first as they come."""

    root: Path
    files: Mapping[str, str]
    failing: tuple[str, ...]
    passing: tuple[str, ...] = ()
    candidates: list[Candidate] = field(default_factory=list)
    _number: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.texts = {name: textwrap.dedent(text).lstrip("\n") for name, text in self.files.items()}
        for name, text in self.texts.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    def edit(self, old: str, new: str, file: str = "") -> Edit:
        """Replace the one place where `old` stands (in the first file that has it)."""
        name = file or next(name for name, text in self.texts.items() if old in text)
        assert self.texts[name].count(old) == 1, old
        start = self.texts[name].index(old)
        return Edit(file=name, start=start, end=start + len(old), text=new)

    def try_(self, old: str, new: str, *, id: str = "", tags: Sequence[str] = ()) -> str:  # noqa: A002
        """Add a candidate after the others; its id."""
        number = next(self._number)
        candidate = Candidate(
            id=id or f"c{number}",
            edits=(self.edit(old, new),),
            template="by-hand",
            line=1,
            description=f"{old} -> {new}",
            prior=0.5,
            score=1.0 / (number + 1),
            tags=tuple(tags),
        )
        self.candidates.append(candidate)
        return candidate.id

    def open_sandbox(self) -> AbstractAsyncContextManager[Sandbox]:
        """A bubblewrap sandbox of this repository."""
        return BubblewrapSandboxes().open(Workspace((self.root,)), mounts=MOUNTS)

    def request(
        self,
        *,
        limits: SearchLimits = QUICK,
        hanging: frozenset[str] = frozenset(),
        arguments: tuple[str, ...] = (),
    ) -> SearchRequest:
        """The request of a search here, with plugins switched off to save time."""
        return SearchRequest(
            open_sandbox=self.open_sandbox,
            python=(sys.executable,),
            failing=self.failing,
            passing=self.passing,
            sources=self.texts,
            env={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            arguments=arguments,
            hanging=hanging,
            limits=limits,
        )

    async def search(
        self,
        *,
        limits: SearchLimits = QUICK,
        hanging: frozenset[str] = frozenset(),
        arguments: tuple[str, ...] = (),
    ) -> SearchResult:
        """Search over the candidates added so far."""
        return await search(self.request(limits=limits, hanging=hanging, arguments=arguments), self.candidates)


def found(result: SearchResult) -> list[str]:
    """Ids of the plausible candidates."""
    return [plausible.candidate.id for plausible in result.plausible]
