"""Tests of a value's type that leave subclasses out, or a type that the failures show."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping

from tools.repair.site import Proposal, Site, template

_OBSERVED = (
    "no-attribute", "operand-types", "concatenate", "join-item", "compare-types", "not-serializable", "not-iterable",
    "no-len", "unhashable", "index-type", "argument-type", "not-callable", "not-subscriptable", "raised",
)  # fmt: skip
_BUILTIN = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type))
_RELATED: Mapping[str, tuple[str, ...]] = {
    "int": ("(int, float)", "float", "str"),
    "float": ("(int, float)", "int"),
    "list": ("(list, tuple)", "tuple", "set", "dict"),
    "tuple": ("(list, tuple)", "list"),
    "str": ("(str, bytes)", "bytes", "list"),
    "dict": ("(dict, list)", "list", "Mapping"),
    "set": ("(set, frozenset)", "list"),
    "bytes": ("(bytes, bytearray)", "str"),
}


@template("exact-type", prior=0.65, limit=8)
def exact_type(site: Site) -> Iterator[Proposal]:
    """`type(x) is T`, `x.__class__ == T`, `type(x) in (A, B)` to `isinstance(x, …)`, which takes subclasses too."""
    for node in site.expressions:
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        value, types = _typed(site, node.left), _types(site, node)
        if value and types:
            negation = "not " if isinstance(node.ops[0], ast.NotEq | ast.IsNot | ast.NotIn) else ""
            yield site.replace(node, f"{negation}isinstance({value}, {types})", weight=0.9)


def _typed(site: Site, node: ast.expr) -> str:
    """The text of `x` in `type(x)` and `x.__class__`, "" for anything else."""
    if isinstance(node, ast.Attribute) and node.attr == "__class__":
        return site.text(node.value)
    alone = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    if isinstance(node, ast.Call) and alone and isinstance(node.func, ast.Name) and node.func.id == "type":
        return site.text(node.args[0])
    return ""


def _types(site: Site, node: ast.Compare) -> str:
    """What such a type is compared with, as `isinstance` takes it; "" when it does not."""
    other = node.comparators[0]
    if isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.Is | ast.IsNot):
        return site.text(other)
    if not isinstance(node.ops[0], ast.In | ast.NotIn) or not isinstance(other, ast.Tuple | ast.List | ast.Set):
        return ""
    listed = [site.text(item) for item in other.elts]
    return f"({', '.join(listed)},)" if len(listed) == 1 else f"({', '.join(listed)})"


@template("more-types", prior=0.65, limit=10, decay=0.1)
def more_types(site: Site) -> Iterator[Proposal]:
    """`isinstance(x, T)` to `isinstance(x, (T, U))`, U from the message or akin to T; T replaced by one akin to it."""
    for node in site.expressions:
        if not isinstance(node, ast.Call) or site.text(node.func) != "isinstance" or len(node.args) != 2:
            continue
        types = node.args[1]
        listed = [site.text(t) for t in (types.elts if isinstance(types, ast.Tuple) else [types])]
        for other, near in _observed(site):
            if other not in listed:
                yield site.replace(types, f"({', '.join([*listed, other])})", weight=max(0.3, 0.9 * near))
        for index, other in enumerate(_RELATED.get(site.text(types), ())):
            yield site.replace(types, other, weight=0.5 if index == 0 else 0.2)


def _observed(site: Site) -> Iterator[tuple[str, float]]:
    """Types that the messages name and this file knows, with how near their traceback comes."""
    found: dict[str, float] = {}
    for clue, near in site.clues_of(*_OBSERVED):
        for name in (name.rpartition(".")[2] for name in clue.names):
            if name in _BUILTIN or name in site.facts.imported or name in site.facts.definitions:
                found[name] = max(near, found.get(name, 0.0))
    yield from sorted(found.items(), key=lambda item: -item[1])
