"""Flags of a loop that are never set back: what holds for one turn of it still holds in all that follow."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import dotted
from tools.repair.site import Proposal, Site, template
from tools.repair.source import LOOPS
from tools.repair.templates.passages import LEAVING, anchors


@template("flag-reset", prior=0.42, limit=4)
def flag_reset(site: Site) -> Iterator[Proposal]:
    """`first = False` at the end of the branch that asks for it, or of the loop, which sets it one way only."""
    loop = site.loop
    if loop is None or site.function is None:
        return
    settings = _settings(site)
    for name, value, weight in _asked(site, settings):
        back = not value
        if (name, back) in [(n, v) for n, v, at in settings if loop.lineno <= at <= (loop.end_lineno or loop.lineno)]:
            continue
        code = f"{name} = {back}"
        last = _last_of_branch(site, value=value, name=name)
        if last is not None and anchors(site.source, last) and not isinstance(last, LEAVING):
            yield site.insert_after(code, f"`{code}` at the end of the branch", anchor=last, weight=weight)
        end = loop.body[-1]
        if end is not last and anchors(site.source, end) and not isinstance(end, LEAVING):
            yield site.insert_after(code, f"`{code}` at the end of the loop", anchor=end, weight=0.8 * weight)


Setting = tuple[str, bool, int]


def _settings(site: Site) -> list[Setting]:
    """Where the function sets names and attributes to True or False: the name, the value, the line."""
    found = []
    for node in site.scope.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, bool):
            found += [(name, node.value.value, node.lineno) for t in node.targets if (name := dotted(t)) is not None]
    return found


def _asked(site: Site, settings: list[Setting]) -> Iterator[tuple[str, bool, float]]:
    """Flags that the statement reads, with the value to be set back and how sure that is: one of a test more."""
    known = {name for name, _, _ in settings}
    tested = isinstance(site.statement, ast.If)
    for node in site.expressions:
        name = dotted(node)
        if name in known and isinstance(getattr(node, "ctx", None), ast.Load):
            above = site.parent(node)
            negated = isinstance(above, ast.UnaryOp) and isinstance(above.op, ast.Not)
            chosen = isinstance(above, ast.IfExp) and above.test is node
            if tested or chosen or len({value for n, value, _ in settings if n == name}) == 1:
                yield str(name), not negated, 1.0 if tested else 0.7


def _last_of_branch(site: Site, *, value: bool, name: str) -> ast.stmt | None:
    """The last statement that runs when the flag was as asked; nothing for a loop or where it is one part of many."""
    if not isinstance(site.statement, ast.If):
        return None if isinstance(site.statement, LOOPS) else site.statement
    test = site.statement.test
    plain = dotted(test) == name if value else isinstance(test, ast.UnaryOp) and dotted(test.operand) == name
    return site.statement.body[-1] if plain or isinstance(test, ast.BoolOp) else None
