"""The client against the real application over a socket, and through a network that fails on purpose."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from structlog.testing import capture_logs

from agent.asking import Question
from agent.domain import EXIT_CODES, Report
from tests.archives import extract
from tests.fakes.report import FIX, verified, without_patch
from tests.service import URL, Site, site
from tests.unit.test_cli import terminal
from tests.waiting import PATIENCE_S
from workflows import cli
from workflows.client import Client, ServiceAway, ServiceRefused
from workflows.commands import remote
from workflows.commands.session import Ways
from workflows.packing import pack
from workflows.report.render import write_report
from workflows.service.bodies import Message, Opinion, RunView, TokenWanted, Wanted
from workflows.service.values import SCOPES


@contextmanager
def _listening(place: Site) -> Iterator[str]:
    """The address of the application, served by a thread."""
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(place.app, log_config=None, access_log=False, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
    thread.start()
    try:
        with capture_logs():
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


@contextmanager
def _worker(place: Site, report: Report | None, *, last: str = "finished") -> Iterator[None]:
    """A thread that takes every queued run, tells of two steps and ends it."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for run in [r for r in list(place.store._runs.values()) if r.state == "queued"]:
                place.store.add(run.id, "started")
                for node in ("prepare", "verify"):
                    place.store.add(run.id, "progress", node, "started")
                    place.store.add(run.id, "progress", node, f"finished: {node} went well")
                if report is not None:
                    write_report(report.model_copy(update={"run": run.id}), report.patch, place.folder / run.id)
                    place.store.change(run.id, outcome=report.outcome)
                place.store.change(run.id, problem="" if last == "finished" else "the disk is full")
                place.store.add(run.id, last)  # type: ignore[arg-type]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(PATIENCE_S)


@pytest.fixture
async def place(tmp_path: Path) -> Site:
    made = site(tmp_path / "service", unpacked_mb=8)
    await made.token("red", *SCOPES)
    return made


def _secret(place: Site) -> str:
    return place.secrets["red", " ".join(SCOPES)]


def test_everything_that_the_api_offers_is_asked_for_and_read(place: Site) -> None:
    report = verified()
    with _listening(place) as address, Client.to(address, _secret(place)) as service:
        run = service.submit(Wanted(url=URL, tests=("t",)), key="k1")
        assert service.submit(Wanted(url=URL, tests=("t",)), key="k1").id == run.id
        with _worker(place, report):
            kinds = [event.kind for event in service.events(run.id)]
        assert kinds == ["queued", "started", *["progress"] * 4, "finished"]
        assert list(service.events(run.id, after=len(kinds))) == []
        assert service.run(run.id).ended
        assert service.report(run.id).outcome == "verified_patch"
        assert service.patch(run.id) == FIX.encode()
        assert json.loads(service.certificate(run.id) or b"null") == report.certificate
        assert service.evidence(run.id, report.evidence[0].id).evidence == report.evidence[0]
        assert service.transcript(run.id) == ""
        service.feedback(run.id, Opinion(verdict="right"))
        assert [row.id for row in service.runs(states=("finished",), limit=1).runs] == [run.id]
        other = service.submit(Wanted(url=URL))
        assert service.cancel(other.id).state == service.cancel(other.id).state == "cancelled"
        issued = service.issue(TokenWanted(name="ci", scopes=("read",)))
        assert issued.token.id in {token.id for token in service.tokens().tokens}
        service.revoke(issued.token.id)


BUDGET = Question(id="q1", subject="budget", question="May it take [bold]longer?", detail="so\x1b[2Jfar")
LACKING = Question(id="q1", subject="information", question="Which tests fail?", consequence="it tries again")


def test_what_a_run_asks_is_read_and_answered(place: Site) -> None:
    """Again is the same answer; another one is refused at once."""
    with _listening(place) as address, Client.to(address, _secret(place)) as service:
        budget, lacking = (_asked(place, service, question) for question in (BUDGET, LACKING))
        assert service.run(budget).state == "waiting_for_approval"
        assert [one.question for one in service.approvals(budget).approvals] == [BUDGET.question]
        first = service.decide(budget, "q1", "approve", "go on")
        assert (first.note, service.decide(budget, "q1", "approve")) == ("go on", first)
        with pytest.raises(ServiceRefused, match="closed already") as caught:
            service.decide(budget, "q1", "deny")
        assert caught.value.status == 409
        assert service.tell(lacking, Message(tests=("a::b",))).decision == "message"
        with pytest.raises(ServiceRefused, match="does not wait"):
            service.tell(lacking, Message(text="more"))


def _asked(place: Site, service: Client, question: Question) -> str:
    """A run that waits for an answer."""
    run = service.submit(Wanted(url=URL, ask=True)).id
    place.store.add(run, "started")
    place.store.ask(run, question)
    return run


def test_an_answer_whose_own_answer_was_lost_is_sent_again() -> None:
    row = {"id": "q1", "run": "r", "subject": "budget", "question": "?", "asked": RUN["created"],
           "expires": RUN["created"], "decision": "deny"}  # fmt: skip
    service, transport, _ = _client(httpx.ReadError("cut"), httpx.Response(200, json=row))
    assert service.decide("r", "q1", "deny").decision == "deny"
    assert len(transport.asked) == 2


def test_a_problem_is_an_error_that_says_it(place: Site) -> None:
    with _listening(place) as address, Client.to(address, _secret(place), patience_s=0) as service:
        with pytest.raises(ServiceRefused, match="url: ") as caught:
            service.submit(Wanted(url="https://evil.example/a"))
        assert (caught.value.status, caught.value.problem.errors[0].field) == (422, "url")
        with pytest.raises(ServiceRefused) as caught:
            list(service.events("nowhere"))
        assert caught.value.status == 404
        place.store.down = True
        with pytest.raises(ServiceRefused, match="try again") as caught:
            service.runs()
        assert caught.value.status == 503


class Flaky(httpx.BaseTransport):
    """Answers as told, one after the other; an exception is raised."""

    def __init__(self, *answers: httpx.Response | BaseException) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _client(*answers: httpx.Response | BaseException) -> tuple[Client, Flaky, list[float]]:
    transport, slept, clock = Flaky(*answers), [], [0.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    http = httpx.Client(transport=transport, base_url="http://service")
    return Client(http, sleep=sleep, now=lambda: clock[0]), transport, slept


def _event(seq: int, kind: str) -> str:
    row = {"run": "r", "seq": seq, "at": "2026-11-24T08:00:00Z", "kind": kind, "node": "n", "text": "a\u2028b\u0085c"}
    return f"id: {seq}\r\nevent: {kind}\r\ndata: {json.dumps(row, ensure_ascii=False)}\r\n\r\n"


RUN: dict[str, Any] = {
    "id": "r", "state": "queued", "outcome": None, "headline": "", "problem": "", "cancelling": False, "source": "s",
    "rev": None, "good": None, "tests": [], "goal": "patch", "limits": {}, "priority": 0, "attempts": 0,
    "created": "2026-11-24T08:00:00Z", "started": None, "finished": None, "deadline": None, "links": {},
}  # fmt: skip


def test_events_are_complete_over_a_stream_that_is_cut_off() -> None:
    service, transport, slept = _client(
        httpx.Response(200, text=": hello\n\n" + _event(1, "queued")),
        httpx.Response(200, json=RUN),
        httpx.ReadTimeout("slow"),
        httpx.Response(503, json={"title": "x", "status": 503}),
        httpx.Response(200, text=_event(2, "started") + _event(3, "finished")),
    )
    assert [event.seq for event in service.events("r")] == [1, 2, 3]
    assert [request.headers.get("last-event-id") for request in transport.asked] == ["0", None, "1", "1", "1"]
    assert len(slept) == 3


def test_a_submission_is_tried_again_under_the_same_key_when_that_can_help() -> None:
    busy = httpx.Response(429, json={"title": "x", "status": 429}, headers={"Retry-After": "7"})
    service, transport, slept = _client(busy, httpx.ConnectError("no"), httpx.Response(202, json=RUN))
    assert service.submit(Wanted(url=URL)).id == "r"
    assert slept == [7.0, 1.0]
    assert len({request.headers["idempotency-key"] for request in transport.asked}) == 1


def test_an_archive_is_sent_whole_each_time() -> None:
    service, transport, _ = _client(httpx.WriteError("no"), httpx.Response(202, json=RUN))
    service.submit(Wanted(), io.BytesIO(b"PAYLOAD"))
    assert all(b"PAYLOAD" in request.content for request in transport.asked)


def test_patience_ends(place: Site) -> None:
    service, _, slept = _client(*(httpx.ConnectError("no route") for _ in range(100)))
    with pytest.raises(ServiceAway, match="no route"):
        service.runs()
    assert sum(slept) <= 60
    once, transport, _ = _client(httpx.ReadError("cut"))
    with pytest.raises(ServiceAway):
        once.issue(TokenWanted(name="x", scopes=("read",)))
    assert len(transport.asked) == 1, "a token is never issued twice"


@pytest.mark.parametrize("body", [b"<html>hello</html>", b"[]", b"{}", b"\xff"])
def test_what_is_no_service_is_said(body: bytes) -> None:
    with pytest.raises(ServiceAway, match="not as a Patchwright service"):
        _client(httpx.Response(200, content=body))[0].run("r")
    with pytest.raises(ServiceRefused):
        _client(httpx.Response(404, content=body))[0].run("r")


def _git(folder: Path, *arguments: str) -> None:
    name = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    top = tmp_path / "checkout"
    (top / "pkg").mkdir(parents=True)
    _git(top, "init", "-q")
    (top / ".gitignore").write_text("*.log\n")
    (top / "pkg" / "a.py").write_text("x = 1\n")
    (top / "gone.py").write_text("")
    _git(top, "add", ".")
    _git(top, "commit", "-qm", "one")
    _git(top, "config", "remote.origin.url", "https://user:CANARY@example.org/x")
    _git(top, "config", "core.fsmonitor", f"touch {tmp_path}/executed")
    (top / "pkg" / "a.py").write_text("x = 2\n")
    (top / "pkg" / "new.py").write_text("")
    (top / "noise.log").write_text("")
    (top / "gone.py").unlink()
    (top / "out").symlink_to("/etc/passwd")
    (top / "in").symlink_to("pkg")
    return top


def test_a_checkout_is_packed_as_it_is_without_credentials(checkout: Path, tmp_path: Path) -> None:
    data = io.BytesIO()
    packed = pack(checkout / "pkg", data)
    data.seek(0)
    with tarfile.open(fileobj=data) as tar:
        names = set(tar.getnames())
    (tmp_path / "packed").write_bytes(data.getvalue())
    extract(tmp_path / "packed", tmp_path / "there")
    assert {"pkg/a.py", "pkg/new.py", ".gitignore", "in", ".git/HEAD", ".git/index", ".git/config"} <= names
    assert not names & {"gone.py", "noise.log", "out"}
    assert not any(name.startswith(".git/hooks") for name in names)
    assert (packed.subdirectory, len(packed.notes)) == ("pkg", 1)
    assert b"CANARY" not in b"".join(p.read_bytes() for p in (tmp_path / "there").rglob("*") if p.is_file())
    status = subprocess.run(["git", "status", "--short"], cwd=tmp_path / "there", capture_output=True, check=True)
    assert status.stdout.splitlines() == [b" D gone.py", b" M pkg/a.py", b"?? in", b"?? pkg/new.py"]
    assert not (tmp_path / "executed").exists()


def test_a_plain_directory_and_a_linked_working_tree_are_packed_without_history(checkout: Path, tmp_path: Path) -> None:
    _git(checkout, "worktree", "add", "-q", "../linked")
    for folder in (tmp_path / "linked", tmp_path / "plain"):
        folder.mkdir(exist_ok=True)
        (folder / "x.py").write_text("")
        data = io.BytesIO()
        packed = pack(folder, data)
        data.seek(0)
        with tarfile.open(fileobj=data) as tar:
            names = tar.getnames()
        assert "x.py" in names
        assert not any(name.startswith(".git/") or name == ".git" for name in names)
        assert bool(packed.notes) == (folder.name == "linked")


@pytest.fixture
def run_cli(place: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setenv("PATCHWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATCHWRIGHT_TOKEN", _secret(place))
    for name in ("PATCHWRIGHT_SERVER", "PATCHWRIGHT_TOKEN_FILE", "PATCHWRIGHT_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return lambda *arguments: cli.run(list(arguments))


@pytest.mark.parametrize(("outcome", "code"), EXIT_CODES.items())
def test_a_diagnosis_on_a_service_ends_as_one_here(  # noqa: PLR0917 - fixtures
    outcome: str, code: int, place: Site, run_cli: Callable[..., int], checkout: Path, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    report = verified() if outcome == "verified_patch" else without_patch(outcome)
    with _listening(place) as address, _worker(place, report):
        ended = run_cli(
            "diagnose", str(checkout), "--server", address, "--out", str(tmp_path / "out"), "--repeats", "2"
        )
    assert ended == code
    said = capsys.readouterr()
    assert "prepare went well" in said.err
    assert "verify went well" in said.err
    assert Report.model_validate_json((tmp_path / "out" / "report.json").read_bytes()).outcome == outcome
    assert (tmp_path / "out" / "patch.diff").exists() == (outcome == "verified_patch")
    kept = next(iter(place.store.submissions.values()))
    assert (place.settings.uploads / kept.request.source.removeprefix("upload:") / "pkg" / "new.py").exists()
    assert kept.request.limits.repeats == 2


def test_a_url_and_json_work_as_here(
    place: Site, run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listening(place) as address, _worker(place, verified()):
        monkeypatch.setenv("PATCHWRIGHT_SERVER", address + "/")
        assert run_cli("diagnose", URL, "--json", "-q", "--rev", "main") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["outcome"] == "verified_patch"
    assert said.err == ""


def test_ctrl_c_leaves_the_run_to_the_service_and_says_how_to_end_it(capsys: pytest.CaptureFixture[str]) -> None:
    service, _, _ = _client(KeyboardInterrupt())
    run = RunView.model_validate({**RUN, "links": {"self": "/v1/diagnoses/r"}})
    assert remote._followed(service, "http://service", run, Ways()) == 130
    assert "http://service/v1/diagnoses/r/cancel" in capsys.readouterr().err


@contextmanager
def _asking_worker(place: Site, question: Question) -> Iterator[None]:
    """A thread that begins every queued run, which asks; once it is answered it is finished."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.01):
            for run in [r for r in list(place.store._runs.values()) if r.state == "queued"]:
                place.store.add(run.id, "started")
                if not place.store._asked[run.id]:
                    place.store.ask(run.id, question)
                    continue
                report = without_patch("diagnosed").model_copy(update={"run": run.id})
                write_report(report, None, place.folder / run.id)
                place.store.add(run.id, "finished")

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(PATIENCE_S)


def _answering(place: Site, address: str, run_cli: Callable[..., int], *arguments: str) -> threading.Thread:
    """A thread that answers, with `patchwright answer`, the only run once somebody has looked at what it asks."""
    looked = {"method": "GET", "route": "/v1/diagnoses/{run}/approvals", "status": "200"}
    registry = place.app.state.parts.metrics.registry

    def work() -> None:
        while not registry.get_sample_value("patchwright_http_requests_total", looked):
            time.sleep(0.01)
        (run,) = place.store._runs
        assert run_cli("answer", run, "--server", address, *arguments) == 0

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("question", "how", "arguments"),
    [
        (BUDGET, "--approve or --deny", ("--approve", "--note", "take it")),
        (LACKING, "--text TEXT --test ID", ("--test", "a::b", "--test", "c::d", "--text", "only here")),
    ],
)
def test_a_diagnosis_on_a_service_shows_what_it_asks_and_goes_on_when_it_is_answered(  # noqa: PLR0917 - fixtures
    question: Question, how: str, arguments: tuple[str, ...], place: Site, run_cli: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with _listening(place) as address, _asking_worker(place, question):
        answering = _answering(place, address, run_cli, *arguments)
        assert run_cli("diagnose", URL, "--server", address, "--ask") == EXIT_CODES["diagnosed"]
        answering.join(5)
    said = capsys.readouterr().err
    (kept,) = place.store.submissions.values()
    assert kept.request.ask
    (told,) = [(action, detail) for _, action, _, detail in place.store.audited if action != "submit"]
    assert told in (("approve", "q1 take it"), ("message", "q1"))
    if question is LACKING:
        (more,) = place.store._told.values()
        assert (more.tests, more.text) == (("a::b", "c::d"), "only here")
    assert question.question in said
    assert how in said
    assert "\x1b" not in said


def test_a_diagnosis_on_a_service_asks_whoever_sits_at_the_terminal(
    place: Site, run_cli: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listening(place) as address, _asking_worker(place, BUDGET), terminal(monkeypatch) as keyboard:
        os.write(keyboard, b"y\n")
        assert run_cli("diagnose", URL, "--server", address, "--ask", "-q") == EXIT_CODES["diagnosed"]
    assert [action for _, action, _, _ in place.store.audited] == ["submit", "approve"]


def test_what_a_run_asked_is_listed(
    place: Site, run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _listening(place) as address, Client.to(address, _secret(place)) as service:
        monkeypatch.setenv("PATCHWRIGHT_SERVER", address)
        run = _asked(place, service, BUDGET)
        assert run_cli("answer", run) == 0
        said = capsys.readouterr().out
        assert BUDGET.question in said
        assert "open until" in said
        assert run_cli("answer", run, "--deny", "--note", "too dear") == 0
        assert run_cli("answer", run) == 0
        assert "deny: too dear" in capsys.readouterr().out
        assert run_cli("answer", run, "--approve") == 65
        assert "closed already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--approve", "--deny"), 64, "one answer"),
        (("--approve", "--text", "x"), 64, "one answer"),
        (("--approve",), 64, "--server URL"),
        (("--log", "/no/such/log"), 65, "cannot be read"),
        (("--rev", "-x"), 65, "not a revision"),
    ],
)
def test_an_answer_that_is_none_is_said_before_anything_is_sent(
    arguments: tuple[str, ...], code: int, message: str, run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("answer", "r", *arguments) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("last", "code"), [("failed", 65), ("timed_out", 69), ("cancelled", 130)])
def test_a_run_without_a_report_is_told(
    last: str, code: int, place: Site, run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with _listening(place) as address, _worker(place, None, last=last):
        assert run_cli("diagnose", URL, "--server", address) == code
    assert "the disk is full" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--server", "ftp://x"), "http or https URL"),
        (("--server", "http://u:p@x"), "http or https URL"),
        (("--server", "http://[::1"), "http or https URL"),
        (("--server", "http://x", "--model-url", "http://m"), "--model-url is for diagnoses on this machine"),
        (("--server", "http://x", "--python", "/usr/bin/python3"), "does not take python"),
    ],
)
def test_what_a_service_cannot_do_is_said_before_anything_is_sent(
    arguments: tuple[str, ...], message: str, run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_cli("diagnose", URL, *arguments) == 65
    assert message in capsys.readouterr().err


def test_a_wrong_token_is_explained(
    place: Site, run_cli: Callable[..., int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    (tmp_path / "token").write_text("S3CRET\n")
    monkeypatch.setenv("PATCHWRIGHT_TOKEN_FILE", str(tmp_path / "token"))
    with _listening(place) as address:
        assert run_cli("diagnose", URL, "--server", address) == 65
    said = capsys.readouterr().err
    assert "PATCHWRIGHT_TOKEN" in said
    assert "S3CRET" not in said


def test_the_document_is_printed(run_cli: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli("openapi") == 0
    assert json.loads(capsys.readouterr().out)["openapi"].startswith("3.1")


def test_a_real_socket_gets_no_patience_for_a_trickling_body(place: Site) -> None:
    with _listening(place) as address, socket.create_connection(("127.0.0.1", int(address.rsplit(":")[-1]))) as line:
        line.sendall(b"POST /v1/tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n")
        line.settimeout(PATIENCE_S)
        assert b"413" in line.recv(4096), "not 408, which is what the end of its patience would say"
