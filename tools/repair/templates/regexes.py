"""Regular expressions: one sign of the pattern changed, anchors, classes, escapes, flags, groups."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, template
from tools.repair.templates.calls import callee_name, with_argument
from tools.repair.templates.entries import NEAR
from tools.repair.templates.literals import Literal, literals, with_body
from tools.repair.vocabulary import words

_FUNCTIONS = frozenset(words("match search fullmatch findall finditer sub subn split compile"))
_MODULES = ("re", "regex", "_re")
_NAMED = re.compile(r"(?i)(?:^|_)(?:re|rx|regex|regexp|pattern|pat)s?\d*(?:_|$)")
_FEATURES = re.compile(r"\\[dwsbDWSB]|\[\^?[^\]]{1,40}\]|\(\?|[.)\]]\*|[.)\]]\+|\\\.")
_MAX_PATTERN = 300
_TABLE, _IN_TABLE = 4, 0.4  # entries that make a table; what anchors are worth there
# One piece of a pattern: an escape, a class, a group's head, a repetition in braces, any other sign.
_PIECE = re.compile(r"\\.|\[\^?\]?[^\]]{0,200}\]|\(\?[:=!]|\(\?P<\w+>|\(\?<[=!]|\{\d{0,6},?\d{0,6}\}|.", re.DOTALL)


def patterns(site: Site) -> Iterator[tuple[Literal, float]]:
    """String literals that are regular expressions, with how sure that is."""
    for one in literals(site):
        if len(one.body) <= _MAX_PATTERN:
            sure = _surety(site, one)
            if sure:
                yield one, sure


def _surety(site: Site, one: Literal) -> float:
    table = site.parent(one.node)
    if isinstance(table, ast.Dict) and one.node in table.keys:
        return 0.0
    for above in site.source.ancestors(one.node):
        if isinstance(above, ast.Call) and one.node in above.args[:1]:
            base = site.text(above.func.value) if isinstance(above.func, ast.Attribute) else ""
            if callee_name(above) in _FUNCTIONS and base in _MODULES:
                return 1.0
            return 0.6 if callee_name(above) in ("compile", "re_path", "url") and _FEATURES.search(one.body) else 0.0
        if isinstance(above, ast.Assign | ast.AnnAssign):
            target = above.targets[0] if isinstance(above, ast.Assign) else above.target
            named = _NAMED.search(site.text(target))
            return 0.8 if named else 0.5 if one.raw and _FEATURES.search(one.body) else 0.0
        if isinstance(above, ast.Call) and callee_name(above) in _FUNCTIONS:
            return 0.7 if one.raw or _FEATURES.search(one.body) else 0.0
        if isinstance(above, ast.stmt):
            break
    return 0.5 if one.raw and _FEATURES.search(one.body) else 0.0


@template("pattern-sign", prior=0.42, limit=30, decay=0.03)
def pattern_sign(site: Site) -> Iterator[Proposal]:
    """One sign of a pattern changed: `*` and `+`, greedy and lazy, `.` and its escape, a class wider or negated."""
    for one, sure in patterns(site):
        pattern = _pattern(one)
        if pattern is None:
            continue
        found: dict[str, float] = {}
        share = _IN_TABLE if _in_table(site, one.node) else 1.0
        anchored = ((body, weight * share) for body, weight in _anchored(pattern))
        for body, weight in (*anchored, *_resigned(pattern), *_reclassed(pattern), *_line_ends(pattern)):
            if body != pattern:
                found[body] = max(found.get(body, 0.0), weight)
        ranked = sorted(found.items(), key=lambda item: -item[1])
        for body, weight in ((b, w) for b, w in ranked if _valid(b)):
            written = body if one.raw else body.replace("\\", "\\\\")
            yield with_body(site, one, written, weight=sure * weight)


def _in_table(site: Site, node: ast.AST) -> bool:
    """Whether a pattern stands in a list or table of several, which are mostly pieces of longer ones."""
    above = site.parent(node)
    items = above.values if isinstance(above, ast.Dict) else getattr(above, "elts", [])
    return len(items) >= _TABLE


def _pattern(one: Literal) -> str | None:
    """The pattern of a literal, None for one that is not raw and has other escapes than backslashes."""
    if one.raw:
        return one.body
    value = one.node.value if isinstance(one.node, ast.Constant) else None
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return text if isinstance(text, str) and text.isprintable() and one.quote not in text else None


def _valid(pattern: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError, ValueError):
        return False
    return True


def _anchored(body: str) -> Iterator[tuple[str, float]]:
    r"""`^`, `$`, `\b` at the ends, added or taken away; leading or trailing white space allowed."""
    front, back = body.startswith("^"), body.endswith("$") and not body.endswith(r"\$")
    if front:
        yield body[1:], 0.7
    else:
        yield f"^{body}", 0.7
    if back:
        yield body[:-1], 0.7
        yield f"{body[:-1]}\\Z", 0.2
    else:
        yield f"{body}$", 0.8
    if not front and not back:
        yield f"^{body}$", 0.7
        yield f"\\b{body}\\b", 0.7
        yield f"\\b{body}", 0.4
        if "|" in body and not body.startswith("("):
            yield f"(?:{body})", 0.3
    if "|" in body and (front or back):
        inner = body[front : len(body) - back]
        yield f"{'^' if front else ''}(?:{inner}){'$' if back else ''}", 0.9
    yield f"\\s*{body}" if not front else rf"^\s*{body[1:]}", 0.3
    yield f"{body}\\s*" if not back else rf"{body[:-1]}\s*$", 0.3


def _resigned(body: str) -> Iterator[tuple[str, float]]:
    """Repetitions exchanged, made lazy, added, dropped; dots escaped; groups made optional or not capturing."""
    pieces = _PIECE.findall(body)
    for index, piece in enumerate(pieces):
        before, after = "".join(pieces[:index]), "".join(pieces[index + 1 :])
        for new, weight in _instead_of(piece, pieces, index):
            yield f"{before}{new}{after}", weight


def _instead_of(piece: str, pieces: list[str], index: int) -> Iterator[tuple[str, float]]:
    earlier = pieces[index - 1] if index else ""
    later = pieces[index + 1] if index + 1 < len(pieces) else ""
    if piece in "*+?" and earlier not in ("", "(", "|"):
        yield from _repetition(piece, lazy=piece == "?" and earlier in ("*", "+", "?"), later=later)
    elif piece == ".":
        yield (r"\.", 0.9) if later[:1] not in ("*", "+") else (r"[^\n]", 0.1)
    elif piece.startswith("("):
        other = {"(": "(?:", "(?:": "("}.get(piece)
        yield from [(other, 0.5)] if other else []
    elif piece.startswith("{"):
        yield from _counts(piece)
    elif later[:1] not in ("*", "+", "?", "{"):
        yield from _repeated(piece)


def _repeated(piece: str) -> Iterator[tuple[str, float]]:
    """What occurs once made optional or repeated; one space made any white space."""
    if piece == ")":
        yield from ((")?", 0.6), (")*", 0.35), (")+", 0.35))
    elif piece.lstrip("\\") in ("d", "w", "s", "S") or piece.startswith("["):
        yield from ((f"{piece}+", 0.7), (f"{piece}*", 0.4), (f"{piece}?", 0.4))
    elif piece in "-:,@ /":
        yield f"{piece}?", 0.35
        yield from ((r"\s+", 0.5), (r"\s*", 0.5)) if piece == " " else ()


def _repetition(piece: str, *, lazy: bool, later: str) -> Iterator[tuple[str, float]]:
    if lazy:
        yield "", 0.8
        return
    others = {"*": (("+", 1.0), ("?", 0.4)), "+": (("*", 1.0), ("?", 0.3)), "?": (("*", 0.5), ("+", 0.4))}
    yield from others[piece]
    if piece in "*+" and later != "?":
        yield f"{piece}?", 0.9
    yield "", 0.5


def _counts(piece: str) -> Iterator[tuple[str, float]]:
    """`{2}` to `{1,2}`, `{2,}`, `{3}`; `{1,3}` to other bounds."""
    low, comma, high = piece[1:-1].partition(",")
    if not comma and low.isdigit():
        yield f"{{1,{low}}}", 0.8
        yield f"{{{low},}}", 0.7
        yield f"{{{int(low) + 1}}}", 0.4
        yield f"{{{max(int(low) - 1, 1)}}}", 0.4
    elif comma:
        if high.isdigit():
            yield f"{{{low},{int(high) + 1}}}", 0.5
            yield f"{{{low},}}", 0.6
        if low.isdigit():
            yield f"{{{int(low) + 1},{high}}}", 0.5
            yield f"{{{max(int(low) - 1, 0)},{high}}}", 0.5


def _line_ends(body: str) -> Iterator[tuple[str, float]]:
    """A backslash and then the letter of an end of line made one before that end; ends of line of either kind."""
    for match in re.finditer(r"(?<!\\)(?:\\\\)+(?=[rnt])", body):
        yield f"{body[: match.end()]}\\{body[match.end() :]}", 0.9
    for match in re.finditer(r"(?<!\\)(?<!\\r)(?<!\\r\?)(?:\\\\)*(?=\\n)", body):
        inside = body.count("[", 0, match.end()) > body.count("]", 0, match.end())
        yield f"{body[: match.end()]}\\r{'' if inside else '?'}{body[match.end() :]}", 0.5


_CLASSES: tuple[tuple[str, str, float], ...] = (
    (r"\d", r"\w", 0.35), (r"\w", r"\d", 0.25), (r"\w", r"\S", 0.3), (r"\S", r"\w", 0.3), (r"\s", r"\S", 0.3),
    (r"\s", " ", 0.25), (r"\S", r"\s", 0.3), (r"\D", r"\d", 0.4), (r"\W", r"\w", 0.4), (r"\w", r"\W", 0.2),
    (r"\b", r"\B", 0.1), (r"\w", r"[\w-]", 0.6), (r"\w", r"[\w.]", 0.4), (r"\d", r"[\d.]", 0.5), (r"\d", "[0-9]", 0.3),
    (r"\w", "[A-Za-z0-9]", 0.4), (r"\w", "[A-Za-z]", 0.4), (r"\d", r"-?\d", 0.5), (r"\d", r"[+-]?\d", 0.4),
)  # fmt: skip
_RANGES = ("a-z", "A-Z", "0-9", "_", "-", ".", r"\s", " ", "'", "+", "/", "@")


def _reclassed(body: str) -> Iterator[tuple[str, float]]:
    for old, new, weight in _CLASSES:
        for match in re.finditer(rf"(?<!\\){re.escape(old)}", body):
            inside = body.count("[", 0, match.start()) > body.count("]", 0, match.start())
            if not (inside and new.startswith(("[", "-"))):
                yield f"{body[: match.start()]}{new}{body[match.end() :]}", weight
    for match in re.finditer(r"(?<!\\)\[(\^?)([^\]\\]{1,60}(?:\\.[^\]\\]{0,20}){0,8}|(?:\\.){1,8})\]", body):
        before, after, sign, inner = body[: match.start()], body[match.end() :], match[1], match[2]
        for extra in _RANGES:
            if extra not in inner:
                text = f"{extra}{inner}" if extra == "-" else f"{inner}{extra}"
                yield f"{before}[{sign}{text}]{after}", 0.6 if extra in ("A-Z", "a-z", "0-9", "_", "-", ".") else 0.3
        yield f"{before}[{'' if sign else '^'}{inner}]{after}", 0.3
        for part in re.findall(r"\w-\w|\\.|[^\\]", inner):
            if len(inner) > len(part):
                yield f"{before}[{sign}{inner.replace(part, '', 1)}]{after}", 0.25


@template("pattern-flags", prior=0.34, limit=8, decay=0.1)
def pattern_flags(site: Site) -> Iterator[Proposal]:
    """Flags added, dropped, or passed by name where their place means a count."""
    for node in site.expressions:
        if not isinstance(node, ast.Call) or callee_name(node) not in _FUNCTIONS or not node.args:
            continue
        base = site.text(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        if base not in _MODULES:
            continue
        counted = {"sub": 3, "subn": 3, "split": 2}.get(callee_name(node))
        given = node.args[counted] if counted is not None and len(node.args) > counted else None
        if given is not None and re.search(r"\bre\.[A-Z]+\b", site.text(given)):
            start = site.source.span(given)[0]
            yield site.splice(start, start, "flags=", "pass the flags as `flags`, not as a count", weight=2.5)
        yield from _more_flags(site, node, base)


def _more_flags(site: Site, node: ast.Call, base: str) -> Iterator[Proposal]:
    """Flags for a call that has none, other flags for one that has."""
    names = ("IGNORECASE", "MULTILINE", "DOTALL", "VERBOSE", "ASCII")
    flagged = next((a for a in (*node.args[1:], *(k.value for k in node.keywords)) if f"{base}." in site.text(a)), None)
    place = {"compile": 1, "sub": 4, "subn": 4, "split": 3}.get(callee_name(node), 2)
    for index, name in enumerate(names):
        weight = (1.0, 0.8, 0.8, 0.2, 0.2)[index]
        if flagged is not None:
            if name not in site.text(flagged):
                yield site.replace(flagged, f"{site.text(flagged)} | {base}.{name}", weight=weight)
                yield site.replace(flagged, f"{base}.{name}", weight=weight * 0.5)
        else:
            text = f"{base}.{name}" if len(node.args) == place else f"flags={base}.{name}"
            yield with_argument(site, node, text, weight=weight)


@template("pattern-escape", prior=0.5, limit=10, decay=0.1)
def pattern_escape(site: Site) -> Iterator[Proposal]:
    """`re.escape` around what is put into a pattern; an `r` in front of a pattern or replacement with backslashes."""
    near = 1.6 if site.nearest_clue("bad-pattern") >= NEAR else 1.0
    for one in literals(site):
        if not one.raw and re.search(r"(?<!\\)\\[bdwsBDWS.1-9(\[]", one.body) and "u" not in one.prefix.lower():
            start = one.start - len(one.quote) - len(one.prefix)
            meant = re.search(r"(?<!\\)\\[b1-9]", one.body)
            said = "make the text raw"
            yield site.splice(start, start, "r", said, line=one.node.lineno, weight=(1.3 if meant else 0.4) * near)
    for node in site.expressions:
        base = site.text(node.func.value) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        if not isinstance(node, ast.Call) or base not in _MODULES or callee_name(node) not in _FUNCTIONS:
            continue
        for part in _parts_of(node.args[0]) if node.args else ():
            if not isinstance(part, ast.Constant | ast.JoinedStr) and "escape" not in site.text(part):
                yield site.replace(part, f"{base}.escape({site.text(part)})", weight=near)
        if callee_name(node) in ("sub", "subn") and len(node.args) > 1 and isinstance(node.args[1], ast.Name):
            yield site.replace(node.args[1], f"lambda _: {site.text(node.args[1])}", weight=0.5)
        if node.args and isinstance(node.args[0], ast.JoinedStr):
            yield from _escaped_fields(site, node.args[0], base, near)


def _parts_of(node: ast.expr) -> Iterator[ast.expr]:
    """The pieces that a pattern is put together from."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
            waiting += [part.right, part.left]
        elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod):
            yield from part.right.elts if isinstance(part.right, ast.Tuple) else [part.right]
        elif isinstance(part, ast.Call) and callee_name(part) in ("join", "format"):
            yield from part.args
        else:
            yield part


def _escaped_fields(site: Site, node: ast.JoinedStr, base: str, near: float) -> Iterator[Proposal]:
    start, end = site.source.span(node)
    for match in re.compile(r"(?<!\{)\{(\w+)\}(?!\})").finditer(site.source.text, start, end):
        text = f"{{{base}.escape({match[1]})}}"
        yield site.splice(*match.span(), text, f"escape `{match[1]}` in the pattern", weight=near)
