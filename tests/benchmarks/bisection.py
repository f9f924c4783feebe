"""Bisection over 200 commits with a one-second test, some commits that do not import, and a known culprit.

    python tests/benchmarks/bisection.py [--commits 200] [--seconds 1.0]

Prints, for one and two tests at a time: wall time, tests run, skips, and the culprit found against the one planted.
The test sleeps half of its time and computes the other half, as a test suite does.
(The file is not called `bisect.py`: beside a script, that would shadow the standard library's module.)
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.archives import extract  # noqa: E402
from tests.fakes.repository import Story  # noqa: E402
from tools.bisect import bisect  # noqa: E402
from tools.git import git  # noqa: E402
from tools.halving import Verdict  # noqa: E402
from tools.history import History  # noqa: E402
from tools.tool import ToolError  # noqa: E402

PRICES = """from shop.rates import RATES


def total(items, country):
    net = sum(price * count for price, count in items)
    return round(net * (1 + RATES[country]), 2)
"""
BROKEN_TOTAL = PRICES.replace("1 + RATES[country]), 2)", "1 + RATES[country] * len(items)), 2)")
TEST = """import time

from shop.prices import total


def test_total_with_tax():
    end = time.process_time() + {half}
    time.sleep({half})
    while time.process_time() < end:
        sum(range(1000))
    assert total([(10.0, 2), (5.0, 1)], "de") == 29.75
"""


@dataclass(frozen=True)
class Planted:
    """The repository made: where it is, its first and its culprit commit."""

    place: Path
    good: str
    culprit: str


def plant(place: Path, commits: int, seconds: float) -> Planted:
    """A shop package of `commits` commits; the fault comes at two thirds, one in nine does not import."""
    story, fault = Story(), commits * 2 // 3
    story.commit(
        {
            "shop/__init__.py": "",
            "shop/rates.py": 'RATES = {"de": 0.19}\n',
            "shop/prices.py": PRICES,
            "tests/test_prices.py": TEST.format(half=seconds / 2),
        }
    )
    for i in range(2, commits + 1):
        broken = i % 9 == 4 and i not in (fault, commits)
        tail = "def half written(\n" if broken else f"# revision {i}\n"
        prices = BROKEN_TOTAL if i >= fault else PRICES
        story.commit({"shop/prices.py": prices + tail}, message=f"revision {i}")
    names = story.write(place)
    return Planted(place, names[1], names[fault])


@dataclass(frozen=True)
class PlainPytest:
    """An oracle: the commit's tree in a directory of its own, pytest as a plain process on it."""

    place: Path
    scratch: Path

    async def __call__(self, commit: str) -> Verdict:
        tree = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            archive = await git(self.place, "archive", "--format=tar", commit, max_bytes=64_000_000)
            if archive.code != 0:
                raise ToolError(archive.err)
            extract(archive.out, tree)
            return await self._run(tree)
        finally:
            shutil.rmtree(tree)

    async def _run(self, tree: Path) -> Verdict:
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=.", "tests"]
        null = asyncio.subprocess.DEVNULL
        env = {
            **os.environ,
            "PYTHONPATH": str(tree),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        process = await asyncio.create_subprocess_exec(*argv, cwd=tree, env=env, stdout=null, stderr=null)
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        verdicts: dict[int, Verdict] = {0: "good", 1: "bad"}
        return verdicts.get(code, "skip")  # 2: the tests could not be collected


async def measure(planted: Planted, scratch: Path, workers: int) -> bool:
    """One bisection, printed; whether it found the planted commit."""
    started = time.monotonic()
    oracle = PlainPytest(planted.place, scratch)
    found = await bisect(History(planted.place), planted.good, "main", oracle, wall_s=600, workers=workers)
    wall, right = time.monotonic() - started, found.culprit == planted.culprit
    print(
        f"workers {workers}: {wall:5.1f} s wall, {len(found.steps)} tests ({found.skipped} commits skipped) "
        f"over {found.total} commits, culprit {str(found.culprit)[:12]} {'right' if right else 'WRONG'}: {found.reason}"
    )
    return right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--commits", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        planted = plant(Path(scratch) / "repository.git", options.commits, options.seconds)
        right = [asyncio.run(measure(planted, Path(scratch), workers)) for workers in (1, 2)]
    return 0 if all(right) else 1


if __name__ == "__main__":
    sys.exit(main())
