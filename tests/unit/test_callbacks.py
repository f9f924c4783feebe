"""Messages about the end of runs: signed as receivers expect, sent where they may be, again until they are taken."""

from __future__ import annotations

import ssl
import stat
import subprocess
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent.domain import Request
from workflows.service.callbacks import KEY_FILE, Sender, key_of, secret_of
from workflows.service.fetch import Hosts, UrlRefused, check_callback
from workflows.service.store.lifecycle import Leased
from workflows.service.values import Approval, CallbackState, Run
from workflows.settings import Settings

KEY = b"k" * 64
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = Run(
    id="20260102-030405-ab", tenant="red", state="finished", request=Request(source="https://example.org/r.git"),
    created=NOW, finished=NOW, outcome="verified_patch", headline="fixed",
)  # fmt: skip
PRIVATE = Hosts((), private=True)


@dataclass
class Receiver:
    """What a receiver got. answers: statuses to give, the last one for ever."""

    answers: list[int]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Receiver, int]]:
    receiver = Receiver(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0])
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield receiver, server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Outbox:
    """One callback that is due whenever it is asked for. settled: state, status, problem, pause of each try."""

    url: str
    settled: list[tuple[CallbackState, int | None, str, float]] = field(default_factory=list)
    asked: tuple[Approval, ...] = ()
    about: str = "ended"

    async def lease(self, lease_s: float, share: int) -> Leased | None:
        assert lease_s > 0 < share
        return Leased(RUN.id, "red", "msg_1", self.url, len(self.settled) + 1, self.about)

    async def settle(
        self, leased: Leased, state: CallbackState, *, status: int | None, problem: str = "", pause_s: float = 0.0
    ) -> None:
        assert leased.tries == len(self.settled) + 1
        self.settled.append((state, status, problem, pause_s))

    async def run(self, tenant: str, run: str) -> Run | None:
        return RUN if (tenant, run) == ("red", RUN.id) else None

    async def approvals(self, tenant: str, run: str) -> tuple[Approval, ...]:
        return self.asked if (tenant, run) == ("red", RUN.id) else ()


async def here(host: str, port: int) -> Sequence[str]:
    """Every name leads to this machine."""
    assert host.endswith(".example")
    assert port
    return ("127.0.0.1",)


def sender(outbox: Outbox, *, hosts: Hosts = PRIVATE, **more: Any) -> Sender:
    return Sender(outbox, KEY, hosts, here, pauses_s=(5, 300), **more)


async def test_the_message_is_verified_by_the_standards_own_library() -> None:
    with receiving(204) as (receiver, port):
        outbox = Outbox(f"http://hooks.example:{port}/here?for=us")
        assert await sender(outbox).one()
    assert outbox.settled == [("delivered", 204, "", 0.0)]
    ((headers, body),) = receiver.got
    assert headers["host"] == f"hooks.example:{port}"
    told = Webhook(secret_of(KEY, "red")).verify(body, headers)
    assert (told["type"], told["data"]["id"], told["data"]["outcome"]) == ("diagnosis.ended", RUN.id, "verified_patch")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret_of(KEY, "blue")).verify(body, headers)


QUESTION = Approval(
    id="q1", run=RUN.id, subject="guard", question="May a patch change conftest.py?", detail="the diff", asked=NOW,
    expires=NOW + timedelta(days=1),
)  # fmt: skip


async def test_a_question_is_told_while_it_is_open() -> None:
    """What the run asks, without what strangers wrote; one that was answered meanwhile is not told any more."""
    with receiving(200, 200) as (receiver, port):
        outbox = Outbox(f"http://hooks.example:{port}/", asked=(QUESTION,), about="q1")
        assert await sender(outbox).one()
        outbox.asked = (QUESTION.model_copy(update={"decision": "deny"}),)
        assert await sender(outbox).one()
    (headers, body) = receiver.got[0]
    message = Webhook(secret_of(KEY, "red")).verify(body, headers)
    assert (message["type"], message["data"]["id"]) == ("diagnosis.waiting", RUN.id)
    assert message["data"]["approval"]["question"] == QUESTION.question
    assert b"the diff" not in body
    assert len(receiver.got) == 1
    assert [state for state, *_ in outbox.settled] == ["delivered", "given_up"]


async def test_it_is_sent_again_with_the_same_id_and_in_the_end_given_up() -> None:
    with receiving(500, 302, 503) as (receiver, port):
        outbox = Outbox(f"http://hooks.example:{port}/")
        for _ in range(3):
            await sender(outbox).one()
    states, pauses = [entry[:3] for entry in outbox.settled], [entry[3] for entry in outbox.settled]
    assert states == [
        ("due", 500, "answered with 500"), ("due", 302, "answered with 302"), ("given_up", 503, "answered with 503"),
    ]  # fmt: skip
    assert 5 <= pauses[0] <= 6
    assert 300 <= pauses[1] <= 360
    assert {headers["webhook-id"] for headers, _ in receiver.got} == {"msg_1"}


async def test_a_receiver_that_is_gone_for_good_is_asked_once() -> None:
    with receiving(410) as (_, port):
        outbox = Outbox(f"http://hooks.example:{port}/")
        await sender(outbox).one()
    assert outbox.settled[0][:2] == ("given_up", 410)


async def test_nobody_there_is_said_without_the_address() -> None:
    outbox = Outbox("http://hooks.example:9/S3CRET")
    await sender(outbox).one()
    assert outbox.settled[0][:3] == ("due", None, "no answer: ConnectError")


async def test_a_name_that_leads_into_a_private_network_by_now_is_not_connected_to() -> None:
    with receiving(204) as (receiver, port):
        outbox = Outbox(f"https://hooks.example:{port}/")
        await sender(outbox, hosts=Hosts(())).one()
    assert receiver.got == []
    assert "private network" in outbox.settled[0][2]


def _certified(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate of hooks.example."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=hooks.example", "-addext", "subjectAltName=DNS:hooks.example", "-keyout", key, "-out",
         certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return key, certificate


async def test_certificates_are_checked_for_the_name_and_not_the_address(tmp_path: Path) -> None:
    key, certificate = _certified(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with receiving(200, tls=server) as (_, port):
        outbox = Outbox(f"https://hooks.example:{port}/")
        await sender(outbox, tls=trusting).one()
        await sender(outbox).one()
        other = Outbox(f"https://other.example:{port}/")
        await sender(other, tls=trusting).one()
    assert [entry[0] for entry in outbox.settled] == ["delivered", "due"]
    assert other.settled[0][:3] == ("due", None, "no answer: ConnectError")


@pytest.mark.parametrize(
    "url",
    ["http://hooks.example/", "ftp://hooks.example/", "https://u:p@hooks.example/", "https://hooks.example/#a", "x"],
)
async def test_what_is_no_callbacks_url_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        await check_callback(url, Hosts(("*",)), here)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as threads:
        keys = set(threads.map(lambda _: key_of(settings), range(16)))
    assert len(keys) == 1
    path = settings.home / KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in settings.home.iterdir()] == [KEY_FILE]


def test_a_key_that_is_too_short_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("short\n")
    with pytest.raises(OSError, match="must have 32 characters or more"):
        key_of(Settings(home=tmp_path, callback_key_file=path))
