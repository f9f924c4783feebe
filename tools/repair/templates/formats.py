"""How values are written and read as text: f-strings, `%` and `format` placeholders, codes of dates."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from tools.repair.names import similarity
from tools.repair.site import Proposal, Site, shown, template
from tools.repair.templates.calls import callee_name
from tools.repair.templates.literals import Literal, literals, with_body

# A replacement field of an f-string or of `format`: its expression, conversion and format.
_FIELD = re.compile(r"(?<!\{)\{([^{}!:]{0,80}(?:\[[^\]{}]{0,20}\][^{}!:]{0,40})?)(![rsa])?(:[^{}]{0,30})?\}(?!\})")
_PERCENT = re.compile(r"(?<!%)(?:%%)*(%(?:\(\w+\))?([-+ #0]*)(\d{0,6})(\.\d{1,6})?([a-zA-Z]))")
_CODES: Mapping[str, tuple[tuple[str, float], ...]] = {
    "%m": (("%M", 1.0), ("%d", 0.5), ("%B", 0.3), ("%b", 0.3), ("%-m", 0.3)),
    "%M": (("%m", 1.0), ("%S", 0.4)),
    "%d": (("%m", 0.5), ("%D", 0.1), ("%j", 0.3), ("%-d", 0.3), ("%e", 0.2)),
    "%H": (("%I", 0.9), ("%h", 0.1), ("%M", 0.3)),
    "%I": (("%H", 1.0),),
    "%y": (("%Y", 1.0),),
    "%Y": (("%y", 1.0), ("%G", 0.3)),
    "%S": (("%f", 0.4), ("%s", 0.3), ("%S.%f", 0.5), ("%M", 0.3)),
    "%s": (("%S", 1.0),),
    "%f": (("%S", 0.3),),
    "%p": (("%P", 0.1), ("", 0.3)),
    "%b": (("%B", 0.9), ("%m", 0.4)),
    "%B": (("%b", 0.9), ("%m", 0.4)),
    "%a": (("%A", 0.9),),
    "%A": (("%a", 0.9),),
    "%h": (("%H", 0.9),),
    "%D": (("%d", 0.9),),
    "%Z": (("%z", 1.0),),
    "%z": (("%Z", 0.6), ("", 0.3)),
    "%U": (("%W", 0.8), ("%V", 0.8)),
    "%W": (("%U", 0.8), ("%V", 0.9)),
    "%w": (("%u", 0.9),),
    "%u": (("%w", 0.9),),
    "%j": (("%d", 0.8),),
}


@template("field-format", prior=0.4, limit=24, decay=0.05)
def field_format(site: Site) -> Iterator[Proposal]:
    """`{x:.2f}` to `{x:.1f}`, `{x:2d}` to `{x:02d}`, `{x!r}` to `{x}`, a format where there is none."""
    for one in _formatted(site):
        found: list[tuple[float, str]] = []
        for match in _FIELD.finditer(one.body):
            for field, weight in _other_fields(match):
                found.append((weight, one.body[: match.start()] + field + one.body[match.end() :]))
        for weight, body in sorted(found, key=lambda f: -f[0]):
            yield with_body(site, one, body, weight=weight)


def _formatted(site: Site) -> Iterator[Literal]:
    """f-strings, and texts on which `format` is called."""
    yield from literals(site, formatted=True)
    for one in literals(site):
        above = site.parent(one.node)
        if isinstance(above, ast.Attribute) and above.attr in ("format", "format_map"):
            yield one


def _other_fields(match: re.Match[str]) -> Iterator[tuple[str, float]]:
    name, conversion, spec = match[1], match[2] or "", (match[3] or "")[1:]
    if not spec:
        for new, weight in ((":.2f", 0.6), (":.1f", 0.35), (":02d", 0.4), (":,", 0.3), (":g", 0.2), (":.0f", 0.25)):
            yield f"{{{name}{conversion}{new}}}", weight
        yield f"{{{name}!r}}" if not conversion else f"{{{name}}}", 0.5 if not conversion else 0.9
        return
    for new, weight in other_specs(spec):
        yield f"{{{name}{conversion}{':' if new else ''}{new}}}", weight


_OTHER_KINDS = {
    "f": (("g", 0.4), ("%", 0.4), ("e", 0.2)),
    "d": ((".0f", 0.5), ("", 0.4), ("x", 0.2), ("s", 0.2)),
}
_SPEC = re.compile(r"(.?[<>^=])?([-+ ]?)(#?)(0?)(\d{0,6})([,_]?)(\.\d{1,6})?([a-zA-Z%]?)$")


def other_specs(spec: str) -> Iterator[tuple[str, float]]:
    """Format specifications near one: digits, padding, alignment, type."""
    match = _SPEC.match(spec)
    if match is None:
        yield "", 0.3
        return
    align, sign, alternate, zero, width, group, digits, kind = (part or "" for part in match.groups())

    def made(**parts: str) -> str:
        known = {"align": align, "sign": sign, "alternate": alternate, "zero": zero, "width": width, "group": group}
        return "".join({**known, "digits": digits, "kind": kind, **parts}.values())

    if digits:
        count = int(digits[1:])
        yield from (
            (made(digits=f".{n}"), 1.0 if n == 2 else 0.7) for n in (count + 1, count - 1, 2, 0) if 0 <= n != count
        )
    if width:
        yield made(zero="" if zero else "0"), 1.0
        yield from ((made(width=str(int(width) + n)), 0.8) for n in (1, -1) if int(width) + n > 0)
    for other in ("<", ">", "^") if align else (("<", ">", "^") if width and not zero else ()):
        if not align.endswith(other):
            yield made(align=f"{align[:-1]}{other}"), 0.7
    yield made(group="" if group else ","), 0.6 if group else 0.4
    yield made(sign="" if sign else "+"), 0.3
    for other, weight in _OTHER_KINDS.get(kind, ()):
        yield made(kind=other), weight
    if kind in "xXeEgGboc%" and kind:
        yield made(kind=kind.swapcase() if kind.swapcase() != kind else "f"), 0.7
    if not kind and not digits:
        yield made(kind="d"), 0.3
        yield made(kind="s"), 0.2
    yield "", 0.35


@template("field-glue", prior=0.3, limit=14, decay=0.07)
def field_glue(site: Site) -> Iterator[Proposal]:
    """What stands between the fields of an f-string: a comma, a space, a colon more or less; quotes around a field."""
    for one in _formatted(site):
        spans = [m.span() for m in _FIELD.finditer(one.body)]
        for (start, end), (following, _) in pairwise(spans):
            old = one.body[end:following]
            for new in dict.fromkeys((", ", " ", "", ",", "-", ":", "/", ": ", "_", f"{old} ", f" {old}", old.strip())):
                if new != old and len(old) <= 6:
                    weight = 1.0 if old.strip() in (new.strip(), "") else 0.4
                    yield with_body(site, one, f"{one.body[:end]}{new}{one.body[following:]}", weight=weight)
            other = '"' if one.quote[0] == "'" else "'"
            quoted = f"{one.body[:start]}{other}{one.body[start:end]}{other}{one.body[end:]}"
            yield with_body(site, one, quoted, weight=0.2)


@template("percent-format", prior=0.36, limit=16, decay=0.06)
def percent_format(site: Site) -> Iterator[Proposal]:
    """`%d` to `%s`, `%2d` to `%02d`, `%.1f` to `%.2f`."""
    for one in literals(site):
        above = site.parent(one.node)
        if not (isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mod) and one.node is above.left):
            continue
        for match in _PERCENT.finditer(one.body):
            start, end = match.span(1)
            named = re.match(r"%(\(\w+\))?", match[1])
            head = named[0] if named else "%"
            for new, weight in _other_percents(match, head):
                yield with_body(site, one, one.body[:start] + new + one.body[end:], weight=weight)


def _other_percents(match: re.Match[str], head: str) -> Iterator[tuple[str, float]]:
    flags, width, digits, kind = match[2], match[3], match[4] or "", match[5]
    if kind in "di":
        yield f"{head}{flags}{width}s", 0.9
        yield f"{head}{flags}{width}f", 0.3
        yield f"{head}.2f", 0.3
    elif kind == "s":
        yield from ((f"{head}{flags}{width}{new}", weight) for new, weight in (("d", 0.6), ("r", 0.6), (".2f", 0.3)))
    elif kind == "r":
        yield f"{head}{flags}{width}s", 1.0
    elif kind in "fgeFE":
        count = int(digits[1:]) if digits[1:].isdigit() else 6
        for n in dict.fromkeys((2, 1, count + 1, count - 1, 0)):
            if 0 <= n != count:
                yield f"{head}{flags}{width}.{n}{kind}", 0.8
        yield f"{head}{flags}{width}{digits}{'g' if kind == 'f' else 'f'}", 0.4
        yield f"{head}s", 0.4
    elif kind in "xX":
        yield f"{head}{flags}{width}{kind.swapcase()}", 0.9
    if width:
        yield f"{head}{flags.replace('0', '')}{'' if '0' in flags else '0'}{width}{digits}{kind}", 1.0
        yield f"{head}{flags}{int(width) + 1}{digits}{kind}", 0.5
    elif kind in "dixX":
        yield f"{head}02{kind}", 0.8


@template("date-format", prior=0.5, limit=20, decay=0.06)
def date_format(site: Site) -> Iterator[Proposal]:
    """Codes of `strftime` and `strptime`: `%m` and `%M`, `%H` and `%I`, `%y` and `%Y`; their order."""
    for one in literals(site):
        if not _is_date_format(site, one):
            continue
        codes = [(m.span(), m[0]) for m in re.finditer(r"%-?[a-zA-Z]", one.body)]
        found: list[tuple[float, str]] = []
        for (start, end), code in codes:
            for new, weight in _CODES.get(code, ()):
                found.append((weight, one.body[:start] + new + one.body[end:]))
        for ((a, b), first), ((c, d), second) in pairwise(codes):
            if first != second:
                found.append((0.6, f"{one.body[:a]}{second}{one.body[b:c]}{first}{one.body[d:]}"))
        for old, new in (("-", "/"), ("/", "-"), ("T", " "), (" ", "T"), (".", "-")):
            if old in one.body:
                found.append((0.35, one.body.replace(old, new)))
        found += [
            (0.3, f"{one.body}{more}") for more in ("%z", "Z", ".%f", ":%S", " %p") if more.strip(" .:") not in one.body
        ]
        for weight, body in sorted(found, key=lambda f: -f[0]):
            yield with_body(site, one, body, weight=weight)


def _is_date_format(site: Site, one: Literal) -> bool:
    if "%" not in one.body:
        return False
    above = site.parent(one.node)
    if isinstance(above, ast.Call) and callee_name(above) in ("strftime", "strptime", "to_datetime"):
        return True
    codes = re.findall(r"%-?([a-zA-Z])", one.body)
    percent = isinstance(above, ast.BinOp) and isinstance(above.op, ast.Mod)
    return not percent and len(codes) >= 2 and set(codes) <= set("YymdHIMSpfzZbBaAjUWVGuw")


@template("forgotten-f", prior=0.6, limit=4)
def forgotten_f(site: Site) -> Iterator[Proposal]:
    """`"{name}"` to `f"{name}"` where the names are in scope."""
    known = {v.name for v in site.variables} | set(site.facts.module_names) | {site.scope.receiver}
    for one in literals(site):
        above = site.parent(one.node)
        fields = [m[1] for m in _FIELD.finditer(one.body)]
        roots = [re.match(r"\s*([A-Za-z_]\w*)", f) for f in fields]
        formatted = isinstance(above, ast.Attribute) and above.attr.startswith("format")
        if not fields or formatted or "b" in one.prefix.lower() or not all(r and r[1] in known for r in roots):
            continue
        start = one.start - len(one.quote) - len(one.prefix)
        yield site.splice(start, start, "f", "make it an f-string", line=one.node.lineno)
    for one in literals(site, formatted=True):
        if not _FIELD.search(one.body):
            start = one.start - len(one.quote) - len(one.prefix)
            prefix = one.prefix.replace("f", "").replace("F", "")
            yield site.splice(start, start + len(one.prefix), prefix, "no f-string", line=one.node.lineno, weight=0.3)


@template("field-name", prior=0.34, limit=14, decay=0.08)
def field_name(site: Site) -> Iterator[Proposal]:
    """Another variable in a field of an f-string; two fields exchanged."""
    for one in literals(site, formatted=True):
        matches = [m for m in _FIELD.finditer(one.body) if re.fullmatch(r"[A-Za-z_][\w.]*", m[1])]
        for first, second in pairwise(matches):
            (a, b), (c, d) = first.span(1), second.span(1)
            if first[1] != second[1]:
                body = f"{one.body[:a]}{second[1]}{one.body[b:c]}{first[1]}{one.body[d:]}"
                yield with_body(site, one, body, weight=0.8)
        for match in matches:
            for v in site.variables[:20]:
                if v.name != match[1] and v.role != "global":
                    start, end = one.start + match.start(1), one.start + match.end(1)
                    weight = 0.2 + 0.5 * similarity(v.name, match[1]) + (0.8 if v.unused else 0.0)
                    said = f"replace `{shown(match[1])}` by `{v.name}` in the f-string"
                    yield site.splice(start, end, v.name, said, line=one.node.lineno, weight=weight)
