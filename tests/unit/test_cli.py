"""The command line in front of a stand-in for the composition root: messages, files, exit codes."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.asking import Decision, More, Question, Subject
from agent.bench import Emit, Progress
from agent.certificate import CertificateInvalid
from agent.diagnose import Asked
from agent.domain import EXIT_CODES, Evidence, Report, Request
from agent.recheck import Recheck
from agent.record import key
from sandbox.protocol import SandboxUnavailable
from sandbox.recipe import EnvironmentUnknown
from tests.fakes.bench import FIX, PREPARED, SOURCE
from tests.fakes.report import hostile, verified, without_patch
from tools.tool import ToolError
from workflows import cli
from workflows.exits import EPILOG
from workflows.settings import Settings
from workflows.wiring import RunRef, RunRow, RunUnknown

RUN = "20261124-081500-4f2a"


@dataclass
class StandIn:
    """A composition root whose runs end as they are told to; it keeps what it was asked."""

    folder: Path
    report: Report = field(default_factory=verified)
    error: Exception | None = None
    signal: int | None = None
    differences: tuple[str, ...] = ()
    requests: list[Request] = field(default_factory=list)
    texts: list[object] = field(default_factory=list)
    answers: list[tuple[str, Decision, More | None]] = field(default_factory=list)
    question: Question | None = None

    @property
    def run(self) -> RunRef:
        return RunRef(RUN, self.folder)

    def new_run(
        self, settings: Settings, request: Request, /, *, log: str | None, issue: str | None, patches: tuple[str, ...]
    ) -> RunRef:
        self.requests.append(request)
        self.texts.append((log, issue, patches))
        self.folder.mkdir(parents=True, exist_ok=True)
        row = {"method": "prepare", "key": key("prepare", request), "result": PREPARED.model_dump(mode="json")}
        (self.folder / "record.jsonl").write_text(json.dumps(row) + "\n")
        return self.run

    async def diagnose_run(self, settings: Settings, run: RunRef, emit: Emit, /) -> Report:
        emit(Progress(node="prepare", text="started"))
        if self.signal:
            os.kill(os.getpid(), self.signal)
            await asyncio.sleep(30)
        if self.error:
            raise self.error
        if self.question and not self.answers:
            raise Asked(self.question)
        emit(Progress(node="prepare", text="finished: ready"))
        update = {"request": self.requests[-1]} if self.requests else {}
        return self.report.model_copy(update=update)

    def keep_answer(self, run: RunRef, question: Question, decision: Decision, more: More | None, /) -> None:
        self.answers.append((question.id, decision, more))

    async def replay_run(self, settings: Settings, run: RunRef, emit: Emit, /) -> tuple[Report, tuple[str, ...]]:
        return self.report, self.differences

    async def recheck(self, settings: Settings, certificate: str, source: str | None, emit: Emit, /) -> Recheck:
        if "tampered" in certificate:
            raise CertificateInvalid("its seal does not match its content: it was changed")
        return Recheck(holds="good" in certificate, lines=(f"source {source}",))

    def find_run(self, settings: Settings, prefix: str, /) -> RunRef:
        if not RUN.startswith(prefix):
            raise RunUnknown(f"there is no run {prefix!r}")
        return self.run

    def list_runs(self, settings: Settings, /) -> tuple[RunRow, ...]:
        return (RunRow(RUN, datetime(2026, 11, 24, 8, 15, tzinfo=UTC), "finished", "/src/[bold]x", "flaky"),)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("PATCHWRIGHT_DEBUG", raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)


@pytest.fixture
def door(tmp_path: Path) -> StandIn:
    return StandIn(tmp_path / "run")


@pytest.fixture
def checkout(tmp_path: Path) -> str:
    (tmp_path / "checkout").mkdir()
    return str(tmp_path / "checkout")


@pytest.mark.parametrize(("outcome", "code"), EXIT_CODES.items())
def test_the_outcome_decides_the_exit_code(outcome: str, code: int, door: StandIn, checkout: str) -> None:
    door.report = verified() if outcome == "verified_patch" else without_patch(outcome)
    assert cli.run(["diagnose", checkout], door) == code


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal at standard input and standard error; what is written to it was typed there."""
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as typed, os.fdopen(os.dup(slave), "w", encoding="utf-8") as shown:
        monkeypatch.setattr("sys.stdin", typed)
        monkeypatch.setattr("sys.stderr", shown)
        yield master
    os.close(master)


def shown(keyboard: int, text: str) -> bool:
    """Whether a terminal shows it; what it shows arrives in pieces."""
    seen = b""
    while text.encode() not in seen and select.select([keyboard], [], [], 5)[0]:
        seen += os.read(keyboard, 10_000)
    return text.encode() in seen


@pytest.mark.parametrize(
    ("subject", "typed", "answer"),
    [
        ("guard", "y\n", ("q1", "approve", None)),
        ("budget", "\n", ("q1", "deny", None)),
        ("information", "test_a.py::test_b\n\n\nonly here\n",
         ("q1", "message", More(tests=("test_a.py::test_b",), text="only here"))),
        ("information", "\n\n\n\n", ("q1", "deny", None)),
        ("information", "\n/no/such/log\n\n\n" + "pytest -x\n\nmake\n\n",
         ("q1", "message", More(tests=("pytest -x",), install=("make",)))),
    ],
)  # fmt: skip
def test_a_run_asks_whoever_sits_at_the_terminal(  # noqa: PLR0917 - fixtures
    subject: Subject, typed: str, answer: object, door: StandIn, checkout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.question = Question(id="q1", subject=subject, question="May it?", detail="the diff")
    with terminal(monkeypatch) as keyboard:
        os.write(keyboard, typed.encode())
        assert cli.run(["diagnose", checkout, "--ask", "--quiet"], door) == 0
        assert shown(keyboard, "May it?")
    assert door.answers == [answer]
    assert door.requests[0].ask


def test_who_leaves_the_question_can_come_back(door: StandIn, checkout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of input is no answer: the run waits."""
    door.question = Question(id="q1", subject="budget", question="May it?")
    with terminal(monkeypatch) as keyboard:
        os.write(keyboard, b"\x04")
        assert cli.run(["diagnose", checkout, "--ask", "--quiet"], door) == 130
        assert shown(keyboard, f"patchwright resume {RUN}")
    assert door.answers == []


def test_without_a_terminal_nothing_is_asked(door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a new run begins, nor does one that waits go on."""
    assert cli.run(["diagnose", checkout, "--ask"], door) == 65
    assert "needs a terminal" in capsys.readouterr().err
    assert door.requests == []
    door.question = Question(id="q1", subject="budget", question="May it?")
    assert cli.run(["resume", RUN], door) == 65
    said = capsys.readouterr().err
    assert "May it?" in said
    assert f"patchwright resume {RUN}" in said
    assert door.answers == []


def test_exit_codes_are_documented_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(f"{code} {outcome.replace('_', ' ')}" in EPILOG for outcome, code in EXIT_CODES.items())
    assert cli.run(["--help"]) == 0
    assert "Exit codes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["nonsense"], ["diagnose", "--nonsense"], ["diagnose", "--goal", "x"], ["diagnose", "--repeats", "0"], ["show"],
     ["diagnose", "--limit-seconds", "nan"], ["diagnose", "--limit-seconds", "inf"], ["--nonsense"]],
)  # fmt: skip
def test_wrong_usage_is_64(arguments: list[str], door: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(arguments, door) == 64
    assert "--help" in capsys.readouterr().err
    assert not door.requests


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such/place"], "no such directory: /no/such/place"),
        ([".", "--log", "/no/such/log"], "/no/such/log cannot be read: No such file"),
        ([".", "--log", "/"], "/ cannot be read: Is a directory"),
        ([".", "--log", "/dev/null"], "/dev/null is empty"),
        ([".", "--allow", "everything"], "no such rule of the guard; rules are failing-test"),
        ([".", "--good", "-x"], "--good '-x' is not a revision"),
        (["https://example.org/x.git", "--apply"], "--apply needs a local checkout"),
        ([".", "--log", "-", "--issue", "-"], "only one of"),
        ([".", "--patch", "/dev/null"], "--patch /dev/null"),
        ([".", "--out", "/dev/null/x"], "--out /dev/null/x"),
    ],
)
def test_bad_input_is_65_with_a_message(
    arguments: list[str], message: str, door: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["diagnose", *arguments], door) == 65
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SandboxUnavailable("namespaces are forbidden here"), 69),
        (EnvironmentUnknown("nothing tells how to test it: pass --test-command"), 65),
        (ToolError("no such test: x"), 65),
        (OSError(errno.ENOSPC, "No space left on device", "/runs/x"), 74),
    ],
)
def test_known_errors_are_one_line(
    error: Exception, code: int, door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door.error = error
    assert cli.run(["diagnose", checkout, "--quiet"], door) == code
    err = capsys.readouterr().err
    assert err.startswith("patchwright: ")
    assert len(err.splitlines()) == 1


def test_a_bug_is_one_line_with_the_place_of_its_traceback(
    door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    door.error = ZeroDivisionError("oops \x1b[2J")
    assert cli.run(["diagnose", checkout, "--quiet"], door) == 70
    err = capsys.readouterr().err
    assert "this is a bug: ZeroDivisionError: oops" in err
    assert "Traceback" not in err
    assert "\x1b" not in err
    assert "ZeroDivisionError" in Path(err.rsplit(" ", 1)[1].strip()).read_text()
    monkeypatch.setenv("PATCHWRIGHT_DEBUG", "1")
    assert cli.run(["diagnose", checkout, "--quiet"], door) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_says_how_to_go_on(
    number: int, code: int, door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    door.signal = number
    assert cli.run(["diagnose", checkout], door) == code
    err = capsys.readouterr().err
    assert f"patchwright resume {RUN}" in err
    assert "Traceback" not in err


def test_options_become_the_request(door: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fix.diff").write_text(FIX)
    (tmp_path / "ci.log").write_text("E  boom")
    line = "diagnose --test a::b --test c --rev main --good v1 --log ci.log --patch fix.diff --goal triage"
    more = "--limit-seconds 60 --test-seconds 2 --repeats 3 --candidates 9 --workers 1 --sandbox none --python 3.11"
    assert (
        cli.run([*f"{line} {more} --allow sleep".split(), "--install", "make deps", "--test-command", "make t"], door)
        == 0
    )
    request = door.requests[0]
    assert request.source == str(tmp_path)
    assert (request.tests, request.rev, request.good, request.goal) == (("a::b", "c"), "main", "v1", "triage")
    assert (request.install, request.test_command, request.python) == (("make deps",), "make t", "3.11")
    assert (request.sandbox, request.allow) == ("none", ("sleep",))
    limits = request.limits
    assert (limits.wall_s, limits.test_s, limits.repeats, limits.candidates, limits.workers) == (60, 2, 3, 9, 1)
    assert door.texts == [("E  boom", None, (FIX,))]


def test_json_is_all_there_is_on_standard_output(
    door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["diagnose", checkout, "--json"], door) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["outcome"] == "verified_patch"
    assert "prepare: done" in shown.err


def test_the_report_is_kept_with_the_run_and_where_it_was_asked_for(
    door: StandIn, checkout: str, tmp_path: Path
) -> None:
    assert cli.run(["diagnose", checkout, "--out", str(tmp_path / "a" / "b")], door) == 0
    for folder in (door.folder, tmp_path / "a" / "b"):
        for name in ("report.json", "report.md", "report.html", "patch.diff", "certificate.json"):
            assert (folder / name).is_file()


def test_the_summary_names_what_matters(door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["diagnose", checkout, "--quiet"], door) == 0
    out = capsys.readouterr().out
    wanted = ("VERIFIED PATCH", "Settle pauses", "+            self.billed_to = day", "certificate.json", "report.html")
    for text in (*wanted, "2 other plausible patches; behaving like this one: 1", "review the patch", RUN):
        assert text in out


def test_a_broken_environment_shows_what_the_step_printed(
    door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = Evidence(id="environment-1", kind="environment", summary="the step `make deps` failed: no rule")
    broken = without_patch("environment_broken").model_copy(update={"suspects": (), "evidence": (seen,)})
    door.report = broken
    assert cli.run(["diagnose", checkout, "--quiet"], door) == 7
    assert "the step `make deps` failed: no rule" in capsys.readouterr().out


def test_hostile_texts_do_nothing_to_a_terminal(
    door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sequences are gone, reordering characters are spelled out, and markup is shown and not obeyed."""
    door.report = hostile("\x1b]0;owned\x07\x1b[2J[bold red]x[/] [link=http://evil.example]\u202e\udce9\r")
    assert cli.run(["diagnose", checkout], door) == 0
    out = capsys.readouterr().out
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out)
    assert "[bold red]x[/]" in out


def test_apply_writes_a_verified_patch(door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]) -> None:
    box = Path(checkout) / "box.py"
    box.write_text(SOURCE)
    _base(door)
    assert cli.run(["diagnose", checkout, "--apply"], door) == 0
    assert box.read_text() == SOURCE.replace(" - 1", "")
    assert f"applied: {box}" in capsys.readouterr().err


def test_apply_leaves_a_changed_checkout_alone(
    door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    box = Path(checkout) / "box.py"
    box.write_text("# mine\n" + SOURCE)
    _base(door)
    assert cli.run(["diagnose", checkout, "--apply"], door) == 65
    assert box.read_text() == "# mine\n" + SOURCE
    assert str(door.folder / "patch.diff") in capsys.readouterr().err


def test_apply_without_a_verified_patch_writes_nothing(door: StandIn, checkout: str) -> None:
    door.report = without_patch().model_copy(update={"patch": FIX})
    (Path(checkout) / "box.py").write_text(SOURCE)
    assert cli.run(["diagnose", checkout, "--apply"], door) == 2
    assert (Path(checkout) / "box.py").read_text() == SOURCE


def _base(door: StandIn) -> None:
    certificate = {**(verified().certificate or {}), "predicate": {"patch": FIX}}
    door.report = verified().model_copy(update={"patch": FIX, "certificate": certificate})
    base = door.folder / PREPARED.base
    base.mkdir(parents=True)
    (base / "box.py").write_text(SOURCE)


def test_resume_goes_on_with_a_run(door: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    door.folder.mkdir()
    assert cli.run(["resume", RUN[:8]], door) == 0
    assert "VERIFIED PATCH" in capsys.readouterr().out
    assert cli.run(["resume", "1999"], door) == 65
    assert "there is no run '1999'" in capsys.readouterr().err


def test_replay_says_whether_the_same_report_was_reached(door: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["replay", RUN], door) == 0
    assert "the same report: verified_patch" in capsys.readouterr().out
    door.differences = ("patch differs",)
    assert cli.run(["replay", RUN, "--json"], door) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out)["run"] == RUN
    assert "patch differs" in shown.err


def test_runs_are_listed_as_they_are(door: StandIn, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["runs"], door) == 0
    out = capsys.readouterr().out
    assert RUN in out
    assert "[bold]x" in out


def test_show_prints_files_of_a_run(door: StandIn, checkout: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    cli.run(["diagnose", checkout, "--quiet"], door)
    capfdbinary.readouterr()
    for format_, start in (
        ("json", b"{"),
        ("html", b"<!doctype html>"),
        ("diff", b"diff --git"),
        ("md", b"# Verified"),
    ):
        assert cli.run(["show", RUN, "--format", format_], door) == 0
        assert capfdbinary.readouterr().out.lstrip().startswith(start)


def test_show_of_what_is_not_there(door: StandIn, checkout: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", RUN], door) == 65
    assert f"is not finished; go on with it: patchwright resume {RUN}" in capsys.readouterr().err
    door.report = without_patch()
    cli.run(["diagnose", checkout, "--quiet"], door)
    assert cli.run(["show", RUN, "--format", "diff"], door) == 65
    assert "has no patch" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "code"), [("good", 0), ("bad", 1), ("tampered", 65)])
def test_verify_says_whether_a_certificate_holds(text: str, code: int, door: StandIn, tmp_path: Path) -> None:
    (tmp_path / "certificate.json").write_text(text)
    assert cli.run(["verify", str(tmp_path / "certificate.json"), "--repo", str(tmp_path)], door) == code


def test_schema_and_version_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Report"
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("patchwright ")


def test_settings_are_printed_with_their_meaning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATCHWRIGHT_REPEAT", "3")
    assert cli.run(["settings"]) == 0
    shown = capsys.readouterr()
    assert "PATCHWRIGHT_REPEATS=5 (default)" in shown.out
    assert "PATCHWRIGHT_REPEAT is set, but there is no such setting" in shown.err
    monkeypatch.setenv("PATCHWRIGHT_REPEATS", "none")
    assert cli.run(["settings"]) == 65


def test_the_start_imports_nothing_heavy() -> None:
    """What `--help` waits for is typer and rich."""
    heavy = "('pydantic', 'langgraph', 'jinja2', 'git', 'workflows.wiring')"
    code = f"import workflows.cli, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
