"""A client of the service: typed, synchronous, patient with a network that comes and goes.

    with Client.to("https://patchwright.example", token) as service:
        run = service.submit(Wanted(url="https://github.com/a/b", tests=("tests/test_x.py",)))
        for event in service.events(run.id):
            print(event.node, event.text)
        print(service.report(run.id).outcome)

ServiceRefused: the service says no, and why; ServiceAway: it did not answer for `patience_s`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import Any, BinaryIO, Self, TypeVar

import httpx
from pydantic import ValidationError

from agent.domain import Report
from tools.values import Value
from workflows.service.bodies import (
    ApprovalList,
    CallbackSecret,
    Decision,
    EvidenceView,
    Issued,
    Message,
    Opinion,
    ProblemBody,
    RunList,
    RunView,
    TokenList,
    TokenWanted,
    Wanted,
)
from workflows.service.values import Approval, Callback, Event, Ruling

V = TypeVar("V", bound=Value)
_LATER = (409, 429, 503)
_MOST_LINE = 4 << 20
_TIMES = httpx.Timeout(30.0, connect=10.0, read=60.0)  # events send a sign of life every 15 s
_RUNS = "/v1/diagnoses"


class ServiceAway(RuntimeError):
    """The service does not answer; the message says what happened last."""


class ServiceRefused(RuntimeError):
    """The service answered with a problem. status: of HTTP; problem: what it said."""

    def __init__(self, status: int, problem: ProblemBody) -> None:
        details = "; ".join(f"{error.field}: {error.problem}" for error in problem.errors)
        super().__init__(details or problem.detail or problem.title)
        self.status = status
        self.problem = problem


class Client:
    """What can be asked of a service. http: a client with its address and token; patience_s: of trying again."""

    def __init__(
        self, http: httpx.Client, *, patience_s: float = 60.0, sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._http = http
        self._patience_s = patience_s
        self._sleep = sleep
        self._now = now

    @classmethod
    def to(cls, server: str, token: str = "", *, patience_s: float = 60.0) -> Self:
        """A client of the service at a URL."""
        headers = {"User-Agent": "patchwright"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return cls(httpx.Client(base_url=server, headers=headers, timeout=_TIMES), patience_s=patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def submit(self, wanted: Wanted, archive: BinaryIO | None = None, *, key: str | None = None) -> RunView:
        """Queue a diagnosis. archive: the source, instead of a URL; key: names this submission when it is repeated."""
        headers = {"Idempotency-Key": key or secrets.token_hex(16)}
        if archive is None:
            sent: dict[str, Any] = {"json": wanted.model_dump(mode="json", exclude_defaults=True)}
            return _read(RunView, self._call("POST", _RUNS, headers=headers, **sent))

        def body() -> dict[str, Any]:
            archive.seek(0)
            text = wanted.model_dump_json(exclude_defaults=True)
            return {"files": {"archive": ("source", archive, "application/octet-stream")}, "data": {"request": text}}

        return _read(RunView, self._call("POST", _RUNS, body=body, headers=headers))

    def run(self, run: str) -> RunView:
        """One run."""
        return _read(RunView, self._call("GET", f"{_RUNS}/{run}"))

    def runs(
        self, *, states: tuple[str, ...] = (), outcome: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> RunList:
        """Runs, the newest first."""
        asked = {"state": list(states), "outcome": outcome, "cursor": cursor, "limit": limit}
        return _read(RunList, self._call("GET", _RUNS, params={name: v for name, v in asked.items() if v}))

    def cancel(self, run: str) -> RunView:
        """End a run."""
        return _read(RunView, self._call("POST", f"{_RUNS}/{run}/cancel"))

    def approvals(self, run: str) -> ApprovalList:
        """What a run asked, and what was answered."""
        return _read(ApprovalList, self._call("GET", f"{_RUNS}/{run}/approvals"))

    def decide(self, run: str, approval: str, decision: Ruling, note: str = "") -> Approval:
        """Approve or deny what a run asked."""
        said = Decision(decision=decision, note=note).model_dump(mode="json")
        return _read(Approval, self._call("POST", f"{_RUNS}/{run}/approvals/{approval}", json=said))

    def tell(self, run: str, message: Message) -> Approval:
        """Give a run the information that it asked for."""
        said = message.model_dump(mode="json", exclude_defaults=True)
        return _read(Approval, self._call("POST", f"{_RUNS}/{run}/messages", json=said))

    def report(self, run: str) -> Report:
        """The report of a finished run."""
        return _read(Report, self._call("GET", f"{_RUNS}/{run}/report", headers={"Accept": "application/json"}))

    def patch(self, run: str) -> bytes | None:
        """The verified patch, None when there is none."""
        return self._part(run, "patch")

    def certificate(self, run: str) -> bytes | None:
        """The certificate of the patch, None when there is none."""
        return self._part(run, "certificate")

    def transcript(self, run: str) -> str:
        """What a model thought, called and said."""
        return self._call("GET", f"{_RUNS}/{run}/transcript").text

    def evidence(self, run: str, evidence: str) -> EvidenceView:
        """A piece of evidence with its text."""
        return _read(EvidenceView, self._call("GET", f"{_RUNS}/{run}/evidence/{evidence}"))

    def feedback(self, run: str, opinion: Opinion) -> None:
        """Say what you think of a report."""
        self._call("POST", f"{_RUNS}/{run}/feedback", json=opinion.model_dump(mode="json"))

    def callback(self, run: str) -> Callback | None:
        """What became of telling a run's callback URL; None when it has none."""
        try:
            return _read(Callback, self._call("GET", f"{_RUNS}/{run}/callback"))
        except ServiceRefused as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def callback_secret(self) -> str:
        """What the tenant's callbacks are signed with, as libraries for Standard Webhooks take it."""
        return _read(CallbackSecret, self._call("GET", "/v1/callback-secret")).secret

    def tokens(self) -> TokenList:
        """The tenant's tokens."""
        return _read(TokenList, self._call("GET", "/v1/tokens"))

    def issue(self, wanted: TokenWanted) -> Issued:
        """A new token, with its secret."""
        return _read(Issued, self._call("POST", "/v1/tokens", json=wanted.model_dump(mode="json")))

    def revoke(self, token: str) -> None:
        """End a token."""
        self._call("DELETE", f"/v1/tokens/{token}")

    def events(self, run: str, *, after: int = 0) -> Generator[Event, None, None]:
        """What happens to a run, live and without a gap, up to its last event; reconnects when cut off."""
        until = self._now() + self._patience_s
        while True:
            try:
                for event in self._stream(run, after):
                    until = self._now() + self._patience_s
                    if event is None:
                        continue
                    after = event.seq
                    yield event
                    if event.last:
                        return
                if self.run(run).ended and not self._more(run, after):
                    return
                why = "the stream of events was cut off"
            except httpx.TransportError as error:
                why = str(error) or type(error).__name__
            except ServiceRefused as error:
                if error.status not in _LATER:
                    raise
                why = str(error)
            if self._now() > until:
                raise ServiceAway(why)
            self._sleep(1.0)

    def _more(self, run: str, after: int) -> bool:
        """Whether an ended run has events that were not seen."""
        return any(self._stream(run, after))

    def _stream(self, run: str, after: int) -> Iterator[Event | None]:
        """Events, and None for every other line: the service lives."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        with self._http.stream("GET", f"{_RUNS}/{run}/events", headers=headers) as answer:
            if answer.status_code == httpx.codes.NO_CONTENT:
                return
            if answer.is_error:
                answer.read()
                raise _refusal(answer)
            for line in _lines(answer.iter_bytes()):
                yield Event.model_validate_json(line[5:]) if line.startswith(b"data:") else None

    def _part(self, run: str, part: str) -> bytes | None:
        try:
            return self._call("GET", f"{_RUNS}/{run}/{part}").content
        except ServiceRefused as error:
            if error.status == httpx.codes.NOT_FOUND and error.problem.type.endswith(":no-result"):
                return None
            raise

    def _call(
        self, method: str, path: str, *, body: Callable[[], dict[str, Any]] | None = None, **sent: Any
    ) -> httpx.Response:
        """One answer that is no problem. Tried again where that does no harm: all but issuing tokens and opinions."""
        again = path.endswith(("/cancel", "/messages")) or "/approvals/" in path
        safe = method != "POST" or "Idempotency-Key" in sent.get("headers", {}) or again
        until = self._now() + self._patience_s
        while True:
            pause = 1.0
            try:
                answer = self._http.request(method, path, **sent, **(body() if body else {}))
                if not answer.is_error:
                    return answer
                refused = _refusal(answer)
                if not safe or not _later(refused):
                    raise refused
                pause = _pause(answer)
                why: Exception = refused
            except httpx.TransportError as error:
                why = ServiceAway(f"{self._http.base_url} does not answer: {error or type(error).__name__}")
                if not safe:
                    raise why from error
            if self._now() + pause > until:
                raise why
            self._sleep(pause)


def _later(refused: ServiceRefused) -> bool:
    """Whether the same request may be answered later."""
    if refused.status == httpx.codes.CONFLICT:
        return refused.problem.type.endswith(":key-in-flight")
    return refused.status in _LATER


def _pause(answer: httpx.Response) -> float:
    """Seconds that the service asks to wait."""
    asked = answer.headers.get("retry-after", "")
    return float(min(int(asked), 3600)) if asked.isdecimal() else 1.0


def _read(kind: type[V], answer: httpx.Response) -> V:
    try:
        return kind.model_validate_json(answer.content)
    except ValidationError as error:
        raise ServiceAway(f"{answer.url.host} answers, but not as a Patchwright service of this version") from error


def _refusal(answer: httpx.Response) -> ServiceRefused:
    try:
        problem = ProblemBody.model_validate(json.loads(answer.content))
    except ValueError:  # a proxy's page, for example
        problem = ProblemBody(title=answer.reason_phrase or "error", status=answer.status_code)
    return ServiceRefused(answer.status_code, problem)


def _lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream, split at newlines alone: JSON may hold other separators."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line.rstrip(b"\r") for line in lines)
        if len(rest) > _MOST_LINE:
            raise ServiceAway("the stream of events is none")
