"""What a function gives back: the value, its order, a `return` that is missing or in the wrong block, `yield`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, NUMBERS
from tools.repair.names import Variable
from tools.repair.site import Proposal, Site, is_atomic, template
from tools.repair.source import COMPOUND, FUNCTIONS


def _returned(site: Site) -> ast.expr | None:
    return site.statement.value if isinstance(site.statement, ast.Return) else None


def _locals(site: Site) -> list[Variable]:
    """Variables that a function may well return: its own, the latest bound first."""
    own = [v for v in site.variables if v.role in ("local", "parameter", "loop")]
    return sorted(own, key=lambda v: (not v.unused, v.role == "parameter", -v.bound))


@template("return-value", prior=0.34, limit=20, decay=0.08)
def return_value(site: Site) -> Iterator[Proposal]:
    """A constant given back replaced by what it probably stood for: a variable, a test of one, a list of one."""
    value = _returned(site)
    if value is None:
        return
    text = site.text(value)
    for v in _locals(site)[:6]:
        for stood_for, weight in _meant(text, v):
            yield site.replace(value, stood_for, weight=weight)
    if text == "[]":
        yield site.replace(value, "[[]]", weight=0.8)
    constant = isinstance(value, ast.Constant | ast.List | ast.Dict)
    for default in ("None", "[]", "0", "False", "True", '""', "{}", "-1", "1"):
        if default != text:
            yield site.replace(value, default, weight=0.25 if constant else 0.1, tags=("overfit-prone",))


def _meant(text: str, v: Variable) -> Iterator[tuple[str, float]]:
    """What a constant may have stood for, with a variable."""
    if text in ("True", "False"):
        yield from _tests(v)
    elif text in ("[]", "{}", "()", "0", "None", '""', "''", "1", "-1"):
        yield v.name, 0.9
        if text == "[]":
            yield f"[{v.name}]", 0.5 if v.kinds & CONTAINERS else 0.9
        elif text in ("0", "1", "-1") and v.kinds & CONTAINERS:
            yield f"len({v.name})", 0.6


def _tests(v: Variable) -> Iterator[tuple[str, float]]:
    if v.kinds & NUMBERS:
        yield f"{v.name} == 0", 1.0
        yield f"{v.name} > 0", 0.5
        yield f"{v.name} != 0", 0.3
    elif v.kinds & CONTAINERS:
        yield f"not {v.name}", 1.0
        yield f"len({v.name}) == 0", 0.2
        yield f"bool({v.name})", 0.4
    else:
        yield v.name, 0.6
        yield f"not {v.name}", 0.6
        yield f"{v.name} is None", 0.4
        yield f"{v.name} is not None", 0.4


@template("return-shape", prior=0.22, limit=12)
def return_shape(site: Site) -> Iterator[Proposal]:
    """Tuple order, `not x`, a list or tuple around the value, an item of it."""
    value = _returned(site)
    if value is None:
        return
    text, kinds = site.text(value), site.kinds(value)
    if isinstance(value, ast.Tuple) and len(value.elts) >= 2:
        parts = [site.text(e) for e in value.elts]
        for i in range(len(parts) - 1):
            swapped = [*parts[:i], parts[i + 1], parts[i], *parts[i + 2 :]]
            yield site.replace(value, f"({', '.join(swapped)})", weight=1.0, why="swap the returned values")
        yield from (site.replace(value, part, weight=0.5) for part in parts)
        return
    if isinstance(value, ast.Constant):
        return
    if "bool" in kinds or not kinds:
        negated = f"not {text}" if is_atomic(text) else f"not ({text})"
        yield site.replace(value, negated, weight=0.9 if kinds else 0.4)
    if not kinds & {"bool"}:
        yield site.replace(value, f"[{text}]", weight=0.4)
    for v in _locals(site)[:3]:
        if v.name != text and f"{v.name}," not in text and (v.role == "local" or v.unused):
            yield site.replace(value, f"({text}, {v.name})", weight=0.15)
            yield site.replace(value, f"({v.name}, {text})", weight=0.1)


@template("missing-return", prior=0.45, limit=12)
def missing_return(site: Site) -> Iterator[Proposal]:
    """An expression whose value is lost is returned; a function that ends without returning gets its `return`."""
    statement, function = site.statement, site.function
    if function is None:
        return
    near = 1.0 if site.nearest_clue("got-none", "none-value", "missing-return") else 0.6
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call | ast.Compare | ast.BinOp | ast.Name):
        start, _ = site.source.span(statement)
        recursive = f"{function.name}(" in site.text(statement)
        last = site.block.after is None
        weight = near * (1.0 if recursive else 0.8 if last else 0.3)
        yield site.splice(start, start, "return ", "return the value of the call", weight=weight)
    if site.scope.yields or function.name == "__init__" or isinstance(statement, FUNCTIONS) or _leaves(statement):
        return
    if statement is function.body[-1]:
        yield from _final_return(site, near)
    elif not isinstance(statement, COMPOUND) and site.block.after is None and site.owns_lines:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else None
        name = target.id if isinstance(target, ast.Name) else next((v.name for v in _locals(site)), "")
        if name:
            yield site.insert_after(f"return {name}", weight=0.3 * near)


def _final_return(site: Site, near: float) -> Iterator[Proposal]:
    silent = not any(r.value is not None for r in site.scope.returns)
    for v in _locals(site)[:6]:
        weight = near * (1.0 if silent else 0.7) * _collects(site, v)
        yield site.insert_after(f"return {v.name}", f"return `{v.name}` at the end of the function", weight=weight)
    receiver = site.scope.receiver
    if receiver:
        fluent = any(r.value is not None and site.text(r.value) == receiver for r in _all_returns(site))
        yield site.insert_after(f"return {receiver}", weight=near * (0.5 if fluent else 0.25))
    for default, weight in (("True", 0.3), ("False", 0.3), ("[]", 0.2), ("0", 0.15)):
        if not silent:
            yield site.insert_after(f"return {default}", weight=weight * near, tags=("overfit-prone",))


def _all_returns(site: Site) -> Iterator[ast.Return]:
    yield from (s for s in site.source.statements if isinstance(s, ast.Return))


def _leaves(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break)


def _collects(site: Site, v: Variable) -> float:
    """How much a variable looks like the result: changed in place, named so, unread."""
    named = v.name in ("result", "results", "res", "out", "output", "total", "answer", "ret", "found", "count")
    grown = v.name in site.scope.mutated
    return (1.0 if named or v.unused else 0.6) * (1.0 if grown or v.role == "local" else 0.5)


@template("yield", prior=0.45, limit=8)
def yields(site: Site) -> Iterator[Proposal]:
    """`yield`, `yield from` and `return` exchanged."""
    statement = site.statement
    value = statement.value if isinstance(statement, ast.Expr) else None
    if isinstance(value, ast.Yield) and value.value is not None:
        inner = site.text(value.value)
        yield site.replace_statement(f"yield from {inner}")
        yield site.replace_statement(f"return {inner}", weight=0.3)
        if isinstance(value.value, ast.Call):
            for argument in value.value.args[:2]:
                yield site.replace_statement(f"yield {site.text(argument)}", weight=0.7)
    elif isinstance(value, ast.YieldFrom):
        yield site.replace_statement(f"yield {site.text(value.value)}")
        yield site.replace_statement(f"return {site.text(value.value)}", weight=0.3)
    elif isinstance(statement, ast.Return) and statement.value is not None:
        factor = 1.0 if site.scope.yields else 0.12
        yield site.replace_statement(f"yield {site.text(statement.value)}", weight=factor)
        yield site.replace_statement(f"yield from {site.text(statement.value)}", weight=factor)
    elif isinstance(value, ast.Call) and site.scope.yields:
        yield site.replace_statement(f"yield from {site.text(value)}", weight=1.0)
        yield site.replace_statement(f"yield {site.text(value)}", weight=0.6)


@template("move-return", prior=0.42, limit=6)
def move_return(site: Site) -> Iterator[Proposal]:
    """A `return` (or `yield`, `break`) moved out of its block, or into the block before it."""
    statement, block = site.statement, site.block
    moved = isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Yield)
    )
    if not moved or not site.owns_lines or site.function is None:
        return
    start, end = site.source.lines_span(statement)
    code = site.source.text[start:end].strip()
    loop = site.loop
    if block.after is None and isinstance(block.owner, COMPOUND) and not isinstance(block.owner, FUNCTIONS):
        for above in (block.owner, loop):
            if (
                above is not None
                and not isinstance(above, ast.Match)
                and not isinstance(statement, ast.Break | ast.Continue)
            ):
                text = site.insert_after(code, anchor=above).edits[0]
                alone = len(block.statements) == 1
                rest = f"{site.indentation}pass{site.source.newline}" if alone else ""
                where = "loop" if above is loop else "block"
                yield site.several([(start, end, rest), text], f"move `{code[:40]}` after the {where}", weight=1.0)
    before = block.before
    if isinstance(before, COMPOUND) and not isinstance(before, (*FUNCTIONS, ast.ClassDef, ast.Match)):
        inner = before.body[-1]
        if site.source.owns_lines(inner) or isinstance(inner, COMPOUND):
            text = site.insert_after(code, anchor=inner).edits[0]
            yield site.several([text, (start, end, "")], f"move `{code[:40]}` into the block before it", weight=0.5)
