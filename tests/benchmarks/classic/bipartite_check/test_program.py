import pytest

from program import assign_tables, seating


def test_nobody_invited():
    assert assign_tables([], []) == {}
    assert seating([], []) == [[], []]


def test_single_guest():
    assert assign_tables(["ann"], []) == {"ann": 0}


def test_pair_of_enemies():
    assert assign_tables(["ann", "bob"], [("ann", "bob")]) == {"ann": 0, "bob": 1}


def test_ring_of_four():
    quarrels = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]
    assert seating(["a", "b", "c", "d"], quarrels) == [["a", "c"], ["b", "d"]]


def test_triangle_needs_a_third_table():
    quarrels = [("a", "b"), ("b", "c"), ("c", "a")]
    assert assign_tables(["a", "b", "c"], quarrels) is None
    assert seating(["a", "b", "c"], quarrels) is None


def test_peaceful_guests_all_get_a_seat():
    assert seating(["a", "b", "c"], []) == [["a", "b", "c"], []]


def test_separate_groups():
    quarrels = [("a", "b"), ("c", "d")]
    assert assign_tables(["a", "b", "c", "d"], quarrels) == {"a": 0, "b": 1, "c": 0, "d": 1}


def test_triangle_in_the_second_group():
    quarrels = [("c", "d"), ("d", "e"), ("e", "c")]
    assert assign_tables(["a", "c", "d", "e"], quarrels) is None


def test_unknown_guest():
    with pytest.raises(KeyError):
        assign_tables(["a"], [("a", "z")])
