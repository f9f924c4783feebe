"""The installed `patchwright` command, started as a user would, in a home and a temporary directory of its own.

Every run that is waited for is checked: nothing may be left behind, the checkout must be as it was, and it must end
with a documented exit code and no traceback.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.domain import EXIT_CODES, Report
from tests.acceptance import leftovers

COMMAND = Path(sys.executable).with_name("patchwright")
DOCUMENTED = {*EXIT_CODES.values(), 1, 64, 65, 69, 74, 128 + signal.SIGINT, 128 + signal.SIGTERM}
SECRET = "canary-5f1c9e2b7d"
WARM = {"repeats": 3, "workers": 1, "rounds": 1, "limit_seconds": 240, "test_seconds": 20, "suite_seconds": 60}


@dataclass(frozen=True)
class Ended:
    """A finished command. folder: what --out named, empty when nothing was written."""

    code: int
    out: str
    err: str
    seconds: float
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """report.json, checked against its model."""
        text = (self.folder / "report.json").read_text(encoding="utf-8")
        Report.model_validate_json(text)
        report: dict[str, Any] = json.loads(text)
        return report

    @property
    def outcome(self) -> str:
        """The report's outcome, or what was said instead of one."""
        reported = (self.folder / "report.json").exists()
        return str(self.report["outcome"]) if reported else f"exit {self.code}: {self.err[-1500:]}"

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.out + self.err


@dataclass
class Patchwright:
    """The command in `folder`, a directory of one test."""

    folder: Path
    cache: Path
    settings: dict[str, object] = field(default_factory=lambda: dict(WARM))

    def __post_init__(self) -> None:
        for path in (self.home, self.tmp, self.user):
            path.mkdir(parents=True, exist_ok=True)
        (self.user / "secret.txt").write_text(SECRET)

    @property
    def home(self) -> Path:
        return self.folder / "data"

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    @property
    def user(self) -> Path:
        """The user's home directory."""
        return self.folder / "user"

    def environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        """The variables of the process, with a secret among them."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PATCHWRIGHT_", "PYTEST_"))}
        pip = Path.home() / ".config" / "pip" / "pip.conf"
        places = {"HOME": self.home, "CACHE": self.cache}
        ours = {**places, **self.settings, **settings}
        return {
            **kept,
            **({"PIP_CONFIG_FILE": str(pip)} if pip.exists() else {}),
            **{f"PATCHWRIGHT_{name.upper()}": str(value) for name, value in ours.items()},
            "HOME": str(self.user),
            "TMPDIR": str(self.tmp),
            "SERVICE_TOKEN": SECRET,
        }

    def start(self, *arguments: str | Path, wrap: Sequence[str] = (), **settings: object) -> subprocess.Popen[str]:
        """Start it in a session of its own, with both its streams piped. wrap: a command line that runs it."""
        return subprocess.Popen(
            [*wrap, str(COMMAND), *map(str, arguments)], env=self.environment(settings), cwd=self.user,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True,
        )  # fmt: skip

    def run(self, *arguments: str | Path, timeout: float = 300, wrap: Sequence[str] = (), **settings: object) -> Ended:
        """Run a command to its end."""
        began = time.monotonic()
        process = self.start(*arguments, wrap=wrap, **settings)
        return self.end(process, began, Path(), timeout)

    def end(self, process: subprocess.Popen[str], began: float, folder: Path, timeout: float) -> Ended:
        """Wait for it, and check that it ended as every command must."""
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"it did not end within {timeout} s:\n{out[-2000:]}\n{err[-4000:]}") from None
        ended = Ended(process.returncode, out, err, time.monotonic() - began, folder)
        assert ended.code in DOCUMENTED, f"exit {ended.code}\n{ended.text}\n{self._bug()}"
        assert "Traceback (most recent call last)" not in ended.text, ended.text
        self.assert_nothing_left(process.pid)
        return ended

    def _bug(self) -> str:
        """The tracebacks of bugs that the command kept."""
        return "\n".join(path.read_text()[-6000:] for path in self.tmp.glob("patchwright-bug-*"))

    def assert_nothing_left(self, pid: int) -> None:
        """No process, mount, temporary file or control group of the run, and its secrets nowhere."""
        assert leftovers.wait_for_none(self.folder) == []
        assert leftovers.mounts(self.folder) == []
        assert leftovers.temporary(self.tmp) == []
        assert leftovers.control_groups(pid) == []
        assert self.files_with(SECRET) == []

    def files_with(self, text: str) -> list[Path]:
        """Files of the runs that contain `text`; a worker may be removing some meanwhile."""
        found = []
        for folder, _, names in os.walk(self.home):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes():
                        found.append(path)
        return found

    def diagnose(
        self, repo: Path, *arguments: str | Path, timeout: float = 300, wrap: Sequence[str] = (), **settings: object
    ) -> Ended:
        """Diagnose a checkout, whose files must stay as they are."""
        before = leftovers.fingerprint(repo)
        out = self.folder / f"out-{time.monotonic_ns()}"
        began = time.monotonic()
        process = self.start("diagnose", repo, "--out", out, *arguments, wrap=wrap, **settings)
        ended = self.end(process, began, out, timeout)
        changed = set(before.items() ^ leftovers.fingerprint(repo).items())
        assert not changed, sorted({str(path) for path, _ in changed})[:10]
        if ended.code in EXIT_CODES.values() and (out / "report.json").exists():
            assert EXIT_CODES[ended.report["outcome"]] == ended.code
        return ended

    def runs(self) -> list[str]:
        """Ids of the runs, the oldest first."""
        return sorted(path.name for path in (self.home / "runs").iterdir())
