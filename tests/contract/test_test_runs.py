"""What a test run in the real sandbox tells of each test, whatever the tests do."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.bubblewrap import BubblewrapSandboxes
from sandbox.protocol import Mount, Quota, Sandbox, SandboxGone, Workspace
from sandbox.recipe import TestCommand
from sandbox.unsandboxed import UnsandboxedSandboxes
from tools.testing.run import probe_mount, run_tests
from tools.testing.watched import MAX_ENDED
from tools.values import Coverage, TestRun

QUOTA = Quota(wall_s=150.0, memory_bytes=1 << 30, processes=64, disk_bytes=64 << 20)
PYTEST = TestCommand("pytest", (sys.executable, "-m", "pytest", "-p", "no:cacheprovider"))

OUTCOMES = """
import unittest

import pytest


def test_passes():
    assert True


def helper(value):
    return 1 // value


def test_fails():
    assert helper(1) == 2, "one is not two"


def test_raises():
    helper(0)


@pytest.fixture
def broken():
    raise RuntimeError("no fixture")


def test_errors(broken):
    pass


@pytest.mark.skip(reason="later")
def test_skipped():
    pass


@pytest.mark.xfail
def test_xfails():
    assert False


@pytest.mark.xfail(strict=True)
def test_xpasses():
    pass


@pytest.mark.parametrize("text", ["a b", "c::d", "x/y[z]"])
def test_param(text):
    assert text != "c::d"


class TestCase(unittest.TestCase):
    def test_unit(self):
        self.assertEqual(1, 1)

    def test_unit_fails(self):
        self.assertEqual(1, 2)
"""


async def run_in(files: Mapping[str, str], folder: Path, **options: object) -> tuple[TestRun, Coverage | None]:
    """One run of pytest over `files`, in a bubblewrap with this interpreter."""
    async for sandbox in opened(files, folder):
        return await run_tests(sandbox, PYTEST, **{"quota": QUOTA, **options})  # type: ignore[arg-type]
    raise AssertionError("no sandbox was opened")


async def opened(files: Mapping[str, str], folder: Path) -> AsyncIterator[Sandbox]:
    """A sandbox over `files`; the interpreter's prefixes are mounted read-only, and its plugins for pytest, which take
    most of a second to begin, are left alone.
    """
    layer = write(files, folder)
    prefixes = dict.fromkeys((sys.prefix, sys.base_prefix))
    mounts = [probe_mount(), *(Mount(Path(p), p) for p in prefixes if not p.startswith("/usr"))]
    plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    async with BubblewrapSandboxes().open(Workspace((layer,)), mounts=mounts, env=plain, quota=QUOTA) as sandbox:
        yield sandbox


def write(files: Mapping[str, str], folder: Path) -> Path:
    for name, text in files.items():
        path = folder / "layer" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "layer"


async def test_every_kind_of_outcome_is_told_per_test(tmp_path: Path) -> None:
    run, coverage = await run_in({"tests/test_all.py": OUTCOMES}, tmp_path)
    found = {result.id.removeprefix("tests/test_all.py::"): result.status for result in run.results}
    assert found == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_raises": "failed",
        "test_errors": "error",
        "test_skipped": "skipped",
        "test_xfails": "skipped",
        "test_xpasses": "failed",
        "test_param[a b]": "passed",
        "test_param[c::d]": "failed",
        "test_param[x/y[z]]": "passed",
        "TestCase::test_unit": "passed",
        "TestCase::test_unit_fails": "failed",
    }
    assert (run.complete, run.exit_code, coverage) == (True, 1, None)


async def test_a_crash_has_its_kind_message_and_frames_of_the_workspace(tmp_path: Path) -> None:
    run, _ = await run_in({"tests/test_all.py": OUTCOMES}, tmp_path, tests=["tests/test_all.py::test_raises"])
    (result,) = run.results
    assert result.crash is not None
    assert result.crash.kind == "ZeroDivisionError"
    assert [(f.file, f.function, f.inside) for f in result.crash.frames] == [
        ("tests/test_all.py", "test_raises", True),
        ("tests/test_all.py", "helper", True),
    ]


@pytest.mark.parametrize(
    "asked",
    ["tests/test_all.py::test_param[a b]", "tests/test_all.py::test_param[x/y[z]]", "tests/test_all.py::test_passes"],
)
async def test_one_id_runs_one_test(tmp_path: Path, asked: str) -> None:
    run, _ = await run_in({"tests/test_all.py": OUTCOMES}, tmp_path, tests=[asked])
    assert [(result.id, result.status) for result in run.results] == [(asked, "passed")]


async def test_unknown_id_is_a_note_with_near_names_and_no_result(tmp_path: Path) -> None:
    run, _ = await run_in({"tests/test_all.py": OUTCOMES}, tmp_path, tests=["tests/test_all.py::test_pases"])
    assert run.results == ()
    assert "tests/test_all.py::test_pases" in run.note
    assert "tests/test_all.py::test_passes" in run.note


async def test_id_in_an_unknown_file_is_a_note(tmp_path: Path) -> None:
    run, _ = await run_in({"tests/test_all.py": OUTCOMES}, tmp_path, tests=["tests/test_none.py::test_x"])
    assert run.results == ()
    assert "tests/test_none.py::test_x" in run.note


async def test_file_that_cannot_be_imported_is_an_error_and_the_others_run(tmp_path: Path) -> None:
    files = {"test_a.py": "import no_such_module\n", "test_b.py": "def test_b(): pass\n", "test_c.py": "def test_c(:\n"}
    run, _ = await run_in(files, tmp_path)
    assert {(result.id, result.status) for result in run.results} == {
        ("test_a.py", "error"),
        ("test_b.py::test_b", "passed"),
        ("test_c.py", "error"),
    }
    kinds = {result.id: result.crash.kind for result in run.results if result.crash}
    assert kinds == {"test_a.py": "ModuleNotFoundError", "test_c.py": "SyntaxError"}


async def test_conftest_that_cannot_be_imported_is_an_error_with_its_cause(tmp_path: Path) -> None:
    files = {"conftest.py": "raise ValueError('bad conftest')\n", "test_a.py": "def test_a(): pass\n"}
    run, _ = await run_in(files, tmp_path)
    (result,) = run.results
    assert (result.id, result.status) == ("conftest.py", "error")
    assert result.crash is not None
    assert (result.crash.kind, result.crash.message) == ("ValueError", "bad conftest")


async def test_hanging_test_is_a_timeout_and_the_next_one_runs(tmp_path: Path) -> None:
    text = "import time\n\ndef test_hangs():\n    while True:\n        time.sleep(0.05)\n\ndef test_after(): pass\n"
    run, _ = await run_in({"test_a.py": text}, tmp_path, per_test_s=1)
    assert run.status_of("test_a.py::test_hangs") == "timeout"
    assert run.status_of("test_a.py::test_after") == "passed"
    crash = run.results[0].crash
    assert crash is not None
    assert (crash.kind, crash.frames[-1].file) == ("Timeout", "test_a.py")


async def test_test_stopped_by_the_limit_of_the_run_is_a_timeout_and_the_run_incomplete(tmp_path: Path) -> None:
    text = "import time\n\ndef test_before(): pass\n\ndef test_hangs():\n    time.sleep(60)\n"
    for limit in (6, 30):  # a busy machine may need the longer one to begin
        run, _ = await run_in({"test_a.py": text}, tmp_path / str(limit), quota=QUOTA.within(limit))
        if run.results:
            break
    assert run.status_of("test_a.py::test_before") == "passed"
    assert run.status_of("test_a.py::test_hangs") == "timeout"
    assert not run.complete


async def test_file_that_hangs_while_it_is_imported_is_a_timeout_with_its_name(tmp_path: Path) -> None:
    run, _ = await run_in({"test_a.py": "import time\ntime.sleep(60)\n"}, tmp_path, quota=QUOTA.within(12))
    assert [(result.id, result.status) for result in run.results] == [("test_a.py", "timeout")]


async def test_tests_that_end_the_process_are_named_and_all_others_run(tmp_path: Path) -> None:
    """An exit, a fatal signal: each is a result of its own; the run goes on in another process and is complete."""
    text = (
        "import ctypes, os\n\ndef test_before(): pass\n\ndef test_exits():\n    os._exit(3)\n\n"
        "def test_between(): assert 0\n\ndef test_segfaults():\n    ctypes.string_at(0)\n\ndef test_after(): pass\n"
    )
    run, _ = await run_in({"test_a.py": text, "test_b.py": "def test_b(): pass\n"}, tmp_path)
    assert {result.id: result.status for result in run.results} == {
        "test_a.py::test_before": "passed",
        "test_a.py::test_exits": "crashed",
        "test_a.py::test_between": "failed",
        "test_a.py::test_segfaults": "crashed",
        "test_a.py::test_after": "passed",
        "test_b.py::test_b": "passed",
    }
    crashes = {result.id: result.crash for result in run.results if result.status == "crashed"}
    exits, dies = crashes["test_a.py::test_exits"], crashes["test_a.py::test_segfaults"]
    assert exits is not None
    assert (exits.kind, exits.message) == ("ProcessDied", "the process ended with exit code 3 in this test")
    assert dies is not None
    assert "SIGSEGV" in dies.message
    assert [(frame.file, frame.line) for frame in dies.frames if frame.inside] == [("test_a.py", 11)]
    assert run.complete


async def test_a_repository_without_tests_says_what_to_do(tmp_path: Path) -> None:
    run, _ = await run_in({"shop.py": "PRICE = 1\n"}, tmp_path)
    assert not run.results
    assert run.note == "no test was collected: add one that shows the failure, or say with --test-command what fails"


async def test_chosen_tests_that_end_the_process_do_not_bring_in_others(tmp_path: Path) -> None:
    text = "import os\n\ndef test_dies():\n    os._exit(0)\n\ndef test_chosen(): pass\n\ndef test_other(): pass\n"
    run, _ = await run_in({"test_a.py": text}, tmp_path, tests=["test_a.py::test_dies", "test_a.py::test_chosen"])
    found = {result.id.partition("::")[2]: result.status for result in run.results}
    assert found == {"test_dies": "crashed", "test_chosen": "passed"}


async def test_a_file_whose_import_ends_the_process_is_named_and_the_others_run(tmp_path: Path) -> None:
    files = {
        "test_a.py": "def test_a(): pass\n",
        "test_b.py": "import os\nos._exit(1)\n",
        "test_c.py": "import ctypes\nctypes.string_at(0)\n",
        "test_d.py": "import no_such_module\n",
        "test_e.py": "def test_e(): pass\n",
    }
    run, _ = await run_in(files, tmp_path)
    assert {result.id: result.status for result in run.results} == {
        "test_a.py::test_a": "passed",
        "test_b.py": "crashed",
        "test_c.py": "crashed",
        "test_d.py": "error",
        "test_e.py::test_e": "passed",
    }
    assert run.complete


async def test_a_suite_that_ends_every_process_is_given_up(tmp_path: Path) -> None:
    """After so many processes; what was not run is said."""
    text = "import os\nimport pytest\n\n@pytest.mark.parametrize('i', range(40))\ndef test_dies(i):\n    os._exit(1)\n"
    run, _ = await run_in({"test_a.py": text}, tmp_path, quota=replace(QUOTA, wall_s=200))
    assert [result.status for result in run.results] == ["crashed"] * (MAX_ENDED + 1)
    assert "were not run" in run.note
    assert not run.complete


async def test_a_file_that_hangs_while_it_is_imported_costs_a_bounded_time(tmp_path: Path) -> None:
    """It is a timeout with the place where it hung; the next one that hangs gets less time, and the others run."""
    files = {
        "test_a.py": "import slow\n\ndef test_a(): pass\n",
        "test_b.py": "import slow\n\ndef test_b(): pass\n",
        "test_c.py": "def test_c(): pass\n",
        "slow.py": "import time\nwhile True:\n    time.sleep(0.1)\n",
    }
    run, _ = await run_in(files, tmp_path, per_test_s=5, quota=QUOTA.within(20))
    assert {result.id: result.status for result in run.results} == {
        "test_a.py": "timeout",
        "test_b.py": "timeout",
        "test_c.py::test_c": "passed",
    }
    crash = next(result.crash for result in run.results if result.id == "test_a.py")
    assert crash is not None
    assert (crash.kind, crash.frames[-1].file) == ("Timeout", "slow.py")
    assert run.complete


async def test_a_test_that_cannot_be_interrupted_is_ended_with_its_process(tmp_path: Path) -> None:
    """It is a timeout with its stack, and the next test runs."""
    text = (
        "import signal, time\n\ndef test_deaf():\n    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n"
        "    time.sleep(600)\n\ndef test_after(): pass\n"
    )
    run, _ = await run_in({"test_a.py": text}, tmp_path, per_test_s=2)
    assert run.status_of("test_a.py::test_deaf") == "timeout"
    assert run.status_of("test_a.py::test_after") == "passed"
    crash = next(result.crash for result in run.results if result.id == "test_a.py::test_deaf")
    assert crash is not None
    assert (crash.kind, crash.frames[-1].file, crash.frames[-1].line) == ("Timeout", "test_a.py", 5)


async def test_lines_are_attributed_to_the_test_that_ran_them(tmp_path: Path) -> None:
    files = {
        "src/calc.py": "def add(a, b):\n    return a + b\n\n\ndef sub(a, b):\n    return a - b\n",
        "tests/test_calc.py": (
            "import sys\n\nsys.path.insert(0, 'src')\nfrom calc import add, sub\n\n\n"
            "def test_add():\n    assert add(1, 2) == 3\n\n\ndef test_sub():\n    assert sub(1, 2) == 0\n"
        ),
    }
    run, coverage = await run_in(files, tmp_path, coverage_roots=["src"])
    assert [result.status for result in run.results] == ["passed", "failed"]
    assert coverage is not None
    lines = {line: {coverage.tests[t] for t in by} for line, by in coverage.lines["src/calc.py"].items()}
    assert lines == {2: {"tests/test_calc.py::test_add"}, 6: {"tests/test_calc.py::test_sub"}}
    assert coverage.imported["src/calc.py"] == (1, 5)
    assert "tests/test_calc.py" not in coverage.lines


async def test_coverage_survives_a_test_that_ends_the_process(tmp_path: Path) -> None:
    text = (
        "import os\n\ndef test_before():\n    assert 1\n\ndef test_dies():\n    os._exit(3)\n\n"
        "def test_after():\n    assert 2\n"
    )
    _, coverage = await run_in({"test_a.py": text}, tmp_path, coverage_roots=["."])
    assert coverage is not None
    assert coverage.tests == ("test_a.py::test_before", "test_a.py::test_after")
    assert coverage.lines["test_a.py"] == {4: (0,), 10: (1,)}


async def test_a_command_that_starts_pytest_tells_its_tests(tmp_path: Path) -> None:
    files = {"check.sh": f"exec {sys.executable} -m pytest -q\n", "test_a.py": "def test_a(): pass\n"}
    async for sandbox in opened(files, tmp_path):
        run, _ = await run_tests(sandbox, TestCommand("command", ("sh", "check.sh")))
        assert [(result.id, result.status) for result in run.results] == [("test_a.py::test_a", "passed")]


async def test_a_command_without_tests_is_one_result_by_its_exit_code(tmp_path: Path) -> None:
    async for sandbox in opened({"a.txt": ""}, tmp_path):
        for code, status in ((0, "passed"), (3, "failed")):
            run, _ = await run_tests(sandbox, TestCommand("command", ("sh", "-c", f"exit {code}")))
            assert [result.status for result in run.results] == [status]


async def test_a_missing_program_is_a_note_not_an_exception(tmp_path: Path) -> None:
    async for sandbox in opened({"a.txt": ""}, tmp_path):
        run, _ = await run_tests(sandbox, TestCommand("pytest", ("no-such-program",)))
        assert (run.results, run.exit_code) == ((), 127)
        assert "no-such-program" in run.note


async def test_a_run_leaves_no_report_behind(tmp_path: Path) -> None:
    async for sandbox in opened({"test_a.py": "def test_a(): pass\n"}, tmp_path):
        await run_tests(sandbox, PYTEST)
        left = await sandbox.exec(["sh", "-c", "ls -d /tmp/patchwright-* 2>/dev/null; true"])
        assert left.stdout.text == ""


async def test_a_sandbox_that_is_gone_says_so(tmp_path: Path) -> None:
    async for sandbox in opened({"test_a.py": "def test_a(): pass\n"}, tmp_path):
        await sandbox.close()
        with pytest.raises(SandboxGone):
            await run_tests(sandbox, PYTEST)


async def test_without_isolation_the_probe_is_imported_from_the_host(tmp_path: Path) -> None:
    layer = write({"test_a.py": "def test_a(): pass\n"}, tmp_path)
    async with UnsandboxedSandboxes().open(Workspace((layer,)), quota=QUOTA) as sandbox:
        run, _ = await run_tests(sandbox, PYTEST)
    assert [(result.id, result.status) for result in run.results] == [("test_a.py::test_a", "passed")]
