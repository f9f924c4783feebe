"""Calls: arguments swapped, added, dropped, forwarded; the callee exchanged; a call, an `await` that was forgotten."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping
from itertools import combinations

from tools.repair.facts import Definition, parameters
from tools.repair.kinds import compatible
from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, is_load, shown, template
from tools.repair.source import FUNCTIONS, FunctionNode
from tools.repair.vocabulary import SIMILAR_FUNCTIONS, SIMILAR_METHODS, family_of, words

_OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "sorted": ("reverse=True",),
    "sort": ("reverse=True",),
    "split": ("1", "maxsplit=1"),
    "rsplit": ("1", "maxsplit=1"),
    "get": ("0", '""', "[]", "{}", "False"),
    "pop": ("0", "None"),
    "next": ("None",),
    "getattr": ("None",),
    "round": ("2", "1"),
    "enumerate": ("1", "start=1"),
    "max": ("default=0", "default=None"),
    "min": ("default=0", "default=None"),
    "sum": ("0", "[]"),
    "int": ("16", "2", "10"),
    "open": ('encoding="utf-8"',),
    "read_text": ('encoding="utf-8"',),
    "write_text": ('encoding="utf-8"',),
    "decode": ('"utf-8"', 'errors="replace"', 'errors="ignore"'),
    "encode": ('"utf-8"',),
    "replace": ("1",),
    "dumps": ("sort_keys=True", "ensure_ascii=False", "default=str"),
    "mkdir": ("parents=True, exist_ok=True", "exist_ok=True"),
    "makedirs": ("exist_ok=True",),
    "splitlines": ("True", "keepends=True"),
    "zip": ("strict=True",),
    "index": ("1",),
    "find": ("1",),
    "strip": ('"/"', '" "'),
    "rjust": ('"0"',),
    "ljust": ('"0"',),
    "divmod": ("10",),
    "popitem": ("last=False",),
    "move_to_end": ("last=False",),
    "most_common": ("1",),
    "isclose": ("abs_tol=1e-9",),
    "zip_longest": ('fillvalue=""', "fillvalue=0"),
    "accumulate": ("initial=0",),
    "reduce": ("0", "1"),
    "run": ("check=True",),
    "sub": ("count=1", "flags=re.IGNORECASE"),
    "compile": ("re.IGNORECASE", "re.MULTILINE", "re.DOTALL"),
    "print": ('end=""',),
    "fromtimestamp": ("tz=timezone.utc",),
    "now": ("timezone.utc",),
}
_USUAL: Mapping[str, int] = {"replace": 2, "getattr": 2, "isclose": 2, "zip_longest": 4, "reduce": 2, "sub": 3}


def calls(site: Site) -> Iterator[ast.Call]:
    yield from (node for node in site.expressions if isinstance(node, ast.Call))


def callee_name(node: ast.Call) -> str:
    """`f` of `f(…)` and of `x.f(…)`."""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def definition(site: Site, node: ast.Call) -> Definition | None:
    """The function or class of the same file that a call probably reaches."""
    found = site.facts.definitions.get(callee_name(node), [])
    if isinstance(node.func, ast.Attribute) and site.owner is not None:
        own = site.owner.methods.get(node.func.attr)
        if own is not None:
            return own
    return found[0] if found else None


def expected(site: Site, node: ast.Call) -> tuple[str, ...]:
    """Parameter names the called definition takes, without its receiver; () when it is not in the file."""
    target = definition(site, node)
    if isinstance(target, ast.ClassDef):
        target = site.facts.class_facts(target).methods.get("__init__")
    if not isinstance(target, FUNCTIONS):
        return ()
    names = tuple(a.arg for a in (*target.args.posonlyargs, *target.args.args, *target.args.kwonlyargs))
    return names[1:] if site.facts.scope(target).receiver else names


@template("argument-swap", prior=0.42, limit=10)
def argument_swap(site: Site) -> Iterator[Proposal]:
    for node in calls(site):
        slots = [a for a in node.args if not isinstance(a, ast.Starred)]
        names = expected(site, node)
        for first, second in combinations(slots[:5], 2):
            one, other = site.text(first), site.text(second)
            if one == other:
                continue
            fit = compatible(site.kinds(first), site.kinds(second))
            i, j = node.args.index(first), node.args.index(second)
            if max(i, j) < len(names) and similarity(names[i], other) + similarity(names[j], one) > 1.2:
                fit *= 1.6
            spans = (*site.source.span(first), other), (*site.source.span(second), one)
            said = f"swap the arguments `{shown(one)}` and `{shown(other)}`"
            yield site.several(spans, said, weight=fit * (1.0 if j == i + 1 else 0.7))
        for first_word, second_word in combinations(node.keywords[:4], 2):
            one, other = site.text(first_word.value), site.text(second_word.value)
            spans = (*site.source.span(first_word.value), other), (*site.source.span(second_word.value), one)
            yield site.several(spans, f"swap the values of `{first_word.arg}` and `{second_word.arg}`", weight=0.6)


@template("argument-drop", prior=0.26, limit=10)
def argument_drop(site: Site) -> Iterator[Proposal]:
    for node in calls(site):
        whole: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        if len(whole) == 1 and isinstance(whole[0], ast.GeneratorExp):
            continue
        spans = [site.source.span(argument) for argument in whole]
        for index, argument in enumerate(whole):
            start, end = spans[index]
            if index:
                start = spans[index - 1][1]
            elif len(whole) > 1:
                end = spans[1][0]
            said = f"drop the argument `{shown(site.source.segment(argument))}`"
            weight = 0.4 if len(whole) == 1 else 1.0 if index == len(whole) - 1 else 0.7
            yield site.splice(start, end, "", said, line=node.lineno, weight=weight)


def with_argument(site: Site, node: ast.Call, text: str, *, weight: float, first: bool = False) -> Proposal:
    """A call with one argument more, at the end or in front."""
    said = f"add the argument `{shown(text)}` to the call of `{shown(site.text(node.func))}`"
    whole: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    if len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp) and not node.keywords:
        inner = site.text(node.args[0])
        inner = inner if site.source.span(node)[1] == site.source.span(node.args[0])[1] else f"({inner})"
        return site.replace(node, f"{site.text(node.func)}({inner}, {text})", weight=weight, why=said)
    if first and whole:
        start = site.source.span(whole[0])[0]
        return site.splice(start, start, f"{text}, ", said, line=node.lineno, weight=weight)
    before = site.source.text[site.source.span(node.func)[1] : site.source.span(node)[1] - 1].rstrip()
    at = site.source.span(node.func)[1] + len(before)
    glue = "" if not whole else " " if before.endswith(",") else ", "
    return site.splice(at, at, glue + text, said, line=node.lineno, weight=weight)


@template("argument-add", prior=0.36, limit=16, decay=0.1)
def argument_add(site: Site) -> Iterator[Proposal]:
    """Parameters of the callee that are not passed, forgotten parameters of ours, usual optional arguments."""
    for node in calls(site):
        if any(isinstance(a, ast.Starred) for a in node.args):
            continue
        names = expected(site, node)
        passed = {k.arg for k in node.keywords} | set(names[: len(node.args)])
        for name in [n for n in names if n not in passed][:6]:
            yield from _pass(site, node, name, first=names.index(name) == len(node.args))
        if not names:
            yield from _forward(site, node)
        if not definition(site, node):
            for text in _OPTIONAL.get(callee_name(node), ()):
                if not node.keywords and len(node.args) <= _USUAL.get(callee_name(node), 1):
                    yield with_argument(site, node, text, weight=0.45)


def _pass(site: Site, node: ast.Call, name: str, *, first: bool) -> Iterator[Proposal]:
    receiver = site.scope.receiver
    for v in site.variables_at(node):
        if v.name in (name, f"{receiver}.{name}"):
            yield with_argument(site, node, f"{name}={v.name}", weight=1.6 if v.unused else 1.1)
        elif first and not node.keywords and v.role != "global":
            weight = 0.3 + 0.5 * similarity(v.name, name) + (0.5 if v.unused else 0.0)
            yield with_argument(site, node, v.name, weight=weight)


def _forward(site: Site, node: ast.Call) -> Iterator[Proposal]:
    """Parameters that nothing reads were probably meant for a call."""
    for v in site.variables:
        if v.unused and v.role == "parameter":
            yield with_argument(site, node, f"{v.name}={v.name}", weight=0.8)
            if not node.keywords:
                yield with_argument(site, node, v.name, weight=0.9)


@template("argument-insert", prior=0.12, limit=10)
def argument_insert(site: Site) -> Iterator[Proposal]:
    """A variable in front of the other arguments of a call that has too few for its definition."""
    for node in calls(site):
        names = expected(site, node)
        if not names or len(node.args) + len(node.keywords) >= len(names):
            continue
        for v in site.variables_at(node):
            if v.role != "global":
                yield with_argument(site, node, v.name, weight=1.5 if v.unused else 0.6, first=True)


@template("callee", prior=0.36, limit=14)
def callee(site: Site) -> Iterator[Proposal]:
    """The called function replaced by a related one: `min` by `max`, a helper by its sibling."""
    for node in calls(site):
        if isinstance(node.func, ast.Name):
            for name, weight in _other_functions(site, node):
                yield site.replace(node.func, name, weight=weight)
        elif isinstance(node.func, ast.Attribute) and site.text(node.func.value) in site.facts.imported:
            end = site.source.span(node.func)[1]
            for name in family_of(node.func.attr, (*SIMILAR_FUNCTIONS, *SIMILAR_METHODS)):
                said = f"replace `{node.func.attr}` by `{name}`"
                yield site.splice(end - len(node.func.attr), end, name, said, line=node.end_lineno or 0)


def _other_functions(site: Site, node: ast.Call) -> Iterator[tuple[str, float]]:
    name = callee_name(node)
    seen = {name}
    available = {*site.facts.module_names, *dir(builtins)}
    for other in family_of(name, SIMILAR_FUNCTIONS):
        if other in available:
            seen.add(other)
            yield other, 1.0
    arity = len(node.args) + len(node.keywords)
    siblings = [n for n, d in site.facts.definitions.items() if isinstance(d[0], FUNCTIONS) and _top_level(site, d[0])]
    for other in nearest(name, siblings, count=6, least=0.0):
        if other not in seen and other not in ("__init__", "main"):
            target = site.facts.definitions[other][0]
            fits = isinstance(target, FUNCTIONS) and len(parameters(target)) == arity
            yield other, (0.3 + 0.7 * similarity(name, other)) * (1.0 if fits else 0.4)


def _top_level(site: Site, node: FunctionNode) -> bool:
    return site.source.parents.get(node) is site.source.tree or site.source.function_of(node) is site.function


@template("call-reference", prior=0.4, limit=8)
def call_reference(site: Site) -> Iterator[Proposal]:
    """A method that is named but not called: `x.items` to `x.items()`."""
    methods = {name for name, found in site.facts.definitions.items() if isinstance(found[0], FUNCTIONS)}
    for node in site.expressions:
        above = site.parent(node)
        if not is_load(node) or (isinstance(above, ast.Call) and node is above.func):
            continue
        if isinstance(node, ast.Attribute) and (node.attr in _USUALLY_CALLED or node.attr in methods):
            weight = 0.3 if isinstance(above, ast.Attribute) else 0.5 if isinstance(above, ast.Call) else 1.0
            yield site.replace(node, f"{site.text(node)}()", weight=weight)
        elif isinstance(node, ast.Name) and node.id in methods and not isinstance(above, ast.Call | ast.keyword):
            yield site.replace(node, f"{node.id}()", weight=0.7)


_USUALLY_CALLED = frozenset(
    words(
        "items keys values lower upper strip split copy append pop sort read close isdigit isalpha isspace "
        "total_seconds date time isoformat exists is_file is_dir resolve encode decode title group groups start end"
    )
)


@template("await", prior=0.5, limit=8)
def missing_await(site: Site) -> Iterator[Proposal]:
    """`f()` to `await f()` in an asynchronous function, and back."""
    if not isinstance(site.function, ast.AsyncFunctionDef):
        return
    for node in site.expressions:
        above = site.parent(node)
        if isinstance(node, ast.Call) and not isinstance(above, ast.Await):
            target = definition(site, node)
            known = isinstance(target, ast.AsyncFunctionDef)
            yield site.replace(node, f"await {site.text(node)}", weight=1.6 if known else 0.4)
        elif isinstance(node, ast.Await):
            yield site.replace(node, site.text(node.value), weight=0.4)
