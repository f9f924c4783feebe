"""Candidates for search: fix templates over the suspected statements, lazily, the most promising first.

The score of a candidate is prior x weight x decay x suspicion. Templates are asked for their next proposal only when
their turn comes, and a statement that has had many turns waits for the others, so that one long expression does
not hide the next suspect.
"""

from __future__ import annotations

import ast
import hashlib
import heapq
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.repair.clues import clues
from tools.repair.facts import Facts
from tools.repair.places import Place, places
from tools.repair.site import Proposal, Site, Template
from tools.repair.templates.registry import ALL
from tools.repair.validity import Checker
from tools.values import Candidate, Crash, Edit, Suspect

PATIENCE = 60
_WORD = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass
class _Stream:
    """One template at one statement, with how many proposals it has made."""

    template: Template
    site: Site
    suspicion: float
    proposals: Iterator[Proposal] | None = None
    made: int = 0

    def bound(self) -> float:
        """What its next proposal is expected to be worth."""
        return self.template.prior * self.suspicion * (1 - self.template.decay) ** self.made

    def next(self) -> Proposal | None:
        """Its next proposal; None when it has no more."""
        if self.proposals is None:
            self.proposals = self.template.propose(self.site)
        if self.made >= self.template.limit:
            return None
        return next(self.proposals, None)


@dataclass
class _Queue:
    """Streams that wait and proposals that are ready, best first."""

    heap: list[tuple[float, int, _Stream, Proposal | None, float]] = field(default_factory=list)
    turns: Counter[ast.stmt] = field(default_factory=Counter)
    count: Iterator[int] = field(default_factory=itertools.count)

    def push(self, stream: _Stream, proposal: Proposal | None, worth: float) -> None:
        """Let a stream wait for its turn, or keep a proposal of it."""
        waits = 1 + self.turns[stream.site.statement] / PATIENCE
        heapq.heappush(self.heap, (-worth / waits, next(self.count), stream, proposal, worth))

    def pop(self) -> tuple[_Stream, Proposal | None, float]:
        """The best of all."""
        _, _, stream, proposal, worth = heapq.heappop(self.heap)
        return stream, proposal, worth


def candidates(
    sources: Mapping[str, str],
    suspects: Sequence[Suspect],
    crashes: Sequence[Crash],
    *,
    test_sources: Mapping[str, str] | None = None,
    limit: int = 20_000,
) -> Iterator[Candidate]:
    """Up to `limit` edits of `sources`, each valid code with another meaning, no two with the same result."""
    queue = _queue(places(sources, suspects, crashes), crashes, test_sources or {})
    checkers: dict[Facts, Checker] = {}
    seen: set[tuple[object, ...]] = set()
    given = 0
    while queue.heap and given < limit:
        stream, proposal, worth = queue.pop()
        if proposal is None:
            _advance(queue, stream)
            continue
        candidate = _candidate(stream, proposal, worth)
        mark = tuple((e.file, e.start, e.end, e.text) for e in candidate.edits)
        queue.turns[stream.site.statement] += 1
        if mark in seen:
            continue
        seen.add(mark)
        checker = checkers.setdefault(stream.site.facts, Checker(stream.site.facts))
        if checker.changes(stream.site.statement, proposal.edits):
            given += 1
            yield candidate


def _queue(found: Sequence[Place], crashes: Sequence[Crash], tests: Mapping[str, str]) -> _Queue:
    said = clues(crashes)
    words = frozenset(word for text in tests.values() for word in _WORD.findall(text[:200_000]))
    queue = _Queue()
    for place in found:
        site = Site(place.facts, place.statement, said, words)
        for template in ALL:
            stream = _Stream(template, site, place.suspicion)
            queue.push(stream, None, stream.bound())
    return queue


def _advance(queue: _Queue, stream: _Stream) -> None:
    """Take the next proposal of a stream and let the stream wait again."""
    proposal = stream.next()
    if proposal is None:
        return
    queue.push(stream, proposal, stream.bound() * proposal.weight)
    stream.made += 1
    queue.push(stream, None, stream.bound())


def _candidate(stream: _Stream, proposal: Proposal, worth: float) -> Candidate:
    path = stream.site.source.path
    edits = tuple(Edit(file=path, start=start, end=end, text=text) for start, end, text in proposal.edits)
    name = "\0".join(f"{e.file}\0{e.start}\0{e.end}\0{e.text}" for e in edits)
    return Candidate(
        id=hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        edits=edits,
        template=stream.template.name,
        line=proposal.line,
        description=proposal.description,
        prior=stream.template.prior,
        score=worth,
        tags=tuple(dict.fromkeys((*stream.template.tags, *proposal.tags))),
    )
