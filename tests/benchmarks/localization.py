"""A suite of 2,000 tests is localized without running it more than twice, and what that takes.

    python tests/benchmarks/localization.py [--tests 2000]

A generated repository: 50 modules that use each other, 100 test files, one fault that two tests see. It is diagnosed
(`--goal triage`) through the installed command three times: with no test named and with the failing test named, in the
sandbox; and with no test named and no sandbox, where each test that runs adds a byte to a file: what the machine's own
record says was run is what ran. Beside it, in the same run: plain pytest on the suite, with and without coverage.
Exits with 1 when the suite ran more than twice, when the count and the record differ, or when the function of the fault
is not the first suspect.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.acceptance.repositories import repository  # noqa: E402

COMMAND = Path(sys.executable).with_name("patchwright")
MODULES, FILES = 50, 100
FAULTY = 17
MOST_RUNS = 2.0
MODULE = '''"""Part {n} of a pipeline."""

from chain.part{before} import scale as before


def scale(value):
    """The value, scaled by this part and the one before it."""
    return {call} + {n}


def spread(values):
    """How far the values lie apart."""
    return max(values) - min(values) if values else 0


def classify(value):
    """In which of three classes the value is."""
    if value < {n}:
        return "low"
    if value {sign} {high}:
        return "middle"
    return "high"
'''
FIRST = '''"""The beginning of the pipeline."""


def scale(value):
    return value
'''
TESTS = """from chain.part{n} import classify, scale, spread

COUNTER = {counter!r}


def setup_function():
    try:
        with open(COUNTER, "ab") as file:
            file.write(b".")
    except OSError:
        pass


"""
KINDS = (
    "    assert scale({i}) > {i}\n",
    "    assert spread([{i}, {i} + {n}]) == {n}\n",
    "    assert classify({n} - 1 - {i}) == 'low'\n",
    "    assert classify({n} + 1000 + {i}) == 'high'\n",
)


def grow(root: Path, counter: Path, tests: int) -> Path:
    """The repository."""
    files = {"chain/__init__.py": "", "chain/part0.py": FIRST}
    for n in range(1, MODULES + 1):
        call = "before(value)" if n % 10 else "value"
        sign = "<=" if n == FAULTY else "<"
        files[f"chain/part{n}.py"] = MODULE.format(n=n, before=n - 1, call=call, sign=sign, high=n + 100)
    for number in range(FILES):
        n = number % MODULES + 1
        text = TESTS.format(n=n, counter=str(counter))
        for i in range(tests // FILES):
            body = KINDS[i % len(KINDS)].format(n=n, i=i)
            if i == 0:
                body = f"    assert classify({n + 99}) == 'middle'\n    assert classify({n + 100}) == 'high'\n"
            text += f"def test_{i}():\n{body}\n\n"
        files[f"tests/test_{number:03d}.py"] = text
    return repository(root, files)


@dataclass(frozen=True)
class Diagnosed:
    """seconds: wall clock; ran: tests that ran, as the record has them; first: the first suspect."""

    seconds: float
    ran: int
    first: dict[str, Any]


def diagnose(repo: Path, home: Path, *arguments: str) -> Diagnosed:
    """One diagnosis by the command; raises RuntimeError when it does not end with a diagnosis."""
    env = {**os.environ, "PATCHWRIGHT_HOME": str(home), "PATCHWRIGHT_CACHE": str(home.parent / "cache")}
    argv: list[str | Path] = [COMMAND, "diagnose", repo, "--goal", "triage", "--json", "--quiet", *arguments]
    began = time.monotonic()
    done = subprocess.run(argv, env=env, capture_output=True, timeout=600, check=False)
    if done.returncode != 2:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.decode()}")
    seconds, report = time.monotonic() - began, json.loads(done.stdout)
    (record,) = home.glob("runs/*/record.jsonl")
    rows = [json.loads(line) for line in record.read_text().splitlines()]
    ran = sum(len(row["result"]["run"]["results"]) for row in rows if row["method"] == "test")
    return Diagnosed(seconds, ran, report["suspects"][0])


def pytest(repo: Path, *arguments: str) -> float:
    """Seconds of one plain run of the suite."""
    env = {**os.environ, "PYTHONPATH": str(repo), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, *arguments, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    began = time.monotonic()
    done = subprocess.run(argv, cwd=repo, env=env, capture_output=True, timeout=600, check=False)
    if done.returncode != 1:
        raise RuntimeError(done.stdout.decode()[-2000:])
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tests", type=int, default=2000)
    options = parser.parse_args()
    failing = f"tests/test_{FAULTY - 1:03d}.py::test_0"
    ways = {"suite": (), "named": ("--test", failing), "counted": ("--sandbox", "none")}
    right = True
    with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as scratch:
        folder = Path(scratch)
        counter = folder / "counter"
        repo = grow(folder / "repo", counter, options.tests)
        print(f"{options.tests} tests, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"  plain pytest: {pytest(repo):.1f} s, with coverage {pytest(repo, '-m', 'coverage', 'run'):.1f} s")
        counter.unlink()
        diagnose(repo, folder / "warm")  # builds the environment
        for name, arguments in ways.items():
            found = diagnose(repo, folder / name, *arguments)
            place = (found.first["file"], found.first["function"])
            runs = found.ran / options.tests
            right &= runs <= MOST_RUNS and place == (f"chain/part{FAULTY}.py", "classify")
            print(f"  {name}: {found.seconds:.1f} s, {found.ran} tests ran ({runs:.2f} suites), first suspect {place}")
        counted = counter.stat().st_size
        right &= counted == found.ran
        print(f"  the tests themselves counted {counted} runs: {'right' if right else 'WRONG'}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
