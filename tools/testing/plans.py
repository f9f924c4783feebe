"""How tests of other frameworks than pytest are selected and reported: one plan per framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.recipe import TestCommand
from tools.testing.parse_cargo import parse_cargo
from tools.testing.parse_ctest import parse_ctest
from tools.testing.parse_go import parse_go
from tools.testing.parse_javascript import SEPARATOR, parse_jest, parse_mocha
from tools.testing.parse_junit import XmlRefused, parse_junit
from tools.testing.parse_node import parse_node, reporter
from tools.testing.parse_tap import parse_tap
from tools.testing.paths import Paths
from tools.values import TestResult

MAX_ARGUMENTS = 60_000  # characters; above, everything is run and the results are filtered
_GO_TEST = re.compile(r"^(?P<package>.*?)/?(?P<test>(?:Test|Example|Fuzz|Benchmark)(?![a-z]).*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Texts:
    """What a finished command left: its report file, its output."""

    report: bytes
    stdout: str
    stderr: str


Reader = Callable[[Texts, Paths], tuple[TestResult, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """argv: the whole command; read: makes results of what it left; env: variables of its own; files: inside files
    that it needs.
    """

    argv: tuple[str, ...]
    read: Reader
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def plan(command: TestCommand, tests: Sequence[str], report: str, per_test_s: float | None, module: str) -> Plan:
    """The plan of a command.

    report: inside path for a report file; module: the Go module's path. The selection of tests is only narrowed as far
    as the framework can: the caller keeps the results that were asked for.
    """
    planners: dict[str, Callable[[], Plan]] = {
        "jest": lambda: _jest(command.argv, tests, report, per_test_s),
        "vitest": lambda: _vitest(command.argv, tests, report, per_test_s),
        "mocha": lambda: _mocha(command.argv, tests, report, per_test_s),
        "node": lambda: _node(command.argv, tests, report),
        "go": lambda: _go(command.argv, tests, module),
        "cargo": lambda: _cargo(command.argv, tests),
        "ctest": lambda: _ctest(command.argv, tests, report, per_test_s),
    }
    return planners.get(command.framework, lambda: Plan(command.argv, _read_tap))()


def _files(tests: Sequence[str]) -> list[str]:
    """The files of ids `file > ...`; none when an id has no file."""
    files = dict.fromkeys(test.split(SEPARATOR, 1)[0] for test in tests)
    looks = [file for file in files if re.search(r"\.[cm]?[jt]sx?$", file)]
    return looks if len(looks) == len(files) and _fits(looks) else []


def _names(tests: Sequence[str]) -> str:
    """A pattern of the full names (without files) of all ids; "" when one id is a whole file or there are too many."""
    names = []
    for test in tests:
        file, separator, rest = test.partition(SEPARATOR)
        is_file = bool(re.search(r"\.[cm]?[jt]sx?$", file))
        if is_file and not separator:
            return ""
        names.append(re.escape((rest if is_file else test).replace(SEPARATOR, " ")))
    pattern = f"(?:{'|'.join(names)})$" if names else ""
    return pattern if _fits([pattern]) else ""


def _fits(arguments: Sequence[str]) -> bool:
    return sum(map(len, arguments)) < MAX_ARGUMENTS


def _milliseconds(per_test_s: float | None, flag: str) -> list[str]:
    return [f"{flag}={max(1, int(per_test_s * 1000))}"] if per_test_s else []


def _jest(argv: Sequence[str], tests: Sequence[str], report: str, per_test_s: float | None) -> Plan:
    names, files = _names(tests), _files(tests)
    extra = [
        "--json",
        f"--outputFile={report}",
        "--ci",
        "--watchAll=false",
        *_milliseconds(per_test_s, "--testTimeout"),
    ]
    extra += [f"--testNamePattern={names}"] if names else []
    extra += ["--runTestsByPath", *files] if files else []
    return Plan((*argv, *extra), lambda texts, paths: parse_jest(texts.report.decode(errors="replace"), paths))


def _vitest(argv: Sequence[str], tests: Sequence[str], report: str, per_test_s: float | None) -> Plan:
    names, files = _names(tests), _files(tests)
    extra = ["--reporter=junit", f"--outputFile={report}", "--watch=false", *_milliseconds(per_test_s, "--testTimeout")]
    extra += [f"--testNamePattern={names}"] if names else []
    return Plan((*argv, *extra, *files), lambda texts, paths: _xml(texts, paths, by_file=True))


def _mocha(argv: Sequence[str], tests: Sequence[str], report: str, per_test_s: float | None) -> Plan:
    names = _names(tests)
    extra = ["--reporter", "json", "--reporter-option", f"output={report}", *_milliseconds(per_test_s, "--timeout")]
    extra += ["--grep", names] if names else []

    def read(texts: Texts, paths: Paths) -> tuple[TestResult, ...]:
        """Versions before 9.2 print the report."""
        return parse_mocha(texts.report.decode(errors="replace") or texts.stdout, paths)

    return Plan((*argv, *extra), read)


def _node(argv: Sequence[str], tests: Sequence[str], report: str) -> Plan:
    """node:test cannot select a subtest of a suite in all versions: only whole files are selected."""
    files, program = _files(tests), f"{report}.reporter.mjs"
    flags = [f"--test-reporter={program}", f"--test-reporter-destination={report}"]
    at = list(argv).index("--test") + 1 if "--test" in argv else len(argv)

    def read(texts: Texts, paths: Paths) -> tuple[TestResult, ...]:
        """A Node that knows no reporters of others prints TAP."""
        return parse_node(texts.report.decode(errors="replace"), paths) or parse_tap(texts.stdout, paths)

    return Plan((*argv[:at], *flags, *(files or argv[at:])), read, files={program: reporter()})


def _go(argv: Sequence[str], tests: Sequence[str], module: str) -> Plan:
    """`-run` takes one pattern for all packages: subtests are selected only when there is one test."""
    split = [match for match in map(_GO_TEST.match, tests) if match]
    packages = sorted(
        {match["package"] for match in split if match["package"]} | {t for t in tests if not _GO_TEST.match(t)}
    )
    names = sorted({match["test"].split("/")[0] for match in split})
    flags = ["-json", "-count=1"]
    if len(tests) == len(split) == 1:
        levels = split[0]["test"].split("/")
        flags += ["-run", "/".join(f"^{re.escape(level)}$" for level in levels)]
    elif names and len(split) == len(tests) and _fits(names):
        flags += ["-run", f"^(?:{'|'.join(map(re.escape, names))})$"]
    position = next((i + 1 for i, word in enumerate(argv) if word == "test"), len(argv))
    rest = list(argv[position:])
    if (
        packages
        and all(packages)
        and _fits(packages)
        and len(packages) == len({p for p in packages if "." in p or module})
    ):
        rest = [word for word in rest if not word.startswith((".", module or "./"))] + packages
    return Plan(
        (*argv[:position], *flags, *rest), lambda t, paths: parse_go(f"{t.stdout}\n{t.stderr}", paths, module=module)
    )


def _cargo(argv: Sequence[str], tests: Sequence[str]) -> Plan:
    """One thread: a program that dies names its test, and the order is fixed. Qualified ids are asked for both ways."""
    head, tail = (argv[: argv.index("--")], argv[argv.index("--") + 1 :]) if "--" in argv else (argv, ())
    names = [name for test in tests for name in dict.fromkeys((test, test.partition("::")[2])) if name]
    if not _fits(names):
        names = []
    exact = ["--exact", *names] if names else []
    flags = [] if "--no-fail-fast" in head else ["--no-fail-fast"]
    threads = [] if any(word.startswith("--test-threads") for word in tail) else ["--test-threads=1"]
    env = {"RUST_BACKTRACE": "1", "CARGO_TERM_COLOR": "never"}
    return Plan(
        (*head, *flags, "--", *threads, *tail, *exact), lambda t, paths: parse_cargo(t.stdout, t.stderr, paths), env
    )


def _ctest(argv: Sequence[str], tests: Sequence[str], report: str, per_test_s: float | None) -> Plan:
    extra = ["--output-junit", report, "--output-on-failure"]
    extra += ["--timeout", str(max(1, int(per_test_s)))] if per_test_s else []
    pattern = f"^({'|'.join(re.escape(test.rpartition('.')[2]) for test in tests)})$"
    extra += ["-R", pattern] if tests and _fits([pattern]) else []
    return Plan((*argv, *extra), lambda texts, paths: parse_ctest(texts.report, texts.stdout, paths))


def _xml(texts: Texts, paths: Paths, *, by_file: bool = False) -> tuple[TestResult, ...]:
    try:
        return parse_junit(texts.report, paths, by_file=by_file)
    except XmlRefused:
        return ()


def _read_tap(texts: Texts, paths: Paths) -> tuple[TestResult, ...]:
    return parse_tap(texts.stdout, paths)
