"""The same edit at every place that reads alike: a mistake is often copied along with its lines.

A place is an expression, a simple statement or the head of a compound one. Its twins have the same text, in the same
function, class or file; where there are none, places of the same function or class that differ in names alone.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import itertools
import keyword
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tools.repair.facts import Facts
from tools.repair.site import is_atomic
from tools.repair.source import COMPOUND, SCOPES, SourceFile, parse
from tools.repair.validity import Checker
from tools.values import Candidate, Edit

REPEATED = "repeated"
MAX_TWINS = 8  # more places alike are an idiom, no mistake
_MOST_SEEN = 60
_MOST_STATEMENTS = 600  # of a class that are compared by shape
_LEAST_EXACT, _LEAST_RENAMED = 2, 3  # words that a place must have, so that it is no coincidence
_TOKEN = re.compile(r"""[rbfuRBFU]{0,2}(?:"[^"\n]*"|'[^'\n]*')|[^\W\d]\w*|\d[\w.]*|\s+|.""", re.DOTALL)
_FIXED = frozenset(keyword.kwlist) | frozenset(dir(builtins)) | {"self", "cls"}

Spans = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A part of a file that an edit may change: its node, the statement it is in, and where it stands."""

    node: ast.expr | ast.stmt
    statement: ast.stmt
    span: Spans
    indent: str = ""


@dataclass(eq=False)
class Twins:
    """Finds them in these sources; files are parsed when first needed."""

    sources: Mapping[str, str]
    _files: dict[str, Checker | None] = field(default_factory=dict)

    def of(self, candidate: Candidate) -> Iterator[Candidate]:
        """The candidate done at its twins as well: of its function, its class, its file, and at one of them each."""
        files = {edit.file for edit in candidate.edits}
        checker = self._checker(next(iter(files))) if len(files) == 1 else None
        if checker is None or REPEATED in candidate.tags:
            return
        main, added = _apart(candidate.edits)
        place = _place(checker.source, main)
        if place is None:
            return
        twins = [twin for twin in _twins(checker.source, place, main) if _valid(checker, *twin)]
        seen = set()
        for group in _groups(checker.source, place, twins):
            made = _joined(candidate, (*main, *added), group)
            if made.id not in seen:
                seen.add(made.id)
                yield made

    def _checker(self, path: str) -> Checker | None:
        if path not in self._files:
            source = parse(path, self.sources[path]) if path in self.sources else None
            self._files[path] = Checker(Facts(source)) if source else None
        return self._files[path]


_Twin = tuple[_Place, Edit]


def _apart(edits: Sequence[Edit]) -> tuple[tuple[Edit, ...], tuple[Edit, ...]]:
    """The edits of the place, and imports that they need once."""
    added = tuple(e for e in edits if e.start == e.end and re.match(r"\s*(?:import|from) ", e.text))
    return tuple(e for e in edits if e not in added), added


def _place(source: SourceFile, edits: Sequence[Edit]) -> _Place | None:
    """The smallest place with words enough that holds all edits."""
    if not edits:
        return None
    first, last = min(e.start for e in edits), max(e.end for e in edits)
    whole = first == last or any(not is_atomic(e.text) for e in edits)
    around = _inserted_at(source, first, edits[0].text) if first == last else _around(source, first)
    holding = [p for p in around if _holds(p, first, last, strictly=whole) and _words(source, p)]
    return min(holding, key=lambda p: p.span[1] - p.span[0], default=None)


def _inserted_at(source: SourceFile, offset: int, text: str) -> Iterator[_Place]:
    """Whole lines belong to the statement after them, or before them when that has their indentation."""
    line = bisect_right(source.starts, offset)
    before, after = source.statement_at(line - 1), source.statement_at(line)
    indent = text[: len(text) - len(text.lstrip(" \t"))]
    if source.starts[line - 1] != offset or after is None or source.indentation(after) == indent or before is None:
        yield from _around(source, offset)
    else:
        yield from _places_of(source, before)


def _around(source: SourceFile, offset: int) -> Iterator[_Place]:
    """The places of the statement at a character of the text."""
    statement = source.statement_at(bisect_right(source.starts, offset))
    if statement is not None:
        yield from _places_of(source, statement)


def _holds(place: _Place, first: int, last: int, *, strictly: bool) -> bool:
    """strictly: an expression must be larger than what is edited, as what it becomes may not fit everywhere."""
    start, end = place.span
    if strictly and isinstance(place.node, ast.expr):
        return start <= first and last <= end and (first, last) != (start, end) and not first == last == start
    return start <= first and last <= end


def _places_of(source: SourceFile, statement: ast.stmt) -> Iterator[_Place]:
    """The statement (its head, for a compound one) and its expressions."""
    if isinstance(statement, COMPOUND):
        start, end = source.header_span(statement)
        yield _Place(statement, statement, (start, start + len(source.text[start:end].rstrip())))
    elif source.owns_lines(statement):
        yield _Place(statement, statement, source.lines_span(statement), source.indentation(statement))
    for node in source.expressions(statement):
        yield _Place(node, statement, source.span(node))


def _words(source: SourceFile, place: _Place, least: int = _LEAST_EXACT) -> bool:
    text = source.text[slice(*place.span)]
    return len([token for token in _TOKEN.findall(text) if token[0].isalnum() or token[0] in "_\"'"]) >= least


def _twins(source: SourceFile, place: _Place, edits: Sequence[Edit]) -> list[_Twin]:
    """Places like this one, each with the edit there: the same text in the file, else the same shape in the class."""
    text = source.text[slice(*place.span)]
    path, new = edits[0].file, _changed(text, edits, place.span[0])
    found = [(other, _edit(source, path, other, place, new)) for other in _exact(source, place, text)]
    if not found and _words(source, place, _LEAST_RENAMED):
        found = list(itertools.islice(_renamed(source, place, path, new), _MOST_SEEN))
    return found


def _changed(text: str, edits: Sequence[Edit], start: int) -> str:
    for edit in sorted(edits, key=lambda e: -e.start):
        text = text[: edit.start - start] + edit.text + text[edit.end - start :]
    return text


def _edit(source: SourceFile, path: str, at: _Place, like: _Place, new: str) -> Edit:
    """What `like` becomes, put at another place, with the indentation there."""
    if like.indent != at.indent:
        lines = new.split(source.newline)
        shifted = [at.indent + line.removeprefix(like.indent) if line.strip() else line for line in lines]
        new = source.newline.join(shifted)
    return Edit(file=path, start=at.span[0], end=at.span[1], text=new)


def _exact(source: SourceFile, place: _Place, text: str) -> Iterator[_Place]:
    wanted = text.strip()
    position = source.text.find(wanted)
    for _ in range(_MOST_SEEN):
        if position < 0:
            return
        if not place.span[0] <= position < place.span[1]:
            yield from _same_at(source, place, position, wanted)
        position = source.text.find(wanted, position + len(wanted))


def _same_at(source: SourceFile, place: _Place, position: int, wanted: str) -> Iterator[_Place]:
    """The place of the same kind that begins here, when it is one."""
    for other in _around(source, position):
        text = source.text[slice(*other.span)]
        begins = other.span[0] + len(text) - len(text.lstrip())
        if type(other.node) is type(place.node) and begins == position and text.strip() == wanted:
            yield other
            return


def _renamed(source: SourceFile, place: _Place, path: str, new: str) -> Iterator[_Twin]:
    """Places of the same class (or function, outside classes) that differ in the names of variables and attributes."""
    text = source.text[slice(*place.span)]
    shape = _shape(text)
    for statement in _family(source, place.statement)[:_MOST_STATEMENTS]:
        for other in _places_of(source, statement):
            if type(other.node) is not type(place.node) or _overlap(other.span, place.span):
                continue
            there = source.text[slice(*other.span)]
            if _shape(there) == shape:
                names = dict(zip(_names(text), _names(there), strict=True))
                fitted = "".join(names.get(token, token) for token in _TOKEN.findall(new))
                yield other, _edit(source, path, other, place, fitted)


def _family(source: SourceFile, statement: ast.stmt) -> list[ast.stmt]:
    home = source.class_of(statement) or source.outermost_function(statement)
    if home is None:
        return []
    last = home.end_lineno or home.lineno
    return [s for s in source.statements if home.lineno <= s.lineno <= last and s is not home]


def _names(text: str) -> list[str]:
    """Words that may differ between twins, in order, without repeats: no keywords, built-ins, called functions."""
    tokens = [token for token in _TOKEN.findall(text) if not token.isspace()]
    following = [*tokens[1:], ""]
    pairs = zip(tokens, following, strict=True)
    return list(dict.fromkeys(token for token, after in pairs if after != "(" and _is_name(token)))


def _is_name(token: str) -> bool:
    return token[-1] in "\"'" or (token.isidentifier() and token not in _FIXED)


def _shape(text: str) -> tuple[str, ...]:
    """The text with those words numbered in the order they come."""
    numbers = {name: f"\0{index}" for index, name in enumerate(_names(text))}
    return tuple(numbers.get(token, token) for token in _TOKEN.findall(text) if not token.isspace())


def _valid(checker: Checker, place: _Place, edit: Edit) -> bool:
    return checker.changes(place.statement, ((edit.start, edit.end, edit.text),))


def _groups(source: SourceFile, place: _Place, twins: Sequence[_Twin]) -> Iterator[tuple[_Twin, ...]]:
    """All twins of the innermost function, of the outermost, of the class and of the file; then each alone."""
    near: list[_Twin] = []
    for home in [above for above in source.ancestors(place.statement) if isinstance(above, SCOPES)]:
        inside = [twin for twin in twins if home in source.ancestors(twin[0].statement)]
        near += [twin for twin in inside if twin not in near]
        if 0 < len(inside) <= MAX_TWINS:
            yield _apart_from_each_other(inside)
    yield from ((twin,) for twin in near[:MAX_TWINS])


def _apart_from_each_other(twins: Sequence[_Twin]) -> tuple[_Twin, ...]:
    kept: list[_Twin] = []
    for twin in twins:
        if not any(_overlap(twin[0].span, other.span) for other, _ in kept):
            kept.append(twin)
    return tuple(kept)


def _overlap(one: Spans, other: Spans) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _joined(candidate: Candidate, edits: Sequence[Edit], twins: Sequence[_Twin]) -> Candidate:
    together = tuple(sorted((*edits, *(edit for _, edit in twins)), key=lambda e: (e.start, e.end)))
    lines = ", ".join(str(place.node.lineno) for place, _ in twins)
    name = "\0".join(f"{e.file}\0{e.start}\0{e.end}\0{e.text}" for e in together)
    return candidate.model_copy(
        update={
            "id": f"{candidate.id}*{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}",
            "edits": together,
            "description": f"{candidate.description}; the same at line {lines}",
            "tags": tuple(dict.fromkeys((*candidate.tags, REPEATED))),
        }
    )
