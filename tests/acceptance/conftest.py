"""The command under test, with the environments of all tests in one cache that lives under the repository."""

from __future__ import annotations

import fcntl
import signal
from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository

# Ctrl-C is tested too where the suite was started with it ignored (by a script's `&`): what is started inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CACHE = Path(__file__).parents[2] / ".cache" / "test-environments"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that most tests need (pytest and coverage) is in it before the first of them begins its clock."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "warming.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = tmp_path_factory.mktemp("warm")
        warm = Patchwright(folder, CACHE)
        warm.run("diagnose", repository(folder / "shop"), "--goal", "triage", timeout=300, limit_seconds=280)
    return CACHE


@pytest.fixture
def patchwright(tmp_path: Path, cache: Path) -> Patchwright:
    """The command in a home of its own."""
    return Patchwright(tmp_path, cache)
