"""How many candidates a second and core the search tries, against one pytest process per candidate in the same run.

    python tests/benchmarks/search.py [--seconds 15] [--processes 12]

Twice: for a failing test that computes for 1 ms, and for one that computes for 200 ms. The candidates are those that
the fix templates make of a small module; no edit of it can mend the test, so that every one is tried, in the sandbox,
by one worker. The peer writes each candidate to disk and runs `python -m pytest` on the test, without a sandbox.
A second of a core is a CPU second, of the whole sandbox here and of the pytest processes there: what else the machine
does is not counted (the rates by the clock are printed, too).
Exits with 1 when an aim is missed: 400 a core second on the test of 1 ms, and 20 times the peer there.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.fakes.projects import Project  # noqa: E402
from tools.repair import edits  # noqa: E402
from tools.repair.generate import candidates  # noqa: E402
from tools.repair.outcome import SearchLimits  # noqa: E402
from tools.repair.search import search  # noqa: E402
from tools.values import Candidate, Suspect  # noqa: E402

PER_SECOND, TIMES = 400.0, 20.0
MODULE = """
def clamp(value, low, high):
    if value < low:
        return low
    if value > high:
        return high
    return value


def mean(numbers):
    total = 0
    for number in numbers:
        total += number
    return total / max(1, len(numbers))


def windows(numbers, size):
    found = []
    for start in range(len(numbers) - size + 1):
        found.append(numbers[start : start + size])
    return found


def smooth(numbers, size, low=0, high=100):
    if not numbers or size < 1:
        return []
    result = []
    for window in windows(numbers, size):
        value = mean(window)
        result.append(clamp(value, low, high))
    return result


def peaks(numbers):
    found = []
    for index in range(1, len(numbers) - 1):
        before, here, after = numbers[index - 1], numbers[index], numbers[index + 1]
        if here > before and here >= after:
            found.append((index, here))
    return found


def highest(numbers, size):
    best = None
    for index, value in peaks(smooth(numbers, size)):
        if best is None or value > best[1]:
            best = (index, value)
    return best
"""
TEST = """
import time

from series import highest


def test_highest():
    end = time.process_time() + {seconds}
    while True:
        found = highest([(i * 37) % 101 for i in range(24)], 3)
        if time.process_time() >= end:
            break
    assert found == "nothing that the module can return"


def test_nothing():
    assert highest([], 3) is None
"""
FAILING, PASSING = "test_series.py::test_highest", "test_series.py::test_nothing"


def project(root: Path, seconds: float) -> Project:
    """The repository with a test that takes so long."""
    return Project(root, {"series.py": MODULE, "test_series.py": TEST.format(seconds=seconds)}, (FAILING,), (PASSING,))


def proposed(sources: Mapping[str, str]) -> Iterator[Candidate]:
    """The templates' candidates for every line of the module, and after these all their pairs."""
    lines = sources["series.py"].split("\n")
    suspects = [
        Suspect(file="series.py", line=n, end_line=n, function="", function_line=0, score=1.0)
        for n, line in enumerate(lines, 1)
        if line.startswith("    ")
    ]
    singles = list(candidates(sources, suspects, ()))
    yield from singles
    pairs = (pair for pair in itertools.combinations(singles, 2) if edits.compatible(*pair))
    yield from (edits.combine(*pair) for pair in pairs)


async def ours(root: Path, seconds: float, wall_s: float) -> float:
    """Candidates a core second of one worker, its start left out."""
    made = project(root, seconds)
    limits = SearchLimits(wall_s=wall_s, workers=1, pairs_from=1.0, candidates=10**9)
    request = replace(made.request(limits=limits), sources={"series.py": made.texts["series.py"]})
    first: list[float] = []
    begun, own = time.monotonic(), time.process_time()
    result = await search(
        request,
        proposed(request.sources),
        on_progress=lambda _: first.append(time.monotonic() - begun) if not first else None,
    )
    if result.plausible or not result.tried:
        raise RuntimeError(f"the search is no measure: {result}")
    ran = result.seconds - first[0]
    print(
        f"  search: {result.tried} candidates in {ran:.1f} s ({result.tried / ran:.0f} a second) after a start of "
        f"{first[0]:.1f} s; CPU seconds: {result.cpu_s:.1f} in the sandbox, {time.process_time() - own:.1f} here"
    )
    return result.tried / result.cpu_s


def peer(root: Path, seconds: float, processes: int) -> float:
    """Candidates a core second with a pytest process each."""
    made = project(root, seconds)
    text = made.texts["series.py"]
    every = list(itertools.islice(proposed({"series.py": text}), 1000))
    argv = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", FAILING]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    clock, spent = [], []
    for candidate in every[:: len(every) // processes][:processes]:
        began, used = time.monotonic(), _children()
        (root / "series.py").write_text(edits.apply(text, candidate.edits))
        try:
            done = subprocess.run(argv, cwd=root, env=env, capture_output=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            continue  # endless loops would make the peer look worse than it is
        if done.returncode != 1:
            raise RuntimeError(done.stdout.decode())
        clock.append(time.monotonic() - began)
        spent.append(_children() - used)
    print(
        f"  pytest: {len(spent)} processes, {statistics.median(clock):.2f} s each, CPU {statistics.median(spent):.2f} s"
    )
    return 1 / statistics.median(spent)


def _children() -> float:
    """CPU seconds of finished child processes."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--processes", type=int, default=12)
    options = parser.parse_args()
    missed = False
    for seconds in (0.001, 0.2):
        print(f"a test of {seconds * 1000:g} ms (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores):")
        with tempfile.TemporaryDirectory(prefix="patchwright-bench-") as scratch:
            base = Path(scratch)
            found = asyncio.run(ours(base / "ours", seconds, options.seconds))
            other = peer(base / "peer", seconds, options.processes)
            shutil.rmtree(base / "peer")
        print(f"  {found:.1f} against {other:.2f} candidates a core second: {found / other:.1f} times")
        if seconds < 0.01:
            missed = found < PER_SECOND or found / other < TIMES
            print(f"  aim: {PER_SECOND:g} a core second and {TIMES:g} times: {'MISSED' if missed else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
