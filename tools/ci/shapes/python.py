"""pytest, unittest (and Django's runner, which prints like it), and any Python program that died."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tools.ci.shapes.shape import Shape, lines_with
from tools.logs import SUMMARY, UNITTEST, unittest_id

_PROGRESS = re.compile(
    r"^(?:\[gw\d+\] \[ *\d+%\] )?(?:(?:FAILED|ERROR) (\S+\.py::\S+)|(\S+\.py::.{1,500}?) (?:FAILED|ERROR)\b.*)$"
)
_UNLOADED = re.compile(r"^ERROR: [\w.]+ \(unittest\.loader\._FailedTest(?:\.[\w.]+)?\)")
_EXCEPTION = (
    r"(?:[A-Za-z_][\w.]{0,200}(?:Error|Exception|Exit|Interrupt|Warning|Failure|Timeout)|[a-z_]\w*(?:\.\w+){1,8})\b"
)


def _pytest(lines: Sequence[str]) -> Iterator[str]:
    named = [match["id"] for line in lines if (match := SUMMARY.match(line))]
    yield from named or [match[1] or match[2] for line in lines if (match := _PROGRESS.match(line))]


def _unittest(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if _UNLOADED.match(line):
            yield line.split(" ")[1].replace(".", "/") + ".py"
        elif match := UNITTEST.match(line):
            yield unittest_id(match["name"], match["where"])


PYTHON = (
    Shape(
        tool="pytest",
        kind="test",
        words=("failed", "error", "FAILED ", "ERROR ", "INTERNALERROR"),
        verdict=lines_with(
            r"^=* ?(?:\d+ \w+, ){0,8}?\d+ (?:failed|errors?)\b[^\n]* in [\d.]+s[^\n]*$",
            r"^(?:FAILED|ERROR) \S+?\.py(?:::| - |$)[^\n]*$",
            r"^!+ (?:Interrupted: |stopping after )[^\n]*!+$",
            r"^FAIL Required test coverage of [^\n]*$",
            r"^ERROR: Coverage failure: [^\n]*$",
            r"^INTERNALERROR> \w[^\n]*$",
            r"^(?:ERROR|\S*pytest\S*: error): (?:unrecognized arguments|file or directory not|not found: )[^\n]*$",
        ),
        start=lines_with(r"^=+ test session starts =+$"),
        errors=(
            lines_with(
                r'^(?:E +File "[^\n]*\n(?:E[^\n]*\n){1,4}?(?=E +(?:Syntax|Indentation|Tab)Error))?'
                r'E {2,}(?P<error>(?!File ")\S.*)$'
            ),
            lines_with(r"^(?:FAILED|ERROR) \S.*? - (?P<error>.*)$"),
            lines_with(r"^INTERNALERROR> (?P<error>\w[\w.]*(?:Error|Exception).*)$"),
            lines_with(r"^(?P<error>(?:FAIL Required test coverage|ERROR: ).*)$"),
        ),
        command=re.compile(r"\bpytest\b|\bpy\.test\b|\b(?:tox|nox|make|hatch|coverage run)\b"),
        tests=_pytest,
    ),
    Shape(
        tool="unittest",
        kind="test",
        words=("FAILED (",),
        verdict=lines_with(r"^FAILED \((?:failures|errors|unexpected successes|skipped|expected failures)=[^)\n]*\)$"),
        errors=(
            lines_with(
                r"^(?:ERROR|FAIL): [^\n]*\n(?:(?!={20}|ERROR: |FAIL: )[^\n]*\n){1,400}?"
                rf"(?P<error>(?!ImportError: Failed to import test module){_EXCEPTION}.*)$"
            ),
        ),
        command=re.compile(r"\bunittest\b|manage\.py test|\bsetup\.py test|\b(?:tox|nox|make|stestr)\b"),
        tests=_unittest,
    ),
    Shape(
        tool="python",
        kind="crash",
        words=("Traceback (most recent call last):",),
        verdict=lines_with(r"Traceback \(most recent call last\):$"),
        errors=(
            lines_with(
                r"Traceback \(most recent call last\):\n(?:[ \t|+][^\n]*\n|\n){1,300}?"
                r"(?P<error>[A-Za-z_][\w.]*(?:: .*)?)$"
            ),
        ),
        command=re.compile(r"\bpython[\d.]*\b|\.py\b"),
        rank=2,
    ),
    Shape(
        tool="python",
        kind="compile",
        words=("SyntaxError: ", "IndentationError: ", "TabError: "),
        verdict=lines_with(r"^(?:SyntaxError|IndentationError|TabError): [^\n]*$"),
        errors=(),
        command=re.compile(r"\bpython[\d.]*\b|\.py\b"),
        rank=3,
    ),
)
