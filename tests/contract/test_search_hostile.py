"""Candidates and repositories that misbehave cost themselves only: the right candidate behind them is still found."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.fakes.projects import Project, found
from tools.repair.outcome import SearchLimits

CODE = """
import os
STATE = {"n": 1}
class Shared:
    count = 1
def f():
    return STATE["n"]
"""
TEST = """
from lib import f, Shared, STATE
def test_x():
    assert f() == Shared.count + 1
    assert STATE == {"n": 1}
def test_ok():
    assert f() == 1 or f() == 2
"""
LIMITS = SearchLimits(wall_s=60.0, grace_s=0.1, stop_after=1, workers=1)
RIGHT = 'return STATE["n"] + 1'
EVIL = {
    "endless loop": "while True: pass",
    "swallowing loop": "while True:\n        try:\n            while True: pass\n        except BaseException: pass",
    "endless C call": "return sum(range(10 ** 14))",
    "sleep": "__import__('time').sleep(1000)",
    "exit": "os._exit(0)",
    "raise SystemExit": "raise SystemExit",
    "raise KeyboardInterrupt": "raise KeyboardInterrupt",
    "segmentation fault": "__import__('ctypes').string_at(0)",
    "kill the parent": "os.kill(os.getppid(), 9)",
    "kill everything": "os.kill(-1, 9)",
    "stop": "os.kill(os.getpid(), 19)",
    "memory": "return [bytearray(1 << 26) for _ in range(10 ** 6)]",
    "fork forever": "while True: os.fork()",
    "fork and return": "os.fork(); return 5",
    "daemon": "os.fork() or (os.setsid(), __import__('time').sleep(1000)); return 5",
    "thread": "__import__('threading').Thread(target=lambda: __import__('time').sleep(1000)).start(); return 5",
    "flood": "[print('x' * 10 ** 6) for _ in range(300)]; return 5",
    "close 1": "os.close(1); return 5",
    "close all": "os.closerange(0, 4000); return 5",
    "close streams": "__import__('sys').stdout.close(); return 5",
    "write everywhere": '[os.write(fd, b\'{"op":"batch","done":true}\\n\') for fd in range(1, 400) if os.path.exists(f\'/proc/self/fd/{fd}\') and os.get_inheritable(fd) is False]; return 5',  # noqa: E501
    "change state": "STATE['n'] = 77; Shared.count = 78; globals().pop('os'); return 5",
    "change builtins": "__builtins__['len'] = None if isinstance(__builtins__, dict) else 0; return 5",
    "change directory": "os.chdir('/'); os.environ.clear(); return 5",
    "recursion": "return f()",
    "delete the checkout": "__import__('shutil').rmtree(os.getcwd()); return 5",
    "replace fork": "os.fork = os._exit = None; return 5",
    "signals": "__import__('signal').signal(15, 1); os.kill(0, 15); return 5",
    "trace": "__import__('sys').settrace(lambda *a: 1 / 0); return 5",
}


@pytest.mark.parametrize("name", EVIL)
async def test_evil_candidate_costs_only_itself(tmp_path: Path, name: str) -> None:
    """The evil candidate stands between harmless ones and before the right one, in one batch."""
    project = Project(
        tmp_path, {"lib.py": CODE, "test_lib.py": TEST}, ("test_lib.py::test_x",), ("test_lib.py::test_ok",)
    )
    project.try_('return STATE["n"]', "return 0")
    project.try_('return STATE["n"]', EVIL[name], id="evil")
    project.try_('return STATE["n"]', "return -1")
    project.try_('return STATE["n"]', RIGHT, id="right")
    result = await project.search(limits=LIMITS)
    assert found(result) == ["right"], result
    assert result.tried == 4
    assert (tmp_path / "lib.py").exists()


async def test_search_ends_when_its_time_is_up(tmp_path: Path) -> None:
    """Candidates without end, none right: the limit holds, what was tried is told."""
    project = Project(tmp_path, {"lib.py": CODE, "test_lib.py": TEST}, ("test_lib.py::test_x",))
    for number in range(5000):
        project.try_('return STATE["n"]', f"return {number + 1000}")
    started = time.monotonic()
    result = await project.search(limits=SearchLimits(wall_s=3.0))
    assert time.monotonic() - started < 60.0
    assert result.plausible == ()
    assert result.tried > 100


async def test_cancelling_a_search_ends_its_servers(tmp_path: Path) -> None:
    """Cancelled while a candidate sleeps: the call ends soon."""
    project = Project(tmp_path, {"lib.py": CODE, "test_lib.py": TEST}, ("test_lib.py::test_x",))
    project.try_('return STATE["n"]', "while True: pass")
    task = asyncio.create_task(project.search())
    await asyncio.sleep(0.8)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < 30.0


@pytest.mark.parametrize(
    "conftest", ["import os\nos._exit(3)\n", "raise RuntimeError('no')\n", "import os\nos.kill(-1, 9)\n"]
)
async def test_repository_that_cannot_be_collected_ends_with_a_note(tmp_path: Path, conftest: str) -> None:
    """No patch, no exception, a reason."""
    project = Project(
        tmp_path, {"conftest.py": conftest, "lib.py": CODE, "test_lib.py": TEST}, ("test_lib.py::test_x",)
    )
    project.try_('return STATE["n"]', RIGHT)
    result = await project.search(limits=LIMITS)
    assert result.plausible == ()
    assert result.notes


async def test_repository_whose_collection_breaks_in_a_module_is_repaired_anew(tmp_path: Path) -> None:
    """The module under repair kills the process when it is imported; candidates are collected one by one."""
    code = "import os\nif True: os._exit(1)\ndef f(): return 1\n"
    project = Project(
        tmp_path,
        {"lib.py": code, "test_lib.py": "from lib import f\ndef test_x(): assert f()\n"},
        ("test_lib.py::test_x",),
    )
    project.try_("if True:", "if 1:")
    project.try_("if True:", "if False:", id="right")
    result = await project.search(limits=LIMITS)
    assert found(result) == ["right"], result.notes
