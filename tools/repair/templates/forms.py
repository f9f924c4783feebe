"""Values in a form that what takes them cannot read: numbers in texts, JSON, `%` formatting, items of what is fixed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, template
from tools.repair.templates.entries import NEAR, grouped
from tools.repair.templates.literals import literal


def _calls(site: Site) -> Iterator[ast.Call]:
    yield from (node for node in site.expressions if isinstance(node, ast.Call))


@template("parsed-number", prior=0.75, limit=14, decay=0.06, asks=("invalid-literal",))
def parsed_number(site: Site) -> Iterator[Proposal]:
    """`int("")`, `int("3.5")`, `int("1,000")`, `float(" 3 %")`: what the text lacks or has too much."""
    for clue, near in site.clues_of("invalid-literal"):
        for node in _calls(site) if near >= NEAR else ():
            if isinstance(node.func, ast.Name) and node.func.id in ("int", "float", "Decimal") and len(node.args) == 1:
                yield from _number_from(site, node, (clue.names[0] or "").strip("'\""), near)


def _number_from(site: Site, node: ast.Call, said: str, near: float) -> Iterator[Proposal]:
    function, argument = site.text(node.func), node.args[0]
    text = grouped(site, argument)
    if not said.strip():
        yield site.replace(argument, f"{text} or 0", weight=near)
        yield site.replace(node, f"{function}({text}) if {text} else 0", weight=near * 0.9)
        yield site.replace(node, f"{function}({text}) if {text} else None", weight=near * 0.7)
        yield site.replace(node, f"{function}({text}) if {text}.strip() else 0", weight=near * 0.6)
    elif re.fullmatch(r"\s*-?\d+\.\d*\s*", said):
        yield site.replace(argument, f"float({text})", weight=near)
        yield site.replace(node.func, "float", weight=near * 0.9)
    elif "," in said or "_" in said or " " in said.strip() or "%" in said or "$" in said:
        for sign in (s for s in ",_ %$€" if s in said):
            yield site.replace(argument, f'{text}.replace("{sign}", "")', weight=near)
            yield site.replace(argument, f'{text}.strip("{sign}")', weight=near * 0.8)
    if "," in said and function == "float":
        yield site.replace(argument, f'{text}.replace(",", ".")', weight=near * 0.8)
    if re.fullmatch(r"(?:0[xX])?[0-9a-fA-F]+", said) and function == "int":
        yield site.replace(node, f"int({text}, 16)", weight=near)
        yield site.replace(node, f"int({text}, 0)", weight=near * 0.7)
    yield site.replace(argument, f"{text}.strip()", weight=near * 0.4)


@template("serializable", prior=0.85, limit=8, decay=0.1, asks=("not-serializable",))
def serializable(site: Site) -> Iterator[Proposal]:
    """`json.dumps` of what JSON has no form for: `default=str`, a list for a set, a text for a date."""
    for clue, near in site.clues_of("not-serializable"):
        for node in _calls(site) if near >= NEAR else ():
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in ("dumps", "dump") and node.args:
                functions = (
                    ("list", "sorted", "str") if clue.names[0] in ("set", "frozenset", "dict_keys") else ("str", "vars")
                )
                known = {k.arg for k in node.keywords}
                end = site.source.span(node.args[-1] if not node.keywords else node.keywords[-1])[1]
                for function in functions if "default" not in known else ():
                    yield site.splice(end, end, f", default={function}", f"pass `default={function}`", weight=near)
                first = node.args[0]
                yield site.replace(first, f"{functions[0]}({site.text(first)})", weight=near * 0.7)


@template("format-arguments", prior=0.85, limit=8, decay=0.1, asks=("format-arguments",))
def format_arguments(site: Site) -> Iterator[Proposal]:
    """`"%s %s" % a` to `% (a, b)`, `"%s" % pair` to `% (pair,)`; placeholders added or taken away."""
    near = site.nearest_clue("format-arguments")
    if near < NEAR:
        return
    for node in site.expressions:
        one = literal(site, node.left) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) else None
        if not isinstance(node, ast.BinOp) or one is None:
            continue
        right = site.text(node.right)
        if not isinstance(node.right, ast.Tuple):
            yield site.replace(node.right, f"({right},)", weight=near)
            yield site.replace(node.right, f"tuple({right})", weight=near * 0.6)
            for v in site.variables[:8]:
                yield site.replace(node.right, f"({right}, {v.name})", weight=near * (0.9 if v.unused else 0.5))
        places = [m.span() for m in re.finditer(r"%[-+ #0-9.]*[a-zA-Z]", one.body)]
        for start, end in places[-1:]:
            spans = (one.start + start, one.start + end)
            yield site.splice(*spans, "", f"drop `{one.body[start:end]}` from the text", weight=near * 0.6)
        yield site.splice(one.end, one.end, " %s", "add a `%s` to the text", weight=near * 0.6)


@template("changeable", prior=0.7, limit=6, asks=("no-item-assignment",))
def changeable(site: Site) -> Iterator[Proposal]:
    """`x[i] = v` on a text or tuple: `x` becomes a list before."""
    for clue, near in site.clues_of("no-item-assignment"):
        statement = site.statement
        target = statement.targets[0] if isinstance(statement, ast.Assign) else getattr(statement, "target", None)
        if near < NEAR or not isinstance(target, ast.Subscript) or not site.owns_lines:
            continue
        base, index = site.text(target.value), site.text(target.slice)
        yield site.insert_before(f"{base} = list({base})", weight=near)
        if isinstance(statement, ast.Assign) and not isinstance(target.slice, ast.Slice):
            value = site.text(statement.value)
            middle = f"({value},)" if clue.names[0] == "tuple" else value
            yield site.replace_statement(
                f"{base} = {base}[:{index}] + {middle} + {base}[{index} + 1:]", weight=near * 0.9
            )
