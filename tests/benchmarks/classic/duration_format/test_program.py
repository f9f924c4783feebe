import pytest

from program import clock, format_duration, parse_duration, split_seconds


def test_nothing():
    assert split_seconds(0) == (0, 0, 0, 0)
    assert format_duration(0) == "0s"


def test_below_a_minute():
    assert format_duration(59) == "59s"


def test_exact_units():
    assert format_duration(60) == "1m"
    assert format_duration(3600) == "1h"


def test_hours_minutes_and_seconds():
    assert split_seconds(3600 + 62) == (0, 1, 1, 2)
    assert format_duration(86399) == "23h 59m 59s"


def test_exact_day():
    assert format_duration(86400) == "1d"


def test_more_than_a_day():
    assert split_seconds(86400 + 7200 + 5) == (1, 2, 0, 5)
    assert format_duration(2 * 86400 + 61) == "2d 1m 1s"


def test_negative_duration():
    with pytest.raises(ValueError):
        format_duration(-1)


def test_parsing():
    assert parse_duration("1h 30m") == 5400
    assert parse_duration("2d5s") == 172805
    assert parse_duration(" 90 s ") == 90


@pytest.mark.parametrize("text", ["", "5", "1w", "1h and 2m"])
def test_parsing_something_else(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [1, 3599, 3661, 90061])
def test_round_trip(seconds):
    assert parse_duration(format_duration(seconds)) == seconds


def test_clock():
    assert clock(65) == "0:01:05"
    assert clock(86400 + 3661) == "25:01:01"
