"""How texts are split, joined, stripped, searched and compared, and the constants this is done with."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS
from tools.repair.names import similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.templates.entries import grouped
from tools.repair.templates.literals import literals, quoted, with_body

Method = tuple[ast.Call, str, str, list[str]]


def _methods(site: Site) -> Iterator[Method]:
    """Method calls of the statement: the call, the text of its object, the method, the texts of its arguments."""
    for node in site.expressions:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
            yield node, grouped(site, node.func.value), node.func.attr, [site.text(a) for a in node.args]


@template("split-form", prior=0.42, limit=12, decay=0.08)
def split_form(site: Site) -> Iterator[Proposal]:
    """`split(" ")` to `split()`, at most so many parts, the other end, lines, empty parts left out."""
    for node, base, name, args in _methods(site):
        if name not in ("split", "rsplit", "splitlines"):
            continue
        numbers = 0.7 if site.nearest_clue("operand-types", "compare-types", "concatenate") else 0.5
        yield site.replace(node, f"[int(part) for part in {site.text(node)}]", weight=numbers)
        yield site.replace(node, f"map(int, {site.text(node)})", weight=numbers * 0.6)
        if name == "splitlines":
            yield site.replace(node, rf'{base}.split("\n")', weight=0.8)
            continue
        if args:
            yield site.replace(node, f"{base}.{name}()", weight=1.0 if args[0] in ('" "', "' '") else 0.5)
            if r"\n" in args[0]:
                yield site.replace(node, f"{base}.splitlines()", weight=1.0)
            if len(args) == 1:
                yield site.replace(node, f"{base}.{name}({args[0]}, 1)", weight=0.9)
                yield site.replace(node, f"{base}.{'rsplit' if name == 'split' else 'split'}({args[0]}, 1)", weight=0.8)
                yield site.replace(node, f"{base}.partition({args[0]})[::2]", weight=0.2)
                yield site.replace(node, f"[part for part in {site.text(node)} if part]", weight=0.5)
                yield site.replace(node, f"[part.strip() for part in {site.text(node)}]", weight=0.6)
                yield site.replace(node, f"{site.text(node)} if {base} else []", weight=0.35)
            elif len(args) == 2:
                yield site.replace(node, f"{base}.{name}({args[0]})", weight=0.8)
        else:
            for separator, weight in (('" "', 0.7), ('","', 0.6), (r'"\n"', 0.5), ("None, 1", 0.6), (r'"\t"', 0.2)):
                yield site.replace(node, f"{base}.{name}({separator})", weight=weight)
            yield site.replace(node, f"{base}.splitlines()", weight=0.5)


@template("strip-form", prior=0.4, limit=14, decay=0.08)
def strip_form(site: Site) -> Iterator[Proposal]:
    """What is stripped and where: `lstrip("abc")` takes letters, `removeprefix` takes a text."""
    for node, base, name, args in _methods(site):
        if name in ("lstrip", "rstrip") and args:
            one, other = ("removeprefix", "startswith") if name == "lstrip" else ("removesuffix", "endswith")
            long = len(args[0]) > 3 or not args[0].startswith(("'", '"'))
            weight = 1.2 if long else 0.5
            part = f"[len({args[0]}):]" if name == "lstrip" else f"[:-len({args[0]})]"
            yield site.replace(node, f"{base}.{one}({args[0]})", weight=weight)
            yield site.replace(node, f"{base}{part} if {base}.{other}({args[0]}) else {base}", weight=weight * 0.9)
        if name in ("strip", "lstrip", "rstrip"):
            if args:
                yield site.replace(node, f"{base}.{name}()", weight=0.5)
            else:
                for signs, weight in (
                    (r'"\n"', 0.5),
                    (r'"\r\n"', 0.5),
                    ('" "', 0.4),
                    ('"/"', 0.35),
                    ('"."', 0.3),
                    ('","', 0.3),
                ):
                    yield site.replace(node, f"{base}.{name}({signs})", weight=weight)
        elif name == "replace" and len(args) == 2:
            yield site.replace(node, f"{base}.replace({args[0]}, {args[1]}, 1)", weight=0.5)
            if args[1] in ('""', "''"):
                yield site.replace(node, f"{base}.removeprefix({args[0]})", weight=0.5)
                yield site.replace(node, f"{base}.removesuffix({args[0]})", weight=0.5)
                yield site.replace(node, f'{base}.replace({args[0]}, " ")', weight=0.3)


@template("join-form", prior=0.42, limit=12, decay=0.08)
def join_form(site: Site) -> Iterator[Proposal]:
    r"""`"".join(xs)` to `" ".join(xs)`, `", "`, `"\n"`; the parts as texts, sorted, without empty ones."""
    for node, base, name, args in _methods(site):
        if name != "join" or len(args) != 1 or not base.startswith(("'", '"')):
            continue
        for glue in ('" "', '", "', '","', '""', r'"\n"'):
            if glue[1:-1] != base[1:-1]:
                yield site.replace(node, f"{glue}.join({args[0]})", weight=0.7)
        inner = node.args[0]
        if not isinstance(inner, ast.GeneratorExp | ast.ListComp):
            yield site.replace(inner, f"map(str, {args[0]})", weight=0.6)
            yield site.replace(inner, f"filter(None, {args[0]})", weight=0.6)
            yield site.replace(inner, f"sorted({args[0]})", weight=0.4)
        for glue in ('"_"', '"-"', '"/"', r'"\t"', '"; "', '"."'):
            if glue[1:-1] != base[1:-1]:
                yield site.replace(node, f"{glue}.join({args[0]})", weight=0.4)


@template("joint", prior=0.3, limit=8)
def joint(site: Site) -> Iterator[Proposal]:
    """`base + "/" + path` where one of the parts may have the `/` already."""
    for node in site.expressions:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add):
            continue
        glue = node.right if isinstance(node.right, ast.Constant) else node.left
        if not isinstance(glue, ast.Constant) or glue.value not in ("/", ".", ",", "\n", " ", "-", "_"):
            continue
        before = node.left if glue is node.right else None
        above = site.parent(node)
        behind = above.right if isinstance(above, ast.BinOp) and node is above.left and before is not None else None
        if before is not None and not isinstance(before, ast.Constant):
            yield site.replace(before, f"{grouped(site, before)}.rstrip({site.text(glue)})", weight=1.0)
        for part in (node.right if before is None else None, behind):
            if part is not None and not isinstance(part, ast.Constant):
                yield site.replace(part, f"{grouped(site, part)}.lstrip({site.text(glue)})", weight=0.8)


@template("text-test", prior=0.4, limit=16, decay=0.08)
def text_test(site: Site) -> Iterator[Proposal]:
    """`==`, `in`, `startswith` and `endswith` exchanged; without regard to case; `find` compared with -1."""
    for node, base, name, args in _methods(site):
        if name in ("startswith", "endswith") and len(args) == 1:
            yield site.replace(node, f"{args[0]} in {base}", weight=0.6)
            yield site.replace(node, f"{base} == {args[0]}", weight=0.6)
            yield site.replace(node, f"{base}.lower().{name}({args[0]})", weight=0.4)
            yield site.replace(node, f"{base}.lstrip().{name}({args[0]})", weight=0.3)
        elif name in ("find", "rfind") and len(args) == 1 and _is_tested(site, node):
            yield site.replace(node, f"{args[0]} in {base}", weight=1.3)
            yield site.replace(node, f"{site.text(node)} != -1", weight=1.3)
            yield site.replace(node, f"{site.text(node)} >= 0", weight=1.0)
        elif name in ("isdigit", "isnumeric", "isdecimal") and not args:
            yield site.replace(node, f'{base}.lstrip("-").{name}()', weight=0.6)
            yield site.replace(node, f'{base}.replace(".", "", 1).{name}()', weight=0.5)
    yield from _comparisons(site)


def _is_tested(site: Site, node: ast.expr) -> bool:
    above = site.parent(node)
    return isinstance(above, ast.If | ast.While | ast.IfExp | ast.BoolOp | ast.UnaryOp | ast.Return | ast.comprehension)


def _comparisons(site: Site) -> Iterator[Proposal]:
    for node in site.expressions:
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        left, right = grouped(site, node.left), grouped(site, node.comparators[0])
        op = node.ops[0]
        known = site.kinds(node.left) | site.kinds(node.comparators[0])
        if isinstance(op, ast.Eq | ast.NotEq) and ("str" in known or not known):
            fit = 1.0 if known else 0.5
            sign = "==" if isinstance(op, ast.Eq) else "!="
            negation = "" if sign == "==" else "not "
            yield site.replace(node, f"{left}.lower() {sign} {right}.lower()", weight=0.7 * fit)
            yield site.replace(node, f"{negation}{left}.startswith({right})", weight=0.6 * fit)
            yield site.replace(node, f"{negation}{left}.endswith({right})", weight=0.5 * fit)
            yield site.replace(node, f"{left}.strip() {sign} {right}", weight=0.5 * fit)
            yield site.replace(node, f"{right} {'' if sign == '==' else 'not '}in {left}", weight=0.4 * fit)
        elif isinstance(op, ast.In) and "str" in site.kinds(node.left) and not _holds_items(site, node.comparators[0]):
            yield site.replace(node, f"{right}.startswith({left})", weight=0.6)
            yield site.replace(node, f"{right}.endswith({left})", weight=0.5)
            yield site.replace(node, f"{right} == {left}", weight=0.4)
            yield site.replace(node, f"{left} in {right}.split()", weight=0.4)
            yield site.replace(node, f"{left}.lower() in {right}.lower()", weight=0.6)


def _holds_items(site: Site, node: ast.expr) -> bool:
    return bool(site.kinds(node) & (CONTAINERS - {"str"}))


@template("alternatives", prior=0.65, limit=8)
def alternatives(site: Site) -> Iterator[Proposal]:
    """`x == "a" or "b"` to `x in ("a", "b")`."""
    for node in site.expressions:
        if isinstance(node, ast.BoolOp) and isinstance(node.values[0], ast.Compare) and len(node.values[0].ops) == 1:
            yield from _repeated(site, node, node.values[0])


def _repeated(site: Site, node: ast.BoolOp, first: ast.Compare) -> Iterator[Proposal]:
    """The later operands of `x == 1 or 2 or 3` are values, not conditions."""
    rest = node.values[1:]
    if not isinstance(first.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
        return
    if not all(isinstance(v, ast.Constant) for v in rest):
        return
    subject, value = site.text(first.left), site.text(first.comparators[0])
    values = ", ".join([value, *(site.text(v) for v in rest)])
    if isinstance(first.ops[0], ast.In | ast.NotIn):
        sign = "in" if isinstance(first.ops[0], ast.In) else "not in"
        parts = [f"{left} {sign} {value}" for left in (subject, *(site.text(v) for v in rest))]
        yield site.replace(node, (" or " if isinstance(node.op, ast.Or) else " and ").join(parts))
        return
    yield site.replace(
        node, f"{subject} {'in' if isinstance(first.ops[0], ast.Eq) else 'not in'} ({values})", weight=1.5
    )


@template("text-constant", prior=0.26, limit=16, decay=0.08)
def text_constant(site: Site) -> Iterator[Proposal]:
    """A text replaced by one like it that the file has; its case, its spaces, its end changed."""
    for one in literals(site):
        body = one.body
        if not body or len(body) > 60 or "\n" in body:
            continue
        variants = {body.lower(): 0.5, body.upper(): 0.5, body.capitalize(): 0.5, body.strip(): 0.6, f"{body} ": 0.4}
        variants |= {f" {body}": 0.3, f"{body}s": 0.3, f"{body}.": 0.15, f"{body}\\n": 0.35, f"{body}:": 0.15}
        if body.endswith(("s", ".", ":", ",", " ", "/", "\\n")):
            variants[body[:-2] if body.endswith("\\n") else body[:-1]] = 0.5
        for old, new in (("_", "-"), ("-", "_"), (" ", "_"), ("_", " "), ("/", "\\\\"), (",", ", "), (", ", ",")):
            if old in body:
                variants.setdefault(body.replace(old, new), 0.35)
        for other in _like(site, body):
            variants.setdefault(other, 0.3 + 0.5 * similarity(body, other))
        for text, weight in sorted(variants.items(), key=lambda v: -v[1]):
            if text != body and not (text == "" and isinstance(site.parent(one.node), ast.Return)):
                yield with_body(site, one, text, weight=weight)


def _like(site: Site, body: str) -> list[str]:
    """Texts of the file that may have been meant instead."""
    pool = [
        c for c in site.facts.constants if isinstance(c, str) and c.isprintable() and 0 < len(c) <= 40 and c != body
    ]
    plain = [c for c in pool if not any(sign in c for sign in "'\"\\{}")]
    ranked = sorted(plain[:80], key=lambda c: -similarity(body, c))
    return [c for c in ranked if similarity(body, c) >= 0.35][:5]


@template("text-key", prior=0.3, limit=8, decay=0.1)
def text_key(site: Site) -> Iterator[Proposal]:
    """A key of a mapping replaced by another one that the file uses."""
    for node in site.expressions:
        key = node.slice if isinstance(node, ast.Subscript) else None
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "pop", "setdefault")
        ):
            key = node.args[0] if node.args else None
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            continue
        written = site.text(key)
        for other, count in _keys(site).items():
            if other != key.value:
                weight = 0.3 + 0.5 * similarity(key.value, other) + (0.1 if count > 1 else 0.0)
                said = f"replace the key {shown(written)} by {shown(repr(other))}"
                yield site.replace(key, quoted(other, written), weight=weight, why=said)


def _keys(site: Site) -> dict[str, int]:
    """Keys that the function uses, with how often."""
    found: dict[str, int] = {}
    for node in site.scope.nodes:
        keys: list[ast.expr | None] = [node.slice] if isinstance(node, ast.Subscript) else []
        keys += node.keys if isinstance(node, ast.Dict) else []
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "pop", "setdefault")
        ):
            keys += node.args[:1]
        for key in keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and len(key.value) <= 40:
                found[key.value] = found.get(key.value, 0) + 1
    return found
