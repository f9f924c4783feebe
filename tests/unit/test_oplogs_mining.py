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
