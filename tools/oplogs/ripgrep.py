"""Which lines of a whole file match, by ripgrep: where it is installed and reads an expression as RE2 does, nothing is
faster.

It runs beside this process, which a file that is cut short while it is mapped into memory would end. Expressions are
translated for it: its syntax (https://docs.rs/regex/latest/regex/#syntax) takes words and digits for Unicode's, among
others. What cannot be translated, or what it refuses, is left to `matching`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from tools.oplogs.reading import Source

MANY = 4_000  # lines that are heard of one by one; more of them, unless that many take FAR of the file
FAR = 0.1
_CHUNK = 1 << 16
_KINDS = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\f\r "}
_TOKEN = re.compile(
    r"\\(?P<kind>[dws])|\\(?P<other>[DWS])|(?P<bound>\\b)|(?P<tab>\\t)|\\(?P<quoted>[!-/:-@\[-`{-~])"
    r"|\[(?P<none>\^?)(?P<set>(?:\\[dwst!-/:-@\[-`{-~]|[^\\\[\]])+)\]"
    r"|(?P<group>\(\?:|\((?!\?))|(?P<same>[.*+?|)^$]|\{\d+(?:,\d*)?\})|(?P<sign>[^\\\[(])"
)
_ONE = r"(?:\\[!-/:-@\[-`{-~]|[^\\])"
_IN_SET = re.compile(rf"\\(?P<kind>[dws])|(?P<tab>\\t)|(?P<low>{_ONE})-(?P<high>{_ONE})|(?P<sign>{_ONE})")
_ALWAYS = ("--no-config", "--text", "--encoding=none", "--color=never", "--no-filename", "--no-line-number")


@dataclass(frozen=True)
class Seen:
    """at: where the first lines that match begin, in bytes; count: lines that match, at least; whole: that is all."""

    at: tuple[int, ...]
    count: int
    whole: bool


class Ripgrep:
    """An expression for ripgrep. Raises ValueError where it cannot be said, or there is no ripgrep."""

    def __init__(self, pattern: str, *, ignore_case: bool = False) -> None:
        binary, said = _binary(), said_to_ripgrep(pattern)
        if binary is None or said is None:
            raise ValueError
        case = "--ignore-case" if ignore_case else "--case-sensitive"
        self._command = (binary, *_ALWAYS, case, f"--regexp={said}")

    def find(self, source: Source, limit: int, *, everything: bool) -> Seen | None:
        """Lines of a plain file as it was indexed. limit: how many are told one by one; everything: count all.

        None: it did not work, or the file is another one now.
        """
        seen = None
        with suppress(OSError, ValueError, subprocess.SubprocessError):
            if _same(source):
                seen = self._found(source, limit, everything=everything)
        return seen if seen and _same(source) else None

    def _found(self, source: Source, limit: int, *, everything: bool) -> Seen:
        at: list[int] = []
        if limit > 0:
            most = () if everything else (f"--max-count={limit}",)
            with self._started(source, "--byte-offset", "--max-columns=1", *most) as process:
                assert process.stdout  # noqa: S101 - a pipe was asked for
                ended = False
                try:
                    at, count, ended = _heard(process.stdout, limit, source.size)
                finally:
                    if not ended:
                        process.kill()
                if ended:
                    _fine(process.wait())
                    return Seen(tuple(at), count, everything or count < limit)
        with self._started(source, "--count") as process:
            counted, _ = process.communicate()
            _fine(process.returncode)
        return Seen(tuple(at), int(counted or 0), whole=True)

    def _started(self, source: Source, *options: str) -> subprocess.Popen[bytes]:
        command = (*self._command, *options, "--", source.path)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}
        )


def _heard(output: IO[bytes], limit: int, size: int) -> tuple[list[int], int, bool]:
    """Offsets of the first lines, lines, and whether that is the end: not where counting them would be faster."""
    at: list[int] = []
    count, rest, asked = 0, b"", False
    while chunk := output.read(_CHUNK):
        text = rest + chunk
        end = text.rfind(b"\n") + 1
        text, rest = text[:end], text[end:]
        if end and len(at) < limit:
            at += map(_offset, text[:-1].split(b"\n")[: limit - len(at)])
        count += text.count(b"\n")
        if not asked and count > max(MANY, limit) and end:
            asked = True
            if _offset(text[text.rfind(b"\n", 0, end - 1) + 1 :]) < FAR * size:
                return at, count, False
    return at, count, True


def _offset(line: bytes) -> int:
    return int(line[: line.index(b":")])


def _fine(code: int) -> None:
    """1: nothing was found."""
    if code not in (0, 1):
        raise subprocess.SubprocessError(code)


def _same(source: Source) -> bool:
    now = Path(source.path).stat()
    return (now.st_size, now.st_mtime_ns) == (source.size, source.mtime_ns)


@cache
def _binary() -> str | None:
    """The machine's own; none of a working directory."""
    found = shutil.which("rg")
    return found if found and Path(found).is_absolute() else None


def said_to_ripgrep(pattern: str) -> str | None:
    """An expression that is one of RE2's, as ripgrep has to be asked; None where no such one is known."""
    said: list[str] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None or not token[0].isprintable():
            return None
        said.append(_token(token))
        at = token.end()
    return "".join(said)


def _token(token: re.Match[str]) -> str:
    kind = str(token.lastgroup)
    text = token[kind]
    if kind == "set":
        inside = "".join(map(_in_set, _IN_SET.finditer(text)))
        return rf"[^{inside}\n]" if token["none"] else f"[{inside}]"
    if kind in ("sign", "quoted"):
        return _sign(text)
    known = {"kind": f"[{_KINDS.get(text)}]", "other": rf"[^{_KINDS.get(text.lower())}\n]", "bound": r"(?-u:\b)"}
    return known.get(kind, "(?:" if kind == "group" else text)


def _in_set(part: re.Match[str]) -> str:
    if part["kind"]:
        return _KINDS[part["kind"]]
    if part["low"]:
        return f"{_sign(part['low'][-1])}-{_sign(part['high'][-1])}"
    return part[0] if part["tab"] else _sign(part["sign"][-1])


def _sign(sign: str) -> str:
    """As itself and nothing else."""
    return sign if sign.isalnum() or sign in " _" or not sign.isascii() else rf"\x{ord(sign):02x}"
