"""Text constants that hold what a failed comparison of two texts shows to be wrong, changed to what was compared."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

from tools.repair.site import Proposal, Site, template
from tools.repair.templates.literals import Literal, literals, with_body

_AROUND = 12
_LEAST_FOUND = 3
_SPECIAL = frozenset("\\'\"{}\n\r\t%")


@template("compared-text", prior=0.5, tags=("constant-from-test",), limit=6, decay=0.1, asks=("two-texts",))
def compared_text(site: Site) -> Iterator[Proposal]:
    """Where two compared texts differ in one place: the one side's part in a constant becomes the other's."""
    for clue, _ in site.clues_of("two-texts"):
        one, other = clue.names
        for wrong, right in ((one, other), (other, one)):
            for literal in (*literals(site), *literals(site, formatted=True)):
                body = _changed(literal, wrong, right)
                if body is not None:
                    yield with_body(site, literal, body, weight=0.6 if not body else 1.0)


def _changed(literal: Literal, wrong: str, right: str) -> str | None:
    """The body with the differing part replaced, found by as much of its surroundings as stands in the body."""
    start = _shared(wrong, right)
    after = _shared(wrong[start:][::-1], right[start:][::-1])
    end = len(wrong) - after
    meant = right[start : len(right) - after]
    if _SPECIAL.intersection(wrong[start:end] + meant):
        return None
    behind = next(
        (wrong[end:stop] for stop in range(end + _AROUND, end - 1, -1) if wrong[start:stop] in literal.body), ""
    )
    found = wrong[start:end] + behind
    first = next(
        at for at in range(max(0, start - _AROUND), start + 1) if wrong[at:start] + found in literal.body or at == start
    )
    before = wrong[first:start]
    found = before + found
    if len(found) < _LEAST_FOUND or literal.body.count(found) != 1:
        return None
    return literal.body.replace(found, before + meant + behind)


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
