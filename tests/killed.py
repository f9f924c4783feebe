"""Diagnoses on the real Docker engine, killed at random points; after the next reaper nothing of them may be left.

    python -m tests.killed [--runs 50] [--seed 1]

The real command, at whatever it does: plain diagnoses, builds of environments, builds of images. After each kill
`patchwright images prune` reaps; then containers, volumes, networks, mounts, processes, control groups and temporary
files are compared with before. Ends with 1 when something is left, or when a whole run after that does not succeed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from sandbox.docker.labels import OWNER
from sandbox.owners import owner
from tests.acceptance import leftovers
from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import SHOP, repository
from tests.engines import docker_image, remove_built

LATEST_S = 9.0
KINDS = ("plain", "environment", "image")
PATIENCE_S = 60.0


@dataclass
class Victims:
    """Processes that are killed. pids: of those that were; at: how often each kind was killed."""

    patchwright: Patchwright
    api: Any
    chance: random.Random
    pids: list[int] = field(default_factory=list)
    at: Counter[str] = field(default_factory=Counter)

    def kill_one(self, number: int) -> str:
        """Start a run of some kind and kill it at some point; which and when."""
        kind = self.chance.choice(KINDS)
        pause = self.chance.uniform(0.3, LATEST_S)
        self.at[kind] += 1
        cold: Mapping[str, Any] = (
            {"cache": self.patchwright.folder / f"cache-{number}"} if kind == "environment" else {}
        )
        process = self.patchwright.start("diagnose", *self._arguments(kind, number), image=docker_image(), **cold)
        time.sleep(pause)
        process.kill()
        process.communicate()
        self.pids.append(process.pid)
        return f"run {number} ({kind}, killed after {pause:.1f} s)"

    def _arguments(self, kind: str, number: int) -> list[str | Path]:
        folder = self.patchwright.folder / f"repository-{number}"
        if kind != "image":
            return [repository(folder), "--sandbox", "docker"]
        steps = "".join(f"RUN echo {number} {step} && sleep 1\n" for step in range(3))
        files = {**SHOP, "Dockerfile": f"FROM {docker_image()}\n{steps}"}
        return [repository(folder, files), "--sandbox", "docker", "--dockerfile", "Dockerfile"]

    def left(self, before: set[str]) -> list[str]:
        """What is there now and was not before, once it has had a moment to go."""
        self.patchwright.run("images", "prune", image=docker_image())
        end = time.monotonic() + PATIENCE_S
        while (found := [*sorted(self.held() - before), *self._here()]) and time.monotonic() < end:
            time.sleep(0.2)
        return found

    def held(self) -> set[str]:
        """What the engine has, but for what other processes that use it now have labelled as theirs."""
        return {f"{kind} {name}" for kind, name, marks in self._things() if self._concerns(marks)}

    def _things(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        for found in self.api.containers(all=True):
            yield "container", found["Id"], found.get("Labels") or {}
        for found in self.api.volumes().get("Volumes") or ():
            yield "volume", found["Name"], found.get("Labels") or {}
        for found in self.api.networks():
            yield "network", found["Id"], found.get("Labels") or {}

    def _concerns(self, marks: dict[str, str]) -> bool:
        """Whether it is unlabelled, or of a process of ours."""
        namespace = owner().split("-")[1]
        ours = tuple(f"patchwright-{namespace}-{pid}-" for pid in self.pids)
        return not marks.get(OWNER) or marks[OWNER].startswith(ours)

    def _here(self) -> Iterator[str]:
        """What is on this machine beside the engine."""
        folder = self.patchwright.folder
        yield from (f"process {found}" for found in leftovers.processes(folder))
        yield from (f"mount {found}" for found in leftovers.mounts(folder))
        yield from (f"temporary {found}" for found in leftovers.temporary(self.patchwright.tmp))
        yield from (f"control group {found}" for pid in self.pids for found in leftovers.control_groups(pid))


def killed(folder: Path, runs: int, seed: int) -> list[str]:
    """Kill so many runs, and finish one; what was wrong."""
    api = docker.from_env(version="auto").api
    patchwright = Patchwright(folder, folder / "cache")
    victims = Victims(patchwright, api, random.Random(seed))  # noqa: S311 - no secrets
    try:
        docker_image()
        before, wrong = victims.held(), []
        for number in range(runs):
            what = victims.kill_one(number)
            found = victims.left(before)
            print(f"  {what}: {'; '.join(found) or 'nothing left'}", flush=True)
            wrong += [f"{what}: {one}" for one in found]
        ended = patchwright.run("diagnose", repository(folder / "last"), "--sandbox", "docker", image=docker_image())
        wrong += [f"the last run: {one}" for one in victims.left(before)]
        wrong += [] if ended.code == 0 else [f"the last run ended with {ended.code}: {ended.err[-500:]}"]
    finally:
        remove_built(patchwright.cache)
        api.close()
    print(f"{runs} runs were killed: {dict(victims.at)}")
    return wrong


def main() -> int:
    """Run it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="patchwright-killed-") as work:
        wrong = killed(Path(work), wanted.runs, wanted.seed)
    print("\n".join(wrong) or "nothing was left of any")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
