"""Quality gates: linters, formatters and type checkers of Python, JavaScript and Go, and coverage thresholds."""

from __future__ import annotations

import re

from tools.ci.shapes.shape import Shape, lines_with

_SCRIPTS = r"\b(?:npm|pnpm|yarn|bun|npx|make|tox|nox|pre-commit|turbo|nx)\b"
_PLACE = r"\S+?\.pyi?:\d+(?::\d+)?: "

LINTERS = (
    Shape(
        tool="ruff",
        kind="lint",
        words=("Found ", "would be reformatted", "Would reformat"),
        verdict=lines_with(
            r"^Found \d+ errors?(?: \([^\n]*\))?\.$",
            r"^\d+ files? would be reformatted(?:, \d+ files? already formatted)?$",
        ),
        errors=(
            lines_with(
                r"^(?P<error>(?:[A-Z]{1,4}\d{3,4}|invalid-syntax:?|SyntaxError:)(?: \[\*\])? .*)\n[ \t]*--> ",
                r"^(?P<placed>\S+:\d+:\d+: (?:[A-Z]{1,4}\d{3,4}|SyntaxError:) .*)$",
            ),
            lines_with(r"^(?P<error>(?:Would reformat|unformatted): .*)$"),
        ),
        command=re.compile(rf"\bruff\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="black",
        kind="lint",
        words=("would be reformatted", "would be left unchanged"),
        verdict=lines_with(r"^\d+ files? would be reformatted(?:, \d+ files? would (?:be left|fail)[^\n]*)?\.$"),
        errors=(lines_with(r"^(?P<error>(?:would reformat|error: cannot format) .*)$"),),
        command=re.compile(rf"\bblack\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="isort",
        kind="lint",
        words=("Imports are incorrectly sorted",),
        verdict=lines_with(r"^ERROR: [^\n]* Imports are incorrectly sorted[^\n]*$"),
        errors=(),
        command=re.compile(rf"\bisort\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="pylint",
        kind="lint",
        words=("Your code has been rated",),
        verdict=lines_with(r"^Your code has been rated at [^\n]*$"),
        errors=(
            lines_with(rf"^(?P<error>{_PLACE}[EF]\d{{4}}: .*)$"),
            lines_with(rf"^(?P<error>{_PLACE}[CRW]\d{{4}}: .*)$"),
        ),
        command=re.compile(rf"\bpylint\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="flake8",
        kind="lint",
        words=(".py:",),
        verdict=lines_with(r"^\S+?\.pyi?:\d+:\d+: [A-Z]{1,3}\d{3,4} [^\n]*$"),
        errors=(),
        command=re.compile(rf"\bflake8\b|{_SCRIPTS}"),
        rank=1,
    ),
    Shape(
        tool="mypy",
        kind="types",
        words=(": error: ",),
        verdict=lines_with(r"^Found \d+ errors? in \d+ files?[^\n]*$", r"^mypy: [^\n]*$", rf"^{_PLACE}error: [^\n]*$"),
        errors=(lines_with(rf"^(?P<error>{_PLACE}error: .*)$"),),
        command=re.compile(rf"\b(?:d?mypy)\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="pyright",
        kind="types",
        words=(" - error: ",),
        verdict=lines_with(r"^[1-9]\d* errors?, \d+ warnings?, [^\n]*$"),
        errors=(lines_with(r"^[ \t]*(?P<error>\S+:\d+:\d+ - error: .*)$"),),
        command=re.compile(rf"\b(?:based)?pyright\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="tsc",
        kind="types",
        words=("error TS",),
        verdict=lines_with(r"^[^\n]*error TS\d+: [^\n]*$"),
        errors=(),
        command=re.compile(rf"\b(?:vue-)?tsc\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="eslint",
        kind="lint",
        words=("problem", "ESLint"),
        verdict=lines_with(
            r"^[ \t]*✖ \d+ problems? \([1-9]\d* errors?, [^\n]*$",
            r"^ESLint (?:found too many warnings|couldn't find)[^\n]*$",
            r"^[ \t]*✖ \d+ problems? \(0 errors, [^\n]*$",
        ),
        errors=(
            lines_with(r"^[ \t]+\d+:\d+\s+error\s+(?P<error>\S.*?)(?:\s{2,}[@\w/-]+)?$"),
            lines_with(r"^(?P<error>ESLint (?:found too many warnings|couldn't find).*)$"),
        ),
        command=re.compile(rf"\beslint\b|\bnext lint\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="prettier",
        kind="lint",
        words=("Code style issues",),
        verdict=lines_with(r"^\[?(?:warn|error)\]? Code style issues [^\n]*$"),
        errors=(lines_with(r"^\[(?:warn|error)\] (?!Code style)(?P<error>\S.*)$"),),
        command=re.compile(rf"\bprettier\b|{_SCRIPTS}"),
    ),
    Shape(
        tool="golangci-lint",
        kind="lint",
        words=(".go:",),
        verdict=lines_with(r"^\S+\.go:\d+(?::\d+)?: [^\n]* \([a-z]+\)$"),
        errors=(),
        command=re.compile(r"\bgolangci-lint\b|\bmake\b"),
        rank=1,
    ),
    Shape(
        tool="gofmt",
        kind="lint",
        words=("diff ",),
        verdict=lines_with(r"^diff (?:-u )?\S+\.go(?:\.orig)? \S+\.go$"),
        errors=(),
        command=re.compile(r"\bgofmt\b|\bgo fmt\b"),
        rank=2,
    ),
    Shape(
        tool="coverage",
        kind="lint",
        words=("Coverage failure",),
        verdict=lines_with(r"^Coverage failure: [^\n]*$"),
        errors=(),
        command=re.compile(r"\bcoverage\b"),
    ),
)
