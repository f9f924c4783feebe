"""jest, vitest, mocha, node's own runner, Playwright, and JavaScript programs and bundlers that died."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from tools.ci.shapes.shape import Shape, ids_by, lines_with
from tools.testing.parse_javascript import SEPARATOR
from tools.testing.paths import Paths

_SCRIPTS = r"\b(?:npm|pnpm|yarn|bun|npx|make|turbo|nx|lerna)\b"
_FILE = re.compile(r"^[ \t]*FAIL\s+(?:\S+ )?(\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?$")
_BULLET = re.compile(r"^[ \t]*● (.{1,1000})$")
_VITEST = re.compile(r"^[ \t]*FAIL\s+(?:\|?[\w@/.-]+\|? )?(\S+\.[cm]?[jt]sx?(?: > .{1,1000}?)?)(?: \[ .* \])?$")
_NUMBERED = re.compile(r"^[ \t]+\d+\) (.+)$")
_SPOT = re.compile(r"\(?((?:file://)?[^\s():]{1,400}\.[cm]?[jt]sx?):\d+:\d+\)?$")
_SUBTEST = re.compile(r"^( *)# Subtest: (.{1,500})$")
_NOT_OK = re.compile(r"^( *)not ok \d+ - (.{1,500}?)(?: # .*)?$")
_LOCATION = re.compile(r"^ *location: '(.{1,500}?):\d+:\d+'$")
_SPEC = re.compile(r"^test at (\S{1,400}?):\d+:\d+$")
_TREE = re.compile(r"^( *)([▶✖]) (.{1,500})$")
_TIME = re.compile(r" \([\d.]+m?s\)$")
_BROWSER = re.compile(r"^[ \t]{2,6}\d+\) (?:\[[\w -]+\] › )?(\S+\.[cm]?[jt]sx?):\d+:\d+ › (.+?)(?: ─*)?$")
_OTHER_BULLETS = ("Console", "Deprecation Warning", "Validation Error", "Test suite failed to run")


def _jest(lines: Sequence[str]) -> Iterator[str]:
    file = ""
    for line in lines:
        if match := _FILE.match(line):
            file = match[1]
        elif match := _BULLET.match(line):
            name = match[1].strip()
            if name == "Test suite failed to run" and file:
                yield file
            elif not name.startswith(_OTHER_BULLETS):
                yield SEPARATOR.join(part for part in (file, *name.split(" › ")) if part)


def _mocha(lines: Sequence[str]) -> Iterator[str]:
    """The list below "N failing": titles over several lines up to a colon, then a stack that tells the file."""
    start = next((i for i, line in enumerate(lines) if re.match(r"^[ \t]+\d+ failing$", line)), len(lines))
    entries = [i for i in range(start, len(lines)) if _NUMBERED.match(lines[i])]
    for entry, following in itertools.pairwise([*entries, len(lines)]):
        title = [lines[entry].split(") ", 1)[1].strip()]
        row = entry
        while not title[-1].endswith(":") and row + 1 < following and len(title) < 12:
            row += 1
            title.append(lines[row].strip())
        yield SEPARATOR.join(part for part in (_spot(lines[row:following]), " ".join(title).rstrip(":")) if part)


def _spot(block: Sequence[str]) -> str:
    """The file of the outermost frame that is the project's: that of the test."""
    files = [match[1] for line in block if line.lstrip().startswith("at ") and (match := _SPOT.search(line))]
    inside = [place for file in files for place, is_inside in (Paths().place(file),) if is_inside]
    return inside[-1] if inside else ""


def _node(lines: Sequence[str]) -> Iterator[str]:
    names: dict[int, str] = {}
    above = _suites(lines)
    for number, line in enumerate(lines):
        if match := _SUBTEST.match(line):
            names = {depth: name for depth, name in names.items() if depth < len(match[1])} | {len(match[1]): match[2]}
        elif match := _NOT_OK.match(line):
            details = lines[number + 1 : number + 8]
            if any("subtestsFailed" in detail for detail in details):
                continue
            place = next((found[1] for detail in details if (found := _LOCATION.match(detail))), "")
            outer = [name for depth, name in sorted(names.items()) if depth < len(match[1])]
            yield _node_id(place, [*outer, match[2]])
        elif (match := _SPEC.match(line)) and number + 1 < len(lines):
            name = _TIME.sub("", lines[number + 1].strip().removeprefix("✖ "))
            yield _node_id(match[1], [*above.get(name, ()), name])


def _suites(lines: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The suites around each failed test of the spec reporter's tree."""
    names: dict[int, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        match = _TREE.match(line)
        if match is None:
            continue
        depth, name = len(match[1]), _TIME.sub("", match[3])
        names = {row: outer for row, outer in names.items() if row < depth}
        if match[2] == "▶":
            names[depth] = name
        else:
            found.setdefault(name, tuple(names.values()))
    return found


def _node_id(place: str, names: list[str]) -> str:
    file = Paths().place(place)[0] if place else ""
    return SEPARATOR.join(part for part in (file, *(name for name in names if name != place)) if part)


def _playwright(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if match := _BROWSER.match(line):
            yield SEPARATOR.join((match[1], *match[2].rstrip(" ─").split(" › ")))


JAVASCRIPT = (
    Shape(
        tool="jest",
        kind="test",
        words=("Tests:", "Test Suites:", "Jest: "),
        verdict=lines_with(
            r"^(?:Tests|Test Suites): +(?:\d+ \w+, )*?\d+ failed[^\n]*$", r"^Jest: [^\n]*threshold[^\n]*$"
        ),
        errors=(
            lines_with(r"^[ \t]*● (?!Console$|Deprecation|Validation)[^\n]+\n[ \t]*\n[ \t]*(?P<error>\S.*)$"),
            lines_with(r"^(?P<error>Jest: .*threshold.*)$"),
        ),
        command=re.compile(rf"\bjest\b|react-scripts test|{_SCRIPTS}"),
        tests=_jest,
    ),
    Shape(
        tool="vitest",
        kind="test",
        words=("Tests  ", "Test Files  "),
        verdict=lines_with(r"^[ \t]*(?:Tests|Test Files) +\d+ failed[^\n]*$"),
        errors=(lines_with(r"^[ \t]*FAIL +\S[^\n]*\n(?!\s*FAIL )(?P<error>\S.*)$"),),
        command=re.compile(rf"\bvitest\b|{_SCRIPTS}"),
        tests=ids_by(_VITEST),
    ),
    Shape(
        tool="mocha",
        kind="test",
        words=(" failing",),
        verdict=lines_with(r"^[ \t]+\d+ failing$"),
        errors=(
            lines_with(
                r"^[ \t]+\d+ failing\n(?:[ \t]*\n)?[ \t]+1\) [^\n]*?(?:\n +[^\n]*?){0,8}?:\n"
                r"(?:[ \t]*\n){0,3}[ \t]*(?P<error>\S.*)$"
            ),
        ),
        command=re.compile(rf"\bmocha\b|{_SCRIPTS}"),
        tests=_mocha,
    ),
    Shape(
        tool="node",
        kind="test",
        words=("# fail ", "ℹ fail "),
        verdict=lines_with(r"^(?:#|ℹ) fail [1-9]\d*$"),
        errors=(
            lines_with(
                r"^[ \t]*error: (?:\|-\n[ \t]+|['\"](?!\d+ subtests? failed))(?P<error>\S.*?)['\"]?$",
            ),
            lines_with(r"^✖ failing tests:\n[ \t]*\ntest at [^\n]*\n✖ [^\n]*\n[ \t]+(?P<error>\S.*)$"),
        ),
        command=re.compile(rf"\bnode\b.*--test|{_SCRIPTS}"),
        tests=_node,
    ),
    Shape(
        tool="playwright",
        kind="test",
        words=(" failed\n",),
        verdict=lines_with(r"^ {2}\d+ failed$"),
        errors=(lines_with(r"^[ \t]{2,6}1\) [^\n]* › [^\n]*\n[ \t]*\n[ \t]+(?P<error>\S.*)$"),),
        command=re.compile(rf"\bplaywright\b|{_SCRIPTS}"),
        tests=_playwright,
    ),
    Shape(
        tool="bundler",
        kind="build",
        words=("ERROR in ", "error during build", "Failed to compile", "Can't resolve", "Build failed with"),
        verdict=lines_with(
            r"^(?:\[!\] |x )?(?:ERROR in |error during build:|Failed to compile"
            r"|[^\n]*Build failed with \d+ error)[^\n]*$",
            r"^[^\n]*Module not found: [^\n]*$",
        ),
        errors=(
            lines_with(r"^[^\n]*?(?P<error>Module not found: .*)$"),
            lines_with(r"^(?:error during build:|Failed to compile\.?)\n[ \t]*(?P<error>\S.*)$"),
            lines_with(r"^(?:✘ \[ERROR\]|ERROR in) (?P<error>.*)$"),
        ),
        command=re.compile(rf"\b(?:webpack|vite|rollup|esbuild|next|parcel)\b|{_SCRIPTS}"),
        rank=1,
    ),
    Shape(
        tool="node",
        kind="crash",
        words=("Node.js v", "    at "),
        verdict=lines_with(r"^Node\.js v\d[^\n]*$"),
        errors=(lines_with(r"^(?:\[?)(?P<error>(?:Uncaught )?[\w.]*(?:Error|Exception)(?: \[\w+\])?: .*)$"),),
        command=re.compile(rf"\bnode\b|\.[cm]?js\b|{_SCRIPTS}"),
        rank=2,
    ),
)
