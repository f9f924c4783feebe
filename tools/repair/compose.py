"""Two and more edits together: partial fixes that cover all failing tests, then pairs that may help each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from tools.repair.board import Board
from tools.repair.edits import combine, compatible
from tools.values import Candidate

_MOST_PARTS = 4
_TOP = 40
_PARTNERS = 80
_MOST = 4000


def combinations(board: Board) -> Iterator[Candidate]:
    """Combined candidates, most promising first: at most 4,000, none twice."""
    seen: set[str] = set()
    for candidate in itertools.chain(_covers(board), _helped(board), _pairs(board.kept[:_TOP], board.kept[:_TOP])):
        if candidate.id not in seen and candidate.id not in board.verdicts:
            seen.add(candidate.id)
            yield candidate
        if len(seen) >= _MOST:
            return


def _covers(board: Board) -> Iterator[Candidate]:
    """Partial fixes that together mend every failing test: pairs first, then a greedy cover of up to four."""
    everything = frozenset(board.plan.order)
    sets = sorted(board.partial, key=len, reverse=True)
    for one, other in itertools.combinations(sets, 2):
        if one | other >= everything:
            yield from _pairs(board.partial[one], board.partial[other])
    cover = _greedy(board, everything)
    if cover is not None:
        yield cover
    for one, other in itertools.combinations(sets, 2):
        if not (one <= other or other <= one or one | other >= everything):
            yield from itertools.islice(_pairs(board.partial[one][:4], board.partial[other][:4]), 4)


def _greedy(board: Board, everything: frozenset[str]) -> Candidate | None:
    missing, joined = everything, None
    for _ in range(_MOST_PARTS):
        fitting = (
            (len(mended & missing), candidate.score, candidate)
            for mended, group in board.partial.items()
            for candidate in group
            if joined is None or compatible(joined, candidate)
        )
        gain, _, best = max(fitting, key=lambda entry: entry[:2], default=(0, 0.0, None))
        if best is None or not gain:
            return None
        joined = best if joined is None else combine(joined, best)
        missing -= next(mended for mended, group in board.partial.items() if best in group)
        if not missing:
            return joined
    return None


def _helped(board: Board) -> Iterator[Candidate]:
    """Candidates after which a test got further, with the best others."""
    partial = [group[0] for group in board.partial.values()]
    leads = sorted({c.id: c for c in (*partial, *board.better)}.values(), key=_score, reverse=True)[:_TOP]
    return _pairs(leads, [*leads, *board.kept[:_PARTNERS]])


def _pairs(ones: Sequence[Candidate], others: Sequence[Candidate]) -> Iterator[Candidate]:
    """Compatible pairs, the product of scores falling."""
    pairs = [(one, other) for one in ones for other in others if one.id != other.id and compatible(one, other)]
    for pair in sorted(pairs, key=lambda pair: pair[0].score * pair[1].score, reverse=True):
        yield combine(*sorted(pair, key=lambda candidate: candidate.id))


def _score(candidate: Candidate) -> float:
    return candidate.score
