"""Single lines: their shape, time, level and message in the common formats."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.oplogs.heads import fields_of, said
from tools.oplogs.shapes import MAX_SHAPES, ShapeBook, shaped, shapes_of
from tools.oplogs.stamps import UNDATED, Clock

WORD = re.compile(rb"[A-Za-z_.\-/\\@%$~+*\x80-\xff0-9]*[0-9][A-Za-z_.\-/\\@%$~+*\x80-\xff0-9]*")
LATEST = 1_785_000_000.0  # in 2026
LINES = [
    ("2026-01-02 03:04:05,123 - app.db - ERROR - Connection lost", "error", "Connection lost", 1767323045),
    ("2026-01-02T03:04:05.1234567+02:00 WARN disk almost full", "warning", "disk almost full", 1767315845),
    ("2026-01-02T03:04:05Z INFO ready", "info", "ready", 1767323045),
    ("ERROR:root:it broke", "error", "it broke", UNDATED),
    ("I0102 03:04:05.123456    1234 main.go:12] started", "info", "started", 1767323045),
    ('{"ts":"2026-01-02T03:04:05Z","level":"error","msg":"boom"}', "error", "boom", 1767323045),
    ('{"level":50,"time":1767323045123,"msg":"pino speaks"}', "error", "pino speaks", 1767323045),
    ('time="2026-01-02T03:04:05Z" level=warning msg="disk full" dev=sda', "warning", "disk full", 1767323045),
    ("Jan  2 03:04:05 web sshd[99]: Accepted password", "", "Accepted password", 1767323045),
    ("<34>1 2026-01-02T03:04:05Z web app 12 ID7 - hello", "", "hello", 1767323045),
    ("2026/01/02 03:04:05 [error] 12#0: *5 open() failed", "error", "*5 open() failed", 1767323045),
    ("2026-01-02T03:04:05.123Z  WARN 1 --- [nio-80-exec-1] o.s.web.Foo   : slow", "warning", "slow", 1767323045),
    ("2026-01-02 03:04:05.123 [main] INFO com.shop.Cart - Started", "info", "Started", 1767323045),
    ("[Fri Jan 02 03:04:05 2026] [notice] ready", "info", "ready", 1767323045),
    ("26/01/02 03:04:05 INFO spark.Manager: Changing view", "info", "Changing view", 1767323045),
    ("01-02 03:04:05.811  1702  2395 D Window: freezing", "debug", "freezing", 1767323045),
    ("2026-01-02 03:04:05.123 EST [12] LOG:  checkpoint", "", "checkpoint", 1767341045),
    ("2026-01-02 03:04:05,123+01 ready", "", "ready", 1767319445),
    ("Fri Jan  2 03:04:05 PST 2026 ready", "", "ready", 1767351845),
    ("1/2/2026 3:04:05 PM ERROR it broke", "error", "it broke", 1767366245),
    ("01/02/2026 12:04:05 AM ERROR it broke", "error", "it broke", 1767312245),
    ("2026-01-02 03:04:05.123 7 INFO nova.compute [req-1 a b - -] Claimed", "info", "Claimed", 1767323045),
    ("2026-01-02 03:04:05,123 - app.db - ERROR - FATAL: no space", "error", "FATAL: no space", 1767323045),
    ("1767323045 plain epoch", "", "plain epoch", 1767323045),
    ("no head at all", "", "no head at all", UNDATED),
    ("\tat com.shop.Cart.add(Cart.java:12)", "", "\tat com.shop.Cart.add(Cart.java:12)", UNDATED),
]


@pytest.mark.parametrize(("line", "level", "text", "time"), LINES)
def test_heads_of_common_formats_are_understood(line: str, level: str, text: str, time: int) -> None:
    """Level, message and time of a line."""
    told = said(line)
    assert (told.level, told.text) == (level, text)
    assert Clock(zone=0, latest=LATEST).times([line.encode()]) == [time]


def test_an_access_log_tells_statuses_apart() -> None:
    """A 500 is no 200, neither in the shape nor in the message."""
    line = '10.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET /cart/7?x=1 HTTP/1.1" {} 612 "-" "curl"'
    good, bad = (said(line.format(status)) for status in (200, 503))
    assert (good.level, bad.level) == ("info", "error")
    assert good.text != bad.text
    assert shaped(line.format(200).encode()) != shaped(line.format(503).encode())
    assert Clock(zone=0, latest=LATEST).times([line.format(200).encode()]) == [1767323045]


def test_mixed_zones_and_formats_are_compared_in_utc() -> None:
    """A zone that is written counts; one that is not is the one given."""
    lines = [b"2026-01-02T03:04:05+00:00 a", b"2026-01-02T05:04:05+02:00 b", b"2026-01-01T22:04:05-05:00 c"]
    clock = Clock(zone=0, latest=LATEST)
    assert clock.times(lines) == [1767323045] * 3
    assert set(clock.told.zones) == {"+00:00", "+02:00", "-05:00"}
    mixed = [b"2026-01-02 05:04:05 a"] * 5 + [b"Jan  2 05:04:05 web x: b", b"  continued"]
    assert Clock(zone=120, latest=LATEST).times(mixed) == [1767323045] * 6 + [UNDATED]


def test_december_before_january_is_last_year() -> None:
    """A year that is not written is the last one that is not in the future."""
    clock = Clock(zone=0, latest=1767323045.0)
    december, january = clock.times([b"Dec 31 23:59:59 web a: b", b"Jan  1 00:00:01 web a: b"])
    assert january - december == 2
    assert clock.told.yearless


@given(st.lists(st.binary(max_size=120), max_size=20))
def test_times_of_any_bytes(lines: list[bytes]) -> None:
    """Hostile lines have a time or none, and never fail."""
    assert len(Clock(zone=0, latest=LATEST).times(lines)) == len(lines)


@given(st.text(max_size=200))
def test_heads_of_any_text(line: str) -> None:
    """Hostile lines are read without an error, and nothing is made up."""
    told = said(line)
    assert told.component == "access" or told.text in line or fields_of(line)


@given(st.binary(max_size=300))
def test_shapes_are_those_of_a_plain_expression(block: bytes) -> None:
    """The work over bytes does what one regular expression says, and lines stay lines."""
    if not re.search(rb'" \d\d\d ', block):
        assert shaped(block) == WORD.sub(b"0", block)
    assert shaped(block).count(b"\n") == block.count(b"\n")
    assert len(shapes_of(block + b"\n")) == block.count(b"\n") + 1


def test_too_many_shapes_are_grouped_by_their_beginning() -> None:
    """Free text cannot fill the memory; what is merged is counted."""
    book = ShapeBook()
    for number in range(MAX_SHAPES):
        book[b"w%d" % number]
    first, second = book[b"user alice says hello there"], book[b"user alice says hello again"]
    assert first == second
    assert book.merged == 2
