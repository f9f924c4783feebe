"""What the benchmarks of sandboxes share: a repository of a size, the time of a call, a row of figures."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

Run = Callable[[], Awaitable[object]]


def grow(root: Path, files: int, megabytes: int) -> Path:
    """A repository of so many files of unequal sizes in some hundred directories."""
    chance = random.Random(3)  # noqa: S311 - sizes, no secrets
    shares = [chance.expovariate(1.0) for _ in range(files)]
    unit = (megabytes << 20) / sum(shares)
    for number, share in enumerate(shares):
        path = root / f"package{number % 12}" / f"part{number % 120}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * int(share * unit))
    return root


async def timed(run: Run) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    await run()
    return (time.perf_counter() - began) * 1000


def row(name: str, milliseconds: list[float]) -> float:
    """Print median, 9th decile and the least; the median."""
    median = statistics.median(milliseconds)
    tenth = statistics.quantiles(milliseconds, n=10)[-1]
    print(f"  {name:<44} {median:7.2f} ms median  {tenth:7.2f} 9th decile  {min(milliseconds):7.2f} least")
    return median
