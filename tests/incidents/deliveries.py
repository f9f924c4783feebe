"""Incidents of the courier: flags, settings, packages, shared code, close deploys, a roll-back, leaks, crowds.

As in `catalogue`, every second one is held out: only totals count.
"""

from __future__ import annotations

import threading
from functools import partial

from tests.incidents.bench import COURIER, Bench, Change, Release
from tests.incidents.catalogue import Incident, at, bad

# Harmless changes.
HOWTO = Change("how to run it", {"README.md": ("# The courier\n", "# The courier\n\nPython 3.11 is enough.\n")})
GATES = Change("a gate for zone D", {"services/depot/vans.py": ('"C": 3}', '"C": 3, "D": 4}')})
PLACES = Change("parcels in lockers", {"services/tracker/app.py": ('"s": "shop"}', '"s": "shop", "l": "locker"}')})
EVENING = Change(
    "express in the evening", {"services/quotes/tariff.py": ('"noon": 500,', '"evening": 200, "noon": 500,')}
)
CLIENT = Change("client 1.5", {"config/tracker.json": ('"1.4"', '"1.5"')})
SMS = Change("no messages to telephones", {"flags/features.json": ('"sms": true', '"sms": false')})
KIT = Change("parcelkit 3.2", {"requirements-services.txt": ("3.1", "3.2")})
PATIENT = Change("wait longer for the others", {"config/portal.json": ('"timeout": 3.0', '"timeout": 4.0')})
ZONE_D = Change("zone D costs as much as C", {"services/quotes/tariff.py": ('"C": 990}', '"C": 990, "D": 990}')})
ROUND = Change("gates are numbered from zero", {"config/depot.json": ('"gates": 9', '"gates": 10')})

# Changes that break something.
LATE = bad(
    "no express without a price",
    {"services/quotes/tariff.py": ("return EXPRESS.get(express, 300)", "return EXPRESS[express]")},
)
ABROAD = bad("simpler look-up of gates", {"services/depot/vans.py": ("GATES.get(zone, 9)", "GATES[zone]")})
COMPACT_ON = bad(
    "switch compact labels on", {"flags/features.json": ('"compact_labels": false', '"compact_labels": true')}
)
LIGHT = bad("limits of the new vans", {"config/depot.json": ('"heaviest": 31500', '"heaviest": 3150')})
HASTY = bad("geocoder answers fast now", {"config/quotes.json": ("0.6", "0.0006")})
KIT_4 = bad("parcelkit 4.0", {"requirements-services.txt": ("3.1", "4.0")})
KILOS = bad(
    "weights may be written with a unit", {"lib/units.py": ("return int(text)", 'return int(text[: text.index("g")])')}
)
KEEP = bad(
    "remember what was loaded",
    {
        "services/depot/vans.py": (
            "    LOADED.append(weight)\n    del LOADED[:-50]\n",
            "    LOADED.append(bytearray(4 << 20))\n",
        )
    },
)
NO_HINT = bad(
    "hints are looked up in one place",
    {"services/tracker/app.py": ('return PLACES.get(hint, "unknown")', 'return PLACES[hint[:1] or "?"]')},
)
NOTHING = bad(
    "parcels without weight are free",
    {
        "services/quotes/tariff.py": (
            "base = ZONES.get(zone, 1290)\n",
            "base = ZONES.get(zone, 1290) * (9 // (weight // 1000))\n",
        )
    },
)


def slow_geocoder(bench: Bench) -> None:
    bench.payments.delay = 1.5


def crowd(bench: Bench, clients: int = 8) -> None:
    """Many more customers, who want what the others want."""
    for number in range(clients):
        threading.Thread(target=bench.client, args=(1_000 + number,), daemon=True).start()


def back(seconds: float, service: str) -> Release:
    return Release(seconds, (service,), back=True)


_made = partial(Incident, system=COURIER)
DELIVERIES: tuple[Incident, ...] = (
    _made("late-express", "bug", ("change",), (at(3, "quotes", HOWTO, LATE, ZONE_D),)),
    _made("gates", "bug", ("change",), (at(2, "quotes", EVENING), at(3, "depot", ABROAD, ROUND))),
    _made("compact-labels", "flag", ("config",), (at(1.5, "portal", PATIENT), at(3, "portal", COMPACT_ON))),
    _made("light-vans", "config", ("config",), (at(2.6, "tracker", CLIENT), at(3, "depot", LIGHT, GATES))),
    _made("remembered-loads", "memory", ("change",), (at(1.5, "depot", KEEP), at(4, "tracker", PLACES)),
          limits={"depot": "-v 500000"}, seconds=10),
    _made("hasty-geocoder", "config", ("config",), (at(2.8, "portal", SMS), at(3, "quotes", HASTY, EVENING))),
    _made("rolled-back", "bug", ("change",), (at(2, "depot", GATES), at(3, "quotes", NOTHING), back(4.5, "quotes")),
          seconds=8),
    _made("parcelkit-4", "dependency", ("dependency",), (at(3, "quotes", KIT_4, ZONE_D), at(3.2, "depot", GATES))),
    _made("crowd", "healthy", ("healthy",), (at(2, "depot", GATES),), ((4, crowd),), seconds=9),
    _made("five-deploys", "bug", ("change",),
          (at(2.4, "depot", GATES), at(2.7, "tracker", NO_HINT), at(3, "portal", SMS), at(3.3, "quotes", ZONE_D),
           at(3.6, "depot", ROUND))),
    _made("kilos", "bug", ("change",), (Release(3, ("depot", "quotes", "portal"), (KILOS, GATES, EVENING)),)),
    _made("slow-geocoder", "slow dependency", ("infrastructure",), (at(3.2, "portal", PATIENT),),
          ((4, slow_geocoder),)),
    _made("kit-3.2", "healthy", ("healthy",), (at(2, "quotes", KIT), at(3, "portal", SMS, PATIENT))),
    _made("rush-hour", "healthy", ("healthy",), (at(3.5, "quotes", ZONE_D),), ((4, partial(crowd, clients=5)),),
          seconds=9),
)  # fmt: skip
