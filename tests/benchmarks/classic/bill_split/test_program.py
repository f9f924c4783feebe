import pytest

from program import settle, split_by_weight, split_evenly


def test_one_person_pays_everything():
    assert split_evenly(1001, 1) == [1001]


def test_even_split():
    assert split_evenly(900, 3) == [300, 300, 300]


def test_odd_cents_go_to_the_first_people():
    assert split_evenly(1000, 3) == [334, 333, 333]
    assert split_evenly(1001, 3) == [334, 334, 333]


def test_fewer_cents_than_people():
    assert split_evenly(2, 4) == [1, 1, 0, 0]


def test_nobody():
    with pytest.raises(ValueError):
        split_evenly(100, 0)


def test_weights():
    assert split_by_weight(1000, [1, 3]) == [250, 750]
    assert split_by_weight(100, [0, 5]) == [0, 100]


def test_odd_cents_go_to_the_largest_remainders():
    assert split_by_weight(100, [1, 1, 1]) == [34, 33, 33]
    assert split_by_weight(10, [3, 4, 4]) == [3, 4, 3]


def test_weights_of_nothing():
    with pytest.raises(ValueError):
        split_by_weight(100, [0, 0])
    with pytest.raises(ValueError):
        split_by_weight(100, [])


def test_settling_a_trip():
    assert settle({"bob": 100, "ann": 0, "cat": 1}) == {"ann": -34, "bob": 66, "cat": -32}


def test_settlement_adds_up_to_nothing():
    assert sum(settle({"a": 5, "b": 77, "c": 13, "d": 6}).values()) == 0
