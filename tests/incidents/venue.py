"""A concert hall's repository: tickets sold by WSGI programs with habits of their own, SQLite, TOML and an env file.

front writes gunicorn's lines and access lines in the zone of the hall, seats zap's JSON with seconds since 1970, prices
what tutorials of `logging` recommend, mailer what `journalctl -o json` prints.
"""

from __future__ import annotations

import random

CLOCK = """\
import os, time


def now():
    t0, shown, speed = (float(x) for x in os.environ["BENCH_CLOCK"].split(","))
    return shown + (time.time() - t0) * speed
"""
OUT = '''\
"""Who writes what. Do not change the formats, the archive parses them."""
import json, os, sys, time, traceback
from venue.clock import now
from venue.conf import ENV

DEBUG = ENV.get("LOG_LEVEL") == "debug"


def _line(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()


def _hall(form):
    return time.strftime(form, time.gmtime(now() + 3600))


def gunicorn(level, text, exc=None):
    if level == "DEBUG" and not DEBUG:
        return
    _line("[%s +0100] [31] [%s] %s" % (_hall("%Y-%m-%d %H:%M:%S"), level, text))
    if exc is not None:
        _line("".join(traceback.format_exception(exc)).rstrip())


def access(path, code, size, took):
    _line('10.1.0.9 - - [%s +0100] "GET %s HTTP/1.1" %d %d "-" "box-office/3" %.3f' % (
        _hall("%d/%b/%Y:%H:%M:%S"), path, code, size, took))


def zap(level, text, exc=None, **more):
    if level == "DEBUG" and not DEBUG:
        return
    row = {"level": level.lower(), "ts": round(now(), 3), "caller": "venue/seats.py", "msg": text, **more}
    if exc is not None:
        row["error"] = repr(exc)
        row["stacktrace"] = "".join(traceback.format_exception(exc))
    _line(json.dumps(row))


def plain(level, text, exc=None):
    if level == "DEBUG" and not DEBUG:
        return
    at = now()
    _line("%s,%03d - prices - %s - %s" % (
        time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)), at % 1 * 1000, level, text))
    if exc is not None:
        _line("".join(traceback.format_exception(exc)).rstrip())


def journal(level, text, exc=None):
    if level == "DEBUG" and not DEBUG:
        return
    if exc is not None:
        text += "\\n" + "".join(traceback.format_exception(exc)).rstrip()
    _line(json.dumps({
        "__REALTIME_TIMESTAMP": str(int(now() * 1e6)), "_HOSTNAME": "hall-1", "_SYSTEMD_UNIT": "mailer.service",
        "PRIORITY": {"DEBUG": "7", "INFO": "6", "WARNING": "4", "ERROR": "3"}[level],
        "_PID": str(os.getpid()), "MESSAGE": text}))
'''
CONF = """\
import pathlib, tomllib
ROOT = pathlib.Path(__file__).resolve().parents[1]
CONF = tomllib.loads((ROOT / "settings.toml").read_text())
ENV = dict(row.split("=", 1) for row in (ROOT / ".env.production").read_text().split())
"""
WIRE = """\
import json, os, pathlib, signal, socketserver, sys, time, urllib.error, urllib.parse, urllib.request
from wsgiref import simple_server


class Problem(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True


class _Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, *args):
        pass


def run(name, say, handle, access=None):
    def app(environ, start_response):
        began = time.time()
        path = environ["PATH_INFO"]
        args = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
        try:
            status, body = 200, handle(path, args)
        except Problem as problem:
            status, body = problem.status, {"detail": str(problem)}
        except Exception as exc:
            say("ERROR", "Error handling request %s" % path, exc)
            status, body = 500, {"detail": "Internal Server Error"}
        data = json.dumps(body).encode()
        if access is not None:
            access(path, status, len(data), time.time() - began)
        start_response("%d X" % status, [("Content-Length", str(len(data)))])
        return [data]

    server = simple_server.make_server("127.0.0.1", port(name), app, _Server, _Quiet)
    ready(name)
    say("INFO", "Listening at: http://0.0.0.0:8000")
    server.serve_forever()


def ready(name):
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    pathlib.Path(os.environ["BENCH_RUN"], "ready-" + name).write_text("1")


def port(name):
    return int(os.environ["PORT_" + name.upper()])


def get(name, path, timeout=5, /, **args):
    url = "http://127.0.0.1:%d%s?%s" % (port(name), path, urllib.parse.urlencode(args))
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Problem(error.code, "%s answered %d" % (name, error.code)) from None
"""
FRONT = """\
from venue import out, wire
from venue.conf import CONF


def buyer(name):
    return name.strip().title()


def handle(path, args):
    if path != "/buy":
        raise wire.Problem(404, "not here")
    who = buyer(args["name"])
    out.gunicorn("DEBUG", "buy row=%s name=%s" % (args["row"], who))
    price = wire.get("prices", "/price", CONF["front"]["price_timeout"], row=args["row"], kind=args["kind"])
    seat = wire.get("seats", "/hold", row=args["row"], number=args["number"])
    total = price["cents"] + price["fee"]
    try:
        wire.get("bank", "/charge", CONF["front"]["bank_timeout"], cents=total)
    except wire.Problem as problem:
        out.gunicorn("ERROR", "payment failed: bank answered HTTP %d" % problem.status)
        raise wire.Problem(502, "bank") from None
    except OSError as exc:
        out.gunicorn("ERROR", "payment failed: %s" % exc)
        raise wire.Problem(504, "bank") from None
    done = wire.get("seats", "/sell", hold=seat["hold"], name=who)
    return {"ticket": done["ticket"], "cents": total}


if __name__ == "__main__":
    wire.run("front", out.gunicorn, handle, out.access)
"""
SEATS = """\
import os, pathlib, random, sqlite3, threading
from venue import holds, out, wire
from venue.conf import CONF, ROOT

DB = str(pathlib.Path(os.environ["BENCH_RUN"], "venue.db"))
LOCK = threading.Lock()


def connect():
    return sqlite3.connect(DB, timeout=CONF["seats"]["busy_timeout"], isolation_level=None)


def migrate():
    db = connect()
    db.execute("create table if not exists applied (name text primary key)")
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        if db.execute("select 1 from applied where name = ?", (path.name,)).fetchone() is None:
            db.executescript(path.read_text())
            db.execute("insert into applied values (?)", (path.name,))
            out.zap("INFO", "migration applied", file=path.name)


def hold(db, row, number):
    with LOCK:
        until = holds.until()
        cursor = db.execute("insert into holds (row, number, held_until) values (?, ?, ?)", (row, number, until))
    out.zap("INFO", "seat held", row=row, number=number)
    return {"hold": cursor.lastrowid}


def sell(db, hold, name):
    row, until = db.execute("select row, held_until from holds where id = ?", (hold,)).fetchone()
    if holds.over(until):
        out.zap("WARN", "hold has expired before it was paid", hold=hold)
        raise wire.Problem(409, "hold has expired")
    db.execute("update holds set name = ? where id = ?", (name, hold))
    if random.random() < 0.02:
        out.zap("WARN", "printer of tickets is low on paper")
    out.zap("INFO", "seat sold", hold=hold)
    return {"ticket": "%s-%d" % (row, hold)}


def handle(path, args):
    out.zap("DEBUG", "connection opened", path=path)
    db = connect()
    try:
        if path == "/hold":
            return hold(db, args["row"], int(args["number"]))
        return sell(db, int(args["hold"]), args["name"])
    finally:
        db.close()


if __name__ == "__main__":
    migrate()
    wire.run("seats", out.zap, handle)
"""
HOLDS = """\
from venue.clock import now
from venue.conf import CONF


def until():
    return now() + CONF["seats"]["hold_minutes"] * 60


def over(moment):
    return moment < now()
"""
PRICES = """\
from venue import fees, out, wire

ROWS = {"A": 9900, "B": 7500, "C": 5500, "D": 4500}
STEPS = [100, 80, 50]


def price(row, kind):
    return ROWS[row] * STEPS[("full", "member", "child").index(kind)] // 100


def handle(path, args):
    cents = price(args["row"], args["kind"])
    out.plain("DEBUG", "row %s costs %d" % (args["row"], cents))
    fee = fees.fee(cents, args["kind"])
    out.plain("INFO", "price for row %s: %d + %d" % (args["row"], cents, fee))
    return {"cents": cents, "fee": fee}


if __name__ == "__main__":
    wire.run("prices", out.plain, handle)
"""
FEES = """\
import feelib
from venue.conf import ENV

RATES = {"full": 7, "member": 3}


def fee(cents, kind):
    if ENV["FLEX_FEES"] == "on":
        return flexible(cents, kind)
    return feelib.share(cents, 5)


def flexible(cents, kind):
    return cents * RATES[kind] // 100
"""
MAILER = """\
import json, os, pathlib, time
from venue import out, wire

SPOOL = pathlib.Path(os.environ["BENCH_RUN"], "spool")


def letter(mail):
    return "To: %s\\n\\nYour ticket %s" % (mail["to"].strip().lower(), mail["order"])


def main():
    SPOOL.mkdir(exist_ok=True)
    wire.ready("mailer")
    out.journal("INFO", "Started Mailer of tickets.")
    while True:
        for path in sorted(SPOOL.glob("*.json")):
            try:
                text = letter(json.loads(path.read_text()))
                out.journal("INFO", "sent %s, %d bytes" % (path.stem, len(text)))
            except Exception as exc:
                out.journal("ERROR", "could not send %s" % path.stem, exc)
            path.unlink()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
"""
FILES = {
    "venue/__init__.py": "", "venue/clock.py": CLOCK, "venue/out.py": OUT, "venue/conf.py": CONF, "venue/wire.py": WIRE,
    "venue/front.py": FRONT, "venue/seats.py": SEATS, "venue/holds.py": HOLDS, "venue/prices.py": PRICES,
    "venue/fees.py": FEES, "venue/mailer.py": MAILER,
    "migrations/001_holds.sql": (
        "create table holds (id integer primary key, row text, number integer, held_until real, name text);\n"
    ),
    "settings.toml": (
        "[front]\nprice_timeout = 2.0\nbank_timeout = 2.0\n\n[seats]\nbusy_timeout = 2.0\nhold_minutes = 15\n"
    ),
    ".env.production": "LOG_LEVEL=info\nFLEX_FEES=off\nPOSTERS=on\n",
    "requirements.txt": "feelib==1.4\n",
    "README": "tickets!\n",
    "CODEOWNERS": "venue/seats.py @seating\nvenue/prices.py @money\n",
}  # fmt: skip
TOPOLOGY = """\
services:
  front: {calls: [prices, seats, bank], paths: [venue/front.py]}
  seats: {paths: [venue/seats.py, venue/holds.py, migrations]}
  prices: {paths: [venue/prices.py, venue/fees.py]}
  mailer: {paths: [venue/mailer.py]}
"""
LIBRARIES = {
    "feelib==1.4": "def share(cents, percent):\n    return cents * percent // 100\n",
    "feelib==2.0": (
        "def share(cents, rate):\n    if rate > 1:\n        raise ValueError('rate must be at most 1, not %r' % rate)\n"
        "    return int(cents * rate)\n"
    ),
}
PAST = (
    ("wip", {"README": ("tickets!\n", "tickets! for the hall\n")}),
    ("fix", {"venue/prices.py": ('"D": 4500}', '"D": 4900}')}),
    ('Revert "fix"', {"venue/prices.py": ('"D": 4900}', '"D": 4500}')}),
    ("TICKET-118: child discount (final)", {"venue/prices.py": ("[100, 80, 50]", "[100, 80, 60]")}),
    ("hold seats longer, phones are slow", {"settings.toml": ("hold_minutes = 15", "hold_minutes = 20")}, False,
     "Merge branch 'longer-holds' into main"),
    ("index for the dashboard", {"migrations/002_index.sql": ("", "create index holds_row on holds (row);\n")}),
    ("posters off for now, see chat", {".env.production": ("POSTERS=on", "POSTERS=off")}),
    ("lint", {"venue/mailer.py": ("Your ticket %s", "Your ticket no. %s")}),
)  # fmt: skip


def query(chosen: random.Random) -> dict[str, object]:
    """A request: what the box office sends."""
    return {
        "row": chosen.choice("ABCD"), "number": chosen.randrange(1, 41),
        "kind": chosen.choice(("full", "member", "child")),
        "name": chosen.choice(("ann archer", "bo", "zoë müller", " cy dee")),
    }  # fmt: skip
