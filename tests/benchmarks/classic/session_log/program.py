"""Group the events of a log into sessions of activity."""

from dataclasses import dataclass, field


@dataclass
class Session:
    """Events of one user that follow each other closely."""

    user: str
    times: list[int] = field(default_factory=list)

    @property
    def start(self) -> int:
        """The time of the first event."""
        return self.times[0]

    @property
    def end(self) -> int:
        """The time of the last event."""
        return self.times[-1]

    @property
    def length(self) -> int:
        """The time between the first event and the last."""
        return self.end - self.start


def sessions(events: list[tuple[int, str]], gap: int) -> list[Session]:
    """Return the sessions in the order they start.

    Events are pairs of time and user in order of time. A session ends when
    its user is idle for longer than the gap.
    """
    result: list[Session] = []
    current: dict[str, Session] = {}
    for time, user in events:
        session = current.get(user)
        if session is None or time - session.start > gap:
            session = Session(user)
            current[user] = session
            result.append(session)
        session.times.append(time)
    return result


def report(events: list[tuple[int, str]], gap: int) -> list[tuple[str, int, int, int]]:
    """Return user, start, length and number of events of every session."""
    return [
        (session.user, session.start, session.length, len(session.times))
        for session in sessions(events, gap)
    ]


def busiest(events: list[tuple[int, str]], gap: int) -> str | None:
    """Return the user of the session with most events, the earliest if several."""
    found = sessions(events, gap)
    if not found:
        return None
    return max(found, key=lambda session: len(session.times)).user
