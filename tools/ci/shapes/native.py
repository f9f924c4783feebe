"""Go, Rust, C and C++: their compilers, linkers and test runners, and make and CMake, which run them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tools.ci.shapes.shape import Shape, ids_by, lines_with

_GO_FAILED = re.compile(r"^[ \t]*--- FAIL: (\S{1,1000}) \(")
_GO_PACKAGE = re.compile(r"^FAIL\t(\S{1,1000})\t")
_RUST = re.compile(r"^test (.{1,500}?)(?: - should panic)? \.\.\. FAILED$")
_NEXTEST = re.compile(r"^[ \t]+(?:FAIL|SIGABRT|TIMEOUT) \[\s*[\d.]+s\] (?:\(.*?\) )?(\S+) (\S+)$")
_CTEST = re.compile(
    r"^[ \t]+\d+ - (\S{1,500}) \((?:Failed|Timeout|SEGFAULT|ILLEGAL|OTHER_FAULT|Subprocess aborted|Not Run"
    r"|Child aborted)\b.*\)$"
)
_GTEST = re.compile(r"^\[ {2}FAILED {2}\] ([\w/]+\.[\w/]+)(?:, where .*)?(?: \(\d+ ms\))?$")
_C_FILE = r"[^\s:][^\n:]{0,400}?\.(?:c|cc|cpp|cxx|c\+\+|h|hh|hpp|hxx|m|mm|cu|ipp|S|f90|inl)"
_MAKES = r"\b(?:make|ninja|cmake|meson|bazel|scons|gcc|g\+\+|clang(?:\+\+)?|cc|docker)\b"


def _go(lines: Sequence[str]) -> Iterator[str]:
    """Leaves of the failed tests, each behind its package's path, which comes below them."""
    waiting: list[str] = []
    for line in lines:
        if match := _GO_FAILED.match(line):
            waiting.append(match[1])
        elif match := _GO_PACKAGE.match(line):
            yield from (f"{match[1]}/{name}" for name in _leaves(waiting))
            waiting = []
    yield from _leaves(waiting)


def _leaves(names: Sequence[str]) -> list[str]:
    parents = {
        "/".join(parts[:depth]) for name in names for parts in [name.split("/")] for depth in range(1, len(parts))
    }
    return [name for name in names if name not in parents]


GO = (
    Shape(
        tool="go",
        kind="test",
        words=("FAIL",),
        verdict=lines_with(r"^FAIL\t\S+\t[\d.]+s[^\n]*$", r"^[ \t]*--- FAIL: \S+ \([\d.]+s\)$"),
        errors=(
            lines_with(r"^[ \t]+Error Trace:[^\n]*\n(?:[^\n]*\n){0,8}?\s+Error:\s+(?P<error>\S.*)$"),
            lines_with(
                r"^[ \t]*--- FAIL: [^\n]*\n(?:[ \t]*--- FAIL: [^\n]*\n|=== [^\n]*\n){0,30}"
                r"[ \t]*(?P<error>(?:\S+\.go:\d+: |panic: ).*)$",
                r"^[ \t]+(?P<early>\S+\.go:\d+: .*)\n(?:[ \t]*--- PASS: [^\n]*\n|=== [^\n]*\n){0,30}[ \t]*--- FAIL: ",
            ),
            lines_with(r"^(?P<error>panic: .*)$"),
        ),
        command=re.compile(r"\bgo test\b|\b(?:gotestsum|make|task|mage)\b"),
        tests=_go,
    ),
    Shape(
        tool="go",
        kind="compile",
        words=(".go:",),
        verdict=lines_with(
            r"^FAIL\t\S+ \[(?:build|setup) failed\]$", r"^# \S+[^\n]*\n(?:vet: )?[\w./@+-]+\.go:\d+(?::\d+)?: [^\n]+$"
        ),
        errors=(lines_with(r"^(?:vet: )?(?P<error>(?:\.\.?/)?[\w./@+-]+\.go:\d+(?::\d+)?: .+)$"),),
        command=re.compile(r"\bgo (?:build|install|run|vet|test|generate)\b|\bmake\b"),
    ),
    Shape(
        tool="go",
        kind="dependencies",
        words=("go: ", "no required module", "go.sum"),
        verdict=lines_with(
            r"^go: [^\n]*(?:invalid version|unknown revision|missing go\.sum|not found|unrecognized import"
            r"|errors parsing"
            r"|updates to go\.|requires go |checksum mismatch|module declares its path|reading )[^\n]*$",
            r"^[^\n]*(?:no required module provides package|missing go\.sum entry|cannot find module providing)[^\n]*$",
        ),
        errors=(),
        command=re.compile(r"\bgo (?:mod|get|build|install|test|vet|list|work)\b"),
    ),
)
RUST = (
    Shape(
        tool="cargo",
        kind="test",
        words=("test result: FAILED", "error: test failed", "Summary ["),
        verdict=lines_with(
            r"^test result: FAILED\.[^\n]*$",
            r"^error: (?:\d+ targets? failed|test failed, to rerun pass)[^\n]*$",
            r"^[ \t]+Summary \[[^\n]*\b[1-9]\d* failed\b[^\n]*$",
        ),
        errors=(
            lines_with(r"^[ \t]*thread '[^\n]{0,300}' (?:\(\d+\) )?panicked at [^\n']{1,400}:\n[ \t]*(?P<error>\S.*)$"),
            lines_with(r"^thread '[^\n]{0,300}' panicked at '?(?P<error>.*)$"),
            lines_with(r"^(?P<error>Error: .*)$"),
        ),
        command=re.compile(r"\bcargo (?:\+\S+ )?(?:test|nextest|llvm-cov|tarpaulin)\b|\b(?:make|just|cross)\b"),
        tests=ids_by(_RUST, _NEXTEST),
    ),
    Shape(
        tool="clippy",
        kind="lint",
        words=("clippy::",),
        verdict=lines_with(r"^error: could not compile [^\n]*$"),
        errors=(lines_with(r"^error(?:\[E\d+\])?: (?!could not compile|aborting)(?P<error>.*)$"),),
        command=re.compile(r"\bcargo (?:\+\S+ )?clippy\b"),
        rank=-1,
    ),
    Shape(
        tool="rustc",
        kind="compile",
        words=("error: could not compile", "error[E", "error: aborting due", "error: failed to run custom build"),
        verdict=lines_with(
            r"^error: could not compile [^\n]*$",
            r"^error\[E\d+\]: [^\n]*$",
            r"^error: aborting due [^\n]*$",
            r"^error: failed to run custom build command [^\n]*$",
        ),
        errors=(
            lines_with(
                r"^(?P<error>error(?:\[E\d+\])?: (?!could not compile|aborting|test failed|failed to run custom).*)$"
            ),
            lines_with(r"^(?P<error>error: failed to run custom build command .*)$"),
        ),
        command=re.compile(r"\bcargo\b|\brustc\b|\b(?:make|maturin|cross|wasm-pack)\b"),
    ),
    Shape(
        tool="cargo",
        kind="dependencies",
        words=("error: ",),
        verdict=lines_with(
            r"^error: (?:failed to select a version|no matching package|failed to (?:get|load|parse|resolve"
            r"|download|fetch)\b"
            r"|the lock file |cannot update the lock file|package `|rustc [\d.]+ is not supported)[^\n]*$"
        ),
        errors=(),
        command=re.compile(r"\bcargo\b"),
    ),
    Shape(
        tool="rustfmt",
        kind="lint",
        words=("Diff in ",),
        verdict=lines_with(r"^Diff in [^\n]*$"),
        errors=(lines_with(r"^(?P<error>Diff in .*)$"),),
        command=re.compile(r"\bcargo fmt\b|\brustfmt\b"),
    ),
)
C = (
    Shape(
        tool="clang",
        kind="compile",
        words=("generated.",),
        verdict=lines_with(r"^\d+ (?:warnings? and \d+ )?errors? generated\.$"),
        errors=(lines_with(rf"^(?P<error>{_C_FILE}:\d+:(?:\d+:)? (?:fatal )?error: .*)$"),),
        command=re.compile(_MAKES),
        rank=-1,
    ),
    Shape(
        tool="gcc",
        kind="compile",
        words=("error: ",),
        verdict=lines_with(
            rf"^{_C_FILE}:\d+:(?:\d+:)? (?:fatal )?error: [^\n]*$", r"^(?:gcc|g\+\+|cc1\w*): (?:fatal )?error: [^\n]*$"
        ),
        errors=(),
        command=re.compile(_MAKES),
    ),
    Shape(
        tool="ld",
        kind="compile",
        words=("undefined reference", "ld returned", "Undefined symbols", "cannot find -l", "multiple definition"),
        verdict=lines_with(
            r"^[^\n]*(?:undefined reference to |cannot find -l|multiple definition of )[^\n]*$",
            r"^Undefined symbols for [^\n]*$",
            r"^collect2: error: ld returned [^\n]*$",
        ),
        errors=(
            lines_with(r"^(?P<error>.*(?:undefined reference to |cannot find -l|multiple definition of ).*)$"),
            lines_with(r'^Undefined symbols for [^\n]*\n[ \t]+(?P<error>".*)$'),
        ),
        command=re.compile(_MAKES),
    ),
    Shape(
        tool="ctest",
        kind="test",
        words=("tests passed, ",),
        verdict=lines_with(r"^\d+% tests passed, [1-9]\d* tests? failed out of \d+$"),
        errors=(
            lines_with(r"^[ \t]*(?:\d+: )?(?P<error>\S+:\d+: Failure)$"),
            lines_with(r"^[ \t]*(?:\d+: )?(?P<error>.*\b(?:Assertion .* failed|error:|FAILED|ERROR).*)$"),
            lines_with(r"^[ \t]*\d+/\d+ Test +#\d+: (?P<error>\S+ .*\*\*\*.*)$"),
        ),
        command=re.compile(r"\bctest\b|\b(?:make|ninja|cmake)\b"),
        tests=ids_by(_CTEST),
    ),
    Shape(
        tool="gtest",
        kind="test",
        words=("[  FAILED  ]",),
        verdict=lines_with(r"^\[ {2}FAILED {2}\] \d+ tests?, listed below:$"),
        errors=(lines_with(r"^(?P<error>\S+:\d+: Failure)$"),),
        command=re.compile(r"test|\b(?:make|ninja|bazel)\b"),
        tests=ids_by(_GTEST),
    ),
    Shape(
        tool="cmake",
        kind="build",
        words=("CMake Error",),
        verdict=lines_with(r"^CMake Error[^\n]*$"),
        errors=(
            lines_with(r"^CMake Error[^\n]*:\n[ \t]+(?P<error>\S.*)$"),
            lines_with(r"^(?P<error>CMake Error: .*)$"),
        ),
        command=re.compile(r"\bcmake\b|\bmake\b"),
        rank=1,
    ),
    Shape(
        tool="make",
        kind="build",
        words=("make: *** ", "]: *** ", "ninja: "),
        verdict=lines_with(r"^(?:g?make(?:\[\d+\])?: \*\*\* |ninja: (?:error|build stopped): )[^\n]*$"),
        errors=(),
        command=re.compile(r"\b(?:make|ninja)\b"),
        rank=3,
    ),
)
NATIVE = (*GO, *RUST, *C)
