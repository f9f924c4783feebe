from itertools import permutations

import pytest

from program import following, rank, unrank


def test_first_arrangement():
    assert rank(list("abcd")) == 0
    assert rank([]) == 0
    assert rank(["x"]) == 0


def test_two_items():
    assert rank(["b", "a"]) == 1


def test_last_arrangement():
    assert rank(list("dcba")) == 23


def test_ranks_follow_the_order():
    ranks = [rank(list(items)) for items in permutations("abc")]
    assert ranks == [0, 1, 2, 3, 4, 5]


def test_repeated_items():
    with pytest.raises(ValueError):
        rank(["a", "b", "a"])


def test_unrank():
    assert unrank(list("abc"), 0) == list("abc")
    assert unrank(list("cab"), 3) == list("bca")
    assert unrank(list("abcd"), 23) == list("dcba")
    assert unrank([], 0) == []


def test_unrank_limits():
    with pytest.raises(ValueError):
        unrank(list("abc"), 6)
    with pytest.raises(ValueError):
        unrank(list("abc"), -1)


def test_rank_undoes_unrank():
    for number in range(24):
        assert rank(unrank(list("wxyz"), number)) == number


def test_following():
    assert following(list("abc")) == list("acb")
    assert following(list("acb")) == list("bac")
    assert following(list("bca")) == list("cab")


def test_nothing_follows_the_last():
    assert following(list("cba")) is None
    assert following([]) is None
