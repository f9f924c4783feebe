"""Triage of reconstructed incidents: the culprit change in the top 3 and at rank 1, the verdicts, confident errors.

    python tests/benchmarks/incidents.py [NAME…] [--workers N]

Each incident is really run (about 10 s) and then given to `patchwright triage`. Of those that are held out only totals
are printed. Ends with an error below the aims.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.incidents.appointments import APPOINTMENTS  # noqa: E402
from tests.incidents.catalogue import INCIDENTS as SHOP  # noqa: E402
from tests.incidents.catalogue import Incident  # noqa: E402
from tests.incidents.deliveries import DELIVERIES  # noqa: E402
from tests.incidents.evenings import EVENINGS  # noqa: E402
from tests.incidents.nights import NIGHTS, Night  # noqa: E402

SYSTEMS: tuple[tuple[Incident | Night, ...], ...] = (SHOP, DELIVERIES, APPOINTMENTS, EVENINGS, NIGHTS)
INCIDENTS = tuple(each for system in SYSTEMS for each in system)
DEVELOPED = tuple(each for system in SYSTEMS for each in system[::2])
HELD_OUT = tuple(each for system in SYSTEMS for each in system[1::2])
TOP_3, RANK_1, CONFIDENT = 0.9, 0.8, 0.5


@dataclass(frozen=True)
class Result:
    """rank: of the culprit, 0 where it is not among the suspects; seconds: of the triage."""

    incident: Incident | Night
    rank: int
    cause: str
    confidence: float
    seconds: float
    note: dict[str, Any]

    @property
    def right(self) -> bool:
        return self.cause in self.incident.causes

    @property
    def wrong(self) -> bool:
        """A confident verdict that is not the truth, or names another change than the culprit."""
        named = self.cause in ("change", "config", "dependency")
        false = not self.right or (named and self.incident.culprit and self.rank != 1)
        return self.cause != "inconclusive" and self.confidence >= CONFIDENT and false


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    chosen = [each for each in INCIDENTS if not given.names or each.name in given.names]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.workers) as pool:
        results = list(pool.map(lambda each: measured(each, given.keep or Path(folder)), chosen))
    developed = [result for result in results if result.incident in DEVELOPED]
    for result in developed:
        print(row(result))
    print()
    good = total("looked at", developed)
    good &= total("held out", [result for result in results if result.incident in HELD_OUT])
    good &= total("all", results)
    sys.exit(0 if good or given.names else 1)


def measured(incident: Incident | Night, folder: Path) -> Result:
    """Run an incident and its triage."""
    ran = incident.play(folder / incident.name)
    logs = [part for path in sorted(ran.logs.glob("*.log")) for part in ("--log", str(path))]
    records = {"deploys": ran.deploys, "topology": ran.topology}
    given = [part for name in records if name not in incident.without for part in (f"--{name}", str(records[name]))]
    command = [
        str(Path(sys.executable).with_name("patchwright")), "triage", *logs, "--repo", str(ran.repo), *given,
        "--format", "json", "--out", str(folder / f"{incident.name}-note"),
    ]  # fmt: skip
    began = time.monotonic()
    env = {**os.environ, "PATCHWRIGHT_CACHE": str(folder / f"{incident.name}-cache")}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    seconds = time.monotonic() - began
    if ended.returncode not in (0, 2, 3):
        raise SystemExit(f"{incident.name}: exit {ended.returncode}: {ended.stderr[-2000:]}")
    note = json.loads(ended.stdout)
    commits = [suspect["commit"] for suspect in note["suspects"]]
    rank = commits.index(ran.culprit) + 1 if ran.culprit in commits and ran.culprit else 0
    (folder / f"{incident.name}.json").write_text(ended.stdout)
    return Result(incident, rank, note["cause"], note["confidence"], seconds, note)


def row(result: Result) -> str:
    incident = result.incident
    rank = f"rank {result.rank}" if incident.culprit and result.rank else "missed" if incident.culprit else "no culprit"
    mark = "WRONG" if result.wrong else "" if result.right else "not named"
    verdict = f"{result.cause} {result.confidence:.2f}"
    return f"{incident.name:<18} {incident.fault:<17} {rank:<11} {verdict:<22} {result.seconds:5.1f} s  {mark}"


def total(name: str, results: Sequence[Result]) -> bool:
    """Print the totals; whether they reach the aims."""
    guilty = [result for result in results if result.incident.culprit]
    rest = [result for result in results if not result.incident.culprit]
    top = sum(1 <= result.rank <= 3 for result in guilty)
    first = sum(result.rank == 1 for result in guilty)
    right, wrong = sum(result.right for result in results), sum(result.wrong for result in results)
    without = sum(result.wrong for result in rest)
    cited = sum(result.note["citations"].startswith("All ") for result in results)
    slowest = max((result.seconds for result in results), default=0.0)
    print(
        f"{name}: {len(results)} incidents; culprit in the top 3: {top} of {len(guilty)}, rank 1: {first};"
        f" verdict right: {right}; confident and wrong: {wrong}, on those without a culprit: {without} of {len(rest)};"
        f" all sentences cited: {cited}; slowest triage {slowest:.1f} s"
    )
    reached = not guilty or (top >= TOP_3 * len(guilty) and first >= RANK_1 * len(guilty))
    return reached and not wrong and cited == len(results)


if __name__ == "__main__":
    main()
