"""String literals as they are written: prefix, quotes and body, so that a template can edit the body alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

from tools.repair.site import Proposal, Site, shown
from tools.repair.source import INSIDE_FSTRINGS

_LITERAL = re.compile(r"([A-Za-z]{0,2})('''|\"\"\"|'|\")")


class Literal(NamedTuple):
    """One string literal of the file; start and end are offsets of its body."""

    node: ast.expr
    prefix: str
    quote: str
    body: str
    start: int
    end: int

    @property
    def raw(self) -> bool:
        """Whether backslashes stand for themselves."""
        return "r" in self.prefix.lower()


def literal(site: Site, node: ast.expr) -> Literal | None:
    """A string constant or f-string written as one literal; None for adjacent literals."""
    start, end = site.source.span(node)
    text = site.source.text[start:end]
    match = _LITERAL.match(text)
    if match is None or not text.endswith(match[2]) or len(text) < match.end() + len(match[2]):
        return None
    body = text[match.end() : len(text) - len(match[2])]
    if re.search(rf"(?<!\\)(?:\\\\)*{match[2]}", body):
        return None
    return Literal(node, match[1], match[2], body, start + match.end(), end - len(match[2]))


def literals(site: Site, *, formatted: bool = False) -> Iterator[Literal]:
    """The string literals of a statement, docstrings left out; with `formatted` only f-strings."""
    if isinstance(site.statement, ast.Expr) and isinstance(site.statement.value, ast.Constant):
        return
    for node in site.expressions:
        wanted = isinstance(node, ast.JoinedStr) if formatted else _is_text(node)
        inside = isinstance(site.parent(node), ast.JoinedStr | ast.FormattedValue)
        found = literal(site, node) if wanted and not inside else None
        if found is not None:
            yield found


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)


def with_body(site: Site, one: Literal, body: str, *, weight: float = 1.0, tags: tuple[str, ...] = ()) -> Proposal:
    """The literal with another body."""
    said = f"replace `{shown(one.body)}` by `{shown(body)}` in the text"
    return site.splice(one.start, one.end, body, said, line=one.node.lineno, weight=weight, tags=tags)


def in_fstrings(site: Site, pattern: str) -> Iterator[tuple[int, int]]:
    """Where a pattern stands in the f-strings of the statement, whose insides have no positions before Python 3.12."""
    for node in site.expressions:
        if isinstance(node, ast.JoinedStr) and not INSIDE_FSTRINGS:
            start, end = site.source.span(node)
            yield from (m.span() for m in re.compile(pattern).finditer(site.source.text, start, end))


def quoted(value: str, like: str) -> str:
    """A string literal in the style of another."""
    text = repr(value)
    return f'"{text[1:-1]}"' if like.endswith('"') and text[0] == "'" and '"' not in text else text
