"""The corpus of CI logs: of each one, what failed, by which command, in which tests, and with which versions."""

from __future__ import annotations

import io
import random
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.ci.plain import plain
from tools.ci.read import blocks_of, read_job
from tools.ci.values import JobLog

LOGS = Path(__file__).parent / "ci_logs"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((LOGS / "expectations.toml").read_text(encoding="utf-8"))
ESC = b"\x1b[36;1m%b\x1b[0m"


def read(name: str, size: int = 1 << 20) -> JobLog:
    data = (LOGS / f"{name}.log").read_bytes()
    return read_job(data[start : start + size] for start in range(0, len(data), size))


def differences(job: JobLog, expected: dict[str, Any]) -> list[str]:
    """What a reader of the log would have wanted, and got instead."""
    found = job.finding
    if found is None:
        return ["no failure was found"]
    got: dict[str, Any] = {**found.model_dump(), "system": job.system, "tests": list(found.tests)}
    keys = ("system", "tool", "kind", "command", "tests", "infrastructure")
    wrong = [
        f"{key}: wanted {expected[key]!r}, got {got[key]!r}" for key in keys if expected.get(key, got[key]) != got[key]
    ]
    if expected["error"] not in found.error:
        wrong.append(f"error: wanted {expected['error']!r} in {found.error!r}")
    if "infrastructure" not in expected and found.infrastructure:
        wrong.append(f"infrastructure: wanted none, got {found.infrastructure}")
    versions = {version.name: version.version for version in job.versions}
    return wrong + [
        f"{name}: wanted {version}, got {versions.get(name)}"
        for name, version in expected.get("versions", {}).items()
        if versions.get(name) != version
    ]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_log_tells_what_failed(name: str) -> None:
    """Tool, kind, first real error, failing command, test ids, versions."""
    wrong = differences(read(name), EXPECTED[name])
    assert not wrong, f"{name}.log\n  " + "\n  ".join(wrong)


def test_the_corpus_is_as_large_as_it_says() -> None:
    """Every log has an expectation, and no path or host of anybody's machine is in one."""
    files = {path.stem for path in LOGS.glob("*.log")}
    assert files == set(EXPECTED)
    assert len(files) >= 40
    assert len({expected["tool"] for expected in EXPECTED.values()} - {"", "runner", "shell"}) >= 16


@pytest.mark.parametrize("size", [1, 7, 100, 4_096])
def test_the_size_of_blocks_does_not_matter(size: int) -> None:
    """However a log arrives, the same is read out of it."""
    for name in ("pytest-assert", "forged-markers", "gitlab-pytest"):
        assert read(name, size) == read(name)


def test_a_log_cut_anywhere_is_read_without_a_fault() -> None:
    """Truncated and damaged logs, as a broken connection leaves them."""
    chance = random.Random(6)  # noqa: S311
    for path in sorted(LOGS.glob("*.log")):
        data = bytearray(path.read_bytes())
        read_job([bytes(data[: chance.randrange(len(data))])])
        for _ in range(40):
            data[chance.randrange(len(data))] = chance.randrange(256)
        read_job([bytes(data)])


def test_the_line_of_the_error_is_that_of_the_log() -> None:
    """A link to the evidence points where it says."""
    for name in ("pytest-assert", "jest-fail", "docker-build", "cargo-compile"):
        found = read(name).finding
        lines = (LOGS / f"{name}.log").read_text(encoding="utf-8").split("\n")
        assert found is not None
        assert EXPECTED[name]["error"].split(" ")[-1] in plain(lines[found.line - 1].encode()), name


def test_steps_have_commands_shells_and_names_of_variables_only() -> None:
    """A masked or forgotten secret never leaves the log: values of variables are not read."""
    job = read("pytest-assert")
    step = next(step for step in job.steps if step.number == job.failing)
    assert step.environment == ("pythonLocation", "API_TOKEN")
    assert step.shell == "/usr/bin/bash -e {0}"
    assert (step.exit_code, step.kind) == (1, "run")
    assert [other.kind for other in job.steps] == ["set-up", "action", "action", "run", "post"]
    assert "hostedtoolcache" not in str([other.model_dump() for other in job.steps])


def header(script: str) -> bytes:
    return b"##[group]Run %b\n" % script.encode() + ESC % script.encode() + b"\nshell: bash\n##[endgroup]\n"


def test_a_step_that_may_fail_is_not_what_failed() -> None:
    """`continue-on-error` of the workflow's file outweighs the order of the log."""
    log = header("pytest") + b"FAILED t.py::test_a - assert 1 == 2\n##[error]Process completed with exit code 1.\n"
    log += (
        header("ruff check .")
        + b"F401 [*] x\n --> a.py:1:1\nFound 1 error.\n##[error]Process completed with exit code 1.\n"
    )
    strict, tolerant = read_job([log]), read_job([log], tolerated=frozenset({"ruff check ."}))
    assert strict.finding is not None
    assert tolerant.finding is not None
    assert (strict.finding.tool, tolerant.finding.tool) == ("ruff", "pytest")


def test_a_marker_in_the_middle_of_a_step_ends_nothing() -> None:
    """Only the last line of a step says how it ended."""
    log = header("make") + b"##[error]Process completed with exit code 1.\nall well\n" + b"Post job cleanup.\n"
    job = read_job([log])
    assert (job.failing, job.finding) == (None, None)


def test_a_million_lines_of_noise_do_not_hide_the_error() -> None:
    """The middle of a huge step is not kept, except for what speaks of errors."""
    noise = b"".join(b"2026-03-04T09:12:31.0000000Z compiling unit %d of many\n" % number for number in range(40_000))
    stamp = b"2026-03-04T09:12:31.0000000Z "
    error = stamp + b"main.c:4:26: error: 'count' undeclared\n"
    end = (
        stamp + b"make: *** [Makefile:5: main.o] Error 1\n" + stamp + b"##[error]Process completed with exit code 2.\n"
    )
    parts = [b"".join(stamp + line + b"\n" for line in header("make").splitlines()), noise, error, noise, end]
    job = read_job(parts)
    assert job.finding is not None
    assert "main.c:4:26" in job.finding.error
    assert job.finding.line == 4 + 40_000 + 1
    assert len(job.output) < 2_100_000


@pytest.mark.parametrize(
    "piece",
    [
        b"x > ", b"> x FAILED ", b"FAIL: x\n", b"ERROR: a\nTraceback (most recent call last):\n", b"\n", b" ", b"\t\n",
        b"--- FAIL: T (0.0s)\n",
        b"npm error code E\n", b"npm error\n", b"  1) x\n", b"a: ", b"Module not found: ", b"::error ",
        b"\x1b[36;1m", b"\r", b"##[group]Run x\n", b'E   File "x\n', b"not ok 1 - x\n", b"# Subtest: x\n",
        b"error: |-\n", b"0x1f ", b"thread 'a' panicked at ", b"<<< FAILURE!\n", b"#1 [\n", b"main.c:1: error: ",
        b"section_start:1:x",
        b" " * 999 + b"ERR_PNPM_RECURSIVE_A\n",
    ],
)  # fmt: skip
def test_hostile_repetition_takes_linear_time(piece: bytes) -> None:
    """A text made to upset patterns, with every tool's verdict in it so that all of them are tried."""
    verdicts = "\n".join(
        (
            *(
                " FAIL a.js > b",
                "Tests:  1 failed",
                " Tests  1 failed",
                "  1 failing",
                "# fail 1",
                "FAILED (failures=1)",
            ),
            *(
                "1 failed in 1.0s",
                "3 tests completed, 1 failed",
                "Failed! - Failed: 1",
                "FAIL\tx\t0.1s",
                "npm error code E",
            ),
            *("[ERROR] Tests run: 1, Failures: 1, Errors: 0", "test result: FAILED. x", "ERROR: failed to solve: x"),
            "##[error]Process completed with exit code 1.",
        )
    )
    started = time.process_time()
    read_job([header("make test"), piece * (300_000 // len(piece)), b"\n", verdicts.encode()])
    assert time.process_time() - started < 4


def test_the_github_client_puts_names_before_lines() -> None:
    """`gh run view --log`: job, step, line."""
    lines = (LOGS / "pytest-collection.log").read_text(encoding="utf-8-sig").splitlines()
    job = read_job(["".join(f"unit (3.11)\tUNKNOWN STEP\t{line}\n" for line in lines).encode()])
    assert job.name == "unit (3.11)"
    assert job.finding == read("pytest-collection").finding


def test_a_log_in_utf_16_is_read() -> None:
    """What PowerShell's redirection leaves."""
    data = (LOGS / "terminal-pytest.log").read_text(encoding="utf-8").encode("utf-16")
    assert read_job(blocks_of(io.BytesIO(data))).finding == read("terminal-pytest").finding


def test_a_secret_that_was_not_masked_is_not_passed_on() -> None:
    """In commands and errors, by its look."""
    log = (
        header("API_TOKEN=abcdef123456 ./run.sh")
        + b"Error: https://me:hunter22@example.org refused ghp_abcdefghijklmnop\n"
    )
    job = read_job([log + b"##[error]Process completed with exit code 1.\n"])
    told = job.model_dump_json(exclude={"output"})
    assert job.finding is not None
    for secret in ("abcdef123456", "hunter22", "abcdefghijklmnop"):
        assert secret not in told


@pytest.mark.parametrize(
    "log",
    [
        b"$ pytest\n3 passed in 0.10s\n",
        b"Running with gitlab-runner 17\n$ pytest || true\n1 failed in 0.1s\nJob succeeded\n",
        b"Started by user x\n[Pipeline] sh\n+ make\nmake: *** [all] Error 1\n[Pipeline] }\nFinished: SUCCESS\n",
        header("pytest || true") + b"FAILED t.py::test_a - assert 1\n1 failed in 0.1s\nPost job cleanup.\n",
        b"",
        b"\n",
    ],
)
def test_a_job_that_succeeded_has_no_failure(log: bytes) -> None:
    """Whatever its tools said: how the job ended counts."""
    assert read_job([log]).finding is None


def test_a_job_without_anything_to_clean_up_ends_with_the_runners_own_lines() -> None:
    """Steps that are only scripts leave no "Post job cleanup." between the failure and the runner's last lines."""
    text = (
        "2026-03-04T09:12:31.0000000Z Current runner version: '2.331.0'\n"
        "2026-03-04T09:12:32.0000000Z ##[group]Run pytest\n2026-03-04T09:12:32.0000000Z \x1b[36;1mpytest\x1b[0m\n"
        "2026-03-04T09:12:32.0000000Z shell: /usr/bin/bash -e {0}\n2026-03-04T09:12:32.0000000Z ##[endgroup]\n"
        "2026-03-04T09:12:33.0000000Z FAILED tests/test_a.py::test_a - assert 1 == 2\n"
        "2026-03-04T09:12:33.0000000Z 1 failed in 0.01s\n"
        "2026-03-04T09:12:33.0000000Z ##[error]Process completed with exit code 1.\n"
        "2026-03-04T09:12:34.0000000Z Cleaning up orphan processes\n"
        "2026-03-04T09:12:34.0000000Z Terminate orphan process: pid (1847) (python)\n"
    )
    found = read_job([text.encode()]).finding
    assert found is not None
    assert found.tests == ("tests/test_a.py::test_a",)
