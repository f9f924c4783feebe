"""A utility's meter readings: a loader that cron starts and a portal under mod_wsgi; their files and their past."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """A commit: file -> (text that is there, text instead). branch: the subject of the merge that brings it in.

    reverts: the subject of the commit that it takes back instead of editing.
    """

    subject: str
    edits: dict[str, tuple[str, str]] = field(default_factory=dict)
    branch: str = ""
    reverts: str = ""
    culprit: bool = False


OUT = """\
import os
import time


def now():
    return float(os.environ["METERS_NOW"])


def say(text):
    stamp = os.environ.get("METERS_STAMP")
    print((time.strftime(stamp, time.gmtime(now())) if stamp else "") + text, flush=True)
"""
NIGHT = """\
import sys
import traceback

from meters import clean, extract, out, price, publish, settings, store


def main():
    conf = settings.load()
    db = store.connect()
    store.migrate(db)
    total = 0
    for supplier in conf["suppliers"].split():
        rows = extract.rows(supplier)
        out.say(f"extract: {len(rows)} rows from {supplier}.csv")
        kept = clean.rows(rows, float(conf["tolerance_pct"]), store.usual(db))
        out.say(f"clean: {len(kept)} of {len(rows)} rows kept")
        if len(kept) * 2 < len(rows):
            out.say(f"warning: more than half of {supplier}.csv was rejected")
        total += store.insert(db, price.rows(kept))
    zones, cents = publish.zones(db)
    out.say(f"publish: {zones} zones, {total} new readings, {cents / 100:.2f} EUR so far")
    out.say("done")


def run():
    try:
        main()
    except Exception:
        traceback.print_exc(file=sys.stdout)
        out.say("load failed, nothing was published")
        return 1
    return 0
"""
SETTINGS = """\
import configparser
import pathlib

FILE = pathlib.Path(__file__).resolve().parents[1] / "config" / "night.ini"


def load():
    parser = configparser.ConfigParser()
    parser.read(FILE)
    return parser["night"]
"""
EXTRACT = """\
import csv
import os
import pathlib
import time

from meters import out

INBOX = pathlib.Path(os.environ["METERS_RUN"], "inbox")
TRIES = 5


def rows(supplier):
    path = INBOX / f"{supplier}.csv"
    for attempt in range(1, TRIES + 1):
        if path.exists():
            break
        out.say(f"warning: {path.name} is not there yet, waiting (attempt {attempt} of {TRIES})")
        time.sleep(60)
    with path.open(newline="") as file:
        return [take(row) for row in csv.DictReader(file, delimiter=";")]


def take(row):
    return int(row["meter"]), row["taken"], row["kwh"]

"""
CLEAN = """\
from meters import out


def number(text):
    return float(text.replace(",", "."))


def rows(rows, tolerance, usual):
    kept = []
    for meter, taken, text in rows:
        kwh = number(text)
        before = usual.get(meter)
        if kwh < 0:
            out.say(f"clean: meter {meter} runs backwards, row left out")
        elif before is None or abs(kwh - before) <= before * tolerance / 100:
            kept.append((meter, taken, kwh))
    return kept
"""
PRICE = """\
TARIFFS = {0: 31.4, 1: 29.9, 2: 33.1, 3: 30.2}


def zone(meter):
    return meter % 4


def rows(rows):
    return [(meter, taken, kwh, zone(meter), round(kwh * TARIFFS[zone(meter)])) for meter, taken, kwh in rows]
"""
STORE = """\
import os
import pathlib
import sqlite3

DB = pathlib.Path(os.environ["METERS_RUN"], "meters.db")
MIGRATIONS = pathlib.Path(__file__).resolve().parents[1] / "migrations"


def connect():
    return sqlite3.connect(DB, check_same_thread=False)


def migrate(db):
    done = db.execute("PRAGMA user_version").fetchone()[0]
    for path in sorted(MIGRATIONS.glob("*.sql")):
        number = int(path.name[:3])
        if number > done:
            db.executescript(path.read_text())
            db.execute(f"PRAGMA user_version = {number}")
    db.commit()


def usual(db):
    return dict(db.execute("SELECT meter, avg(kwh) FROM readings GROUP BY meter"))


def insert(db, rows):
    db.executemany("INSERT INTO readings (meter, taken, kwh, zone, cents) VALUES (?, ?, ?, ?, ?)", rows)
    db.commit()
    return len(rows)
"""
PUBLISH = """\
import os
import pathlib

PUBLISHED = pathlib.Path(os.environ["METERS_RUN"], "published")


def zones(db):
    rows = db.execute("SELECT zone, count(*), sum(cents) FROM readings GROUP BY zone").fetchall()
    for zone, number, cents in rows:
        (PUBLISHED / f"zone-{zone}.csv").write_text(f"{zone};{number};{cents}\\n")
    return len(rows), sum(row[2] for row in rows)
"""
APP = """\
import traceback
from urllib.parse import parse_qs

from portal import pages
from portal.errors import Problem

HOSTS = ("meters.example", "app.meters.example")
ROUTES = {"zones": pages.zones, "meter": pages.meter, "bill": pages.bill}


def application(environ, start_response):
    errors = environ["wsgi.errors"]
    path = environ["PATH_INFO"]
    try:
        if environ["HTTP_HOST"] not in HOSTS:
            raise Problem("400 Bad Request", f"Invalid HTTP_HOST header: {environ['HTTP_HOST']!r}")
        status, body = "200 OK", dispatch(environ, path)
    except Problem as exc:
        if exc.status.startswith("400"):
            print(f"{exc.text}. The request was refused.", file=errors)
            traceback.print_exc(file=errors)
        else:
            print(f"Not Found: {path}", file=errors)
        status, body = exc.status, exc.text
    except Exception:
        print(f"Internal Server Error: {path}", file=errors)
        traceback.print_exc(file=errors)
        status, body = "500 Internal Server Error", "Something went wrong"
    start_response(status, [("Content-Type", "text/plain")])
    return [body.encode()]


def dispatch(environ, path):
    head, _, tail = path.strip("/").partition("/")
    if head not in ROUTES:
        raise Problem("404 Not Found", path)
    return ROUTES[head](environ["REQUEST_ID"], tail, parse_qs(environ["QUERY_STRING"]))
"""
ERRORS = """\
class Problem(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status, self.text = status, text
"""
PAGES = """\
from meters import price, publish, store
from portal import bills
from portal.errors import Problem

OPEN = {}


def begin(request):
    OPEN[request] = store.connect()
    return OPEN[request]


def end(request):
    OPEN[request].close()
    del OPEN[request]


def zones(request, tail, args):
    rows = [path.read_text().split(";") for path in sorted(publish.PUBLISHED.glob("*.csv"))]
    return "\\n".join(f"zone {zone}: {number} readings" for zone, number, _ in rows)


def meter(request, tail, args):
    number = int(tail)
    db = begin(request)
    row = db.execute("SELECT taken, kwh FROM readings WHERE meter = ?"
                     " ORDER BY taken DESC LIMIT 1", (number,)).fetchone()
    end(request)
    if row is None:
        raise Problem("404 Not Found", f"no meter {number}")
    return f"meter {number}: {row[1]} kWh at {row[0]}, {price.TARIFFS[price.zone(number)]} cents per kWh"


def bill(request, tail, args):
    number = int(args["meter"][0])
    db = begin(request)
    lines = bills.lines(db, number)
    end(request)
    return bills.text(number, lines)
"""
BILLS = """\
def lines(db, meter):
    return db.execute("SELECT substr(taken, 1, 10), sum(kwh), sum(cents) FROM readings"
                      " WHERE meter = ? GROUP BY 1", (meter,)).fetchall()


def text(meter, lines):
    total = sum(cents for _, _, cents in lines)
    rows = [f"{day}: {kwh:.1f} kWh, {cents / 100:.2f} EUR" for day, kwh, cents in lines]
    return "\\n".join([f"Bill of meter {meter}", *rows, f"Total {total / 100:.2f} EUR"])
"""
FILES = {
    "README.md": "# Meters\n\n`*/15 * * * * (date; python -m meters.night) >> night.log 2>&1`;"
    " the portal runs under mod_wsgi.\n",
    "config/night.ini": "[night]\nsuppliers = north south\ntolerance_pct = 60\n",
    "meters/__init__.py": "", "meters/out.py": OUT, "meters/night.py": NIGHT, "meters/settings.py": SETTINGS,
    "meters/extract.py": EXTRACT, "meters/clean.py": CLEAN, "meters/price.py": PRICE, "meters/store.py": STORE,
    "meters/publish.py": PUBLISH,
    "migrations/001_readings.sql":
        "CREATE TABLE readings (meter INTEGER, taken TEXT, kwh REAL, zone INTEGER, cents INTEGER);\n",
    "portal/__init__.py": "", "portal/app.py": APP, "portal/errors.py": ERRORS, "portal/pages.py": PAGES,
    "portal/bills.py": BILLS,
}  # fmt: skip

CLOSE = "Close what a request opened"
UNCLOSED = PAGES.replace("    OPEN[request].close()\n    del OPEN[request]\n", "    pass\n")
PAST = (
    Step("Say how it is started", {"README.md": ("under mod_wsgi.", "under mod_wsgi (see the wiki).")}),
    Step("Index readings by meter", {"migrations/002_by_meter.sql": (
        "", "CREATE INDEX readings_by_meter ON readings (meter, taken);\n")}),
    Step("Index by zone too", {"migrations/003_by_zone.sql": (
        "", "CREATE INDEX readings_by_zone ON readings (zone);\n")}, branch="Merge branch 'zones'"),
    Step("Round tariffs to full cents", {"meters/price.py": (
        "31.4, 1: 29.9, 2: 33.1, 3: 30.2", "31, 1: 30, 2: 33, 3: 30")}),
    Step(CLOSE, {"portal/pages.py": ("    pass\n", "    OPEN[request].close()\n    del OPEN[request]\n")}),
    Step("", reverts="Round tariffs to full cents"),
    Step("Accept the app's host", {"portal/app.py": (
        '("meters.example",)', '("meters.example", "app.meters.example")')}, branch="Merge branch 'mobile'"),
    Step("Tolerance of 60 percent, as agreed", {"config/night.ini": ("tolerance_pct = 40", "tolerance_pct = 60")}),
)  # fmt: skip
FIRST = {
    **FILES,
    "portal/pages.py": UNCLOSED,
    "portal/app.py": APP.replace('("meters.example", "app.meters.example")', '("meters.example",)'),
    "config/night.ini": FILES["config/night.ini"].replace("60", "40"),
}
