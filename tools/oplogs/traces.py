"""Stack traces over many lines: which lines belong together, and what makes two of them the same.

Python, Java, JavaScript, Go, Rust, C# and Ruby. A fingerprint looks at the exception and at the functions and files of
the frames, not at line numbers, addresses or messages.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.values import Value

Language = Literal["python", "java", "javascript", "go", "rust", "csharp", "ruby"]
MAX_LINES = 400  # of one trace
MAX_FRAMES = 40  # that a fingerprint looks at
MAX_WITHIN = 1 << 16  # bytes of a line that holds a trace in one of its fields
PLAIN, MORE, FRAME, START, LAST = 0, 1, 2, 3, 4
_START = re.compile(
    r"\s*Traceback \(most recent call last\):"
    r"|(?:fatal error|panic): |goroutine \d+ \[[^\]]{1,80}\]:"
    r"|thread '.{0,200}' (?:\(\d+\) )?panicked at "
    r"|Unhandled exception\. "
)
_FRAME = re.compile(
    r'\s*File "[^"]{1,1000}", line \d+'
    r"|\s+at (?:async |new )?[\w.$<>\[\]`/@ +-]{1,300}(?:\(|$)|\s+at (?:async )?(?:file:|node:|/|[A-Z]:\\)\S+:\d+"
    r"|\s+\S{1,400}\.(?:go|s|rs):\d+(?: |:|$)"
    r"|\s+at \S+\.rs:\d+"
    r"|\s*(?:from )?[^\s:]{1,400}:\d{1,7}:in [`'][^']"
)
_MORE = re.compile(
    r"\s+\S"
    r"|Caused by: |Suppressed: |caused by: |\.\.\. \d+ more|--- End of |stack backtrace:|stack traceback:"
    r"|The above exception was the direct cause|During handling of the above exception"
    r"|[\w.*/()\-]{1,200}\.[\w.*()\[\]{}]{1,200}\(.{0,300}\)$|created by [\w./]"
    r"|goroutine \d+ \[|exit status \d+$|note: run with `RUST_BACKTRACE"
)
_EXCEPTION = re.compile(
    r"(?:[A-Za-z_][\w$]*[.:]{1,2})*[A-Z][\w$]*"
    r"(?:Error|Exception|Exit|Interrupt|Warning|Throwable|Iteration|Group)\b"
)
_OWN = r"(?:[A-Za-z_]\w*\.){1,12}[A-Z]\w*"  # an exception of the program's own, as Python names it
_LAST = re.compile(rf"{_EXCEPTION.pattern}(?::|$)|{_OWN}(?:: |$)")
_ENDS = re.compile(rf"^(?P<kind>{_OWN})(?:: (?P<said>.*))?$")
_KINDS: tuple[tuple[Language, re.Pattern[str]], ...] = (
    ("python", re.compile(r'^\s*(?:Traceback \(most recent|File ".*", line \d+)', re.MULTILINE)),
    ("rust", re.compile(r"^(?:thread '.*' (?:\(\d+\) )?panicked |stack backtrace:)|^\s+at \S+\.rs:\d+", re.MULTILINE)),
    ("go", re.compile(r"^(?:panic: |fatal error: |goroutine \d+ \[)|^\s+\S+\.go:\d+", re.MULTILINE)),
    ("csharp", re.compile(r"^\s+at .*\) in .*:line \d+|^Unhandled exception\. |--- End of"
                          r"|^\s+at [A-Z][\w.<>`]*\.[A-Z][\w<>`]*\(.*\)$", re.MULTILINE)),
    ("javascript", re.compile(r"^\s+at .*(?:\(|\s)\S+:\d+:\d+\)?$|^\s+at .*<anonymous>", re.MULTILINE)),
    ("java", re.compile(r"^\s+at [\w.$/@<>-]+\([^)]*\)", re.MULTILINE)),
    ("ruby", re.compile(r"^\s*(?:from )?[^\s:]{1,400}:\d{1,7}:in [`'][^']", re.MULTILINE)),
)  # fmt: skip
_CALLS = (
    re.compile(r'^\s*File "(?P<file>[^"]{1,1000})", line (?P<line>\d+)(?:, in (?P<call>.{1,200}))?'),
    re.compile(r"^\s+at (?P<call>[^(\n]{1,300}?)\s?\((?:file://)?(?P<file>[^()\n]{1,400}?):(?P<line>\d+)(?::\d+)?\)"),
    re.compile(r"^\s+at (?P<call>[^(\n]{1,300}\([^)\n]{0,300}\))(?: in (?P<file>[^\n]{1,400}):line (?P<line>\d+))?"),
    re.compile(r"^\s+at (?:async )?(?P<file>\S{1,400}?):(?P<line>\d+)(?::\d+)?$"),
    re.compile(r"^\s+(?P<file>\S{1,400}\.(?:go|s)):(?P<line>\d+)"),
    re.compile(r"^(?P<call>(?:created by )?[\w./*()\-]{1,200}\.[\w.*()]{1,200})\([^()\n]{0,300}\)$"),
    re.compile(r"^\s*(?:from )?(?P<file>[^\s:]{1,400}):(?P<line>\d{1,7}):in [`'](?P<call>[^']{1,200})'"),
    re.compile(r"^\s+\d+:\s+(?:0x[0-9a-f]+ - )?(?P<call>[\w:<>$ .{}#&]{2,300})$"),
)
_PANIC = re.compile(
    r"^(?:thread '.*' (?:\(\d+\) )?panicked at (?:'(?P<old>.*)', )?\S+"
    r"|panic: (?P<go>.*)|fatal error: (?P<fatal>.*))",
    re.MULTILINE,
)
_RUBY = re.compile(
    r"^(?:\S{1,400}:in [`'][^']{1,200}': )?(?P<said>.{0,500}) \((?P<kind>[A-Z]\w*(?:::\w+)*)\)$", re.MULTILINE
)
_LOOSE = re.compile(r"0x[0-9a-fA-F]+|::h[0-9a-f]{16}\b|\$\$Lambda[$/\w.]*|\$\d+|\d+")


_WITHIN = re.compile(rb'\\n(?:\\t|\s){0,40}(?:File \\{0,2}"|at \S|\S{1,200}\.go:\d)')


class Trace(Value):
    """A stack trace that the log holds, `count` times. frames: "function (file:line)", in the order of the log.

    file, line: where it stands first (1-based); text: that first one; when: seconds since 1970, -1 unknown.
    """

    fingerprint: str
    language: Language
    exception: str
    message: str
    frames: tuple[str, ...]
    text: str
    count: int = 1
    file: str = ""
    line: int = 0
    first: int = -1
    last: int = -1


def kind_of(text: str) -> int:
    """What a line (without its head, with its indentation) is to a trace: PLAIN, MORE, FRAME, START or LAST."""
    if _START.match(text):
        return START
    if _FRAME.match(text):
        return FRAME
    if _MORE.match(text):
        return MORE
    return LAST if _LAST.match(text) else PLAIN


def runs(kinds: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Where traces are: [start, end) over the lines, with the line that heads or ends each."""
    inside = np.flatnonzero((kinds == FRAME) | (kinds == START))
    end = 0
    for place in inside.tolist():
        if place < end:
            continue
        start = _head(kinds, place, end)
        end = _end(kinds, place)
        yield start, end


def _head(kinds: NDArray[np.uint8], place: int, floor: int) -> int:
    """A frame's trace begins with the line above its indented lines; a start's trace begins with itself."""
    if kinds[place] == START:
        return place
    start = place
    while start > floor and place - start < 5:
        start -= 1
        if kinds[start] in (PLAIN, LAST):
            break
    return start


def _end(kinds: NDArray[np.uint8], place: int) -> int:
    last = min(len(kinds), place + MAX_LINES)
    end = place + 1
    while end < last:
        kind = kinds[end]
        follows = end + 1 < last and kinds[end + 1] in (MORE, FRAME, START)
        if kind == PLAIN and not (kinds[end - 1] == START and follows):
            break
        end += 1
        if kind == LAST and not (end < last and kinds[end] in (MORE, FRAME)):
            break
    return end


def read(lines: Sequence[str]) -> Trace | None:
    """The trace that these lines are, None when there is no frame in them."""
    text = "\n".join(line[:2_000] for line in lines[:MAX_LINES])
    language = next((language for language, pattern in _KINDS if pattern.search(text)), None)
    frames = [frame for line in lines if (frame := _call(line))]
    if language is None or (not frames and language not in ("rust", "go")):
        return None
    exception, message = _raised(text, language)
    calls = [_LOOSE.sub("0", re.sub(r":\d+\)$", ")", frame)) for frame in frames[:MAX_FRAMES]]
    kind = exception if exception not in ("panic", "fatal error") else _LOOSE.sub("0", f"{exception} {message[:60]}")
    fingerprint = hashlib.sha256("\n".join((language, kind, *calls)).encode("utf-8", "replace")).hexdigest()[:12]
    return Trace(
        fingerprint=fingerprint, language=language, exception=exception, message=message[:500],
        frames=tuple(frames[:80]), text=text[:20_000],
    )  # fmt: skip


def within(line: bytes) -> bool:
    """Whether a line of fields, such as JSON, may hold a trace in one of them, its newlines escaped."""
    return len(line) <= MAX_WITHIN and b"\\n" in line and _WITHIN.search(line) is not None


def read_fields(fields: Mapping[str, str]) -> Trace | None:
    """The first trace that a line's fields hold."""
    values = (_unescaped(value) for value in fields.values())
    several = (value.strip("\n").split("\n") for value in values if "\n" in value)
    return next((trace for lines in several if (trace := read(lines))), None)


def _unescaped(value: str) -> str:
    """A value with its newlines: those of logfmt keep their escapes."""
    if "\n" in value or "\\n" not in value:
        return value
    return value.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')


def _call(line: str) -> str | None:
    for pattern in _CALLS:
        match = pattern.match(line)
        if match:
            parts = match.groupdict()
            where = f"{parts['file']}:{parts['line']}" if parts.get("file") else ""
            return (
                f"{(parts.get('call') or '').strip()} ({where})".strip() if where else (parts.get("call") or "").strip()
            )
    return None


def _raised(text: str, language: Language) -> tuple[str, str]:
    """The exception's name and message: Python's last line, elsewhere the deepest cause or the head."""
    panic = _PANIC.search(text)
    if panic:
        after = text[panic.end() :].lstrip(":0123456789\n").split("\n", 1)[0]
        message = panic["old"] or panic["go"] or panic["fatal"] or after
        return ("fatal error" if panic["fatal"] else "panic"), message.strip()
    ruby = _RUBY.search(text) if language == "ruby" else None
    if ruby:
        return ruby["kind"], ruby["said"].strip()
    lines = text.split("\n")
    own = _ENDS.match(lines[-1]) if language == "python" else None
    if own:
        return own["kind"], (own["said"] or "").strip()
    named = [
        (line, match) for line in lines if not line.startswith("\tat ") and (match := _EXCEPTION.search(line[:400]))
    ]
    if language == "python":
        named = [(line, match) for line, match in named if match.start() == len(line) - len(line.lstrip())] or named
        named.reverse()
    causes = [(line, match) for line, match in named if "aused by: " in line]
    if causes and language == "java":
        named = [causes[-1]]
    if not named:
        return "", lines[0].strip()[:500]
    line, match = named[0]
    return match[0], line[match.end() :].lstrip(": ").strip()
