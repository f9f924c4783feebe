"""What loops gather: the last group that is never handed over, start values on the wrong side of the loop, values that
are changed though others still need them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from tools.repair.kinds import CONTAINERS, UNKNOWN, Kinds, dotted
from tools.repair.site import Proposal, Site, is_place, template
from tools.repair.source import COMPOUND, FUNCTIONS, LOOPS
from tools.repair.templates.entries import entry_of
from tools.repair.templates.passages import (
    anchors,
    before,
    cut,
    holder,
    initial,
    movable,
    moved,
    touch,
)
from tools.repair.vocabulary import MUTATORS

Loop = ast.For | ast.AsyncFor | ast.While
_COPIES = {"list": "list({})", "dict": "dict({})", "set": "set({})"}
_NEAR = 8


@template("flush-rest", prior=0.48, limit=6, decay=0.15)
def flush_rest(site: Site) -> Iterator[Proposal]:
    """What a loop hands over at each boundary (`out.append(cur); cur = []`) handed over once more behind the loop."""
    for loop in _loops_about(site):
        if not anchors(site.source, loop):
            continue
        behind = site.source.blocks[loop].after
        for branch in _boundaries(loop):
            yield from _flushes(site, loop, branch, touch(behind).reads if behind is not None else frozenset())


def _loops_about(site: Site) -> list[Loop]:
    """The loop that a statement is, is in, or follows."""
    statement, earlier = site.statement, site.block.before
    found = [statement, site.loop, earlier]
    return list(dict.fromkeys(s for s in found if isinstance(s, LOOPS)))


def _boundaries(loop: Loop) -> Iterator[list[ast.stmt]]:
    """Branches inside a loop, up to three levels deep."""
    level: list[list[ast.stmt]] = [loop.body]
    for _ in range(3):
        inner: list[list[ast.stmt]] = []
        for test in (s for body in level for s in body if isinstance(s, ast.If)):
            inner += [body for body in (test.body, test.orelse) if body]
        yield from inner
        level = inner


def _flushes(site: Site, loop: Loop, branch: list[ast.stmt], wanted: frozenset[str]) -> Iterator[Proposal]:
    handed = [s for s in branch if _hands_over(s)]
    read = frozenset().union(*(touch(s).reads for s in handed))
    replaced = [s for s in branch if _is_reset(s) or (isinstance(s, ast.Assign) and s not in handed)]
    gone = read & frozenset().union(*(touch(s).writes for s in replaced))
    used = [s for s in handed if touch(s).reads & gone]
    texts = [_short_code(site, s) for s in used]
    if not used or "" in texts or len(used) > 3:
        return
    code = "\n".join(texts)
    names = sorted(name for name in gone if any(name in touch(s).reads for s in used))
    fit = 1.0 if wanted & frozenset().union(*(touch(s).writes for s in used)) or _yielding(used) else 0.7
    said = f"`{site.text(used[0])[:40]}` once more behind the loop"
    for guard, weight in _guards(site, loop, names):
        text = f"if {guard}:\n    " + code.replace("\n", "\n    ") if guard else code
        yield site.insert_after(text, said, anchor=loop, weight=weight * fit)


def _hands_over(statement: ast.stmt) -> bool:
    """`out.append(cur)`, `yield cur`, `total += cur`, `best = max(best, cur)`, `if cur > best: best = cur`."""
    if isinstance(statement, ast.Assign):
        own = touch(statement)
        return bool(own.reads & own.writes)
    if isinstance(statement, ast.If):
        return (
            not statement.orelse and len(statement.body) == 1 and isinstance(statement.body[0], ast.Assign | ast.Expr)
        )
    return isinstance(statement, ast.AugAssign | ast.Expr) and not _is_reset(statement)


def _short_code(site: Site, statement: ast.stmt) -> str:
    """A statement, or an `if` of one statement, as code to insert; "" when it is longer."""
    if isinstance(statement, ast.If):
        code = f"if {site.text(statement.test)}:\n    {site.text(statement.body[0])}"
        return code if code.count("\n") == 1 else ""
    text = site.text(statement)
    return "" if "\n" in text else text


def _is_reset(statement: ast.stmt) -> bool:
    """`cur = []` or `cur.clear()`."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return isinstance(statement.value.func, ast.Attribute) and statement.value.func.attr == "clear"
    return initial(statement) is not None


def _yielding(statements: Sequence[ast.stmt]) -> bool:
    return any(isinstance(s, ast.Expr) and isinstance(s.value, ast.Yield) for s in statements)


def _guards(site: Site, loop: Loop, names: Sequence[str]) -> list[tuple[str, float]]:
    """Conditions for the last hand-over, "" for none: most do it only when something is left."""
    kinds = {name: site.scope.kinds.get(name, UNKNOWN) for name in names}
    filled = [name for name in names if kinds[name] & CONTAINERS]
    found: list[tuple[str, float]] = [(name, 1.0 - 0.2 * i) for i, name in enumerate(filled[:2])]
    found.append(("", 0.85 if filled else 1.0))
    for name in [n for n in names if n not in filled][:2]:
        found += [(f"{name} is not None", 0.7 if "none" in kinds[name] else 0.3), (name, 0.5)]
    over = loop.iter if isinstance(loop, ast.For | ast.AsyncFor) else None
    if over is not None and is_place(over):
        found.append((site.text(over), 0.6))
    return sorted(found, key=lambda f: -f[1])


@template("move-initial", prior=0.42, limit=6, decay=0.15)
def move_initial(site: Site) -> Iterator[Proposal]:
    """`row = []` set anew in each turn of the loop, or once before it; kept before it as well when read behind it."""
    name = initial(site.statement)
    if isinstance(site.statement, LOOPS):
        yield from _set_anew(site, site.statement)
    elif name is not None and movable(site.source, site.statement):
        yield from _set_once(site, name)
        for loop in _later_loops(site, name):
            yield from _into_loop(site, site.statement, name, loop)


def _set_once(site: Site, name: str) -> Iterator[Proposal]:
    """A start value inside a loop that goes on gathering: in front of the loop, or of the one around it."""
    source, loop, weight = site.source, site.loop, 1.0
    while loop is not None and anchors(source, loop):
        rest = [s for s in loop.body if s is not site.statement]
        if not any(name in touch(s).reads | touch(s).writes for s in rest):
            return
        text = moved(source, site.statement, source.indentation(loop))
        said = f"set `{name}` once, in front of the loop of line {loop.lineno}"
        yield site.several([before(source, loop, text), cut(source, site.statement)], said, weight=weight)
        weight *= 0.6
        loop = source.loop_of(loop)


def _later_loops(site: Site, name: str) -> list[Loop]:
    """Loops after a statement in its block that change a name, outermost and next inner ones."""
    block = site.block
    later = [s for s in block.statements[block.index + 1 : block.index + _NEAR] if isinstance(s, LOOPS)]
    inner = [s for loop in later for s in loop.body if isinstance(s, LOOPS)]
    return [loop for loop in (*later, *inner) if isinstance(loop, LOOPS) and _gathers(loop, name)][:3]


def _gathers(loop: Loop, name: str) -> bool:
    return any(name in touch(s).writes for s in loop.body)


def _into_loop(site: Site, started: ast.stmt, name: str, loop: Loop) -> Iterator[Proposal]:
    """A start value that each turn needs: moved into the loop, copied when something behind the loop reads it."""
    source, first = site.source, loop.body[0]
    if not source.owns_lines(first) or initial(first) == name:
        return
    text = moved(source, started, source.indentation(first))
    nested = source.loop_of(loop) is not None and source.loop_of(started) is not source.loop_of(loop)
    weight = 0.5 if nested else 0.9
    needed = any(name in touch(s).reads for s in _behind(site, loop))
    said = f"set `{name}` anew in each turn of the loop of line {loop.lineno}"
    pieces = [before(source, first, text)]
    yield site.several(pieces if needed else [cut(source, started), *pieces], said, weight=weight)
    if needed:
        yield site.several([cut(source, started), *pieces], said, weight=weight * 0.3)


def _behind(site: Site, loop: Loop) -> list[ast.stmt]:
    """The statements after a loop in its block and in those around it."""
    found: list[ast.stmt] = []
    current: ast.stmt | None = loop
    while current is not None:
        block = site.source.blocks[current]
        found += block.statements[block.index + 1 :]
        current = holder(site.source, current)
    return found


def _set_anew(site: Site, loop: Loop) -> Iterator[Proposal]:
    """Start values before this loop that it changes."""
    earlier = site.block.statements[max(0, site.block.index - _NEAR) : site.block.index]
    for started in reversed(earlier):
        name = initial(started)
        if name is not None and movable(site.source, started) and _gathers(loop, name):
            yield from _into_loop(site, started, name, loop)


@template("copy-first", prior=0.24, limit=6)
def copy_first(site: Site) -> Iterator[Proposal]:
    """`items = list(items)` at the start of a function that changes what its caller gave it."""
    function, scope = site.function, site.scope
    anchor = entry_of(site.source, function) if function is not None else None
    if function is None or anchor is None:
        return
    heads = isinstance(site.statement, FUNCTIONS)
    own = frozenset() if heads or isinstance(site.statement, COMPOUND) else touch(site.statement).writes
    for name in scope.own_parameters:
        if name in scope.mutated and (heads or name in own) and not scope.bound_lines(name):
            yield from (
                site.insert_before(f"{name} = {code}", anchor=anchor, weight=weight)
                for code, weight in _copies(name, scope.kinds.get(name, UNKNOWN), site.facts.imported)
            )


def _copies(name: str, kinds: Kinds, imported: Sequence[str]) -> Iterator[tuple[str, float]]:
    known = [_COPIES[kind].format(name) for kind in ("list", "dict", "set") if kind in kinds]
    yield from ((code, 1.0) for code in known)
    if not known:
        yield f"{name}.copy()", 0.6
        yield f"list({name})", 0.6
        yield f"dict({name})", 0.4
    if "deepcopy" in imported or "copy" in imported:
        yield f"{'deepcopy' if 'deepcopy' in imported else 'copy.deepcopy'}({name})", 0.7


@template("undo", prior=0.42, limit=4)
def undo(site: Site) -> Iterator[Proposal]:
    """`path.pop()` behind the recursive call that `path.append(x)` was for: what is done before a call taken back."""
    block, function = site.block, site.function
    if function is None:
        return
    at = block.index + 1
    earlier, later = block.statements[max(0, at - _NEAR) : at], block.statements[at - 1 : at + _NEAR]
    calls = [s for s in later if _recurs(s, function.name)]
    for done in reversed(earlier):
        for last in [c for c in calls if c is not done][-1:]:
            present = {site.text(s) for s in block.statements}
            if anchors(site.source, last):
                for code, weight in _inverses(site, done):
                    if code not in present:
                        yield site.insert_after(code, f"undo `{site.text(done)[:40]}`", anchor=last, weight=weight)


def _recurs(statement: ast.stmt, name: str) -> bool:
    """Whether a statement calls a function of this name, or hands over to whoever iterates."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Call) and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
            return True
    return False


_INVERSE = {"append": ("pop()",), "push": ("pop()",), "appendleft": ("popleft()",), "add": ("remove", "discard")}


def _inverses(site: Site, done: ast.stmt) -> Iterator[tuple[str, float]]:
    """Statements that take back what a simple statement has changed in place."""
    if isinstance(done, ast.Expr) and isinstance(done.value, ast.Call) and isinstance(done.value.func, ast.Attribute):
        call, base = done.value, site.text(done.value.func.value)
        given = ", ".join(site.text(a) for a in call.args)
        for index, name in enumerate(_INVERSE.get(done.value.func.attr, ())):
            yield f"{base}.{name}" if name.endswith(")") else f"{base}.{name}({given})", 1.0 - 0.3 * index
    elif isinstance(done, ast.AugAssign) and isinstance(done.op, ast.Add | ast.Sub):
        sign = "-" if isinstance(done.op, ast.Add) else "+"
        yield f"{site.text(done.target)} {sign}= {site.text(done.value)}", 1.0
    elif isinstance(done, ast.Assign) and len(done.targets) == 1 and isinstance(done.targets[0], ast.Subscript):
        place, value = site.text(done.targets[0]), site.text(done.value)
        for back in {"True": ("False",), "1": ("0",)}.get(value, ("None", "0", '"."', '""')):
            yield f"{place} = {back}", 0.8 if value in ("True", "1") else 0.5
        yield f"del {place}", 0.6


@template("iterate-copy", prior=0.55, limit=4)
def iterate_copy(site: Site) -> Iterator[Proposal]:
    """`for x in list(xs)` where the loop changes `xs`; backwards where it deletes by index."""
    loop = site.statement
    if not isinstance(loop, ast.For):
        loop_around = site.loop
        if not isinstance(loop_around, ast.For):
            return
        loop = loop_around
    over = _iterated(loop.iter)
    text = site.text(loop.iter)
    if over is not None and _changes_size(loop.body, site.text(over)):
        yield site.replace(loop.iter, f"list({text})", weight=1.0)
        if over is loop.iter:
            yield site.replace(loop.iter, f"{text}[:]", weight=0.5)
            yield site.replace(loop.iter, f"{text}.copy()", weight=0.5)
    indexed = _counted(loop.iter)
    if indexed is not None and _changes_size(loop.body, site.text(indexed)):
        yield site.replace(loop.iter, f"reversed({text})", weight=1.0)
        yield site.replace(loop.iter, f"range(len({site.text(indexed)}) - 1, -1, -1)", weight=0.9)


def _iterated(node: ast.expr) -> ast.expr | None:
    """`xs` of `xs`, `xs.items()`, `enumerate(xs)`."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args:
        return node.func.value if node.func.attr in ("items", "keys", "values") else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "enumerate" and node.args:
        return node.args[0] if is_place(node.args[0]) else None
    return node if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) else None


def _counted(node: ast.expr) -> ast.expr | None:
    """`xs` of `range(len(xs))`."""
    inner = node.args[-1] if isinstance(node, ast.Call) and node.args and dotted(node.func) == "range" else None
    if isinstance(inner, ast.Call) and dotted(inner.func) == "len" and len(inner.args) == 1:
        return inner.args[0]
    return None


def _changes_size(body: Sequence[ast.stmt], text: str) -> bool:
    """Whether statements put something into a container or take it out."""
    changed: list[ast.expr] = []
    for node in (n for s in body for n in ast.walk(s)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            changed.append(node.func.value)
        elif isinstance(node, ast.Delete):
            changed += [t.value for t in node.targets if isinstance(t, ast.Subscript)]
    return any(ast.unparse(value) == text for value in changed)
