"""What a line begins with, taken off: time, level, host, process, thread and component in the common formats.

Plain, syslog, Java and log4j, Python logging, klog and Go, nginx and Apache, JSON, logfmt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import orjson

from tools.oplogs.mining import KEPT
from tools.oplogs.stamps import FORMATS, ZONES

MAX_HEAD = 12  # pieces of a line's beginning
NEAR = 60  # characters before a time that still belong to the beginning
_LEVELS = {
    "fatal": "fatal", "critical": "fatal", "crit": "fatal", "emerg": "fatal", "emergency": "fatal", "panic": "fatal",
    "alert": "fatal", "severe": "error", "error": "error", "err": "error", "failure": "error", "warning": "warning",
    "warn": "warning", "notice": "info", "info": "info", "information": "info", "debug": "debug", "trace": "debug",
    "fine": "debug", "finer": "debug", "finest": "debug", "verbose": "debug",
}  # fmt: skip
_LETTERS = {"I": "info", "W": "warning", "E": "error", "F": "fatal", "D": "debug", "V": "debug"}
_NAMED = "|".join(sorted(_LEVELS, key=len, reverse=True))
_TIMES = tuple(re.compile(at.pattern.decode().lstrip("^")) for name, at in FORMATS.items() if name != "klog")
_NAMES_OF_ZONES = b"|".join(ZONES).decode()
_AFTER = re.compile(
    rf"(?:[.,:]\d{{1,9}})?(?: ?(?:(?:{_NAMES_OF_ZONES}|CST|IST|BST)\b|[+-]\d\d(?::?\d\d)?(?![\w.:/-])))?"
    r"[\])]?[ \t]*(?:[-|:,][ \t]*)?"
)
_LEVEL = re.compile(rf"[\[(<|]?\s?\b(?P<level>(?i:{_NAMED}))\b\s?[\])>|]?(?:[ \t]*[-|:](?![\w/]))?(?:[ \t]+|:|$)")
_LATER = re.compile(
    r"(?:\S{0,100}[^\s:][ \t]+){0,6}?"
    rf"[\[(<|]?(?P<level>{_NAMED.upper()})[\])>|]?(?:[ \t]*[-|:](?![\w/]))?(?:[ \t]+|:)"
)
_MODULE = re.compile(  # Apache's; what a program prints is an error to it whatever it says
    rf"\[(?!wsgi:|f?cgid?:)[\w.-]{{1,40}}:(?P<level>{_NAMED})\][ \t]+"
)
_RAISED = re.compile(r"(?:[\w$]+[.:]{1,2})*[A-Z]\w*(?:Error|Exception|Interrupt|Exit)")  # no component: what was raised
_DAY = re.compile(r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? ")
_RFC5424 = re.compile(
    r"<\d{1,3}>1 \S{1,40} \S{1,255} (?P<component>\S{1,48}) \S{1,128} \S{1,32} (?:-|\[[^\]]{0,2000}\]) ?(?P<rest>.*)",
    re.DOTALL,
)
_PYTHON = re.compile(
    r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<component>[\w.]{1,100}):(?P<rest>.*)", re.DOTALL
)
_KLOG = re.compile(
    r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ (?P<component>[\w./-]{1,200}:\d+)\] (?P<rest>.*)", re.DOTALL
)
_LETTER = re.compile(r"(?P<level>[VDIWEF])(?:[ \t]+|/)")
_PIECES = (
    re.compile(r"[\[(][^\[\]()\n]{1,300}[\])](?:[ \t]*[-|:])?[ \t]+"),  # [main] (thread)
    re.compile(r"#?\d+(?:#\d+)?(?::|[ \t]*[-|])?[ \t]+"),  # process, thread
    re.compile(r"[^\s|]{1,60}\|[ \t]*"),
    re.compile(r"(?:-{1,3}|[|:,])[ \t]+"),
)
_COMPONENT = re.compile(
    r"(?P<component>[A-Za-z_][\w.$/@-]{1,120}(?:\([\w.:-]{1,40}\))?(?:\[[^\]\s]{1,40}\])?)"
    r"(?:(?:(?<=\w)|(?<=[)\]])):[ \t]+|[ \t]+-[ \t]+)|(?P<logger>[\w$]{1,60}(?:\.[\w$]{1,60}){1,12})[ \t]+:[ \t]+"
)
_REQUEST = re.compile(r"(?P<component>[\w$]{1,60}(?:\.[\w$]{1,60}){1,12}) \[[^\[\]\n]{1,300}\][ \t]+(?P<logger>)")
_SPOKEN = re.compile(r"[^\W\d_]")
_SYSLOG_TIME = re.compile(r"(?:<\d{1,3}>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d ")
_HOSTED = re.compile(r"[\w.:-]{1,100}[ \t]+(?P<component>[\w./() -]{1,60}?(?:\[\d+\])?): ?(?P<logger>)")
_PROCESS = re.compile(r"[\w.:-]{1,100}[ \t]+(?P<component>[\w./()-]{1,60}\[\d+\]): ?(?P<logger>)")
_ACCESS = re.compile(
    r'^\S+ \S+ \S+ \[[^\]]{10,40}\] "(?P<method>[A-Z]{2,10}) (?P<path>[^"\s]{1,1000})[^"]*" (?P<status>\d{3})\b'
)
_PAIR = re.compile(r'(?P<key>[A-Za-z_][\w.@-]{0,60})=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]*))(?=\s|$)')
_TEXTS = ("message", "msg", "MESSAGE", "log", "event", "body", "text", "short_message", "error", "err")
_GRADES = ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "PRIORITY", "@level")
_SYSLOG = ("fatal", "fatal", "fatal", "error", "warning", "info", "info", "debug")


@dataclass(frozen=True)
class Said:
    """What a line says. level: "fatal", "error", "warning", "info", "debug" or ""; text keeps its indentation."""

    text: str
    level: str = ""
    component: str = ""


def said(line: str) -> Said:
    """Take the beginning off a line."""
    if line[:1] in " \t":
        return Said(line)
    structured = fields_of(line)
    if structured:
        return _structured(structured, line)
    access = _ACCESS.match(line)
    if access:
        status = access["status"]
        level = "error" if status[0] == "5" else "warning" if status[0] == "4" else "info"
        path = access["path"].partition("?")[0]
        return Said(f"{access['method']} {path} {_outcome(int(status))}", level, "access")
    syslog = _RFC5424.match(line)
    if syslog:
        return Said(syslog["rest"], "", syslog["component"])
    for pattern in (_KLOG, _PYTHON):
        match = pattern.match(line)
        if match:
            level = match["level"]
            return Said(match["rest"], _LETTERS.get(level) or _LEVELS[level.lower()], match["component"])
    return _plain(line)


def _outcome(status: int) -> str:
    """A status that no mask takes for a number and no template for something filled in."""
    known = status in HTTPStatus.__members__.values()
    return f"{KEPT}{HTTPStatus(status).name}" if known else f"{KEPT}UNKNOWN"


def fields_of(line: str) -> Mapping[str, str] | None:
    """The fields of a JSON object or a logfmt line (at least two pairs that make up most of it), or None."""
    line = line.strip()
    if line[:1] == "{" and line[-1:] == "}":
        try:
            value = orjson.loads(line.encode("utf-8", "replace"))
        except orjson.JSONDecodeError:
            return None
        return dict(_flat(value, "", 3)) if isinstance(value, dict) else None
    if line.count("=") < 2:
        return None
    pairs = list(_PAIR.finditer(line[:20_000]))
    if len(pairs) < 2 or not {"msg", "message", "level", "lvl", "event"} & {pair["key"] for pair in pairs}:
        return None
    return {pair["key"]: pair["quoted"] if pair["quoted"] is not None else pair["bare"] for pair in pairs}


def _flat(value: dict[str, object], prefix: str, depth: int) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, item in value.items():
        if isinstance(item, dict) and depth:
            found += _flat(item, f"{prefix}{name}.", depth - 1)
        elif isinstance(item, str):
            found.append((prefix + name, item))
        else:
            found.append((prefix + name, orjson.dumps(item).decode()))
    return found


def _structured(fields: Mapping[str, str], line: str) -> Said:
    text = next((fields[name] for name in _TEXTS if fields.get(name)), "")
    grade = next((fields[name] for name in _GRADES if fields.get(name)), "")
    level = _LEVELS.get(grade.lower(), "")
    if grade.isdigit() and len(grade) == 1:
        level = _SYSLOG[min(int(grade), 7)]
    elif grade.isdigit():
        level = {"1": "debug", "2": "debug", "3": "info", "4": "warning", "5": "error", "6": "fatal"}.get(grade[0], "")
    component = next((fields[name] for name in ("logger", "component", "service", "name") if fields.get(name)), "")
    return Said(text or " ".join(sorted(fields)) or line, level, component[:120])


def _plain(line: str) -> Said:
    at, dated = _dated(line)
    first = _LEVEL.match(line) if dated else None
    at, level = _graded(line, at, dated=dated, level=_LEVELS[first["level"].lower()] if first else "")
    if not level and dated:
        later = _LATER.match(line, at, at + 300)
        if later:
            level = _LEVELS[later["level"].lower()]
            at = _graded(line, later.end(), dated=True, level=level)[0]
    hosted = (_HOSTED if _SYSLOG_TIME.match(line) else _PROCESS).match(line, at) if dated and not level else None
    match = hosted or (_COMPONENT.match(line, at) if dated or level else None)
    match = match or (_REQUEST.match(line, at) if dated and level else None)
    name = (match["component"] or match["logger"]) if match else ""
    named = name.lower() not in _LEVELS and not _RAISED.fullmatch(name)
    if match and named and _SPOKEN.search(line, match.end()):
        return Said(line[match.end() :], level, match["component"] or match["logger"])
    return Said(line[_indented(line, at) :], level)


def _indented(line: str, at: int) -> int:
    """Where the message begins with its indentation: after a bracket more than one space is the message's own."""
    head = line[:at].rstrip(" \t")
    return len(head) + 1 if head[-1:] in ("]", ")") and at > len(head) + 1 else at


def _dated(line: str) -> tuple[int, bool]:
    """Where the line goes on after a time near its beginning."""
    found = [match for pattern in _TIMES if (match := pattern.search(line, 0, NEAR + 40)) and match.start() <= NEAR]
    if not found:
        return 0, False
    first = min(found, key=lambda match: (match.start(), -match.end()))
    after = _AFTER.match(line, first.end())
    return after.end() if after else first.end(), True


def _graded(line: str, at: int, *, dated: bool, level: str = "") -> tuple[int, str]:
    """Where the message begins after pieces such as processes, threads and more times, and the level among them."""
    for _ in range(MAX_HEAD):
        match = None if level else _LEVEL.match(line, at) or (_lettered(line, at) if dated else None)
        if match:
            level = _LEVELS.get(match["level"].lower()) or _LETTERS[match["level"]]
            at = match.end()
        elif dated or level:
            after = _piece(line, at)
            if after == at:
                break
            at = after
        else:
            break
    return at, level


def _lettered(line: str, at: int) -> re.Match[str] | None:
    return _LETTER.match(line, at) or _MODULE.match(line, at)


def _piece(line: str, at: int) -> int:
    start = at + 1 if line[at : at + 1] in ("[", "(") else at
    day = _DAY.match(line, start)
    start = day.end() if day else start
    time = next((m for pattern in _TIMES if (m := pattern.match(line, start))), None)
    if time:
        after = _AFTER.match(line, time.end())
        return after.end() if after else time.end()
    piece = next((m for pattern in _PIECES if (m := pattern.match(line, at))), None)
    return piece.end() if piece else at
