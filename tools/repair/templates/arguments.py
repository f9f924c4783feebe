"""What a TypeError says about arguments: missing, unexpected, too many; mended at the call or at the definition."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.facts import decorator_names, parameters
from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FUNCTIONS, FunctionNode
from tools.repair.stdlib import SPECIAL_METHODS
from tools.repair.templates.calls import callee_name, calls, expected, with_argument
from tools.repair.templates.entries import NEAR, Insertion, decorated, parameter_edit
from tools.values import TOGETHER


def _named(site: Site, *kinds: str) -> Iterator[tuple[FunctionNode, tuple[str, ...]]]:
    """The site's definition when the message of a clue names it, with what the clue says."""
    statement = site.statement
    if not isinstance(statement, FUNCTIONS):
        return
    class_name = site.owner.node.name if site.owner is not None else ""
    for clue, _ in site.clues_of(*kinds):
        called = clue.names[0]
        if statement.name == called or (statement.name == "__init__" and called == class_name):
            yield statement, clue.names


def _about(site: Site, called: str) -> Iterator[ast.Call]:
    """Calls of the statement that the message may be about."""
    for node in calls(site):
        name = callee_name(node)
        if name == called or (called in ("__init__", "__new__") and (name[:1].isupper() or name == "__init__")):
            yield node


def _missing(names: tuple[str, ...]) -> list[str]:
    return re.findall(r"'(\w+)'", names[1])[:4]


@template("argument-missing", prior=0.9, limit=16, decay=0.06, asks=("missing-arguments",))
def argument_missing(site: Site) -> Iterator[Proposal]:
    """`f() missing 1 required positional argument: 'x'`: `x` is passed."""
    for clue, near in site.clues_of("missing-arguments"):
        wanted = _missing(clue.names)
        if near < NEAR or not wanted:
            continue
        for node in _about(site, clue.names[0]):
            if wanted[0] == "self" or (clue.names[0] != "__init__" and _on_class(site, node)):
                yield site.replace(_base(node), f"{site.text(_base(node))}()", weight=near)
            name = wanted[0]
            for v in site.variables_at(node):
                alike = similarity(v.name.rpartition(".")[2], name)
                fit = 1.0 if alike == 1.0 else 0.3 + 0.5 * alike if v.role != "global" else 0.2
                fit += 0.3 if v.unused else 0.0
                if fit >= 0.35:
                    yield with_argument(
                        site, node, v.name if not node.keywords else f"{name}={v.name}", weight=near * fit
                    )
            for default in ("None", "0", '""', "[]", "{}", "False"):
                yield with_argument(site, node, f"{name}={default}", weight=near * 0.35)


def _base(node: ast.Call) -> ast.expr:
    return node.func.value if isinstance(node.func, ast.Attribute) else node.func


def _on_class(site: Site, node: ast.Call) -> bool:
    """`Shape.area(3)`: a method called on its class."""
    base = _base(node)
    return (
        isinstance(node.func, ast.Attribute)
        and isinstance(base, ast.Name)
        and any(isinstance(d, ast.ClassDef) for d in site.facts.definitions.get(base.id, ()))
    )


@template("parameter-default", prior=0.6, limit=10, decay=0.1, asks=("missing-arguments",), heads=FUNCTIONS)
def parameter_default(site: Site) -> Iterator[Proposal]:
    """The parameter that the message misses gets a default, or goes away with `@staticmethod`."""
    for function, names in _named(site, "missing-arguments"):
        for argument in [*function.args.args, *function.args.kwonlyargs]:
            if argument.arg not in _missing(names):
                continue
            end = site.source.span(argument)[1]
            glue = " = " if argument.annotation else "="
            for index, default in enumerate(("None", "0", '""', "()", "False", "1", "True")):
                said = f"the parameter `{argument.arg}` is {default} unless given"
                yield site.splice(
                    end, end, f"{glue}{default}", said, line=argument.lineno, weight=1.0 / (1 + 0.3 * index)
                )
        yield from _without_receiver(site, function)


@template("argument-unexpected", prior=0.9, limit=14, decay=0.08, asks=("unexpected-keyword", "multiple-values"))
def argument_unexpected(site: Site) -> Iterator[Proposal]:
    """`f() got an unexpected keyword argument 'x'`: the parameter's right name, or not passed, or passed by place."""
    for clue, near in site.clues_of("unexpected-keyword", "multiple-values"):
        if near < NEAR:
            continue
        for node in calls(site):
            for keyword in node.keywords:
                if keyword.arg == clue.names[1]:
                    yield from _other_keyword(site, node, keyword, near)
            if clue.kind == "multiple-values" and node.args and callee_name(node) == clue.names[0]:
                yield _dropped(site, node, 0, near * 0.6)


def _other_keyword(site: Site, node: ast.Call, keyword: ast.keyword, near: float) -> Iterator[Proposal]:
    name, (start, end) = keyword.arg or "", site.source.span(keyword)
    passed = {k.arg for k in node.keywords}
    value = site.text(keyword.value)
    for other in nearest(name, [p for p in _parameters(site, node) if p not in passed], count=4, least=0.0):
        weight = near * (0.5 + 0.5 * similarity(name, other))
        yield site.splice(
            start, end, f"{other}={value}", f"pass `{name}` as `{other}`", line=keyword.lineno, weight=weight
        )
    index = len(node.args) + node.keywords.index(keyword)
    yield _dropped(site, node, index, near * 0.7)
    if keyword is node.keywords[0]:
        yield site.splice(start, end, value, f"pass `{name}` by place", line=keyword.lineno, weight=near * 0.5)


def _parameters(site: Site, node: ast.Call) -> tuple[str, ...]:
    """Parameters of what is called; of dataclasses the fields; of built-in functions none are known."""
    known = expected(site, node)
    if known:
        return known
    for definition in site.facts.definitions.get(callee_name(node), ()):
        if isinstance(definition, ast.ClassDef):
            return tuple(site.facts.class_facts(definition).body_names)
    for path in site.modules.sources:
        facts = site.modules.facts_of(path) if callee_name(node) in site.modules.names_in(path) else None
        for definition in facts.definitions.get(callee_name(node), ()) if facts is not None else ():
            if isinstance(definition, FUNCTIONS):
                return parameters(definition)
            return tuple(facts.class_facts(definition).body_names) if facts is not None else ()
    return _USUAL_KEYWORDS.get(callee_name(node), ())


_USUAL_KEYWORDS = {
    "sorted": ("key", "reverse"), "sort": ("key", "reverse"), "max": ("key", "default"), "min": ("key", "default"),
    "open": ("encoding", "mode", "errors", "newline"), "enumerate": ("start",), "print": ("sep", "end", "file"),
    "split": ("maxsplit", "sep"), "dumps": ("indent", "sort_keys", "default", "separators"), "sum": ("start",),
    "timedelta": ("days", "seconds", "minutes", "hours", "weeks"), "round": ("ndigits",), "zip": ("strict",),
    "makedirs": ("exist_ok", "mode"), "mkdir": ("exist_ok", "parents"), "lru_cache": ("maxsize", "typed"),
    "dataclass": ("frozen", "eq", "order", "slots"), "Thread": ("target", "args", "kwargs", "name", "daemon"),
}  # fmt: skip


def _dropped(site: Site, node: ast.Call, index: int, weight: float) -> Proposal:
    """The call without one argument; positional ones are counted first."""
    whole: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    spans = [site.source.span(argument) for argument in whole]
    start, end = spans[index]
    if index:
        start = spans[index - 1][1]
    elif len(whole) > 1:
        end = spans[1][0]
    said = f"drop the argument `{shown(site.source.segment(whole[index]))}`"
    return site.splice(start, end, "", said, line=node.lineno, weight=weight)


@template("parameter-added", prior=0.75, limit=10, decay=0.1, asks=("unexpected-keyword",), heads=FUNCTIONS)
def parameter_added(site: Site) -> Iterator[Proposal]:
    """The definition takes the argument that the message calls unexpected: a parameter renamed, added, `**kwargs`."""
    for function, names in _named(site, "unexpected-keyword"):
        wanted = names[1]
        yield from _renamed_parameter(site, function, wanted)
        default = _forwarded(site, function, wanted)
        yield from _passed_up(site, function, wanted, default)
        for text in dict.fromkeys((f"{wanted}={default}", f"{wanted}=False", f"{wanted}=0", f'{wanted}=""')):
            yield from _with_parameter(site, function, text, 0.7)
        if function.args.kwarg is None and function.args.kwonlyargs == []:
            yield from _with_parameter(site, function, "**kwargs", 0.4)


def _forwarded(site: Site, function: FunctionNode, name: str) -> str:
    """The default that other functions of the file give a parameter of this name."""
    for definitions in site.facts.definitions.values():
        for other in definitions:
            if isinstance(other, FUNCTIONS) and other is not function and name in parameters(other):
                arguments = other.args
                plain = [*arguments.posonlyargs, *arguments.args]
                pairs = zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True)
                return next((site.text(d) for a, d in pairs if a.arg == name), "None")
    return "None"


def _with_parameter(site: Site, function: FunctionNode, text: str, weight: float) -> Iterator[Proposal]:
    edit: Insertion | None = parameter_edit(site, function, text)
    if edit is not None:
        yield site.several([edit], f"add the parameter `{text}`", weight=weight)


def _passed_up(site: Site, function: FunctionNode, name: str, default: str) -> Iterator[Proposal]:
    """The parameter added and passed on to the method of the same name that the function overrides and calls."""
    edit = parameter_edit(site, function, f"{name}={default}")
    for node in site.scope.nodes:
        if edit is None or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        above = node.func.value
        if node.func.attr != function.name or not isinstance(above, ast.Call) or callee_name(above) != "super":
            continue
        if any(k.arg in (name, None) for k in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
            continue
        passed = with_argument(site, node, f"{name}={name}", weight=1.0)
        said = f"add the parameter `{name}={default}` and pass it on to `{shown(site.text(node.func))}`"
        yield site.several([edit, *passed.edits], said, weight=1.0, tags=(TOGETHER,))


def _renamed_parameter(site: Site, function: FunctionNode, wanted: str) -> Iterator[Proposal]:
    """A parameter that looks alike takes the name that callers use, everywhere in the function."""
    plain = [*function.args.args, *function.args.kwonlyargs]
    receiver = site.scope.receiver
    for other in nearest(wanted, [a.arg for a in plain if a.arg != receiver], count=2, least=0.35):
        argument = next(a for a in plain if a.arg == other)
        start = site.source.span(argument)[0]
        edits = {(start, start + len(other), wanted)}
        for node in site.scope.nodes:
            if isinstance(node, ast.Name) and node.id == other:
                if not site.placed(node):
                    return
                edits.add((*site.source.span(node), wanted))
        said = f"rename the parameter `{other}` to `{wanted}`"
        yield site.several(edits, said, weight=0.4 + 0.6 * similarity(other, wanted))


@template("argument-surplus", prior=0.9, limit=12, decay=0.08, asks=("too-many-arguments",))
def argument_surplus(site: Site) -> Iterator[Proposal]:
    """`f() takes 1 positional argument but 2 were given`: one less, several as one tuple, by name, unpacked."""
    for clue, near in site.clues_of("too-many-arguments"):
        if near < NEAR:
            continue
        for node in _about(site, clue.names[0]):
            texts = [site.text(a) for a in node.args]
            function = site.text(node.func)
            if len(texts) >= 2 and callee_name(node) in ("append", "add", "join", "len", "sum", "min", "max", "extend"):
                yield site.replace(node, f"{function}(({', '.join(texts)}))", weight=near)
                yield site.replace(node, f"{function}([{', '.join(texts)}])", weight=near * 0.6)
            if texts:
                yield _dropped(site, node, len(texts) - 1, near * 0.9)
                yield _dropped(site, node, 0, near * 0.6)
            names = expected(site, node)
            if texts and len(texts) - 1 < len(names):
                parts = [*texts[:-1], f"{names[len(texts) - 1]}={texts[-1]}", *map(site.source.segment, node.keywords)]
                yield site.replace(node, f"{function}({', '.join(parts)})", weight=near * 0.8)
            if callee_name(node) == "__init__" or function == "super().__new__":
                yield site.replace(node, f"{function}({'cls' if '__new__' in function else ''})", weight=near)


@template(
    "parameter-receiver",
    prior=0.9,
    limit=10,
    decay=0.08,
    asks=("too-many-arguments", "multiple-values"),
    heads=FUNCTIONS,
)
def parameter_receiver(site: Site) -> Iterator[Proposal]:
    """A method that lacks `self`, should be static, or lacks a parameter that it is given; a misspelt `__init__`."""
    for function, names in _named(site, "too-many-arguments", "multiple-values"):
        method = isinstance(site.source.parents.get(function), ast.ClassDef)
        known = parameters(function)
        if method and (not known or known[0] not in ("self", "cls")):
            edit = parameter_edit(site, function, "self", first=True)
            if edit is not None:
                yield site.several([edit], "add the parameter `self`", weight=1.0)
        yield from _without_receiver(site, function)
        if names[1] != names[-1]:
            yield from _with_parameter(site, function, "value=None", 0.3)
            if function.args.vararg is None and not function.args.kwonlyargs:
                yield from _with_parameter(site, function, "*args", 0.35)
    yield from _misspelt(site)


def _without_receiver(site: Site, function: FunctionNode) -> Iterator[Proposal]:
    """`@staticmethod` or `@classmethod` above a method; `self` taken away where nothing reads it."""
    if not isinstance(site.source.parents.get(function), ast.ClassDef) or not site.source.owns_lines(function):
        return
    if {"staticmethod", "classmethod", "property"} & set(decorator_names(function)):
        return
    first = parameters(function)[:1]
    unread = not first or not site.scope.reads[first[0]]
    static = unread or first[0] not in ("self", "cls")
    yield decorated(site, "staticmethod", weight=0.8 if static else 0.3)
    yield decorated(site, "classmethod", weight=0.9 if first == ("cls",) else 0.3)


def _misspelt(site: Site) -> Iterator[Proposal]:
    """`Point() takes no arguments`: the class has an `_init_` or `__int__`."""
    statement = site.statement
    owner = site.owner.node.name if site.owner is not None else ""
    if not isinstance(statement, FUNCTIONS) or not owner or statement.name in SPECIAL_METHODS[:5]:
        return
    for clue, _ in site.clues_of("too-many-arguments"):
        if clue.names[0] in (owner, "object", "__init__") and similarity(statement.name, "__init__") >= 0.5:
            at = site.source.text.find(statement.name, site.source.span(statement)[0] + 4)
            said = f"rename `{statement.name}` to `__init__`"
            yield site.splice(at, at + len(statement.name), "__init__", said, weight=1.2)
