import pytest

from program import describe, format_time, free_slots, parse_time


def test_times():
    assert parse_time("9:05") == 545
    assert parse_time("24:00") == 1440
    assert format_time(545) == "09:05"


@pytest.mark.parametrize("text", ["", "9", "25:00", "9:60", "x:10"])
def test_bad_times(text):
    with pytest.raises(ValueError):
        parse_time(text)


def test_empty_day():
    assert free_slots([], 540, 1020) == [(540, 1020)]


def test_gaps_between_meetings():
    assert free_slots([(600, 660), (700, 720)], 540, 800) == [
        (540, 600),
        (660, 700),
        (720, 800),
    ]


def test_meetings_in_any_order():
    assert free_slots([(700, 720), (540, 660)], 540, 720) == [(660, 700)]


def test_adjacent_meetings_leave_no_gap():
    assert free_slots([(540, 600), (600, 660)], 540, 660) == []


def test_overlapping_meetings():
    assert free_slots([(540, 620), (600, 660)], 540, 700) == [(660, 700)]


def test_meeting_inside_another():
    assert free_slots([(540, 660), (570, 600)], 540, 700) == [(660, 700)]


def test_short_gaps_are_left_out():
    meetings = [(570, 600), (629, 700)]
    assert free_slots(meetings, 540, 700, 30) == [(540, 570)]


def test_meetings_outside_opening_hours():
    assert free_slots([(400, 560), (690, 800), (900, 950)], 540, 700) == [(560, 690)]
    assert free_slots([(400, 500), (800, 900)], 540, 700) == [(540, 700)]


def test_descriptions():
    meetings = ["12:00-13:00", "9:00-9:30"]
    assert describe(meetings, "9:00", "15:00", 60) == ["09:30-12:00", "13:00-15:00"]
