"""Imports that the error message asks for: a name that nothing imports, a module or name that moved, a circle."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator

from tools.repair.clues import Clue
from tools.repair.names import nearest, similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.source import FunctionNode
from tools.repair.stdlib import MODULES_NOW, NAMES_NOW, homes_of, imports_for, members_of
from tools.repair.templates.entries import NEAR, at_entry, bound_by, import_edit

_MODULE = re.compile(r"(?:import|from)\s+([.\w]+)")


@template("missing-import", prior=0.9, limit=10, decay=0.08, asks=("undefined-name",))
def missing_import(site: Site) -> Iterator[Proposal]:
    """NameError: the name is imported as elsewhere in the repository, or from the module that defines it."""
    for clue, near in site.clues_of("undefined-name"):
        name = clue.names[0]
        if near < NEAR or not name.isidentifier() or name in site.facts.imported:
            continue
        for statement, weight in _imports(site, name):
            edit = import_edit(site, statement)
            yield site.several([edit], f"add `{statement}`", weight=near * weight)
        for statement in site.modules.definitions_of(name, site.source.path)[:2]:
            inside = at_entry(site, site.function, statement) if site.function else None
            if inside is not None:
                yield site.several([inside], f"add `{statement}` inside the function", weight=near * 0.4)


def _imports(site: Site, name: str) -> list[tuple[str, float]]:
    path = site.source.path
    found: dict[str, float] = {}
    for statement in site.modules.definitions_of(name, path)[:3]:
        found.setdefault(statement, 1.0)
    for index, statement in enumerate(site.modules.imports_of(name, path)[:3]):
        found.setdefault(statement, 1.0 - 0.1 * index)
    for statement in imports_for(name):
        found.setdefault(statement, 0.9)
    siblings = [p for p in site.modules.module_names if p.rpartition(".")[2] == name][:2]
    for module in siblings:
        package = module.rpartition(".")[0]
        found.setdefault(f"from {package} import {name}" if package else f"import {name}", 0.7)
    return [(s, w) for s, w in found.items() if bound_by(s) == name]


@template("export", prior=0.9, limit=4, asks=("no-attribute", "import-name"), heads=(ast.Import, ast.ImportFrom))
def export(site: Site) -> Iterator[Proposal]:
    """`module 'shop' has no attribute 'VERSION'`: it imports the name from the neighbour that defines it, together with
    the others of that file that the tests name.
    """
    for clue, _ in site.clues_of("no-attribute", "import-name"):
        module, name = clue.names[:2] if clue.kind == "no-attribute" else clue.names[1::-1]
        path = site.source.path
        if site.modules.file_of(module) != path or name in site.facts.imported or name in site.facts.module_names:
            continue
        for file in site.modules.definers_of(name, path)[:2]:
            wanted = [n for n in site.modules.names_in(file) if n in site.test_words or n == name]
            whole = site.modules.import_of(", ".join(wanted), file, path)
            alone = site.modules.import_of(name, file, path)
            for statement, weight in ((whole, 1.0), (alone, 0.8)) if alone else ():
                yield site.several([import_edit(site, statement)], f"add `{shown(statement)}`", weight=weight)


@template(
    "moved-import",
    prior=0.9,
    limit=14,
    decay=0.08,
    asks=("import-name", "no-module"),
    heads=(ast.Import, ast.ImportFrom),
)
def moved_import(site: Site) -> Iterator[Proposal]:
    """ImportError: the module or the name under which it is known now."""
    statement = site.statement
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return
    for clue, near in site.clues_of("import-name"):
        if isinstance(statement, ast.ImportFrom) and near >= NEAR:
            yield from _other_names(site, statement, clue, near)
    for clue, near in site.clues_of("no-module"):
        if near >= NEAR:
            yield from _other_modules(site, statement, clue.names[0], near)


def _other_names(site: Site, statement: ast.ImportFrom, clue: Clue, near: float) -> Iterator[Proposal]:
    name, module = clue.names
    for alias in statement.names:
        if alias.name != name:
            continue
        for home in _homes(site, statement, name, module):
            yield _from_elsewhere(site, statement, alias, home, near)
        for other, weight in _near_names(site, module, name):
            bound = alias.asname or (name if site.scope.reads[name] or _is_read(site, name) else "")
            text = other if not bound or bound == other else f"{other} as {bound}"
            start, end = site.source.span(alias)
            said = f"import `{other}` instead of `{name}`"
            yield site.splice(start, end, text, said, weight=near * weight)


def _is_read(site: Site, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in site.source.parents)


def _homes(site: Site, statement: ast.ImportFrom, name: str, module: str) -> list[str]:
    """Modules that have the name."""
    known = [m for m in homes_of(name) if m != module]
    known.sort(key=lambda m: not m.startswith(module))
    written = [*site.modules.definitions_of(name, site.source.path), *site.modules.imports_of(name, site.source.path)]
    found = [match[1] for match in map(_MODULE.match, written) if match]
    current = "." * statement.level + (statement.module or "")
    now = [m for m in (*found, *known) if m not in (current, module)]
    return list(dict.fromkeys(now))[:4]


def _from_elsewhere(site: Site, statement: ast.ImportFrom, alias: ast.alias, home: str, near: float) -> Proposal:
    """One name of an import statement taken from another module, the others left where they are."""
    text = site.source.segment(alias)
    said = f"import `{alias.name}` from `{home}`"
    if len(statement.names) == 1:
        return site.replace_statement(f"from {home} import {text}", said, weight=near)
    rest = ", ".join(site.source.segment(a) for a in statement.names if a is not alias)
    module = "." * statement.level + (statement.module or "")
    return site.replace_statement(f"from {module} import {rest}\nfrom {home} import {text}", said, weight=near)


def _near_names(site: Site, module: str, name: str) -> Iterator[tuple[str, float]]:
    now = NAMES_NOW.get((module, name))
    if now is not None:
        yield now.rpartition(".")[2], 1.0
    pool = [*site.modules.names_in(site.modules.file_of(module)), *members_of(module)]
    for other in nearest(name, pool, count=4, least=0.25):
        yield other, 0.4 + 0.6 * similarity(name, other)


def _other_modules(site: Site, statement: ast.Import | ast.ImportFrom, missing: str, near: float) -> Iterator[Proposal]:
    for written, start, end in _written_modules(site, statement):
        if not missing.endswith(written.strip(".")) and not written.strip(".").startswith(missing):
            continue
        for other, weight in _near_modules(site, missing, written):
            plain = isinstance(statement, ast.Import)
            bound = plain and "." not in written and not site.source.text.startswith(" as ", end)
            text = f"{other} as {written}" if bound else other
            said = f"import `{other}` instead of `{shown(written)}`"
            yield site.splice(start, end, text, said, weight=near * weight)


def _written_modules(site: Site, statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, int, int]]:
    """The modules an import statement names, each with where its name stands."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            start = site.source.span(alias)[0]
            yield alias.name, start, start + len(alias.name)
        return
    written = "." * statement.level + (statement.module or "")
    start, end = site.source.span(statement)
    at = site.source.text.find(written, start + 4, end) if written else -1
    if at >= 0:
        yield written, at, at + len(written)


def _near_modules(site: Site, missing: str, written: str) -> Iterator[tuple[str, float]]:
    now = MODULES_NOW.get(missing)
    if now is not None:
        yield now, 1.0
    dots = len(written) - len(written.lstrip("."))
    if dots:
        yield from _relative(site, written[dots:], dots)
        return
    tail = missing.rpartition(".")[2]
    for name in site.modules.module_names:
        if name.rpartition(".")[2] == tail and name != missing:
            yield name, 0.9
    for name in nearest(missing, list(site.modules.module_names), count=3, least=0.4):
        yield name, 0.3 + 0.6 * similarity(missing, name)
    for name in nearest(missing, sorted(sys.stdlib_module_names), count=2, least=0.55):
        yield name, 0.5
    if not dots and site.modules.file_of(missing):
        yield f".{missing}", 0.8


def _relative(site: Site, tail: str, dots: int) -> Iterator[tuple[str, float]]:
    """Neighbours with a similar name; one level up or down."""
    home = site.modules.module_name(site.source.path)
    package = home if site.source.path.endswith("__init__.py") else home.rpartition(".")[0]
    for _ in range(dots - 1):
        package = package.rpartition(".")[0]
    inside = [m[len(package) + 1 :] for m in site.modules.module_names if m.startswith(f"{package}.")]
    for name in nearest(tail, inside, count=3, least=0.3):
        yield "." * dots + name, 0.4 + 0.6 * similarity(tail, name)
    yield "." * (dots + 1) + tail, 0.5
    if dots > 1:
        yield "." * (dots - 1) + tail, 0.4


@template("late-import", prior=0.7, limit=4, asks=("circular-import",), heads=(ast.Import, ast.ImportFrom))
def late_import(site: Site) -> Iterator[Proposal]:
    """A circular import: the statement moves into the functions that use its names."""
    statement = site.statement
    if not isinstance(statement, ast.Import | ast.ImportFrom) or site.function is not None or not site.owns_lines:
        return
    near = max((n for c, n in site.clues_of("circular-import") if n >= NEAR), default=0.0)
    users = _users(site, {bound_by(f"import {a.asname or a.name}") for a in statement.names}) if near else []
    if not users or not isinstance(site.parent(statement), ast.Module):
        return
    code = " ".join(site.text(statement).split())
    edits = [at_entry(site, function, code) for function in users]
    start, end = site.source.lines_span(statement)
    found = [edit for edit in edits if edit is not None]
    if len(found) == len(edits):
        yield site.several(
            [(start, end, ""), *found], f"import inside the functions that need it: `{shown(code)}`", weight=near
        )


def _users(site: Site, names: set[str]) -> list[FunctionNode]:
    """The outermost functions that read any of these names; none when something else does too, or too many do."""
    found: dict[FunctionNode, None] = {}
    for node in site.source.parents:
        if isinstance(node, ast.Name) and node.id in names:
            function = site.source.outermost_function(node)
            if function is None:
                return []
            found[function] = None
    return sorted(found, key=lambda f: f.lineno) if len(found) <= 4 else []
