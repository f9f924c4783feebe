"""The shop's repository before anything goes wrong: a gateway, orders, inventory, a queue worker, a nightly batch."""

from __future__ import annotations

import random

LOG = '''\
"""Logs on standard output, by the host's clock."""

import logging
import os
import pathlib
import sys
import time


class Clock(logging.Formatter):
    def formatTime(self, record, datefmt=None):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now(record.created)))


def now(real=None):
    """The host's time. Hosts of the test bench run faster than the wall, and one can be off."""
    real = time.time() if real is None else real
    began, shown, speed = (float(part) for part in os.environ["BENCH_CLOCK"].split(","))
    off = pathlib.Path(os.environ["BENCH_RUN"], "clock-" + os.environ["SERVICE"])
    return shown + (real - began) * speed + (float(off.read_text()) if off.exists() else 0)


def logger(name):
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(Clock("%(asctime)s %(levelname)s " + name + ": %(message)s"))
    made = logging.getLogger(name)
    made.addHandler(handler)
    made.setLevel(logging.INFO)
    return made
'''
WEB = '''\
"""A small HTTP server and client."""

import http.server
import json
import os
import pathlib
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


def serve(name, log, answer):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            try:
                code, body = 200, answer(path, dict(urllib.parse.parse_qsl(query)))
            except Refused as refused:
                code, body = refused.code, {"error": str(refused)}
            except Exception:
                log.exception("request %s failed", path)
                code, body = 500, {"error": "internal"}
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT_" + name.upper()])), Handler)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    log.info("listening")
    sys.stdout.flush()
    pathlib.Path(os.environ["BENCH_RUN"], "ready-" + name).write_text("yes")
    server.serve_forever()


def port(name):
    return int(os.environ["PORT_" + name.upper()])


def ask(port, path, timeout, **query):
    url = "http://127.0.0.1:%d%s?%s" % (port, path, urllib.parse.urlencode(query))
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Refused(error.code, json.load(error)["error"]) from None
'''
SETTINGS = '''\
"""Settings of a service: config/<service>.json beside the code."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]


def load(service):
    return json.loads((ROOT / "config" / (service + ".json")).read_text())


def need(settings, name):
    if name not in settings:
        raise RuntimeError("missing setting " + name)
    return settings[name]
'''
MONEY = '''\
"""Amounts in cents."""


def rounded(amount):
    return int(amount + 0.5)


def shown(cents, currency):
    return "%d.%02d %s" % (cents // 100, cents % 100, currency)
'''
GATEWAY = '''\
"""The gateway: sessions, and orders passed on."""

import random

from common import log, settings, web

LOG = log.logger("gateway")
SETTINGS = settings.load("gateway")
SESSIONS = {"s1": {"user": "ann", "locale": "en"}, "s2": {"user": "bob", "locale": "de"}}


def session(query):
    return SESSIONS.get(query.get("session", ""), {"user": "guest", "locale": "en"})


def greeting(session):
    return session["locale"].upper()


def answer(path, query):
    caller = session(query)
    language = greeting(caller)
    if random.random() < SETTINGS["sampled"]:
        LOG.warning("client of %s closed the page before the answer", caller["user"])
    port = SETTINGS.get("orders_port") or web.port("orders")
    try:
        placed = web.ask(port, "/order", SETTINGS["timeout"], issued=log.now(), user=caller["user"], **query)
    except web.Refused as refused:
        if refused.code >= 500:
            LOG.error("orders answered %d: %s", refused.code, refused)
        raise
    except OSError as error:
        LOG.error("call to orders failed: %s", error)
        raise web.Refused(502, "orders is not there") from None
    LOG.info("order of %s placed in %s, total %s", caller["user"], language, placed["total"])
    return placed


if __name__ == "__main__":
    web.serve("gateway", LOG, answer)
'''
ORDERS = '''\
"""Orders: checked, priced, reserved, paid, written to the journal."""

import random

from common import log, money, settings, web
from services.orders import journal, pricing

LOG = log.logger("orders")
SETTINGS = settings.load("orders")


def checked(query):
    issued = float(query["issued"])
    skew = issued - log.now()
    if skew > SETTINGS["max_skew"]:
        LOG.error("token was issued in the future: clock skew of %d s", skew)
        raise web.Refused(403, "token not yet valid")
    return query["sku"], int(query.get("qty", 1)), query.get("code", "")


def reserve(sku, qty):
    try:
        return web.ask(web.port("inventory"), "/reserve", SETTINGS["inventory_timeout"], sku=sku, qty=qty)
    except OSError as error:
        LOG.error("call to inventory failed: %s", error)
        raise web.Refused(503, "inventory is not there") from None


def pay(cents):
    try:
        return web.ask(web.port("payments"), "/charge", SETTINGS["payments_timeout"], cents=cents)
    except TimeoutError:
        LOG.error("payments timed out after %s s", SETTINGS["payments_timeout"])
        raise web.Refused(503, "payments timed out") from None
    except OSError as error:
        LOG.error("call to payments failed: %s", error)
        raise web.Refused(503, "payments is not there") from None


def answer(path, query):
    sku, qty, code = checked(query)
    held = reserve(sku, qty)
    cents = money.rounded(pricing.total(held["price"], qty, code))
    pay(cents)
    if random.random() < 0.02:
        LOG.error("payment of %d declined by the bank", cents)
        raise web.Refused(402, "declined")
    journal.write(SETTINGS, sku, qty, cents)
    LOG.info("order of %d x %s for %d cents placed", qty, sku, cents)
    return {"total": money.shown(cents, settings.need(SETTINGS, "currency"))}


if __name__ == "__main__":
    web.serve("orders", LOG, answer)
'''
PRICING = '''\
"""Prices with discounts."""

import pricelib

DISCOUNTS = {"SPRING": 10, "STAFF": 25}


def percent(code):
    return DISCOUNTS.get(code, 0)


def per_item(amount, qty):
    if qty == 0:
        return 0
    return amount / qty


def total(price, qty, code):
    amount = pricelib.gross(price * qty)
    return amount - per_item(amount, qty) * qty * percent(code) / 100
'''
JOURNAL = '''\
"""The journal of orders, a file on the service's disk."""

import os
import pathlib


def line(sku, qty, cents):
    return "%s;%d;%d\\n" % (sku, qty, cents)


def write(settings, sku, qty, cents):
    with pathlib.Path(os.environ["BENCH_RUN"], "journal").open("a") as file:
        file.write(line(sku, qty, cents))
'''
INVENTORY = '''\
"""Inventory: what is on the shelves."""

from common import log, settings, web
from services.inventory import pool, stock

LOG = log.logger("inventory")
SETTINGS = settings.load("inventory")
POOL = pool.Pool(SETTINGS["pool_size"], SETTINGS["pool_wait"])


def answer(path, query):
    sku, qty = query["sku"], int(query["qty"])
    connection = POOL.take()
    try:
        price = stock.price(connection, sku)
        enough = stock.enough(connection, sku, qty)
        shelf = stock.shelf(sku)
    finally:
        POOL.give(connection)
    if not enough:
        LOG.warning("not enough of %s on shelf %s: %d wanted", sku, shelf, qty)
        raise web.Refused(409, "out of stock")
    LOG.info("reserved %d of %s from shelf %s", qty, sku, shelf)
    return {"price": price}


if __name__ == "__main__":
    web.serve("inventory", LOG, answer)
'''
POOL = '''\
"""A pool of connections to the database."""

import queue


class PoolTimeout(Exception):
    pass


class Pool:
    def __init__(self, size, wait):
        self.size, self.wait = size, wait
        self.free = queue.Queue()
        for number in range(size):
            self.free.put(number)

    def take(self):
        try:
            return self.free.get(timeout=self.wait)
        except queue.Empty:
            raise PoolTimeout("connection pool exhausted: %d in use" % self.size) from None

    def give(self, connection):
        self.free.put(connection)
'''
STOCK = '''\
"""Prices and numbers of what is kept."""

import time

PRICES = {"apple": 120, "pear": 250, "plum": 90, "quince": 400}
SHELVES = ["A1", "A2", "B1", "B2"]
NUMBERS = {"apple": 10, "pear": 10, "plum": 10, "quince": 10}


def query(connection):
    time.sleep(0.004)


def price(connection, sku):
    query(connection)
    return PRICES.get(sku, 100)


def enough(connection, sku, qty):
    return NUMBERS.get(sku, 0) >= qty


def shelf(sku):
    return SHELVES[len(sku) % len(SHELVES)]
'''
WORKER = '''\
"""The worker: messages about orders, sent as mails."""

import json
import os
import pathlib
import random
import signal
import sys
import time

from common import log
from services.worker import mail

LOG = log.logger("worker")
SPOOL = pathlib.Path(os.environ["BENCH_RUN"], "spool")


def handled(path):
    message = json.loads(path.read_text())
    mail.send(message)
    LOG.info("mail for order %s sent", message["order"])
    path.unlink()


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    SPOOL.mkdir(exist_ok=True)
    LOG.info("watching")
    sys.stdout.flush()
    pathlib.Path(os.environ["BENCH_RUN"], "ready-worker").write_text("yes")
    while True:
        for path in sorted(SPOOL.glob("*.json")):
            try:
                if random.random() < 0.03:
                    LOG.warning("mail server is busy, waiting")
                handled(path)
            except Exception:
                LOG.exception("message %s failed, it is tried again", path.name)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
'''
MAIL = '''\
"""Mails to customers."""


def address(message):
    return message["to"].strip().lower()


def subject(message):
    return "Your order %s" % message["order"]


def send(message):
    return address(message), subject(message)
'''
BATCH = '''\
"""The nightly batch: figures for the accountants, from a source that is often away."""

import os
import pathlib
import random
import signal
import sys
import time

from common import log, settings

LOG = log.logger("batch")
SETTINGS = settings.load("batch")


def main():
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    LOG.info("begun")
    sys.stdout.flush()
    pathlib.Path(os.environ["BENCH_RUN"], "ready-batch").write_text("yes")
    number = 0
    while True:
        number += 1
        if random.random() < SETTINGS["missing"]:
            LOG.error("figures of branch %d are missing", number)
        else:
            LOG.info("figures of branch %d added", number)
        time.sleep(SETTINGS["pause"])


if __name__ == "__main__":
    main()
'''
FILES = {
    "common/__init__.py": "", "common/log.py": LOG, "common/web.py": WEB, "common/settings.py": SETTINGS,
    "common/money.py": MONEY, "services/__init__.py": "", "services/gateway/__init__.py": "",
    "services/gateway/app.py": GATEWAY, "services/orders/__init__.py": "", "services/orders/app.py": ORDERS,
    "services/orders/pricing.py": PRICING, "services/orders/journal.py": JOURNAL,
    "services/inventory/__init__.py": "", "services/inventory/app.py": INVENTORY,
    "services/inventory/pool.py": POOL, "services/inventory/stock.py": STOCK, "services/worker/__init__.py": "",
    "services/worker/app.py": WORKER, "services/worker/mail.py": MAIL, "services/batch/__init__.py": "",
    "services/batch/app.py": BATCH,
    "config/gateway.json": '{\n  "timeout": 2.0,\n  "sampled": 0.02\n}\n',
    "config/orders.json": (
        '{\n  "currency": "EUR",\n  "inventory_timeout": 1.0,\n  "payments_timeout": 0.5,\n  "max_skew": 60\n}\n'
    ),
    "config/inventory.json": '{\n  "pool_size": 8,\n  "pool_wait": 0.1\n}\n',
    "config/batch.json": '{\n  "missing": 0.1,\n  "pause": 0.1\n}\n',
    "requirements-services.txt": "pricelib==1.2\n",
    "tests/test_money.py": (
        "from common.money import rounded, shown\n\n\ndef test_rounded():\n    assert rounded(119.4) == 119\n"
        "    assert rounded(119.5) == 120\n\n\ndef test_shown():\n    assert shown(1205, 'EUR') == '12.05 EUR'\n"
    ),
    "CODEOWNERS": "* @platform\n/services/orders/ @orders-team\n/services/inventory/ @stock-team\n",
    "runbooks/disk.md": "# The disk is full\nNo space left on device: rotate the journal, then enlarge the disk.\n",
    "runbooks/pool.md": "# Connection pool exhausted\nLook for connections not given back; restart inventory.\n",
    "README.md": "# The shop\n",
}  # fmt: skip
TOPOLOGY = """\
services:
  gateway: {calls: [orders], paths: [services/gateway, config/gateway.json]}
  orders: {calls: [inventory, payments], paths: [services/orders, config/orders.json]}
  inventory: {paths: [services/inventory, config/inventory.json]}
  worker: {paths: [services/worker]}
  batch: {paths: [services/batch, config/batch.json]}
"""
# What the package index has: name and version -> its module. It is no part of the repository.
LIBRARIES = {
    "pricelib==1.2": "def gross(net):\n    return net * 1.19\n",
    "pricelib==1.3": "def gross(net):\n    return net * 1.19\n\n\ndef net(gross):\n    return gross / 1.19\n",
    "pricelib==2.0": "def with_tax(net, rate=0.19):\n    return net * (1 + rate)\n",
    "pricelib==2.1": (
        "class RateError(ValueError):\n    pass\n\n\n"
        'def gross(net):\n    if net > 500:\n        raise RateError("pricelib 2.1: a rate is needed above 500")\n'
        "    return net * 1.19\n"
    ),
}


def query(chosen: random.Random) -> dict[str, object]:
    """A request: what a customer orders."""
    return {
        "sku": chosen.choice(("apple", "pear", "plum", "quince")), "qty": chosen.choice((0, 1, 1, 1, 2, 2, 3)),
        "code": chosen.choice(("", "", "SPRING", "STAFF", "XMAS")), "session": chosen.choice(("s1", "s2", "")),
    }  # fmt: skip
