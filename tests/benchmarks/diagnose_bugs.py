"""The acceptance benchmark: `patchwright diagnose` on real bugs of released packages, as a table.

Each bug is the source archive of the release before a fix, with the newer release's test laid over it. Columns:
reproduced; rank of the true function among the suspects; outcome; whether the suite, run here independently of
Patchwright, is no worse with the patch than without; seconds. Needs the package registry (archives, environments).

    python tests/benchmarks/diagnose_bugs.py [BUG...] [--seconds N] [--sandbox docker]
    python tests/benchmarks/diagnose_bugs.py [BUG...] --compare      # each on bubblewrap, then on Docker, side by side
    python tests/benchmarks/diagnose_bugs.py --corpus tests/benchmarks/real_bugs_later.toml
    python tests/benchmarks/diagnose_bugs.py --corpus tests/benchmarks/real_bugs_b.toml

Docker's image is made from this machine's own Python, without a registry.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.benchmarks import real_bugs
from tests.engines import docker_image

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "real-bugs"
COMMAND = Path(sys.executable).parent / "patchwright"


@dataclass(frozen=True)
class Row:
    """What one diagnosis gave; rank: 1-based place of the true function, 0 when it is not listed."""

    bug: str
    sandbox: str
    outcome: str
    reproduced: bool
    rank: int
    alternatives: int
    candidates: int
    sound: str
    seconds: float
    patch: str

    def __str__(self) -> str:
        return (
            f"{self.bug:40} {self.sandbox:10} {self.outcome[:60]:16} {'yes' if self.reproduced else 'NO':5} "
            f"{self.rank or '-':>4} {self.candidates:>6} {self.alternatives:>3} {self.sound[:60]:12} "
            f"{self.seconds:>6.1f}"
        )

    @property
    def found(self) -> tuple[bool, int, str]:
        """What does not depend on how fast the machine is."""
        return self.reproduced, self.rank, self.outcome


HEAD = f"{'bug':40} {'sandbox':10} {'outcome':16} {'repro':5} {'rank':>4} {'tried':>6} {'alt':>3} {'suite':12} {'s':>6}"


def diagnose(bug: real_bugs.Bug, tree: Path, sandbox: str, seconds: int) -> dict[str, Any]:
    """The report of one bug as JSON."""
    command = [COMMAND, "diagnose", tree, "--json", "--quiet", "--sandbox", sandbox, "--limit-seconds", str(seconds)]
    for test in bug.failing:
        command += ["--test", test]
    image = {"PATCHWRIGHT_IMAGE": docker_image()} if sandbox == "docker" else {}
    done = subprocess.run(
        [str(part) for part in command], env={**os.environ, **image}, capture_output=True, text=True,
        timeout=seconds * 2 + 300, check=False,
    )  # fmt: skip
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"outcome": f"exit {done.returncode}: {done.stderr.strip()[-200:]}", "suspects": [], "failing_tests": []}
    return report


def rank(report: dict[str, Any], functions: tuple[str, ...]) -> int:
    """The best place of a true function among the distinct suspected ones."""
    listed = [f"{s['file']}::{s['function']}" for s in report["suspects"]]
    wanted = set(functions)
    return next((i for i, name in enumerate(dict.fromkeys(listed), 1) if _same(name, wanted)), 0)


def _same(name: str, wanted: set[str]) -> bool:
    """A class stands for its body: its methods count, and so does the module level of its file."""
    file = name.split("::", maxsplit=1)[0]
    return any(
        name == w or name.startswith(f"{w}.") or (name == f"{file}::<module>" and w.startswith(file)) for w in wanted
    )


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="real-bug-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def soundness(bug: real_bugs.Bug, tree: Path, work: Path, patch: str | None) -> str:
    """Whether the patch, judged by an own environment, mends the named tests and breaks none: "" without a patch."""
    if not patch:
        return ""
    python = real_bugs.environment(bug, tree, bug.buggy, work / "env")
    before = real_bugs.results(python, tree, ())
    subprocess.run(["git", "apply", "-"], cwd=tree, input=patch.encode(), check=True)
    after = real_bugs.results(python, tree, ())
    broken = [test for test, outcome in before.items() if outcome == "passed" and after.get(test) != "passed"]
    return "sound" if not broken else f"BREAKS {broken[0]}"


def run(bug: real_bugs.Bug, sandbox: str, seconds: int) -> Row:
    """Prepare, diagnose and judge one bug. seconds: limit of the diagnosis; those of the row are its own alone."""
    with _scratch() as work:
        tree = real_bugs.prepare(bug, CACHE, work / "tree")
        started = time.monotonic()
        report = diagnose(bug, tree, sandbox, seconds)
        took = time.monotonic() - started
        patch = report.get("patch")
        sound = soundness(bug, tree, work, patch)
    return Row(
        bug=bug.id, sandbox=sandbox, outcome=report["outcome"], reproduced=bool(report["failing_tests"]),
        rank=rank(report, bug.functions), alternatives=len(report.get("alternatives", ())),
        candidates=report.get("cost", {}).get("candidates", 0), sound=sound, seconds=took, patch=patch or "",
    )  # fmt: skip


def measured(bugs: Sequence[real_bugs.Bug], sandboxes: Sequence[str], seconds: int, *, patches: bool) -> list[Row]:
    """All rows, printed as they come: one sandbox after the other for each bug, so that load slows each alike."""
    print(HEAD)
    rows = []
    for bug in bugs:
        for sandbox in sandboxes:
            row = run(bug, sandbox, seconds)
            rows.append(row)
            print(row, flush=True)
            if patches and row.patch:
                print(row.patch)
    return rows


def summary(rows: Sequence[Row]) -> str:
    """The totals of one sandbox."""
    verified = sum(row.outcome == "verified_patch" for row in rows)
    top = sum(0 < r.rank <= 5 for r in rows)
    broken = sum(r.sound.startswith("BREAKS") for r in rows)
    return (
        f"{len(rows)} bugs: {sum(r.reproduced for r in rows)} reproduced; true function in the top 5 for {top},\n"
        f"first for {sum(r.rank == 1 for r in rows)}; {verified} verified, {broken} of them break other tests; "
        f"{statistics.median(r.seconds for r in rows):.1f} s in the middle"
    )


def differences(rows: Sequence[Row]) -> list[str]:
    """Bugs that did not end alike everywhere; a patch that differs is told too."""
    told = []
    for bug in dict.fromkeys(row.bug for row in rows):
        mine = [row for row in rows if row.bug == bug]
        if len({row.found for row in mine}) > 1:
            told.append(f"DIFFERS {bug}: " + "; ".join(f"{row.sandbox} {row.found}" for row in mine))
        elif len({row.patch for row in mine}) > 1:
            told.append(f"other patch {bug}")
    return told


def main() -> int:
    """Run the chosen bugs and print the table and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bugs", nargs="*", help="ids or packages (default: all)")
    parser.add_argument("--corpus", type=Path, default=real_bugs.CORPUS, help="the list of bugs")
    parser.add_argument("--seconds", type=int, default=180, help="limit of one diagnosis")
    parser.add_argument("--patches", action="store_true", help="print the patches too")
    parser.add_argument("--sandbox", default="bubblewrap", choices=("bubblewrap", "docker"))
    parser.add_argument("--compare", action="store_true", help="both sandboxes; 1 when they do not end alike")
    arguments = parser.parse_args()
    sandboxes = ("bubblewrap", "docker") if arguments.compare else (arguments.sandbox,)
    bugs = real_bugs.select(real_bugs.load(arguments.corpus), arguments.bugs)
    rows = measured(bugs, sandboxes, arguments.seconds, patches=arguments.patches)
    for sandbox in sandboxes:
        print(f"\n{sandbox}: {summary([row for row in rows if row.sandbox == sandbox])}")
    told = differences(rows)
    print("\n".join(told))
    broken = any(row.sound.startswith("BREAKS") for row in rows)
    return int(broken or any(line.startswith("DIFFERS") for line in told))


if __name__ == "__main__":
    sys.exit(main())
