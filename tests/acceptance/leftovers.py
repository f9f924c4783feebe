"""What a run may have left behind or changed: processes, mounts, temporary files, control groups, the user's files."""

from __future__ import annotations

import glob
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

Print = tuple[int, int, str]


def fingerprint(root: Path) -> dict[Path, Print]:
    """Of everything below `root` (.git included): mode, time of change and content or target."""
    found = {}
    for directory, folders, files in os.walk(root):
        for path in (Path(directory), *(Path(directory, name) for name in (*folders, *files))):
            facts = path.lstat()
            found[path] = (facts.st_mode, facts.st_mtime_ns, _content(path, facts.st_mode))
    return found


def _content(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return str(path.readlink())
    if not stat.S_ISREG(mode):
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def processes(mark: Path) -> list[str]:
    """Live processes that have to do with the directory `mark`: by command line, variables, directory or mounts."""
    return [found for pid in _pids() if (found := _concerned(pid, os.fsencode(mark)))]


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and path.name != str(os.getpid()))


def _concerned(pid: int, mark: bytes) -> str:
    for source in ("cmdline", "environ", "mountinfo"):
        try:
            content = Path(f"/proc/{pid}/{source}").read_bytes()
        except OSError:
            continue
        if mark in content:
            command = Path(f"/proc/{pid}/cmdline").read_bytes() if Path(f"/proc/{pid}").exists() else b""
            return f"{pid} ({source}): {command.replace(bytes(1), b' ').decode(errors='replace')[:200]}"
    return ""


def mounts(mark: Path) -> list[str]:
    """Mounts of this process's view that name the directory."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(mark) in line]


def temporary(folder: Path) -> list[str]:
    """What is in a temporary directory beside the sandbox's own few files for /etc, which stay."""
    kept = {folder / f"patchwright-{os.geteuid()}", folder / f"patchwright-{os.geteuid()}" / "etc"}
    found = [*folder.iterdir(), *folder.glob("patchwright-*/*")]
    return sorted(str(path.relative_to(folder)) for path in found if path not in kept)


def control_groups(pid: int) -> list[str]:
    """Control groups made by the process `pid`."""
    root = Path("/sys/fs/cgroup")
    patterns = (f"patchwright-*-{pid}-*", f"*/patchwright-*-{pid}-*", f"*/*/patchwright-*-{pid}-*")
    return [path for pattern in patterns for path in glob.glob(pattern, root_dir=root)]  # noqa: PTH207 - bears groups that vanish


def wait_for_none(mark: Path, seconds: float = 30.0) -> list[str]:
    """Processes still alive after at most `seconds`: fewer than any that a test leaves behind would live."""
    end = time.monotonic() + seconds
    while (left := processes(mark)) and time.monotonic() < end:
        time.sleep(0.05)
    return left
