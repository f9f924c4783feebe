"""Exceptions that tests wait for: arguments that nobody checks, and crashes that should come out as the file's own."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, NUMBERS
from tools.repair.names import Variable
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FUNCTIONS
from tools.repair.templates.entries import entry_of
from tools.repair.templates.exceptions import expected, fault_below, named_here
from tools.repair.templates.passages import is_docstring, lines_at, movable

_ASKED = ("did-not-raise",)
_BUILT_IN = frozenset(dir(builtins))


@template("argument-check", prior=0.7, limit=30, decay=0.03, asks=_ASKED, heads=FUNCTIONS)
def argument_check(site: Site) -> Iterator[Proposal]:
    """`if age < 0: raise ValueError(…)` at the start of the function, with the exception that the test waits for."""
    function = site.statement
    entry = entry_of(site.source, function) if isinstance(function, FUNCTIONS) else None
    if entry is None:
        return
    kinds = [kind for kind in expected(site)[:2] if named_here(site, kind) == (kind, None)]
    found = [(c, w, v.name, kind) for v in _own(site) for c, w in _wrong(site, v) for kind in kinds]
    for condition, weight, name, kind in sorted(found, key=lambda f: -f[1]):
        code = f'if {condition}:\n    raise {kind}("invalid {name}")'
        said = f"raise {kind} when `{shown(condition)}`"
        yield site.insert_before(code, said, anchor=entry, weight=weight * (1.0 if kind == kinds[0] else 0.7))


def _own(site: Site) -> list[Variable]:
    """The function's parameters, at most five."""
    return [v for v in site.variables if v.role == "parameter"][:5]


def _wrong(site: Site, v: Variable) -> Iterator[tuple[str, float]]:
    """Conditions under which an argument is not acceptable, likeliest first."""
    name, numeric, holds = v.name, bool(v.kinds & NUMBERS), bool(v.kinds & CONTAINERS)
    if not holds:
        yield f"{name} < 0", 1.0 if numeric else 0.8
        yield f"{name} <= 0", 0.9 if numeric else 0.7
        yield f"{name} < 1", 0.3
        yield f"{name} == 0", 0.4
        yield f"not isinstance({name}, (int, float))", 0.5 if numeric or not v.kinds else 0.2
        yield f"not isinstance({name}, int)", 0.5 if numeric or not v.kinds else 0.2
    if not numeric:
        yield f"not {name}", 0.9 if holds else 0.7
        yield f"{name} is None", 0.6
        yield f"not isinstance({name}, str)", 0.6 if "str" in v.kinds else 0.3
        if "str" in v.kinds:
            yield f"not {name}.strip()", 0.4
    for other in (*_own(site), *(o for o in site.variables if o.role in ("attribute", "global"))):
        if other.name != name:
            yield from _against(name, other, numeric=numeric)


def _against(name: str, other: Variable, *, numeric: bool) -> Iterator[tuple[str, float]]:
    """An argument and another value that do not go together."""
    if other.kinds & {"dict", "set", "list"}:
        fit = 0.6 if other.role == "parameter" else 0.4
        yield f"{name} not in {other.name}", fit
        yield f"{name} in {other.name}", fit * 0.9
        if numeric:
            yield f"{name} >= len({other.name})", fit
    elif other.kinds & NUMBERS or (not other.kinds and other.role == "parameter"):
        yield f"{name} > {other.name}", 0.5 if other.kinds else 0.35


@template("unmatched-branch", prior=0.6, limit=4, asks=_ASKED, heads=(ast.If,))
def unmatched_branch(site: Site) -> Iterator[Proposal]:
    """A chain of `if` and `elif` without `else` that raises what the test waits for when no branch fits."""
    statement = site.statement
    if not isinstance(statement, ast.If) or statement.orelse or site.function is None:
        return
    last = statement.body[-1]
    if not site.source.owns_lines(last) or last.lineno == statement.lineno:
        return
    for kind in expected(site)[:2]:
        if named_here(site, kind) == (kind, None):
            at = site.source.lines_span(last)[0] + len(
                site.source.text[slice(*site.source.lines_span(last))].rstrip("\r\n")
            )
            lines = (
                f"{site.indentation}else:",
                f'{site.indentation}{site.source.indent_unit}raise {kind}("invalid value")',
            )
            text = "".join(f"{site.source.newline}{line}" for line in lines)
            yield site.splice(at, at, text, f"raise {kind} when no branch fits", line=last.lineno, weight=1.0)


@template("final-raise", prior=0.6, limit=4, asks=_ASKED, heads=(ast.Return, ast.Expr, ast.Pass))
def final_raise(site: Site) -> Iterator[Proposal]:
    """`return None` at the end replaced by what the test waits for."""
    statement = site.statement
    value = statement.value if isinstance(statement, ast.Return) else None
    if site.function is None or not site.owns_lines or not isinstance(statement, ast.Return | ast.Pass):
        return
    empty = value is None or (isinstance(value, ast.Constant) and value.value in (None, False, -1, "", 0))
    for kind in expected(site)[:2]:
        if empty and named_here(site, kind) == (kind, None):
            yield site.replace_statement(f'raise {kind}("no result")', weight=1.0)


_CRASHING = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return)
_NEAR = 0.7


@template("raised-as-elsewhere", prior=0.7, limit=8, decay=0.1, asks=("raised",), heads=_CRASHING)
def raised_as_elsewhere(site: Site) -> Iterator[Proposal]:
    """The statement that crashes in a `try`, its error raised as the same function raises what the tests name."""
    statement, source = site.statement, site.source
    if site.function is None or not movable(source, statement) or is_docstring(statement):
        return
    said = [text for text in _raised_here(site) if _known(site, text)]
    for clue, near in site.clues_of("raised"):
        known = named_here(site, clue.names[0]) if near >= _NEAR and said else None
        if known is None or known[1] is not None or fault_below(site, clue):
            continue
        outer, unit, line_end = site.indentation, source.indent_unit, source.newline
        start, end = source.lines_span(statement)
        body = lines_at(source, [statement], start, outer, outer + unit)
        for index, text in enumerate(said):
            caught = f"{outer}except {known[0]} as error:{line_end}"
            code = f"{outer}try:{line_end}{body}{caught}{outer}{unit}raise {text} from error{line_end}"
            weight = near * (1.0 if index == 0 else 0.8)
            yield site.splice(start, end, code, f"raise `{shown(text)}` on {known[0]}", weight=weight)


def _raised_here(site: Site) -> list[str]:
    """What the function raises of the classes that the tests name, the nearest first."""
    found: dict[str, int] = {}
    for node in site.scope.nodes:
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node is not site.statement:
            name = site.text(node.exc.func).rpartition(".")[2]
            if name in site.test_words and "\n" not in site.text(node.exc):
                found.setdefault(site.text(node.exc), abs(node.lineno - site.line))
    return sorted(found, key=lambda text: found[text])[:4]


def _known(site: Site, text: str) -> bool:
    """Whether all names of an expression have a value at the statement."""
    names = {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
    return all(n in site.by_name or n in site.facts.module_names or n in _BUILT_IN for n in names)
