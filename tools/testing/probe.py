"""The host's half of the probe: how it gets into a sandbox and into the pytest that a command starts in the end."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.protocol import Kind, Mount, Sandbox
from tools.testing.bounded import named

INSIDE = "/patchwright/probe"
PLUGIN = "patchwright_probe"
MAX_RESULTS, MAX_SPECTRUM, MAX_STACKS = 64 << 20, 64 << 20, 1 << 20
# Variables of the shell are left to what is there already: the environment's own PYTHONPATH must stay.
_WRAPPER = (
    'PYTHONPATH="$PATCHWRIGHT_HOME${PYTHONPATH:+:$PYTHONPATH}" '
    f'PYTEST_PLUGINS="{PLUGIN}${{PYTEST_PLUGINS:+,$PYTEST_PLUGINS}}"; '
    'export PYTHONPATH PYTEST_PLUGINS; unset PATCHWRIGHT_HOME; exec "$@"'
)


def probe_mount() -> Mount:
    """What every sandbox needs that runs Python tests: the probe's directory, read-only."""
    return Mount(host=_home(), inside=INSIDE)


def _home() -> Path:
    return Path(__file__).resolve().parents[1] / "inside" / "probe"


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """What the probe is to do in one run, and where it writes; see the probe's settings.py.

    folder: an inside directory of this run alone.
    """

    workspace: str
    kind: Kind
    select: tuple[str, ...] = ()
    per_test_s: float = 0.0
    collect_s: float = 0.0
    coverage_roots: tuple[str, ...] | None = None
    seed: int = 0
    stop_after: int = 0
    collect_only: bool = False
    folder: str = field(default_factory=lambda: f"/tmp/patchwright-{secrets.token_hex(8)}")  # noqa: S108

    @property
    def results(self) -> str:
        return f"{self.folder}/results"

    @property
    def spectrum(self) -> str:
        return f"{self.folder}/spectrum"

    @property
    def stacks(self) -> str:
        """Where the stacks go of a test that had to be ended with its process."""
        return f"{self.results}.stacks"

    async def prepare(self, sandbox: Sandbox, done: Sequence[str] = ()) -> None:
        """Write the lists of ids (and with them the folder); `done`: tests and files that are not run again."""
        lists: dict[str, Any] = {"done": [named(test) for test in done]}
        if self.select:
            lists["select"] = [named(test) for test in self.select]
        await sandbox.write_file(f"{self.folder}/lists", json.dumps(lists).encode())

    def argv(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The command with the probe in its environment."""
        return ("sh", "-c", _WRAPPER, "patchwright", *argv)

    def env(self) -> Mapping[str, str]:
        """Variables of the command."""
        settings = {
            "results": self.results,
            "root": self.workspace,
            "spectrum": self.spectrum if self.coverage_roots is not None else "",
            "lists": f"{self.folder}/lists",
            "per_test_s": self.per_test_s,
            "collect_s": self.collect_s,
            "roots": list(self.coverage_roots or ()),
            "seed": self.seed,
            "stop_after": self.stop_after,
            "collect_only": self.collect_only,
        }
        home = str(_home()) if self.kind == "none" else INSIDE
        return {"PATCHWRIGHT_PROBE": json.dumps(settings), "PATCHWRIGHT_HOME": home}

    async def remove(self, sandbox: Sandbox) -> None:
        """Free what the run wrote."""
        await sandbox.exec(("rm", "-rf", self.folder))


async def read(sandbox: Sandbox, path: str, max_bytes: int) -> bytes:
    """A file that a run may have written; b"" where it has not."""
    try:
        return await sandbox.read_file(path, max_bytes=max_bytes)
    except OSError:
        return b""
