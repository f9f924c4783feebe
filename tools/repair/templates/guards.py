"""Guards before a statement: leave early, skip, raise or use a default when a value is None, empty, missing, zero."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from tools.repair.kinds import CONTAINERS, NUMBERS, SEQUENCES
from tools.repair.names import Variable
from tools.repair.site import Proposal, Site, is_load, is_place, shown, template
from tools.repair.source import COMPOUND, FUNCTIONS

_DEFAULT_OF_KIND = {
    "list": "[]", "dict": "{}", "str": '""', "int": "0", "number": "0", "bool": "False", "set": "set()", "tuple": "()",
    "float": "0.0",
}  # fmt: skip


@lru_cache(maxsize=4)
def exits(site: Site) -> tuple[tuple[str, float], ...]:
    """How the function could be left here: values it returns elsewhere, defaults of their kinds, None."""
    if not isinstance(site.function, FUNCTIONS):
        return ()
    if site.scope.yields:
        return (("return", 1.0),)
    bare = all(r.value is None for r in site.scope.returns)
    found: dict[str, float] = {"return": 1.0} if bare else {}
    for node in site.scope.returns:
        for text, weight in _like(site, node):
            found[text] = max(found.get(text, 0.0), weight)
    if not bare:
        for text, weight in _USUAL_EXITS:
            found.setdefault(f"return {text}", weight)
    for v in site.variables:
        if v.role == "parameter":
            found.setdefault(f"return {v.name}", 0.3)
    return tuple(sorted(found.items(), key=lambda item: -item[1])[:10])


_USUAL_EXITS = (("None", 0.5), ("[]", 0.3), ("0", 0.3), ("False", 0.3), ("True", 0.25), ('""', 0.25), ("1", 0.15))


def _like(site: Site, node: ast.Return) -> Iterator[tuple[str, float]]:
    """An exit as another `return` has it, and with the default of that one's kind."""
    text = site.text(node.value) if node.value is not None else "None"
    if node.lineno != site.line and len(text) <= 30 and "\n" not in text:
        constant = node.value is None or isinstance(node.value, ast.Constant | ast.List | ast.Dict | ast.Tuple)
        yield f"return {text}", 1.0 if constant else 0.6
    for kind in sorted(site.kinds(node.value) if node.value is not None else ()):
        if kind in _DEFAULT_OF_KIND:
            yield f"return {_DEFAULT_OF_KIND[kind]}", 0.8


def suspicious_states(site: Site, *, mentioned_only: bool = True) -> list[tuple[str, float, str]]:
    """Conditions on the statement's own values that often go unhandled: (condition, weight, the name it is about)."""
    found: dict[str, tuple[float, str]] = {}
    order = _mentions(site)
    wanted = [v for v in site.variables if v.name in order] if mentioned_only else list(site.variables)
    for v in sorted(wanted, key=lambda v: order.get(v.name, 99))[:6]:
        factor = {"parameter": 1.0, "loop": 0.9, "local": 0.8, "attribute": 0.6}.get(v.role, 0.3)
        for text, weight in _states_of(v):
            found.setdefault(text, (weight * factor, v.name))
    for text, weight, name in _access_states(site):
        if weight > found.get(text, (0.0, ""))[0]:
            found[text] = (weight, name)
    return sorted(((t, w, n) for t, (w, n) in found.items()), key=lambda item: -item[1])


def _mentions(site: Site) -> dict[str, int]:
    found: dict[str, int] = {}
    for node in site.expressions:
        if is_place(node) and is_load(node):
            found.setdefault(site.text(node), len(found))
    return found


def _states_of(v: Variable) -> Iterator[tuple[str, float]]:
    if v.kinds & NUMBERS:
        yield f"{v.name} <= 0", 0.5
        yield f"{v.name} == 0", 0.5
        yield f"{v.name} < 0", 0.5
        yield f"{v.name} <= 1", 0.3
    elif v.kinds & CONTAINERS:
        yield f"not {v.name}", 1.0
        yield f"{v.name} is None", 0.4
        if v.kinds & SEQUENCES:
            yield f"len({v.name}) <= 1", 0.5
    else:
        yield f"{v.name} is None", 0.8
        yield f"not {v.name}", 0.8


State = tuple[str, float, str]


def _access_states(site: Site) -> Iterator[State]:
    """What item accesses, divisions and keyed containers of the statement ask for."""
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and is_load(node):
            yield from _item_states(site, node)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod):
            if not isinstance(node.right, ast.Constant) and "str" not in site.kinds(node.left):
                yield f"{site.text(node.right)} == 0", 0.9, site.text(node.right)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):
            yield from (
                (f"not {site.text(a)}", 0.9, site.text(a)) for a in node.args if is_place(a) and not node.args[1:]
            )
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call | ast.Attribute) and is_load(node):
            text = site.text(node.value)
            yield f"{text} is None", 0.4 if len(text) <= 40 else 0.0, text
    yield from _membership_states(site)


def _item_states(site: Site, node: ast.Subscript) -> Iterator[State]:
    base, index = site.text(node.value), site.text(node.slice)
    kinds = site.kinds(node.value)
    if isinstance(node.slice, ast.Slice | ast.Tuple) or len(base) + len(index) > 40:
        return
    if isinstance(node.slice, ast.Constant | ast.UnaryOp):
        yield f"not {base}", 0.9, base
        return
    if not kinds & SEQUENCES:
        yield f"{index} not in {base}", 0.9 if "dict" in kinds else 0.6, base
    if "dict" not in kinds:
        yield f"{index} >= len({base})", 0.5, base


def _membership_states(site: Site) -> Iterator[State]:
    """`x in seen` for sets and dicts of the function, about the value that the statement works with."""
    keyed = [v for v in site.variables if v.kinds & {"set", "dict"} and v.role != "global"][:3]
    order = _mentions(site)
    ones = [v for v in site.variables if v.name in order and not v.kinds & CONTAINERS][:4]
    for v in keyed:
        for one in ones:
            fit = 0.8 if one.role in ("loop", "local", "parameter") else 0.3
            yield f"{one.name} in {v.name}", fit, one.name
            yield f"{one.name} not in {v.name}", fit * 0.5, one.name


def _guardable(site: Site) -> bool:
    statement = site.statement
    docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    skipped = isinstance(statement, (ast.ClassDef, *FUNCTIONS, ast.Import, ast.ImportFrom, ast.Global, ast.Pass))
    plain = site.owns_lines if not isinstance(statement, COMPOUND) else not site.source.is_elif(statement)
    return bool(site.function) and plain and not docstring and not skipped


def first_statement(site: Site) -> ast.stmt | None:
    """The first statement of the function after its docstring, for guards on its parameters."""
    if not isinstance(site.statement, FUNCTIONS):
        return None
    body = site.statement.body
    skip = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    found = body[1] if skip and len(body) > 1 else body[0]
    return found if site.source.owns_lines(found) or isinstance(found, COMPOUND) else None


@template("guard-return", prior=0.34, limit=24, decay=0.06)
def guard_return(site: Site) -> Iterator[Proposal]:
    """`if not items: return []` in front of a statement."""
    if not _guardable(site):
        return
    for state, weight, _ in suspicious_states(site)[:8]:
        for leave, fit in exits(site)[:6]:
            said = f"{leave} early when `{shown(state)}`"
            yield site.insert_before(f"if {state}:\n    {leave}", said, weight=weight * fit, tags=_overfit(leave))


@template("guard-parameters", prior=0.32, limit=24, decay=0.06)
def guard_parameters(site: Site) -> Iterator[Proposal]:
    """Guards on the parameters at the start of the function, recursion base cases included."""
    anchor = first_statement(site)
    if anchor is None or not isinstance(site.statement, FUNCTIONS):
        return
    recursive = any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == site.statement.name
        for n in site.scope.nodes
    )
    parameters = [v for v in site.variables if v.role == "parameter"]
    for v in parameters[:4]:
        for state, weight in _states_of(v):
            for leave, fit in exits(site)[:6]:
                bonus = 1.3 if recursive else 1.0
                said = f"{leave} early when `{shown(state)}`"
                code = f"if {state}:\n    {leave}"
                yield site.insert_before(code, said, anchor=anchor, weight=weight * fit * bonus, tags=_overfit(leave))


def _overfit(leave: str) -> tuple[str, ...]:
    return ("overfit-prone",) if leave.partition(" ")[2] not in ("", "None") else ()


@template("guard-skip", prior=0.3, limit=12)
def guard_skip(site: Site) -> Iterator[Proposal]:
    """`if x in seen: continue` (or `break`) in front of a statement of a loop."""
    if not _guardable(site) or site.loop is None:
        return
    for state, weight, _ in suspicious_states(site)[:8]:
        for leave, fit in (("continue", 1.0), ("break", 0.5)):
            said = f"{leave} when `{shown(state)}`"
            yield site.insert_before(f"if {state}:\n    {leave}", said, weight=weight * fit)


@template("guard-raise", prior=0.16, limit=12)
def guard_raise(site: Site) -> Iterator[Proposal]:
    """`if x < 0: raise ValueError(…)` with exceptions that the file or the failing test names."""
    anchor = first_statement(site)
    if anchor is None and not _guardable(site):
        return
    kinds = _exceptions(site)
    states = suspicious_states(site, mentioned_only=anchor is None)
    for state, weight, name in states[:8]:
        for kind in kinds[:3]:
            said = f"raise {kind} when `{shown(state)}`"
            label = name.replace('"', "").replace("\\", "").replace("\n", " ")
            code = f'if {state}:\n    raise {kind}("invalid {label}")'
            yield site.insert_before(code, said, anchor=anchor, weight=weight)


def _exceptions(site: Site) -> list[str]:
    wanted = [name for clue, _ in site.clues_of("did-not-raise") for name in clue.names if name]
    seen = Counter(site.facts.raised)
    return list(dict.fromkeys([*wanted, *(n for n, _ in seen.most_common(2)), "ValueError"]))


@template("wrap-if", prior=0.2, limit=12, decay=0.1)
def wrap_if(site: Site) -> Iterator[Proposal]:
    """A statement made conditional: `if x not in seen: …`."""
    if not _guardable(site) or isinstance(site.statement, COMPOUND) or site.statement.end_lineno != site.line:
        return
    start, end = site.source.span(site.statement)
    code = site.source.text[start:end]
    binds = isinstance(site.statement, ast.Assign | ast.AnnAssign)
    for state, weight, _ in suspicious_states(site)[:8]:
        condition = opposite(state)
        said = f"do it only when `{shown(condition)}`"
        text = f"if {condition}:{site.source.newline}{site.indentation}{site.source.indent_unit}{code}"
        yield site.splice(start, end, text, said, weight=weight * (0.5 if binds else 1.0))


def opposite(state: str) -> str:
    """The negation of one of the simple conditions made here."""
    if state.startswith("not "):
        return state[4:]
    for sign, other in (
        (" is None", " is not None"), (" not in ", " in "), (" in ", " not in "), (" <= ", " > "), (" >= ", " < "),
        (" == ", " != "), (" < ", " >= "),
    ):  # fmt: skip
        if sign in state:
            return state.replace(sign, other, 1)
    return f"not {state}"


@template("get-default", prior=0.3, limit=12)
def get_default(site: Site) -> Iterator[Proposal]:
    """`d[k]` to `d.get(k, …)`, `x.a` to `getattr(x, "a", None)`, `next(it)` to `next(it, None)`."""
    near = max(site.nearest_clue("key-missing"), 0.35)
    for node in site.expressions:
        if isinstance(node, ast.Subscript) and is_load(node) and not isinstance(node.slice, ast.Slice | ast.Tuple):
            kinds = site.kinds(node.value)
            if kinds & SEQUENCES or isinstance(node.slice, ast.UnaryOp):
                continue
            base, key = site.text(node.value), site.text(node.slice)
            fit = near * (1.0 if "dict" in kinds else 0.7)
            yield site.replace(node, f"{base}.get({key})", weight=fit)
            for default in ("0", "[]", '""', "False", "{}", key):
                yield site.replace(node, f"{base}.get({key}, {default})", weight=fit * 0.7)
            yield site.replace(node, f"{base}.setdefault({key}, [])", weight=fit * 0.5)
        elif isinstance(node, ast.Attribute) and is_load(node) and not _called(site, node):
            missing = [c for c, _ in site.clues_of("no-attribute") if node.attr in c.names]
            if missing:
                yield site.replace(node, f'getattr({site.text(node.value)}, "{node.attr}", None)', weight=0.6)


def _called(site: Site, node: ast.Attribute) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.Call) and node is above.func


@template("conditional-value", prior=0.2, limit=14, decay=0.1)
def conditional_value(site: Site) -> Iterator[Proposal]:
    """A value used only where it is safe: `a / b` to `a / b if b else 0`, `x.y` to `x.y if x else None`."""
    statement = site.statement
    value = statement.value if isinstance(statement, ast.Return | ast.Assign) else None
    if value is None or isinstance(value, ast.Constant | ast.IfExp):
        return
    kinds = site.kinds(value)
    defaults = [_DEFAULT_OF_KIND[k] for k in sorted(kinds) if k in _DEFAULT_OF_KIND] or ["None", "0", '""', "[]"]
    defaults = list(dict.fromkeys([*defaults, "None", *(v.name for v in site.variables if v.role == "parameter")]))
    for state, weight, _ in suspicious_states(site)[:5]:
        for index, default in enumerate(defaults[:4]):
            text = f"{site.text(value)} if {opposite(state)} else {default}"
            yield site.replace(value, text, weight=weight / (1 + 0.3 * index))
