"""Where code is added away from the statement at hand: imports at the top of the file, the start of a function."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Mapping

from tools.repair.site import Proposal, Site, is_atomic
from tools.repair.source import COMPOUND, FunctionNode, SourceFile, first_line

Insertion = tuple[int, int, str]
NEAR = 0.4  # what a message says is believed in the function of its traceback
START_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "int": ("0",), "number": ("0",), "float": ("0.0", "0"), "str": ('""',), "list": ("[]",), "dict": ("{}",),
    "set": ("set()",), "bool": ("False", "True"), "tuple": ("()",),
}  # fmt: skip
_LEADING = (ast.Import, ast.ImportFrom, ast.Try, ast.If, ast.Expr, ast.Assign, ast.AnnAssign)


def bound_by(statement: str) -> str:
    """The name an import statement of one name binds."""
    name = statement.rsplit(maxsplit=1)[-1]
    return name.partition(".")[0] if statement.startswith("import ") else name


def grouped(site: Site, node: ast.expr) -> str:
    """The text of an expression so that `.name`, `[0]` or `(…)` can follow it."""
    text = site.text(node)
    return text if is_atomic(text) else f"({text})"


def item_of(site: Site, text: str) -> str:
    """A name for one item of what is called `text`: "line" for "self.lines", "item" where that says nothing."""
    name = text.rpartition(".")[2].removesuffix("s")
    fits = name.isidentifier() and len(name) > 1 and name != text.rpartition(".")[2] and not keyword.iskeyword(name)
    return name if fits and name not in site.by_name and name not in site.facts.module_names else "item"


def import_edit(site: Site, statement: str) -> Insertion:
    """An import statement inserted behind the imports that open the file."""
    source = site.source
    after = _last_import(source.tree)
    if after is None:
        body = source.tree.body
        skip = len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        at = source.lines_span(body[1 if skip else 0])[0]
        return at, at, f"{statement}{source.newline}"
    at = source.lines_span(after)[1]
    before = "" if source.text[:at].endswith(("\n", "\r")) else source.newline
    return at, at, f"{before}{statement}{source.newline}"


def _last_import(tree: ast.Module) -> ast.stmt | None:
    found: ast.stmt | None = None
    for statement in tree.body:
        if not isinstance(statement, _LEADING):
            break
        found = statement if isinstance(statement, ast.Import | ast.ImportFrom) else found
    return found


def with_import(site: Site, proposal: Proposal, statement: str) -> Proposal:
    """The proposal together with an import that it needs, unless the file has it."""
    if bound_by(statement) in site.facts.imported:
        return proposal
    edits = tuple(sorted((*proposal.edits, import_edit(site, statement))))
    return proposal._replace(edits=edits)


def member(site: Site, module: str, name: str) -> tuple[str, str]:
    """How this file writes a name of a module, and the import statement that it takes ("" for none)."""
    imported = site.facts.imported
    if name in imported:
        return name, ""
    if module.partition(".")[0] in imported and not _imported_from(site, module):
        return f"{module}.{name}", ""
    return name, f"from {module} import {name}"


def _imported_from(site: Site, module: str) -> bool:
    """`from datetime import datetime` binds the module's name to something else."""
    statements = (s for s in site.source.tree.body if isinstance(s, ast.ImportFrom))
    return any((alias.asname or alias.name) == module for s in statements for alias in s.names)


def using(site: Site, proposal: Proposal, statement: str) -> Proposal:
    """As `with_import`, with "" for no import."""
    return with_import(site, proposal, statement) if statement else proposal


def entry_of(source: SourceFile, function: FunctionNode) -> ast.stmt | None:
    """The first statement of a function after its docstring, where whole lines can be put in front of it."""
    body = function.body
    skip = len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    found = body[1] if skip else body[0]
    whole = source.owns_lines(found) or (isinstance(found, COMPOUND) and first_line(found) > function.lineno)
    return found if whole else None


def at_entry(site: Site, function: FunctionNode, code: str) -> Insertion | None:
    """Statements inserted at the start of a function, None where it is written on one line."""
    anchor = entry_of(site.source, function)
    return site.insert_before(code, anchor=anchor).edits[0] if anchor is not None else None


def decorated(site: Site, decorator: str, *, weight: float = 1.0) -> Proposal:
    """A decorator above the function or class of the site."""
    line = site.source.lines_span(site.statement)[0]
    at = line + len(site.indentation)
    first = site.source.text[at]
    text = f"@{decorator}{site.source.newline}{site.indentation}{first}"
    return site.splice(at, at + 1, text, f"add the decorator `@{decorator}`", weight=weight)


def parameter_edit(site: Site, function: FunctionNode, text: str, *, first: bool = False) -> Insertion | None:
    """A parameter added to a definition: in front, or where one with a default may stand (before `**kwargs`)."""
    arguments, source = function.args, site.source
    listed = [*arguments.posonlyargs, *arguments.args]
    if not listed or first:
        return _in_front(site, function, text, alone=not _any_parameter(arguments))
    last = listed[-1]
    end = source.span(last)[1]
    if arguments.defaults:
        end = max(end, source.span(arguments.defaults[-1])[1])
    return end, end, f", {text}"


def _any_parameter(arguments: ast.arguments) -> bool:
    return bool(arguments.posonlyargs or arguments.args or arguments.vararg or arguments.kwonlyargs or arguments.kwarg)


def _in_front(site: Site, function: FunctionNode, text: str, *, alone: bool) -> Insertion | None:
    start = site.source.span(function)[0]
    name_at = site.source.text.find(function.name, start + 4)
    at = site.source.text.find("(", name_at + len(function.name)) if name_at >= 0 else -1
    if at < 0:
        return None
    return at + 1, at + 1, text if alone else f"{text}, "
