"""Templates: what programs write is told apart, what they fill in is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tools.oplogs.heads import said
from tools.oplogs.mining import MAX_WORDS, mine, words_of

NAMES = ["alice", "bob", "carol", "dave", "erin", "frank"]


def test_filled_in_words_are_one_template() -> None:
    """Numbers, paths, addresses, hosts, dates and many different words are filled in."""
    messages = [f"user {name} logged in from 10.0.0.{n} after {n} s" for n, name in enumerate(NAMES)]
    assert set(mine(messages).values()) == {"user <*> logged in from <*> after <*> s"}
    messages = ["open /etc/app/a.conf failed", "open /var/lib/b.db failed", "open http://a.example/x failed"]
    assert set(mine(messages).values()) == {"open <*> failed"}


def test_few_words_at_a_place_are_parts_of_programs() -> None:
    """Started and stopped are two templates."""
    messages = [f"service {n} {state} on host" for n in range(9) for state in ("started", "stopped")]
    assert set(mine(messages).values()) == {"service <*> started on host", "service <*> stopped on host"}


TROUBLES = [
    "Connection refused",
    "[Errno 111] Connection refused",
    "disk full",
    "'x' has no attribute 'y'",
    "",
    "timed out",
]


def test_free_text_after_a_colon_is_one_template() -> None:
    """However long the text of an error is, and whatever else is filled in before."""
    messages = [f"Could not stop task {name}: {trouble}" for name in NAMES for trouble in TROUBLES]
    assert set(mine(messages).values()) == {"Could not stop task <*>: <*>"}
    messages = [f"Task {n} raised in handler: {n}: {trouble}" for n, trouble in enumerate(TROUBLES)]
    assert set(mine(messages).values()) == {"Task <*> raised in handler: <*>: <*>"}


def test_few_texts_after_a_colon_stay_apart() -> None:
    """A program that says three things after the same words says three things."""
    messages = ["session of user: opened", "session of user: closed by peer", "session of user: no such user is known"]
    assert set(mine(messages).values()) == set(messages)


def test_values_of_several_words_are_one_place() -> None:
    """Quoted texts, lists, mappings, objects, sizes, addresses and paths with blanks."""
    values = ["'a b'", '"c"', "''", "<Worker object at 0x7f01>", "https://a.example/b?c=d", "10 MB", "4096",
              "fe80::bad:beef:cafe", "aa:bb:cc:dd:ee:ff", "/home/ann/My Files/a/b.txt", "/srv/a/b.txt"]  # fmt: skip
    assert set(mine(f"reading {value} for the client" for value in values).values()) == {"reading <*> for the client"}
    lists = ["['a', 'b', 'c']", "['a']", "[]", "[1, 2, 3]"]
    assert set(mine(f"peers {value} are known" for value in lists).values()) == {"peers [<*>] are known"}
    mappings = ["{'a': 1, 'b': None}", "{}", "{'c': 'd'}"]
    assert set(mine(f"options {value} are used" for value in mappings).values()) == {"options {<*>} are used"}


def test_the_value_of_a_named_field_is_filled_in() -> None:
    """Many states are no many templates."""
    messages = [f"seen: {n} state={state}" for n, state in enumerate(["NEW", "BUILD", "ACTIVE", "PAUSED", "GONE"])]
    assert set(mine(messages).values()) == {"seen: <*> state=<*>"}


def test_short_messages_that_share_nothing_stay_apart() -> None:
    """No template is all filled in."""
    messages = ["link up", "disk full", "fan slow", "boot ok", "power lost", "node down"]
    assert set(mine(messages).values()) == set(messages)


def test_templates_are_written_as_their_messages() -> None:
    """Spaces and signs are those of the message."""
    message = "authentication failure; logname= uid=0 rhost=1.2.3.4 (retry=2)"
    assert mine([message])[message] == "authentication failure; logname= uid=<*> rhost=<*> (retry=<*>)"


def test_statuses_of_requests_stay_apart() -> None:
    """However many there are: an access log by its statuses."""
    lines = [f'10.0.0.{n} - - [02/Jan/2026:03:04:05 +0000] "GET /a{n} HTTP/1.1" {status} 6 "-" "curl"'
             for n in range(5) for status in (200, 301, 304, 404, 500, 503, 599)]  # fmt: skip
    assert set(mine(said(line).text for line in lines).values()) == {
        f"GET <*> HTTP_{name}"
        for name in (
            "OK",
            "MOVED_PERMANENTLY",
            "NOT_MODIFIED",
            "NOT_FOUND",
            "INTERNAL_SERVER_ERROR",
            "SERVICE_UNAVAILABLE",
            "UNKNOWN",
        )
    }


@given(st.lists(st.text(max_size=60), max_size=30))
def test_every_message_has_one_template(messages: list[str]) -> None:
    """Whatever is written, each message gets a template, in whatever order they come."""
    found = mine(messages)
    assert set(found) == set(messages)
    turned = mine(reversed(messages))
    groups = {frozenset(m for m in messages if found[m] == template) for template in found.values()}
    assert groups == {frozenset(m for m in messages if turned[m] == template) for template in turned.values()}


def test_endless_messages_are_cut() -> None:
    """A message of a million words has a bounded template."""
    assert len(words_of("a b " * 100_000)) == MAX_WORDS + 1
