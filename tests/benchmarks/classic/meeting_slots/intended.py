"""Find free time between meetings; times are minutes since midnight."""


def parse_time(text):
    """Return the minutes of ``h:mm``; raise ValueError for a bad time."""
    hours, _, minutes = text.partition(":")
    if not hours.isdigit() or not minutes.isdigit():
        raise ValueError(f"not a time: {text!r}")
    if int(hours) > 24 or int(minutes) > 59:
        raise ValueError(f"no such time: {text!r}")
    return int(hours) * 60 + int(minutes)


def format_time(minutes):
    """Return minutes as ``hh:mm``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def free_slots(meetings, opening, closing, shortest=1):
    """Return the (start, end) gaps of at least the shortest length.

    Meetings are (start, end) pairs in any order and may overlap.
    """
    slots = []
    cursor = opening
    for start, end in sorted(meetings):
        if min(start, closing) - cursor >= shortest:
            slots.append((cursor, min(start, closing)))
        cursor = max(cursor, end)
    if closing - cursor >= shortest:
        slots.append((cursor, closing))
    return slots


def describe(meetings, opening, closing, shortest=1):
    """Return the free slots as text, from meetings such as ``9:00-10:30``.

    Raise ValueError for a bad time.
    """
    pairs = [tuple(parse_time(part) for part in meeting.split("-")) for meeting in meetings]
    slots = free_slots(pairs, parse_time(opening), parse_time(closing), shortest)
    return [f"{format_time(start)}-{format_time(end)}" for start, end in slots]
