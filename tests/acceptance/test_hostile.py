"""Repositories that mean harm to the run: each ends within its limits, with an outcome.

`Patchwright.diagnose` itself asserts after every run: no traceback, a documented exit code, no process, mount,
temporary file or control group left, the user's files unchanged, and the secrets of environment and home in no file.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.command import Patchwright
from tests.acceptance.repositories import (
    FAILING,
    SHOP,
    Files,
    repository,
)

SHORT: dict[str, Any] = {"limit_seconds": 45, "test_seconds": 2, "suite_seconds": 6, "repeats": 2}


def attack(conftest: str) -> Files:
    """The shop with a conftest."""
    return {**SHOP, "tests/conftest.py": conftest}


# Each of them runs while pytest starts.
STARTING = {
    "kills its parent": "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\n",
    "kills every process": "import os, signal\nos.kill(-1, signal.SIGKILL)\nfor pid in range(2, 400):\n"
    "    try:\n        os.kill(pid, signal.SIGKILL)\n    except OSError:\n        pass\n",
    "stops its parents": "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)\nos.kill(-1, signal.SIGSTOP)\n",
    "exits at once": "import os\nos._exit(0)\n",
    "closes every descriptor": "import os\nos.closerange(0, 4096)\n",
    "loops for ever": "while True:\n    pass\n",
    "sleeps for ever": "import time\ntime.sleep(1e6)\n",
    "ignores signals": "import signal, time\nfor number in range(1, 65):\n    try:\n        signal.signal(number, "
    "signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\ntime.sleep(1e6)\n",
    "leaves daemons": "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
    "        if os.fork() == 0:\n            time.sleep(1e6)\n        os._exit(0)\n",
    "forks for ever": "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n",
    "takes all memory": "hoard = []\nwhile True:\n    hoard.append(bytearray(b'x') * (64 << 20))\n",
    "fills the disk": "import os\nfor place in ('/tmp/fill', 'fill', '/dev/shm/fill'):\n    try:\n"
    "        with open(place, 'wb') as file:\n            while True:\n                file.write(bytes(1 << 22))\n"
    "    except OSError:\n        pass\n",
    "makes files for ever": "import os\nnumber = 0\nos.makedirs('/tmp/many', exist_ok=True)\nwhile True:\n"
    "    open(f'/tmp/many/{number}', 'w').close()\n    number += 1\n",
    "deep directories": "import os\nos.chdir('/tmp')\nwhile True:\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\n",
    "deletes the checkout": "import shutil\nshutil.rmtree('/workspace', ignore_errors=True)\n",
    "makes it unreadable": "import os\nfor top, folders, files in os.walk('.', topdown=False):\n"
    "    for name in (*files, *folders):\n        try:\n            os.chmod(os.path.join(top, name), 0)\n"
    "        except OSError:\n            pass\n",
}

# These let no suite end, however long it may take.
ENDLESS = frozenset({
    "stops its parents", "loops for ever", "sleeps for ever", "ignores signals", "forks for ever",
    "makes files for ever", "deep directories",
})  # fmt: skip


@pytest.mark.parametrize("what", STARTING)
def test_a_conftest_that_attacks_ends_with_an_outcome(patchwright: Patchwright, tmp_path: Path, what: str) -> None:
    """No certificate can come of a suite that does not run."""
    limits = {**SHORT, "suite_seconds": 3} if what in ENDLESS else SHORT
    ended = patchwright.diagnose(repository(tmp_path / "shop", attack(STARTING[what])), **limits)
    assert ended.code in (0, 2, 3, 4, 5), ended.text
    survives = what in (
        "kills its parent",
        "leaves daemons",
        "fills the disk",
        "makes it unreadable",
        "deletes the checkout",
    )
    assert ended.outcome != "verified_patch" or survives, ended.text
    assert ended.report["reason"]
    assert ended.seconds < 100


FLOOD = "import os\nwhile True:\n    os.write(1, b'flood ' * 20000)\n"
QUIET_FLOOD = "def test_flood():\n    while True:\n        print('flood ' * 20000)\n"


def test_output_without_end_is_cut(patchwright: Patchwright, tmp_path: Path) -> None:
    """A flood past pytest's capture and one into it: killed, and only head and tail are kept."""
    files = {**attack(FLOOD), "pytest.ini": "[pytest]\naddopts = -s\n"}
    ended = patchwright.diagnose(repository(tmp_path / "shop", files), **SHORT)
    assert ended.code in (3, 4), ended.text
    captured = {**SHOP, "tests/test_flood.py": QUIET_FLOOD}
    ended = patchwright.diagnose(repository(tmp_path / "captured", captured), "--test", "tests/test_flood.py", **SHORT)
    assert ended.code in (2, 3, 5), ended.text
    size = sum(path.stat().st_size for path in patchwright.home.rglob("*") if path.is_file())
    assert size < 64 << 20


def test_a_test_that_never_ends_is_a_timeout_of_that_test(patchwright: Patchwright, tmp_path: Path) -> None:
    """It is named, the tests after it still run, and there is no certificate."""
    sleeper = "import time\n\n\ndef test_sleeps():\n    time.sleep(1e6)\n\n\ndef test_after():\n    pass\n"
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_a_sleeper.py": sleeper})
    ended = patchwright.diagnose(
        repo, "--test", "tests/test_a_sleeper.py::test_sleeps", limit_seconds=90, test_seconds=1, repeats=2
    )
    assert ended.code in (2, 3), ended.text
    report = ended.report
    assert [test["id"] for test in report["failing_tests"]] == ["tests/test_a_sleeper.py::test_sleeps"]
    assert set(report["failing_tests"][0]["outcomes"]) == {"timeout"}
    assert report["certificate"] is None


def test_a_suite_with_a_hanging_test_still_finds_the_bug(patchwright: Patchwright, tmp_path: Path) -> None:
    """The hang is one failure, the bug another."""
    hang = "def test_hangs():\n    while True:\n        pass\n"
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_a_hang.py": hang})
    ended = patchwright.diagnose(repo, limit_seconds=120, test_seconds=1, repeats=2)
    assert ended.code in (0, 2), ended.text
    failing = {test["id"] for test in ended.report["failing_tests"]}
    assert failing == {FAILING, "tests/test_a_hang.py::test_hangs"}


def test_a_test_that_deletes_the_checkout(patchwright: Patchwright, tmp_path: Path) -> None:
    """Every run has its own copy."""
    delete = "import shutil\n\n\ndef test_delete(request):\n    shutil.rmtree(str(request.config.rootpath))\n"
    repo = repository(tmp_path / "shop", {**SHOP, "tests/test_a_delete.py": delete})
    ended = patchwright.diagnose(repo, "--test", FAILING, **SHORT)
    assert ended.code in (0, 2, 3), ended.text


CHEATS = {
    "passes everything": "def pytest_runtest_call(item):\n    item.obj = lambda *a, **k: None\n",
    "reports success": "import os, sys\n\n\ndef pytest_sessionfinish(session):\n    os._exit(0)\n",
    "forges the results": "import os\n\n\ndef pytest_configure(config):\n    for name in dict(os.environ):\n"
    "        if 'PATCHWRIGHT' in name.upper():\n            os.environ[name] = '/tmp/elsewhere'\n",
}


@pytest.mark.parametrize("what", CHEATS)
def test_a_conftest_that_forges_results_gets_no_certificate_for_nothing(
    patchwright: Patchwright, tmp_path: Path, what: str
) -> None:
    """Whatever it does, a documented outcome; a patch only when the tests are seen to fail and then pass."""
    ended = patchwright.diagnose(repository(tmp_path / "shop", attack(CHEATS[what])), **SHORT)
    assert ended.code in (0, 2, 3, 4, 5), ended.text
    if ended.code == 0:
        assert re.search("price <=? best", ended.report["patch"])
