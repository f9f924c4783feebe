"""What an engine enforces, found out by trying: small commands that break one limit each."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.protocol import Enforcement, Limit, Quota, Sandbox, Sandboxes, Workspace

QUOTA = Quota(
    wall_s=10.0, memory_bytes=64 << 20, processes=16, output_bytes=1 << 16, flood_bytes=4 << 20, disk_bytes=16 << 20
)
_HOG = "(head -c 60000000 /dev/zero; sleep 0.4) | tail"  # tail keeps a line without end in memory
_FILL = "head -c 12000000 /dev/zero >"


@dataclass(frozen=True, slots=True)
class Trial:
    """A script that exceeds `limit` as a whole, and one that exceeds it with a single process."""

    limit: Limit
    tree: str
    process: str
    quota: Quota = QUOTA


TRIALS = (
    Trial("wall", "setsid sleep 20 & sleep 20", "sleep 20", replace(QUOTA, wall_s=0.1)),
    Trial("memory", f"for i in 1 2 3 4; do {_HOG} >/dev/null & done; wait", "head -c 300000000 /dev/zero | tail"),
    Trial("processes", "for i in 1 2 3 4 5 6 7 8; do (sleep 1 & sleep 1 & sleep 1 & sleep 1) & done; wait", "true"),
    Trial("output", "(cat /dev/zero & cat /dev/zero); sleep 20", "cat /dev/zero"),
    Trial("disk", f"{_FILL} a; {_FILL} $HOME/b; {_FILL} c", "head -c 60000000 /dev/zero > d"),
)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the trials showed."""

    network: bool
    files: bool
    processes: bool
    limits: dict[Limit, Enforcement]


async def run(sandboxes: Sandboxes) -> Findings:
    """Try everything in sandboxes of this provider; takes under a second. Raises SandboxUnavailable."""
    limits: dict[Limit, Enforcement] = {"cpu": "process", "open_files": "process"}
    with tempfile.TemporaryDirectory(prefix="patchwright-trial-") as directory:
        secret = Path(directory, "secret")
        secret.write_text("secret")
        layer = Path(directory, "layer")
        layer.mkdir()
        for trial in TRIALS:
            async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
                limits[trial.limit] = await _enforced(sandbox, trial)
        async with sandboxes.open(Workspace((layer,)), quota=QUOTA) as sandbox:
            return Findings(
                network=await _true(sandbox, "! grep -qvE 'lo:|Inter-|face' /proc/net/dev"),
                files=await _true(sandbox, f"! test -e {secret}"),
                processes=await _true(sandbox, "test $(ls -d /proc/[0-9]* | wc -l) -lt 8"),
                limits=limits,
            )


async def _enforced(sandbox: Sandbox, trial: Trial) -> Enforcement:
    if trial.limit in (await sandbox.exec(["sh", "-c", trial.tree], quota=trial.quota)).exceeded:
        return "tree"
    alone = await sandbox.exec(["sh", "-c", trial.process], quota=trial.quota)
    return "process" if trial.limit in alone.exceeded or not alone.ok else "none"


async def _true(sandbox: Sandbox, script: str) -> bool:
    return (await sandbox.exec(["sh", "-c", script])).ok
