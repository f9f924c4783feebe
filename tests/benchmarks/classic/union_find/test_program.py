import pytest

from program import UnionFind, partition


def test_every_item_starts_alone():
    sets = UnionFind("abc")
    assert sets.groups == 3
    assert not sets.connected("a", "b")
    assert sets.size("c") == 1


def test_adding_twice_changes_nothing():
    sets = UnionFind("ab")
    sets.union("a", "b")
    sets.add("a")
    assert sets.groups == 1
    assert sets.connected("a", "b")


def test_union_of_two():
    sets = UnionFind("abc")
    assert sets.union("a", "b")
    assert sets.connected("b", "a")
    assert sets.size("b") == 2
    assert sets.groups == 2


def test_union_of_connected_items():
    sets = UnionFind("ab")
    sets.union("a", "b")
    assert not sets.union("b", "a")
    assert sets.groups == 1


def test_chain_of_unions():
    sets = UnionFind(range(5))
    for number in range(4):
        sets.union(number, number + 1)
    assert sets.groups == 1
    assert sets.size(0) == 5
    assert all(sets.connected(0, number) for number in range(5))


def test_merging_two_pairs_through_any_member():
    sets = UnionFind("abcd")
    sets.union("a", "b")
    sets.union("c", "d")
    assert sets.union("b", "d")
    assert sets.connected("a", "c")
    assert sets.connected("c", "d")
    assert sets.size("c") == 4


def test_small_group_joins_large_group():
    sets = UnionFind("abcd")
    sets.union("a", "b")
    sets.union("a", "c")
    assert sets.union("d", "b")
    assert sets.connected("d", "c")
    assert sets.connected("a", "b")


def test_unknown_item():
    with pytest.raises(KeyError):
        UnionFind("a").find("z")


def test_partition():
    pairs = [("p", "q"), ("r", "s"), ("q", "s")]
    assert partition(list("pqrst"), pairs) == [["p", "q", "r", "s"], ["t"]]


def test_partition_without_pairs():
    assert partition(["x", "y"], []) == [["x"], ["y"]]
