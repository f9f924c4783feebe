"""`patchwright log`: a log, an archive or standard input, for people and as JSON."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from workflows import cli
from workflows.exits import BAD_INPUT

LOGS = Path(__file__).parent / "ci_logs"
WORKFLOW = "jobs:\n  unit:\n    steps:\n      - run: pip install -e .\n      - run: pytest -q\n"


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_a_person_reads_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Step, command, error with its line, tests, versions."""
    assert cli.run(["log", str(LOGS / "pytest-assert.log")]) == 0
    told = capsys.readouterr().out
    assert "test (3.11, ubuntu-latest) (actions, " in told
    assert "failed in step 4" in told
    assert "command: python -m pytest -p no:cacheprovider" in told
    assert "error: assert 5 == (5 * 2) (line " in told
    assert "test: tests/test_cart.py::TestCheapest::test_none" in told
    assert "python 3.11.14" in told
    assert "\x1b" not in told


def test_a_program_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    """The same as data, without the output itself."""
    assert cli.run(["log", "--json", str(LOGS / "jest-fail.log")]) == 0
    (job,) = json.loads(capsys.readouterr().out)["jobs"]
    assert job["finding"]["tool"] == "jest"
    assert "output" not in job


def test_an_archive_on_standard_input_is_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip cannot be sought in a pipe, so it is kept aside first."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("0_unit.txt", (LOGS / "pytest-collection.log").read_bytes())
    monkeypatch.setattr(sys, "stdin", Stdin(stream.getvalue()))
    assert cli.run(["log", "-"]) == 0
    assert "No module named 'shop.carts'" in capsys.readouterr().out


def test_a_green_log_and_the_workflow_are_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is new, and how the job is run."""
    (tmp_path / "ci.yml").write_text(WORKFLOW)
    red, green = str(LOGS / "pytest-collection.log"), str(LOGS / "ruff-check.log")
    assert cli.run(["log", red, "--green", green, "--workflow", str(tmp_path / "ci.yml")]) == 0
    told = capsys.readouterr().out
    assert "new since the green log:" in told
    assert "install: pip install -e ." in told
    assert "test: pytest -q" in told
    assert cli.run(["log", red, "--json", "--workflow", str(tmp_path / "ci.yml")]) == 0
    assert json.loads(capsys.readouterr().out)["commands"]["unit"]["test"] == "pytest -q"


def test_a_step_that_may_fail_in_one_job_only_is_not_overlooked_in_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`continue-on-error` belongs to a job's step, and logs name steps without their job's definition."""
    steps = "    steps:\n      - name: Run python -m pytest -p no:cacheprovider\n        run: x\n"
    may = "        continue-on-error: true\n"
    log, workflow = str(LOGS / "pytest-assert.log"), tmp_path / "ci.yml"
    step = json.loads(_json(capsys, log))["jobs"][0]["steps"][3]["name"]
    steps = steps.replace("Run python -m pytest -p no:cacheprovider", step)
    workflow.write_text(f"jobs:\n  nightly:\n{steps}{may}")
    assert json.loads(_json(capsys, log, "--workflow", str(workflow)))["jobs"][0]["finding"] is None
    workflow.write_text(f"jobs:\n  nightly:\n{steps}{may}  stable:\n{steps}")
    assert json.loads(_json(capsys, log, "--workflow", str(workflow)))["jobs"][0]["finding"] is not None


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert cli.run(["log", "--json", *arguments]) == 0
    return capsys.readouterr().out


def test_what_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and the exit code of bad input."""
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04nonsense")
    (tmp_path / "bad.yml").write_text("a: [")
    log = str(LOGS / "pytest-assert.log")
    for arguments in (
        [str(tmp_path / "absent.log")], [str(tmp_path)], [str(tmp_path / "empty.log")], [str(tmp_path / "bad.zip")],
        ["--workflow", str(tmp_path / "bad.yml"), log], ["--green", str(tmp_path / "absent"), log],
        ["--green", str(tmp_path / "bad.zip"), log],
    ):  # fmt: skip
        assert cli.run(["log", *arguments]) == BAD_INPUT, arguments
        assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_nothing_hostile_reaches_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sequences, reordering characters and broken bytes of a log are not shown."""
    data = b"$ pytest\n1 failed in 0.1s\nFAILED t.py::test_\x1b[31ma\n"
    data += b"E       assert '\x1b]0;x\x07\x1b[2J\xe2\x80\xae\xff' == 1\n"
    (tmp_path / "a.log").write_bytes(data)
    assert cli.run(["log", str(tmp_path / "a.log")]) == 0
    told = capsys.readouterr().out
    assert not set("\x1b\x07\u202e") & set(told)
    assert "t.py::test_a" in told
