"""Removes directories of ours in which the engine's root has left something that an ordinary user may not remove.

An overlay keeps its own files in its work directory, as whoever mounted it. A container of the same image, root with
the right to remove and nothing else, empties those directories; the rest is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.docker import ground
from sandbox.docker.engine import Engine
from sandbox.docker.labels import fresh_name, labels
from sandbox.docker.launching import remove
from sandbox.docker.lending import Loan
from sandbox.docker.specification import OWN

_EMPTY = """
import os, shutil, sys
for top in sys.argv[1:]:
    for entry in os.scandir(top):
        shutil.rmtree(entry.path, True) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
"""
_WAIT_S = 120


async def sweep(engine: Engine, image: str, directories: Sequence[Path], lent: Loan | None = None) -> None:
    """Remove the directories. lent: the Python of an image that has none. Raises SandboxUnavailable."""
    left = await engine.run(partial(ground.clear, directories))
    if left:
        await engine.call("remove directories", lambda api: _sweep(api, image, left, lent))
        await engine.run(partial(ground.clear, left))


def _sweep(api: Any, image: str, directories: Sequence[Path], lent: Loan | None) -> None:
    name = fresh_name()
    places = {f"/sweep/{at}": directory for at, directory in enumerate(directories)}
    mounts: list[dict[str, Any]] = [
        {"Type": "bind", "Source": str(host), "Target": place} for place, host in places.items()
    ]
    if lent is not None:
        source = str(lent.mount.host)
        mounts.append({"Type": "bind", "Source": source, "Target": lent.mount.inside, "ReadOnly": True})
    body = {
        "Image": image,
        "User": "0:0",
        "Entrypoint": [lent.program if lent else OWN, "-I", "-S", "-c", _EMPTY, *places],
        "Labels": labels("", name),
        "HostConfig": {
            "Mounts": mounts, "NetworkMode": "none", "ReadonlyRootfs": True, "CapDrop": ["ALL"],
            "CapAdd": ["DAC_OVERRIDE", "FOWNER"], "SecurityOpt": ["no-new-privileges:true"], "PidsLimit": 16,
            "Memory": 256 << 20, "LogConfig": {"Type": "none", "Config": {}},
        },
    }  # fmt: skip
    try:
        api.start(api.create_container_from_config(body, name)["Id"])
        api.wait(name, timeout=_WAIT_S)
    finally:
        remove(api, name)
