"""Arguments that nobody checks: a test waits for an exception that does not come, so the function raises it at once."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tools.repair.kinds import CONTAINERS, NUMBERS
from tools.repair.names import Variable
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FUNCTIONS
from tools.repair.templates.entries import entry_of
from tools.repair.templates.exceptions import expected, named_here

_ASKED = ("did-not-raise",)


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
