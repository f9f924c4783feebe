"""A clinic's repository before anything goes wrong: a desk, a calendar, a ledger, a queue and the worker behind it.

Each writes as programs in another language do: desk as Node's pino, calendar as Go's klog, ledger as Rust's tracing,
queue as Go's slog, reminders as Ruby's Logger.
"""

from __future__ import annotations

import random

from tests.incidents.courier import FLAGS
from tests.incidents.shop import WEB

LOG = '''\
"""Logs on standard output, by the host's clock."""

import json
import logging
import os
import sys
import time
import traceback

NUMBERS = {"INFO": 30, "WARNING": 40, "ERROR": 50}


def now(real=None):
    real = time.time() if real is None else real
    began, shown, speed = (float(part) for part in os.environ["BENCH_CLOCK"].split(","))
    return shown + (real - began) * speed


def written(record, form):
    at = now(record.created)
    return time.strftime(form, time.gmtime(at)).replace("%f", "%06d" % (at % 1 * 1e6))


def raised(record):
    return record.exc_info[1] if record.exc_info else None


def stack(error):
    return "".join(traceback.format_exception(error)).rstrip()


class Pino(logging.Formatter):
    def format(self, record):
        row = {"level": NUMBERS[record.levelname], "time": int(now(record.created) * 1000), "pid": record.process}
        row |= {"hostname": "desk-1", "name": record.name}
        error = raised(record)
        if error is not None:
            row["err"] = {"type": type(error).__name__, "message": str(error), "stack": stack(error)}
        return json.dumps(row | {"msg": record.getMessage()}, separators=(",", ":"))


class Klog(logging.Formatter):
    def format(self, record):
        head = "%s%s %7d %s:%d] %s" % (
            record.levelname[0], written(record, "%m%d %H:%M:%S.%%f"), record.process, record.filename,
            record.lineno, record.getMessage())
        error = raised(record)
        return head if error is None else "%s err=%s" % (head, json.dumps(type(error).__name__ + ": " + str(error)))


class Tracing(logging.Formatter):
    def format(self, record):
        level = "WARN" if record.levelname == "WARNING" else record.levelname
        head = "%s %5s %s::%s: %s" % (
            written(record, "%Y-%m-%dT%H:%M:%S.%%fZ"), level, record.name, record.module, record.getMessage())
        error = raised(record)
        return head if error is None else head + "\\n" + stack(error)


class Slog(logging.Formatter):
    def format(self, record):
        level = "WARN" if record.levelname == "WARNING" else record.levelname
        head = "time=%s level=%s msg=%s" % (
            written(record, "%Y-%m-%dT%H:%M:%S.%%fZ"), level, json.dumps(record.getMessage()))
        error = raised(record)
        return head if error is None else head + " error=" + json.dumps(type(error).__name__ + ": " + str(error))


class Ruby(logging.Formatter):
    def format(self, record):
        level = "WARN" if record.levelname == "WARNING" else record.levelname
        head = "%s, [%s #%d] %5s -- %s: %s" % (
            level[0], written(record, "%Y-%m-%dT%H:%M:%S.%%f"), record.process, level, record.name,
            record.getMessage())
        error = raised(record)
        if error is None:
            return head
        rows = ["%s (%s)" % (error, type(error).__name__)]
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            rows.append("%s:%d:in `%s'" % (frame.filename.rpartition("/deployed/")[2][13:], frame.lineno, frame.name))
        return head + " " + "\\n".join(rows)


def logger(name, style):
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(style())
    made = logging.getLogger(name)
    made.addHandler(handler)
    made.setLevel(logging.INFO)
    return made
'''
DESK = '''\
"""The desk: patients ask for appointments."""

import random

from lib import flags, log, web
from services.desk import patients

LOG = log.logger("desk", log.Pino)
SETTINGS = flags.settings("desk")


def call(service, path, **query):
    try:
        return web.ask(web.port(service), path, SETTINGS["timeout"], **query)
    except OSError as error:
        LOG.error("call of %s%s failed: %s", service, path, error)
        raise web.Refused(502, service + " cannot be reached") from None


def answer(path, query):
    who = patients.shown(query["patient"], query.get("title", ""))
    if random.random() < 0.02:
        LOG.error("insurance card %d could not be read", random.randrange(10_000))
    slot = call("calendar", "/book", doctor=query["doctor"], minutes=query["minutes"])
    call("ledger", "/charge", minutes=query["minutes"], scheme=query["scheme"])
    call("queue", "/put", to=query["phone"], slot=slot["slot"])
    LOG.info("appointment %d booked for %s", slot["slot"], who)
    return slot


if __name__ == "__main__":
    web.serve("desk", LOG, answer)
'''
PATIENTS = '''\
"""Patients and how they are addressed."""

TITLES = {"dr": "Dr.", "prof": "Prof."}


def shown(name, title):
    family = name.split(" ")[-1]
    return (TITLES.get(title, "") + " " + family).strip()
'''
CALENDAR = '''\
"""The calendar: who is free when."""

import random

from lib import flags, log, web
from services.calendar import rooms

LOG = log.logger("calendar", log.Klog)
SETTINGS = flags.settings("calendar")


def answer(path, query):
    minutes = int(query["minutes"])
    if minutes > SETTINGS["longest"]:
        LOG.error("appointment of %d minutes exceeds the longest that is allowed", minutes)
        raise web.Refused(422, "too long")
    if random.random() < 0.02:
        LOG.warning("doctor %s has not confirmed the week", query["doctor"])
    slot = rooms.room(query["doctor"]) * 1000 + rooms.units(minutes)
    LOG.info("slot %d for doctor %s", slot, query["doctor"])
    return {"slot": slot}


if __name__ == "__main__":
    web.serve("calendar", LOG, answer)
'''
ROOMS = '''\
"""Rooms of doctors, and units of time."""

import chronokit

ROOMS = {"adler": 1, "brandt": 2, "celik": 3}


def room(doctor):
    return ROOMS.get(doctor, 9)


def units(minutes):
    return chronokit.units(minutes, length=15)
'''
LEDGER = '''\
"""The ledger: what an appointment costs, one desk clerk at a time per connection."""

import random
import threading

from lib import flags, log, web
from services.ledger import fees

LOG = log.logger("ledger", log.Tracing)
SETTINGS = flags.settings("ledger")
CONNECTIONS = threading.Semaphore(SETTINGS["connections"])


def charged(minutes, scheme):
    if not CONNECTIONS.acquire(timeout=0.3):
        LOG.error("connection pool exhausted: none of %d connections came free", SETTINGS["connections"])
        raise web.Refused(503, "no connection")
    try:
        return fees.fee(minutes, scheme)
    finally:
        CONNECTIONS.release()


def answer(path, query):
    if random.random() < 0.02:
        LOG.warning("exchange of invoices is late by %d s", random.randrange(90))
    fee = charged(int(query["minutes"]), query["scheme"])
    LOG.info("charged %d", fee)
    return {"fee": fee}


if __name__ == "__main__":
    web.serve("ledger", LOG, answer)
'''
FEES = '''\
"""Fees by minutes and scheme."""

SHARES = {"public": 60, "private": 100, "staff": 0}


def share(scheme):
    return SHARES.get(scheme, 100)


def fee(minutes, scheme):
    return 4 * minutes * share(scheme) // 100
'''
QUEUE = '''\
"""The queue: reminders wait here until they are taken."""

import threading

from lib import flags, log, web
from services.queue import kept

LOG = log.logger("queue", log.Slog)
SETTINGS = flags.settings("queue")
WAITING = []
LOCK = threading.Lock()


def put(query):
    with LOCK:
        if len(WAITING) >= SETTINGS["capacity"]:
            LOG.error("queue is full: %d messages are waiting", len(WAITING))
            raise web.Refused(507, "queue is full")
        WAITING.append(query)
        kept.note(query["slot"])
    LOG.info("message for slot %s accepted", query["slot"])
    return {}


def take():
    with LOCK:
        taken, WAITING[:] = WAITING[:], []
    return {"messages": taken}


def answer(path, query):
    return put(query) if path == "/put" else take()


if __name__ == "__main__":
    web.serve("queue", LOG, answer)
'''
REMINDERS = '''\
"""Reminders: takes messages from the queue and has them sent."""

import os
import pathlib
import random
import signal
import time

from lib import flags, log, web
from services.reminders import numbers

LOG = log.logger("reminders", log.Ruby)
SETTINGS = flags.settings("reminders")
FLAGS = flags.flags()


def send(message):
    to = numbers.international(message["to"]) if FLAGS["international"] else message["to"]
    try:
        web.ask(web.port("sms"), "/send", SETTINGS["sms_timeout"], to=to)
    except OSError as error:
        LOG.error("sms gateway did not answer within %s s: %s", SETTINGS["sms_timeout"], error)
        return
    LOG.info("reminder for slot %s sent", message["slot"])


def work():
    for message in web.ask(web.port("queue"), "/take", 2)["messages"]:
        if random.random() < 0.02:
            LOG.warning("number of slot %s is a landline", message["slot"])
        try:
            send(message)
        except Exception:
            LOG.exception("reminder failed:")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    LOG.info("started")
    pathlib.Path(os.environ["BENCH_RUN"], "ready-reminders").write_text("yes")
    while True:
        try:
            work()
        except OSError:
            LOG.warning("queue cannot be reached")
        time.sleep(0.05)
'''
NUMBERS = '''\
"""Telephone numbers."""

COUNTRIES = {"0": "+49"}


def international(number):
    return COUNTRIES[number[0]] + number[1:]
'''
KEPT = '''\
"""The slots of the last messages."""

LAST = []


def note(slot):
    LAST.append(slot)
    del LAST[:-50]
'''
FILES = {
    "lib/__init__.py": "", "lib/log.py": LOG, "lib/web.py": WEB, "lib/flags.py": FLAGS,
    "services/__init__.py": "", "services/desk/__init__.py": "", "services/desk/app.py": DESK,
    "services/desk/patients.py": PATIENTS, "services/calendar/__init__.py": "", "services/calendar/app.py": CALENDAR,
    "services/calendar/rooms.py": ROOMS, "services/ledger/__init__.py": "", "services/ledger/app.py": LEDGER,
    "services/ledger/fees.py": FEES, "services/queue/__init__.py": "", "services/queue/app.py": QUEUE,
    "services/queue/kept.py": KEPT,    "services/reminders/__init__.py": "", "services/reminders/app.py": REMINDERS,
    "services/reminders/numbers.py": NUMBERS,
    "flags/features.json": '{\n  "international": false,\n  "letters": true\n}\n',
    "config/desk.json": '{\n  "timeout": 3.0\n}\n',
    "config/calendar.json": '{\n  "longest": 90,\n  "weeks": 12\n}\n',
    "config/ledger.json": '{\n  "connections": 4\n}\n',
    "config/queue.json": '{\n  "capacity": 500\n}\n',
    "config/reminders.json": '{\n  "sms_timeout": 0.5\n}\n',
    "requirements-services.txt": "chronokit==1.4\n",
    "README.md": "# The clinic\n",
}  # fmt: skip
TOPOLOGY = """\
services:
  desk: {calls: [calendar, ledger, queue], paths: [services/desk, config/desk.json]}
  calendar: {paths: [services/calendar, config/calendar.json]}
  ledger: {paths: [services/ledger, config/ledger.json]}
  queue: {paths: [services/queue, config/queue.json]}
  reminders: {calls: [queue, sms], paths: [services/reminders, config/reminders.json, flags]}
"""
LIBRARIES = {
    "chronokit==1.4": "def units(minutes, length):\n    return -(-minutes // length)\n",
    "chronokit==1.5": "def units(minutes, length):\n    return -(-minutes // length)\n\n\nDAY = 1440\n",
    "chronokit==2.0": "def slots(minutes, length):\n    return -(-minutes // length)\n",
}


def query(chosen: random.Random) -> dict[str, object]:
    """A request: what a patient asks for."""
    return {
        "patient": chosen.choice(("Ada Lang", "Ben Mohr", "Cem Nas", "Dora")), "title": chosen.choice(("", "dr", "ms")),
        "doctor": chosen.choice(("adler", "brandt", "celik", "locum")), "minutes": chosen.choice((15, 15, 30, 45, 60)),
        "scheme": chosen.choice(("public", "public", "private", "abroad")),
        "phone": chosen.choice(("0151200", "0160300", "+4415", "0170400")),
    }  # fmt: skip
