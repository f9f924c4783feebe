"""Statements that should not be there, that were not written to the end, or that overwrite where they should add."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, dotted
from tools.repair.site import Proposal, Site, is_place, shown, template
from tools.repair.source import COMPOUND, LOOPS
from tools.repair.templates.passages import LEAVING, cut, else_start, initial, is_docstring, span_lines, touch

_KEPT = (ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Pass)
_SIGNS = ("+", "-", "*", "/", "//", "%", "**", "|", "&", "^", "<<", ">>")
_IN_PLACE = {"sorted": "sort", "reversed": "reverse"}


@template("delete-statement", prior=0.18, tags=("deletes-code",), limit=3, decay=0.2)
def delete_statement(site: Site) -> Iterator[Proposal]:
    """The statement taken away; an `if` that only leaves; the `else` or `elif` of a chain."""
    statement = site.statement
    if isinstance(statement, COMPOUND):
        yield from _branch_deleted(site, statement)
        return
    if isinstance(statement, _KEPT) or is_docstring(statement) or site.function is None:
        return
    weight = _deletion_fit(site, statement)
    said = f"delete `{shown(site.text(statement))}`"
    if weight and site.owns_lines:
        yield site.several([cut(site.source, statement)], said, weight=weight)
    elif weight:
        yield site.replace_statement("pass", said, weight=weight)


def _deletion_fit(site: Site, statement: ast.stmt) -> float:
    """Updates and calls are too much more often than what gives a name its only value."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for name in (dotted(t) for t in targets):
            once = name is not None and len(site.scope.writes.get(name, [])) == 1
            if name is not None and once and name not in site.scope.parameters and site.scope.reads[name]:
                return 0.0
        return 0.5 if initial(statement) else 0.7
    if isinstance(statement, LEAVING):
        final = site.function is not None and statement is site.function.body[-1]
        return 0.1 if final else 0.8 if isinstance(statement, ast.Break | ast.Continue) else 0.45
    return 1.0 if isinstance(statement, ast.AugAssign | ast.Expr | ast.Delete) else 0.6


def _branch_deleted(site: Site, statement: ast.stmt) -> Iterator[Proposal]:
    source = site.source
    if site.function is None or not source.owns_lines(statement):
        return
    if isinstance(statement, ast.If):
        small = span_lines(statement) <= 4
        if source.is_elif(statement):
            start, end = source.lines_span(statement)[0], source.lines_span(statement.body[-1])[1]
            if source.owns_lines(statement.body[-1]):
                said = f"delete the branch `elif {shown(site.text(statement.test))}`"
                yield site.splice(start, end, "", said, weight=0.6)
        elif not statement.orelse and (small or isinstance(statement.body[-1], LEAVING)):
            weight = 1.0 if isinstance(statement.body[-1], LEAVING) else 0.6
            yield site.several([cut(source, statement)], f"delete `{shown(site.text(statement))}`", weight=weight)
    head = else_start(source, statement)
    if head is not None and isinstance(statement, (ast.If, *LOOPS)):
        end = source.lines_span(statement.orelse[-1])[1]
        yield site.splice(head, end, "", "delete the `else` block", weight=0.5)


@template("slip", prior=0.5, limit=4)
def slip(site: Site) -> Iterator[Proposal]:
    """An exception that is made but not raised, `total + x` and `total =+ x` for `total += x`, `sorted(xs)` alone."""
    statement = site.statement
    if isinstance(statement, ast.Expr):
        found = _useless(site, statement.value)
    elif isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        found = _signed(site, statement.targets[0], statement.value)
    else:
        return
    for code, weight in found:
        yield site.replace_statement(code, weight=weight)


def _useless(site: Site, value: ast.expr) -> Iterator[tuple[str, float]]:
    text = site.text(value)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        first = value.args[0] if value.args else None
        if _is_exception(value.func.id):
            yield f"raise {text}", 1.2
        elif first is not None and is_place(first) and value.func.id in _IN_PLACE:
            yield f"{site.text(first)}.{_IN_PLACE[value.func.id]}()", 0.7
    elif isinstance(value, ast.BinOp) and _stores(value.left):
        sign = _sign(site, value.left, value.right)
        if sign:
            yield f"{site.text(value.left)} {sign}= {site.text(value.right)}", 1.2


def _stores(node: ast.expr) -> bool:
    return is_place(node) or isinstance(node, ast.Subscript | ast.Attribute)


def _is_exception(name: str) -> bool:
    known = getattr(builtins, name, None)
    return name.endswith(("Error", "Exception")) or (isinstance(known, type) and issubclass(known, BaseException))


def _sign(site: Site, left: ast.expr, right: ast.expr) -> str:
    """What stands between two operands when it is an operator alone."""
    between = site.source.text[site.source.span(left)[1] : site.source.span(right)[0]].strip()
    return between if between in _SIGNS else ""


def _signed(site: Site, target: ast.expr, value: ast.expr) -> Iterator[tuple[str, float]]:
    """`=+` and `=-` where no space stands between."""
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.UAdd | ast.USub) and is_place(target):
        start = site.source.span(value)[0]
        if site.source.text[start - 1 : start] == "=":
            sign = "+" if isinstance(value.op, ast.UAdd) else "-"
            yield f"{site.text(target)} {sign}= {site.text(value.operand)}", 1.3


@template("accumulate", prior=0.34, limit=8)
def accumulate(site: Site) -> Iterator[Proposal]:
    """`total = x` to `total += x`, `result = x` to `result.append(x)`, `d[k] = v` to what keeps the old `d[k]`."""
    statement = site.statement
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return
    target = statement.targets[0]
    if isinstance(target, ast.Subscript):
        found = _kept_items(site, target, statement.value)
    elif is_place(target) and not initial(statement):
        found = _kept_values(site, target, statement.value)
    else:
        return
    for code, weight in sorted(found, key=lambda f: -f[1]):
        yield site.replace_statement(code, weight=weight * (1.0 if site.loop is not None else 0.35))


def _kept_values(site: Site, target: ast.expr, value: ast.expr) -> Iterator[tuple[str, float]]:
    name, text, kinds = site.text(target), site.text(value), site.kinds(target)
    if name in touch(site.statement).reads:
        return
    known = dotted(target) or ""
    before = any(line < site.line for line in site.scope.writes.get(known, [])) or "." in known
    factor = 1.0 if before else 0.3
    item = text if not isinstance(value, ast.Tuple) else f"({text.strip('()')})"
    if "list" in kinds:
        yield f"{name}.append({item})", factor
        yield f"{name} += {text}", factor * (0.9 if "list" in site.kinds(value) else 0.4)
    elif "set" in kinds:
        yield f"{name}.add({item})", factor
        yield f"{name} |= {text}", factor * 0.8
    elif "dict" in kinds:
        yield f"{name}.update({text})", factor
    else:
        yield f"{name} += {text}", factor * 0.9
        yield f"{name} -= {text}", factor * 0.25
        yield f"{name} *= {text}", factor * 0.2
        if "bool" in site.kinds(value) or "bool" in kinds:
            yield f"{name} = {name} or {text}", factor * 0.9
            yield f"{name} = {name} and {text}", factor * 0.8


def _kept_items(site: Site, target: ast.Subscript, value: ast.expr) -> Iterator[tuple[str, float]]:
    place, text = site.text(target), site.text(value)
    base, key = site.text(target.value), site.text(target.slice)
    if isinstance(target.slice, ast.Slice | ast.Tuple) or place in text:
        return
    if "list" not in site.kinds(target.value):
        if isinstance(value, ast.List):
            inner = ", ".join(site.text(e) for e in value.elts)
            one = len(value.elts) == 1
            yield f"{base}.setdefault({key}, []).{'append' if one else 'extend'}({inner if one else text})", 1.0
        elif site.kinds(value) & CONTAINERS - {"str"}:
            yield f"{base}.setdefault({key}, {text})", 0.7
        else:
            yield f"{base}[{key}] = {base}.get({key}, 0) + {text}", 0.9
            yield f"{base}.setdefault({key}, []).append({text})", 0.8
            yield f"{base}.setdefault({key}, {text})", 0.6
    yield f"{place} += {text}", 0.8


@template("together", prior=0.4, limit=3)
def together(site: Site) -> Iterator[Proposal]:
    """`a = b` and `b = a + b` done at once, and a swap that was done at once done in steps."""
    one, two = site.statement, site.block.after
    pair = [s for s in (one, two) if isinstance(s, ast.Assign) and len(s.targets) == 1]
    if isinstance(two, ast.Assign) and len(pair) == 2 and site.owns_lines and site.source.owns_lines(two):
        first, second = pair[0].targets[0], pair[1].targets[0]
        values = [pair[0].value, pair[1].value]
        if _stores(first) and _stores(second) and site.text(first) in _parts(site, values[1]) and _single(values):
            crossing = site.text(second) in _parts(site, values[0])
            start, end = site.source.span(one)[0], site.source.span(two)[1]
            code = f"{site.text(first)}, {site.text(second)} = {site.text(values[0])}, {site.text(values[1])}"
            yield site.splice(start, end, code, "assign both at once", weight=1.0 if crossing else 0.35)
    if isinstance(one, ast.Assign) and len(one.targets) == 1 and site.owns_lines:
        left, right = one.targets[0], one.value
        if isinstance(left, ast.Tuple) and isinstance(right, ast.Tuple) and len(left.elts) == len(right.elts) == 2:
            steps = [f"{site.text(a)} = {site.text(b)}" for a, b in zip(left.elts, right.elts, strict=True)]
            yield site.replace_statement("\n".join(steps), "assign one after the other", weight=0.4)
            yield site.replace_statement("\n".join(steps[::-1]), "assign one after the other", weight=0.3)


def _parts(site: Site, value: ast.expr) -> set[str]:
    """Places that an expression reads, as written."""
    return {site.text(n) for n in ast.walk(value) if isinstance(n, ast.Name | ast.Attribute | ast.Subscript)}


def _single(values: list[ast.expr]) -> bool:
    """Whether values can stand in a tuple as they are."""
    plain = not any(isinstance(v, ast.Tuple | ast.Yield | ast.YieldFrom | ast.Starred | ast.NamedExpr) for v in values)
    return plain and all(v.lineno == v.end_lineno for v in values)


@template("remember", prior=0.48, limit=3)
def remember(site: Site) -> Iterator[Proposal]:
    """`cache[key] = value` before it is returned, in a function that asks `cache` for `key` and never fills it."""
    statement = site.statement
    if not isinstance(statement, ast.Return) or statement.value is None or not site.owns_lines:
        return
    text = site.text(statement.value)
    for node in site.scope.nodes:
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn) or len(node.ops) > 1:
            continue
        base, key = dotted(node.comparators[0]), site.text(node.left)
        read = f"{base}[{key}]"
        if base is None or base in site.scope.mutated or text == read or isinstance(statement.value, ast.Constant):
            continue
        code = [f"{read} = {text}", f"return {text if is_place(statement.value) else read}"]
        yield site.replace_statement("\n".join(code), f"keep the value in `{shown(read)}`")
