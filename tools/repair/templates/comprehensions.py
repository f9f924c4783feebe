"""Comprehensions that take values further apart than meant, and filters that drop what is merely falsy."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, template

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp)


@template("inner-loop", prior=0.32, limit=4)
def inner_loop(site: Site) -> Iterator[Proposal]:
    """`[b for a in xs for b in a.split()]` to `[a for a in xs]`, or to `xs` where nothing else is done."""
    for node in site.expressions:
        if not isinstance(node, _COMPREHENSIONS) or len(node.generators) < 2:
            continue
        *kept, last = node.generators
        taken = isinstance(node.elt, ast.Name) and isinstance(last.target, ast.Name) and node.elt.id == last.target.id
        outer = kept[-1].target
        if not taken or last.ifs or not isinstance(outer, ast.Name):
            continue
        if len(kept) == 1 and not kept[0].ifs and isinstance(kept[0].iter, ast.Call):
            yield site.replace(node, site.text(kept[0].iter), weight=1.0)
        start, end = site.source.span(node)
        elt_start, elt_end = site.source.span(node.elt)
        cut = _end_of(site, kept[-1])
        text = site.source.text
        closing = text[end - 1]
        changed = f"{text[start:elt_start]}{outer.id}{text[elt_end:cut]}{closing}"
        yield site.replace(node, changed, weight=0.9)


def _end_of(site: Site, loop: ast.comprehension) -> int:
    return site.source.span(loop.ifs[-1] if loop.ifs else loop.iter)[1]


@template("filter-none", prior=0.45, limit=2)
def filter_none(site: Site) -> Iterator[Proposal]:
    """`filter(None, xs)`, which drops 0 and "" too, to a filter of None alone."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and site.text(node.func) == "filter" and len(node.args) == 2:
            first = node.args[0]
            if isinstance(first, ast.Constant) and first.value is None:
                yield site.replace(first, "lambda item: item is not None")
