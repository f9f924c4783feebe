"""Stack frames and crashes out of plain text: tracebacks and compiler messages of many languages.

Python, JavaScript, Go, Rust, Java, Ruby and C; also tests' own positions (`file.py:12: AssertionError`).

Each line is looked at on its own with patterns that take linear time. Runtimes that print the innermost frame first
(JavaScript, Go, Java, Ruby, Rust's backtraces) are turned round, so that the last frame is always the innermost.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from tools.testing.bounded import MESSAGE, TEXT, clean, clip
from tools.testing.paths import Paths
from tools.values import Crash, Frame

MAX_TEXT = 2_000_000
MAX_LINE = 2_000
MAX_FRAMES = 200

_EXTENSION = (
    r"(?:pyi?|pyx|[cm]?[jt]sx?|go|rs|java|kt|scala|groovy|c|cc|cpp|cxx|h|hh|hpp|m|mm|cs|rb|php|swift|vue|svelte|ex|exs)"
)
_PATH = r"(?P<file>(?:[A-Za-z]:[\\/])?[^\s:\"'()<>|*?][^:\"'()<>|*?\n]{0,400}?)"
_SOURCE = rf"(?P<file>[^\s:\"'()<>|]{{1,400}}?\.{_EXTENSION})"
_LINE = r"(?P<line>\d{1,9})"
_INNERMOST_FIRST = (
    # JavaScript, and Rust's backtraces
    re.compile(rf"^\s*at (?:async )?(?P<function>[^()\n]{{1,200}}?) \((?:file://)?{_PATH}:{_LINE}:\d+\)"),
    re.compile(rf"^\s*at (?:async )?(?:file://)?{_PATH}:{_LINE}(?::\d+)?$"),
    # vitest
    re.compile(rf"^\s*❯ (?:(?P<function>[^\s:]{{1,200}}) )?(?:file://)?{_PATH}:{_LINE}:\d+$"),
    # Java
    re.compile(rf"^\s*at (?P<java>[\w.$/@<>-]{{3,300}})\((?P<file>[\w$-]{{1,200}}\.[a-z]{{1,6}}):{_LINE}\)"),
    # Go
    re.compile(rf"^\s+(?P<file>/[^\s:]{{1,400}}\.(?:go|s)):{_LINE}(?: \+0x[0-9a-f]+)?$"),
    # Ruby
    re.compile(rf"^\s*(?:from )?(?P<file>[^\s:]{{1,400}}):{_LINE}:in [`'](?P<function>[^'\n]{{1,200}})'"),
)
_INNERMOST_LAST = (
    # Python
    re.compile(rf'^\s*File "(?P<file>[^"\n]{{1,1000}})", line {_LINE}(?:,? in (?P<function>.{{1,200}}))?$'),
    # rustc, panics of Rust (message after the place, or before it up to 1.72), tsc
    re.compile(rf"^\s*(?:-->|:::) {_SOURCE}:{_LINE}:\d+"),
    re.compile(rf"^thread '.{{0,300}}' (?:\(\d+\) )?panicked at (?:'.{{0,1000}}', )?{_SOURCE}:{_LINE}:\d+"),
    re.compile(rf"^{_SOURCE}\({_LINE},\d+\): error\b"),
    # pytest, go test, compilers
    re.compile(rf"^(?:\s{{1,8}}|E\s+)?{_SOURCE}:{_LINE}(?::\d+)?:?(?: in (?P<function>\w{{1,200}}))?(?:[\s:].*)?$"),
)
_JAVA_RUNTIME = re.compile(
    r"^(?:[\w.]+/)?(?:java|javax|jdk|sun|com\.sun|kotlin|scala|groovy|org\.(?:junit|gradle|apache\.maven|mockito))\."
)


def frames_in(text: str, paths: Paths | None = None) -> tuple[Frame, ...]:
    """All stack frames and compiler positions of a text, in order, the innermost last; at most 200 (head and tail)."""
    frames: list[Frame] = []
    block: list[Frame] = []
    above = ""
    paths = paths or Paths()
    for raw in clean(clip(text, MAX_TEXT), MAX_TEXT).split("\n"):
        line = raw[:MAX_LINE]
        found = _frame(line, above, paths)
        if found is not None and found[1]:
            block.append(found[0])
        elif found is not None or not _continues(line):
            frames += [*reversed(block), *((found[0],) if found else ())]
            block = []
        above = line
    frames += reversed(block)
    return tuple(frames if len(frames) <= MAX_FRAMES else frames[:50] + frames[50 - MAX_FRAMES :])


def _continues(line: str) -> bool:
    """Whether a line without a frame may stand between the frames of one stack (Go's and Rust's function lines)."""
    call = bool(line[:1].strip()) and "(" in line and line.rstrip().endswith(")")
    return call or bool(re.match(r"^(?:\s+\d+: |\s*\.\.\. \d+ (?:more|common))", line))


def _frame(line: str, above: str, paths: Paths) -> tuple[Frame, bool] | None:
    """The frame of one line and whether its stack has the innermost first; `above` names the function in some."""
    for pattern in (*_INNERMOST_FIRST, *_INNERMOST_LAST):
        match = pattern.match(line)
        if match is None:
            continue
        first = pattern in _INNERMOST_FIRST
        named = match.groupdict()
        number, raw = int(named["line"]), named["file"]
        if named.get("java"):
            return _java_frame(named["java"], raw, number, paths), first
        file, inside = paths.place(raw)
        function = (named.get("function") or (_function_above(raw, above) if first else "")).strip()
        return Frame(file=file, line=number, function=function, inside=inside), first
    return None


def _function_above(file: str, above: str) -> str:
    """Go and Rust print the function on a line of its own: `main.f(0x1, ...)`, `   3: crate::f`."""
    if file.endswith(".go"):
        return above.strip().removeprefix("created by ").split("(")[0][:200].rpartition("/")[2]
    numbered = re.match(r"^\s+\d+: (.{1,200})$", above)
    return numbered[1] if numbered and file.endswith(".rs") else ""


def _java_frame(where: str, name: str, line: int, paths: Paths) -> Frame:
    """Java tells the class, not the path: the package's directories with the file's name, found among known files."""
    method = where.rpartition("/")[2]
    package = method.split(".")[:-2]
    guess = "/".join((*package, name))
    runtime = bool(_JAVA_RUNTIME.match(where))
    file, inside = (guess, not runtime) if runtime or not paths.knows_files else paths.place("/" + guess)
    return Frame(
        file=file.lstrip("/"), line=line, function=".".join(method.split(".")[-2:]), inside=inside and not runtime
    )


_KIND = r"(?P<kind>[A-Za-z_][\w.$]{0,150})"
_PYTHON_LAST = re.compile(r"^(?:E\s+)?" + _KIND + r"(?:: (?P<message>.*))?$")
_OTHERS: tuple[re.Pattern[str], ...] = tuple(
    re.compile(pattern)
    for pattern in (
        r"^(?P<kind>panic): (?P<message>.*)$",
        r"^thread '.{0,300}' (?:\(\d+\) )?(?P<kind>panicked) at (?P<message>.*)$",
        r"^(?:Exception in thread .{0,200}? |Caused by: )(?P<kind>[\w.$]{1,200}): ?(?P<message>.*)$",
        r"^(?:Uncaught |\[?)(?P<kind>(?:[A-Z]\w{0,80})?(?:Error|Exception))(?: \[\w+\])?\]?: ?(?P<message>.*)$",
        r"^(?P<kind>(?:[a-z][\w]*\.)+[A-Z]\w*(?:Error|Exception|Failure)\w*):? ?(?P<message>.*)$",
        r"^(?P<kind>error)(?:\[E\d+\])?: (?P<message>.*)$",
        r"^.{1,400}?:\d+:(?:\d+:)? (?:fatal )?(?P<kind>error): (?P<message>.*)$",
        r"^.{1,400}?\(\d+,\d+\): (?P<kind>error) (?P<message>TS\d+: .*)$",
    )
)
_EXCEPTION = re.compile(
    r"(?:Error|Exception|Warning|Interrupt|Exit|Failed|Failure|Timeout|Iteration|Skipped|Abort\w*)$|^[A-Z]\w*$"
)


def crash_in(text: str, paths: Paths | None = None) -> Crash | None:
    """The exception that a text of one failure tells of: kind, message, frames; None where it tells of none.

    The last Python traceback decides; else the first panic, error or exception line of another language.
    """
    cleaned = clean(clip(text, MAX_TEXT), MAX_TEXT)
    lines = [line[:MAX_LINE] for line in cleaned.split("\n")]
    found = _python_crash(lines) or _pytest_crash(lines) or _other_crash(lines)
    frames = frames_in(cleaned, paths)
    if found is None and not frames:
        return None
    kind, message = found or ("", "")
    return Crash(
        kind=kind.rpartition(".")[2][:200], message=clip(message, MESSAGE), frames=frames, text=clip(cleaned, TEXT)
    )


def _python_crash(lines: list[str]) -> tuple[str, str] | None:
    starts = [i for i, line in enumerate(lines) if line.rstrip().endswith("Traceback (most recent call last):")]
    if not starts:
        return None
    margin = len(lines[starts[-1]]) - len(lines[starts[-1]].lstrip(" |+"))
    for number in range(starts[-1] + 1, len(lines)):
        line = lines[number][margin:] if lines[number][:margin].strip(" |+") == "" else lines[number]
        match = _PYTHON_LAST.match(line)
        if match and not line.startswith(" "):
            return match["kind"], "\n".join(((match["message"] or ""), *_rest(lines, number, margin))).strip()
    return None


def _rest(lines: list[str], number: int, margin: int) -> Iterator[str]:
    """Further lines of a message of several lines: up to an empty one or the start of something else."""
    for line in lines[number + 1 : number + 20]:
        if not line.strip() or re.match(
            r"^(?:Traceback|During handling|The above|[-=_]{5,}|\S+ (?:FAILED|PASSED|ERROR))", line
        ):
            return
        yield line[margin:]


def _pytest_crash(lines: list[str]) -> tuple[str, str] | None:
    """The last block of lines that pytest marks with E."""
    last = next((i for i in range(len(lines) - 1, -1, -1) if re.match(r"^E\s", lines[i])), None)
    if last is None:
        return None
    first = last
    while first and re.match(r"^E\s", lines[first - 1]):
        first -= 1
    block = [line[1:].strip() for line in lines[first : last + 1]]
    match = _PYTHON_LAST.match(block[0])
    if match and _EXCEPTION.search(match["kind"]):
        return match["kind"], "\n".join(((match["message"] or ""), *block[1:])).strip()
    return "AssertionError" if block[0].startswith("assert") else "", "\n".join(block)


def _other_crash(lines: list[str]) -> tuple[str, str] | None:
    for pattern in _OTHERS:
        for number, line in enumerate(lines):
            match = pattern.match(line.strip())
            if match is None:
                continue
            message = match["message"].strip()
            if match["kind"] == "panicked" and re.search(r":\d+:\d+:$", message) and number + 1 < len(lines):
                details = itertools.takewhile(lambda text: text.startswith(" "), lines[number + 2 : number + 6])
                message = "\n".join((lines[number + 1].strip(), *(text.strip() for text in details)))
            return ("panic" if match["kind"] == "panicked" else match["kind"]), message
    return None
