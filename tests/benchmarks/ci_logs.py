"""Reading CI logs: the corpus by tool, and zips of a run with 50 MB of logs, and of 50 MB by themselves.

    python tests/benchmarks/ci_logs.py

Times are the fastest of three, wall clock beside CPU time; memory is the
growth of the peak of a process of its own.
"""

from __future__ import annotations

import io
import multiprocessing
import random
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.unit.test_ci_logs import EXPECTED, LOGS, differences, read  # noqa: E402
from tools.ci.archive import read_archive  # noqa: E402
from tools.ci.compare import compare  # noqa: E402
from tools.ci.read import read_job, read_text  # noqa: E402

WORDS = [
    "compiling",
    "linking",
    "cart",
    "total",
    "money",
    "ledger",
    "invoice",
    "warning",
    "note",
    "cached",
    "download",
    "resolved",
    "unit",
    "plan",
]
STEPS = ("checkout", "install", "build", "lint", "test")


MOST_S = 3.0


def main() -> None:
    """Print the tables; end with an error where the corpus is not read right, or 50 MB of logs take over 3 s of CPU."""
    missed = corpus()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.zip"), Path(folder, "large.zip")
        archive(small, jobs=4, lines=61_000)
        archive(large, jobs=8, lines=190_000)
        for name, path in (("50 MB of logs", small), ("50 MB of zip", large)):
            missed |= measured(name, path) > MOST_S
    compared()
    sys.exit(missed)


def corpus() -> bool:
    """Print the logs read right, by tool and by when they were written; whether one was not."""
    rows: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    started = time.perf_counter()
    for name, expected in EXPECTED.items():
        right = int(not differences(read(name), expected))
        for row in (expected["tool"] or "other", f"written {expected['seen']}"):
            rows[row][0] += right
            rows[row][1] += 1
    seconds = time.perf_counter() - started
    print(f"corpus: {len(EXPECTED)} logs, {1000 * seconds / len(EXPECTED):.1f} ms each")
    for row, (right, total) in sorted(rows.items()):
        print(f"  {row:32} {right}/{total}")
    return any(right < total for right, total in rows.values())


def archive(path: Path, *, jobs: int, lines: int) -> None:
    """A run's zip, as GitHub makes it: each job's log whole and by steps. The last job fails, by a real pytest log."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for job in range(jobs):
            failing = (LOGS / "pytest-assert.log").read_text(encoding="utf-8-sig") if job == jobs - 1 else ""
            whole = io.StringIO()
            for number, step in enumerate(STEPS, 1):
                text = "".join(noise(job * 10 + number, step, lines // len(STEPS)))
                if failing and step == "test":
                    text = text[: len(text) // 2] + failing[failing.index("====") - 30 : failing.index("Post job") - 29]
                whole.write(text)
                made.writestr(f"job {job}/{number}_{step}.txt", text)
            made.writestr(f"{job}_job {job}.txt", whole.getvalue())


def noise(seed: int, step: str, lines: int) -> Iterator[str]:
    """A step that prints much, and names errors now and then."""
    chance = random.Random(seed)  # noqa: S311 - words of a log
    stamp = "2026-03-04T09:12:31.0000000Z "
    yield f"{stamp}##[group]Run {step}\n{stamp}\x1b[36;1m{step}\x1b[0m\n{stamp}shell: bash\n{stamp}##[endgroup]\n"
    for number in range(lines):
        words = " ".join(chance.choices(WORDS, k=8))
        error = " (error ignored)" if number % 5_000 == 7 else ""
        yield f"2026-03-04T09:12:31.{number:07}Z [{number}] {words} {chance.random():.8f}{error}\n"


def measured(name: str, path: Path) -> float:
    """Print time and memory of one archive, in processes of their own; the seconds of CPU."""
    with zipfile.ZipFile(path) as opened:
        unpacked = sum(member.file_size for member in opened.infolist())
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        results = [pool.apply(reading, (str(path),)) for _ in range(3)]
    seconds, cpu = min(result[0] for result in results), min(result[1] for result in results)
    print(
        f"{name}: {path.stat().st_size / 1e6:.0f} MB of zip, {unpacked / 1e6:.0f} MB unpacked: {seconds:.2f} s "
        f"({cpu:.2f} s of CPU), memory +{max(result[2] for result in results):.0f} MB, {results[0][3]}"
    )
    return cpu


def peak() -> float:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024


def reading(path: str) -> tuple[float, float, float, str]:
    """(seconds of wall clock, of CPU, megabytes, what failed)."""
    read_job([b"x\n"])
    before = peak()
    started, cpu = time.perf_counter(), time.process_time()
    with Path(path).open("rb") as stream:
        run = read_archive(stream)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    failed = [job.finding.error for job in run.jobs if job.finding]
    return seconds, cpu, peak() - before, f"{len(run.jobs)} jobs, {len(failed)} failed: {', '.join(failed)}"


def compared() -> None:
    """A red log beside a green one of 20 MB."""
    green = "".join(noise(1, "test", 200_000)).encode()
    red = read_text((LOGS / "pytest-assert.log").read_text(encoding="utf-8"))
    cpu = time.process_time()
    found = compare(red, [green])
    cpu = time.process_time() - cpu
    print(f"compared with a green log of {len(green) / 1e6:.0f} MB: {cpu:.2f} s of CPU, {len(found.new)} new")


if __name__ == "__main__":
    main()
