from program import Policy, parse_retry_after, plan


def test_delays_double():
    assert list(Policy(1).delays()) == [1, 2, 4, 8, 16]


def test_delays_are_limited():
    assert list(Policy(5, factor=3, longest=20).delays()) == [5, 15, 20, 20, 20]


def test_constant_delays():
    assert list(Policy(7, factor=1, retries=3).delays()) == [7, 7, 7]


def test_no_retries():
    assert list(Policy(1, retries=0).delays()) == []
    assert Policy(1, retries=0).retry_times(100) == []


def test_retry_times_within_a_large_budget():
    assert Policy(1).retry_times(1000) == [1, 3, 7, 15, 31]


def test_retries_beyond_the_budget_are_left_out():
    assert Policy(1).retry_times(10) == [1, 3, 7]
    assert Policy(4).retry_times(3) == []


def test_retry_exactly_at_the_end_of_the_budget():
    assert Policy(1).retry_times(7) == [1, 3, 7]
    assert Policy(4).retry_times(4) == [4]


def test_time_taken_by_the_tries():
    assert Policy(1).retry_times(100, took=2) == [1, 5, 11, 21, 39]
    assert Policy(1).retry_times(20, took=2) == [1, 5, 11]


def test_immediate_retry_without_budget():
    assert Policy(0, retries=2).retry_times(0) == [0, 0]


def test_retry_after():
    assert parse_retry_after(" 12 ") == 12
    assert parse_retry_after("3600") == 60
    assert parse_retry_after("soon") is None
    assert parse_retry_after("-4") is None


def test_plan():
    assert plan(2, 2, 6, 4, 30, 1) == [2, 7, 14, 21]
    assert plan(2, 2, 6, 4, 14, 1) == [2, 7, 14]
