"""Logs whose templates are known: logging statements of real programs, filled in by chance, under real headers.

The statements are read (never run) out of a Python distribution, `*.whl`, `*.zip` or `*.tar.gz`. What a statement
writes itself is its label; what stands for its arguments is drawn by what the argument is called (`path`, `host`,
`elapsed`), else by chance, but of one kind for one argument. Statements are as frequent as Zipf's law has it.
"""

from __future__ import annotations

import ast
import datetime as dt
import itertools
import json
import random
import re
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LEVELS = {
    "debug": "debug", "info": "info", "warning": "warning", "warn": "warning", "error": "error", "exception": "error",
    "critical": "fatal",
}  # fmt: skip
MAX_SOURCE = 1_000_000  # bytes of one file
START = 1_772_500_000  # seconds since 1970, in March 2026
_LOGGER = re.compile(r"(?i)(?:^|_)log(?:ger|ging)?$")
_PERCENT = re.compile(r"%(?:\((\w+)\))?[-+ #0]*[\d*]*(?:\.\d+)?([sdrfigxXeFa%])")
_BRACES = re.compile(r"\{\{|\}\}|\{([\w.\[\]]*)(?:![rsa])?(?::[^{}]*)?\}")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Slot:
    """Where an argument is written. conversion: as of `%`."""

    name: str
    conversion: str = "s"


@dataclass(frozen=True)
class Statement:
    """One call of a logger. level: as `tools.oplogs.heads` names them."""

    pieces: tuple[str | Slot, ...]
    level: str
    module: str

    @property
    def label(self) -> str:
        return " ".join("".join(piece if isinstance(piece, str) else "<*>" for piece in self.pieces).split())


@dataclass(frozen=True)
class Line:
    """A line and what is known of it. time: seconds since 1970."""

    text: str
    message: str
    label: str
    level: str
    time: int


def statements(archive: Path) -> list[Statement]:
    """The logging statements of a distribution, one of each text, in order."""
    found: dict[str, Statement] = {}
    for name, source in _sources(archive):
        module = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        for statement in _of_source(source, module):
            if re.search(r"[A-Za-z]{2}", statement.label.replace("<*>", "")):
                found.setdefault(statement.label, statement)
    return list(found.values())


def _sources(archive: Path) -> Iterator[tuple[str, bytes]]:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as packed:
            for info in packed.infolist():
                if _wanted(info.filename, info.file_size):
                    yield info.filename, packed.read(info)
        return
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and _wanted(member.name, member.size) else None
            if file:
                yield member.name.partition("/")[2], file.read()


def _wanted(name: str, size: int) -> bool:
    return name.endswith(".py") and size <= MAX_SOURCE and not re.search(r"(?:^|/)(?:tests?|docs?)/", name)


def _of_source(source: bytes, module: str) -> Iterator[Statement]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        level, owner = LEVELS.get(node.func.attr), node.func.value
        called = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
        pieces = _pieces(node.args[0], node.args[1:]) if level and _LOGGER.search(called) else None
        if level and pieces:
            yield Statement(tuple(pieces), level, module)


def _pieces(said: ast.expr, arguments: list[ast.expr]) -> list[str | Slot] | None:
    """What a message is put together from, None where that is not plain to see."""
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        return _percent(said.value, arguments) if arguments else [said.value]
    if isinstance(said, ast.BinOp) and isinstance(said.op, ast.Mod) and isinstance(said.left, ast.Constant):
        given = said.right.elts if isinstance(said.right, ast.Tuple) else [said.right]
        return _percent(said.left.value, list(given)) if isinstance(said.left.value, str) else None
    if isinstance(said, ast.JoinedStr):
        return [_spelled(part) if isinstance(part, ast.Constant) else Slot(_named(part), "s") for part in said.values]
    if isinstance(said, ast.Call) and isinstance(said.func, ast.Attribute) and said.func.attr == "format":
        text = said.func.value
        plain = text.value if isinstance(text, ast.Constant) else None
        return _braces(plain, said.args) if isinstance(plain, str) else None
    return None


def _spelled(part: ast.Constant) -> str:
    return str(part.value)


def _named(argument: ast.AST | None) -> str:
    """The last name of an expression: `exc` of `str(exc)`, `host` of `self.node.host`."""
    return (_NAME.findall(ast.unparse(argument)) or [""])[-1] if argument else ""


def _percent(text: str, arguments: list[ast.expr]) -> list[str | Slot]:
    pieces: list[str | Slot] = []
    left, at = iter(arguments), 0
    for match in _PERCENT.finditer(text):
        pieces.append(text[at : match.start()])
        at = match.end()
        if match[2] == "%":
            pieces.append("%")
        else:
            pieces.append(Slot(match[1] or _named(next(left, None)), match[2]))
    return [*pieces, text[at:]]


def _braces(text: str, arguments: list[ast.expr]) -> list[str | Slot]:
    pieces: list[str | Slot] = []
    left, at = iter(arguments), 0
    for match in _BRACES.finditer(text):
        pieces.append(text[at : match.start()])
        at = match.end()
        if match[0] in ("{{", "}}"):
            pieces.append(match[0][0])
        else:
            pieces.append(Slot(match[1] if match[1][:1].isalpha() else _named(next(left, None))))
    return [*pieces, text[at:]]


FOLDERS = ("/var/lib", "/srv", "/home/ann/My Files", "/opt")
WORDS = [
    "alpha",
    "billing",
    "cart",
    "checkout",
    "delta",
    "east",
    "frontend",
    "gateway",
    "inventory",
    "jobs",
    "kiosk",
    "ledger",
    "mailer",
    "north",
    "orders",
    "payments",
    "queue",
    "reports",
    "search",
    "tenant",
    "users",
    "vault",
    "west",
    "zebra",
    "admin",
    "backup",
    "cache",
    "default",
    "events",
    "images",
]
TROUBLES = (
    "Connection refused", "[Errno 111] Connection refused", "timed out", "'NoneType' object has no attribute 'get'",
    "No such file or directory: '/srv/data/part 7.bin'", "Not Found (HTTP 404)", "", "invalid literal for int()",
    "HTTPSConnectionPool(host='api.shop.example', port=443): Read timed out. (read timeout=30)", "KeyError: 'volume'",
    "disk full", "permission denied by policy", "server closed the connection unexpectedly", "Unauthorized",
)  # fmt: skip
Chance = random.Random
KINDS: dict[str, Callable[[Chance], str]] = {
    "number": lambda c: str(c.choice((0, 1, c.randrange(100), c.randrange(1_000_000)))),
    "uuid": lambda c: "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}".format(*map(c.getrandbits, (32, 16, 12, 12, 48))),
    "hex": lambda c: f"{c.getrandbits(64):016x}",
    "address": lambda c: f"0x{c.getrandbits(48):012x}",
    "host": lambda c: f"{c.choice(WORDS)}-{c.randrange(40)}.{c.choice(('prod', 'stage'))}.shop.example",
    "ip": lambda c: f"10.{c.randrange(9)}.{c.randrange(256)}.{c.randrange(256)}",
    "ipv6": lambda c: f"fe80::{c.getrandbits(16):x}:{c.getrandbits(16):x}:{c.getrandbits(16):x}",
    "mac": lambda c: ":".join(f"{c.getrandbits(8):02x}" for _ in range(6)),
    "port": lambda c: str(c.randrange(1024, 65536)),
    "path": lambda c: "/".join((c.choice(FOLDERS), c.choice(WORDS), f"{c.choice(WORDS)}.{c.choice(('db', 'py'))}")),
    "url": lambda c: f"https://{c.choice(WORDS)}.shop.example/{c.choice(WORDS)}/{c.randrange(999)}?q={c.choice(WORDS)}",
    "duration": lambda c: c.choice((f"{c.random() * 9:.3f}", f"{c.randrange(900)}", f"{c.random():.6f}")),
    "size": lambda c: c.choice((str(c.getrandbits(30)), f"{c.random() * 900:.1f} MB", f"{c.randrange(99)}KiB")),
    "share": lambda c: f"{c.random() * 100:.1f}%",
    "bool": lambda c: c.choice(("True", "False")),
    "state": lambda c: c.choice(("ACTIVE", "BUILD", "ERROR", "DELETED", "PAUSED", "SHUTOFF")),
    "class": lambda c: c.choice(("ValueError", "TimeoutError", "RpcError", "DBDeadlock", "ImageNotFound", "KeyError")),
    "object": lambda c: f"<{c.choice(WORDS).title()}Worker object at 0x{c.getrandbits(44):x}>",
    "word": lambda c: c.choice(WORDS),
    "name": lambda c: c.choice(WORDS) + c.choice(("", f"_{c.choice(WORDS)}", f"-{c.randrange(9)}")),
    "dotted": lambda c: f"{c.choice(WORDS)}.{c.choice(WORDS)}.{c.choice(WORDS)}",
    "list": lambda c: str([c.choice(WORDS) for _ in range(c.randrange(4))]),
    "numbers": lambda c: str([c.randrange(999) for _ in range(c.randrange(5))]),
    "dict": lambda c: str({word: c.choice((1, True, None, "x")) for word in c.sample(WORDS, c.randrange(4))}),
    "trouble": lambda c: c.choice(TROUBLES),
    "text": lambda c: " ".join(c.choice(WORDS) for _ in range(c.randrange(1, 5))),
    "none": lambda c: c.choice(("None", c.choice(WORDS))),
    "version": lambda c: f"{c.randrange(3)}.{c.randrange(20)}.{c.randrange(9)}",
}  # fmt: skip
CALLED = (
    ("uuid", r"uuid|(?:instance|volume|port|network|router|image|server|request|snapshot|task|job|run)_?id$"),
    ("trouble", r"^(?:e|ex|exc|err|error|exception|reason|msg|message|failure|why|err_msg|stderr)$"),
    ("numbers", r"_ids$|^ids$|ports$|partitions$"), ("list", r"(?:hosts|names|nodes|list|keys|topics|workers|args)$"),
    ("dict", r"kwargs|dict|config|options|params|metadata|headers|body|info|data$"), ("mac", r"mac"),
    ("path", r"path|file|dir$|dirname|directory|folder"), ("url", r"ur[li]|endpoint|link"), ("ip", r"^ip|_ip$|addr"),
    ("host", r"host|node|server|peer|domain"), ("port", r"port$"),
    ("duration", r"time|second|elapsed|duration|delay|interval|wait"), ("size", r"size|bytes|_mb$|_gb$|memory|space"),
    ("number", r"count|num|len|total|index|offset|pid|attempt|retries|limit|code|id$"),
    ("state", r"stat(?:e|us)|phase"),
    ("class", r"cls|class|type|__name__"), ("version", r"version"), ("bool", r"^is_|^has_|enabled|flag"),
    ("name", r"name|user|key|topic|group|queue|label|tag|driver|backend"),
    ("text", r"command|cmd|query|text|line|title"),
)  # fmt: skip
GUESSED = (
    "name",
    "word",
    "number",
    "object",
    "none",
    "list",
    "dotted",
    "hex",
    "dict",
    "text",
    "share",
    "address",
    "ipv6",
)


def kind_of(slot: Slot, chance: Chance) -> str:
    """What an argument holds, by its conversion and its name, else by chance."""
    if slot.conversion in "dig":
        return "number"
    if slot.conversion in "feF":
        return "duration"
    if slot.conversion in "xX":
        return "hex"
    name = slot.name.lower()
    return next((kind for kind, called in CALLED if re.search(called, name)), "") or chance.choice(GUESSED)


def _quoted(value: str, slot: Slot) -> str:
    return repr(value) if slot.conversion in "ra" else value


def _written(form: str, time: float, one: Statement, message: str, process: int) -> str:
    """A line under a header."""
    at, milliseconds = dt.datetime.fromtimestamp(time, dt.UTC), f"{int(time * 1000) % 1000:03d}"
    level = one.level
    return form.format(
        at=at, day=at.day, ms=milliseconds, epoch=time, millis=int(time * 1000), level=level, initial=level[0].upper(),
        python={"fatal": "CRITICAL"}.get(level, level.upper()), klog="I" if level == "debug" else level[0].upper(),
        java={"warning": "WARN"}.get(level, level.upper()), windows=level.capitalize(), module=one.module,
        program=one.module.split(".")[0], file=one.module.rpartition(".")[2], said=message, quoted=json.dumps(message),
        process=process,
    )  # fmt: skip


# name: how a line is written, and whether its level is
HEADERS: dict[str, tuple[str, bool]] = {
    "python": ("{at:%Y-%m-%d %H:%M:%S},{ms} - {module} - {python} - {said}", True),
    "openstack": (
        "{at:%Y-%m-%d %H:%M:%S}.{ms} {process} {python} {module} [None req-{process:08x} admin admin] {said}", True,
    ),
    "log4j": ("{at:%y/%m/%d %H:%M:%S} {java} {module}: {said}", True),
    "zookeeper": ("{at:%Y-%m-%d %H:%M:%S},{ms} - {java:5} [main:{module}@{process}] - {said}", True),
    "logcat": ("{at:%m-%d %H:%M:%S}.{ms} {process:5d} {process:5d} {initial} {module}: {said}", True),
    "syslog": ("{at:%b} {day:2d} {at:%H:%M:%S} web-3 {program}[{process}]: {said}", False),
    "rfc5424": ("<14>1 {at:%Y-%m-%dT%H:%M:%S}.{ms}Z web-3 {program} {process} - - {said}", False),
    "windows": ("{at:%Y-%m-%d %H:%M:%S}, {windows:22} CBS    {said}", True),
    "klog": ("{klog}{at:%m%d %H:%M:%S}.{ms}000 {process:7d} {file}.go:{process}] {said}", True),
    "json": ('{{"ts": "{at:%Y-%m-%dT%H:%M:%S}.{ms}Z", "level": "{level}", "msg": {quoted}}}', True),
    "logfmt": ("time={at:%Y-%m-%dT%H:%M:%S}Z level={level} logger={module} msg={quoted}", True),
    "rails": ("{initial}, [{at:%Y-%m-%dT%H:%M:%S}.{ms}000 #{process}] {java:>5} -- : {said}", True),
    "proxifier": ("[{at:%m.%d %H:%M:%S}] {program}.exe - {said}", False),
    "hdfs": ("{at:%y%m%d %H%M%S} {process} {java} {module}: {said}", True),
    "epoch": ("{epoch:.6f} {python} {said}", True),
    "millis": ("{millis} [{python}] {module}: {said}", True),
}  # fmt: skip


def corpus(spoken: list[Statement], header: str, *, lines: int, texts: int, seed: int) -> list[Line]:
    """`lines` lines of `texts` of the statements, in the order of time."""
    chance = Chance(seed)
    chosen = chance.sample(spoken, min(texts, len(spoken)))
    kinds = [[kind_of(p, chance) for p in one.pieces if isinstance(p, Slot)] for one in chosen]
    weights = list(itertools.accumulate(1 / rank for rank in range(1, len(chosen) + 1)))
    form, graded = HEADERS[header]
    made, time = [], float(START)
    for place in chance.choices(range(len(chosen)), cum_weights=weights, k=lines):
        one, kind = chosen[place], iter(kinds[place])
        time += chance.random()
        parts = (p if isinstance(p, str) else _quoted(KINDS[next(kind)](chance), p) for p in one.pieces)
        message = " ".join("".join(parts).split())
        level = "info" if header == "klog" and one.level == "debug" else one.level
        text = _written(form, time, one, message, chance.choice((411, 1702, 23904)))
        made.append(Line(text, message, one.label, level if graded else "", int(time)))
    return made
