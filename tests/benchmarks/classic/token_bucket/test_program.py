import pytest

from program import TokenBucket, admit


def test_new_bucket_is_full():
    assert TokenBucket(5, 1).tokens(0) == 5


def test_requests_take_tokens():
    bucket = TokenBucket(3, 1)
    assert [bucket.allow(0) for _ in range(4)] == [True, True, True, False]


def test_tokens_come_back():
    bucket = TokenBucket(4, 2)
    assert bucket.allow(0, 4)
    assert not bucket.allow(1, 3)
    bucket = TokenBucket(4, 2)
    bucket.allow(0, 4)
    assert bucket.allow(2, 4)


def test_capacity_is_not_exceeded():
    bucket = TokenBucket(3, 1)
    bucket.allow(0, 2)
    assert bucket.tokens(100) == 3


def test_refused_requests_do_not_add_tokens():
    bucket = TokenBucket(10, 1)
    bucket.allow(0, 10)
    assert [bucket.allow(time, 5) for time in (1, 2, 3, 4)] == [False] * 4
    assert bucket.allow(5, 5)
    assert bucket.tokens(5) == 0


def test_looking_does_not_add_tokens():
    bucket = TokenBucket(10, 2)
    bucket.allow(0, 10)
    assert [bucket.tokens(3), bucket.tokens(3), bucket.tokens(4)] == [6, 6, 8]


def test_wait():
    bucket = TokenBucket(6, 4)
    assert bucket.wait(0, 6) == 0
    bucket.allow(0, 6)
    assert bucket.wait(0, 4) == 1
    assert bucket.wait(0, 5) == 2


def test_request_beyond_the_capacity():
    bucket = TokenBucket(2, 1)
    assert not bucket.allow(0, 3)
    with pytest.raises(ValueError):
        bucket.wait(0, 3)


def test_time_must_not_run_backwards():
    bucket = TokenBucket(2, 1, now=10)
    bucket.allow(12)
    with pytest.raises(ValueError):
        bucket.allow(11)


def test_numbers_must_be_positive():
    with pytest.raises(ValueError):
        TokenBucket(0, 1)
    with pytest.raises(ValueError):
        TokenBucket(1, 0)


def test_admit():
    requests = [(0, 3), (1, 3), (2, 3), (3, 3), (3, 1)]
    assert admit(3, 1, requests) == [True, False, False, True, False]
