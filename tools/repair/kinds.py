"""Crude kinds of values ("int", "str", "list" …), inferred from literals, annotations and how a name is used.

A kind is a hint for ranking, never a proof: an empty set means unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tools.repair.vocabulary import ANNOTATIONS, CALL_RESULTS, KIND_OF_METHOD, METHOD_RESULTS

Kinds = frozenset[str]
UNKNOWN: Kinds = frozenset()
NUMBERS: Kinds = frozenset({"int", "float", "number"})
SEQUENCES: Kinds = frozenset({"list", "tuple", "str", "bytes"})
CONTAINERS: Kinds = frozenset({"list", "tuple", "set", "dict", "str", "bytes"})
MUTABLE: Kinds = frozenset({"list", "set", "dict"})
_DEPTH = 8

_LITERALS: tuple[tuple[type[ast.expr], str], ...] = (
    (ast.List, "list"),
    (ast.ListComp, "list"),
    (ast.Dict, "dict"),
    (ast.DictComp, "dict"),
    (ast.Set, "set"),
    (ast.SetComp, "set"),
    (ast.Tuple, "tuple"),
    (ast.GeneratorExp, "iterator"),
    (ast.JoinedStr, "str"),
    (ast.Compare, "bool"),
    (ast.Lambda, "function"),
)


def dotted(node: ast.expr) -> str | None:
    """`x` and `self.x` as written, None for anything else: the places this module knows kinds of."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
        return f"{node.value.id}.{node.attr}"
    return None


def compatible(first: Kinds, second: Kinds) -> float:
    """How well a value of one kind may stand for the other: 1 same, 0.6 unknown, 0.1 different."""
    if not first or not second:
        return 0.6
    if first & second or (first & NUMBERS and second & NUMBERS):
        return 1.0
    return 0.35 if first & CONTAINERS and second & CONTAINERS else 0.1


def kinds_of(node: ast.expr | None, known: Mapping[str, Kinds], depth: int = 0) -> Kinds:
    """Kinds an expression may have, given those of names (and of `self.x`)."""
    if node is None or depth > _DEPTH:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return frozenset({"none" if node.value is None else type(node.value).__name__})
    for literal, kind in _LITERALS:
        if isinstance(node, literal):
            return frozenset({kind})
    name = dotted(node)
    if name is not None:
        return known.get(name, UNKNOWN)
    if isinstance(node, ast.Call):
        return _call_kinds(node)
    return _compound_kinds(node, known, depth)


def _call_kinds(node: ast.Call) -> Kinds:
    if isinstance(node.func, ast.Name):
        kind = CALL_RESULTS.get(node.func.id)
    elif isinstance(node.func, ast.Attribute):
        kind = METHOD_RESULTS.get(node.func.attr) or CALL_RESULTS.get(node.func.attr)
    else:
        kind = None
    return frozenset({kind}) if kind else UNKNOWN


def _compound_kinds(node: ast.expr, known: Mapping[str, Kinds], depth: int) -> Kinds:
    kinds = UNKNOWN
    if isinstance(node, ast.UnaryOp):
        kinds = frozenset({"bool"}) if isinstance(node.op, ast.Not) else kinds_of(node.operand, known, depth + 1)
    elif isinstance(node, ast.BinOp):
        kinds = _operation_kinds(node, known, depth)
    elif isinstance(node, ast.BoolOp):
        kinds = frozenset().union(*(kinds_of(v, known, depth + 1) for v in node.values[:4]))
    elif isinstance(node, ast.IfExp):
        kinds = kinds_of(node.body, known, depth + 1) | kinds_of(node.orelse, known, depth + 1)
    elif isinstance(node, ast.NamedExpr):
        kinds = kinds_of(node.value, known, depth + 1)
    elif isinstance(node, ast.Subscript):
        base = kinds_of(node.value, known, depth + 1)
        kinds = base if isinstance(node.slice, ast.Slice) or base <= {"str"} else UNKNOWN
    return kinds


def _operation_kinds(node: ast.BinOp, known: Mapping[str, Kinds], depth: int) -> Kinds:
    left, right = kinds_of(node.left, known, depth + 1), kinds_of(node.right, known, depth + 1)
    for kind in ("str", "list", "tuple", "set", "dict"):
        if kind in left or (kind in right and not isinstance(node.op, ast.Mod)):
            return frozenset({kind})
    if isinstance(node.op, ast.Add):
        return left or right
    return frozenset({"number"})


def annotated(node: ast.expr | None) -> Kinds:
    """Kinds an annotation names: `int | None`, `Optional[list[int]]`, `"dict"`."""
    if node is None:
        return UNKNOWN
    if isinstance(node, ast.Constant):
        return frozenset({ANNOTATIONS.get(str(node.value).partition("[")[0].strip(), "")}) - {""}
    if isinstance(node, ast.BinOp):
        return annotated(node.left) | annotated(node.right)
    if isinstance(node, ast.Subscript):
        outer = annotated(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return outer or frozenset().union(*(annotated(item) for item in inner[:4]))
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return frozenset({ANNOTATIONS[name]}) if name in ANNOTATIONS else UNKNOWN


def infer(nodes: Iterable[ast.AST], known: Mapping[str, Kinds]) -> dict[str, Kinds]:
    """Kinds of names and of `self.x` from the nodes of a scope; two passes, so that one name tells of another."""
    kept = list(nodes)
    found: dict[str, Kinds] = dict(known)
    for _ in range(2):
        gathered: dict[str, set[str]] = {}
        for node in kept:
            for name, kinds in _hints(node, found):
                if kinds:
                    gathered.setdefault(name, set()).update(kinds)
        for name, kinds_seen in gathered.items():
            found[name] = frozenset(kinds_seen) | known.get(name, UNKNOWN)
    return found


Hint = tuple[str, Kinds]


def _hints(node: ast.AST, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    reader = _READERS.get(type(node))
    return reader(node, known) if reader else iter(())


def _assignment(node: ast.Assign, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    for target in node.targets:
        yield from _assigned(target, node.value, known)


def _annotation(node: ast.AnnAssign, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    return _named(node.target, annotated(node.annotation) or kinds_of(node.value, known))


def _augmented(node: ast.AugAssign, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    return _named(node.target, kinds_of(node.value, known))


def _loop(node: ast.For | ast.AsyncFor | ast.comprehension, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    return _loop_targets(node.target, node.iter, known)


def _attribute(node: ast.Attribute, _known: Mapping[str, Kinds]) -> Iterator[Hint]:
    kind = KIND_OF_METHOD.get(node.attr)
    return _named(node.value, frozenset({kind})) if kind else iter(())


def _named(node: ast.expr, kinds: Kinds) -> Iterator[Hint]:
    name = dotted(node)
    if name is not None:
        yield name, kinds


def _assigned(target: ast.expr, value: ast.expr, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            yield from _named(one, kinds_of(its_value, known))
    else:
        yield from _named(target, kinds_of(value, known))


def _parameters(node: ast.arguments, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    positional = [*node.posonlyargs, *node.args]
    for arg in [*positional, *node.kwonlyargs]:
        yield arg.arg, annotated(arg.annotation)
    if node.defaults:
        for arg, default in zip(positional[-len(node.defaults) :], node.defaults, strict=True):
            yield arg.arg, kinds_of(default, known)
    for arg, kw_default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        yield arg.arg, kinds_of(kw_default, known)
    if node.vararg:
        yield node.vararg.arg, frozenset({"tuple"})
    if node.kwarg:
        yield node.kwarg.arg, frozenset({"dict"})


def _loop_targets(target: ast.expr, iterable: ast.expr, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    callee = iterable.func.id if isinstance(iterable, ast.Call) and isinstance(iterable.func, ast.Name) else ""
    if callee == "range":
        yield from _named(target, frozenset({"int"}))
    elif callee == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
        yield from _named(target.elts[0], frozenset({"int"}))
    elif kinds_of(iterable, known) == {"str"}:
        yield from _named(target, frozenset({"str"}))


def _operands(node: ast.BinOp, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    return _together(node.left, node.right, known)


def _compared(node: ast.Compare, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    if not isinstance(node.ops[0], ast.In | ast.NotIn):
        yield from _together(node.left, node.comparators[0], known)


def _called(node: ast.Call, _known: Mapping[str, Kinds]) -> Iterator[Hint]:
    callee = node.func.id if isinstance(node.func, ast.Name) else ""
    if callee == "isinstance" and len(node.args) == 2:
        types = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else [node.args[1]]
        yield from _named(node.args[0], frozenset().union(*(annotated(t) for t in types[:6])))
    elif callee == "range":
        for argument in node.args:
            yield from _named(argument, frozenset({"int"}))


def _bounds(node: ast.Subscript, _known: Mapping[str, Kinds]) -> Iterator[Hint]:
    if isinstance(node.slice, ast.Slice):
        for bound in (node.slice.lower, node.slice.upper):
            if bound is not None:
                yield from _named(bound, frozenset({"int"}))


def _together(left: ast.expr, right: ast.expr, known: Mapping[str, Kinds]) -> Iterator[Hint]:
    """Operands of one operation mostly have one kind."""
    for one, other in ((left, right), (right, left)):
        kinds = kinds_of(other, known) - {"none"}
        if kinds and len(kinds) == 1 and kinds & (NUMBERS | {"str"}):
            yield from _named(one, kinds)


_READERS: Mapping[type[ast.AST], Callable[[Any, Mapping[str, Kinds]], Iterator[Hint]]] = {
    ast.Assign: _assignment,
    ast.AnnAssign: _annotation,
    ast.AugAssign: _augmented,
    ast.arguments: _parameters,
    ast.For: _loop,
    ast.AsyncFor: _loop,
    ast.comprehension: _loop,
    ast.Attribute: _attribute,
    ast.BinOp: _operands,
    ast.Compare: _compared,
    ast.Call: _called,
    ast.Subscript: _bounds,
}
