"""The command under test, with the environments of all tests in one cache that lives under the repository."""

from __future__ import annotations

import fcntl
import os
import pickle
import signal
import tempfile
from pathlib import Path

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import repository
from tests.incidents.bench import Ran
from tests.incidents.catalogue import HANDED_OVER

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


@pytest.fixture(scope="session")
def unfilled(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A bug that went live with other commits, shortly before a harmless deploy of another service; its shop's own
    tests show it. Played once for all processes of the tests, which only read it.
    """
    own = tmp_path_factory.getbasetemp()
    place = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    kept = place / "unfilled.pickle"
    with (place / "unfilled.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            ran = HANDED_OVER.play(Path(tempfile.mkdtemp(prefix="unfilled-", dir=place)) / "unfilled")
            kept.write_bytes(pickle.dumps(ran))
    found = pickle.loads(kept.read_bytes())  # noqa: S301 - our own
    assert isinstance(found, Ran)
    return found


@pytest.fixture
def patchwright(tmp_path: Path, cache: Path) -> Patchwright:
    """The command in a home of its own."""
    return Patchwright(tmp_path, cache)
