"""Exceptions: the types that are caught and raised, `raise` in its forms, and statements put into a `try`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from tools.repair.clues import Clue
from tools.repair.hiding import FAULTS, deeper, origin, unguarded
from tools.repair.site import Proposal, Site, template
from tools.repair.source import FUNCTIONS
from tools.repair.templates.entries import NEAR, import_edit
from tools.repair.templates.guards import exits
from tools.repair.templates.passages import anchors, is_docstring, lines_at, movable
from tools.repair.vocabulary import words

_BUILTIN = {n: c for n, c in vars(builtins).items() if isinstance(c, type) and issubclass(c, Exception)}
_CONFUSED: tuple[tuple[str, ...], ...] = (
    ("KeyError", "IndexError", "LookupError", "AttributeError", "ValueError"),
    ("ValueError", "TypeError", "KeyError", "AttributeError", "OverflowError", "ArithmeticError"),
    ("FileNotFoundError", "OSError", "IOError", "PermissionError", "IsADirectoryError"),
    ("ImportError", "ModuleNotFoundError"),
    ("RuntimeError", "NotImplementedError", "ValueError", "RecursionError"),
    ("UnicodeDecodeError", "UnicodeError", "UnicodeEncodeError", "ValueError"),
    ("StopIteration", "IndexError", "RuntimeError"),
    ("ZeroDivisionError", "ArithmeticError", "ValueError"),
    ("TimeoutError", "OSError", "ConnectionError"),
)
_WIDE = frozenset({"Exception", "BaseException", ""})
_OVERFIT = ("overfit-prone",)


def expected(site: Site) -> list[str]:
    """Exceptions that the tests ask for: those a test waited for in vain, then those its words name."""
    asked = [name for clue, _ in site.clues_of("did-not-raise") for name in clue.names if name]
    named = sorted(w for w in site.test_words if w in _BUILTIN or w.endswith(("Error", "Exception", "Warning")))
    own = [w for w in named if w in site.facts.module_names]
    usual = [w for w in named if w in _BUILTIN and w not in ("AssertionError", "Exception", "Warning")]
    return [n for n in dict.fromkeys((*asked, *own, *usual)) if n not in ("AssertionError", "Exception")][:6]


def named_here(site: Site, name: str) -> tuple[str, tuple[int, int, str] | None] | None:
    """How the file can write an exception's class, with the import that takes; None when nothing is known of it."""
    if name in _BUILTIN or name in site.facts.module_names:
        return name, None
    found = site.modules.definitions_of(name, site.source.path) or site.modules.imports_of(name, site.source.path)
    return (name, import_edit(site, found[0])) if found else None


def _with(proposal: Proposal, extra: tuple[int, int, str] | None) -> Proposal:
    return proposal._replace(edits=tuple(sorted((*proposal.edits, extra)))) if extra else proposal


def _thrown_inside(site: Site, block: list[ast.stmt]) -> list[tuple[str, float]]:
    """Exceptions of the failures that came out of a block, with how near."""
    first, last = block[0].lineno, block[-1].end_lineno or block[-1].lineno
    found: dict[str, float] = {}
    for clue, _ in site.clues_of("raised"):
        for depth, (file, line) in enumerate(clue.places):
            if file == site.source.path and first <= line <= last:
                found.setdefault(clue.names[0], 1.0 if depth == 0 else 0.7)
    return list(found.items())


@template("caught-type", prior=0.6, limit=16, decay=0.08, heads=(ast.Try,))
def caught_type(site: Site) -> Iterator[Proposal]:
    """What a handler catches: the exception that came through as well or instead, a related, wider or narrower one."""
    statement = site.statement
    if not isinstance(statement, ast.Try):
        return
    thrown = _thrown_inside(site, statement.body)
    for handler in statement.handlers:
        if isinstance(handler.type, ast.BoolOp):
            parts = ", ".join(site.text(v) for v in handler.type.values)
            yield site.replace(handler.type, f"({parts})", weight=1.5)
        elif handler.type is not None:
            yield from _thrown_too(site, handler.type, thrown)
            yield from _other_types(site, handler.type)
        else:
            at = site.source.span(handler)[0] + len("except")
            for name in ("Exception", *expected(site)):
                yield site.splice(at, at, f" {name}", f"catch `{name}` only", line=handler.lineno, weight=0.3)


def _caught(site: Site, node: ast.expr) -> list[str]:
    return [site.text(e) for e in node.elts] if isinstance(node, ast.Tuple) else [site.text(node)]


def _thrown_too(site: Site, node: ast.expr, thrown: list[tuple[str, float]]) -> Iterator[Proposal]:
    """The exceptions that came out of the body are caught as well, or instead."""
    caught = _caught(site, node)
    for name, near in thrown:
        known = named_here(site, name)
        if name in caught or known is None or near < NEAR:
            continue
        yield _with(site.replace(node, f"({', '.join([*caught, name])})", weight=near * 1.4), known[1])
        yield _with(site.replace(node, name, weight=near * 1.2), known[1])
        for base in _bases(name)[:2]:
            yield site.replace(node, base, weight=near * 0.6)


def _other_types(site: Site, node: ast.expr) -> Iterator[Proposal]:
    caught = _caught(site, node)
    wide = bool(set(caught) & _WIDE)
    for name in (*(expected(site) if wide else ()), *(n for c in caught for n in _confused(c))):
        if name not in caught:
            yield site.replace(node, name, weight=0.35)
            if not wide:
                yield site.replace(node, f"({', '.join([*caught, name])})", weight=0.4)
    for name in ("ValueError", "KeyError", "TypeError", "AttributeError", "OSError") if wide else ():
        yield site.replace(node, name, weight=0.2)
    if not wide:
        yield site.replace(node, "Exception", weight=0.25, tags=_OVERFIT)
    for name in caught if len(caught) > 1 else ():
        rest = [c for c in caught if c != name]
        text = rest[0] if len(rest) == 1 else f"({', '.join(rest)})"
        yield site.replace(node, text, weight=0.3, why=f"no longer catch `{name}`")


def _bases(name: str) -> list[str]:
    kind = _BUILTIN.get(name)
    return [c.__name__ for c in kind.__mro__[1:] if c.__name__ in _BUILTIN and c is not Exception] if kind else []


def _confused(name: str) -> list[str]:
    return list(dict.fromkeys(n for family in _CONFUSED if name in family for n in family if n != name))[:5]


@template("raised-type", prior=0.5, limit=10, decay=0.1, heads=(ast.Raise,))
def raised_type(site: Site) -> Iterator[Proposal]:
    """Another exception raised: one that the tests name, one the file raises elsewhere, a related one."""
    statement = site.statement
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return
    call = statement.exc if isinstance(statement.exc, ast.Call) else None
    node = call.func if call is not None else statement.exc
    if not isinstance(node, ast.Name | ast.Attribute):
        return
    current = site.text(node)
    hot = max((n for c, n in site.clues_of("raised") if c.names[0] == current.rpartition(".")[2]), default=0.0)
    for name in expected(site):
        known = named_here(site, name)
        if name != current and known is not None:
            yield _with(site.replace(node, name, weight=1.0 if hot >= NEAR else 0.6), known[1])
    for name in (*(n for n, _ in site.facts.raised.most_common(4)), *_confused(current)):
        if name != current:
            yield site.replace(node, name, weight=0.5 if hot >= NEAR else 0.3)


@template("raise-form", prior=0.5, limit=8, heads=(ast.Return, ast.Raise))
def raise_form(site: Site) -> Iterator[Proposal]:
    """`raise NotImplemented`, `return ValueError(…)`, `raise error` in a handler, the cause of an exception."""
    statement = site.statement
    if isinstance(statement, ast.Return) and isinstance(statement.value, ast.Call | ast.Name):
        text = site.text(statement.value)
        name = text.partition("(")[0].rpartition(".")[2]
        if name.endswith(("Error", "Exception")):
            yield site.replace_statement(f"raise {text}", weight=1.2 if name[:1].isupper() else 0.3)
    if not isinstance(statement, ast.Raise) or statement.exc is None:
        return
    text = site.text(statement.exc)
    if text == "NotImplemented" or text.startswith("NotImplemented("):
        yield site.replace(statement.exc, text.replace("NotImplemented", "NotImplementedError", 1), weight=1.4)
        yield site.replace_statement("return NotImplemented", weight=0.8)
    if text.startswith("NotImplementedError") and site.function is not None and site.function.name.startswith("__"):
        yield site.replace_statement("return NotImplemented", weight=1.0)
    handler = _handler(site)
    if handler is not None:
        yield from _causes(site, statement, text, handler.name or "")


def _causes(site: Site, statement: ast.Raise, text: str, name: str) -> Iterator[Proposal]:
    """In a handler: the exception as it came, with its cause, without."""
    if name and text == name:
        yield site.replace_statement("raise", weight=0.5)
    elif statement.cause is None:
        if name:
            yield site.replace_statement(f"raise {text} from {name}", weight=0.6)
        yield site.replace_statement(f"raise {text} from None", weight=0.6)
        yield site.replace_statement("raise", weight=0.6)
    if statement.cause is not None:
        yield site.replace_statement(f"raise {text}", weight=0.3)
        yield site.replace(statement.cause, "None", weight=0.4)


def _handler(site: Site) -> ast.ExceptHandler | None:
    """The handler that a statement is in."""
    for above in site.source.ancestors(site.statement):
        if isinstance(above, ast.ExceptHandler):
            return above
        if isinstance(above, FUNCTIONS):
            return None
    return None


@template("swallowed", prior=0.5, limit=10, decay=0.1)
def swallowed(site: Site) -> Iterator[Proposal]:
    """A handler that keeps an exception to itself raises it again, or as what the tests wait for; and the reverse."""
    handler, statement = _handler(site), site.statement
    if handler is None or statement is not handler.body[-1] or isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        return
    if not site.owns_lines:
        return
    waited = bool(site.nearest_clue("did-not-raise"))
    if isinstance(statement, ast.Raise):
        if site.nearest_clue("raised"):
            for leave, weight in exits(site)[:3]:
                yield site.replace_statement(leave, weight=0.4 * weight, tags=_OVERFIT)
            yield site.replace_statement("pass", weight=0.3, tags=_OVERFIT)
        return
    weight = 1.2 if waited else 0.3
    replaced = isinstance(statement, ast.Pass | ast.Return | ast.Continue)
    cause = f" from {handler.name}" if handler.name else ""
    for name in expected(site)[:3]:
        known = named_here(site, name)
        if known is not None:
            argument = f"(str({handler.name}))" if handler.name else ""
            code = f"raise {name}{argument}{cause}"
            made = site.replace_statement(code, weight=weight) if replaced else site.insert_after(code, weight=weight)
            yield _with(made, known[1])
    yield site.replace_statement("raise", weight=weight) if replaced else site.insert_after("raise", weight=weight)


@template(
    "try-around",
    prior=0.42,
    limit=14,
    decay=0.08,
    asks=("raised",),
    heads=(ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Delete, ast.AnnAssign),
)
def try_around(site: Site) -> Iterator[Proposal]:
    """The statement that crashes in a `try`: raised as what the tests wait for, or left, skipped, a default used."""
    statement = site.statement
    fitting = isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr | ast.Return | ast.Delete | ast.AnnAssign)
    if site.function is None or not fitting or not movable(site.source, statement) or is_docstring(statement):
        return
    unit = site.source.indent_unit
    start, end = site.source.lines_span(statement)
    outer = site.indentation
    body = lines_at(site.source, [statement], start, outer, outer + unit)
    for clue, near in site.clues_of("raised"):
        known = named_here(site, clue.names[0]) if near >= 0.7 else None
        if known is None or clue.names[0] in ("NameError", "UnboundLocalError", "SyntaxError", "ImportError"):
            continue
        if fault_below(site, clue):
            continue
        answers = [a for a in _answers(site, clue.names[0]) if a[3] != _OVERFIT or clue.names[0] not in FAULTS]
        hidden = _hides_one_of_many(site, clue)
        for head, code, weight, tags in sorted(answers, key=lambda answer: -answer[2]):
            if hidden and tags == _OVERFIT:
                continue
            lines = f"{outer}try:{site.source.newline}{body}{outer}except {known[0]}{head}:{site.source.newline}"
            text = f"{lines}{outer}{unit}{code}{site.source.newline}"
            said = f"`{code}` on {known[0]}"
            yield _with(site.splice(start, end, text, said, weight=near * weight, tags=tags), known[1])


def fault_below(site: Site, clue: Clue) -> bool:
    """Whether a fault of code came out of a function of the repository that the statement called: whatever is done
    about it there is a plaster on another wound.
    """
    below = deeper(clue, site.source.path, *site.lines) if clue.names[0] in FAULTS else None
    return below is not None and below[0] in site.modules.sources


def _hides_one_of_many(site: Site, clue: Clue) -> bool:
    """Whether the function that raised has other callers, who would go on crashing when this one does not."""
    path, lines = site.source.path, site.lines
    raising = origin(clue, site.modules, path, lines)
    return raising is not None and unguarded(raising, clue.names[0], site.modules, (path, *lines)) > 0


def _answers(site: Site, thrown: str) -> Iterator[tuple[str, str, float, tuple[str, ...]]]:
    """What to do about an exception: the head's addition, the code, weight, tags."""
    for name in expected(site):
        if name != thrown and named_here(site, name) == (name, None):
            yield " as error", f"raise {name}(str(error)) from error", 1.2, ()
    statement = site.statement
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        target = statement.targets[0].id
        for default, weight in (("None", 0.7), ('""', 0.4), ("0", 0.4), ("[]", 0.4), ("{}", 0.2), ("False", 0.3)):
            yield "", f"{target} = {default}", weight, _OVERFIT
    for leave, weight in exits(site)[:6]:
        yield "", leave, weight * 0.8, _OVERFIT
    if site.loop is not None:
        yield "", "continue", 0.8, _OVERFIT
        yield "", "break", 0.4, _OVERFIT
    if not isinstance(statement, ast.Return | ast.Assign):
        yield "", "pass", 0.6, _OVERFIT


@template("assert-to-raise", prior=0.35, limit=4, heads=(ast.Assert,))
def assert_to_raise(site: Site) -> Iterator[Proposal]:
    """`assert ok, text` to `if not ok: raise …` of what the tests wait for."""
    statement = site.statement
    if not isinstance(statement, ast.Assert) or not site.owns_lines:
        return
    message = site.text(statement.msg) if statement.msg is not None else f'"invalid: {_label(site, statement.test)}"'
    test = site.text(statement.test)
    for name in expected(site)[:3] or ["ValueError"]:
        if named_here(site, name) == (name, None):
            yield site.replace_statement(f"if not ({test}):\n    raise {name}({message})", weight=1.0)


def _label(site: Site, node: ast.expr) -> str:
    return " ".join(site.text(node).split()).translate({ord(c): None for c in '"\\'})[:60]


_CLEANING = frozenset(
    words(
        "close release pop stop end exit leave unlock disconnect remove clear reset restore finish shutdown cleanup "
        "unlink undo quit join terminate rollback dispose discard kill popleft"
    )
)


def _cleans(site: Site) -> bool:
    """Whether the statement undoes something: `lock.release()`, `self.depth -= 1`, `sys.path = saved`."""
    statement = site.statement
    if isinstance(statement, ast.AugAssign):
        return isinstance(statement.op, ast.Sub)
    if isinstance(statement, ast.Assign):
        value = site.text(statement.value)
        return value in ("None", "False") or value.startswith(("old", "saved", "prev", "orig", "_old"))
    call = statement.value if isinstance(statement, ast.Expr) else None
    name = getattr(call.func, "attr", getattr(call.func, "id", "")) if isinstance(call, ast.Call) else ""
    return bool(set(name.strip("_").split("_")) & _CLEANING)


@template("finally-cleanup", prior=0.36, limit=4, heads=(ast.Expr, ast.Assign, ast.AugAssign))
def finally_cleanup(site: Site) -> Iterator[Proposal]:
    """A last statement that must happen in any case: the one or those before it in `try`, itself in `finally`."""
    statement, block = site.statement, site.block
    if site.function is None or not isinstance(statement, ast.Expr | ast.Assign | ast.AugAssign) or not block.index:
        return
    earlier = block.statements[max(0, block.index - 6) : block.index]
    if not movable(site.source, statement) or not _cleans(site):
        return
    unit, outer, newline = site.source.indent_unit, site.indentation, site.source.newline
    last = lines_at(site.source, [statement], site.source.lines_span(statement)[0], outer, outer + unit)
    for count in dict.fromkeys((1, max(1, len(earlier) - 1), len(earlier))):
        tried = earlier[-count:]
        if not all(anchors(site.source, s) and not is_docstring(s) for s in tried):
            continue
        start, end = site.source.lines_span(tried[0])[0], site.source.lines_span(statement)[1]
        body = lines_at(site.source, tried, start, outer, outer + unit)
        text = f"{outer}try:{newline}{body}{outer}finally:{newline}{last}"
        raised = 1.0 if site.test_words & {"raises", "assertRaises"} else 0.6
        yield site.splice(start, end, text, f"do `{site.text(statement)[:40]}` in any case", weight=raised)
