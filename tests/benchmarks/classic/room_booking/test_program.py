import pytest

from program import Booking, BookingError, Calendar, accepted


@pytest.fixture
def calendar():
    calendar = Calendar(["blue", "red"])
    calendar.book("red", 600, 660)
    return calendar


def test_booking_is_returned():
    assert Calendar(["red"]).book("red", 0, 1440) == Booking("red", 0, 1440)


def test_adjacent_bookings(calendar):
    assert calendar.is_free("red", 540, 600)
    assert calendar.is_free("red", 660, 700)


def test_overlap_at_either_end(calendar):
    assert not calendar.is_free("red", 570, 601)
    assert not calendar.is_free("red", 659, 700)


def test_time_inside_a_booking(calendar):
    assert not calendar.is_free("red", 610, 620)
    assert not calendar.is_free("red", 600, 660)


def test_time_around_a_booking(calendar):
    assert not calendar.is_free("red", 540, 720)
    with pytest.raises(BookingError):
        calendar.book("red", 599, 661)


def test_rooms_are_independent(calendar):
    calendar.book("blue", 600, 660)
    assert calendar.free_rooms(600, 630) == []


def test_free_rooms(calendar):
    assert calendar.free_rooms(660, 690) == ["blue", "red"]
    assert calendar.free_rooms(640, 690) == ["blue"]
    assert calendar.free_rooms(500, 800) == ["blue"]


def test_cancelled_time_can_be_booked_again(calendar):
    calendar.cancel(Booking("red", 600, 660))
    assert calendar.book("red", 630, 640) == Booking("red", 630, 640)


def test_impossible_requests(calendar):
    for request in [("green", 0, 10), ("red", 10, 10), ("red", 20, 10), ("red", 1400, 1441)]:
        with pytest.raises(BookingError):
            calendar.book(*request)


def test_accepted():
    requests = [("a", 10, 20), ("a", 5, 25), ("a", 20, 30), ("a", 29, 31), ("a", 0, 10)]
    assert accepted(["a"], requests) == [True, False, True, False, True]
