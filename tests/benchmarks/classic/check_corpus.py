"""Check that every program of the classic corpus is sound, and print a table.

For each directory beside this script that holds a program.py:

* the test module has at least one failing and at least one passing test with
  the faulty program, and no failing one with the intended program;
* every call of behaviour.calls runs on the intended program, raising nothing
  but exceptions that the program documents or raises itself;
* the calls are reproducible for a seed, and their arguments can be copied.

Usage: check_corpus.py [NAME ...]    (all directories if no names are given)

Exit status 0 if all checked directories are sound, otherwise 1.
"""

from __future__ import annotations

import argparse
import ast
import copy
import difflib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent
FILES = ("program.py", "intended.py", "test_program.py", "behaviour.py")
RUN_SECONDS = 20
TEST_SECONDS = 2
SLOW_TEST_SECONDS = 0.05
CALL_SECONDS = 1
SEED = 20240607

# A pytest plugin that notes each test's outcome as soon as it is known, so that
# the results before a hang survive, and interrupts tests that do not end.
PROBE = '''\
import json
import os
import signal

import pytest

LIMIT = float(os.environ["CORPUS_TEST_SECONDS"])


def _interrupt(signum, frame):
    raise TimeoutError("the test did not end")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    if not hasattr(signal, "SIGALRM"):
        return (yield)
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _note(**entry):
    with open(os.environ["CORPUS_RESULTS"], "a", encoding="utf-8") as results:
        results.write(json.dumps(entry) + "\\n")


def pytest_runtest_logstart(nodeid, location):
    _note(test=nodeid, outcome="started", seconds=0)


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        _note(test=report.nodeid, outcome=report.outcome, seconds=report.duration)
'''

# Runs the generated calls on one version; started in a directory with program.py
# and behaviour.py, prints one JSON list of [function, outcome, detail, types].
RUNNER = '''\
import copy
import json
import os
import random
import signal
import sys

import behaviour
import program


class Hung(BaseException):
    pass


def interrupt(signum, frame):
    raise Hung


calls = behaviour.calls(random.Random(int(os.environ["CORPUS_SEED"])))
signal.signal(signal.SIGALRM, interrupt)
outcomes = []
hung = set()
for name, arguments in calls:
    if name in hung:
        outcomes.append([name, "hang", "", []])
        continue
    arguments = copy.deepcopy(arguments)
    signal.setitimer(signal.ITIMER_REAL, float(os.environ["CORPUS_CALL_SECONDS"]))
    try:
        result = getattr(program, name)(*arguments)
        outcome = [name, "value", repr(result), []]
    except Hung:
        hung.add(name)
        outcome = [name, "hang", "", []]
    except Exception as error:
        types = [kind.__name__ for kind in type(error).__mro__]
        outcome = [name, "error", type(error).__name__, types]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    outcomes.append(outcome)
json.dump(outcomes, sys.stdout)
'''


def environment(**extra: object) -> dict[str, str]:
    """Return the environment of the subprocesses."""
    return {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        **{key: str(value) for key, value in extra.items()},
    }


def run_tests(directory: Path, version: str) -> dict[str, tuple[str, float]]:
    """Return {test: (outcome, seconds)} of the tests with program.py or intended.py.

    A test that was running when time was up counts as failed, as does the whole
    module ("collection") if it cannot be imported.
    """
    with tempfile.TemporaryDirectory(prefix="corpus_") as name:
        place = Path(name)
        shutil.copy(directory / version, place / "program.py")
        shutil.copy(directory / "test_program.py", place)
        (place / "corpus_probe.py").write_text(PROBE, encoding="utf-8")
        (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        results = place / "results.jsonl"
        results.touch()
        command = [sys.executable, "-m", "pytest", "-q", "--tb=no", "-p", "corpus_probe"]
        command += ["-p", "no:cacheprovider", "--rootdir", name, "test_program.py"]
        variables = environment(
            CORPUS_RESULTS=results, CORPUS_TEST_SECONDS=TEST_SECONDS, PYTHONPATH=place
        )
        timed_out = False
        try:
            process = subprocess.run(
                command, cwd=place, env=variables, timeout=RUN_SECONDS,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )
        except subprocess.TimeoutExpired:
            timed_out = True
        outcomes: dict[str, tuple[str, float]] = {}
        for line in results.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            outcomes[entry["test"]] = (entry["outcome"], entry["seconds"])
    for test, (outcome, seconds) in outcomes.items():
        if outcome == "started":
            outcomes[test] = ("failed", seconds)
    if timed_out:
        outcomes["(time was up)"] = ("failed", RUN_SECONDS)
    elif process.returncode not in (0, 1) or not outcomes:
        outcomes["(collection)"] = ("failed", 0.0)
    return outcomes


def run_calls(directory: Path, version: str) -> list[list[object]] | str:
    """Return the outcomes of the generated calls, or why there are none."""
    with tempfile.TemporaryDirectory(prefix="corpus_") as name:
        place = Path(name)
        shutil.copy(directory / version, place / "program.py")
        shutil.copy(directory / "behaviour.py", place)
        (place / "corpus_runner.py").write_text(RUNNER, encoding="utf-8")
        try:
            process = subprocess.run(
                [sys.executable, "corpus_runner.py"], cwd=place, text=True,
                env=environment(CORPUS_SEED=SEED, CORPUS_CALL_SECONDS=CALL_SECONDS),
                timeout=RUN_SECONDS, capture_output=True, check=False,
            )
        except subprocess.TimeoutExpired:
            return "time was up"
    if process.returncode != 0:
        return (process.stderr.strip().splitlines() or ["no reason given"])[-1]
    return json.loads(process.stdout)


def documented_errors(source: str) -> set[str]:
    """Return the names in docstrings and raise statements of a program."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            names.update(re.findall(r"\w+", ast.get_docstring(node) or ""))
        elif isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            names.add(ast.unparse(raised))
    return names - {"Exception", "BaseException", "object"}


def load(path: Path) -> ModuleType:
    """Import a file under a private name."""
    spec = importlib.util.spec_from_file_location(f"corpus_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def changed_lines(old: str, new: str) -> int:
    """Return how many lines the larger side of the difference has."""
    diff = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    return max(sum(line.startswith(mark) for line in diff) for mark in ("- ", "+ "))


def check(directory: Path) -> tuple[dict[str, object], list[str]]:
    """Return a row of the table and the faults found with one directory."""
    row: dict[str, object] = {"name": directory.name}
    problems: list[str] = []
    present = {path.name for path in directory.iterdir() if path.name != "__pycache__"}
    if present != set(FILES):
        problems.append(f"files are {sorted(present)}")
        if not set(FILES) <= present:
            return row, problems
    faulty = (directory / "program.py").read_text(encoding="utf-8")
    intended = (directory / "intended.py").read_text(encoding="utf-8")

    row["lines"] = len(faulty.splitlines())
    if not 15 <= len(faulty.splitlines()) <= 70:
        problems.append(f"program has {row['lines']} lines")
    row["diff"] = changed_lines(faulty, intended)
    if not 1 <= changed_lines(faulty, intended) <= 4:
        problems.append(f"{row['diff']} lines differ")

    before = run_tests(directory, "program.py")
    row["pass"] = sum(outcome == "passed" for outcome, _ in before.values())
    row["fail"] = sum(outcome == "failed" for outcome, _ in before.values())
    if not row["pass"] or not row["fail"]:
        problems.append("program.py needs both passing and failing tests")
    if "(collection)" in before:
        problems.append("tests cannot be collected with program.py")
    after = run_tests(directory, "intended.py")
    bad = [test for test, (outcome, _) in after.items() if outcome != "passed"]
    row["fixed"] = len(after) - len(bad)
    problems.extend(f"with intended.py: {test}" for test in bad)
    if set(before) - {"(time was up)"} > set(after):
        problems.append("intended.py has fewer tests")
    slowest = max((seconds for _, seconds in after.values()), default=0.0)
    row["ms"] = round(slowest * 1000)
    if slowest > SLOW_TEST_SECONDS:
        problems.append(f"slowest test takes {row['ms']} ms")
    functions = {
        node.name
        for node in ast.parse((directory / "test_program.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    if not 6 <= len(functions) <= 14:
        problems.append(f"{len(functions)} test functions")

    behaviour = load(directory / "behaviour.py")
    calls = behaviour.calls(random.Random(SEED))
    row["calls"] = len(calls)
    if len(calls) < 100:
        problems.append(f"only {len(calls)} calls")
    if repr(calls) != repr(behaviour.calls(random.Random(SEED))):
        problems.append("calls are not reproducible")
    copy.deepcopy(calls)
    good = run_calls(directory, "intended.py")
    if isinstance(good, str):
        problems.append(f"calls on intended.py: {good}")
        return row, problems
    allowed = documented_errors(intended)
    for (name, kind, detail, types), call in zip(good, calls):
        if kind == "hang" or kind == "error" and not allowed & set(types):
            problems.append(f"{name}{call[1]!r} gives {kind} {detail}")
    row["errors"] = sum(outcome[1] == "error" for outcome in good)
    other = run_calls(directory, "program.py")
    if isinstance(other, str):
        row["differ"] = "?"
    else:
        row["differ"] = sum(first != second for first, second in zip(good, other))
        if not row["differ"]:
            problems.append("no call tells program.py from intended.py")
    return row, problems


def main() -> int:
    """Check the directories and print the table."""
    parser = argparse.ArgumentParser(description="Check the classic corpus.")
    parser.add_argument("names", nargs="*", help="directories to check (default: all)")
    names = parser.parse_args().names
    sys.dont_write_bytecode = True
    directories = sorted(path for path in ROOT.iterdir() if (path / "program.py").is_file())
    if names:
        directories = [ROOT / name for name in names]
    columns = ("lines", "diff", "pass", "fail", "fixed", "ms", "calls", "errors", "differ")
    print(f"{'name':28}" + "".join(f"{column:>7}" for column in columns) + "  sound", flush=True)
    unsound = 0
    began = time.monotonic()
    for directory in directories:
        try:
            row, problems = check(directory)
        except Exception as error:  # a broken directory must not hide the others
            row, problems = {}, [f"{type(error).__name__}: {error}"]
        cells = "".join(f"{row.get(column, '-')!s:>7}" for column in columns)
        print(f"{directory.name:28}{cells}  {'no' if problems else 'yes'}", flush=True)
        for problem in problems[:5]:
            print(f"    {problem[:200]}", flush=True)
        unsound += bool(problems)
    seconds = time.monotonic() - began
    print(f"{len(directories)} programs, {unsound} unsound, {seconds:.0f} s")
    return 1 if unsound else 0


if __name__ == "__main__":
    sys.exit(main())
