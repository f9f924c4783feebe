"""Bookings of meeting rooms for parts of a day, in minutes since midnight."""

from dataclasses import dataclass


class BookingError(Exception):
    """Raised when a booking is not possible."""


@dataclass(frozen=True)
class Booking:
    """A room taken from ``start`` up to, not including, ``end``."""

    room: str
    start: int
    end: int


class Calendar:
    """All bookings of a day."""

    def __init__(self, rooms: list[str]) -> None:
        self._bookings: dict[str, list[Booking]] = {room: [] for room in rooms}

    def is_free(self, room: str, start: int, end: int) -> bool:
        """Tell whether nobody uses the room in the given time."""
        return not any(
            booking.start < end and start < booking.end
            for booking in self._bookings[room]
        )

    def book(self, room: str, start: int, end: int) -> Booking:
        """Book a room; raise BookingError if that cannot be done."""
        if room not in self._bookings:
            raise BookingError(f"there is no room {room}")
        if not 0 <= start < end <= 24 * 60:
            raise BookingError("the times are not in order")
        if not self.is_free(room, start, end):
            raise BookingError(f"room {room} is taken")
        booking = Booking(room, start, end)
        self._bookings[room].append(booking)
        return booking

    def cancel(self, booking: Booking) -> None:
        """Remove a booking."""
        self._bookings[booking.room].remove(booking)

    def free_rooms(self, start: int, end: int) -> list[str]:
        """Return the rooms free in the given time, sorted."""
        return [room for room in sorted(self._bookings) if self.is_free(room, start, end)]


def accepted(rooms: list[str], requests: list[tuple[str, int, int]]) -> list[bool]:
    """Tell for every request in turn whether it could be booked."""
    calendar = Calendar(rooms)
    answers = []
    for request in requests:
        try:
            calendar.book(*request)
            answers.append(True)
        except BookingError:
            answers.append(False)
    return answers
