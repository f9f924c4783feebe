"""A courier's repository before anything goes wrong: four services, each with another style of log.

portal writes JSON, quotes what Java programs write, depot logfmt, tracker what nginx writes.
"""

from __future__ import annotations

import random

from tests.incidents.shop import WEB

LOG = '''\
"""Logs on standard output in four styles, by the host's clock."""

import json
import logging
import os
import sys
import time
import traceback


def now(real=None):
    real = time.time() if real is None else real
    began, shown, speed = (float(part) for part in os.environ["BENCH_CLOCK"].split(","))
    return shown + (real - began) * speed


def written(record, form):
    return time.strftime(form, time.gmtime(now(record.created)))


def raised(record):
    return record.exc_info[1] if record.exc_info else None


class Json(logging.Formatter):
    def format(self, record):
        row = {"ts": written(record, "%Y-%m-%dT%H:%M:%SZ"), "severity": record.levelname}
        row["message"] = record.getMessage()
        error = raised(record)
        if error is not None:
            row["error"] = type(error).__name__ + ": " + str(error)
            row["stack"] = "".join(traceback.format_exception(error))
        return json.dumps(row)


class Logfmt(logging.Formatter):
    def format(self, record):
        head = "ts=%s level=%s msg=%s" % (
            written(record, "%Y-%m-%dT%H:%M:%SZ"), record.levelname.lower(), json.dumps(record.getMessage()))
        error = raised(record)
        return head if error is None else head + " err=" + json.dumps(type(error).__name__ + ": " + str(error))


class Java(logging.Formatter):
    def format(self, record):
        head = "%s,000 %-5s [pool-%d] c.c.quotes.Server - %s" % (
            written(record, "%Y-%m-%d %H:%M:%S"), record.levelname, record.thread % 7, record.getMessage())
        error = raised(record)
        if error is None:
            return head
        rows = [head, "com.courier.%s: %s" % (type(error).__name__, error)]
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            path = frame.filename.rpartition("/services/")[2] if "/services/" in frame.filename else ""
            package = "services." + path.rpartition("/")[0].replace("/", ".") if path else "lib"
            name = frame.filename.rpartition("/")[2]
            rows.append("\\tat %s.%s.%s(%s:%d)" % (package, name[:-3], frame.name, name, frame.lineno))
        return "\\n".join(rows)


class Nginx(logging.Formatter):
    def format(self, record):
        if record.levelno == logging.INFO:
            return '10.0.0.3 - - [%s] %s' % (written(record, "%d/%b/%Y:%H:%M:%S +0000"), record.getMessage())
        error = raised(record)
        said = record.getMessage() + ("" if error is None else ": %s: %s" % (type(error).__name__, error))
        level = "warn" if record.levelname == "WARNING" else record.levelname.lower()
        return "%s [%s] 31#31: %s" % (written(record, "%Y/%m/%d %H:%M:%S"), level, said)


def logger(name, style):
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(style())
    made = logging.getLogger(name)
    made.addHandler(handler)
    made.setLevel(logging.INFO)
    return made
'''
FLAGS = '''\
"""Feature flags and settings: files beside the code."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def settings(service):
    return json.loads((ROOT / "config" / (service + ".json")).read_text())


def flags():
    return json.loads((ROOT / "flags" / "features.json").read_text())
'''
UNITS = '''\
"""Weights and how they are written."""


def grams(text):
    return int(text)


def shown(grams):
    return "%.2f kg" % (grams / 1000)
'''
PORTAL = '''\
"""The portal: parcels are announced here."""

import random

from lib import flags, log, units, web
from services.portal import label

LOG = log.logger("portal", log.Json)
FLAGS = flags.flags()
SETTINGS = flags.settings("portal")


def call(service, path, **query):
    try:
        return web.ask(web.port(service), path, SETTINGS["timeout"], **query)
    except OSError as error:
        LOG.error("upstream %s unavailable: %s", service, error)
        raise web.Refused(502, service + " is away") from None


def answer(path, query):
    weight = units.grams(query["weight"])
    if random.random() < 0.03:
        LOG.error("address of parcel %d could not be checked", random.randrange(10_000))
    quote = call("quotes", "/quote", weight=weight, zone=query["zone"], express=query.get("express", ""))
    slot = call("depot", "/slot", weight=weight, zone=query["zone"])
    call("tracker", "/track", slot=slot["slot"], hint=query.get("hint", ""))
    text = label.compact(query) if FLAGS["compact_labels"] else label.full(query)
    LOG.info("parcel of %s accepted, %s", units.shown(weight), text)
    return {"price": quote["price"]}


if __name__ == "__main__":
    web.serve("portal", LOG, answer)
'''
LABEL = '''\
"""Labels of parcels."""


def full(query):
    return "zone %s" % query["zone"]


def compact(query):
    return "%s/%s" % (query["zone"], query["hint"][0])
'''
QUOTES = '''\
"""Quotes: what a parcel costs."""

import random

from lib import flags, log, web
from services.quotes import tariff

LOG = log.logger("quotes", log.Java)
SETTINGS = flags.settings("quotes")


def located(zone):
    try:
        return web.ask(web.port("geocoder"), "/zone", SETTINGS["geocoder_timeout"], zone=zone)
    except TimeoutError:
        LOG.error("geocoder timed out after %s s", SETTINGS["geocoder_timeout"])
        raise web.Refused(503, "geocoder timed out") from None


def answer(path, query):
    located(query["zone"])
    if random.random() < 0.02:
        LOG.warning("zone table is older than a day")
    price = tariff.price(query["zone"], int(query["weight"]), query.get("express", ""))
    LOG.info("quote for zone %s: %d cents", query["zone"], price)
    return {"price": price}


if __name__ == "__main__":
    web.serve("quotes", LOG, answer)
'''
TARIFF = '''\
"""The tariff: cents by zone and weight."""

import parcelkit

ZONES = {"A": 390, "B": 590, "C": 990}
EXPRESS = {"noon": 500, "morning": 900}
STEP = 500


def step(weight):
    return parcelkit.steps(weight, size=STEP)


def surcharge(express):
    if not express:
        return 0
    return EXPRESS.get(express, 300)


def price(zone, weight, express):
    base = ZONES.get(zone, 1290)
    return base + 20 * step(weight) + surcharge(express)
'''
DEPOT = '''\
"""The depot: a slot on a van for every parcel."""

import random

from lib import flags, log, web
from services.depot import vans

LOG = log.logger("depot", log.Logfmt)
SETTINGS = flags.settings("depot")


def answer(path, query):
    weight = int(query["weight"])
    if weight > SETTINGS["heaviest"]:
        LOG.error("parcel of %d g exceeds the limit of the vans", weight)
        raise web.Refused(422, "too heavy")
    if random.random() < 0.02:
        LOG.warning("van at gate %d waits for its driver", random.randrange(9))
    slot = vans.slot(query["zone"], weight)
    LOG.info("slot %d in zone %s taken", slot, query["zone"])
    return {"slot": slot}


if __name__ == "__main__":
    web.serve("depot", LOG, answer)
'''
VANS = '''\
"""Vans and their slots."""

GATES = {"A": 1, "B": 2, "C": 3}
LOADED = []


def gate(zone):
    return GATES.get(zone, 9)


def slot(zone, weight):
    LOADED.append(weight)
    del LOADED[:-50]
    return gate(zone) * 100 + len(LOADED)
'''
TRACKER = '''\
"""The tracker: where parcels are."""

from lib import flags, log, web

LOG = log.logger("tracker", log.Nginx)
SETTINGS = flags.settings("tracker")
PLACES = {"": "unknown", "d": "door", "s": "shop"}


def place(hint):
    return PLACES.get(hint, "unknown")


def answer(path, query):
    found = place(query.get("hint", ""))
    LOG.info('"GET %s?slot=%s HTTP/1.1" 200 %d "-" "portal/%s"', path, query["slot"], len(found), SETTINGS["client"])
    return {"place": found}


if __name__ == "__main__":
    web.serve("tracker", LOG, answer)
'''
FILES = {
    "lib/__init__.py": "", "lib/log.py": LOG, "lib/web.py": WEB, "lib/flags.py": FLAGS, "lib/units.py": UNITS,
    "services/__init__.py": "", "services/portal/__init__.py": "", "services/portal/app.py": PORTAL,
    "services/portal/label.py": LABEL, "services/quotes/__init__.py": "", "services/quotes/app.py": QUOTES,
    "services/quotes/tariff.py": TARIFF, "services/depot/__init__.py": "", "services/depot/app.py": DEPOT,
    "services/depot/vans.py": VANS, "services/tracker/__init__.py": "", "services/tracker/app.py": TRACKER,
    "flags/features.json": '{\n  "compact_labels": false,\n  "sms": true\n}\n',
    "config/portal.json": '{\n  "timeout": 3.0\n}\n',
    "config/quotes.json": '{\n  "geocoder_timeout": 0.6\n}\n',
    "config/depot.json": '{\n  "heaviest": 31500,\n  "gates": 9\n}\n',
    "config/tracker.json": '{\n  "client": "1.4"\n}\n',
    "requirements-services.txt": "parcelkit==3.1\n",
    "README.md": "# The courier\n",
}  # fmt: skip
TOPOLOGY = """\
services:
  portal: {calls: [quotes, depot, tracker], paths: [services/portal, config/portal.json, flags]}
  quotes: {calls: [geocoder], paths: [services/quotes, config/quotes.json]}
  depot: {paths: [services/depot, config/depot.json]}
  tracker: {paths: [services/tracker, config/tracker.json]}
"""
LIBRARIES = {
    "parcelkit==3.1": "def steps(grams, size=500):\n    return -(-grams // size)\n",
    "parcelkit==3.2": (
        "def steps(grams, size=500):\n    return -(-grams // size)\n\n\ndef litres(mm3):\n    return mm3 / 1e6\n"
    ),
    "parcelkit==4.0": "def steps(grams, *, step=500):\n    return -(-grams // step)\n",
}


def query(chosen: random.Random) -> dict[str, object]:
    """A request: what a customer sends."""
    return {
        "weight": chosen.choice((300, 900, 2000, 4500, 12_000)), "zone": chosen.choice("AABBCD"),
        "express": chosen.choice(("", "", "noon", "morning", "late")), "hint": chosen.choice(("", "d", "s", "")),
    }  # fmt: skip
