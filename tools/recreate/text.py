"""The test as a file: it repeats what the log shows, and says what it asserts.

A program that catches the error, logs it and answers 500 fails all the same: an error of that kind whose traceback is
written counts as raised.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.recreate.values import Draft, Driver, Raised, Right

SEEN = "PATCHWRIGHT SAW "
TEST = "test_what_the_log_shows"
_HEAD = '''"""Written by Patchwright from a log; no person has read it. It repeats what a log shows of a failure."""

{imports}

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[{up}] / root) for root in {roots}]


def seen(kind, act, right=""):
    """What `act` gives; an error of that kind that the program caught and wrote to a log is raised all the same."""
    told, init = [], traceback.TracebackException.__init__

    def noted(self, of, error, *rest, **named):
        told.append(error)
        init(self, of, error, *rest, **named)

    traceback.TracebackException.__init__ = noted
    try:
        answer = act()
    except Exception as error:
        if type(error).__name__ == right:
            return "raises " + right
        raise
    finally:
        traceback.TracebackException.__init__ = init
    for error in told:
        if type(error).__name__ == kind:
            raise error
    return answer
'''
_WSGI = '''

def wsgi(app, method, target, body, kind):
    """The status and the body that a WSGI application answers."""
    path, _, query = target.partition("?")
    data, statuses = body.encode("utf-8"), []
    environ = {"REQUEST_METHOD": method, "QUERY_STRING": query, "CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(data)),
               "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"), "wsgi.input": io.BytesIO(data),
               "HTTP_HOST": "localhost"}
    wsgiref.util.setup_testing_defaults(environ)

    def start(status, headers, exc_info=None):
        statuses.append(int(status.split()[0]))
        return lambda data: None

    text = b"".join(app(environ, start)).decode("utf-8", "backslashreplace")
    return [statuses[-1], text]
'''
_ASGI = '''

def asgi(app, method, target, body, kind):
    """The status and the body that an ASGI application answers, once it has started."""
    path, _, query = target.partition("?")
    headers = [(b"host", b"localhost")] + ([(b"content-type", kind.encode("latin-1"))] if kind else [])
    headers += [(b"content-length", str(len(body.encode("utf-8"))).encode("ascii"))] if body else []
    about = {"asgi": {"version": "3.0"}, "state": {}}
    scope = {**about, "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "root_path": "",
             "path": urllib.parse.unquote(path), "raw_path": path.encode("utf-8"), "headers": headers,
             "query_string": query.encode("utf-8"), "client": ("127.0.0.1", 1), "server": ("localhost", 80)}
    sent = []

    async def answered():
        ready, ended = asyncio.Event(), asyncio.Event()
        waiting = [{"type": "lifespan.startup"}]

        async def next_stage():
            if waiting:
                return waiting.pop()
            await ended.wait()
            return {"type": "lifespan.shutdown"}

        async def stage(message):
            ready.set()

        life = asyncio.ensure_future(app({**about, "type": "lifespan"}, next_stage, stage))
        life.add_done_callback(lambda task: (task.cancelled() or task.exception(), ready.set()))
        await ready.wait()

        async def receive():
            return {"type": "http.request", "body": body.encode("utf-8"), "more_body": False}

        async def send(message):
            sent.append(message)

        try:
            await app(scope, receive, send)
        finally:
            ended.set()
            await asyncio.wait([life], timeout=5)

    asyncio.run(answered())
    text = b"".join(message.get("body", b"") for message in sent).decode("utf-8", "backslashreplace")
    return [sent[0]["status"], text]
'''
_HANDLER = '''

def handler(kind_of, method, target, body, kind):
    """The status and the body that a handler of http.server answers."""
    data = body.encode("utf-8")
    head = "%s %s HTTP/1.0\\r\\nHost: localhost\\r\\n" % (method, urllib.parse.quote(target, safe="/?&=%+:;,@!$'()*~"))
    head += "Content-Type: %s\\r\\nContent-Length: %d\\r\\n\\r\\n" % (kind or "text/plain", len(data))
    sent = bytearray()

    class Wire:
        def makefile(self, *_, **__):
            return io.BytesIO(head.encode("latin-1", "replace") + data)

        def sendall(self, part):
            sent.extend(part)

    server = types.SimpleNamespace(server_address=("localhost", 80), server_name="localhost", server_port=80)
    kind_of(Wire(), ("127.0.0.1", 1), server)
    first, _, text = bytes(sent).decode("utf-8", "backslashreplace").partition("\\r\\n\\r\\n")
    return [int(first.split()[1]), text]
'''
_PARTS: dict[Driver, tuple[str, tuple[str, ...]]] = {
    "wsgi": (_WSGI, ("io", "urllib.parse", "wsgiref.util")),
    "asgi": (_ASGI, ("asyncio", "urllib.parse")),
    "handler": (_HANDLER, ("io", "types", "urllib.parse")),
    "call": ("", ()),
}


def candidates(drafts: Sequence[Draft], raised: Raised, path: str) -> str:
    """A file with one test for each draft, in order: it fails where the draft raises."""
    bodies = [_test(f"{TEST}_{number}", draft, raised, "") for number, draft in enumerate(drafts)]
    return _file(drafts, path, bodies)


def probe(draft: Draft, raised: Raised, path: str) -> str:
    """A file whose test fails with what the draft gives, as a literal after SEEN."""
    return _file([draft], path, [_test(TEST, draft, raised, f"    raise AssertionError({SEEN!r} + ascii(answer))\n")])


def final(draft: Draft, raised: Raised, path: str, right: Right | None) -> str:
    """The test that decides: as right as an earlier revision was, else only not this error."""
    return _file([draft], path, [_test(TEST, draft, raised, _assertion(draft, right), right.raises if right else "")])


def claims(draft: Draft, raised: Raised, right: Right | None) -> str:
    """What the test asserts, no more."""
    does = f"the test {draft.said} and asserts that {raised.kind} is not raised"
    if right is None:
        served = "" if draft.driver == "call" else " and the status is below 500"
        return f"{does}{served}; no earlier revision shows the right answer, so it does not assert one"
    what = "the status" if right.status else f"the error ({right.raises})" if right.raises else "the answer"
    return f"{does} and that {what} is what {right.revision[:12]} gave"


def _assertion(draft: Draft, right: Right | None) -> str:
    served = draft.driver != "call"
    if right is not None:
        what = "answer[0]" if right.status else "answer"
        same = "is" if right.answer in ("None", "True", "False") else "=="
        return f"    assert {what} {same} {right.answer}  # as at {ascii(right.revision[:12])[1:-1]}\n"
    return "    assert answer[0] < 500\n" if served else "    del answer  # what is right is not known\n"


def _test(name: str, draft: Draft, raised: Raised, end: str, right: str = "") -> str:
    allowed = f", {right!a}" if right else ""
    return (
        f"\n\ndef {name}():\n"
        f"    from {draft.module} import {draft.name}\n\n"
        f"    answer = seen({raised.kind!a}, lambda: {draft.act}{allowed})\n{end or '    del answer' + chr(10)}"
    )


def _file(drafts: Sequence[Draft], path: str, bodies: Sequence[str]) -> str:
    drivers = dict.fromkeys(draft.driver for draft in drafts)
    used = {name for driver in drivers for name in _PARTS[driver][1]}
    if any(draft.act.startswith("asyncio.") for draft in drafts):
        used.add("asyncio")
    names = sorted({"pathlib", "sys", "traceback", *used})
    roots = ascii(list(dict.fromkeys(draft.root for draft in drafts)))
    head = _HEAD.format(imports="\n".join(f"import {name}" for name in names), up=path.count("/"), roots=roots)
    return head + "".join(_PARTS[driver][0] for driver in drivers) + "".join(bodies)
