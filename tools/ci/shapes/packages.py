"""Package managers that found no way, and builds of images."""

from __future__ import annotations

import re

from tools.ci.shapes.shape import Shape, lines_with

PACKAGES = (
    Shape(
        tool="pip",
        kind="dependencies",
        words=("ERROR: ", "error: "),
        verdict=lines_with(
            r"^[ \t]*ERROR: (?:Could not find a version|No matching distribution|Cannot install"
            r"|ResolutionImpossible|Could not install"
            r"|Could not open requirements|Failed building wheel|Failed to build|Package '"
            r"|Ignored the following|Invalid requirement"
            r"|THESE PACKAGES DO NOT MATCH|In --require-hashes|[^\n]* is not a supported wheel)[^\n]*$",
            r"^[ \t]*(?:error|note): (?:subprocess-exited-with-error|metadata-generation-failed"
            r"|This error originates)[^\n]*$",
        ),
        errors=(
            lines_with(
                r"^[ \t]*ERROR: (?P<error>(?!pip's dependency|Ignored the following|Failed (?:building|to build)).*)$"
            ),
            lines_with(
                r"^[ \t]+(?P<error>(?:fatal )?error: (?!subprocess-exited|command ').*|\w*(?:Error|Exception): .*)$"
            ),
            lines_with(r"^[ \t]*(?P<error>ERROR: .*|error: .*)$"),
        ),
        command=re.compile(r"\bpip[\d.]*\b|\bpip install\b|\b(?:tox|nox|poetry|pipenv|pip-sync|pip-compile)\b"),
    ),
    Shape(
        tool="uv",
        kind="dependencies",
        words=("No solution found", "× Failed to", "error: Failed to", "lockfile"),
        verdict=lines_with(
            r"^[ \t]*× (?:No solution found|Failed to)[^\n]*$",
            r"^error: (?:Failed to (?:fetch|parse|download|build|prepare)|The lockfile )[^\n]*$",
        ),
        errors=(
            lines_with(r"^[ \t]*× No solution found[^\n]*\n[ \t]*╰─▶ (?P<error>.*)$"),
            lines_with(r"^[ \t]*(?:× |error: )(?P<error>.*)$"),
        ),
        command=re.compile(r"\buv\b"),
    ),
    Shape(
        tool="poetry",
        kind="dependencies",
        words=("version solving failed", "poetry.lock"),
        verdict=lines_with(
            r"^[^\n]*version solving failed\.$", r"^pyproject\.toml changed significantly since poetry\.lock[^\n]*$"
        ),
        errors=(lines_with(r"^(?P<error>(?:Because|And because) .*)$"),),
        command=re.compile(r"\bpoetry\b"),
    ),
    Shape(
        tool="npm",
        kind="dependencies",
        words=("npm ERR! code ", "npm error code "),
        verdict=lines_with(r"^npm (?:ERR!|error) code (?!ELIFECYCLE|\d)[^\n]*$"),
        errors=(
            lines_with(
                r"^npm (?:ERR!|error) code [^\n]*\n(?:npm (?:ERR!|error) ?(?:(?:syscall|errno|path|type|dest"
                r"|\d+ verbose)[^\n]*)?\n){0,30}"
                r"npm (?:ERR!|error) (?P<error>\S.*)$"
            ),
        ),
        command=re.compile(r"\bnpm (?:ci|i|install|add|update|exec)\b|\bnpx\b"),
    ),
    Shape(
        tool="pnpm",
        kind="dependencies",
        words=("ERR_PNPM_",),
        verdict=lines_with(r"^[ \t]*(?:(?:ERROR|WARN)[ \t]+)?ERR_PNPM_(?!RECURSIVE)[A-Z_]+[^\n]*$"),
        errors=(lines_with(r"ERR_PNPM_[A-Z_]+[ \t\u00a0]+(?P<error>.*)$"),),
        command=re.compile(r"\bpnpm\b"),
    ),
    Shape(
        tool="yarn",
        kind="dependencies",
        words=("error ", "➤ YN"),
        verdict=lines_with(
            r"^error (?:Couldn't find|Received|An unexpected error|Your lockfile|[^\n]*The engine)[^\n]*$",
            r"^➤ YN(?:0001|0009|0016|0028|0035|0041|0080|0082)[^\n]*$",
        ),
        errors=(),
        command=re.compile(r"\byarn\b"),
    ),
    Shape(
        tool="bundler",
        kind="dependencies",
        words=("Could not find compatible versions", "Bundler could not find", "Could not find gem"),
        verdict=lines_with(r"^(?:Could not find (?:compatible versions|gem)|Bundler could not find)[^\n]*$"),
        errors=(),
        command=re.compile(r"\bbundle\b"),
    ),
    Shape(
        tool="apt",
        kind="dependencies",
        words=("E: ",),
        verdict=lines_with(r"^E: [A-Z][^\n]*$"),
        errors=(),
        command=re.compile(r"\bapt(?:-get)?\b"),
        rank=1,
    ),
    Shape(
        tool="docker",
        kind="build",
        words=("failed to solve", "failed to build", "returned a non-zero code", "ERROR: process "),
        verdict=lines_with(
            r"^(?:#\d+ )?(?:ERROR: (?:failed to (?:solve|build)|process )|error: failed to solve"
            r"|failed to solve: |The command '|ERROR: Service )[^\n]*$"
        ),
        errors=(
            lines_with(
                r"^\S+:\d+\n-{10,}\n(?:[^\n]*\n){1,20}?-{10,}\n(?P<error>(?:ERROR|error): failed to (?:solve|build).*)$"
            ),
            lines_with(r"^(?P<error>(?:ERROR: |error: )?failed to (?:solve|build).*|The command '.*)$"),
        ),
        command=re.compile(r"\b(?:docker|podman|buildah)\b.*\b(?:build|buildx|bake)\b"),
        rank=2,
    ),
    Shape(
        tool="npm",
        kind="build",
        words=("Missing script", "ELIFECYCLE", "Lifecycle script", "ERR_PNPM_RECURSIVE"),
        verdict=lines_with(
            r"^(?:npm (?:ERR!|error) (?:code ELIFECYCLE|Missing script|Lifecycle script)|[ \t]*ELIFECYCLE)[^\n]*$"
        ),
        errors=(lines_with(r"^npm (?:ERR!|error) (?P<error>Missing script.*|Lifecycle script.*)$"),),
        command=re.compile(r"\b(?:npm|pnpm|yarn)\b"),
        rank=3,
    ),
    Shape(
        tool="shell",
        kind="environment",
        words=("not found", "No such file or directory", "Permission denied", "cannot execute", "syntax error"),
        verdict=lines_with(
            r"^(?:\S{1,200}: (?:line )?\d+: |(?:ba|da|z)?sh: (?:\d+: )?)[^\n]*(?:not found"
            r"|No such file or directory|Permission denied"
            r"|cannot execute[^\n]*|syntax error[^\n]*)$"
        ),
        errors=(),
        rank=4,
    ),
)
