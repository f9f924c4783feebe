from program import busiest, report, sessions


def test_no_events():
    assert sessions([], 10) == []
    assert report([], 10) == []
    assert busiest([], 10) is None


def test_single_event():
    assert report([(5, "ann")], 10) == [("ann", 5, 0, 1)]


def test_two_events_close_together():
    assert report([(5, "ann"), (15, "ann")], 10) == [("ann", 5, 10, 2)]


def test_long_idle_time_starts_a_session():
    assert report([(5, "ann"), (16, "ann")], 10) == [("ann", 5, 0, 1), ("ann", 16, 0, 1)]


def test_steady_activity_is_one_session():
    events = [(time, "ann") for time in range(0, 50, 8)]
    assert report(events, 10) == [("ann", 0, 48, 7)]


def test_session_ends_after_long_activity():
    events = [(0, "ann"), (6, "ann"), (12, "ann"), (20, "ann"), (26, "ann")]
    assert report(events, 7) == [("ann", 0, 12, 3), ("ann", 20, 6, 2)]


def test_users_are_separate():
    events = [(0, "ann"), (1, "bob"), (9, "ann"), (12, "bob")]
    assert report(events, 10) == [("ann", 0, 9, 2), ("bob", 1, 0, 1), ("bob", 12, 0, 1)]


def test_sessions_are_ordered_by_start():
    events = [(0, "ann"), (2, "bob"), (30, "bob"), (31, "ann")]
    assert [session.user for session in sessions(events, 5)] == ["ann", "bob", "bob", "ann"]


def test_busiest():
    events = [(0, "ann"), (1, "bob"), (4, "bob"), (5, "ann"), (9, "bob")]
    assert busiest(events, 5) == "bob"
    assert busiest(events[:4], 5) == "ann"
