"""A job's log cut into steps while it streams by, in constant memory.

GitHub Actions opens a step with a group "Run …" that has its script, shell and variables; GitLab, Jenkins and
terminals show commands behind `$` or `+`. Any program can print such lines: where an archive has a file per step, its
ends are exact; in one raw text a forged one can only cut a step in two, and how the job ended is read from its last
lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tools.ci.markers import annotations_in, ended
from tools.ci.plain import passable, plain, told
from tools.ci.values import Step, StepKind, System
from tools.ci.window import Window

BLOCK = 256 << 10
MAX_STEPS = 1_000
MAX_HEADER = 600  # lines
MAX_LINE_BYTES = 1 << 20
_PREFIX = re.compile(rb"(?:\xef\xbb\xbf)?(?:\d{4}-\d\d-\d\dT[\d:.]{8,20}Z )?\Z")
_HEADER = re.compile(rb"(?:\d{4}-\d\d-\d\dT[\d:.]{8,20}Z )?(?:\x1b\[36;1m|with:|shell: |env:|##\[endgroup\])")
_RUN = b"##[group]Run "
_POST = b"Post job cleanup."
_PROMPTS = {
    "gitlab": re.compile(
        rb"^(?:[\dT:.Z-]{20,30} \d\d[OE][+ ]?)?(?:\x1b\[[0-9;]{0,20}[mK]){0,4}\$ (?=\S)", re.MULTILINE
    ),
    "jenkins": re.compile(rb"^(?:\[[\dT:.Z-]{20,30}\] )?\+ (?=\S)", re.MULTILINE),
    "terminal": re.compile(rb"^(?:\S{1,60}[@:]\S{0,200})?(?:\$|>>>|\xe2\x9d\xaf) (?=[a-z./])", re.MULTILINE),
}
_VARIABLE = re.compile(r"^\s{1,8}([A-Za-z_]\w{0,100}):(?: |$)")


@dataclass
class Opened:
    """A step while it is read. header: its lines until the group closes, None when that is over."""

    kind: StepKind
    name: str
    window: Window
    header: list[str] | None = None
    script: list[str] = field(default_factory=list)
    shell: str = ""
    environment: list[str] = field(default_factory=list)

    def take_header(self, line: str) -> None:
        """One line of the header: script, shell, `env:` with names; `with:` and its inputs make it an action."""
        if self.header is None:
            return
        text = plain(line.encode("utf-8", "surrogateescape"))
        if text.startswith("##[endgroup]") or len(self.header) > MAX_HEADER:
            self.header = None
            return
        in_environment = "env:" in self.header
        self.header.append(text.strip() if text.strip() in ("env:", "with:") else text)
        if "\x1b[36;1m" in line:
            self.script.append(text)
        elif text.startswith("shell: "):
            self.shell = passable(text[7:], 200)
        elif text.startswith("with:"):
            self.kind = "action"
        elif in_environment and (match := _VARIABLE.match(text)):
            self.environment.append(match[1])


Done = Callable[[Step, Window], None]


class Splitter:
    """Takes blocks of whole lines; hands every finished step with its window to `done`.

    single: the text is one step's own file, so that nothing in it can open another.
    """

    def __init__(self, system: System, done: Done, *, single: str = "", source: str = "", number: int = 1) -> None:
        self._system = system
        self._done = done
        self._single = bool(single)
        self._source = source
        self._count = number - 1
        self._line = 1
        self._opened = Opened(_kind_of(single), single or "Set up job", Window())
        self._first = True

    @property
    def lines(self) -> int:
        """How many lines have been read."""
        return self._line - 1

    def feed(self, block: bytes) -> None:
        """Take whole lines."""
        position = 0
        while position < len(block):
            if self._opened.header is not None:
                position = self._header_line(block, position)
                continue
            start = self._boundary(block, position)
            end = len(block) if start < 0 else start
            self._output(block[position:end])
            position = end if start < 0 else self._open(block, start)

    def close(self) -> None:
        """The log is at its end."""
        step, window = self._finished()
        self._done(step, window)

    def _output(self, block: bytes) -> None:
        self._opened.window.add(block)
        self._line += block.count(b"\n")

    def _header_line(self, block: bytes, position: int) -> int:
        end = block.find(b"\n", position) + 1 or len(block)
        self._opened.take_header(block[position:end][:8_192].decode("utf-8", "replace"))
        self._output(block[position:end])
        return end

    def _boundary(self, block: bytes, position: int) -> int:
        """Where the next line that opens a step begins; -1 for nowhere in this block."""
        if self._count >= MAX_STEPS or (self._single and not self._first):
            return -1
        if self._system != "actions":
            match = None if self._single else _PROMPTS[self._system].search(block, position)
            return match.start() if match else -1
        places = [_at_line_start(block, _POST, position), _at_line_start(block, _RUN, position)]
        while places[1] >= 0 and not _heads_step(block, places[1]):
            places[1] = _at_line_start(block, _RUN, block.find(b"\n", places[1]) + 1)
        return min((place for place in places if place >= 0), default=-1)

    def _open(self, block: bytes, start: int) -> int:
        end = block.find(b"\n", start) + 1 or len(block)
        line = plain(block[start:end][:8_192]).strip()
        if self._first and self._single:
            self._opened.header, self._first = [], False
        else:
            if not (self._count == 0 and self._first and self._opened.window.lines == 0):
                self._done(*self._finished())
            self._opened = self._step(line)
        self._first = False
        self._output(block[start:end])
        return end

    def _step(self, line: str) -> Opened:
        window = Window(self._line)
        if self._system != "actions":
            command = re.sub(r"^\S{0,260}?(?:[$+❯]|>>>) ", "", line)
            return Opened("run", passable(command, 200), window, script=[command])
        if line.startswith("Post job"):
            return Opened("post", "Post job cleanup", window)
        name = line.removeprefix("##[group]Run ")
        return Opened("run", passable(name, 200), window, header=[])

    def _finished(self) -> tuple[Step, Window]:
        opened, self._count = self._opened, self._count + 1
        exit_code, failed = ended(opened.window.end(), self._system)
        script = "\n".join(opened.script).strip()
        uses = opened.kind == "action" or (opened.kind == "run" and not script and self._system == "actions")
        step = Step(
            number=self._count,
            name=told(opened.name, 200),
            kind="action" if uses and opened.kind == "run" else opened.kind,
            command=told(script or (f"uses {opened.name.removeprefix('Run ')}" if uses else ""), 4_000),
            shell=opened.shell,
            environment=tuple(dict.fromkeys(opened.environment))[:200],
            exit_code=exit_code,
            failed=failed,
            first_line=opened.window.first_line,
            last_line=max(opened.window.first_line, self._line - 1),
            annotations=annotations_in(opened.window) if opened.kind != "set-up" else (),
            source=self._source,
        )
        return step, opened.window


def _kind_of(name: str) -> StepKind:
    """Of a step's own file, by its name: "Set up job", "Post Run actions/checkout@v4", "Complete job", or a step's."""
    if name in ("", "Set up job", "Initialize containers"):
        return "set-up"
    return "post" if name.startswith("Post ") or name in ("Complete job", "Stop containers") else "run"


def _heads_step(block: bytes, start: int) -> bool:
    """Whether a group "Run …" goes on as the runner's own do: script, inputs, shell or variables, or nothing in it."""
    line = block.find(b"\n", start) + 1
    if not 0 < line < len(block):
        return True
    return bool(_HEADER.match(block, line))


def _at_line_start(block: bytes, mark: bytes, position: int) -> int:
    """Where the first line from `position` begins that has `mark` behind nothing but a time stamp; -1 for none."""
    place = block.find(mark, position)
    while place >= 0:
        start = block.rfind(b"\n", 0, place) + 1
        if start >= position and place - start < 48 and _PREFIX.match(block[start:place]):
            return start
        place = block.find(mark, place + 1)
    return -1


def whole_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in large blocks that end with lines; a line over 1 MB is cut into several.

    A line that may open a step is in one block with the line below it, which decides that.
    """
    held: list[bytes] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size < BLOCK:
            continue
        data = b"".join(held)
        cut = data.rfind(b"\n") + 1
        last = data.rfind(b"\n", 0, max(0, cut - 1)) + 1
        cut = last if _RUN in data[last:cut] else cut
        if not cut and size > MAX_LINE_BYTES:
            data += b"\n"
            cut = len(data)
        if cut:
            yield data[:cut]
        held = [data[cut:]]
        size = len(held[0])
    if size:
        yield b"".join((*held, b"" if held[-1:] == [b""] or held[-1].endswith(b"\n") else b"\n"))


def system_of(start: bytes) -> System:
    """Which CI system wrote a log that begins so; "terminal" where nothing tells."""
    if b"##[" in start or re.match(rb"(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT[\d:.]{8,20}Z (?!\d\d[OE])", start):
        return "actions"
    if b"gitlab-runner" in start or re.search(rb"section_start:\d|^\S{20,30}Z \d\d[OE][+ ]?", start):
        return "gitlab"
    if b"[Pipeline] " in start or re.search(
        rb"^(?:\[[\dT:.Z-]{20,30}\] )?Started by |^Building in workspace", start, re.MULTILINE
    ):
        return "jenkins"
    return "terminal"
