"""Start values: of searches for the smallest and largest, of counters and collections; rows that are one object."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, MUTABLE, dotted
from tools.repair.names import similarity
from tools.repair.site import Proposal, Site, is_place, template
from tools.repair.templates.entries import NEAR, member, using, with_import

_LARGE = ("min", "best", "low", "cheap", "short", "near", "close", "small", "least")
_SMALL = ("max", "best", "high", "long", "large", "big", "most", "far", "peak")


def _assigned(site: Site) -> tuple[ast.expr, ast.expr] | None:
    """The target and the value of `x = …`."""
    statement = site.statement
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.targets[0], statement.value
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        return statement.target, statement.value
    return None


@template("start-of-search", prior=0.5, limit=14, decay=0.08, heads=(ast.Assign, ast.AnnAssign))
def start_of_search(site: Site) -> Iterator[Proposal]:
    """`best = 0` to infinity, minus infinity, None, the first element; and back."""
    pair = _assigned(site)
    if pair is None or not is_place(pair[0]) or site.function is None:
        return
    target, value = pair
    name = (dotted(target) or "").rpartition(".")[2].lower()
    text = site.text(value)
    if not _starts_search(site, value, dotted(target) or ""):
        return
    high = 1.0 if any(w in name for w in _LARGE) else 0.5
    low = 1.0 if any(w in name for w in _SMALL) else 0.5
    infinity, minus = _infinities(site, value)
    choices = [(minus, low), (infinity, high), ("None", 0.4), ("0", 0.4), ("-1", 0.3), ("1", 0.3)]
    near = [v for v in site.variables if v.role not in ("global", "enclosing")]
    choices += [(f"{v.name}[0]", 0.8) for v in near if v.kinds & {"list", "tuple"}]
    choices += [(f"{v.name}[0]", 0.6) for v in near if not v.kinds and _is_indexed(site, v.name)]
    if "math" in site.facts.imported and "float(" not in text:
        choices += [("math.inf", high * 0.5), ("-math.inf", low * 0.5)]
    for new, weight in sorted(choices, key=lambda c: -c[1]):
        if new != text:
            yield site.replace(value, new, weight=weight)


def _is_indexed(site: Site, name: str) -> bool:
    """Whether the function takes an item or a part of a variable, or loops over it."""
    for node in site.scope.nodes:
        if isinstance(node, ast.Subscript) and dotted(node.value) == name:
            return True
        if isinstance(node, ast.For | ast.comprehension) and dotted(node.iter) == name:
            return True
    return False


def _infinities(site: Site, value: ast.expr) -> tuple[str, str]:
    """Infinity as the file writes it."""
    written = "math.inf" if "math.inf" in site.text(value) else 'float("inf")'
    return written, "-math.inf" if written == "math.inf" else 'float("-inf")'


def _starts_search(site: Site, value: ast.expr, name: str) -> bool:
    """A number or None that something is compared with, or chosen from by `min` and `max`, later on."""
    text = site.text(value)
    special = "inf" in text or text in ("sys.maxsize", "-sys.maxsize", "None")
    number = isinstance(value, ast.Constant) and isinstance(value.value, int | float)
    negative = isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant)
    if not (special or number or negative):
        return False
    for node in site.scope.nodes:
        if isinstance(node, ast.Compare) and name in (dotted(node.left), dotted(node.comparators[0])):
            return isinstance(node.ops[0], ast.Lt | ast.Gt | ast.LtE | ast.GtE) or text == "None"
        chosen = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("min", "max")
        if isinstance(node, ast.Call) and chosen and name in (dotted(a) for a in node.args):
            return True
    return False


@template("start-of-collection", prior=0.34, limit=14, decay=0.08, heads=(ast.Assign, ast.AnnAssign))
def start_of_collection(site: Site) -> Iterator[Proposal]:
    """`[]` to `{}`, `set()`, `""`, `[0]`, a list of the first parameter; `{}` to a counter or a default dictionary."""
    pair = _assigned(site)
    if pair is None or not is_place(pair[0]):
        return
    target, value = pair
    text, name = site.text(value), dotted(target) or ""
    used, asked = _used_as(site, name), _asked(site, name)
    for new, weight in _collections(site, text):
        kind = _kind_of(new)
        fit = asked if kind in used and kind != _kind_of(text) else 1.0
        written, statement = new, ""
        if new.startswith(("defaultdict", "Counter", "deque", "OrderedDict")):
            short, statement = member(site, "collections", new.partition("(")[0])
            written = short + new[new.index("(") :]
        if written != text:
            yield using(site, site.replace(value, written, weight=weight * fit), statement)


def _used_as(site: Site, name: str) -> set[str]:
    """Kinds that the methods called on a name, and the messages about it, ask for."""
    found: set[str] = set()
    for node in site.scope.nodes:
        if isinstance(node, ast.Attribute) and dotted(node.value) == name:
            kind = {
                "append": "list",
                "extend": "list",
                "add": "set",
                "update": "dict",
                "items": "dict",
                "popleft": "deque",
            }
            found.add(kind.get(node.attr, ""))
        elif (
            isinstance(node, ast.AugAssign)
            and isinstance(node.target, ast.Subscript)
            and dotted(node.target.value) == name
        ):
            found.add("counter")
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Subscript)
            and dotted(node.value.value) == name
        ):
            found.add({"append": "groups", "extend": "groups", "add": "sets"}.get(node.attr, ""))
    return found - {""}


def _asked(site: Site, name: str) -> float:
    """How much more likely a kind is that the use asks for; most when the crash is about this name."""
    crashed = {clue.names[1] for clue, near in site.clues_of("no-attribute") if near >= NEAR}
    missing = site.nearest_clue("key-missing") >= NEAR
    for node in site.scope.nodes:
        if isinstance(node, ast.Attribute) and node.attr in crashed and dotted(node.value) == name:
            return 5.0
        if missing and isinstance(node, ast.Subscript) and dotted(node.value) == name:
            return 4.0
    return 1.6


def _kind_of(text: str) -> str:
    kinds = {"[": "list", "{": "dict", "s": "set", "C": "counter", '"': "str", "(": "tuple"}
    if text.startswith("defaultdict("):
        return {"int": "counter", "list": "groups", "set": "sets"}.get(text[12:-1], "dict")
    return "deque" if text.startswith("deque") else kinds.get(text[:1], "")


def _collections(site: Site, text: str) -> Iterator[tuple[str, float]]:
    if text in ("[]", "list()"):
        yield from (("set()", 0.6), ("{}", 0.6), ('""', 0.3), ("[0]", 0.5), ("[[]]", 0.4), ("None", 0.3), ("[1]", 0.3))
        yield from (("[None]", 0.2), ('[""]', 0.2), ("deque()", 0.3))
        for v in site.variables[:6]:
            if v.role in ("parameter", "local", "loop"):
                one = not v.kinds & (CONTAINERS - {"str"})
                yield f"[{v.name}]", 0.7 if one else 0.2
                if v.kinds & CONTAINERS or not v.kinds:
                    yield f"[{v.name}[0]]", 0.3
    elif text in ("{}", "dict()", "OrderedDict()"):
        yield from (
            ("defaultdict(int)", 0.6),
            ("defaultdict(list)", 0.6),
            ("set()", 0.6),
            ("[]", 0.5),
            ("Counter()", 0.4),
        )
        yield from (("defaultdict(set)", 0.3), ("defaultdict(dict)", 0.2), ("OrderedDict()", 0.2), ("None", 0.2))
    elif text.startswith(("defaultdict(", "collections.defaultdict(")):
        yield from ((f"defaultdict({kind})", 0.6) for kind in ("list", "int", "set", "dict", "float", "str"))
        yield from (("{}", 0.3), ("Counter()", 0.3), ("defaultdict(lambda: defaultdict(int))", 0.2))
    elif text == "set()":
        yield from (("[]", 0.8), ("{}", 0.5), ("None", 0.2))
        yield from ((f"{{{v.name}}}", 0.6) for v in site.variables[:6] if v.role == "parameter")
    elif text in ('""', "''"):
        yield from (("[]", 0.5), ("None", 0.4), ('" "', 0.1))
    elif text == "()":
        yield from (("[]", 0.9), ("None", 0.3))


@template("start-of-count", prior=0.3, limit=12, decay=0.08, heads=(ast.Assign, ast.AnnAssign))
def start_of_count(site: Site) -> Iterator[Proposal]:
    """A start value taken from the parameters: `total = 0` to `total = start`, `low = 1` to `low = min(xs)`."""
    pair = _assigned(site)
    if pair is None or not is_place(pair[0]) or not isinstance(pair[1], ast.Constant) or site.function is None:
        return
    target, value = pair
    name = (dotted(target) or "").rpartition(".")[2]
    start = value.value if isinstance(value, ast.Constant) else None
    if isinstance(start, int | float) and not isinstance(start, bool):
        if isinstance(start, int) and f"{name} *=" in site.text(site.function):
            yield site.replace(value, "1", weight=1.3)
        for v in site.variables:
            if v.role == "parameter" and v.kinds & (CONTAINERS - {"dict", "set"}):
                yield site.replace(value, f"len({v.name})", weight=0.5)
                yield site.replace(value, f"len({v.name}) - 1", weight=0.5)
                yield site.replace(value, f"{v.name}[0]", weight=0.4)
                yield from (site.replace(value, f"{f}({v.name})", weight=0.4) for f in ("min", "max", "sum"))
            elif v.role in ("parameter", "attribute") and "str" not in v.kinds:
                yield site.replace(
                    value, v.name, weight=0.3 + 0.5 * similarity(v.name, name) + (0.3 if v.unused else 0.0)
                )


@template("same-rows", prior=0.75, limit=4)
def same_rows(site: Site) -> Iterator[Proposal]:
    """`[[0] * n] * m` to `[[0] * n for _ in range(m)]`, `dict.fromkeys(ks, [])` to one list for each, `a = b = []`."""
    statement = site.statement
    for node in site.expressions:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            row, times = (node.left, node.right) if isinstance(node.left, ast.List) else (node.right, node.left)
            if isinstance(row, ast.List) and len(row.elts) == 1 and _shared(row.elts[0]):
                inner = site.text(row.elts[0])
                yield site.replace(node, f"[{inner} for _ in range({site.text(times)})]")
        elif isinstance(node, ast.Call) and site.text(node.func) == "dict.fromkeys":
            keys, shared = (site.text(a) for a in node.args) if len(node.args) == 2 else ("", "")
            if keys and _shared(node.args[1]):
                yield site.replace(node, f"{{key: {shared} for key in {keys}}}")
    if (
        isinstance(statement, ast.Assign)
        and len(statement.targets) > 1
        and _shared(statement.value)
        and site.owns_lines
    ):
        value = site.text(statement.value)
        yield site.replace_statement("\n".join(f"{site.text(t)} = {value}" for t in statement.targets))


def _shared(node: ast.expr) -> bool:
    """Whether an element is changeable, so that repeating it repeats one object."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return isinstance(node.left, ast.List) or isinstance(node.right, ast.List)
    if isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp):
        return True
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("list", "dict", "set", "deque")
    )


@template("used-up", prior=0.5, limit=4)
def used_up(site: Site) -> Iterator[Proposal]:
    """A generator that is gone through more than once made a list."""
    pair = _assigned(site)
    if pair is None:
        return
    target, value = pair
    name = value.func.id if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else ""
    weight = 1.2 if site.scope.reads[dotted(target) or ""] > 1 else 0.4
    if isinstance(value, ast.GeneratorExp):
        inner = site.text(value)
        inside = inner[1:-1] if inner.startswith("(") and inner.endswith(")") else inner
        yield site.splice(*site.source.span(value), f"[{inside}]", "make it a list", weight=weight)
    elif name in ("map", "filter", "zip", "reversed", "iter", "enumerate"):
        yield site.replace(value, f"list({site.text(value)})", weight=weight)


@template("copied-constant", prior=0.5, limit=6)
def copied_constant(site: Site) -> Iterator[Proposal]:
    """`result = DEFAULTS`, `return self.DEFAULTS`, changed afterwards: a copy of it."""
    statement = site.statement
    value = statement.value if isinstance(statement, ast.Return | ast.Assign | ast.AnnAssign) else None
    if value is None or site.function is None or not _is_constant_name(value):
        return
    kinds = site.kinds(value) or site.facts.module.kinds.get(site.text(value), frozenset())
    target = _assigned(site)
    changed = target is None or (dotted(target[0]) or "") in site.scope.mutated
    text, weight = site.text(value), 1.2 if changed and kinds & MUTABLE else 0.5
    for kind in ("dict", "list", "set"):
        if kind in kinds:
            yield site.replace(value, f"{kind}({text})", weight=weight)
    yield site.replace(value, f"{text}.copy()", weight=weight * 0.8)
    yield with_import(site, site.replace(value, f"copy.deepcopy({text})", weight=weight * 0.7), "import copy")


def _is_constant_name(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name.isupper() or name.lower().startswith(("default", "_default", "base_", "initial"))


@template("swapped-sizes", prior=0.25, limit=4)
def swapped_sizes(site: Site) -> Iterator[Proposal]:
    """`[[0] * rows for _ in range(cols)]`: the two sizes exchanged."""
    for node in site.expressions:
        if not isinstance(node, ast.ListComp) or len(node.generators) != 1:
            continue
        inner, outer = _size(node.elt), _size(node.generators[0].iter)
        if inner is not None and outer is not None and site.text(inner) != site.text(outer):
            edits = [(*site.source.span(inner), site.text(outer)), (*site.source.span(outer), site.text(inner))]
            yield site.several(edits, "exchange the two sizes")


def _size(node: ast.expr) -> ast.expr | None:
    """`n` of `[0] * n`, of `[… for _ in range(n)]` and of `range(n)`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.List):
        return node.right
    if isinstance(node, ast.ListComp) and len(node.generators) == 1:
        return _size(node.generators[0].iter)
    ranged = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    return node.args[-1] if isinstance(node, ast.Call) and ranged and node.args else None


@template("distinct-in-order", prior=0.4, limit=6)
def distinct_in_order(site: Site) -> Iterator[Proposal]:
    """`list(set(xs))` to `list(dict.fromkeys(xs))` or `sorted(set(xs))`: the order of a set is no order."""
    near = 1.5 if site.nearest_clue("differs-order") else 1.0
    for node in site.expressions:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) != 1:
            continue
        text, above = site.text(node.args[0]), site.parent(node)
        outer = above.func.id if isinstance(above, ast.Call) and isinstance(above.func, ast.Name) else ""
        if node.func.id == "set" and outer not in ("len", "sorted", "sum", "max", "min"):
            yield site.replace(
                node, f"dict.fromkeys({text})", weight=near * (1.0 if outer in ("list", "tuple") else 0.5)
            )
            yield site.replace(node, f"sorted(set({text}))", weight=near * 0.7)
