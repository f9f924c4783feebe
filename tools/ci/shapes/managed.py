"""Maven, Gradle, dotnet, and the test runners of Ruby and PHP."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tools.ci.shapes.shape import Shape, ids_by, lines_with

_SUREFIRE = re.compile(
    r"^(?:\[ERROR\] )?(?:(?P<old>\w[\w ]{0,200})(?:\[.*\]|\(.*?\))?\((?P<class>[\w.$]+)\)"
    r"|(?P<test>[\w.$]+\.\w+)(?:\(.*?\))?(?:\[.*\])?) +(?:-- )?"
    r"Time elapsed: [\d.,]+ s(?:ec)? +<<< (?:FAILURE|ERROR)!$"
)
_SUREFIRE_RESULT = re.compile(r"^\[ERROR\] {3}(?P<test>\w+\.\w+):\d+.*$")
_GRADLE = re.compile(r"^(?!> Task)(\S.{0,300}?) > (.{1,400}?)(?:\(\))? (?:FAILED|STANDARD_ERROR)$")
_DOTNET = re.compile(r"^(?:[ \t]+Failed (\S.{0,500}?) \[[^\]]*\]|\[xUnit\.net [\d:.]+\]\s+(\S.{0,500}?) \[FAIL\])$")
_RSPEC = re.compile(r"^rspec (?:(\./\S+:\d+)|'(.*?)')")
_PHPUNIT = re.compile(r"^\d+\) ([\w\\]+::\w+)")
_MAVEN_RUNS, _GRADLE_RUNS = r"\b(?:mvnw?|maven)\b", r"\b(?:gradlew?|gradle)\b"


def _surefire(lines: Sequence[str]) -> Iterator[str]:
    full = [match for line in lines if (match := _SUREFIRE.match(line))]
    yield from (match["test"] or f"{match['class']}.{match['old']}" for match in full)
    if not full:
        yield from (match["test"] for line in lines if (match := _SUREFIRE_RESULT.match(line)))


def _gradle(lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        match = _GRADLE.match(line)
        if match and line.endswith(" FAILED"):
            yield ".".join(part.removesuffix("()") for part in (match[1], *match[2].split(" > ")))


MAVEN = (
    Shape(
        tool="surefire",
        kind="test",
        words=("Tests run:", "There are test failures"),
        verdict=lines_with(
            r"^(?:\[ERROR\] )?Tests run: \d+, (?:Failures: [1-9]\d*, Errors: \d+"
            r"|Failures: \d+, Errors: [1-9]\d*)[^\n]*$",
            r"^\[ERROR\] Failed to execute goal [^\n]*There (?:are|were) test failures[^\n]*$",
        ),
        errors=(
            lines_with(
                r"^(?!(?:\[ERROR\] )?Tests run:)[^\n]*<<< (?:FAILURE"
                r"|ERROR)![ \t]*\n(?:\[ERROR\] )?(?P<error>(?!\[(?:INFO|ERROR)\])\S.*)$"
            ),
            lines_with(r"^\[ERROR\] {3}(?P<error>\S.*)$"),
        ),
        command=re.compile(_MAVEN_RUNS),
        tests=_surefire,
    ),
    Shape(
        tool="javac",
        kind="compile",
        words=(".java:",),
        verdict=lines_with(r"^(?:\[ERROR\] )?\S+\.java:(?:\[\d+,\d+\] |\d+: error: )[^\n]*$"),
        errors=(),
        command=re.compile(rf"{_MAVEN_RUNS}|{_GRADLE_RUNS}|\bjavac\b"),
    ),
    Shape(
        tool="kotlinc",
        kind="compile",
        words=(".kt:", ".kts:"),
        verdict=lines_with(r"^(?:e: |\[ERROR\] )(?:file://)?\S+\.kts?:\S* [^\n]*$"),
        errors=(),
        command=re.compile(rf"{_MAVEN_RUNS}|{_GRADLE_RUNS}|\bkotlinc\b"),
    ),
    Shape(
        tool="scalac",
        kind="compile",
        words=(".scala:",),
        verdict=lines_with(r"^\[(?:ERROR|error)\] (?:\[E\d+\] )?\S+\.scala:\S* [^\n]*$"),
        errors=(),
        command=re.compile(rf"{_MAVEN_RUNS}|\bsbt\b|\bmill\b"),
    ),
    Shape(
        tool="maven",
        kind="dependencies",
        words=("Could not resolve dependencies", "Could not find artifact", "Non-resolvable", "Could not transfer"),
        verdict=lines_with(
            r"^\[(?:ERROR|FATAL)\] [^\n]*(?:Could not resolve dependencies|Could not find artifact"
            r"|Non-resolvable|Could not transfer)[^\n]*$"
        ),
        errors=(
            lines_with(r"^\[(?:ERROR|FATAL)\] (?P<error>.*(?:Could not (?:resolve|find|transfer)|Non-resolvable).*)$"),
        ),
        command=re.compile(_MAVEN_RUNS),
    ),
    Shape(
        tool="maven",
        kind="build",
        words=("BUILD FAILURE",),
        verdict=lines_with(r"^\[INFO\] BUILD FAILURE$"),
        errors=(
            lines_with(r"^\[ERROR\] (?P<error>Failed to execute goal .*)$"),
            lines_with(r"^\[ERROR\] (?P<error>\S.*)$"),
        ),
        command=re.compile(_MAVEN_RUNS),
        rank=2,
    ),
)
GRADLE = (
    Shape(
        tool="gradle",
        kind="test",
        words=("tests completed", "test completed", "There were failing tests"),
        verdict=lines_with(r"^\d+ tests? completed, [1-9]\d* failed[^\n]*$", r"^> There were failing tests[^\n]*$"),
        errors=(lines_with(r"^(?!> Task)\S[^\n]* > [^\n]* FAILED\n[ \t]+(?P<error>\S.*)$"),),
        command=re.compile(_GRADLE_RUNS),
        tests=_gradle,
    ),
    Shape(
        tool="gradle",
        kind="dependencies",
        words=("> Could not resolve ", "> Could not find ", "Could not GET"),
        verdict=lines_with(r"^[ \t]*> Could not (?:resolve (?!all task)|find |GET )[^\n]*$"),
        errors=(
            lines_with(r"^[ \t]*> (?P<error>Could not find .*)$"),
            lines_with(r"^[ \t]*> (?P<error>Could not .*)$"),
        ),
        command=re.compile(_GRADLE_RUNS),
    ),
    Shape(
        tool="gradle",
        kind="build",
        words=("* What went wrong:", "BUILD FAILED"),
        verdict=lines_with(r"^\* What went wrong:$", r"^BUILD FAILED in [^\n]*$"),
        errors=(lines_with(r"^\* What went wrong:\n(?P<error>\S.*)$"),),
        command=re.compile(_GRADLE_RUNS),
        rank=2,
    ),
)
DOTNET = (
    Shape(
        tool="dotnet",
        kind="test",
        words=("Failed!", "Test Run Failed.", "[FAIL]"),
        verdict=lines_with(r"^Failed! +- Failed: +\d+[^\n]*$", r"^Test Run Failed\.$"),
        errors=(lines_with(r"^[ \t]*Error Message:\n[ \t]*(?P<error>\S.*)$"),),
        command=re.compile(r"\bdotnet (?:test|vstest|run)\b"),
        tests=ids_by(_DOTNET),
    ),
    Shape(
        tool="dotnet",
        kind="dependencies",
        words=("error NU",),
        verdict=lines_with(r"^[^\n]*error NU\d{4}: [^\n]*$"),
        errors=(lines_with(r"^.*?(?P<error>error NU\d{4}: .*)$"),),
        command=re.compile(r"\bdotnet\b"),
    ),
    Shape(
        tool="dotnet",
        kind="compile",
        words=("error CS", "error FS", "error MSB", "error BC"),
        verdict=lines_with(r"^[^\n]*(?:\(\d+,\d+\))?: error (?:CS|FS|BC|MSB)\d+: [^\n]*$"),
        errors=(lines_with(r"^[ \t]*(?P<error>.*: error (?:CS|FS|BC|MSB)\d+: .*)$"),),
        command=re.compile(r"\bdotnet\b|\bmsbuild\b"),
    ),
)
OTHERS = (
    Shape(
        tool="rspec",
        kind="test",
        words=("examples, ", "example, "),
        verdict=lines_with(r"^\d+ examples?, [1-9]\d* failures?[^\n]*$"),
        errors=(lines_with(r"^[ \t]+Failure/Error: [^\n]*\n(?:[ \t]*\n)?\s+(?P<error>\S.*)$"),),
        command=re.compile(r"\brspec\b|\brake\b|\brails\b"),
        tests=ids_by(_RSPEC),
    ),
    Shape(
        tool="phpunit",
        kind="test",
        words=("FAILURES!", "ERRORS!"),
        verdict=lines_with(r"^(?:FAILURES|ERRORS)!$"),
        errors=(lines_with(r"^1\) [\w\\]+::[^\n]*\n(?P<error>\S.*)$"),),
        command=re.compile(r"\bphpunit\b|\bcomposer\b|artisan test"),
        tests=ids_by(_PHPUNIT),
    ),
)
MANAGED = (*MAVEN, *GRADLE, *DOTNET, *OTHERS)
