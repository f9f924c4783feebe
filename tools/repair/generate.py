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
from tools.repair.hiding import Evasions
from tools.repair.modules import Modules
from tools.repair.places import Place, places
from tools.repair.site import Proposal, Site, Template
from tools.repair.templates.registry import ALL
from tools.repair.validity import Checker
from tools.values import Candidate, Crash, Edit, Suspect

PATIENCE = 60
_MOST_WEIGHED = 1000  # proposals of one template at one statement
_WORD = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass
class _Stream:
    """One template at one statement, with how many proposals it has made.

    followers: the statement's other templates, less likely ones, that come when this one has had its first turn.
    """

    template: Template
    site: Site
    suspicion: float
    followers: Iterator[_Stream] | None = None
    proposals: Iterator[Proposal] | None = None
    made: int = 0

    def bound(self) -> float:
        """What its next proposal is expected to be worth."""
        return self.template.prior * self.suspicion * (1 - self.template.decay) ** self.made

    def next(self) -> Proposal | None:
        """Its next proposal; None when it has no more."""
        if self.proposals is None:
            found = itertools.islice(self.template.propose(self.site), _MOST_WEIGHED)
            self.proposals = iter(sorted(found, key=lambda proposal: -proposal.weight))
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

    def open(self, streams: Iterator[_Stream]) -> None:
        """Let the first of these streams wait, the others behind it."""
        stream = next(streams, None)
        if stream is not None:
            stream.followers = streams
            self.push(stream, None, stream.bound())

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
    queue = _queue(places(sources, suspects, crashes), crashes, test_sources or {}, Modules(sources))
    checkers: dict[Facts, Checker] = {}
    evades = Evasions()
    seen: set[tuple[object, ...]] = set()
    given = 0
    while queue.heap and given < limit:
        stream, proposal, worth = queue.pop()
        if proposal is None:
            _advance(queue, stream)
            continue
        candidate = _candidate(stream, proposal, worth)
        mark = _mark(stream.site.source.text, candidate.edits)
        queue.turns[stream.site.statement] += 1
        if mark in seen:
            continue
        seen.add(mark)
        checker = checkers.setdefault(stream.site.facts, Checker(stream.site.facts))
        if checker.changes(stream.site.statement, proposal.edits) and not evades(stream.site, proposal.edits):
            given += 1
            yield candidate


def _mark(text: str, edits: Sequence[Edit]) -> tuple[object, ...]:
    """The edits without what they leave as it was, so that one change is known in several disguises."""
    found = []
    for edit in edits:
        old, new = text[edit.start : edit.end], edit.text
        front = _alike(old, new)
        old, new = old[front:], new[front:]
        back = _alike(old[::-1], new[::-1])
        found.append((edit.file, edit.start + front, edit.end - back, new[: len(new) - back]))
    return tuple(change for change in found if change[1] < change[2] or change[3])


def _alike(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _queue(found: Sequence[Place], crashes: Sequence[Crash], tests: Mapping[str, str], modules: Modules) -> _Queue:
    said = clues(crashes)
    words = frozenset(word for text in tests.values() for word in _WORD.findall(text[:200_000]))
    kinds = frozenset(clue.kind for clue in said)
    ordered = sorted(ALL, key=lambda template: -template.prior)
    queue = _Queue()
    for place in found:
        site = Site(place.facts, place.statement, said, words, modules=modules)
        queue.open(_streams(site, place.suspicion, ordered, kinds))
    return queue


def _streams(site: Site, suspicion: float, templates: Sequence[Template], kinds: frozenset[str]) -> Iterator[_Stream]:
    """The templates that may have something to say about a statement."""
    return (_Stream(t, site, suspicion) for t in templates if t.fits(site.statement, kinds))


def _advance(queue: _Queue, stream: _Stream) -> None:
    """Take the next proposal of a stream and let the stream wait again."""
    if stream.followers is not None:
        queue.open(stream.followers)
        stream.followers = None
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
