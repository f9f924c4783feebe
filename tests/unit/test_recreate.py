"""Reproduction without a test: what is read from a log and from sources, and that the tests made of it run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.oplogs.opening import opened
from tools.recreate.apps import entries
from tools.recreate.drafts import NO_TRACE, NOTHING, drafted
from tools.recreate.evidence import lines_of, message_values, raised_in, requests_in
from tools.recreate.modules import importable
from tools.recreate.text import SEEN, candidates, claims, final, probe
from tools.recreate.values import Draft, Raised, Right
from tools.triage.nearby import nearby
from tools.triage.reading import Log

FILE = "tests/test_from_log.py"
TRACE = """\
Traceback (most recent call last):
  File "/srv/app/shop/{file}.py", line {line}, in {function}
    ...
  File "/srv/app/shop/prices.py", line 4, in rate
    return RATES[currency]
           ~~~~~^^^^^^^^^^
KeyError: 'eur'
"""
PRICES = "RATES = {'usd': 2}\n\ndef rate(currency):\n    return RATES[currency]\n"
ASGI = """\
from shop.prices import rate

STARTED = []


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            STARTED.append(1)
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    message = await receive()
    assert STARTED
    body = str(rate(message["body"].decode()[-5:-2])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
STARLETTE = """\
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from shop.prices import rate


async def price(request):
    return JSONResponse({"rate": rate((await request.json())["currency"])})


service = Starlette(routes=[Route("/price", price, methods=["POST"])])
"""
HANDLER = """\
import http.server
import json
import traceback

from shop.prices import rate


class Prices(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status, data = 200, str(rate(sent["currency"])).encode()
        except Exception:
            traceback.print_exc()
            status, data = 500, b"oops"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(data)
"""
ASYNC = """\
from shop.prices import rate


class Desk:
    async def price(self, body):
        return rate(body["currency"])
"""
REQUEST = 'INFO: "POST /price HTTP/1.1" 500 body={"currency": "eur"}\n'
PLACES = {"asgi": (16, "app"), "starlette": (9, "price"), "handler": (12, "do_POST"), "call": (6, "price")}


def sources(text: str, prices: str = PRICES) -> dict[str, str]:
    return {"shop/__init__.py": "", "shop/prices.py": prices, "shop/web.py": text}


def log_of(kind: str) -> str:
    line, function = PLACES[kind]
    return REQUEST + TRACE.format(file="web", line=line, function=function)


RUN = "import runpy, sys; found = runpy.run_path(sys.argv[1]); [found[name]() for name in found if name[:5] == 'test_']"


def outcomes(folder: Path, files: Mapping[str, str], test: str) -> tuple[int, str]:
    """The exit code and the output of the test functions of a file beside these files, in a process of their own."""
    for name, text in {**files, FILE: test}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    command = [sys.executable, "-B", "-c", RUN, FILE]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("kind", "text", "driver", "answer"),
    [
        ("asgi", ASGI, "asgi", [200, "1"]), ("starlette", STARLETTE, "asgi", [200, '{"rate":1}']),
        ("handler", HANDLER, "handler", [200, "1"]), ("call", ASYNC, "call", 1),
    ],
)  # fmt: skip
def test_a_draft_raises_what_the_log_shows_and_passes_once_it_is_right(
    tmp_path: Path, kind: str, text: str, driver: str, answer: object
) -> None:
    """Each driver for real: the exception in its own frame, also where it was caught; what is right; the right test."""
    found = drafted(log_of(kind), sources(text), ())
    assert found.raised is not None
    draft = next(draft for draft in found.drafts if draft.driver == driver)
    code, said = outcomes(tmp_path / "bad", sources(text), candidates([draft], found.raised, FILE))
    last = said.strip().splitlines()[-1]
    assert (code, last, 'shop/prices.py", line 4, in rate' in said) == (1, "KeyError: 'eur'", True), said
    right = sources(text, PRICES.replace("{", "{'eur': 1, "))
    code, said = outcomes(tmp_path / "good", right, probe(draft, found.raised, FILE))
    assert f"{SEEN}{answer!a}" in said, said
    decided = final(draft, found.raised, FILE, Right(answer=ascii(answer), revision="a" * 40))
    assert outcomes(tmp_path / "good", right, decided)[0] == 0
    swallowed = sources(text, PRICES.replace("RATES[currency]", "RATES.get(currency, 0)"))
    assert outcomes(tmp_path / "swallowed", swallowed, decided)[0] == 1


HOSTILE = (
    '"); import os; os._exit(3) #', "'''\"\"\"", "\\", "{0}{draft}%s", "\u2028\x85\x0c", "\N{SNOWMAN}", "x" * 3000,
    "');raise SystemExit(", "\\N{SNOWMAN}\\x00",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_strangers_write_is_never_code(text: str) -> None:
    """Whatever is in a path, a body or a message stays inside literals; all calls are those of the driver."""
    body = json.dumps({"currency": text, text[:40]: [text]})
    line = json.dumps({"method": "POST", "path": f"/price/{text}", "body": body, "status": 500})
    trace = TRACE.format(file="web", line=16, function="app").replace("'eur'", repr(text))
    found = drafted(f"{line}\nGET /{text} HTTP/1.1 500 {body}\n{trace}", sources(ASGI), ())
    assert found.raised is not None
    assert found.drafts
    for draft in found.drafts:
        tree = ast.parse(draft.act, mode="eval")
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert names <= {"asgi", "app", "asyncio", "rate"}, draft.act
        assert sum(isinstance(node, ast.Call) for node in ast.walk(tree)) <= 2
    made = candidates(found.drafts, found.raised, FILE)
    assert made.isascii()
    defined = [node.name for node in ast.parse(made).body if isinstance(node, ast.FunctionDef)]
    assert defined == ["seen", "asgi", *(f"test_what_the_log_shows_{n}" for n in range(len(found.drafts)))]


@pytest.mark.parametrize(
    ("line", "method", "target", "body"),
    [
        ('10.0.0.1 - - [x] "GET /a?b=%20c HTTP/1.1" 500 12', "GET", "/a?b=%20c", ""),
        ("ERROR in app: Exception on /orders/7 [PUT]", "PUT", "/orders/7", ""),
        ("Internal Server Error: /cart/", "GET", "/cart/", ""),
        ('level=error method=post path=/pay query="a=1&b=2" status=500', "POST", "/pay?a=1&b=2", ""),
        ('{"http_method": "PATCH", "uri": "/x", "payload": {"a": [1]}}', "PATCH", "/x", '{"a": [1]}'),
        ('POST /orders {"sku": "a b"} -> 500', "POST", "/orders", '{"sku": "a b"}'),
    ],
)
def test_requests_of_many_kinds_of_log(line: str, method: str, target: str, body: str) -> None:
    """Access logs, frameworks' own words, logfmt, JSON."""
    (asked, *_) = requests_in(lines_of(line))
    assert (asked.method, asked.target, asked.body, asked.quote) == (method, target, body, line)


@pytest.mark.parametrize("packed", [False, True])
def test_lines_around_a_trace_come_with_it(tmp_path: Path, packed: bool) -> None:
    """From a plain log, where the trace has lines of its own, and from one of JSON, where it is a field."""
    trace = TRACE.format(file="web", line=16, function="app")
    field = json.dumps({"time": "2026-03-02T10:00:01Z", "level": "error", "path": "/price", "method": "POST",
                        "body": '{"currency": "eur"}', "exc_info": trace.rstrip()})  # fmt: skip
    plain = f'2026-03-02T10:00:01Z ERROR failed\n{trace}2026-03-02T10:00:02Z INFO "POST /price HTTP/1.1" 500'
    rows = [f"2026-03-02T10:00:00Z INFO work {number}" for number in range(100)]
    log = tmp_path / "a.log"
    log.write_text("\n".join([*rows, field if packed else plain, *rows[:50]]) + "\n")
    index = opened([log], cache=tmp_path / "cache", zone=0)
    traces = index.traces()
    found = nearby({"a": Log("a", index)}, traces, traces[0].text)
    index.close()
    assert found.endswith(traces[0].text)
    assert (rows[-1] in found, rows[50] in found) == (True, False)
    drafts = drafted(found, sources(ASGI), ()).drafts
    assert drafts[0].driver == "asgi"
    assert "'POST', '/price'" in drafts[0].act


def test_what_a_message_states() -> None:
    """Literals of the message, and nothing where a log is no trace of this repository."""
    shown = Raised(
        kind="ValueError", message="invalid literal for int() with base 10: 'x1'", file="a", line=1, function="f"
    )
    assert message_values(shown) == ["x1", 10]
    assert (
        raised_in(log_of("asgi").replace("/srv/app/shop", "/usr/lib/python3/site-packages/x"), ["shop/web.py"]) is None
    )
    assert drafted("no trace", sources(ASGI), ()).note == NO_TRACE
    test = log_of("asgi").replace("shop/web.py", "tests/test_web.py")
    assert drafted(test, {**sources(ASGI), "tests/test_web.py": ""}, ["tests/test_web.py"]).note == NO_TRACE
    bare = TRACE.format(file="prices", line=3, function="rate").replace("'eur'", "")
    assert drafted(bare, {"shop/prices.py": PRICES}, ()).note == NOTHING


def test_calls_of_tests_are_varied_by_the_log() -> None:
    """What the existing tests give, with the log's value where one of its type stood."""
    tests = {"tests/test_prices.py": "def test_it():\n    assert total(3, 'usd', tax=0.5) == 7\n"}
    text = PRICES + "\ndef total(count, currency, *, tax):\n    return count * rate(currency) * tax\n"
    trace = TRACE.format(file="prices", line=7, function="total")
    found = drafted(trace, {**sources("", text), **tests}, [*tests])
    assert "total(3, 'eur', tax=0.5)" in [draft.act for draft in found.drafts]


def test_entry_points_and_names_of_modules() -> None:
    """Objects and factories of the frameworks; those in files of the trace first; names that cannot be imported."""
    files = {
        "site/wsgi.py": "application = get_wsgi_application()\n",
        "main.py": "from x import y\nweb = FastAPI()\napp = y()\n",
        "made.py": "def create_app(config=None):\n    app = Flask('a')\n    return app\n",
        "other.py": "def create_app(config):\n    return Flask('a')\n",
        "broken.py": "app = (\n",
    }
    found = [(entry.name, entry.driver, entry.made) for entry in entries(files, ["made.py"])]
    assert found == [
        ("create_app", "wsgi", True), ("web", "asgi", False), ("app", "wsgi", False), ("app", "asgi", False),
        ("application", "wsgi", False),
    ]  # fmt: skip
    assert importable("src/shop/a.py", {"src/shop/__init__.py"}) == ("src", "shop.a")
    assert importable("lib/a/b.py", ()) == ("lib", "a.b")
    assert importable("common/money.py", ()) == ("", "common.money")
    assert importable("my-app/run.py", ()) is None
    assert importable("a/class.py", {"a/__init__.py"}) is None


def test_claims_say_no_more_than_is_asserted() -> None:
    """Without an earlier revision nothing is said about the right answer."""
    draft = Draft(driver="call", act="rate('eur')", module="shop.prices", name="rate", said="calls rate with 'eur'")
    raised = Raised(kind="KeyError", message="'eur'", file="shop/prices.py", line=4, function="rate")
    alone = claims(draft, raised, None)
    assert alone.startswith(
        "the test calls rate with 'eur' and asserts that KeyError is not raised; no earlier revision"
    )
    assert "assert" not in final(draft, raised, FILE, None).partition("def test_")[2]
    right = Right(answer="'raises ValueError'", revision="b" * 40, raises="ValueError")
    assert claims(draft, raised, right).endswith("that the error (ValueError) is what bbbbbbbbbbbb gave")
