"""Incidents of the clinic: a queue with a worker, flags, pools, packages, close deploys, deploys that flap.

As in `catalogue`, every second one is held out: only totals count.
"""

from __future__ import annotations

import http.client
import threading
import time
from functools import partial

from tests.incidents.bench import CLINIC, Bench, Change, Release
from tests.incidents.catalogue import Incident, at, bad

# Harmless changes.
HOWTO = Change("how to run it", {"README.md": ("# The clinic\n", "# The clinic\n\nPython 3.11 is enough.\n")})
TITLE = Change("address of a magister", {"services/desk/patients.py": ('"dr": "Dr.",', '"dr": "Dr.", "mag": "Mag.",')})
ROOM = Change("a room for Dr. Dietz", {"services/calendar/rooms.py": ('"celik": 3}', '"celik": 3, "dietz": 4}')})
WEEKS = Change("plan half a year ahead", {"config/calendar.json": ('"weeks": 12', '"weeks": 26')})
SCHEME = Change("students pay half", {"services/ledger/fees.py": ('"staff": 0}', '"staff": 0, "student": 50}')})
LETTERS = Change("no letters any more", {"flags/features.json": ('"letters": true', '"letters": false')})
LONGER = Change("wait longer for the others", {"config/desk.json": ('"timeout": 3.0', '"timeout": 4.0')})
KIT = Change("chronokit 1.5", {"requirements-services.txt": ("1.4", "1.5")})
ROOMY = Change("room for more messages", {"config/queue.json": ('"capacity": 500', '"capacity": 600')})
AUSTRIA = Change("numbers in Austria", {"services/reminders/numbers.py": ('{"0": "+49"}', '{"0": "+49", "4": "+43"}')})

# Changes that break something.
GIVEN = bad("greet by given and family name", {
    "services/desk/patients.py": ('family = name.split(" ")[-1]', 'family = name.split(" ")[1]')})  # fmt: skip
LOCUM = bad("simpler look-up of rooms", {
    "services/calendar/rooms.py": ("ROOMS.get(doctor, 9)", "ROOMS[doctor]")})  # fmt: skip
SCHEMES = bad("schemes are known in advance", {
    "services/ledger/fees.py": ("SHARES.get(scheme, 100)", "SHARES[scheme]")})  # fmt: skip
SHORT = bad("shorter appointments", {"config/calendar.json": ('"longest": 90', '"longest": 30')})
KEPT = bad("hold on to connections", {
    "services/ledger/app.py": ("    finally:\n        CONNECTIONS.release()\n",
                               "    except ValueError:\n        CONNECTIONS.release()\n        raise\n")})  # fmt: skip
ABROAD = bad("switch international numbers on", {
    "flags/features.json": ('"international": false', '"international": true')})  # fmt: skip
KIT_2 = bad("chronokit 2.0", {"requirements-services.txt": ("1.4", "2.0")})
HOARD = bad("keep what was accepted", {
    "services/queue/kept.py": ("    LAST.append(slot)\n    del LAST[:-50]\n",
                               "    LAST.append(bytearray(4 << 20))\n")})  # fmt: skip
SMALL = bad("size of the queue", {"config/queue.json": ('"capacity": 500', '"capacity": 0')})


def slow_sms(bench: Bench) -> None:
    bench.payments.delay = 1.5


def ledger_killed(bench: Bench) -> None:
    bench.processes["ledger"].kill()


def poison(bench: Bench, times: int = 40) -> None:
    """Messages that nobody can read, put before the worker by somebody else than the desk."""

    def put() -> None:
        for _ in range(times):
            line = http.client.HTTPConnection("127.0.0.1", bench.ports["queue"], timeout=5)
            line.request("GET", "/put?slot=none")
            line.getresponse().read()
            line.close()
            time.sleep(0.05)

    threading.Thread(target=put, daemon=True).start()


def crowd(bench: Bench, clients: int = 6) -> None:
    for number in range(clients):
        threading.Thread(target=bench.client, args=(1_000 + number,), daemon=True).start()


_made = partial(Incident, system=CLINIC)
APPOINTMENTS: tuple[Incident, ...] = (
    _made("given-names", "bug", ("change",), (at(3, "desk", HOWTO, GIVEN, TITLE),)),
    _made("locum", "bug", ("change",), (at(2.5, "desk", TITLE), at(3, "calendar", ROOM, LOCUM))),
    _made("within-a-minute", "bug", ("change",), (at(3, "ledger", SCHEMES), at(3.6, "ledger", SCHEME, HOWTO))),
    _made("short-hours", "config", ("config",), (at(2, "ledger", SCHEME), at(3, "calendar", SHORT, ROOM))),
    _made("slow-sms", "slow dependency", ("infrastructure",), (at(2, "reminders", AUSTRIA),), ((4, slow_sms),)),
    _made("held-connections", "pool", ("change",), (at(2.4, "calendar", ROOM), at(3, "ledger", SCHEME, KEPT))),
    _made("abroad", "flag", ("config",), (at(2.6, "desk", LONGER), at(3, "reminders", AUSTRIA, ABROAD))),
    _made("chronokit-2", "dependency", ("dependency",), (at(3, "calendar", KIT_2, WEEKS), at(3.4, "ledger", SCHEME))),
    _made("flapping", "healthy", ("healthy",),
          (at(2, "calendar", ROOM), Release(2.5, ("calendar",), back=True), at(5, "calendar", WEEKS)), seconds=9),
    _made("monday", "healthy", ("healthy",), (at(3, "desk", TITLE),), ((4, crowd),), seconds=9),
    _made("unreadable", "poisoned message", ("infrastructure",), (at(2, "calendar", WEEKS),), ((4, poison),)),
    _made("archive", "memory", ("change",), (at(2, "queue", ROOMY, HOARD), at(3, "desk", TITLE)),
          limits={"queue": "-v 500000"}, seconds=10),
    _made("quiet-clinic", "healthy", ("healthy",),
          (at(2, "calendar", KIT, ROOM), at(3, "reminders", LETTERS, AUSTRIA))),
    _made("ledger-killed", "cascade", ("infrastructure",), (at(2, "desk", LONGER),), ((4, ledger_killed),)),
    _made("small-queue", "cascade", ("config",), (at(2.8, "desk", LONGER, TITLE), at(3, "queue", SMALL))),
    _made("loud-reminders", "neighbour", ("change",),
          (at(3, "ledger", SCHEMES), at(3.4, "reminders", AUSTRIA, LETTERS)),
          ((3.4, slow_sms),)),
)  # fmt: skip
