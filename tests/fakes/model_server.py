"""An OpenAI-compatible server over real HTTP that says what a test wrote, with every fault such servers have.

    with ModelServer(said("Hello", thinking="They greet me."), refused(429), cut(3)) as server: ...

Each chat completion takes the next answer; one more than there are is answered with 500 and kept in `surplus`, which
leaving the context checks. Requests for the tool `echo` are probes and are answered by `probe`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Delta = Mapping[str, Any]
MODEL = "qwq-32b"


@dataclass(frozen=True)
class Answer:
    """deltas: the pieces, in order; finish: the reason of the last one; usage: (prompt, completion, cached) or None.

    status and body: an HTTP answer that is no stream; cut: the connection ends after so many pieces; endless: the
    pieces are repeated until the client goes away; pause_s: between pieces; lines: raw lines sent before the pieces.
    """

    deltas: Sequence[Delta] = ()
    finish: str | None = "stop"
    usage: tuple[int, int, int] | None = (100, 20, 64)
    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    endless: bool = False
    pause_s: float = 0.0
    lines: Sequence[str] = ()
    done: bool = True


def said(
    text: str = "", *, thinking: str = "", calls: Sequence[tuple[str, Mapping[str, Any] | str]] = (),
    where: str = "reasoning", finish: str | None = None, size: int = 7,
) -> Answer:  # fmt: skip
    """A good answer. where: the field of the thinking, or "inline" (with both tags) or "unopened" (as QwQ's template).

    calls: (name, arguments); arguments given as text are sent as they are. size: characters of a piece.
    """
    content = text
    deltas: list[Delta] = [{"role": "assistant", "content": ""}]
    if where in ("inline", "unopened") and thinking:
        content = ("<think>\n" if where == "inline" else "") + f"{thinking}\n</think>\n\n{text}"
    elif thinking:
        deltas += [{where: piece} for piece in pieces(thinking, size)]
    deltas += [{"content": piece} for piece in pieces(content, size)]
    for index, (name, arguments) in enumerate(calls):
        written = arguments if isinstance(arguments, str) else json.dumps(arguments)
        first = {"index": index, "id": f"chatcmpl-tool-{index}", "type": "function", "function": {"name": name}}
        deltas.append({"content": None, "tool_calls": [first]})
        deltas += [
            {"content": None, "tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in pieces(written, size)
        ]
    return Answer(deltas, finish or ("tool_calls" if calls else "stop"))


def call(name: str, thinking: str = "I look.", **arguments: Any) -> Answer:
    """A native call."""
    return said(thinking=thinking, calls=[(name, arguments)])


def refused(status: int, message: str = "no", **headers: str) -> Answer:
    """An HTTP error in the form of vLLM."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body={"error": {"message": message, "code": status}}, headers=named)


def endless(piece: str, where: str = "reasoning") -> Answer:
    """The same piece until the client goes away."""
    return Answer([{where: piece}], endless=True, pause_s=0.0002)


def cut(after: int, text: str = "This sentence is never finished, since the server dies.") -> Answer:
    """A stream that breaks off."""
    return replace(said(text), cut=after)


def pieces(text: str, size: int) -> list[str]:
    """`text` in pieces."""
    return [text[start : start + size] for start in range(0, len(text), size)]


def echo(_: Mapping[str, Any]) -> Answer:
    """What a good server answers to a probe."""
    return call("echo", "They want echo.", word="ready")


class ModelServer:
    """key: the one it wants; probe: what it answers to probes; window: max_model_len;
    tokens: what /tokenize says (0: there is none); listed and counted: bodies of /models and /tokenize as they are.
    """

    def __init__(
        self, *answers: Answer | Callable[[Mapping[str, Any]], Answer], key: str = "", window: int = 32_768,
        probe: Callable[[Mapping[str, Any]], Answer] = echo, models: Sequence[str] = (MODEL,), tokens: int = 0,
        listed: bytes = b"", counted: bytes = b"",
    ) -> None:  # fmt: skip
        self.answers = list(answers)
        self.key, self.window, self.probe, self.models, self.tokens = key, window, probe, models, tokens
        self.listed, self.counted = listed, counted
        self.requests: list[dict[str, Any]] = []
        self.probes: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        self.surplus: list[dict[str, Any]] = []
        self.gone = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        if kind is None:
            assert not self.surplus, f"{len(self.surplus)} requests more than were scripted: {self.surplus[0]}"

    def next(self, request: dict[str, Any]) -> Answer:
        """The answer to a chat completion."""
        with self._lock:
            if any(tool["function"]["name"] == "echo" for tool in request.get("tools", ())) or "tool echo" in str(
                request["messages"]
            ):
                self.probes.append(request)
                return self.probe(request)
            self.requests.append(request)
            if not self.answers:
                self.surplus.append(request)
                return refused(400, "the script has ended")
            answer = self.answers.pop(0)
        return answer(request) if callable(answer) else answer


def _handler(owner: ModelServer) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - closed over its owner
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._allowed():
                return
            rows = [{"id": name, "object": "model", "max_model_len": owner.window} for name in owner.models]
            known = {"/v1/models": owner.listed or {"object": "list", "data": rows}, "/version": {"version": "0.32.0"}}
            self._plain(200 if self.path in known else 404, known.get(self.path, {"error": "Not Found"}))

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            owner.headers.append(dict(self.headers))
            if not self._allowed():
                return
            if self.path == "/tokenize":
                self._plain(200 if owner.tokens or owner.counted else 404, owner.counted or {"count": owner.tokens})
            elif self.path == "/v1/chat/completions" and request["model"] not in owner.models:
                self._plain(404, {"error": {"message": f"The model `{request['model']}` does not exist."}})
            else:
                self._answer(owner.next(request))

        def _allowed(self) -> bool:
            allowed = not owner.key or self.headers.get("authorization") == f"Bearer {owner.key}"
            if not allowed:
                self._plain(401, {"error": f"Unauthorized: {self.headers.get('authorization')}"})
            return allowed

        def _plain(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _answer(self, answer: Answer) -> None:
            if answer.status != 200 or answer.body is not None:
                self._plain(answer.status, answer.body, answer.headers)
                return
            self.send_response(200)
            for name, value in {"content-type": "text/event-stream", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self._stream(answer)
            except OSError:
                owner.gone.set()

        def _stream(self, answer: Answer) -> None:
            for line in answer.lines:
                self._line(line)
                time.sleep(answer.pause_s)
            sent = 0
            while True:
                for delta in answer.deltas:
                    if sent == answer.cut:
                        return
                    self._line(_event({"choices": [{"index": 0, "delta": dict(delta), "finish_reason": None}]}))
                    sent += 1
                    if answer.pause_s:
                        time.sleep(answer.pause_s)
                if not answer.endless:
                    break
            if answer.finish:
                self._line(_event({"choices": [{"index": 0, "delta": {}, "finish_reason": answer.finish}]}))
            if answer.usage:
                prompt, completion, cached = answer.usage
                details = {"prompt_tokens_details": {"cached_tokens": cached}}
                usage = {"prompt_tokens": prompt, "completion_tokens": completion, **details}
                self._line(_event({"choices": [], "usage": usage}))
            if answer.done:
                self._line("data: [DONE]")

        def _line(self, line: str) -> None:
            self.wfile.write(f"{line}\n\n".encode())
            self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Stay quiet."""

    return Handler


def _event(body: Any) -> str:
    return "data: " + json.dumps({"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": MODEL, **body})
