"""The real-bug corpus: fetch, rebuild and check bugs of released packages.

``real_bugs.toml`` holds metadata only.  Each entry names a release with a bug,
the release that fixed it, and test ids from the fixed release which fail on the
old source because of that bug.  This module downloads both source archives
through pip, lays the newer test files over the older tree, and verifies that
the entry still says the truth.  No third-party source lives in the repository.

Fetching and installing a source archive runs its build backend, as any
``pip install`` from source does.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.archives import extract

CORPUS = Path(__file__).with_suffix(".toml")
FETCH_SECONDS = 300
INSTALL_SECONDS = 300
TEST_SECONDS = 300
_OUTCOMES = {"failure": "failed", "error": "error", "skipped": "skipped"}


class CorpusError(Exception):
    """An entry of the corpus, or a step needed to rebuild it, is unsound."""


@dataclass(frozen=True, slots=True)
class Bug:
    """One real bug: two releases, the tests that tell them apart, the place."""

    id: str
    package: str
    buggy: str
    fixed: str
    tests: tuple[str, ...]
    failing: tuple[str, ...]
    functions: tuple[str, ...]
    fix_lines: int
    kind: str
    install: tuple[str, ...]
    note: str
    buggy_sha256: str
    fixed_sha256: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The source files which hold the faulty functions, without repeats."""
        return tuple(dict.fromkeys(name.split("::")[0] for name in self.functions))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``check`` found for one bug."""

    bug: Bug
    problems: tuple[str, ...]
    others_passed: int
    others_failed: int
    suite_seconds: float
    seconds: float


def _strings(entry: Mapping[str, object], key: str) -> tuple[str, ...]:
    """Return a list of strings from ``entry``; a lone string counts as one."""
    value = entry.get(key, [])
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise CorpusError(f"{entry.get('id', '?')}: {key} must be a list of strings")
    return tuple(items)


def _text(entry: Mapping[str, object], key: str) -> str:
    """Return a required non-empty string from ``entry``."""
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise CorpusError(f"{entry.get('id', '?')}: {key} must be a non-empty string")
    return value


def _bug(entry: Mapping[str, object]) -> Bug:
    """Build one ``Bug`` from its table."""
    lines = entry.get("fix_lines")
    if not isinstance(lines, int):
        raise CorpusError(f"{entry.get('id', '?')}: fix_lines must be an integer")
    return Bug(
        id=_text(entry, "id"),
        package=_text(entry, "package"),
        buggy=_text(entry, "buggy"),
        fixed=_text(entry, "fixed"),
        tests=_strings(entry, "tests"),
        failing=_strings(entry, "failing"),
        functions=_strings(entry, "function") + _strings(entry, "functions"),
        fix_lines=lines,
        kind=_text(entry, "kind"),
        install=_strings(entry, "install"),
        note=_text(entry, "note"),
        buggy_sha256=_text(entry, "buggy_sha256"),
        fixed_sha256=_text(entry, "fixed_sha256"),
    )


def load(path: Path = CORPUS) -> tuple[Bug, ...]:
    """Read the corpus and refuse entries without tests, place or unique id."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    bugs = tuple(_bug(entry) for entry in document.get("bug", []))
    for bug in bugs:
        if not (bug.tests and bug.failing and bug.functions):
            raise CorpusError(f"{bug.id}: tests, failing and function are required")
    if len({bug.id for bug in bugs}) != len(bugs):
        raise CorpusError("bug ids must be unique")
    return bugs


def _run(
    command: Sequence[str | Path],
    seconds: int,
    *,
    cwd: Path | None = None,
    extra: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run one bounded command and return it whatever its exit code."""
    try:
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(extra or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CorpusError(f"{command[0]}: no end within {seconds} s") from error


def _must(done: subprocess.CompletedProcess[str], what: str) -> None:
    """Raise with the end of the error output unless the command succeeded."""
    if done.returncode:
        tail = (done.stderr or done.stdout).strip()[-600:]
        raise CorpusError(f"{what} failed: {tail}")


def _digest(archive: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(archive.read_bytes()).hexdigest()


def fetch(requirement: str, version: str, cache: Path, sha256: str | None = None) -> Path:
    """Return the release's source archive, downloaded through pip when absent.

    The archive's checksum is written beside it at the first download and
    compared at each later use, and compared with ``sha256`` where it is given.
    """
    folder = cache / f"{requirement}-{version}"
    archive = _cached(folder)
    if archive is None:
        _download(requirement, version, folder)
        archive = _cached(folder)
    if archive is None:
        raise CorpusError(f"{requirement} {version}: no single .tar.gz was downloaded")
    digest = _digest(archive)
    recorded = (folder / "SHA256").read_text(encoding="ascii").strip()
    if digest != recorded or (sha256 is not None and digest != sha256):
        raise CorpusError(f"{archive.name}: wrong checksum {digest}")
    return archive


def _cached(folder: Path) -> Path | None:
    """Return the one complete archive in a cache folder, if it is there."""
    archives = sorted(folder.glob("*.tar.gz"))
    complete = (folder / "SHA256").is_file() and len(archives) == 1
    return archives[0] if complete else None


def _download(requirement: str, version: str, folder: Path) -> None:
    """Download one source archive into ``folder`` and record its checksum."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", requirement, "--dest", str(folder)]
    done = _run([*command, f"{requirement}=={version}"], FETCH_SECONDS)
    _must(done, f"pip download {requirement}=={version}")
    for archive in folder.glob("*.tar.gz"):
        (folder / "SHA256").write_text(_digest(archive) + "\n", encoding="ascii")


def unpack(archive: Path, destination: Path) -> Path:
    """Extract an archive's single top folder as the new folder ``destination``."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
        extract(archive, Path(scratch))
        roots = [item for item in Path(scratch).iterdir() if item.is_dir()]
        if len(roots) != 1:
            raise CorpusError(f"{archive.name}: expected one top folder")
        roots[0].rename(destination)
    return destination


def _commit(tree: Path) -> None:
    """Make ``tree`` a git checkout with everything in one commit."""
    author = ["-c", "user.name=corpus", "-c", "user.email=corpus@localhost"]
    settings = [*author, "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false"]
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["add", "--all", "--force"],
        ["commit", "--quiet", "--no-verify", "--message", "Release with newer tests"],
    ):
        done = _run(["git", *settings, *arguments], FETCH_SECONDS, cwd=tree)
        _must(done, f"git {arguments[0]}")


def prepare(bug: Bug, cache: Path, destination: Path) -> Path:
    """Build the buggy tree with the fixed release's tests, as a git checkout."""
    old = fetch(bug.package, bug.buggy, cache, bug.buggy_sha256)
    new = fetch(bug.package, bug.fixed, cache, bug.fixed_sha256)
    unpack(old, destination)
    with tempfile.TemporaryDirectory() as scratch:
        newer = unpack(new, Path(scratch) / "newer")
        for name in bug.tests:
            target = destination / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(newer / name, target)
    _commit(destination)
    return destination


def _lines(path: Path) -> list[str]:
    """Return a source file's lines; a file which one side lacks is empty."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.splitlines(keepends=True)


def _diff(name: str, before: Path, after: Path) -> Iterator[str]:
    """Yield the unified diff of one file between two trees."""
    yield from difflib.unified_diff(_lines(before / name), _lines(after / name), f"a/{name}", f"b/{name}")


def reveal(bug: Bug, cache: Path) -> str:
    """Return the release's diff over the faulty source files.

    It is for the evaluation only and never shown to the product.  A release
    may change more in those files than the one fix.
    """
    with tempfile.TemporaryDirectory() as scratch:
        old = fetch(bug.package, bug.buggy, cache, bug.buggy_sha256)
        new = fetch(bug.package, bug.fixed, cache, bug.fixed_sha256)
        before = unpack(old, Path(scratch) / "before")
        after = unpack(new, Path(scratch) / "after")
        return "".join(line for name in bug.sources for line in _diff(name, before, after))


def definitions(source: str) -> frozenset[str]:
    """Return the qualified names of all functions and classes in a module."""
    names: set[str] = set()

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(prefix + child.name)
                inner = f"{prefix}{child.name}."
            visit(child, inner)

    visit(ast.parse(source), "")
    return frozenset(names)


def _missing_places(bug: Bug, tree: Path) -> list[str]:
    """Return the corpus's functions which the buggy tree does not define."""
    missing = []
    for place in bug.functions:
        name, _, qualified = place.partition("::")
        text = "".join(_lines(tree / name))
        if qualified and qualified not in definitions(text):
            missing.append(f"no {place} in the buggy tree")
    return missing


def _uv() -> str:
    """Return the uv beside this interpreter, or the one on the path."""
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise CorpusError("uv is needed to build the environments")
    return found


def environment(bug: Bug, tree: Path, version: str, folder: Path) -> Path:
    """Create or reuse a venv, install ``tree`` editable, return its python."""
    python = folder / "bin" / "python"
    if not python.exists():
        command: list[str | Path] = [_uv(), "venv", "--quiet", "--python", sys.executable, folder]
        _must(_run(command, INSTALL_SECONDS), "uv venv")
    command = [_uv(), "pip", "install", "--quiet", "--python", python]
    command += ["--editable", tree, "pytest", *bug.install]
    pretend = {"SETUPTOOLS_SCM_PRETEND_VERSION": version}
    done = _run(command, INSTALL_SECONDS, extra=pretend)
    _must(done, f"installing {bug.package} {version}")
    return python


def _outcome(case: ET.Element) -> str:
    """Return a test case's outcome in pytest's own words."""
    for child in case:
        if child.tag in _OUTCOMES:
            return _OUTCOMES[child.tag]
    return "passed"


def outcomes(python: Path, tree: Path, targets: Sequence[str]) -> tuple[str, ...]:
    """Run pytest on ``targets`` and return one outcome for each test."""
    return tuple(outcome for _, outcome in _cases(python, tree, targets))


def results(python: Path, tree: Path, targets: Sequence[str]) -> dict[str, str]:
    """Run pytest on ``targets`` and return the outcome of each test by class and name."""
    return dict(_cases(python, tree, targets))


def _cases(python: Path, tree: Path, targets: Sequence[str]) -> tuple[tuple[str, str], ...]:
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command: list[str | Path] = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += [f"--junitxml={report}", "-o", "junit_family=xunit1"]
        command += ["-o", "addopts=", "-o", "filterwarnings=", *targets]
        quiet = {"PYTHONDONTWRITEBYTECODE": "1"}
        done = _run(command, TEST_SECONDS, cwd=tree, extra=quiet)
        if not report.is_file():
            raise CorpusError(f"pytest wrote no report: {done.stderr[-400:]}")
        cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - our own pytest wrote it
        return tuple((f"{case.get('classname')}::{case.get('name')}", _outcome(case)) for case in cases)


def _named_problems(bug: Bug, results: Sequence[str], wanted: str) -> list[str]:
    """Return a problem unless exactly the named tests ran and all did ``wanted``."""
    if len(results) == len(bug.failing) and set(results) == {wanted}:
        return []
    return [f"named tests gave {sorted(results)}, not all {wanted}"]


def _modules(bug: Bug) -> list[str]:
    """Return the test files which hold the named tests."""
    return list(dict.fromkeys(name.split("::")[0] for name in bug.failing))


def _mend(bug: Bug, tree: Path, cache: Path) -> None:
    """Lay the fixed release's package over ``tree``, leaving its tests alone.

    Passing in this tree, rather than in the fixed release's own, shows that the
    entry lists every file which its tests read.
    """
    archive = fetch(bug.package, bug.fixed, cache, bug.fixed_sha256)
    with tempfile.TemporaryDirectory() as scratch:
        newer = unpack(archive, Path(scratch) / "newer")
        for top in {Path(name).parts[0] for name in bug.sources}:
            if (newer / top).is_dir():
                shutil.copytree(newer / top, tree / top, dirs_exist_ok=True)
            else:
                shutil.copyfile(newer / top, tree / top)


def verify(bug: Bug, cache: Path, work: Path) -> Verdict:
    """Check one bug: its tests fail on the buggy source, pass on the fixed."""
    start = time.monotonic()
    tree = prepare(bug, cache, work / "buggy")
    problems = _missing_places(bug, tree)
    python = environment(bug, tree, bug.buggy, work / "venv")
    named = outcomes(python, tree, bug.failing)
    problems += _named_problems(bug, named, "failed")
    began = time.monotonic()
    everything = outcomes(python, tree, _modules(bug))
    suite_seconds = time.monotonic() - began
    _mend(bug, tree, cache)
    problems += _named_problems(bug, outcomes(python, tree, bug.failing), "passed")
    failures = sum(result in {"failed", "error"} for result in everything)
    return Verdict(
        bug=bug,
        problems=tuple(problems),
        others_passed=everything.count("passed"),
        others_failed=failures - len(bug.failing),
        suite_seconds=suite_seconds,
        seconds=time.monotonic() - start,
    )


def _judge(bug: Bug, cache: Path) -> Verdict:
    """Run ``verify`` in a scratch folder and turn its errors into a verdict."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="real-bug-") as scratch:
        try:
            return verify(bug, cache, Path(scratch))
        except (CorpusError, OSError, SyntaxError) as error:
            spent = time.monotonic() - start
            return Verdict(bug, (str(error),), 0, 0, 0.0, spent)


def select(bugs: Sequence[Bug], wanted: Sequence[str]) -> tuple[Bug, ...]:
    """Return the bugs whose id or package is in ``wanted``; all when empty."""
    chosen = tuple(bug for bug in bugs if not wanted or {bug.id, bug.package} & set(wanted))
    if not chosen:
        raise CorpusError(f"no bug matches {', '.join(wanted)}")
    return chosen


def _row(verdict: Verdict) -> str:
    """Return one line of the check's table."""
    bug = verdict.bug
    state = "sound" if not verdict.problems else "; ".join(verdict.problems)
    counts = f"{verdict.others_passed:>5}/{verdict.others_failed:<4}"
    times = f"{verdict.suite_seconds:>6.1f} {verdict.seconds:>6.1f}"
    return f"{bug.id:<48} {bug.fix_lines:>4} {counts} {times}  {state}"


def check(arguments: argparse.Namespace) -> int:
    """Verify each chosen bug, print the table, return 1 if any is unsound."""
    bugs = select(load(arguments.corpus), arguments.only)
    header = f"{'bug':<48} {'fix':>4} {'others':>10} {'suite':>6} {'total':>6}  state"
    print(header, flush=True)
    unsound = 0
    for bug in bugs:
        verdict = _judge(bug, arguments.cache)
        unsound += bool(verdict.problems)
        print(_row(verdict), flush=True)
    packages = len({bug.package for bug in bugs})
    sound = len(bugs) - unsound
    print(f"{sound} sound, {unsound} unsound, over {packages} packages")
    return 1 if unsound else 0


def show(arguments: argparse.Namespace) -> int:
    """Print the real fix of each chosen bug, for the evaluation."""
    for bug in select(load(arguments.corpus), arguments.only):
        print(f"# {bug.id}: {bug.note}")
        print(reveal(bug, arguments.cache))
    return 0


def _subcommand(
    parsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    handler: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    """Add a subcommand with the options which all of them share."""
    summary = (handler.__doc__ or name).splitlines()[0]
    parser = parsers.add_parser(name, help=summary, description=summary)
    parser.add_argument("only", nargs="*", metavar="ID", help="bug ids or packages")
    parser.set_defaults(handler=handler)
    return parser


def build_parser() -> argparse.ArgumentParser:
    """Return the command line; more subcommands are added here."""
    parser = argparse.ArgumentParser(description="The real-bug corpus.")
    cache = Path(tempfile.gettempdir()) / "patchwright-real-bugs"
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--cache", type=Path, default=cache)
    parsers = parser.add_subparsers(dest="command", required=True)
    _subcommand(parsers, "check", check)
    _subcommand(parsers, "reveal", show)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    arguments = build_parser().parse_args(argv)
    handler: Callable[[argparse.Namespace], int] = arguments.handler
    try:
        return handler(arguments)
    except CorpusError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
