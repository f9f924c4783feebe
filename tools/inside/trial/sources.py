"""Files of the workspace as the host sees them: text, outermost functions, and candidates written to disk."""

import ast
import bisect
import hashlib
import os
import re
import tokenize
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

Edit = Tuple[str, int, int, str]  # file, start and end in characters of its text, replacement
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_FIRST_TIME = 1_000_000_000  # candidates on disk get times of their own, so that no stale bytecode matches them


class Mismatch(Exception):
    """The file here is not the one that the candidate was made for, or its edits do not fit."""


class Unit(NamedTuple):
    """An outermost function: inside no other function, possibly inside classes and conditional blocks.

    start, end: its lines in characters, decorators included; definition: where "def" stands; body: its first statement.
    header: the lines (of enclosing classes and blocks) that must precede it to compile alone.
    """

    name: str
    first_line: int
    start: int
    definition: int
    body: int
    end: int
    header: Tuple[str, ...]
    node: ast.AST


class Source:
    """One file: its path inside (`real`: without links), its text with newlines as they are, its units in order."""

    def __init__(self, path: str) -> None:
        self.path, self.real = path, os.path.realpath(path)
        with open(path, "rb") as file:
            self.data = file.read()
            file.seek(0)
            self.encoding = tokenize.detect_encoding(file.readline)[0]
        self.errors = "strict"
        self.text = self.data.decode(self.encoding)
        self.times = (os.stat(path).st_atime_ns, os.stat(path).st_mtime_ns)
        self._units: Optional[List[Unit]] = None

    def agree(self, digest: str) -> bool:
        """Whether the text has this SHA-256, in one of the ways to read the file.

        A host may count the byte order mark as a character, or read everything as UTF-8 with escapes; files read in
        that last way have no units: their candidates go through the disk.
        """
        if _digest(self.text) == digest:
            return True
        if self.encoding == "utf-8-sig" and _digest("\ufeff" + self.text) == digest:
            self.text, self.encoding = "\ufeff" + self.text, "utf-8"
            return True
        escaped = self.data.decode("utf-8", "surrogateescape")
        if _digest(escaped) != digest:
            return False
        self.text, self.encoding, self.errors, self._units = escaped, "utf-8", "surrogateescape", []
        return True

    @property
    def units(self) -> List[Unit]:
        """Outermost functions in order; none when the file does not parse."""
        if self._units is None:
            try:
                self._units = outline(self.text)
            except (SyntaxError, ValueError, RecursionError):
                self._units = []
            self._starts = [unit.start for unit in self._units]
        return self._units

    def unit_around(self, start: int, end: int) -> Optional[Unit]:
        """The outermost function that holds [start, end) without its decorators."""
        units = self.units
        at = bisect.bisect_right(self._starts, start) - 1
        for unit in reversed(units[max(0, at - 1) : at + 1]):
            if unit.definition <= start and end <= unit.end:
                return unit
        return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Sources:
    """The files that candidates may change, read once before anything ran."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace
        self.known: Dict[str, Source] = {}
        self._written = 0

    def get(self, file: str, digest: str) -> Source:
        """The file whose text has this SHA-256. Raises Mismatch."""
        if file not in self.known:
            try:
                self.known[file] = Source(os.path.join(self.workspace, file))
            except (OSError, SyntaxError, ValueError, LookupError) as error:
                raise Mismatch("%s: %s" % (file, error)) from error
        source = self.known[file]
        if not source.agree(digest):
            raise Mismatch("%s: the file inside the sandbox has another content" % file)
        return source

    def write(self, edits: Sequence[Edit]) -> None:
        """Put a candidate on disk. Raises OSError, Mismatch."""
        self._written += 1
        for file, own in by_file(edits).items():
            source = self.known[file]
            stamp = (_FIRST_TIME + self._written) * 1_000_000_000
            _replace(source.path, applied(source.text, own).encode(source.encoding, source.errors), (stamp, stamp))

    def restore(self, edits: Sequence[Edit]) -> None:
        """Put the original files of a candidate back with their times. Raises OSError."""
        for file in by_file(edits):
            source = self.known[file]
            _replace(source.path, source.data, source.times)


def _replace(path: str, data: bytes, times: Tuple[int, int]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    if os.path.islink(path) or not os.path.isfile(path):
        _clear(path)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    os.utime(path, ns=times)


def _clear(path: str) -> None:
    if os.path.lexists(path):
        os.rename(path, "%s.%d.gone" % (path, os.getpid()))


def by_file(edits: Sequence[Edit]) -> Dict[str, List[Edit]]:
    """Edits of each file, first position first."""
    files: Dict[str, List[Edit]] = {}
    for edit in sorted(edits, key=lambda edit: (edit[0], edit[1], edit[2])):
        files.setdefault(edit[0], []).append(edit)
    return files


def covered(edits: Sequence[Edit], sources: Dict[str, Source]) -> None:
    """Raises Mismatch for edits of files that were not loaded, that do not fit, or that the encoding does not hold."""
    for file, own in by_file(edits).items():
        if file not in sources:
            raise Mismatch("%s: not loaded" % file)
        source = sources[file]
        applied(source.text, own)
        try:
            "".join(edit[3] for edit in own).encode(source.encoding, source.errors)
        except UnicodeError as error:
            raise Mismatch("%s: %s" % (file, error)) from error


def applied(text: str, edits: Sequence[Edit], offset: int = 0) -> str:
    """`text` (from `offset` of its file) with sorted edits of that file. Raises Mismatch where they overlap."""
    parts, position = [], offset
    for _, start, end, replacement in edits:
        if not position <= start <= end <= offset + len(text):
            raise Mismatch("edits overlap or lie outside the file")
        parts += [text[position - offset : start - offset], replacement]
        position = end
    return "".join([*parts, text[position - offset :]])


def outline(text: str) -> List[Unit]:
    """The outermost functions of a file, in order. Raises SyntaxError, ValueError."""
    lines = _LINE.findall(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    return sorted(_units(ast.parse(text.lstrip("\ufeff")).body, (), _Positions(text, lines, starts)), key=_start)


def _start(unit: Unit) -> int:
    return unit.start


class _Positions(NamedTuple):
    text: str
    lines: List[str]
    starts: List[int]

    def of(self, line: int, column: int) -> int:
        """Characters before (line from 1, column in UTF-8 bytes)."""
        text = self.lines[line - 1]
        mark = 1 if line == 1 and text.startswith("\ufeff") else 0
        text = text[mark:]
        inside = column if text.isascii() else len(text.encode()[:column].decode("utf-8", "ignore"))
        return self.starts[line - 1] + mark + inside

    def indent(self, line: int) -> str:
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip(" \t\f"))]


def _units(body: List[ast.stmt], header: Tuple[str, ...], at: _Positions) -> Iterator[Unit]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield _unit(node, header, at)
        elif isinstance(node, ast.ClassDef):
            if not getattr(node, "type_params", None):  # their cells cannot be made again by a plain class line
                yield from _units(node.body, (*header, "%sclass %s:" % (at.indent(node.lineno), node.name)), at)
        else:
            for block in _blocks(node):
                yield from _units(block, (*header, "%sif 1:" % at.indent(node.lineno)), at)


def _blocks(node: ast.AST) -> Iterator[List[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list):
            yield block
    for part in [*getattr(node, "handlers", ()), *getattr(node, "cases", ())]:
        yield part.body


def _unit(node: ast.AST, header: Tuple[str, ...], at: _Positions) -> Unit:
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))  # noqa: S101
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    last = node.end_lineno or node.lineno
    body = node.body[0]
    return Unit(
        name=node.name,
        first_line=first,
        start=at.starts[first - 1],
        definition=at.of(node.lineno, node.col_offset),
        body=at.of(body.lineno, body.col_offset),
        end=at.starts[last],
        header=header,
        node=node,
    )
