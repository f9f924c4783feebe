"""The incidents: what goes live when, what breaks, and the truth. Every second one is held out: only totals count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.incidents.bench import SHOP, Bench, Change, Edits, Ran, Release, System

Fault = tuple[float, Callable[[Bench], None]]
DISK = 1 << 20


@dataclass(frozen=True)
class Incident:
    """One incident. causes: verdicts that are right; without: what a triage is not given ("deploys", "topology")."""

    name: str
    fault: str
    causes: tuple[str, ...]
    releases: tuple[Release, ...] = ()
    faults: tuple[Fault, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 7.0
    clients: int = 2
    pause: float = 0.03
    system: System = SHOP
    without: tuple[str, ...] = ()

    @property
    def culprit(self) -> bool:
        return any(change.culprit for release in self.releases for change in release.changes)

    def play(self, folder: Path) -> Ran:
        seed = sum(map(ord, self.name))
        bench = Bench(folder, seed, self.limits, self.clients, self.pause, self.system)
        return bench.play(self.seconds, self.releases, self.faults)


def bad(subject: str, edits: Edits) -> Change:
    return Change(subject, edits, culprit=True)


# Harmless changes.
README = Change("how to run it", {"README.md": ("# The shop\n", "# The shop\n\nRun it with Python 3.11.\n")})
GREET = Change(
    "greet in a loud voice",
    {"services/gateway/app.py": ('return session["locale"].upper()', 'return session["locale"].upper().strip()')},
)
ORDER_LOG = Change(
    "a constant for the share of declined payments",
    {"services/orders/app.py": ("SETTINGS = settings", "DECLINED = 0.02\nSETTINGS = settings")},
)
JOURNAL_DOC = Change(
    "describe a line of the journal",
    {
        "services/orders/journal.py": (
            "def line(sku, qty, cents):\n",
            "def line(sku, qty, cents):\n    # sku;number;cents\n",
        )
    },
)
SHELF = Change("one more shelf", {"services/inventory/stock.py": ('"B1", "B2"]', '"B1", "B2", "C1"]')})
MAIL = Change("friendlier subject", {"services/worker/mail.py": ("Your order %s", "Thank you for order %s")})
FIGURES = Change("a faster batch", {"config/batch.json": ('"pause": 0.1', '"pause": 0.08')})
MONEY_DOC = Change(
    "say how amounts are rounded",
    {"common/money.py": ("def rounded(amount):\n", "def rounded(amount):\n    # half a cent up\n")},
)
PIN = Change("pricelib 1.3", {"requirements-services.txt": ("1.2", "1.3")})
STAFF = Change("a larger discount for staff", {"services/orders/pricing.py": ('"STAFF": 25', '"STAFF": 30')})
SKEW = Change("allow clocks to differ a little less", {"config/orders.json": ('"max_skew": 60', '"max_skew": 50')})
WAIT = Change(
    "wait a little longer for a connection", {"config/inventory.json": ('"pool_wait": 0.1', '"pool_wait": 0.2')}
)

# Changes that break something.
NO_CODE = bad(
    "simplify the look-up of discounts", {"services/orders/pricing.py": ("DISCOUNTS.get(code, 0)", "DISCOUNTS[code]")}
)
NO_GUARD = bad(
    "remove what looks like dead code", {"services/orders/pricing.py": ("    if qty == 0:\n        return 0\n", "")}
)
PARSED = bad(
    "numbers are parsed where they are needed",
    {"services/orders/app.py": ('int(query.get("qty", 1))', 'query.get("qty", 1)')},
)
SHELVES = bad(
    "shelves by the first letter",
    {"services/inventory/stock.py": ("SHELVES[len(sku) % len(SHELVES)]", 'SHELVES["apz".index(sku[0])]')},
)
GUEST = bad(
    "sessions of guests are none",
    {
        "services/gateway/app.py": (
            'SESSIONS.get(query.get("session", ""), {"user": "guest", "locale": "en"})',
            'SESSIONS.get(query.get("session", ""))',
        )
    },
)
STRICT = bad(
    "keep a reserve on the shelf",
    {"services/inventory/stock.py": ("NUMBERS.get(sku, 0) >= qty", "NUMBERS.get(sku, 0) - 9 >= qty")},
)
ROUND = bad(
    "refuse amounts that are no whole cents",
    {
        "common/money.py": (
            "    return int(amount + 0.5)\n",
            '    if amount != int(amount):\n        raise ValueError("cut: %r" % amount)\n    return int(amount)\n',
        )
    },
)
HASTY = bad("tune timeouts", {"config/orders.json": ('"payments_timeout": 0.5', '"payments_timeout": 0.0005')})
SMALL = bad(
    "fewer connections for inventory",
    {"config/inventory.json": ('"pool_size": 8,\n  "pool_wait": 0.1', '"pool_size": 1,\n  "pool_wait": 0.001')},
)
WRONG_PORT = bad("orders moved", {"config/gateway.json": ('"timeout": 2.0', '"orders_port": 1,\n  "timeout": 2.0')})
NO_CURRENCY = bad("tidy up the settings", {"config/orders.json": ('  "currency": "EUR",\n', "")})
BROKEN_JSON = bad("more room in the pool", {"config/inventory.json": ('"pool_size": 8,', '"pool_size": 16')})
PRICE_2 = bad("pricelib 2.0", {"requirements-services.txt": ("1.2", "2.0")})
PRICE_21 = bad("update what we build on", {"requirements-services.txt": ("1.2", "2.1")})
LEAK = bad(
    "give connections back in one place",
    {
        "services/inventory/app.py": (
            "    finally:\n        POOL.give(connection)\n    if not enough:",
            '    finally:\n        if sku != "plum":\n            POOL.give(connection)\n    if not enough:',
        )
    },
)
CHATTY = bad(
    "the journal tells more",
    {
        "services/orders/journal.py": (
            'return "%s;%d;%d\\n" % (sku, qty, cents)',
            'return "%s;%d;%d\\n" % (sku, qty, cents) + "# padding of the archive\\n" * 4000',
        )
    },
)
CACHE = bad(
    "remember the answers of the database",
    {
        "services/inventory/stock.py": (
            "def query(connection):\n    time.sleep(0.004)\n",
            "ANSWERS = []\n\n\ndef query(connection):\n    time.sleep(0.004)\n    ANSWERS.append(bytearray(9 << 20))\n",
        )
    },
)
SLOW = bad(
    "count before looking",
    {
        "services/inventory/stock.py": (
            "    query(connection)\n    return PRICES",
            "    for _ in range(400):\n        query(connection)\n    return PRICES",
        )
    },
)
NO_STRIP = bad(
    "addresses may be in a list",
    {"services/worker/mail.py": ('message["to"].strip().lower()', 'message["to"][0].address.lower()')},
)


def slow_payments(bench: Bench) -> None:
    bench.payments.delay = 1.0


def payments_down(bench: Bench) -> None:
    bench.payments.end()


def fill_disk(bench: Bench) -> None:
    path = bench.run / "journal"
    with path.open("ab") as file:
        file.truncate(DISK)


def clock_off(bench: Bench) -> None:
    (bench.run / "clock-gateway").write_text("600")


def poison(bench: Bench) -> None:
    bench.message("000000", '{"order": 7, "to": null}')


def garbage(bench: Bench) -> None:
    bench.message("000000", '{"order": 7, "to": "x')


def inventory_killed(bench: Bench) -> None:
    bench.processes["inventory"].kill()


def at(seconds: float, service: str, *changes: Change) -> Release:
    return Release(seconds, (service,), changes)


def most(number: float, service: str) -> dict[str, str]:
    return {service: f"-f {int(number) // 512}"}  # in POSIX's blocks


INCIDENTS: tuple[Incident, ...] = (
    Incident("discounts", "bug", ("change",), (at(3, "orders", ORDER_LOG, NO_CODE, README),)),
    Incident("dead-code", "bug", ("change",), (at(3, "orders", JOURNAL_DOC, NO_GUARD), at(3.3, "worker", MAIL))),
    Incident("parsing", "bug", ("change",), (at(2, "inventory", SHELF), at(3.5, "orders", STAFF, PARSED, MONEY_DOC))),
    Incident("shelves", "bug", ("change",), (at(3, "inventory", WAIT, SHELVES), at(3.4, "gateway", GREET))),
    Incident("guests", "bug", ("change",), (at(3, "gateway", GUEST, GREET), at(3.4, "batch", FIGURES))),
    Incident("reserve", "bug", ("change",), (at(3, "inventory", README, STRICT, SHELF),)),
    Incident("whole-cents", "bug", ("change",), (at(3.2, "orders", ROUND, ORDER_LOG, JOURNAL_DOC),)),
    Incident("mail-list", "bug", ("change",), (at(2.5, "orders", STAFF), at(3, "worker", README, NO_STRIP))),
    Incident("hasty", "config", ("config",), (at(3, "orders", ORDER_LOG, HASTY, STAFF),)),
    Incident("small-pool", "config", ("config",), (at(3, "inventory", SHELF, SMALL),), clients=6, pause=0.0),
    Incident("wrong-port", "config", ("config",), (at(3, "gateway", GREET, WRONG_PORT), at(3.5, "orders", STAFF))),
    Incident("no-currency", "config", ("config",), (at(3, "orders", NO_CURRENCY, JOURNAL_DOC),)),
    Incident("broken-json", "cascade", ("config",), (at(3, "inventory", SHELF, BROKEN_JSON),)),
    Incident("price-2", "dependency", ("dependency",), (at(3, "orders", STAFF, PRICE_2, MONEY_DOC),)),
    Incident("price-2.1", "dependency", ("dependency",), (at(3, "orders", JOURNAL_DOC, PRICE_21),)),
    Incident("lost-connections", "pool", ("change",), (at(2.5, "inventory", SHELF, LEAK), at(3, "orders", STAFF))),
    Incident("chatty-journal", "disk", ("change",), (at(3, "orders", STAFF, CHATTY),), limits=most(DISK, "orders")),
    Incident("remembered", "memory", ("change",), (at(2.5, "inventory", SHELF, CACHE),),
             limits={"inventory": "-v 400000"}, seconds=8),
    Incident("slow-count", "cascade", ("change",),
             (at(2, "gateway", GREET), at(3, "inventory", SHELF, SLOW), at(3.4, "orders", STAFF)), seconds=9),
    Incident("loud-neighbour", "neighbour", ("change",),
             (at(3, "gateway", GUEST), at(3.3, "batch", Change("more branches", {
                 "config/batch.json": ('"missing": 0.1', '"missing": 0.3')})))),
    Incident("slow-payments", "slow dependency", ("infrastructure",), (at(1, "worker", MAIL),), ((4, slow_payments),)),
    Incident("payments-down", "slow dependency", ("infrastructure",), (at(3.6, "batch", FIGURES),),
             ((4, payments_down),)),
    Incident("full-disk", "disk", ("infrastructure",), (at(1, "inventory", SHELF),), ((4, fill_disk),),
             limits=most(DISK, "orders")),
    Incident("clock", "clock", ("infrastructure",), (at(3.6, "worker", MAIL),), ((4, clock_off),)),
    Incident("poison", "poisoned message", ("infrastructure",), (at(3.6, "gateway", GREET),), ((4, poison),)),
    Incident("garbage", "poisoned message", ("infrastructure",), (at(1, "orders", STAFF),), ((4, garbage),)),
    Incident("killed", "cascade", ("infrastructure",), (at(1, "worker", MAIL),), ((4, inventory_killed),)),
    Incident("quiet-day", "healthy", ("healthy",)),
    Incident("quiet-deploys", "healthy", ("healthy",),
             (at(2, "orders", STAFF, JOURNAL_DOC), at(3, "gateway", GREET), at(4, "inventory", SHELF, WAIT))),
    Incident("scary-words", "healthy", ("healthy",),
             (at(3, "orders", Change("fix the timeout, crash and error of payments", {
                 "services/orders/app.py": ("SETTINGS = settings", "CRASH = None  # error\nSETTINGS = settings")})),)),
    Incident("pin", "healthy", ("healthy",), (at(3, "orders", PIN, SKEW),)),
    Incident("many-deploys", "healthy", ("healthy",),
             (at(1, "batch", FIGURES), at(2, "worker", MAIL), at(3, "orders", STAFF), at(4, "gateway", GREET))),
)  # fmt: skip
# For the hand-over to a diagnosis: the shop's own tests show what broke.
UNFILLED = bad(
    "a shorter line", {"common/money.py": ("(cents // 100, cents % 100, currency)", "(cents // 100, cents % 100)")}
)
HANDED_OVER = Incident("unfilled", "bug", ("change",), (at(3, "orders", STAFF, UNFILLED), at(3.3, "worker", MAIL)))
