"""The classic programs: single faults written by hand, diagnosed by `patchwright`, compared with the intended fix.

A program counts as *verified* when the report carries a certificate, and as *right* when the patched program behaves as
the intended one on some 200 generated inputs.

    python tests/benchmarks/classic_programs.py [NAME...] [--patches]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(__file__).resolve().parent / "classic"
COMMAND = Path(sys.executable).parent / "patchwright"
COMPARE = """
import copy, importlib.util, random, signal, sys
def load(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
def outcome(module, function, args):
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        return ("returns", repr(getattr(module, function)(*copy.deepcopy(args))))
    except Exception as error:
        return ("raises", type(error).__name__)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
class Slow(Exception): pass
def ring(*_): raise Slow
signal.signal(signal.SIGALRM, ring)
folder = sys.argv[1]
sys.path.insert(0, folder)
intended = load(folder + "/intended.py", "intended")
patched = load(folder + "/program.py", "program")
behaviour = load(folder + "/behaviour.py", "behaviour")
for function, args in behaviour.calls(random.Random(7)):
    if outcome(intended, function, args) != outcome(patched, function, args):
        print(function, args); sys.exit(1)
"""


@dataclass(frozen=True)
class Row:
    """What one program gave. seconds: of the whole diagnosis; search: of the search alone."""

    name: str
    outcome: str
    right: bool
    differs: str
    candidates: int
    alternatives: int
    seconds: float
    patch: str


def run(name: str, seconds: int) -> Row:
    """Diagnose one program in a directory of its own."""
    source = PROGRAMS / name
    with tempfile.TemporaryDirectory(prefix="classic-") as work:
        tree = Path(work) / name
        tree.mkdir()
        for file in ("program.py", "test_program.py"):
            shutil.copyfile(source / file, tree / file)
        started = time.monotonic()
        report = _diagnose(tree, seconds)
        took = time.monotonic() - started
        differs = _compare(source, Path(work), report.get("patch"))
    verified = report["outcome"] == "verified_patch"
    return Row(
        name=name, outcome=report["outcome"], right=verified and not differs, differs=differs,
        candidates=report.get("cost", {}).get("candidates", 0), alternatives=len(report.get("alternatives", ())),
        seconds=took, patch=report.get("patch") or "",
    )  # fmt: skip


def _diagnose(tree: Path, seconds: int) -> dict[str, Any]:
    command = [COMMAND, "diagnose", tree, "--json", "--quiet", "--limit-seconds", seconds, "--test-seconds", 5]
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=seconds * 3, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"outcome": f"exit {done.returncode}: {done.stderr.strip()[-160:]}"}
    return report


def _compare(source: Path, work: Path, patch: str | None) -> str:
    """The first generated input on which patched and intended program differ; "" when there is none."""
    if not patch:
        return "no patch"
    folder = work / "compare"
    folder.mkdir()
    for file in ("program.py", "behaviour.py"):
        shutil.copyfile(source / file, folder / file)
    subprocess.run(["git", "apply", source / "intended.diff"], cwd=folder, check=True)
    (folder / "program.py").rename(folder / "intended.py")
    shutil.copyfile(source / "program.py", folder / "program.py")
    subprocess.run(["git", "apply", "-"], cwd=folder, input=patch.encode(), check=True)
    done = subprocess.run(
        [sys.executable, "-c", COMPARE, str(folder)], capture_output=True, text=True, timeout=300, check=False
    )
    return "" if done.returncode == 0 else (done.stdout or done.stderr)[-200:].strip()


def main() -> int:
    """Run the chosen programs and print the table and the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seconds", type=int, default=90)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--patches", action="store_true")
    arguments = parser.parse_args()
    names = arguments.names or sorted(path.name for path in PROGRAMS.iterdir() if (path / "program.py").exists())
    print(f"{'program':26} {'outcome':16} {'right':5} {'tried':>6} {'alt':>3} {'s':>6}  differs on")
    with ThreadPoolExecutor(arguments.jobs) as pool:
        rows = []
        for row in pool.map(lambda name: run(name, arguments.seconds), names):
            rows.append(row)
            told = "yes" if row.right else "no"
            print(
                f"{row.name:26} {row.outcome[:60]:16} {told:5} {row.candidates:>6} {row.alternatives:>3} "
                f"{row.seconds:>6.1f}  {row.differs[:80]}",
                flush=True,
            )
            if arguments.patches and row.patch:
                print(row.patch)
    total, verified, right = len(rows), sum(r.outcome == "verified_patch" for r in rows), sum(r.right for r in rows)
    median = statistics.median(r.seconds for r in rows)
    print(f"\n{total} programs: {verified} verified ({verified / total:.0%}), median {median:.1f} s;")
    print(f"{right} equal in behaviour to the intended fix ({right / total:.0%})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
