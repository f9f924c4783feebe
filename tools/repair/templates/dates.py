"""Dates and times: parts and totals of differences, time zones, weekdays, leap years, months that wrap around."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tools.repair.site import Proposal, Site, is_load, shown, template
from tools.repair.templates.calls import callee_name
from tools.repair.templates.entries import NEAR, grouped, member, using, with_import

_FIELDS = ("days", "hours", "minutes", "seconds", "weeks", "milliseconds")
_DATE_FIELDS = ("year", "month", "day", "hour", "minute", "second")


@template("time-difference", prior=0.5, limit=12, decay=0.08)
def time_difference(site: Site) -> Iterator[Proposal]:
    """`.seconds` to `.total_seconds()`, `.days` to the days in all; `timedelta(days=n)` to hours and so on."""
    for node in site.expressions:
        if isinstance(node, ast.Attribute) and node.attr in ("seconds", "days", "microseconds") and is_load(node):
            base = grouped(site, node.value)
            if node.attr == "seconds":
                yield site.replace(node, f"{base}.total_seconds()", weight=1.3)
                yield site.replace(node, f"int({base}.total_seconds())", weight=1.1)
            elif node.attr == "days":
                yield site.replace(node, f"{base}.total_seconds() / 86400", weight=0.5)
                yield site.replace(node, f"{base}.days + 1", weight=0.4)
                yield site.replace(node, f"abs({base}.days)", weight=0.4)
        elif isinstance(node, ast.Call) and callee_name(node) in ("timedelta", "relativedelta"):
            yield from _other_units(site, node)


def _other_units(site: Site, node: ast.Call) -> Iterator[Proposal]:
    for keyword in node.keywords:
        if keyword.arg in _FIELDS:
            start = site.source.span(keyword)[0]
            for other in _FIELDS:
                if other != keyword.arg:
                    said = f"replace `{keyword.arg}` by `{other}`"
                    weight = 1.0 if abs(_FIELDS.index(other) - _FIELDS.index(keyword.arg)) == 1 else 0.6
                    yield site.splice(start, start + len(keyword.arg), other, said, line=keyword.lineno, weight=weight)
    if len(node.args) == 1 and not node.keywords:
        for other in ("seconds", "hours", "minutes", "weeks"):
            yield site.replace(
                node.args[0], f"{other}={site.text(node.args[0])}", weight=0.8 if other == "seconds" else 0.5
            )


@template("time-zone", prior=0.45, limit=14, decay=0.08)
def time_zone(site: Site) -> Iterator[Proposal]:
    """Naive and aware times: `now(timezone.utc)`, `replace(tzinfo=…)`, `astimezone`."""
    near = 2.0 if site.nearest_clue("naive-aware") >= NEAR else 0.7
    utc, statement = member(site, "datetime", "timezone")
    utc = f"{utc}.utc"
    for node in site.expressions:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            base, name = grouped(site, node.func.value), node.func.attr
            if name in ("now", "fromtimestamp", "utcnow", "utcfromtimestamp") and base.endswith(("datetime", "dt")):
                inside = [site.text(a) for a in node.args]
                modern = name.removeprefix("utc") if name != "utcnow" else "now"
                text = f"{base}.{modern}({', '.join([*inside, utc] if not inside or 'stamp' in name else inside)})"
                yield using(site, site.replace(node, text, weight=near), statement)
                if name == "now" and not inside:
                    yield site.replace(node, f"{base}.utcnow()", weight=0.8)
                if name == "utcnow":
                    yield site.replace(node, f"{base}.now()", weight=0.8)
                if inside and name == "now":
                    yield site.replace(node, f"{base}.now()", weight=near * 0.6)
            elif name in ("strptime", "fromisoformat", "combine"):
                text = f"{site.text(node)}.replace(tzinfo={utc})"
                yield using(site, site.replace(node, text, weight=near), statement)
            elif name == "replace" and any(k.arg == "tzinfo" for k in node.keywords):
                zone = next(site.text(k.value) for k in node.keywords if k.arg == "tzinfo")
                yield site.replace(node, f"{base}.astimezone({zone})", weight=0.9)
            elif name == "astimezone" and node.args:
                yield site.replace(node, f"{base}.replace(tzinfo={site.text(node.args[0])})", weight=0.9)
    yield from _compared(site, near, utc, statement)


def _compared(site: Site, near: float, utc: str, statement: str) -> Iterator[Proposal]:
    """Both sides of a comparison or difference made naive, or aware."""
    if near < 1.0:
        return
    for node in site.expressions:
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            sides = [node.left, node.right]
        for side in sides:
            text = grouped(site, side)
            yield using(site, site.replace(side, f"{text}.replace(tzinfo={utc})", weight=near * 0.6), statement)
            yield site.replace(side, f"{text}.replace(tzinfo=None)", weight=near * 0.6)


@template("date-part", prior=0.36, limit=12, decay=0.08)
def date_part(site: Site) -> Iterator[Proposal]:
    """A date of a time and back, the day of the week as counted elsewhere, a timestamp, the text of a date."""
    for node in site.expressions:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        base, name = grouped(site, node.func.value), node.func.attr
        text = site.text(node)
        if name == "weekday" and not node.args:
            yield site.replace(node, f"{base}.isoweekday()", weight=1.0)
            yield site.replace(node, f"{base}.isoweekday() % 7", weight=0.6)
            yield site.replace(node, f"({base}.weekday() + 1) % 7", weight=0.6)
        elif name == "isoweekday" and not node.args:
            yield site.replace(node, f"{base}.weekday()", weight=1.0)
            yield site.replace(node, f"{base}.isoweekday() % 7", weight=0.8)
        elif name in ("now", "today", "strptime", "fromtimestamp", "fromisoformat"):
            yield site.replace(node, f"{text}.date()", weight=0.7)
        elif name == "timestamp" and not node.args:
            yield site.replace(node, f"int({text})", weight=0.8)
            yield site.replace(node, f"{text} * 1000", weight=0.3)
        elif name == "time" and base == "time" and not node.args:
            yield site.replace(node, f"int({text})", weight=0.5)
            yield site.replace(node, "time.monotonic()", weight=0.4)
            yield site.replace(node, f"{text} * 1000", weight=0.3)
        elif name == "isoformat" and not node.args:
            yield site.replace(node, f'{base}.isoformat(timespec="seconds")', weight=0.4)
            yield site.replace(node, f'{base}.isoformat() + "Z"', weight=0.4)
        elif name == "isocalendar":
            yield site.replace(node, f"{text}[1]", weight=0.5)


@template("age", prior=0.45, limit=4)
def age(site: Site) -> Iterator[Proposal]:
    """`today.year - born.year` without the year that is not over yet."""
    for node in site.expressions:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Sub):
            continue
        one, other = node.left, node.right
        if isinstance(one, ast.Attribute) and isinstance(other, ast.Attribute) and one.attr == other.attr == "year":
            now, then = site.text(one.value), site.text(other.value)
            early = f"(({now}.month, {now}.day) < ({then}.month, {then}.day))"
            yield site.replace(node, f"{site.text(node)} - {early}", weight=1.0)
            months = f"({site.text(node)}) * 12 + {now}.month - {then}.month"
            yield site.replace(node, months, weight=0.4)


@template("wrapped-month", prior=0.42, limit=10, decay=0.1)
def wrapped_month(site: Site) -> Iterator[Proposal]:
    """`month + 1` after December, `month - 1` before January, and the year that goes with it."""
    for node in site.expressions:
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
            continue
        left, right = site.text(node.left), site.text(node.right)
        if left.rpartition(".")[2].rpartition("_")[2] not in ("month", "months", "mon", "m"):
            continue
        if isinstance(node.op, ast.Add):
            forms = [f"{left} % 12 + 1"] if right == "1" else []
            forms.append(f"({left} + {right} - 1) % 12 + 1")
        else:
            forms = [f"({left} - 2) % 12 + 1"] if right == "1" else []
            forms.append(f"({left} - {right} - 1) % 12 + 1")
        for index, form in enumerate(forms):
            yield site.replace(node, form, weight=1.0 if index == 0 else 0.8)


@template("leap-year", prior=0.75, limit=8)
def leap_year(site: Site) -> Iterator[Proposal]:
    """The rule of leap years: by 4, not by 100, but by 400."""
    for node in site.expressions:
        year = _divided_year(site, node)
        if year is None:
            continue
        rule = f"{year} % 4 == 0 and ({year} % 100 != 0 or {year} % 400 == 0)"
        yield site.replace(node, rule, weight=1.0)
        yield with_import(site, site.replace(node, f"calendar.isleap({year})", weight=0.6), "import calendar")
        break
    for node in site.expressions:
        if isinstance(node, ast.Constant) and node.value == 365 and not isinstance(site.parent(node), ast.Compare):
            yield site.replace(node, "366", weight=0.4)
            yield site.replace(node, "365.25", weight=0.4)
        if isinstance(node, ast.Constant) and node.value in (28, 30, 31):
            yield from (site.replace(node, str(n), weight=0.4) for n in (28, 29, 30, 31) if n != node.value)


_YEAR = re.compile(r"([A-Za-z_][\w.]*) % (?:4|100|400) (?:==|!=) 0")


def _divided_year(site: Site, node: ast.expr) -> str | None:
    """The year of a condition that divides it by 4, 100 or 400; the outermost such condition."""
    if not isinstance(node, ast.Compare | ast.BoolOp):
        return None
    text = shown(site.text(node))
    names = set(_YEAR.findall(text))
    if len(names) != 1:
        return None
    year = names.pop()
    likely = "year" in year or year in ("y", "yr", "n") or ("% 4" in text and ("% 100" in text or "% 400" in text))
    return year if likely else None


@template("date-fields", prior=0.3, limit=8)
def date_fields(site: Site) -> Iterator[Proposal]:
    """Parts of a date passed in the wrong order or under a neighbour's name."""
    for node in site.expressions:
        if not isinstance(node, ast.Call):
            continue
        for keyword in node.keywords:
            if keyword.arg in _DATE_FIELDS and callee_name(node) in ("replace", "date", "datetime", "time"):
                start = site.source.span(keyword)[0]
                index = _DATE_FIELDS.index(keyword.arg)
                for other in (*_DATE_FIELDS[max(0, index - 1) : index], *_DATE_FIELDS[index + 1 : index + 2]):
                    said = f"replace `{keyword.arg}` by `{other}`"
                    yield site.splice(start, start + len(keyword.arg), other, said, line=keyword.lineno)
        if callee_name(node) == "replace" and any(k.arg in _DATE_FIELDS for k in node.keywords):
            known = {k.arg for k in node.keywords}
            for field in ("microsecond", "second", "minute", "hour"):
                if field not in known:
                    end = site.source.span(node.keywords[-1])[1]
                    yield site.splice(end, end, f", {field}=0", f"set `{field}` to 0 too", weight=0.5)
