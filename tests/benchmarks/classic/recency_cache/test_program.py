import pytest

from program import RecencyCache, replay


def test_get_what_was_put():
    cache = RecencyCache(2)
    cache.put("a", 1)
    assert cache.get("a") == 1
    assert len(cache) == 1


def test_missing_key_gives_the_default():
    cache = RecencyCache(2)
    assert cache.get("a") is None
    assert cache.get("a", 7) == 7
    assert cache.keys() == []


def test_hits_and_misses():
    cache = RecencyCache(2)
    cache.put("a", 1)
    cache.get("a")
    cache.get("a")
    cache.get("b")
    assert (cache.hits, cache.misses) == (2, 1)


def test_using_an_entry_refreshes_it():
    cache = RecencyCache(3)
    for key in "abc":
        cache.put(key, key)
    cache.get("a")
    assert cache.keys() == ["b", "c", "a"]


def test_replacing_a_value_refreshes_it():
    cache = RecencyCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("a", 3)
    assert cache.keys() == ["b", "a"]
    assert cache.get("a") == 3


def test_oldest_entry_is_dropped():
    cache = RecencyCache(2)
    for number, key in enumerate("abc"):
        cache.put(key, number)
    assert cache.keys() == ["b", "c"]
    assert cache.get("a") is None
    assert cache.get("c") == 2


def test_used_entry_survives():
    operations = [("put", "a", 1), ("put", "b", 2), ("get", "a"), ("put", "c", 3), ("get", "a")]
    assert replay(2, operations) == [1, 1, ["c", "a"]]


def test_capacity_of_one():
    assert replay(1, [("put", "a", 1), ("put", "b", 2), ("get", "b")]) == [2, ["b"]]


def test_capacity_must_be_positive():
    with pytest.raises(ValueError):
        RecencyCache(0)
