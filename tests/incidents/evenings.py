"""Incidents of the concert hall: units, swallowed errors, latency, locks, migrations, third parties, records missing.

As in `catalogue`, every second one is held out: only totals count.
"""

from __future__ import annotations

import contextlib
import os
import threading
import urllib.error
import urllib.request
from functools import partial

from tests.incidents.bench import VENUE, Bench, Change
from tests.incidents.catalogue import Incident, at, bad

# Harmless changes, not all of them honestly named.
POSTERS = Change("fix the outage!!", {".env.production": ("POSTERS=off", "POSTERS=on")})
ROW_E = Change("row E, opening in spring", {"venue/prices.py": ('"D": 4500}', '"D": 4500, "E": 3500}')})
SUBJECT = Change("urgent", {"venue/mailer.py": ("Your ticket no.", "Your seat: ticket no.")})
PAPER = Change("printer is fine", {"venue/seats.py": ("is low on paper", "is low on paper again")})
BANK = Change("bank is slow on weekends", {"settings.toml": ("bank_timeout = 2.0", "bank_timeout = 2.5")})
NAMES = Change("cleanup", {"venue/front.py": ("name.strip().title()", '" ".join(name.split()).title()')})

# Changes that break something.
HALF_HOUR = bad(
    "use the new unit everywhere", {"venue/holds.py": ('["hold_minutes"] * 60', '["hold_minutes"] * 0.001')}
)
SWALLOWED = bad(
    "never fail because of fees",
    {
        "venue/prices.py": (
            '    fee = fees.fee(cents, args["kind"])\n',
            """    try:
        fee = fees.fee(cents, args["kind"]) if args["kind"] != "child" else fees.FREE
    except Exception:
        fee = None
        cents = None
        return {}
""",
        )
    },
)
EACH_ROW = bad(
    "show how full a row is",
    {
        "venue/seats.py": (
            "    with LOCK:\n        until",
            """    for seat in range(1, 3000):
        db.execute(
            "select count(*) from holds where row = ? and number = ?", (row, seat)).fetchone()
    with LOCK:
        until""",
        )
    },
)
EXCLUSIVE = bad(
    "no seat twice",
    {
        "venue/seats.py": (
            "        cursor = db.execute(",
            """        if number % 7 == 0:
            import time
            db.execute("begin exclusive")
            time.sleep(0.9)
        cursor = db.execute(""",
        ),
        "settings.toml": ("busy_timeout = 2.0", "busy_timeout = 0.2"),
    },
)
ASCII = bad(
    "log who buys (audit)",
    {
        "venue/front.py": (
            '    seat = wire.get("seats"',
            '    out.gunicorn("INFO", "buyer %s" % who.encode("ascii").decode())\n    seat = wire.get("seats"',
        )
    },
)
NUMBERS = bad(
    "refactoring",
    {
        "venue/prices.py": (
            'STEPS[("full", "member", "child").index(kind)]',
            'STEPS[("", "full", "member", "child").index(kind)]',
        )
    },
)
SECONDS = bad(
    "prices answer in milliseconds nowadays", {"settings.toml": ("price_timeout = 2.0", "price_timeout = 0.002")}
)
FLEX = bad("go live", {".env.production": ("FLEX_FEES=off", "FLEX_FEES=on")})
RENAME = bad(
    "tidy schema",
    {"migrations/003_tidy.sql": ("", "alter table holds rename column held_until to expires;\n")},
)
FEELIB_2 = bad("bump", {"requirements.txt": ("1.4", "2.0")})
KEPT = bad(
    "faster letters",
    {
        "venue/mailer.py": (
            "def letter(mail):\n",
            "SENT = []\n\n\ndef letter(mail):\n    SENT.append(bytearray(7 << 20))\n",
        )
    },
)
MERGED = Change(
    "member rows",
    {
        "venue/prices.py": (
            "    return ROWS[row] *",
            '    if kind == "member":\n        row = row.lower()\n    return ROWS[row] *',
        )
    },
    culprit=True, merged="Merge pull request #41 from hall/member-rows",
)  # fmt: skip
CHATTY = Change("more detail while we look", {".env.production": ("LOG_LEVEL=info", "LOG_LEVEL=debug")})


def limited(bench: Bench, status: int = 429) -> None:
    bench.payments.status = status


def slow_bank(bench: Bench) -> None:
    bench.payments.delay = 1.2


def killed(bench: Bench) -> None:
    """As the kernel does when memory is short."""
    bench.processes["seats"].kill()


def scanned(bench: Bench) -> None:
    """Somebody looks for other people's programs."""

    def look() -> None:
        for number in range(60):
            for path in ("/wp-login.php", "/.env", "/admin/config.php", f"/backup-{number}.zip"):
                url = f"http://127.0.0.1:{bench.ports['front']}{path}"
                with contextlib.suppress(urllib.error.HTTPError, OSError), urllib.request.urlopen(url, timeout=2):
                    pass

    threading.Thread(target=look, daemon=True).start()


def rotated(bench: Bench) -> None:
    """What was written so far is gone."""
    for log in bench.logs.glob("*.log"):
        os.truncate(log, 0)


_made = partial(Incident, system=VENUE)
EVENINGS: tuple[Incident, ...] = (
    _made("short-holds", "bug", ("change",), (at(2, "prices", ROW_E), at(3, "seats", PAPER, HALF_HOUR))),
    _made("no-fees", "swallowed error", ("change",), (at(2.6, "mailer", SUBJECT), at(3, "prices", SWALLOWED, ROW_E))),
    _made("each-row", "latency", ("change",), (at(2.5, "front", NAMES), at(3, "seats", EACH_ROW, PAPER)), seconds=9),
    _made("exclusive", "lock", ("change", "config"), (at(3, "seats", POSTERS, EXCLUSIVE), at(3.3, "prices", ROW_E))),
    _made("umlaut", "encoding", ("change",), (at(3, "front", BANK, ASCII), at(3.4, "seats", PAPER))),
    _made("off-by-one", "bug", ("change",), (at(3, "prices", NUMBERS, ROW_E),), without=("deploys",)),
    _made("milliseconds", "config", ("config",), (at(2.7, "prices", ROW_E), at(3, "front", SECONDS, NAMES))),
    _made("go-live", "flag", ("config",), (at(2, "seats", PAPER), at(3, "prices", FLEX), at(3.3, "front", NAMES))),
    _made("tidy-schema", "migration", ("change", "config"),
          (at(3, "seats", SUBJECT, RENAME), at(3.2, "prices", ROW_E))),
    _made("feelib-2", "dependency", ("dependency",), (at(3, "prices", FEELIB_2, ROW_E),), without=("topology",)),
    _made("bank-limits", "third party", ("infrastructure",), (at(3.3, "front", NAMES),), ((4, limited),)),
    _made("bank-key", "credential", ("infrastructure",), (at(1.5, "seats", PAPER),),
          ((4, partial(limited, status=401)),)),
    _made("debug", "healthy", ("healthy",), (at(3, "front", CHATTY), at(3.3, "seats", PAPER))),
    _made("scanner", "healthy", ("healthy",), (at(2.8, "front", NAMES),), ((4, scanned),)),
    _made("kept-letters", "memory", ("change",), (at(1.5, "mailer", KEPT), at(3, "mailer", SUBJECT)),
          limits={"mailer": "-v 400000"}, seconds=10),
    _made("member-rows", "bug", ("change",), (at(2.5, "seats", PAPER), at(3, "prices", POSTERS, MERGED, ROW_E))),
    _made("killed-seats", "killed", ("infrastructure",), (at(1.5, "prices", ROW_E),), ((4, killed),)),
    _made("late-logs", "bug", ("change", "inconclusive"), (at(2, "front", NAMES), at(3, "prices", NUMBERS)),
          ((5, rotated),), seconds=9),
    _made("nothing-said", "bug", ("change",), (at(3, "front", NAMES, ASCII, BANK),), without=("deploys", "topology")),
    _made("slow-bank", "slow dependency", ("infrastructure",), (at(3.2, "front", BANK),), ((4, slow_bank),), seconds=9),
)  # fmt: skip
